"""AWS found an access key in public and put its user under quarantine."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, is_quarantine
from handlers.detections.words import facts

_NAMES = ("AttachUserPolicy", "PutUserPolicy")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if not is_quarantine(event):
        return Pass(reason="it is no quarantine policy of AWS's")
    if not event.succeeded:
        return Pass(reason="the quarantine was not put in place")
    user = Target.of(event, "user", "userName")
    return Concern(
        summary=phrase(
            "AWS found an access key of {user} in public and put the user under quarantine: "
            "the key still works for most things, and strangers have it.",
            user=user.words,
        ),
        subject=Target(kind="user", name=short(user.name)).subject,
        severity=Severity.CRITICAL,
        group=user.group(event),
        facts=facts(
            ("Quarantine policy", event.text("requestParameters", "policyArn")),
            ("Quarantine policy", event.text("requestParameters", "policyName")),
        ),
    )


LEAKED_KEY_QUARANTINED = Detection(
    id="leaked-key-quarantined",
    title="AWS found a leaked access key",
    why="Published keys are tried within minutes; the quarantine stops only the costliest calls.",
    severity=Severity.CRITICAL,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Switch off the user's access keys now",
        "Read what was done with the keys since they were published",
        "Find where the key was published, remove it, and replace the key by a role",
    ),
    regions=Regions.GLOBAL,
    attack=("T1552.001", "T1078.004"),
)
