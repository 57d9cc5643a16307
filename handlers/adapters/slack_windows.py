"""Break-glass windows in Slack: the forms, the message with its buttons, and what people do with them.

Nothing here talks to Slack: the functions make what is sent there, and read what has been proved to come from there.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol, Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.adapters.untrusted import literal, mrkdwn, slack_plain
from handlers.adapters.wording_windows import WindowWords
from handlers.alerting.window import (
    MAXIMUM_PURPOSE,
    MAXIMUM_TICKET,
    OURSELVES,
    ROOT,
    BreakGlass,
    RequestProblem,
    Standing,
    Use,
    Window,
    WindowAct,
    WindowDecision,
    WindowOutcome,
    WindowRequest,
    WindowState,
    WindowVerb,
    is_slack_id,
)
from handlers.alerting.window_desk import WindowDesk

WINDOW_ACTION = "rootwatch-window-"  # our buttons' action ids and forms' callback ids begin so; a verb follows
_OPTIONS = 100  # of one select menu (Block Kit reference)
_OPTION_TEXT = 75
_HEADER = 150
_MENTIONS = 20  # approvers named in a request's message
_NEVER = datetime.min.replace(tzinfo=UTC)
_DEFAULT_LENGTH = 60  # minutes
_OFFERED = {
    WindowState.REQUESTED: (WindowVerb.APPROVE, WindowVerb.REFUSE, WindowVerb.EMERGENCY),
    WindowState.APPROVED: (WindowVerb.REVOKE,),
}
_STYLES = {WindowVerb.APPROVE: "primary", WindowVerb.EMERGENCY: "danger", WindowVerb.REVOKE: "danger"}
_FIELDS = {"starts": "day", "by": "account"}  # where a problem is shown that has no input of its own

_WINDOW_ID = re.compile(r"W[0-9a-f]{1,40}")
_PERSON = re.compile(r"[UW][A-Z0-9]{1,30}")
_PLACE = re.compile(r"[A-Z0-9]{1,30}")
_TS = re.compile(r"[0-9]{1,15}\.[0-9]{1,10}")
_TRIGGER = re.compile(r"[A-Za-z0-9._-]{1,200}")


@dataclass(frozen=True, kw_only=True)
class WindowPress:
    """What somebody did about a window: a command typed, a button pressed or (with `submitted`) a form sent."""

    verb: WindowVerb | None  # None: a command or button we do not know
    user: str
    channel: str = ""
    ts: str = ""  # of the message with the button
    window_id: str = ""
    trigger: str = ""  # opens a form within three seconds
    submitted: bool = False
    reason: str = ""
    request: WindowRequest | None = None

    def to_plain(self) -> dict[str, Any]:
        """As JSON values, for the queue."""
        request = self.request
        asked = None
        if request is not None:
            asked = {**vars(request), "starts": request.starts.isoformat(), "length": request.length.total_seconds()}
        return {**vars(self), "verb": str(self.verb) if self.verb else None, "request": asked}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` gave."""
        asked = plain["request"]
        request = None
        if asked is not None:
            starts, length = datetime.fromisoformat(asked["starts"]), timedelta(seconds=asked["length"])
            request = WindowRequest(**{**asked, "starts": starts, "length": length})
        verb = WindowVerb(plain["verb"]) if plain["verb"] else None
        return cls(**{**plain, "verb": verb, "request": request})


@dataclass(frozen=True, kw_only=True)
class WindowReply:
    """What is to be told of a press that was applied."""

    window: Window | None = None  # its message is to be posted (a request), or brought up to date
    whisper: str = ""  # for whoever pressed, privately, as mrkdwn
    is_emergency: bool = False  # to be told to everybody, through the events queue (WINDOW_ATTRIBUTE)


# What came from Slack


def read_window_command(fields: Mapping[str, str]) -> WindowPress | None:
    """A slash command's fields; None where they are not Slack's. `verb` is None for anything but "request"."""
    user, channel = fields.get("user_id", ""), fields.get("channel_id", "")
    trigger = fields.get("trigger_id", "")
    if not (_PERSON.fullmatch(user) and _PLACE.fullmatch(channel) and _TRIGGER.fullmatch(trigger)):
        return None
    words = fields.get("text", "").split()
    verb = WindowVerb.REQUEST if [word.casefold() for word in words] == ["request"] else None
    return WindowPress(verb=verb, user=user, channel=channel, trigger=trigger)


def read_window_press(payload: Mapping[str, Any], *, time_zone: str) -> WindowPress | None:
    """A button or a form of ours; None for whatever is not about windows, or not as Slack sends it."""
    user = _matching(_mapping(payload.get("user")).get("id"), _PERSON)
    if not user:
        return None
    match payload.get("type"):
        case "block_actions":
            return _button(payload, user)
        case "view_submission":
            return _form(_mapping(payload.get("view")), user, time_zone)
    return None


def _button(payload: Mapping[str, Any], user: str) -> WindowPress | None:
    actions = payload.get("actions")
    action = _mapping(actions[0]) if isinstance(actions, list) and actions else {}
    name = str(action.get("action_id", ""))
    if not name.startswith(WINDOW_ACTION):
        return None
    container = _mapping(payload.get("container"))
    return WindowPress(
        verb=_verb(name),
        user=user,
        channel=_matching(container.get("channel_id"), _PLACE),
        ts=_matching(container.get("message_ts"), _TS),
        window_id=_matching(action.get("value"), _WINDOW_ID),
        trigger=_matching(payload.get("trigger_id"), _TRIGGER),
    )


def _form(view: Mapping[str, Any], user: str, time_zone: str) -> WindowPress | None:
    name = str(view.get("callback_id", ""))
    if not name.startswith(WINDOW_ACTION):
        return None
    try:
        kept = _mapping(json.loads(str(view.get("private_metadata"))))
    except (ValueError, RecursionError):
        kept = {}
    values = _mapping(_mapping(view.get("state")).get("values"))
    verb = _verb(name)
    return WindowPress(
        verb=verb,
        user=user,
        channel=_matching(kept.get("channel"), _PLACE),
        ts=_matching(kept.get("ts"), _TS),
        window_id=_matching(kept.get("window"), _WINDOW_ID),
        submitted=True,
        reason=_typed(values, "reason"),
        request=_request(values, time_zone) if verb is WindowVerb.REQUEST else None,
    )


def _request(values: Mapping[str, Any], time_zone: str) -> WindowRequest:
    """What was typed, however wrong: `WindowRequest.problems` says what is wrong with it."""
    length = _chosen(values, "length")
    return WindowRequest(
        account=_chosen(values, "account") or _typed(values, "account"),
        identity=_chosen(values, "identity") or ROOT,
        person=_chosen(values, "person"),
        purpose=_typed(values, "purpose"),
        ticket=_typed(values, "ticket"),
        starts=_moment(_chosen(values, "day"), _chosen(values, "hour"), time_zone),
        length=timedelta(minutes=int(length)) if re.fullmatch(r"[0-9]{1,4}", length) else timedelta(0),
    )


def _moment(day: str, hour: str, time_zone: str) -> datetime:
    if not (re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", day) and re.fullmatch(r"[0-9]{2}:[0-9]{2}", hour)):
        return _NEVER
    try:
        return datetime.fromisoformat(f"{day}T{hour}").replace(tzinfo=_zone(time_zone)).astimezone(UTC)
    except (ValueError, OverflowError):
        return _NEVER


# What is sent to Slack


def form_for(
    press: WindowPress,
    rules: BreakGlass,
    words: WindowWords,
    *,
    account_names: Mapping[str, str],
    time_zone: str,
    now: datetime,
) -> dict[str, Any] | None:
    """The form that a command or a button opens; None for what is done without one."""
    if press.submitted:
        return None
    if press.verb is WindowVerb.REQUEST:
        return request_form(
            rules, words, account_names=account_names, time_zone=time_zone, now=now, channel=press.channel
        )
    return emergency_form(press, words) if press.verb is WindowVerb.EMERGENCY else None


def request_form(
    rules: BreakGlass,
    words: WindowWords,
    *,
    account_names: Mapping[str, str],
    time_zone: str,
    now: datetime,
    channel: str,
) -> dict[str, Any]:
    """The form that asks for a window; `channel` is where its message will be posted."""
    local = now.astimezone(_zone(time_zone))
    zone = time_zone or "UTC"
    named = {account: _named(account, account_names, words) for account in rules.accounts}
    account: dict[str, Any] = {"type": "plain_text_input", "max_length": 12, "min_length": 12}
    if len(named) <= _OPTIONS:
        account = _select(named, initial=rules.accounts[0])
    identities = {item: words.root if item == ROOT else item for item in rules.required_for}
    people = {person.name: person.name for person in rules.people}
    lengths = {str(minutes): text for minutes, text in words.lengths.items()}
    blocks = [
        _input("account", words.account, account),
        *(
            [_input("identity", words.identity, _select(identities, initial=rules.required_for[0]))]
            * (len(identities) > 1)
        ),
        _input("person", words.person, _select(people)),
        _input("purpose", words.form_purpose, _text_input(MAXIMUM_PURPOSE, multiline=True)),
        _input("ticket", words.form_ticket, _text_input(MAXIMUM_TICKET)),
        _input(
            "day",
            words.form_day.format(zone=zone),
            {"type": "datepicker", "initial_date": f"{local:%Y-%m-%d}"},
        ),
        _input(
            "hour",
            words.form_hour.format(zone=zone),
            {"type": "timepicker", "initial_time": f"{local:%H:%M}"},
        ),
        _input("length", words.form_length, _select(lengths, initial=str(_DEFAULT_LENGTH))),
    ]
    return _modal(
        WindowVerb.REQUEST, (words.form_title, words.form_submit, words.form_cancel), {"channel": channel}, blocks
    )


def emergency_form(press: WindowPress, words: WindowWords) -> dict[str, Any]:
    """The form that asks why nobody else can approve; it carries which window and message it is about."""
    kept = {"window": press.window_id, "channel": press.channel, "ts": press.ts}
    blocks = [_input("reason", words.emergency_reason, _text_input(MAXIMUM_PURPOSE, multiline=True))]
    return _modal(
        WindowVerb.EMERGENCY, (words.emergency_title, words.emergency_submit, words.form_cancel), kept, blocks
    )


def form_problems(press: WindowPress, rules: BreakGlass, words: WindowWords, *, now: datetime) -> dict[str, str]:
    """What is wrong with a form that was sent, by its input: for Slack's response_action "errors"."""
    if press.verb is WindowVerb.EMERGENCY:
        if not press.reason:
            return {"reason": words.problems[RequestProblem.EMPTY]}
        return {"reason": words.problems[RequestProblem.TOO_LONG_A_TEXT]} if len(press.reason) > MAXIMUM_PURPOSE else {}
    if press.request is None:
        return {}
    found = press.request.problems(rules, by=press.user, now=now)
    if "identity" in found and len(rules.required_for) == 1:
        found.setdefault("account", found.pop("identity"))  # there is no input for it
    return {_FIELDS.get(field, field): words.problems[problem] for field, problem in found.items()}


def window_message(
    window: Window,
    rules: BreakGlass,
    words: WindowWords,
    *,
    account_names: Mapping[str, str],
    time_zone: str,
    uses: tuple[Use, ...] = (),
) -> dict[str, Any]:
    """The message about a window as it stands: {"text": ..., "blocks": [...]}, for posting and for updating.

    `uses` tell what it was used for, once it is over.
    """
    heading = _heading(window, words)
    account = _named(window.account, account_names, words)
    identity = words.root if window.identity == ROOT else window.identity
    time = _span(window, words, time_zone)
    lines: list[list[dict[str, Any]]] = [
        _line(words.person, window.person, words),
        _line(words.identity, identity, words),
        _line(words.account, account, words),
        _line(words.purpose, window.purpose, words, limit=MAXIMUM_PURPOSE),
        _line(words.ticket, window.ticket, words),
        _line(words.time, time, words),
        _who(words.asked_by, [window.requested_by], words),
    ]
    if window.approved_by:
        lines.append(_who(words.approved_by, [window.approved_by], words))
    if window.settled_by:
        lines.append(_who(words.closed_by, [window.settled_by], words))
    if window.reason:
        lines.append(_line(words.reason, window.reason, words, limit=MAXIMUM_PURPOSE))
    if window.state is WindowState.REQUESTED and (approvers := _approvers_of(window, rules)):
        lines.append(_who(words.waits_for, approvers, words))
    if window.is_settled:
        lines.append([{"type": "text", "text": used_words(window, uses, words)}])
    elements = [element for line in lines for element in (*line, {"type": "text", "text": "\n"})][:-1]
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": _plain(heading, _HEADER)},
        {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]},
    ]
    if verbs := _OFFERED.get(window.state):
        buttons = [_button_of(verb, window, words) for verb in verbs]
        blocks.append({"type": "actions", "block_id": "rootwatch-window", "elements": buttons})
    blocks.append({"type": "context", "elements": [_plain(words.window.format(id=window.id), _HEADER)]})
    glance = words.glance.format(heading=heading, identity=identity, account=account, time=time, ticket=window.ticket)
    return {"text": mrkdwn(glance, 1_000), "blocks": blocks}


def used_words(window: Window, uses: tuple[Use, ...], words: WindowWords) -> str:
    """What a window that is over was used for, in a sentence."""
    if window.approved_at is None:
        return words.never_opened
    inside = [use.at for use in uses if use.standing is Standing.INSIDE]
    if not uses:
        return words.nobody_used
    times = inside or [use.at for use in uses]
    return words.used.format(
        count=len(inside),
        first=f"{min(times):%H:%M}",
        last=f"{max(times):%H:%M}",
        others=len(uses) - len(inside),
    )


def refusal(decision: WindowDecision, words: WindowWords) -> str:
    """Why an act was not done, for the one who tried, as mrkdwn."""
    state = words.states[decision.window.state] if decision.window else ""
    return words.not_done.format(why=words.refusals[decision.outcome].format(state=state))


# What is done about it


def apply_window_press(
    press: WindowPress, *, act_id: str, at: datetime, desk: WindowDesk, words: WindowWords
) -> WindowReply:
    """Apply what somebody did; a repeat, known by `act_id`, is done once and answered as the first time.

    Raises:
        UnavailableError: the store, the audit log or the clock service did not answer; a retry does the rest.
    """
    if press.verb is WindowVerb.REQUEST and press.request is not None:
        answer = desk.request(press.request, act_id=act_id, by=press.user)
        if isinstance(answer, WindowDecision):
            return WindowReply(window=answer.window)
        problems = " ".join(words.problems[problem] for problem in answer.values())
        return WindowReply(whisper=words.not_asked.format(problems=problems))
    if press.verb in (None, WindowVerb.REQUEST, WindowVerb.END):  # nobody but the clock ends a window
        return WindowReply(whisper=words.usage)
    act = WindowAct(id=act_id, verb=press.verb, by=press.user, at=at, reason=press.reason)
    decision = desk.act(press.window_id, act)
    if decision.outcome is not WindowOutcome.DONE:
        return WindowReply(whisper=refusal(decision, words))
    return WindowReply(window=decision.window, is_emergency=press.verb is WindowVerb.EMERGENCY)


class WindowChannel(Protocol):
    """Slack, as far as a window's message needs it. Both raise UnavailableError."""

    def post(self, channel: str, message: Mapping[str, Any]) -> str:
        """Post a message, {"text", "blocks"}; returns its ts."""
        ...

    def update(self, channel: str, ts: str, message: Mapping[str, Any]) -> None:
        """Replace a message; one that is gone is no error."""
        ...


def show_window(
    window_id: str,
    *,
    channel: str,
    slack: WindowChannel,
    desk: WindowDesk,
    words: WindowWords,
    account_names: Mapping[str, str],
    time_zone: str,
) -> None:
    """Bring a window's message up to date, or post it in `channel` where there is none; a repeat posts no second one.

    It is read anew, so that of two at once the later state is shown whoever comes last. A crash between posting and
    remembering tells people twice rather than never.

    Raises:
        UnavailableError: the store or Slack did not answer; a retry does the rest.
    """
    window = desk.windows.find(window_id)
    if window is None:
        return
    uses = tuple(desk.windows.uses(window_id)) if window.is_settled else ()
    message = window_message(window, desk.rules, words, account_names=account_names, time_zone=time_zone, uses=uses)
    known, _, ts = desk.windows.place(window_id).partition(":")
    if ts:
        slack.update(known, ts, message)
    else:
        desk.windows.keep_place(window_id, f"{channel}:{slack.post(channel, message)}")


def _heading(window: Window, words: WindowWords) -> str:
    is_emergency = window.emergency and window.state is WindowState.APPROVED
    return (words.heading_emergency if is_emergency else words.headings[window.state]).format(person=window.person)


def _approvers_of(window: Window, rules: BreakGlass) -> list[str]:
    """Whom a request asks: those who may approve it, by their Slack ids."""
    person = rules.person(window.person)
    own = {window.requested_by, person.slack if person else ""}
    asker = rules.person_of(window.requested_by)
    own.add(asker.slack if asker else "")
    return [item for item in rules.approvers if is_slack_id(item) and item not in own][:_MENTIONS]


def _span(window: Window, words: WindowWords, time_zone: str) -> str:
    utc = words.span.format(starts=f"{window.starts:%Y-%m-%d %H:%M}", ends=_end(window.starts, window.ends))
    if time_zone in ("", "UTC"):
        return utc
    starts, ends = window.starts.astimezone(_zone(time_zone)), window.ends.astimezone(_zone(time_zone))
    return words.span_local.format(starts=f"{starts:%Y-%m-%d %H:%M}", ends=_end(starts, ends), zone=time_zone, utc=utc)


def _end(starts: datetime, ends: datetime) -> str:
    return f"{ends:%H:%M}" if starts.date() == ends.date() else f"{ends:%Y-%m-%d %H:%M}"


def _line(label: str, value: str, words: WindowWords, *, limit: int = 300) -> list[dict[str, Any]]:
    return [_label(label, words), {"type": "text", "text": literal(value, limit) or "-"}]


def _who(label: str, people: list[str], words: WindowWords) -> list[dict[str, Any]]:
    elements = [_label(label, words)]
    for number, person in enumerate(people):
        if number:
            elements.append({"type": "text", "text": " "})
        if is_slack_id(person):
            elements.append({"type": "user", "user_id": person})
        else:
            elements.append({"type": "text", "text": "Rootwatch" if person == OURSELVES else literal(person)})
    return elements


def _label(label: str, words: WindowWords) -> dict[str, Any]:
    return {"type": "text", "text": words.label.format(label=label), "style": {"bold": True}}


def _button_of(verb: WindowVerb, window: Window, words: WindowWords) -> dict[str, Any]:
    button = {
        "type": "button",
        "action_id": f"{WINDOW_ACTION}{verb}",
        "text": _plain(str(getattr(words, str(verb))), _OPTION_TEXT),
        "value": window.id,
    }
    return {**button, "style": _STYLES[verb]} if verb in _STYLES else button


def _modal(
    verb: WindowVerb,
    texts: tuple[str, str, str],
    kept: Mapping[str, str],
    blocks: list[dict[str, Any]],
) -> dict[str, Any]:
    title, submit, close = texts
    return {
        "type": "modal",
        "callback_id": f"{WINDOW_ACTION}{verb}",
        "title": _plain(title, 24),
        "submit": _plain(submit, 24),
        "close": _plain(close, 24),
        "private_metadata": json.dumps(kept),
        "blocks": blocks,
    }


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": name, "label": _plain(label, 2_000), "element": {**element, "action_id": name}}


def _text_input(limit: int, *, multiline: bool = False) -> dict[str, Any]:
    return {"type": "plain_text_input", "multiline": multiline, "max_length": limit}


def _select(options: Mapping[str, str], *, initial: str = "") -> dict[str, Any]:
    offered = [{"text": _plain(text, _OPTION_TEXT), "value": value} for value, text in options.items()]
    select: dict[str, Any] = {"type": "static_select", "options": offered}
    chosen = next((item for item in offered if item["value"] == initial), None)
    return {**select, "initial_option": chosen} if chosen else select


def _named(account: str, names: Mapping[str, str], words: WindowWords) -> str:
    return words.named_account.format(name=names[account], account=account) if account in names else account


def _plain(text: str, limit: int) -> dict[str, Any]:
    return {"type": "plain_text", "text": slack_plain(text, limit), "emoji": False}


def _verb(name: str) -> WindowVerb | None:
    verb = name.removeprefix(WINDOW_ACTION)
    return WindowVerb(verb) if verb in tuple(WindowVerb) else None


def _typed(values: Mapping[str, Any], name: str) -> str:
    value = _mapping(_mapping(values.get(name)).get(name)).get("value")
    return value.strip() if isinstance(value, str) else ""


def _chosen(values: Mapping[str, Any], name: str) -> str:
    element = _mapping(_mapping(values.get(name)).get(name))
    option = _mapping(element.get("selected_option")).get("value")
    found = next(
        (
            item
            for item in (option, element.get("selected_date"), element.get("selected_time"))
            if isinstance(item, str)
        ),
        "",
    )
    return found[:600]


def _zone(name: str) -> ZoneInfo:
    try:
        return ZoneInfo(name or "UTC")
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return ZoneInfo("UTC")


def _matching(value: object, form: re.Pattern[str]) -> str:
    return value if isinstance(value, str) and form.fullmatch(value) else ""


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
