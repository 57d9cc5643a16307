"""Why each detection fired on an event, or where it stopped: at its pattern, or in its assessment."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cli.terminal import Paint, wrapped
from handlers.adapters.memory import MemoryLookups
from handlers.adapters.untrusted import plain
from handlers.alerting.catalogue import Catalogue, Outcome
from handlers.alerting.detection import Concern, Detection, Pass
from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern

_VALUE = 80  # characters shown of one value
_SENTENCE = 600


@dataclass(frozen=True, kw_only=True)
class Explained:
    """What one detection made of one event."""

    detection: Detection
    result: str  # "fired", "assess", "pattern", "failed"
    reason: str  # may quote the event: made plain where it is shown
    concern: Concern | None = None


class Explainer:
    """Explains events by the same catalogue that the pipeline uses."""

    def __init__(self, detections: Sequence[Detection]) -> None:
        self._catalogue = Catalogue(detections)
        self._lookups = MemoryLookups()

    def explain(self, event: Event) -> tuple[Explained, ...]:
        """Every detection's outcome, those that got furthest first."""
        found = [
            _explained(self._catalogue.outcome(detection, event, self._lookups), event)
            for detection in self._catalogue.detections
        ]
        return tuple(sorted(found, key=lambda item: ("fired", "failed", "assess", "pattern").index(item.result)))


def _explained(outcome: Outcome, event: Event) -> Explained:
    detection = outcome.detection
    if outcome.error is not None:
        reason = f"its assessment failed: {type(outcome.error).__name__}: {outcome.error}"
        return Explained(detection=detection, result="failed", reason=reason)
    match outcome.verdict:
        case Concern() as concern:
            return Explained(detection=detection, result="fired", reason=concern.summary, concern=concern)
        case Pass(reason=reason):
            return Explained(detection=detection, result="assess", reason=reason)
    return Explained(detection=detection, result="pattern", reason=unmet(detection.pattern, event.envelope))


def unmet(pattern: Mapping[str, Any], envelope: Mapping[str, Any]) -> str:
    """The first field of a pattern that this envelope does not satisfy: what it is, and what was wanted."""
    for path, wanted in _leaves(pattern):
        part: Any = wanted
        for step in reversed(path):
            part = {step: part}
        if not compile_pattern(part)(envelope):
            if path[-1] == "$or":
                return f"none of the {len(wanted)} alternatives{' at ' if path[:-1] else ''}{'.'.join(path[:-1])} holds"
            return f"{'.'.join(path)} is {_shown(envelope, path)}, wanted {_wanted(wanted)}"
    return "each field matches by itself, but not all in the same element of a list"


def _leaves(pattern: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], list[Any]]]:
    for key, value in pattern.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, (*path, key))
        else:
            yield (*path, key), value


def _shown(envelope: Mapping[str, Any], path: Sequence[str]) -> str:
    value: Any = envelope
    for step in path:
        if not isinstance(value, Mapping) or step not in value:
            return "absent"
        value = value[step]
    if isinstance(value, (Mapping, list)):
        return "an object" if isinstance(value, Mapping) else "a list"
    return json.dumps(plain(value, _VALUE) if isinstance(value, str) else value, ensure_ascii=False)


def _wanted(conditions: Sequence[Any]) -> str:
    shown = [json.dumps(item, ensure_ascii=False) for item in conditions[:4]]
    more = f" or {len(conditions) - 4} more" if len(conditions) > 4 else ""
    return " or ".join(shown) + more


_WORDS = {"fired": "FIRED", "failed": "FAILED", "assess": "stopped", "pattern": "stopped"}


def as_text(event: Event, explained: Sequence[Explained], *, paint: Paint, width: int | None) -> Iterator[str]:
    """The event in one line, then one entry per detection."""
    moment = f"{event.time:%Y-%m-%d %H:%M:%S} UTC" if event.time else "at an unknown time"
    yield paint.bold(
        f"{plain(event.name)} ({plain(event.service)}) by {plain(event.actor.name)} ({event.actor.kind}), "
        f"account {plain(event.account)}, {plain(event.region)}, {moment}"
    )
    id_width = max((len(item.detection.id) for item in explained), default=0)
    for item in explained:
        word = f"{_WORDS[item.result]:<8}"
        if item.concern:
            word = paint.severity(item.concern.severity, "FIRED") + "   "
            reason = f"{item.concern.severity.name}: {item.reason}"
            reason += " It records without telling people (staging)." if item.detection.staging else ""
        else:
            word = paint.bad(word) if item.result == "failed" else paint.dim(word)
            reason = item.reason if item.result == "failed" else f"{item.result}: {item.reason}"
        first = " " * (13 + id_width)
        text = wrapped(plain(reason, _SENTENCE), first=first, rest=first, width=width)
        yield f"  {word} {item.detection.id:<{id_width}}  {text[len(first) :]}"


def as_json(event: Event, explained: Sequence[Explained], *, file: str, place: str) -> str:
    """One line of ASCII."""
    return json.dumps(
        {
            "file": file,
            "place": place,
            "event": event.id,
            "name": event.name,
            "time": event.time.isoformat() if event.time else None,
            "outcomes": [
                {
                    "detection": item.detection.id,
                    "result": item.result,
                    "severity": item.concern.severity.name if item.concern else None,
                    "reason": item.reason,
                }
                for item in explained
            ],
        }
    )
