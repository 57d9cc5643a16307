"""Sentences for a tired reader: who did what to whom, and what came of it."""

from __future__ import annotations

import json
from collections.abc import Iterable

from handlers.alerting.actor import ActorKind
from handlers.alerting.detection import Exhibit, Fact
from handlers.alerting.event import Event
from handlers.alerting.json_text import indented
from handlers.alerting.severity import Severity
from handlers.alerting.text import enumerated, phrase, short

_ERROR = 100
HIDDEN = phrase("The request was too long for CloudTrail, which left it out: padding a policy is a way to hide it.")
_SPECIAL = {
    ActorKind.ROOT: phrase("Root"),
    ActorKind.ROOT_ASSUMED: phrase("Root (in a session that the organisation opened)"),
    ActorKind.UNKNOWN: phrase("Somebody whom the record does not name"),
}


def who(event: Event) -> str:
    """The actor as the subject of a sentence: "alice", "Admin/alice through cloudformation.amazonaws.com"."""
    actor = event.actor
    name = _SPECIAL.get(actor.kind) or short(actor.name)
    if actor.kind is ActorKind.ROOT_FEDERATED:
        called = short(tail(actor.arn))
        name = (
            phrase("A federated session of root called {name}", name=called)
            if called
            else phrase("A federated session of root without a name")
        )
    if actor.invoked_by and not actor.is_aws:
        return phrase("{who} through {service}", who=name, service=short(actor.invoked_by))
    return name


def sentence(event: Event, did: str, tried: str, effect: str) -> str:
    """`did` and `tried` are the same deed: "attached X to the user bob", "attach X to the user bob".

    All three are phrases. The effect ("bob can now do anything in this account") follows a success only.
    """
    if event.error is not None:
        if event.error == "Failure":  # all that a sign-in may say
            return phrase("{who} tried to {tried} and failed.", who=who(event), tried=tried)
        error = short(event.error, _ERROR)
        return phrase("{who} tried to {tried} and failed: {error}.", who=who(event), tried=tried, error=error)
    if effect:
        return phrase("{who} {did}: {effect}.", who=who(event), did=did, effect=effect)
    return phrase("{who} {did}.", who=who(event), did=did)


def is_denied(event: Event) -> bool:
    """Whether the call failed for want of the right, not because of a wrong name or a busy service."""
    return event.error is not None and any(word in event.error for word in ("Denied", "Unauthorized"))


def lowered(severity: Severity, steps: int = 1) -> Severity:
    """So many steps less, LOW at the least: what was only tried is still worth a line."""
    return Severity(max(Severity.LOW, severity - steps))


def facts(*pairs: tuple[str, str]) -> tuple[Fact, ...]:
    """Labels with values; those without a value are left out."""
    return tuple(Fact(label=label, value=value) for label, value in pairs if value)


def listed(words: Iterable[str], limit: int = 5) -> str:
    """ "a, b and c"; what is beyond the limit is counted."""
    items = [short(word) for word in words]
    if len(items) > limit:
        items = [*items[:limit], phrase("{count} more", count=str(len(items) - limit))]
    if len(items) < 2:
        return enumerated(items)
    return phrase("{first} and {last}", first=enumerated(items[:-1]), last=items[-1])


def tail(arn: str) -> str:
    """The name at the end of an ARN or path, or the text itself."""
    return arn.rpartition("/")[2] or arn


def request_exhibit(event: Event) -> tuple[Exhibit, ...]:
    """What the call asked for, as CloudTrail wrote it; nothing where it wrote nothing."""
    if not event.request:
        return ()
    return (Exhibit(title="What was asked for", text=pretty(event.request)),)


def pretty(value: object) -> str:
    """JSON on lines of its own; a document that came as JSON text too, any other text as it is."""
    if isinstance(value, str):
        try:
            return indented(json.loads(value))
        except (ValueError, RecursionError):
            return value
    return indented(value)
