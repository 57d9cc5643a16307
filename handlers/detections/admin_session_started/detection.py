"""Somebody began to work as administrator."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.alerting.window_entry import assumed_role_entry
from handlers.detections.calls import API_CALL, OTHER_CALL, is_call
from handlers.detections.grants import Target, judged_principal
from handlers.detections.words import facts, sentence, tail

_NAMES = ("AssumeRole", "AssumeRoleWithSAML", "AssumeRoleWithWebIdentity")
# AssumeRole is by far the most frequent call of all: the cloud's filter has to go by the role's name. Whether the
# role is one of an administrator is looked up then.
_NAMED_LIKE = ("Admin", "admin", "PowerUser", "SuperUser", "BreakGlass", "break-glass", "OrganizationAccountAccessRole")


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "sts", _NAMES):
        return OTHER_CALL
    arn = event.dig("requestParameters", "roleArn")
    if not isinstance(arn, str) or not any(word in arn for word in _NAMED_LIKE):
        return Pass(reason="the role is not named like one of an administrator")
    if event.actor.is_aws or event.actor.invoked_by:
        return Pass(reason="a service assumed it for its own work")
    if not event.succeeded:
        return Pass(reason="no session was opened")
    role = Target(kind="role", name=tail(arn))
    owner = arn.split(":")[4] if arn.count(":") >= 5 else event.account
    rights = judged_principal(event, lookups, role, account=owner)
    if rights.is_harmless:
        return Pass(reason=f"the role is none of an administrator: {rights.reason}")
    session = event.text("requestParameters", "roleSessionName")
    did = phrase("began a session of {role} in account {account}", role=role.words, account=short(owner))
    return Concern(
        summary=sentence(event, did, "", rights.held_by(role.again)),
        subject=Target(kind="role", name=short(role.name)).subject,
        severity=Severity.INFO,  # daily work
        group=f"admin-session:{short(role.name)}/{short(session)}",
        facts=facts(
            ("Session", session),
            ("Source identity", event.text("requestParameters", "sourceIdentity")),
            ("Access key of the session", event.text("responseElements", "credentials", "accessKeyId")),
            ("What the role may do", rights.reason),
        ),
    )


ADMIN_SESSION_STARTED = Detection(
    id="admin-session-started",
    title="An administrator's session began",
    why="Who was administrator when is the first question after an incident, and in every audit.",
    severity=Severity.INFO,
    pattern={
        "source": ["aws.sts"],
        "detail-type": [API_CALL],
        "detail": {
            "eventSource": ["sts.amazonaws.com"],
            "eventName": sorted(_NAMES),
            "requestParameters": {"roleArn": [{"wildcard": f"*{word}*"} for word in _NAMED_LIKE]},
        },
    },
    assess=assess,
    respond=(
        "Compare the session with the person's work plan and the time of day",
        "Read what the session changes while it lasts",
        "If it is not the person's: revoke the role's sessions and the credentials that opened it",
    ),
    begins_session=True,
    regions=Regions.EVERY,
    sees_read_events=True,  # AssumeRole is recorded as a read
    out_of_hours=Severity.MEDIUM,
    attack=("T1078.004",),
    windowed=assumed_role_entry,
)
