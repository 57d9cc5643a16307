"""A session as a Slack message for an alert's thread.

Values stand in `rich_text`, as in slack_message.py, and for the same reasons; its limits hold here too.
"""

from __future__ import annotations

import json
from typing import Any

from handlers.adapters.activity_story import ROOMS, ActivityStory, Section, activity_story, who_of
from handlers.adapters.slack_message import BUDGET, Block, Message
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import literal, mrkdwn, slack_plain
from handlers.adapters.wording import words_for
from handlers.adapters.wording_activity import ActivityWords, activity_words
from handlers.alerting.activity import Activity
from handlers.alerting.following import Over, Step

_EMOJI = "📋"
_LINE = 700  # characters of an item
_NOTE = 300
_EVENT_TYPE = "rootwatch_activity"


def activity_message(
    alert_id: str, activity: Activity, *, step: Step, over: Over | None, settings: MessageSettings, attachment: str
) -> Message:
    """The report, within Slack's limits whatever was recorded.

    Args:
        attachment: what is said about the files, such as `words.attached`.
    """
    words = activity_words(settings.language)
    story = activity_story(activity, step=step, over=over, words=words, time_zone=settings.time_zone, room=ROOMS[0])
    blocks: list[Block] = []
    for room in ROOMS:
        story = activity_story(activity, step=step, over=over, words=words, time_zone=settings.time_zone, room=room)
        blocks = _blocks(alert_id, story, settings.language, attachment)
        if len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode()) <= BUDGET:
            break
    return Message(
        text=f"{_EMOJI} {mrkdwn(story.title, 150)}. {mrkdwn(who_of(activity), 80)}: {mrkdwn(_glance(story), 300)}",
        blocks=blocks,
        metadata={
            "event_type": _EVENT_TYPE,
            "event_payload": {
                "alert_id": literal(alert_id, 100),
                "step": str(step),
                "records": str(len(activity.events)),
            },
        },
        details=tuple(_details(story, words)),
        bare=words.bare.format(alert=mrkdwn(alert_id, 100)),
    )


def _glance(story: ActivityStory) -> str:
    return " ".join([*story.notes, story.counts])


def _blocks(alert_id: str, story: ActivityStory, language: str, attachment: str) -> list[Block]:
    words = activity_words(language)
    opening: list[Block] = []
    for note in story.notes:
        opening += [_text(note, bold=True, limit=_NOTE), _newline()]
    opening.append(_text(story.counts, limit=_NOTE))
    facts: list[Block] = []
    for label, value in story.lines:
        facts += [_newline(), _text(words.label.format(label=label), bold=True), _raw(" "), _text(value, limit=_LINE)]
    blocks = [
        {"type": "header", "text": _plain(f"{_EMOJI} {slack_plain(story.title, 140)}")},
        _rich(_section([*opening, *facts])),
    ]
    blocks += [_rich(*_listed(section)) for section in story.sections]
    if story.missing:
        notes = [_section([_text(note, limit=_NOTE)]) for note in story.missing]
        blocks.append(_rich(_section([_text(words.missing, bold=True)]), _list(notes)))
    if attachment:
        blocks.append(_rich(_section([_text(attachment, limit=_NOTE)])))
    belongs_to = words_for(language).alert.format(id=literal(alert_id, 100))
    return [*blocks, {"type": "context", "elements": [_plain(slack_plain(belongs_to, 150))]}]


def _listed(section: Section) -> list[Block]:
    items = [
        _section(
            [
                *([_text(item.head, code=True, limit=_LINE), _raw("  ")] if item.head else []),
                _text(item.rest, limit=_LINE),
            ]
        )
        for item in section.items
    ]
    return [_section([_text(section.title, bold=True)]), _list(items)]


def _details(story: ActivityStory, words: ActivityWords) -> list[str]:
    lines = [
        *story.notes,
        story.counts,
        *(f"{words.label.format(label=label)} {value}" for label, value in story.lines),
    ]
    for section in story.sections:
        lines += [section.title, *(f"- {item.head} {item.rest}".replace("-  ", "- ") for item in section.items)]
    return [*lines, words.missing, *(f"- {note}" for note in story.missing)]


# --- the pieces of Block Kit we use; every string enters through _text or _plain ---


def _text(value: str, *, bold: bool = False, code: bool = False, limit: int = 300) -> Block:
    element: Block = {"type": "text", "text": literal(value, limit) or " "}
    if bold or code:
        element["style"] = {"bold": True} if bold else {"code": True}
    return element


def _raw(text: str) -> Block:
    return {"type": "text", "text": text}


def _newline() -> Block:
    return _raw("\n")


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": text, "emoji": False}


def _section(elements: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": elements}


def _list(items: list[Block]) -> Block:
    return {"type": "rich_text_list", "style": "bullet", "elements": items}


def _rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}
