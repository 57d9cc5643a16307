"""What AWS's own services found: findings that arrive as events of theirs, not as somebody's call."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.words import facts, listed, tail


def direct_events(service: str, detail_type: str) -> dict[str, Any]:
    """The pattern of a service's own events; `source` cannot be forged: AWS keeps "aws." to itself."""
    return {"source": [f"aws.{service}"], "detail-type": [detail_type]}


def is_direct(event: Event, detail_type: str) -> bool:
    """Whether it is this kind of event."""
    return event.envelope.get("detail-type") == detail_type


def resource_words(event: Event) -> str:
    """ "the role TestRole of account 123456789012": the owner may be another account than the analyzer's."""
    kind, name, owner = _resource(event)
    what = {"kind": noun(short(kind, 40)), "name": name}
    if owner:
        return phrase("the {kind} {name} of account {account}", account=short(owner, 40), **what)
    return phrase("the {kind} {name}", **what)


def _subject(event: Event) -> str:
    kind, name, owner = _resource(event)
    what = {"kind": noun(short(kind, 40)), "name": name}
    if owner:
        return phrase("{kind} {name} of account {account}", account=short(owner, 40), **what)
    return phrase("{kind} {name}", **what)


def _resource(event: Event) -> tuple[str, str, str]:
    """Its kind, its name, and the account that owns it."""
    kind = tail(event.text("resourceType").replace("::", "/")).casefold() or "resource"
    name = short(tail(event.text("resource").rpartition(":")[2])) or noun("unknown")
    return kind, name, event.text("accountId")


def analyzer_concern(
    event: Event,
    kind: str,
    *,
    judge: Callable[[str], tuple[str, Severity]],
    ended: Callable[[str], str],
    group: str,
    case: str,
    known: tuple[tuple[str, str], ...],
) -> Concern | Pass:
    """What a finding of Access Analyzer's comes to; its three families differ in what they say while they are open.

    Args:
        kind: the detail-type.
        judge: of an open finding, by the words for its resource: the sentence, and how bad it is.
        ended: the sentence when it is resolved or archived.
        case: the finding's id: its next events have the same.
        known: facts of this family, between the resource and the accounts.
    """
    if not is_direct(event, kind):
        return Pass(reason="it is another event")
    if event.dig("isDeleted") is True:
        return Pass(reason="the finding is deleted with its analyzer or resource")
    resource = resource_words(event)
    if error := event.text("error"):
        summary: str = phrase(
            "Access Analyzer could not judge {resource}: {error}.", resource=resource, error=short(error)
        )
        severity = Severity.LOW
    elif event.text("status") != "ACTIVE":
        summary, severity = ended(resource), Severity.INFO
    else:
        summary, severity = judge(resource)
    return Concern(
        summary=summary,
        subject=_subject(event),
        severity=severity,
        group=group,
        facts=facts(*known, *accounts(event, event.text("accountId"))),
        case=case,
        # Archiving is somebody's decision, perhaps that of the very person the alert is about: it ends nothing.
        over=event.text("status") == "RESOLVED" and not error,
    )


def reached(event: Event) -> tuple[tuple[str, str], ...]:
    """The facts of a finding about access: to what, for what, and its id."""
    actions = event.dig("action")
    return (
        ("Resource", event.text("resource")),
        ("May", listed([item for item in actions if isinstance(item, str)]) if isinstance(actions, list) else ""),
        ("Finding", event.text("id")),
    )


def principal_words(principal: object) -> str:
    """ "AWS 999988887777"; everybody where the principal is "*"."""
    if not isinstance(principal, Mapping):
        return phrase("somebody whom the finding does not name")
    named = [f"{short(str(kind), 20)} {short(str(value))}" for kind, value in list(principal.items())[:3]]
    if "*" in principal.values():
        return phrase("everybody")
    return listed(named) or phrase("somebody whom it does not name")


def accounts(event: Event, owner: str) -> tuple[tuple[str, str], ...]:
    """Both accounts, as pairs for facts: whose it is, and, where it is another, whose service found it."""
    return (("Account", owner), ("Found by the service of account", "" if owner == event.account else event.account))


def text_in(value: object, *path: str) -> str:
    """The text at this path of an object; "" where there is none."""
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value if isinstance(value, str) else ""
