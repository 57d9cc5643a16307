"""A long-lived access key was made for a user."""

from __future__ import annotations

from handlers.alerting.actor import ActorKind
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target
from handlers.detections.words import facts, sentence

_NAMES = ("CreateAccessKey",)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if root.targets_root(event):
        return Pass(reason="it is root's own: root-access-key-created announces it")
    if not event.succeeded:
        return Pass(reason="no key was made; admin-attempts-denied counts denied attempts")
    own = event.text("userIdentity", "userName") if event.actor.kind is ActorKind.IAM_USER else ""
    user = event.text("requestParameters", "userName") or own or "unknown"
    did = (
        phrase("created a long-lived access key for themselves")
        if user == own
        else phrase("created a long-lived access key for the user {user}", user=short(user))
    )
    return Concern(
        summary=sentence(
            event,
            did,
            "",
            phrase("it works until somebody deletes it; a role would give hours"),
        ),
        subject=Target(kind="user", name=short(user)).subject,
        severity=Severity.LOW,
        group=f"access-key:{short(user)}",
        facts=facts(("New access key", event.text("responseElements", "accessKey", "accessKeyId"))),
    )


ACCESS_KEY_CREATED = Detection(
    id="access-key-created",
    title="A long-lived access key was created",
    why="Keys that do not expire end up in repositories and laptops; applications and people should use roles.",
    severity=Severity.LOW,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask the user what the key is for, and whether a role would do",
        "Check that the user's older keys are deleted or still needed",
        "If nobody needs it: switch the key off, and delete it after a week",
    ),
    regions=Regions.GLOBAL,
    attack=("T1098.001",),
)
