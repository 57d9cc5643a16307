"""Alerts to Microsoft Teams, as Adaptive Cards for a workflow's "When a Teams webhook request is received".

Values stand in TextRuns, which know no Markdown (Adaptive Cards, schema of TextRun: "Markdown is not supported"); a
TextBlock or a Fact would turn an attacker's text into a link. "{{DATE(...)}}" is taken apart. People are mentioned by
`msteams.entities` alone, which no card of ours has. The workflow's address is a secret: whoever has it can post.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from handlers.adapters.destination import HttpsDestination, Request
from handlers.adapters.notices import reminder_sentence
from handlers.adapters.story import Link, Story, got_worse, story_of, worst_of
from handlers.adapters.untrusted import log_value, unlinked
from handlers.adapters.wording import Words, words_for
from handlers.adapters.wording_notify import notify_words_for
from handlers.alerting.alert import Alert, Told
from handlers.alerting.finding import Finding
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity

BUDGET = 24_000  # bytes of the request: Teams takes 28 KB (Teams, "Create and send messages")
_FACTS = (20, 10, 4, 0)  # facts shown: the first number that fits
_VALUE = (300, 300, 160, 60)  # characters of one value, beside it
_LINKS = 5  # Teams shows six actions
_COLOURS = {
    Severity.CRITICAL: "Attention",
    Severity.HIGH: "Attention",
    Severity.MEDIUM: "Warning",
    Severity.LOW: "Accent",
    Severity.INFO: "Default",
}

Element = dict[str, Any]


def card_of(
    alert: Alert, story: Story, words: Words, *, heading: str, before: str = "", facts: int = 20, limit: int = 300
) -> Element:
    """The card: `heading`, what is to be said `before` the story, and the story."""
    severity = alert.severity
    body: list[Element] = [
        _paragraph(_run(f"{story.emoji} {_safe(heading, 150)}", bold=True, large=True, colour=_COLOURS[severity]))
    ]
    if before:
        body.append(_paragraph(_run(_safe(before, 600), bold=True)))
    body.append(_paragraph(_run(_safe(story.summary, 2 * limit))))
    body += [_paragraph(_run(_safe(note, limit), bold=True)) for note in story.notes]
    for line in (*story.lines, *story.facts[:facts]):
        label = _safe(words.label.format(label=line.label), 70)
        value = _run(_safe(line.value, limit) or words.empty, code=line.is_code)
        body.append(_paragraph(_run(f"{label} ", bold=True), value, close=True))
    body.append(_paragraph(_run(f"{words.why}: ", bold=True), _run(_safe(story.why, 2 * limit))))
    body.append(_paragraph(_run(words.what_to_do, bold=True)))
    body += [
        _paragraph(_run(f"{number}. {_safe(step, 2 * limit)}"), close=True)
        for number, step in enumerate(story.steps, start=1)
    ]
    body.append(_paragraph(_run(" · ".join(_safe(part, 60) for part in story.context), subtle=True)))
    links = (story.runbook, *story.links) if isinstance(story.runbook, Link) else story.links
    return {
        "type": "AdaptiveCard",
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "version": "1.4",
        "msteams": {"width": "Full"},
        "body": body,
        "actions": [
            {"type": "Action.OpenUrl", "title": _safe(link.text, 80), "url": link.url} for link in links[:_LINKS]
        ],
    }


class TeamsNotifier(HttpsDestination):
    """Posts a card for each new alert, each that got worse, and each reminder. `secret` is the workflow's address."""

    def opened(self, alert: Alert, secret: str) -> Request:
        words = words_for(self._settings.language)
        story = story_of(alert, words=words, settings=self._settings)
        return self._request(alert, story, secret, heading=f"{story.severity}: {story.title}")

    def got_worse(self, alert: Alert, told: Told, findings: Sequence[Finding], secret: str) -> Request:
        words = words_for(self._settings.language)
        worst = worst_of(findings, told)
        story = story_of(alert, words=words, settings=self._settings, finding=worst)
        return self._request(alert, story, secret, heading=got_worse(alert, told, worst, words))

    def reminded(self, alert: Alert, reminder: Reminder, secret: str) -> Request:
        words = words_for(self._settings.language)
        story = story_of(alert, words=words, settings=self._settings)
        said = reminder_sentence(reminder, words, notify_words_for(self._settings.language))
        return self._request(alert, story, secret, heading=f"{story.severity}: {story.title}", before=said)

    def _request(self, alert: Alert, story: Story, secret: str, *, heading: str, before: str = "") -> Request:
        words = words_for(self._settings.language)
        body = b""
        for facts, limit in zip(_FACTS, _VALUE, strict=True):
            card = card_of(alert, story, words, heading=heading, before=before, facts=facts, limit=limit)
            body = json.dumps(
                {
                    "type": "message",
                    "summary": _safe(heading, 150),
                    "attachments": [
                        {
                            "contentType": "application/vnd.microsoft.card.adaptive",
                            "contentUrl": None,
                            "content": card,
                        }
                    ],
                },
                ensure_ascii=False,
            ).encode("utf-8", "replace")
            if len(body) <= BUDGET:
                break
        return Request(
            url=secret,
            body=body,
            headers={
                "Content-Type": "application/json; charset=utf-8",
                "User-Agent": f"Rootwatch/{self._settings.version}",
            },
        )


def _safe(text: str, limit: int) -> str:
    return unlinked(log_value(text, limit))  # without "{{": that is where a date would be filled in


def _run(
    text: str,
    *,
    bold: bool = False,
    code: bool = False,
    large: bool = False,
    subtle: bool = False,
    colour: str = "",
) -> Element:
    run: Element = {"type": "TextRun", "text": text or " "}
    if bold:
        run["weight"] = "Bolder"
    if code:
        run["fontType"] = "Monospace"
    if large:
        run["size"] = "Large"
    if subtle:
        run["isSubtle"] = True
    if colour:
        run["color"] = colour
    return run


def _paragraph(*runs: Element, close: bool = False) -> Element:
    block: Element = {"type": "RichTextBlock", "inlines": list(runs)}
    if close:
        block["spacing"] = "None"
    return block
