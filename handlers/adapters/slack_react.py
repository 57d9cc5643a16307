"""The state, the buttons and the forms with which people react to an alert in Slack."""

from __future__ import annotations

import json
from typing import Any

from handlers.adapters.slack_requests import ACTION, MAXIMUM_REASON, MAXIMUM_TICKET, Press
from handlers.adapters.untrusted import literal, slack_plain
from handlers.adapters.wording import Words
from handlers.alerting.alert import Alert
from handlers.alerting.life import OURSELVES, Decision, Life, State, Verb

WITH_FORM = frozenset({Verb.EXPECT, Verb.CLOSE})
_OFFERED = {
    State.OPEN: (Verb.ACKNOWLEDGE, Verb.EXPECT, Verb.ESCALATE, Verb.CLOSE),
    State.ACKNOWLEDGED: (Verb.EXPECT, Verb.ESCALATE, Verb.CLOSE, Verb.REOPEN),
    State.ESCALATED: (Verb.EXPECT, Verb.CLOSE, Verb.REOPEN),
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
    if said := _said(life):
        elements.append({"type": "text", "text": f"\n{said}"})
    return {"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]}


def life_line(life: Life, words: Words) -> str:
    """The same as one line of text, not escaped yet."""
    said = _said(life)
    who = f" · {_name(life.by)} · {_time(life)}" if life.by else ""
    return f"{words.label.format(label=words.state)} {words.states[life.state]}{who}" + (f" · {said}" if said else "")


def buttons(alert: Alert, words: Words) -> dict[str, Any]:
    """What can be done now; each button carries the alert's id."""
    elements = [
        {
            "type": "button",
            "action_id": f"{ACTION}{verb}",
            "text": {"type": "plain_text", "text": words.verbs[verb], "emoji": False},
            "value": literal(alert.id, 100),
            **({"style": "primary"} if verb is Verb.ACKNOWLEDGE else {}),
            **({"style": "danger"} if verb is Verb.ESCALATE else {}),
        }
        for verb in _OFFERED[alert.life.state]
    ]
    return {"type": "actions", "block_id": "rootwatch-react", "elements": elements}


def form(press: Press, words: Words) -> dict[str, Any]:
    """The form that asks why, and for a ticket; it carries which alert and message it is about."""
    title = words.verbs[press.verb or Verb.EXPECT].removesuffix("...")
    return {
        "type": "modal",
        "callback_id": f"{ACTION}{press.verb}",
        "title": _plain(title),
        "submit": _plain(title),
        "close": _plain(words.form_cancel),
        "private_metadata": json.dumps({"alert": press.alert_id, "channel": press.channel, "ts": press.ts}),
        "blocks": [
            _input("reason", words.form_reason, MAXIMUM_REASON, multiline=True),
            {**_input("ticket", words.form_ticket, MAXIMUM_TICKET, multiline=False), "optional": True},
        ],
    }


def form_errors(press: Press, words: Words) -> dict[str, str]:
    """What is wrong with what was typed, by field: Slack's own limits bind its clients only."""
    errors = {}
    if not press.reason:
        errors["reason"] = words.form_empty
    for name, text, limit in (("reason", press.reason, MAXIMUM_REASON), ("ticket", press.ticket, MAXIMUM_TICKET)):
        if len(text) > limit:
            errors[name] = words.form_too_long.format(limit=limit)
    return errors


def refusal(decision: Decision, words: Words) -> str:
    """Why an act was not done, for the one who tried, as mrkdwn."""
    life = decision.life
    # Our own ids only: `read_press` lets nothing else become a person.
    who = f"<@{life.by}>" if life.by and life.by != OURSELVES else "Rootwatch"
    return words.refusals[decision.outcome].format(state=words.states[life.state], who=who, at=_time(life))


def _input(name: str, label: str, limit: int, *, multiline: bool) -> dict[str, Any]:
    element = {"type": "plain_text_input", "action_id": "value", "multiline": multiline, "max_length": limit}
    return {"type": "input", "block_id": name, "label": _plain(label), "element": element}


def _plain(text: str) -> dict[str, Any]:
    return {"type": "plain_text", "text": slack_plain(text, 24), "emoji": False}


def _said(life: Life) -> str:
    ticket = f" ({literal(life.ticket, MAXIMUM_TICKET)})" if life.ticket else ""
    return literal(life.reason, MAXIMUM_REASON) + ticket if life.reason else ticket.strip()


def _time(life: Life) -> str:
    return f"{life.at:%Y-%m-%d %H:%M:%S} UTC" if life.at else "-"


def _name(person: str) -> str:
    return "Rootwatch" if person == OURSELVES else person
