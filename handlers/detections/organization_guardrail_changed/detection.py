"""What the organization holds its accounts to was changed, or an account left its reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.words import facts, is_denied, lowered, request_exhibit, sentence, short


@dataclass(frozen=True, kw_only=True)
class _Change:
    did: str
    tried: str
    effect: str
    severity: Severity


def _change(did: str, tried: str, effect: str, severity: Severity = Severity.HIGH) -> _Change:
    return _Change(did=did, tried=tried, effect=effect, severity=severity)


_CHANGES: Mapping[str, _Change] = {
    "DetachPolicy": _change("detached a policy", "detach a policy", "what it forbade there is no longer forbidden"),
    "UpdatePolicy": _change("rewrote a policy", "rewrite a policy", "it holds at once wherever it is attached"),
    "DeletePolicy": _change("deleted a policy", "delete a policy", "it cannot be attached any more", Severity.MEDIUM),
    "AttachPolicy": _change("attached a policy", "attach a policy", "it holds there from now on", Severity.LOW),
    "DisablePolicyType": _change(
        "switched a kind of policy off",
        "switch a kind of policy off",
        "all policies of that kind are detached everywhere",
    ),
    "EnablePolicyType": _change(
        "switched a kind of policy on",
        "switch a kind of policy on",
        "policies of that kind can be attached",
        Severity.LOW,
    ),
    "PutResourcePolicy": _change(
        "changed who may manage the organization's policies",
        "change who may manage the organization's policies",
        "members may have got that right",
    ),
    "RegisterDelegatedAdministrator": _change(
        "made an account administrator of a service",
        "make an account administrator of a service",
        "that account acts for the whole organization in it",
    ),
    "DeregisterDelegatedAdministrator": _change(
        "took a service's administration from an account",
        "take a service's administration from an account",
        "what that account watched may be unwatched",
        Severity.MEDIUM,
    ),
    "EnableAWSServiceAccess": _change(
        "let a service act in every account",
        "let a service act in every account",
        "it has a role in each",
        Severity.MEDIUM,
    ),
    "DisableAWSServiceAccess": _change(
        "stopped a service from acting in every account",
        "stop a service from acting in every account",
        "what it recorded or enforced may end",
        Severity.HIGH,
    ),
    "LeaveOrganization": _change(
        "took this account out of the organization",
        "take this account out of the organization",
        "no policy of the organization holds it, and its trail no longer reaches it",
    ),
    "RemoveAccountFromOrganization": _change(
        "removed an account from the organization",
        "remove an account from the organization",
        "no policy of the organization holds it, and its trail no longer reaches it",
    ),
    "CloseAccount": _change("closed an account", "close an account", "its resources are gone after 90 days"),
    "DeleteOrganization": _change("deleted the organization", "delete the organization", "none of its policies hold"),
    "MoveAccount": _change(
        "moved an account to another unit",
        "move an account to another unit",
        "other policies hold there",
        Severity.MEDIUM,
    ),
    "CreateAccount": _change(
        "created an account", "create an account", "it comes with a role of full rights", Severity.MEDIUM
    ),
    "CreateGovCloudAccount": _change(
        "created an account", "create an account", "it comes with a role of full rights", Severity.MEDIUM
    ),
    "InviteAccountToOrganization": _change(
        "invited an account", "invite an account", "it joins when it accepts", Severity.MEDIUM
    ),
    "AcceptHandshake": _change(
        "accepted an invitation to an organization",
        "accept an invitation to an organization",
        "its management account can take over this one",
        Severity.HIGH,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "organizations", _CHANGES):
        return OTHER_CALL
    change = _CHANGES[event.name]
    policy = event.text("requestParameters", "policyId")
    target = event.text("requestParameters", "targetId") or event.text("requestParameters", "accountId")
    named = f" {short(policy)}" if policy else ""
    at = f" ({short(target)})" if target else ""
    return Concern(
        summary=sentence(event, f"{change.did}{named}{at}", f"{change.tried}{named}{at}", change.effect),
        subject=short(policy or target or "the organization"),
        severity=change.severity if event.succeeded else lowered(change.severity, 1 if is_denied(event) else 2),
        group="organization",
        facts=facts(
            ("Policy", policy),
            ("Account or unit", target),
            ("Kind of policy", event.text("requestParameters", "policyType")),
            ("Service", event.text("requestParameters", "servicePrincipal")),
        ),
        exhibits=request_exhibit(event),
    )


ORGANIZATION_GUARDRAIL_CHANGED = Detection(
    id="organization-guardrail-changed",
    title="A guardrail of the organization changed",
    why="The organization's policies bind even administrators and root of its members: without them nothing does.",
    severity=Severity.HIGH,
    pattern=api_calls("organizations", _CHANGES),
    assess=assess,
    respond=(
        "Ask whoever runs the organization for the change's ticket",
        "List which policies hold where now, and what changed",
        "If nobody can explain it: attach the policies again and cut off whoever changed them",
    ),
    regions=Regions.GLOBAL,
    cis=("4.15 (v1.4-v5)", "5.15 (v6-v7)"),
    attack=("T1484.001", "T1666"),
)
