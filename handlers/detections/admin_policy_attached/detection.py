"""A policy that makes its holder administrator was attached to somebody."""

from __future__ import annotations

import dataclasses

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, grant, judged_managed, policy_words
from handlers.detections.once import once_an_event

_ATTACH = {
    "AttachUserPolicy": ("user", "userName"),
    "AttachRolePolicy": ("role", "roleName"),
    "AttachGroupPolicy": ("group", "groupName"),
}


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _ATTACH):
        return OTHER_CALL
    target = Target.of(event, *_ATTACH[event.name])
    arn = event.text("requestParameters", "policyArn")
    concern = grant(
        event,
        judged_managed(arn, lookups),  # by content: a name proves nothing
        did=lambda: phrase("attached {policy} to {target}", policy=policy_words(arn), target=target.words),
        tried=lambda: phrase("attach {policy} to {target}", policy=policy_words(arn), target=target.words),
        target=target,
        extra=[("Policy", arn)],
    )
    if isinstance(concern, Concern) and _is_identity_centers(event, target):
        # The same in every account that a permission set is assigned in; identity-center-grant has told the cause.
        return dataclasses.replace(
            concern, severity=Severity.LOW, group=f"identity-center:{_set_of(target.name)}", across_accounts=True
        )
    return concern


def _is_identity_centers(event: Event, target: Target) -> bool:
    """Identity Center carries out an assignment; `invokedBy` is AWS's word and cannot be forged."""
    return event.actor.invoked_by == "sso.amazonaws.com" and target.name.startswith("AWSReservedSSO_")


def _set_of(role: str) -> str:
    """AWSReservedSSO_Name_0123456789abcdef is the role of the permission set "Name", in each account another."""
    return short(role.rpartition("_")[0])


ADMIN_POLICY_ATTACHED = Detection(
    id="admin-policy-attached",
    title="Administrator rights granted by a managed policy",
    why="An attached policy works at once: it is the shortest way to a second administrator who stays.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _ATTACH),
    assess=assess,
    respond=(
        "Ask whoever attached it for the change's ticket, over another channel than the account",
        "Read what the new administrator and the granting session have done since",
        "If nobody can explain it: detach the policy and revoke both sessions",
    ),
    regions=Regions.GLOBAL,
    cis=("4.4 (v1.4-v5)", "5.4 (v6-v7)"),
    attack=("T1098.003",),
)
