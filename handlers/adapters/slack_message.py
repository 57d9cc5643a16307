"""An alert as a Slack message: blocks, the line for a lock screen, and plainer forms should Slack refuse the blocks.

Values stand in `rich_text`, which knows no markup: nothing in them can mention, link or format, and a responder can
copy them as they are. Every string passes `untrusted`, whether an event brought it or we did: there is no list of the
dangerous ones to get wrong.

Limits (Slack's reference, and slackapi/bolt-js #2509 for the last): 50 blocks; 150 characters of header; about 13,200
characters of blocks in all, undocumented, which is why we keep within 10,000 bytes.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from handlers.adapters.console_links import event_link
from handlers.adapters.slack_react import buttons, life_line, mention, state_block
from handlers.adapters.story import (
    EMOJI,
    Line,
    Link,
    MessageSettings,
    Story,
    clock_time,
    got_worse,
    story_of,
    worst_of,
)
from handlers.adapters.untrusted import literal, literal_lines, mrkdwn, slack_plain
from handlers.adapters.wording import Words, words_for
from handlers.alerting.alert import Alert, Told
from handlers.alerting.detection import Exhibit
from handlers.alerting.finding import Finding
from handlers.alerting.life import Life, State

Block = dict[str, Any]

BUDGET = 10_000  # UTF-8 bytes of the blocks as JSON
_HEADER = 150
_EXHIBIT = 1_800  # bytes of one exhibit at most: more is not read at three in the morning
_EXHIBIT_LINES = 40
_CLOSING = 800  # kept free for what is said about cuts
_CONTEXT = 400
_STEPS = 5
_ID = 100  # characters of an id
_NEWS = 200  # characters of one line of news
_EVENT_TYPE = "rootwatch_alert"


@dataclass(frozen=True, kw_only=True)
class Message:
    """What is sent, in three forms: each plainer than the one before, for when Slack refuses that."""

    text: str  # notification and screen readers; with `blocks`
    blocks: list[Block]
    metadata: dict[str, Any]
    details: tuple[str, ...]  # what else the blocks say, line by line, not escaped yet: it is hardly ever needed
    bare: str  # one sentence with nothing in it that Slack could object to

    @property
    def plain(self) -> str:
        """The same as text alone."""
        return "\n".join([self.text, *(mrkdwn(line) for line in self.details if line)])


@dataclass(frozen=True, kw_only=True)
class _Room:
    """How much is shown of each thing."""

    value: int  # characters of one value
    prose: int  # characters of a sentence
    facts: int


# From generous to spare: the first that fits is used. At the last, everything fits, whatever the values are.
_ROOMS = (
    _Room(value=300, prose=600, facts=20),
    _Room(value=300, prose=600, facts=10),
    _Room(value=160, prose=300, facts=8),
    _Room(value=100, prose=200, facts=4),
    _Room(value=60, prose=120, facts=2),
    _Room(value=30, prose=60, facts=0),
)


def announcement(alert: Alert, *, settings: MessageSettings) -> Message:
    """The first message of an alert; also what it is brought up to date with, as it shows count, last time and worst.

    Always within Slack's limits: exhibits are cut first, then facts, then values, and the message says so.
    """
    words = words_for(settings.language)
    story = story_of(alert, words=words, settings=settings)
    header = _header(f"{story.severity}: {story.title}", emoji=story.emoji)
    context = _context(story)
    runbook = story.runbook.url if isinstance(story.runbook, Link) else ""
    reacting = [state_block(alert.life, words), buttons(alert, words, runbook=runbook)] if settings.reacts else []
    body = _body(story, words, budget=BUDGET - size([header, context, *reacting]))
    return Message(
        text=_glance(story, words),
        blocks=[header, *body, *reacting, context],
        metadata=_metadata(alert),
        details=_details(story, alert, words),
        bare=words.bare_form.format(severity=story.severity, alert=mrkdwn(alert.id, _ID)),
    )


def parent_update(alert: Alert, *, settings: MessageSettings) -> Message:
    """The first message, brought up to date: rendered from the alert alone, so doing it twice changes nothing."""
    return announcement(alert, settings=settings)


def follow_up(
    alert: Alert,
    told: Told,
    findings: Sequence[Finding],
    *,
    settings: MessageSettings,
    broadcast: bool,
    standalone: bool = False,
) -> Message:
    """What has come since `told`, for the thread: a line for each finding, the newest at the end.

    Args:
        findings: the newest that are not told yet, oldest first; the rest is counted.
        broadcast: the alert got worse: the worst of the findings is told in full.
        standalone: there is no thread to stand in, so it says what it belongs to.
    """
    words = words_for(settings.language)
    more = max(alert.loud - told.count, len(findings))
    news = words.news.format(more=f"{more:,}", total=f"{alert.loud:,}")
    worst = worst_of(findings, told) if broadcast else None
    story = story_of(alert, words=words, settings=settings, finding=worst)
    heading = got_worse(alert, told, worst, words) if broadcast else f"{story.severity}: {story.title}"

    blocks: list[Block] = []
    if broadcast or standalone:
        blocks.append(_header(heading, emoji=EMOJI[alert.severity]))
    opening = [_text(news, bold=True)]
    if standalone:
        opening += [
            _newline(),
            _text(words.parent_is_gone),
            _newline(),
            _text(f"{story.who}, {story.account}", limit=120),
        ]
    blocks.append(_rich(_section(opening)))
    context = _context(story)
    if worst:
        blocks += _body(story, words, budget=BUDGET - size([*blocks, context]) - _CLOSING)
    rest = [finding for finding in findings if finding is not worst]
    room = BUDGET - size([*blocks, context]) - _CLOSING
    shown = _newest_within(rest, alert, words, room)
    if shown:
        blocks.append(_rich(_list("bullet", shown)))
    if left_out := more - len(shown) - (worst is not None):
        note = words.earlier_left_out.format(count=f"{left_out:,}", alert=_id(alert.id))
        blocks.append(_rich(_section([_text(note)])))
    blocks.append(context)

    latest = words.say(findings[-1].summary) if findings and not worst else story.summary
    text = f"{EMOJI[alert.severity]} {mrkdwn(heading, 150)} ({mrkdwn(news, 80)}). {mrkdwn(latest, 300)}"
    return Message(
        text=text,
        blocks=blocks,
        metadata=_metadata(alert),
        details=(*(f"- {_news_line(finding, alert, words)}" for finding in rest), _refused(alert, words)),
        bare=words.bare_form.format(severity=words.severities[alert.severity], alert=mrkdwn(alert.id, _ID)),
    )


def life_message(alert: Alert, life: Life, *, settings: MessageSettings) -> Message:
    """What somebody did with an alert, as a line for its thread; a call for help says all that a helper needs."""
    words = words_for(settings.language)
    line = mrkdwn(life_line(life, words), _CONTEXT)
    if life.state is State.ESCALATED:
        return _call_for_help(alert, life, line, settings=settings, words=words)
    return Message(
        text=line,
        blocks=[state_block(life, words)],
        metadata=_metadata(alert),
        details=(),
        bare=words.states[life.state],
    )


def _call_for_help(alert: Alert, life: Life, line: str, *, settings: MessageSettings, words: Words) -> Message:
    """For the channel, not only for the thread: whoever is called may never have seen the alert."""
    story = story_of(alert, words=words, settings=settings)
    heading = words.help_wanted.format(severity=story.severity, title=story.title)
    called = f"{mention(settings.on_call)} " if settings.on_call else ""
    about = _rich(_section([_text(story.summary), _newline(), _text(f"{story.who}, {story.account}", limit=160)]))
    blocks = [_header(heading, emoji=story.emoji), about, state_block(life, words)]
    if called:
        blocks.insert(1, {"type": "section", "text": {"type": "mrkdwn", "text": called.strip(), "verbatim": True}})
    return Message(
        text=f"{called}{story.emoji} {mrkdwn(heading, 150)}. {mrkdwn(story.summary)} {line}",
        blocks=blocks,
        metadata=_metadata(alert),
        details=(),
        bare=called + words.states[life.state],
    )


def size(blocks: Sequence[Block]) -> int:
    """What a message's blocks weigh against BUDGET: UTF-8 bytes of their JSON, never fewer than its characters."""
    return len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode())


def _body(story: Story, words: Words, *, budget: int) -> list[Block]:
    """Everything between header and context, within `budget` bytes."""
    room, blocks, details = _ROOMS[-1], [], []
    for room in _ROOMS:
        blocks = [
            _rich(_section([_text(story.summary, limit=room.prose)]), *_notes(story, room)),
            _rich(_section(_lines((*story.lines, *story.facts[: room.facts]), words, room))),
            _rich(*_guidance(story, words, room)),
        ]
        details = [_rich(_section(_lines(story.details, words, room)))] if story.details else []
        if size([*blocks, *details]) <= budget - _CLOSING:
            break
    exhibits, were_cut = _exhibits(story.exhibits, words, budget=budget - _CLOSING - size([*blocks, *details]))
    blocks += [*exhibits, *details]
    if room.value < _ROOMS[0].value:
        blocks.append(_rich(_section([_text(words.shortened.format(finding=_id(story.finding_id)))])))
    elif were_cut:
        blocks.append(_rich(_section([_text(words.exhibit_cut.format(finding=_id(story.finding_id)))])))
    elif len(story.facts) > room.facts:
        note = words.facts_cut.format(count=len(story.facts) - room.facts, finding=_id(story.finding_id))
        blocks.append(_rich(_section([_text(note)])))
    return blocks


def _notes(story: Story, room: _Room) -> list[Block]:
    """In a quote, so that what is unusual stands out without shouting."""
    if not story.notes:
        return []
    return [{"type": "rich_text_quote", "elements": _joined([[_text(note, limit=room.prose)] for note in story.notes])}]


def _lines(lines: Sequence[Line], words: Words, room: _Room) -> list[Block]:
    return _joined(
        [
            [
                _text(words.label.format(label=line.label), bold=True, limit=70),
                _raw(" "),
                _text(line.value or words.empty, code=line.is_code, limit=room.value),
            ]
            for line in lines
        ]
    )


def _guidance(story: Story, words: Words, room: _Room) -> list[Block]:
    """Why it matters, what to do, and where to look."""
    steps = [_section([_text(step or words.empty, limit=room.prose)]) for step in story.steps[:_STEPS]]
    why = [
        *(_text(words.why, bold=True), _newline(), _text(story.why, limit=room.prose), _newline(), _newline()),
        _text(words.what_to_do, bold=True),
    ]
    places = [[_link(link)] for link in story.links]
    if isinstance(story.runbook, Link):
        places.insert(0, [_link(story.runbook)])
    else:
        label = words.label.format(label=words.runbook)
        places.insert(0, [_text(label), _raw(" "), _text(story.runbook, code=True, limit=120)])
    return [_section(why), *([_list("ordered", steps)] if steps else []), _section(_joined(places, by="  ·  "))]


def _exhibits(exhibits: Sequence[Exhibit], words: Words, *, budget: int) -> tuple[list[Block], bool]:
    """As much of each exhibit as fits, and whether any was cut."""
    blocks: list[Block] = []
    were_cut = False
    for position, exhibit in enumerate(exhibits):
        share = min(_EXHIBIT, (budget - size(blocks)) // (len(exhibits) - position))
        text = _cut(exhibit.text, share - 300)  # 300: the title and the JSON around both
        if text is None:
            were_cut = True
            continue
        were_cut = were_cut or "… (+" in text.rpartition("\n")[2]
        preformatted = {"type": "rich_text_preformatted", "elements": [_raw(text or words.empty)]}
        blocks.append(_rich(_section([_text(exhibit.title or words.empty, bold=True, limit=60)]), preformatted))
    return blocks, were_cut


def _cut(text: str, budget: int) -> str | None:
    """The text's visible beginning, at most `budget` bytes as JSON; None where that leaves nothing worth reading."""
    limit = budget
    while limit >= 40:
        shown = literal_lines(text, limit=limit, lines=_EXHIBIT_LINES)
        weight = len(json.dumps(shown, ensure_ascii=False).encode())
        if weight <= budget:
            return shown
        limit = min(limit - 20, limit * budget // weight)
    return None


def _newest_within(findings: Sequence[Finding], alert: Alert, words: Words, budget: int) -> list[Block]:
    shown: list[Block] = []
    for finding in reversed(findings):
        item = _section(_news_elements(finding, alert, words))
        budget -= size([item])
        if budget < 0:
            break
        shown.insert(0, item)
    return shown


def _news_elements(finding: Finding, alert: Alert, words: Words) -> list[Block]:
    time = clock_time(finding.happened, than=alert.headline.happened)
    url = event_link(finding.region, finding.event_id)
    return [
        _link(Link(url=url, text=time)) if url else _text(time),
        _text(_news_text(finding, words), before="  ", limit=_NEWS),
    ]


def _news_line(finding: Finding, alert: Alert, words: Words) -> str:
    return f"{clock_time(finding.happened, than=alert.headline.happened)} {_news_text(finding, words)}"


def _news_text(finding: Finding, words: Words) -> str:
    failed = f" ({words.failed.format(error=finding.error)})" if finding.error is not None else ""
    return f"{EMOJI[finding.severity]} {words.severities[finding.severity]}: {words.say(finding.summary)}{failed}"


def _glance(story: Story, words: Words) -> str:
    """One line that is enough on a lock screen: how bad, what, who, in which account."""
    return f"{story.emoji} " + words.glance.format(
        severity=story.severity,
        title=mrkdwn(story.title, 150),
        who=mrkdwn(story.who, 80),
        account=mrkdwn(story.account, 80),
        summary=mrkdwn(story.summary),
    )


def _details(story: Story, alert: Alert, words: Words) -> tuple[str, ...]:
    lines = [
        f"{words.label.format(label=line.label)} {line.value}" for line in (*story.lines, *story.facts, *story.details)
    ]
    steps = [f"{number}. {step}" for number, step in enumerate(story.steps[:_STEPS], start=1)]
    return (*story.notes, *lines, words.what_to_do, *steps, _refused(alert, words))


def _refused(alert: Alert, words: Words) -> str:
    return words.plain_form.format(alert=_id(alert.id))


def _metadata(alert: Alert) -> dict[str, Any]:
    """For machines that read the channel; Slack shows it to nobody."""
    payload = {"alert_id": _id(alert.id), "detection": _id(alert.headline.detection_id)}
    return {"event_type": _EVENT_TYPE, "event_payload": payload}


def _id(text: str) -> str:
    """Our own ids are short and plain; a finding's carries the event's, which may be neither."""
    return literal(text, _ID)


# --- the pieces of Block Kit we use; every string enters through _text, _link, _header or _context ---------------


def _header(text: str, *, emoji: str) -> Block:
    shown = f"{emoji} {slack_plain(text, _HEADER - len(emoji) - 1)}"
    return {"type": "header", "text": {"type": "plain_text", "text": shown, "emoji": False}}


def _context(story: Story) -> Block:
    text = slack_plain(" · ".join(literal(part, 60) for part in story.context), _CONTEXT)
    return {"type": "context", "elements": [{"type": "plain_text", "text": text, "emoji": False}]}


def _text(value: str, *, bold: bool = False, code: bool = False, before: str = "", limit: int = 300) -> Block:
    element: Block = {"type": "text", "text": before + (literal(value, limit) or " ")}
    if bold or code:
        element["style"] = {"bold": True} if bold else {"code": True}
    return element


def _link(link: Link) -> Block:
    return {"type": "link", "url": link.url, "text": literal(link.text, 120)}


def _raw(text: str) -> Block:
    """Our own punctuation, or what has been through `literal_lines`."""
    return {"type": "text", "text": text}


def _newline() -> Block:
    return _raw("\n")


def _joined(parts: Sequence[list[Block]], by: str = "\n") -> list[Block]:
    elements: list[Block] = []
    for part in parts:
        elements += [_raw(by), *part] if elements else part
    return elements


def _section(elements: list[Block]) -> Block:
    return {"type": "rich_text_section", "elements": elements}


def _list(style: str, items: list[Block]) -> Block:
    return {"type": "rich_text_list", "style": style, "elements": items}


def _rich(*elements: Block) -> Block:
    return {"type": "rich_text", "elements": list(elements)}
