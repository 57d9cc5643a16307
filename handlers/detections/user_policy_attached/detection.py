"""A policy was given to a user directly rather than to a group."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, inline_words, is_quarantine, policy_words
from handlers.detections.words import facts, sentence

_NAMES = ("AttachUserPolicy", "PutUserPolicy")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if not event.succeeded:
        return Pass(reason="nothing was given; admin-attempts-denied counts denied attempts")
    if is_quarantine(event):
        return Pass(reason="AWS quarantines a leaked key: leaked-key-quarantined announces it")
    user = Target.of(event, "user", "userName")
    arn = event.text("requestParameters", "policyArn")
    name = event.text("requestParameters", "policyName")
    what = policy_words(arn) if event.name == "AttachUserPolicy" else inline_words(name)
    return Concern(
        summary=sentence(
            event,
            phrase("gave {policy} to {user} directly", policy=what, user=user.words),
            "",
            phrase("reviews look at groups and miss it"),
        ),
        subject=user.subject,
        severity=Severity.LOW,
        group=user.group(event),  # one conversation with the grant, where it is one of administrator
        facts=facts(("Policy", arn or name)),
    )


USER_POLICY_ATTACHED = Detection(
    id="user-policy-attached",
    title="A policy was given to a user directly",
    why="Rights that hang on one user are forgotten when reviews look at groups and roles.",
    severity=Severity.LOW,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask whoever gave it whether a group or a role would do",
        "Look at everything that the user holds directly",
        "Move the policy to a group, and take it from the user",
    ),
    regions=Regions.GLOBAL,
    cis=("4.4 (v1.4-v5)", "5.4 (v6-v7)"),
    attack=("T1098.003",),
)
