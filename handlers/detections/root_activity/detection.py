"""Root did something that changes the account."""

from __future__ import annotations

from handlers.alerting.actor import ActorKind
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.alerting.window_entry import root_entry
from handlers.detections import root
from handlers.detections.words import facts, lowered, request_exhibit, sentence

_DESTRUCTIVE = (
    "Delete",
    "Terminate",
    "Remove",
    "Disable",
    "Deactivate",
    "Detach",
    "Stop",
    "Close",
    "Leave",
    "Schedule",
)
_IDENTITY = frozenset(
    f"{service}.amazonaws.com" for service in ("iam", "sts", "organizations", "sso", "account", "kms", "cloudtrail")
)


def _severity(event: Event) -> Severity:
    if event.name == "CreateServiceLinkedRole":
        return Severity.LOW  # the console makes these by itself when a service's page is opened
    if event.actor.kind is ActorKind.ROOT_ASSUMED:
        return Severity.LOW  # opening such a session is what people decide; it is bounded by a task policy
    if event.actor.access_key_id.startswith("AKIA"):
        return Severity.HIGH  # a long-lived key of root: CIS wants none to exist
    if event.service in _IDENTITY or event.name.startswith(_DESTRUCTIVE):
        return Severity.HIGH
    return Severity.MEDIUM


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not root.is_root_session(event):
        return Pass(reason="it is not root, or AWS acting for the account")
    if event.is_read:
        return Pass(reason="it changes nothing")
    if event.service == "signin.amazonaws.com" and event.name in ("ConsoleLogin", *root.SIGN_IN_STEPS):
        return Pass(reason="it is part of signing in")
    if root.credential_change(event):
        return Pass(reason="root-credentials-changed announces it")
    if event.name in ("CreateAccessKey", "UpdateAccessKey") and root.targets_root(event):
        return Pass(reason="root-access-key-created announces it")
    call = {"call": short(event.name), "service": short(event.service), "region": short(event.region)}
    key = event.actor.access_key_id
    severity = _severity(event)
    return Concern(
        summary=sentence(
            event,
            phrase("called {call} of {service} in {region}", **call),
            phrase("call {call} of {service} in {region}", **call),
            "",
        ),
        subject=root.subject(event),
        severity=severity if event.succeeded else lowered(severity),
        group=root.GROUP,
        joins=root.session_of(event),
        facts=facts(("Credential", phrase("a long-lived access key of root") if key.startswith("AKIA") else "")),
        exhibits=request_exhibit(event),
    )


ROOT_ACTIVITY = Detection(
    id="root-activity",
    title="Root changed something",
    why="Daily work needs no root: whatever it does outside a planned task is a mistake or an intrusion.",
    severity=Severity.MEDIUM,
    # The names of calls are open-ended: everything of root's that CloudTrail sends, and the rule sees no reads.
    pattern={
        "source": [{"prefix": "aws."}],
        "detail": {"userIdentity": {"type": ["Root"]}},
    },
    assess=assess,
    respond=(
        "Match the call with a planned root task and its ticket",
        "Read every call of the same session, before and after",
        "If it is not planned: end the session, undo the change, rotate root's credentials",
    ),
    begins_session=True,
    regions=Regions.EVERY,
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1078.004",),
    suppressible=False,
    windowed=root_entry,
)
