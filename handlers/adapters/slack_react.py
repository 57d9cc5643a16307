"""The state, the buttons and the forms with which people react to an alert in Slack."""

from __future__ import annotations

import json
from typing import Any

from handlers.adapters.slack_requests import ACTION, LOOK, MAXIMUM_REASON, MAXIMUM_TICKET, RUNBOOK, Press
from handlers.adapters.untrusted import literal, slack_plain
from handlers.adapters.wording import Words
from handlers.alerting.alert import Alert
from handlers.alerting.life import OURSELVES, Cause, Decision, Life, State, Verb

CHOICES = tuple(cause for cause in Cause if cause is not Cause.OVER)  # that one is not for people to say
WITH_FORM = frozenset({Verb.EXPECT, Verb.CLOSE})
_OFFERED = {
    State.OPEN: (Verb.ACKNOWLEDGE, Verb.EXPECT, Verb.ESCALATE, Verb.CLOSE),
    State.ACKNOWLEDGED: (Verb.EXPECT, Verb.ESCALATE, Verb.CLOSE, Verb.REOPEN),
    State.ESCALATED: (Verb.ACKNOWLEDGE, Verb.EXPECT, Verb.CLOSE, Verb.REOPEN),
    State.EXPECTED: (Verb.REOPEN,),
    State.CLOSED: (Verb.REOPEN,),
}


def state_block(life: Life, words: Words) -> dict[str, Any]:
    """The line that says where an alert stands, who brought it there, when and why."""
    elements: list[dict[str, Any]] = [
        {"type": "text", "text": words.label.format(label=words.state), "style": {"bold": True}},
        {"type": "text", "text": f" {words.states[life.state]}"},
    ]
    if life.by:
        elements.append({"type": "text", "text": " · "})
        # A user element shows the person's name, and an update of a message notifies nobody.
        elements.append(
            {"type": "text", "text": "Rootwatch"} if life.by == OURSELVES else {"type": "user", "user_id": life.by}
        )
        elements.append({"type": "text", "text": f" · {_time(life)}"})
    if said := _said(life, words):
        elements.append({"type": "text", "text": f"\n{said}"})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def life_line(life: Life, words: Words) -> str:
    """The same as one line of text, not escaped yet."""
    said = _said(life, words)
    who = f" · {_name(life.by)} · {_time(life)}" if life.by else ""
    return f"{words.label.format(label=words.state)} {words.states[life.state]}{who}" + (f" · {said}" if said else "")


def buttons(alert: Alert, words: Words, *, runbook: str = "") -> dict[str, Any]:
    """What can be done now; each button carries the alert's id. `runbook` is an https address of ours."""
    elements: list[dict[str, Any]] = [
        {
            "type": "button",
            "action_id": f"{ACTION}{verb}",
            "text": _plain(words.verbs[verb], 75),
            "value": literal(alert.id, 100),
            **({"style": "primary"} if verb is Verb.ACKNOWLEDGE else {}),
            **({"style": "danger"} if verb is Verb.ESCALATE else {}),
        }
        for verb in _OFFERED[alert.life.state]
    ]
    if alert.headline.session is not None:
        elements.append(
            {
                "type": "button",
                "action_id": f"{ACTION}{LOOK}",
                "text": _plain(words.what_did_they_do, 75),
                "value": literal(alert.id, 100),
            }
        )
    if runbook:
        # Slack tells us of a button with an address, too; the door answers and does nothing.
        elements.append(
            {
                "type": "button",
                "action_id": f"{ACTION}{RUNBOOK}",
                "text": _plain(words.runbook, 75),
                "url": runbook,
            }
        )
    return {"type": "actions", "block_id": "rootwatch-react", "elements": elements}


def form(press: Press, words: Words) -> dict[str, Any]:
    """The form that asks why; it carries which alert and message it is about."""
    title = words.verbs[press.verb or Verb.EXPECT].removesuffix("...")
    return {
        "type": "modal",
        "callback_id": f"{ACTION}{press.verb}",
        "title": _plain(title),
        "submit": _plain(title),
        "close": _plain(words.form_cancel),
        "private_metadata": json.dumps({"alert": press.alert_id, "channel": press.channel, "ts": press.ts}),
        "blocks": _closing(words) if press.verb is Verb.CLOSE else _expecting(words),
    }


def _expecting(words: Words) -> list[dict[str, Any]]:
    return [
        _input("reason", words.form_reason, _typed(MAXIMUM_REASON, multiline=True)),
        {**_input("ticket", words.form_ticket, _typed(MAXIMUM_TICKET)), "optional": True},
    ]


def _closing(words: Words) -> list[dict[str, Any]]:
    options = [{"text": _plain(words.causes[cause], 75), "value": str(cause)} for cause in CHOICES]
    return [
        _input("cause", words.form_cause, {"type": "static_select", "action_id": "value", "options": options}),
        {**_input("reason", words.form_note, _typed(MAXIMUM_REASON, multiline=True)), "optional": True},
        {**_input("ticket", words.form_ticket, _typed(MAXIMUM_TICKET)), "optional": True},
    ]


def form_errors(press: Press, words: Words) -> dict[str, str]:
    """What is wrong with what was typed, by field: Slack's own limits bind its clients only."""
    errors = {}
    if press.verb is Verb.CLOSE and press.cause not in CHOICES:
        errors["cause"] = words.form_no_cause
    if not press.reason and (press.verb is not Verb.CLOSE or press.cause == Cause.OTHER):
        errors["reason"] = words.form_empty
    for name, text, limit in (("reason", press.reason, MAXIMUM_REASON), ("ticket", press.ticket, MAXIMUM_TICKET)):
        if len(text) > limit:
            errors[name] = words.form_too_long.format(limit=limit)
    return errors


def mention(on_call: str) -> str:
    """Who is called for help, as mrkdwn: a user group's id or a person's, as configured."""
    return f"<!subteam^{on_call}>" if on_call.startswith("S") else f"<@{on_call}>"


def refusal(decision: Decision, words: Words) -> str:
    """Why an act was not done, for the one who tried, as mrkdwn."""
    life = decision.life
    # Our own ids only: `read_request` lets nothing else become a person.
    who = f"<@{life.by}>" if life.by and life.by != OURSELVES else "Rootwatch"
    return words.refusals[decision.outcome].format(state=words.states[life.state], who=who, at=_time(life))


def _input(name: str, label: str, element: dict[str, Any]) -> dict[str, Any]:
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element}


def _typed(limit: int, *, multiline: bool = False) -> dict[str, Any]:
    return {"type": "plain_text_input", "action_id": "value", "multiline": multiline, "max_length": limit}


def _plain(text: str, limit: int = 24) -> dict[str, Any]:
    """24 is what Slack leaves a form's title and its buttons."""
    return {"type": "plain_text", "text": slack_plain(text, limit), "emoji": False}


def _said(life: Life, words: Words) -> str:
    parts = [words.causes[life.cause]] if life.cause else []
    if life.reason:
        parts.append(literal(life.reason, MAXIMUM_REASON))
    ticket = f"({literal(life.ticket, MAXIMUM_TICKET)})" if life.ticket else ""
    return " ".join(part for part in (": ".join(parts), ticket) if part)


def _time(life: Life) -> str:
    return f"{life.at:%Y-%m-%d %H:%M:%S} UTC" if life.at else "-"


def _name(person: str) -> str:
    return "Rootwatch" if person == OURSELVES else person
