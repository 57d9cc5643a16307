"""A permissions boundary was removed, or replaced by one that bounds nothing."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.privilege import Verdict
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, judged_managed, judged_principal, policy_words
from handlers.detections.words import facts, lowered, sentence

_NAMES = {
    "DeleteUserPermissionsBoundary": ("user", "userName"),
    "DeleteRolePermissionsBoundary": ("role", "roleName"),
    "PutUserPermissionsBoundary": ("user", "userName"),
    "PutRolePermissionsBoundary": ("role", "roleName"),
}
_UNBOUND = {
    Verdict.ADMINISTRATOR: phrase("it bounds nothing"),
    Verdict.ADMINISTRATOR_UNDER_CONDITION: phrase("it bounds nothing while a condition holds"),
    Verdict.CAN_BECOME_ADMINISTRATOR: phrase("it leaves ways to become administrator"),
    Verdict.COULD_NOT_JUDGE: phrase("what it bounds is unknown"),
}
_MAY_NOW = {"user": "What the user may do now", "role": "What the role may do now"}
_SEVERITY = {
    Verdict.ADMINISTRATOR: Severity.HIGH,
    Verdict.ADMINISTRATOR_UNDER_CONDITION: Severity.HIGH,
    Verdict.CAN_BECOME_ADMINISTRATOR: Severity.MEDIUM,
    Verdict.COULD_NOT_JUDGE: Severity.MEDIUM,
    Verdict.NOT_ADMINISTRATOR: Severity.LOW,
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    target = Target.of(event, *_NAMES[event.name])
    arn = event.text("requestParameters", "permissionsBoundary")
    if event.name.startswith("Put"):
        bound = judged_managed(arn, lookups)
        if bound.is_harmless:
            return Pass(reason=f"the boundary still bounds: {bound.reason}")
        words, policy = target.words, policy_words(arn)
        did = phrase("gave {target} {policy} as its permissions boundary", target=words, policy=policy)
        tried = phrase("give {target} {policy} as its permissions boundary", target=words, policy=policy)
        unbound: str = _UNBOUND[bound.verdict]
    else:
        did = phrase("removed the permissions boundary of {target}", target=target.words)
        tried = phrase("remove the permissions boundary of {target}", target=target.words)
        unbound = phrase("nothing bounds it any more")
    rights = judged_principal(event, lookups, target)
    severity = _SEVERITY[rights.verdict]
    return Concern(
        summary=sentence(
            event,
            did,
            tried,
            phrase("{unbound}, and {rights}", unbound=unbound, rights=rights.held_by(target.again)),
        ),
        subject=target.subject,
        severity=severity if event.succeeded else lowered(severity, 2),
        group=target.group(event),
        routine=rights.is_routine,
        facts=facts(("New boundary", arn), (_MAY_NOW[target.kind], rights.reason)),
    )


PERMISSIONS_BOUNDARY_LOOSENED = Detection(
    id="permissions-boundary-loosened",
    title="A permissions boundary was removed or loosened",
    why="The boundary was what kept broad policies harmless: without it they count in full, and no policy has changed.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask whoever changed the boundary for the change's ticket",
        "Read what its holder has done since, and what its policies allow now",
        "If nobody can explain it: put the boundary back and revoke both sessions",
    ),
    regions=Regions.GLOBAL,
    attack=("T1098.003",),
)
