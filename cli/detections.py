"""The catalogue for people: a table of all detections, or everything about one."""

from __future__ import annotations

import difflib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import handlers.detections
from cli.errors import USAGE, CommandError
from cli.terminal import Paint, table, wrapped
from handlers.alerting.detection import Detection
from handlers.detections import CATALOGUE


def chosen(ids: Sequence[str]) -> tuple[Detection, ...]:
    """The detections with these ids, or all of them where none is named.

    Raises:
        CommandError: there is no detection of this id; names the nearest.
    """
    known = {detection.id: detection for detection in CATALOGUE}
    for id_ in ids:
        if id_ not in known:
            nearest = difflib.get_close_matches(id_.lower().replace("_", "-"), known, n=1, cutoff=0.6)
            hint = f"did you mean {nearest[0]}? " if nearest else ""
            raise CommandError(
                f"there is no detection {id_!a}.", fix=f"{hint}`rootwatch detections` lists all of them.", code=USAGE
            )
    return tuple(known[id_] for id_ in dict.fromkeys(ids)) or CATALOGUE


def listed(detections: Sequence[Detection], *, paint: Paint) -> Iterator[str]:
    """One line each: severity, id, headline and where its rule has to be."""
    rows = [("SEVERITY", "ID", "WHAT HAPPENED", "SEEN IN")]
    rows += [(d.severity.name, d.id, d.title, str(d.regions)) for d in detections]
    head, *lines = table(rows)
    yield paint.bold(head)
    for detection, line in zip(detections, lines, strict=True):
        yield paint.severity(detection.severity, detection.severity.name) + line[len(detection.severity.name) :]
    yield ""
    yield "`rootwatch detections ID` tells everything about one."


def told(detection: Detection, *, paint: Paint, width: int | None) -> Iterator[str]:
    """Everything about one detection: why, what to do, what reaches it, its examples and its runbook."""
    yield f"{paint.severity(detection.severity, detection.severity.name)}  {paint.bold(detection.title)}"
    yield wrapped(detection.why, first="", rest="", width=width)
    yield ""
    facts = [
        ("id", detection.id),
        ("seen in", str(detection.regions)),
        ("one alert for", f"{detection.window.total_seconds() / 60:g} minutes of the same kind"),
    ]
    if detection.threshold > 1:
        facts.append(("people are told", f"from {detection.threshold} of them on"))
    if detection.sees_read_events:
        facts.append(("needs", "a rule that also sees read-only calls"))
    if detection.pack:
        facts.append(("pack", f"works only with {detection.pack} = true below [packs] in the configuration"))
    if detection.staging:
        facts.append(("staging", "it records without telling people"))
    if detection.windowed is not None:
        facts.append(
            ("windows", "calm inside a break-glass window, CRITICAL outside, where [break_glass] asks for one")
        )
    if not detection.suppressible:
        facts.append(("suppressions", "refused: nothing declared can keep it quiet"))
    facts += [
        (name, ", ".join(values)) for name, values in (("CIS", detection.cis), ("ATT&CK", detection.attack)) if values
    ]
    for name, value in facts:
        yield wrapped(value, first=f"  {name:<16}", rest=" " * 18, width=width)
    yield ""
    yield paint.bold("What lets an event through (EventBridge pattern)")
    yield from ("  " + line for line in json.dumps(detection.pattern, indent=2).split("\n"))
    examples = _examples(detection)
    for heading, key in (("Examples that fire", "fires"), ("Near misses", "near_misses")):
        if examples.get(key):
            yield ""
            yield paint.bold(heading)
            for example in examples[key]:
                stop = f" (stops at {example['stops_at']})" if "stops_at" in example else ""
                yield wrapped(f"{example['name']}{stop}", first="  - ", rest="    ", width=width)
    yield ""
    runbook = _folder(detection) / "runbook.md"
    if runbook.exists():
        yield runbook.read_text(encoding="utf-8").rstrip()
    else:
        yield paint.bold("What to do")
        yield from (f"  {number}. {step}" for number, step in enumerate(detection.respond, start=1))


def as_json(detection: Detection) -> dict[str, Any]:
    """The declaration as plain values."""
    return {
        "id": detection.id,
        "title": detection.title,
        "why": detection.why,
        "severity": detection.severity.name,
        "regions": detection.regions.name,
        "window_minutes": detection.window.total_seconds() / 60,
        "threshold": detection.threshold,
        "sees_read_events": detection.sees_read_events,
        "pack": detection.pack,
        "staging": detection.staging,
        "suppressible": detection.suppressible,
        "windowed": detection.windowed is not None,
        "cis": list(detection.cis),
        "attack": list(detection.attack),
        "respond": list(detection.respond),
        "pattern": detection.pattern,
    }


def _folder(detection: Detection) -> Path:
    return Path(str(handlers.detections.__file__)).parent / detection.folder


def _examples(detection: Detection) -> dict[str, list[dict[str, Any]]]:
    path = _folder(detection) / "examples.json"
    if not path.exists():
        return {}
    found: dict[str, list[dict[str, Any]]] = json.loads(path.read_text(encoding="utf-8"))
    return found
