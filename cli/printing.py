"""An alert as people see it in a terminal, and as one line of JSON for programs."""

from __future__ import annotations

import json

from cli.replay import Raised
from cli.terminal import Paint, columns, padded, wrapped
from handlers.adapters.story import MessageSettings, Story, story_of
from handlers.adapters.untrusted import multiline, plain
from handlers.adapters.wording import words_for
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity

_EXHIBIT_LINES = 20
_EXHIBIT_CHARACTERS = 2_000
_LABEL = 28  # characters of a label: what stands beside it needs the room
_SENTENCE = 600  # characters of a summary: names in it may be long


def as_text(raised: Raised, *, settings: MessageSettings, paint: Paint, width: int | None) -> str:
    """The alert in lines, the most needed first. Every string of it may be an attacker's and is made plain here."""
    words = words_for(settings.language)
    story = story_of(raised.alert, words=words, settings=settings)
    lines = [_headline(story, raised.alert.severity, paint)]
    lines += [
        wrapped(plain(text, _SENTENCE), first="  ", rest="  ", width=width) for text in (story.summary, *story.notes)
    ]
    known = [(plain(line.label, _LABEL), plain(line.value)) for line in (*story.lines, *story.facts, *story.details)]
    label_width = max((columns(label) for label, _ in known), default=0)
    for label, value in known:
        first = "    " + paint.dim(padded(label, label_width)) + "  "
        rest = " " * (label_width + 6)
        lines.append(_after(first, wrapped(value, first=rest, rest=rest, width=width), rest))
    lines.append(wrapped(plain(story.why, _SENTENCE), first=f"  {words.why}: ", rest="    ", width=width))
    lines.append(f"  {words.what_to_do}:")
    for number, step in enumerate(story.steps, start=1):
        lines.append(wrapped(plain(step), first=f"    {number}. ", rest="       ", width=width))
    runbook = story.runbook if isinstance(story.runbook, str) else story.runbook.url
    lines.append(f"    {words.runbook}: {plain(runbook)}")
    for exhibit in story.exhibits:
        lines.append(f"  {plain(exhibit.title, 100)}:")
        text = multiline(exhibit.text, limit=_EXHIBIT_CHARACTERS, lines=_EXHIBIT_LINES)
        lines += [f"    | {line}" for line in text.split("\n")]
    lines.append("  " + paint.dim(" · ".join(plain(part) for part in story.context)))
    return "\n".join(lines)


def _headline(story: Story, severity: Severity, paint: Paint) -> str:
    return f"{paint.severity(severity, story.severity)}  {paint.bold(plain(story.title, 150))}"


def _after(first: str, text: str, indent: str) -> str:
    """The label in front of a value that was wrapped with blanks in the label's place."""
    return first + text[len(indent) :]


def as_json(raised: Raised, *, told: bool = True) -> str:
    """One line of ASCII: whatever an event holds, it is escaped there. `told`: whether people were."""
    alert, headline = raised.alert, raised.alert.headline
    return json.dumps(
        {
            "alert": alert.id,
            "told": told,
            "severity": alert.severity.name,
            "title": headline.title,
            "summary": headline.summary,
            "account": headline.account,
            "detections": sorted({finding.detection_id for finding in raised.findings}),
            "count": alert.count,
            "first_time": min((f.time for f in raised.findings if f.time), default=None),
            "last_time": max((f.time for f in raised.findings if f.time), default=None),
            "headline": headline.to_plain(),
            "findings": [_finding(finding) for finding in raised.findings],
            "silent": [_finding(finding) for finding in raised.silent],
        },
        default=lambda moment: moment.isoformat(),
    )


def _finding(finding: Finding) -> dict[str, object]:
    return {
        "id": finding.id,
        "detection": finding.detection_id,
        "event": finding.event_id,
        "time": finding.time,
        "severity": finding.severity.name,
        "title": finding.title,
        "summary": finding.summary,
        "quiet": finding.quiet,
    }
