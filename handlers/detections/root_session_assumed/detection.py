"""A root session was opened in a member account, or the organization switched such sessions on or off."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.alerting.window_entry import assumed_root_entry
from handlers.detections import root
from handlers.detections.calls import API_CALL, OTHER_CALL, is_call
from handlers.detections.words import facts, lowered, sentence, tail

_SWITCHES = {
    "EnableOrganizationsRootSessions": (
        Severity.HIGH,
        (phrase("allowed root sessions in member accounts"), phrase("allow root sessions in member accounts")),
        phrase("administrators of IAM can now act as root in every member account, for the tasks AWS lists"),
    ),
    "DisableOrganizationsRootSessions": (
        Severity.MEDIUM,
        (
            phrase("switched root sessions in member accounts off"),
            phrase("switch root sessions in member accounts off"),
        ),
        phrase("a locked bucket or queue can only be opened by signing in as root again"),
    ),
    "EnableOrganizationsRootCredentialsManagement": (
        Severity.HIGH,
        (
            phrase("put the root credentials of member accounts under central care"),
            phrase("put root credentials under central care"),
        ),
        phrase("administrators of IAM can now remove and restore them"),
    ),
    "DisableOrganizationsRootCredentialsManagement": (
        Severity.MEDIUM,
        (
            phrase("took the root credentials of member accounts out of central care"),
            phrase("take root credentials out of central care"),
        ),
        phrase("members can have root passwords and keys again"),
    ),
}
_READS_ONLY = "IAMAuditRootUserCredentials"
_NAMES = ("AssumeRoot", *_SWITCHES)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if is_call(event, "iam", _SWITCHES):
        severity, (did, tried), effect = _SWITCHES[event.name]
        return Concern(
            summary=sentence(event, did, tried, effect),
            subject=phrase("root access of the organization"),
            severity=severity if event.succeeded else lowered(severity, 2),
            group="root-session:organization",
        )
    if not is_call(event, "sts", ("AssumeRoot",)):
        return OTHER_CALL
    member = _account_in(event.text("requestParameters", "targetPrincipal"))
    task = event.text("requestParameters", "taskPolicyArn", "arn") or event.text("requestParameters", "taskPolicyArn")
    key = event.text("responseElements", "credentials", "accessKeyId")
    severity = Severity.MEDIUM if tail(task) == _READS_ONLY else Severity.HIGH
    account = phrase("account {id}", id=short(member)) if member else phrase("an unnamed account")
    session = phrase("a root session in {account}", account=account)
    if task:
        session = phrase("{session} for the task {task}", session=session, task=short(tail(task)))
    return Concern(
        summary=sentence(
            event,
            phrase("opened {session}", session=session),
            phrase("open {session}", session=session),
            phrase("it lasts 15 minutes at most"),
        ),
        subject=phrase("root of {account}", account=short(member) or phrase("an unnamed account")),
        severity=severity if event.succeeded else lowered(severity, 2),
        group=root.assumed_session(key or member) or "root-session:unknown",
        across_accounts=True,  # the member's own records of the session join it
        facts=facts(("Member account", member), ("Task policy", task), ("Access key of the session", key)),
    )


def _account_in(principal: str) -> str:
    """AssumeRoot takes an account's number or root's ARN."""
    return principal.split(":")[4] if principal.count(":") >= 5 else principal


ROOT_SESSION_ASSUMED = Detection(
    id="root-session-assumed",
    title="A root session in a member account",
    why="The organization can act as root in its members: for a task of 15 minutes, or for an intruder's.",
    severity=Severity.HIGH,
    pattern={
        "source": ["aws.iam", "aws.sts"],
        "detail-type": [API_CALL],
        "detail": {"eventSource": ["iam.amazonaws.com", "sts.amazonaws.com"], "eventName": sorted(_NAMES)},
    },
    assess=assess,
    respond=(
        "Match the session with its ticket: which member, which task, who asked for it",
        "Read what the session did in the member account",
        "If nobody asked for it: cut off whoever opened it, and switch root sessions off",
    ),
    begins_session=True,
    regions=Regions.EVERY,  # AssumeRoot has regional endpoints only
    sees_read_events=True,  # STS calls are recorded as reads
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1548.005", "T1078.004"),
    suppressible=False,
    windowed=assumed_root_entry,
)
