"""Changes of what stands around the identities - keys, buckets, networks: routine nearly always, and told as such."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, is_call
from handlers.detections.grants import Target
from handlers.detections.words import facts, is_denied, request_exhibit, sentence

_HIDDEN = phrase("what it asked for is not recorded, as it was too long: padding a request is a way to hide it")
_PUBLIC_ACCESS_BLOCKS = {"BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"}
_DEEPEST = 12  # requests are nested some seven deep

# Only the service can assume such a role, and its rights cannot be edited (IAM guide, service-linked roles).
_OF_A_SERVICE = ":role/aws-service-role/"


@dataclass(frozen=True, kw_only=True)
class Change:
    """What one call does."""

    did: str  # with what it did it to: "deleted" + "the route table rtb-1"
    effect: str
    severity: Severity = Severity.LOW


def is_service(event: Event) -> bool:
    """AWS itself, or a service in the role that only it can use."""
    return event.actor.is_aws or _OF_A_SERVICE in event.actor.role_arn


def nothing_changed(event: Event, service: str, names: Collection[str]) -> Pass | None:
    """Why one of these calls needs no line of its own; None where it worked, and nobody else tells of it."""
    if not is_call(event, service, names):
        return OTHER_CALL
    if event.actor.is_root:
        return Pass(reason="root did it: root-activity tells of all that root does")
    if is_denied(event):
        return Pass(reason="it was denied: cis-unauthorized-api-calls counts it")
    if not event.succeeded:
        # Infrastructure code tries what is there already, or not ready yet, and tries again.
        return Pass(reason="it failed for another reason than a missing right, and changed nothing")
    return None


def by_worker(event: Event) -> str:
    """The conversation: all changes of one user, or of one role under one session name, whatever they are of.

    A session's key is new each time its credentials are: the name stays for a whole run of infrastructure code.
    """
    return f"cis-changes:{short(event.actor.arn or event.actor.name, 200)}"


def changed(
    event: Event,
    changes: Mapping[str, Change],
    target: Target,
    *,
    worse: str = "",
    details: Mapping[str, str] | None = None,
    group: str = "",
) -> Concern:
    """What this call did to the target.

    Args:
        worse: the effect where it is worse than the call's usual one; then it is MEDIUM at least.
        details: facts by their labels; those without a value are left out.
        group: the conversation, where it is not the worker's.
    """
    change = changes[event.name]
    worse = worse or (_HIDDEN if event.request_omitted else "")
    severity = max(change.severity, Severity.MEDIUM) if worse else change.severity
    return Concern(
        summary=sentence(
            event, phrase("{did} {target}", did=change.did, target=target.words), "", worse or change.effect
        ),
        subject=phrase("{kind} {name}", kind=noun(target.kind), name=short(target.name) or noun("unknown")),
        severity=Severity.INFO if is_service(event) else severity,
        group=group or by_worker(event),
        facts=facts(*(details or {}).items()),
        exhibits=request_exhibit(event),
    )


def first_text(event: Event, *paths: tuple[str, ...]) -> str:
    """The first of these places in the record that holds a text; "" where none does."""
    return next(filter(None, (event.text(*path) for path in paths)), "")


def texts_of(request: object, deepest: int = _DEEPEST) -> Iterator[tuple[str, str]]:
    """Every text and number of a request with the key it stands under: AWS writes one thing in several shapes."""
    for key, value in request.items() if isinstance(request, Mapping) else ():
        for item in value if isinstance(value, list) else (value,):
            if isinstance(item, (str, int)):
                yield key, str(item)
            elif deepest:
                yield from texts_of(item, deepest - 1)


def keeps_the_public_out(block: object) -> bool:
    """Whether a block of public access is on in all of its four parts."""
    return {key for key, value in texts_of(block) if value.casefold() == "true"} >= _PUBLIC_ACCESS_BLOCKS
