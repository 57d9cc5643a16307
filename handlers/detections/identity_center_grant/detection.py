"""Identity Center gave somebody administrator rights: by a permission set, an assignment or a group."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import API_CALL, OTHER_CALL, is_call
from handlers.detections.grants import (
    WHERE_ASSIGNED,
    Judged,
    Target,
    grant,
    judged_document,
    judged_managed,
    judged_principal,
    policy_words,
)
from handlers.detections.words import facts, sentence, tail

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

_Say = Callable[[], str]


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if any(is_call(event, service, (name,)) for name, service in _JOINING.items()):
        return _joined(event)
    if not is_call(event, "sso", _SET_CALLS):
        return OTHER_CALL
    arn = event.text("requestParameters", "permissionSetArn")
    chosen = Target(kind="permission set", name=arn)
    judged, did, tried = _decided(event, lookups, chosen)
    return grant(
        event,
        judged,
        did=did,
        tried=tried,
        target=chosen,
        effect=lambda found: found.effect(phrase("whoever is assigned it can"), ability=WHERE_ASSIGNED),
        extra=[
            ("Permission set", arn),
            ("Account", event.text("requestParameters", "targetId")),
            ("Assigned to", event.text("requestParameters", "principalId")),
            ("Policy", event.text("requestParameters", "managedPolicyArn")),
        ],
    )


def _set_words(chosen: Target) -> str:
    if not chosen.name:
        return phrase("an unnamed permission set")
    return phrase("the permission set {name}", name=short(tail(chosen.name)))


def _decided(event: Event, lookups: Lookups, chosen: Target) -> tuple[Judged, _Say, _Say]:
    """What it amounts to, and the deed's phrases: done, and tried."""
    if event.name == "PutInlinePolicyToPermissionSet":
        document = event.request.get("inlinePolicy")
        return (
            judged_document(document) if document is not None else judged_principal(event, lookups, chosen),
            lambda: phrase("wrote an inline policy into {target}", target=_set_words(chosen)),
            lambda: phrase("write an inline policy into {target}", target=_set_words(chosen)),
        )
    if event.name == "CreateAccountAssignment":
        return (
            judged_principal(event, lookups, chosen),
            lambda: phrase("assigned {set} to {holder} in {where}", set=_set_words(chosen), **_assignment(event)),
            lambda: phrase("assign {set} to {holder} in {where}", set=_set_words(chosen), **_assignment(event)),
        )
    if event.name == "DeletePermissionsBoundaryFromPermissionSet":
        return (
            judged_principal(event, lookups, chosen),
            lambda: phrase("removed the permissions boundary of {target}", target=_set_words(chosen)),
            lambda: phrase("remove the permissions boundary of {target}", target=_set_words(chosen)),
        )
    if event.name == "AttachManagedPolicyToPermissionSet":
        arn = event.text("requestParameters", "managedPolicyArn")
        judged, policy = judged_managed(arn, lookups), partial(policy_words, arn)
    else:
        name = event.text("requestParameters", "customerManagedPolicyReference", "name")
        judged = Judged(judgement=None, reason=phrase("each account has its own policy of that name"))
        policy = partial(_accounts_own, name)
    return (
        judged,
        lambda: phrase("attached {policy} to {target}", policy=policy(), target=_set_words(chosen)),
        lambda: phrase("attach {policy} to {target}", policy=policy(), target=_set_words(chosen)),
    )


def _accounts_own(name: str) -> str:
    return phrase("the accounts' own policy {name}", name=short(name))


def _assignment(event: Event) -> dict[str, str]:
    """To whom, and where."""
    kind = event.text("requestParameters", "principalType").lower() or "principal"
    account = event.text("requestParameters", "targetId")
    return {
        "holder": Target(kind=short(kind), name=event.text("requestParameters", "principalId")).words,
        "where": phrase("account {account}", account=short(account)) if account else phrase("an unnamed account"),
    }


def _joined(event: Event) -> Concern | Pass:
    group = event.text("requestParameters", "groupId") or "unknown"
    member = event.text("requestParameters", "memberId", "userId") or event.text(
        "requestParameters", "member", "memberId"
    )
    words = Target(kind="member", name=member).words
    return Concern(
        summary=sentence(
            event,
            phrase("put {member} into the Identity Center group {group}", member=words, group=short(group)),
            phrase("put {who} into the Identity Center group {group}", who=words, group=short(group)),
            phrase("it has whatever the group is assigned, in every account"),
        ),
        subject=phrase("Identity Center group {group}", group=short(group)),
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
