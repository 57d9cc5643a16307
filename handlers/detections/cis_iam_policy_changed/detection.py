"""A policy was written, attached or removed that makes nobody administrator and protects from nothing."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.admin_policy_attached.detection import ADMIN_POLICY_ATTACHED
from handlers.detections.admin_policy_written.detection import ADMIN_POLICY_WRITTEN
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed
from handlers.detections.grants import Target
from handlers.detections.protecting_deny_removed.detection import PROTECTING_DENY_REMOVED
from handlers.detections.words import tail

_GIVEN = phrase("its rights are wider or narrower by it, and no administrator's")
_TAKEN = phrase("its rights are narrower")
# What a user is given directly is user-policy-attached's, whatever it is.
_CHANGES: Mapping[str, Change] = {
    "AttachRolePolicy": Change(did=phrase("attached a policy to"), effect=_GIVEN),
    "AttachGroupPolicy": Change(did=phrase("attached a policy to"), effect=_GIVEN),
    "PutRolePolicy": Change(did=phrase("wrote an inline policy of"), effect=_GIVEN),
    "PutGroupPolicy": Change(did=phrase("wrote an inline policy of"), effect=_GIVEN),
    "DetachUserPolicy": Change(did=phrase("detached a policy from"), effect=_TAKEN),
    "DetachRolePolicy": Change(did=phrase("detached a policy from"), effect=_TAKEN),
    "DetachGroupPolicy": Change(did=phrase("detached a policy from"), effect=_TAKEN),
    "DeleteUserPolicy": Change(did=phrase("deleted an inline policy of"), effect=_TAKEN),
    "DeleteRolePolicy": Change(did=phrase("deleted an inline policy of"), effect=_TAKEN),
    "DeleteGroupPolicy": Change(did=phrase("deleted an inline policy of"), effect=_TAKEN),
    "CreatePolicy": Change(did=phrase("created"), effect=phrase("nobody has it yet")),
    "CreatePolicyVersion": Change(did=phrase("wrote a version of"), effect=phrase("it makes nobody administrator")),
    "SetDefaultPolicyVersion": Change(
        did=phrase("chose another version of"), effect=phrase("it makes nobody administrator")
    ),
    "DeletePolicyVersion": Change(did=phrase("deleted a version of"), effect=phrase("nothing can be put back to it")),
    "DeletePolicy": Change(did=phrase("deleted"), effect=phrase("nobody had it any more")),
}
_TOLD_ELSEWHERE = (ADMIN_POLICY_ATTACHED, ADMIN_POLICY_WRITTEN, PROTECTING_DENY_REMOVED)


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "iam", _CHANGES)) is not None:
        return reason
    for other in _TOLD_ELSEWHERE:
        if isinstance(other.assess(event, lookups), Concern):
            return Pass(reason=f"{other.id} announces it")
    policy = first_text(
        event,
        ("requestParameters", "policyArn"),
        ("responseElements", "policy", "arn"),
        ("requestParameters", "policyName"),
    )
    return changed(event, _CHANGES, _target(event, policy), details={"Policy": policy})


def _target(event: Event, policy: str) -> Target:
    for kind in ("user", "role", "group"):
        if name := event.text("requestParameters", f"{kind}Name"):
            return Target(kind=kind, name=name)
    return Target(kind="policy", name=tail(policy))


CIS_IAM_POLICY_CHANGED = Detection(
    id="cis-iam-policy-changed",
    title="A policy changed, and makes nobody administrator",
    why="Rights grow one policy at a time: the record of all changes shows how somebody came by theirs.",
    severity=Severity.LOW,
    pattern=api_calls("iam", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Read the policy, and who has it",
        "If nobody planned it: take the policy back and read what else the session did",
    ),
    regions=Regions.GLOBAL,
    cis=("4.4 (v1.4-v5)", "5.4 (v6-v7)"),
    attack=("T1098.003",),
    pack="cis",
)
