"""Reminders and the daily line as Slack messages; pure, and every string of an event made safe."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from handlers.adapters.notices import daily_lines, reminder_sentence
from handlers.adapters.slack_message import Message
from handlers.adapters.story import EMOJI, MessageSettings, story_of
from handlers.adapters.untrusted import literal, mrkdwn
from handlers.adapters.wording import words_for
from handlers.adapters.wording_notify import notify_words_for
from handlers.alerting.alert import Alert
from handlers.alerting.all_is_well import Report
from handlers.alerting.reminding import Reminder

_GROUP = re.compile(r"S[A-Z0-9]{2,30}")
_PERSON = re.compile(r"[UW][A-Z0-9]{2,30}")


def reminder_message(
    alert: Alert, reminder: Reminder, *, settings: MessageSettings, on_call: str, standalone: bool = False
) -> Message:
    """That nobody has taken an alert, for its thread.

    Args:
        on_call: the id of the user group or the person to name; "" names nobody. It is configured, never an event's.
        standalone: there is no thread to stand in, so it says what it belongs to.
    """
    words, more = words_for(settings.language), notify_words_for(settings.language)
    sentences = [reminder_sentence(reminder, words, more)]
    if standalone:
        story = story_of(alert, words=words, settings=settings)
        sentences.append(more.belongs_to.format(title=story.title, who=story.who, account=story.account))
    mention = _mention(on_call) if reminder.mentions else None
    elements: list[dict[str, Any]] = [mention[0], {"type": "text", "text": " "}] if mention else []
    elements.append(
        {"type": "text", "text": f"{EMOJI[reminder.severity]} {literal(sentences[0])}", "style": {"bold": True}}
    )
    elements += _below(sentences[1:])
    text = " ".join(mrkdwn(sentence) for sentence in sentences)
    called = f"{mention[1]} " if mention else ""
    return Message(
        text=f"{called}{EMOJI[reminder.severity]} {text}",
        blocks=[_rich(elements)],
        metadata={
            "event_type": "rootwatch_reminder",
            "event_payload": {"alert_id": literal(alert.id, 100), "number": str(reminder.number)},
        },
        details=(),
        bare=f"{called}{text}",
    )


def daily_message(report: Report, *, settings: MessageSettings) -> Message:
    """The daily line: quiet, with nobody's name in it."""
    lines = daily_lines(report, settings=settings)
    mark = "🟢" if report.is_well else "🟠"
    elements: list[dict[str, Any]] = [
        {"type": "text", "text": f"{mark} {literal(lines[0])}", "style": {"bold": True}},
        *_below(lines[1:]),
    ]
    return Message(
        text=f"{mark} {' '.join(mrkdwn(line) for line in lines[:2])}",
        blocks=[_rich(elements)],
        metadata={"event_type": "rootwatch_daily", "event_payload": {"is_well": str(report.is_well).lower()}},
        details=tuple(lines[2:]),
        bare=mrkdwn(lines[0]),
    )


def report_message(title: str, lines: Sequence[str], *, link: str, link_text: str) -> Message:
    """That the monthly report is there: a title, a line for each, and where it is. `link` is ours, or ""."""
    elements: list[dict[str, Any]] = [{"type": "text", "text": literal(title), "style": {"bold": True}}, *_below(lines)]
    if link:
        elements += [{"type": "text", "text": "\n"}, {"type": "link", "url": link, "text": literal(link_text)}]
    return Message(
        text=mrkdwn(title),
        blocks=[_rich(elements)],
        metadata={"event_type": "rootwatch_report", "event_payload": {"title": literal(title)}},
        details=tuple([*lines, link] if link else lines),
        bare=mrkdwn(title),
    )


def _mention(on_call: str) -> tuple[dict[str, Any], str] | None:
    """Whom to name: as an element, and as text."""
    if _GROUP.fullmatch(on_call):
        return {"type": "usergroup", "usergroup_id": on_call}, f"<!subteam^{on_call}>"
    if _PERSON.fullmatch(on_call):
        return {"type": "user", "user_id": on_call}, f"<@{on_call}>"
    return None


def _below(lines: Sequence[str]) -> list[dict[str, Any]]:
    """Each on a line of its own; the line breaks are ours alone."""
    return [
        element
        for line in lines
        for element in ({"type": "text", "text": "\n"}, {"type": "text", "text": literal(line) or " "})
    ]


def _rich(elements: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}
