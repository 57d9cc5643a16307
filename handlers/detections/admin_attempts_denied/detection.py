"""Somebody without the right keeps trying to become administrator."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.pattern import literals_at
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.access_key_created.detection import ACCESS_KEY_CREATED
from handlers.detections.admin_credential_created.detection import ADMIN_CREDENTIAL_CREATED
from handlers.detections.admin_group_joined.detection import ADMIN_GROUP_JOINED
from handlers.detections.admin_policy_attached.detection import ADMIN_POLICY_ATTACHED
from handlers.detections.admin_policy_written.detection import ADMIN_POLICY_WRITTEN
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.once import once_an_event
from handlers.detections.permissions_boundary_loosened.detection import PERMISSIONS_BOUNDARY_LOOSENED
from handlers.detections.protecting_deny_removed.detection import PROTECTING_DENY_REMOVED
from handlers.detections.role_trust_widened.detection import ROLE_TRUST_WIDENED
from handlers.detections.words import facts, is_denied, who

_THRESHOLD = 3
_OTHERS = (
    ACCESS_KEY_CREATED,
    ADMIN_CREDENTIAL_CREATED,
    ADMIN_GROUP_JOINED,
    ADMIN_POLICY_ATTACHED,
    ADMIN_POLICY_WRITTEN,
    PERMISSIONS_BOUNDARY_LOOSENED,
    PROTECTING_DENY_REMOVED,
    ROLE_TRUST_WIDENED,
)
_NAMES = frozenset().union(*(literals_at(other.pattern, "detail", "eventName") or () for other in _OTHERS))


@once_an_event
def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if event.succeeded:
        return Pass(reason="it succeeded: other detections judge what it did")
    if not is_denied(event):
        return Pass(reason="it failed for another reason than a missing right")
    return Concern(
        summary=phrase(
            "{who} was denied {call}, a way to more rights: CloudTrail does not record for whom, or with which policy.",
            who=who(event),
            call=short(event.name),
        ),
        subject=short(event.actor.arn or event.actor.name),
        severity=Severity.MEDIUM,
        group=f"admin-denied:{short(event.actor.arn or event.actor.name, 200)}",
        facts=facts(("What IAM said", event.text("errorMessage"))),
    )


ADMIN_ATTEMPTS_DENIED = Detection(
    id="admin-attempts-denied",
    title="Repeated denied attempts to get more rights",
    why="Somebody tries one way after another to become administrator: a stolen key begins like this.",
    severity=Severity.MEDIUM,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask the person whose identity it is whether they tried this",
        "Read everything that the identity has done today, and what did work",
        "If it was not them: switch off the key or revoke the sessions",
    ),
    regions=Regions.GLOBAL,
    threshold=_THRESHOLD,  # one is a missing right in somebody's script
    cis=("4.1 (v1.4-v5)", "5.1 (v6-v7)"),
    attack=("T1098", "T1078.004"),
)
