"""Identity Center gave somebody administrator rights: by a permission set, an assignment or a group."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import API_CALL, OTHER_CALL, is_call
from handlers.detections.grants import (
    Judged,
    Target,
    grant,
    judged_document,
    judged_managed,
    judged_principal,
    policy_words,
)
from handlers.detections.words import facts, sentence, short, tail

_SET_CALLS = (
    "AttachManagedPolicyToPermissionSet",
    "AttachCustomerManagedPolicyReferenceToPermissionSet",
    "PutInlinePolicyToPermissionSet",
    "DeletePermissionsBoundaryFromPermissionSet",
    "CreateAccountAssignment",
)
# The service that keeps the directory has two names for the same: an older and a public one.
_JOINING: Mapping[str, str] = {"AddMemberToGroup": "sso-directory", "CreateGroupMembership": "identitystore"}
_SERVICES = ("sso", "sso-directory", "identitystore")


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if any(is_call(event, service, (name,)) for name, service in _JOINING.items()):
        return _joined(event)
    if not is_call(event, "sso", _SET_CALLS):
        return OTHER_CALL
    arn = event.text("requestParameters", "permissionSetArn")
    chosen = Target(kind="permission set", name=arn)
    words = f"the permission set {short(tail(arn))}" if arn else "an unnamed permission set"
    judged, deed = _decided(event, lookups, chosen, words)
    return grant(
        event,
        judged,
        did=f"{deed[0]} {deed[2]}",
        tried=f"{deed[1]} {deed[2]}",
        target=chosen,
        effect=lambda found: found.effect("whoever is assigned it can").replace(
            "in this account", "where it is assigned"
        ),
        extra=[
            ("Permission set", arn),
            ("Account", event.text("requestParameters", "targetId")),
            ("Assigned to", event.text("requestParameters", "principalId")),
            ("Policy", event.text("requestParameters", "managedPolicyArn")),
        ],
    )


def _decided(event: Event, lookups: Lookups, chosen: Target, words: str) -> tuple[Judged, tuple[str, str, str]]:
    if event.name == "AttachManagedPolicyToPermissionSet":
        arn = event.text("requestParameters", "managedPolicyArn")
        return judged_managed(arn, lookups), ("attached", "attach", f"{policy_words(arn)} to {words}")
    if event.name == "PutInlinePolicyToPermissionSet":
        document = event.request.get("inlinePolicy")
        judged = judged_document(document) if document is not None else judged_principal(event, lookups, chosen)
        return judged, ("wrote", "write", f"an inline policy into {words}")
    if event.name == "CreateAccountAssignment":
        kind = event.text("requestParameters", "principalType").lower() or "principal"
        account = event.text("requestParameters", "targetId")
        holder = Target(kind=short(kind), name=event.text("requestParameters", "principalId"))
        where = f"account {short(account)}" if account else "an unnamed account"
        return judged_principal(event, lookups, chosen), ("assigned", "assign", f"{words} to {holder.words} in {where}")
    if event.name == "DeletePermissionsBoundaryFromPermissionSet":
        return judged_principal(event, lookups, chosen), ("removed", "remove", f"the permissions boundary of {words}")
    name = event.text("requestParameters", "customerManagedPolicyReference", "name")
    judged = Judged(judgement=None, reason="each account has its own policy of that name")
    return judged, ("attached", "attach", f"the accounts' own policy {short(name)} to {words}")


def _joined(event: Event) -> Concern | Pass:
    group = event.text("requestParameters", "groupId") or "unknown"
    member = event.text("requestParameters", "memberId", "userId") or event.text(
        "requestParameters", "member", "memberId"
    )
    deed = f"{Target(kind='member', name=member).words} into the Identity Center group {short(group)}"
    return Concern(
        summary=sentence(
            event, f"put {deed}", f"put {deed}", "it has whatever the group is assigned, in every account"
        ),
        subject=f"Identity Center group {short(group)}",
        severity=Severity.LOW,  # which groups lead to administrators is not known here
        group=f"identity-center-group:{short(group)}",
        routine=False,
        facts=facts(("Group", group), ("Member", member)),
    )


IDENTITY_CENTER_GRANT = Detection(
    id="identity-center-grant",
    title="Identity Center grants administrator rights",
    why="One permission set reaches every account it is assigned in; the accounts' own IAM shows only automation.",
    severity=Severity.HIGH,
    pattern={
        "source": [f"aws.{service}" for service in _SERVICES],
        "detail-type": [API_CALL],
        "detail": {
            "eventSource": [f"{service}.amazonaws.com" for service in _SERVICES],
            "eventName": sorted((*_SET_CALLS, *_JOINING)),
        },
    },
    assess=assess,
    respond=(
        "Ask whoever made the change for its ticket, and who is meant to get the rights",
        "List who is assigned the permission set, in which accounts, and who is in the group",
        "If nobody can explain it: take the policy or the assignment away and end the sessions",
    ),
    regions=Regions.IDENTITY_CENTER,
    attack=("T1098.003",),
)
