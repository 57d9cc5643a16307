"""What the organization holds its accounts to was changed, or an account left its reach."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.words import facts, is_denied, lowered, request_exhibit, sentence


@dataclass(frozen=True, kw_only=True)
class _Change:
    did: str  # a phrase, as the others
    tried: str
    effect: str
    severity: Severity


def _change(did: str, tried: str, effect: str, severity: Severity = Severity.HIGH) -> _Change:
    return _Change(did=did, tried=tried, effect=effect, severity=severity)


_CHANGES: Mapping[str, _Change] = {
    "DetachPolicy": _change(
        phrase("detached a policy"), phrase("detach a policy"), phrase("what it forbade there is no longer forbidden")
    ),
    "UpdatePolicy": _change(
        phrase("rewrote a policy"), phrase("rewrite a policy"), phrase("it holds at once wherever it is attached")
    ),
    "DeletePolicy": _change(
        phrase("deleted a policy"), phrase("delete a policy"), phrase("it cannot be attached any more"), Severity.MEDIUM
    ),
    "AttachPolicy": _change(
        phrase("attached a policy"), phrase("attach a policy"), phrase("it holds there from now on"), Severity.LOW
    ),
    "DisablePolicyType": _change(
        phrase("switched a kind of policy off"),
        phrase("switch a kind of policy off"),
        phrase("all policies of that kind are detached everywhere"),
    ),
    "EnablePolicyType": _change(
        phrase("switched a kind of policy on"),
        phrase("switch a kind of policy on"),
        phrase("policies of that kind can be attached"),
        Severity.LOW,
    ),
    "PutResourcePolicy": _change(
        phrase("changed who may manage the organization's policies"),
        phrase("change who may manage the organization's policies"),
        phrase("members may have got that right"),
    ),
    "RegisterDelegatedAdministrator": _change(
        phrase("made an account administrator of a service"),
        phrase("make an account administrator of a service"),
        phrase("that account acts for the whole organization in it"),
    ),
    "DeregisterDelegatedAdministrator": _change(
        phrase("took a service's administration from an account"),
        phrase("take a service's administration from an account"),
        phrase("what that account watched may be unwatched"),
        Severity.MEDIUM,
    ),
    "EnableAWSServiceAccess": _change(
        phrase("let a service act in every account"),
        phrase("let {service} act in every account", service=phrase("a service")),
        phrase("it has a role in each"),
        Severity.MEDIUM,
    ),
    "DisableAWSServiceAccess": _change(
        phrase("stopped a service from acting in every account"),
        phrase("stop a service from acting in every account"),
        phrase("what it recorded or enforced may end"),
        Severity.HIGH,
    ),
    "LeaveOrganization": _change(
        phrase("took this account out of the organization"),
        phrase("take this account out of the organization"),
        phrase("no policy of the organization holds it, and its trail no longer reaches it"),
    ),
    "RemoveAccountFromOrganization": _change(
        phrase("removed an account from the organization"),
        phrase("remove an account from the organization"),
        phrase("no policy of the organization holds it, and its trail no longer reaches it"),
    ),
    "CloseAccount": _change(
        phrase("closed an account"), phrase("close an account"), phrase("its resources are gone after 90 days")
    ),
    "DeleteOrganization": _change(
        phrase("deleted the organization"), phrase("delete the organization"), phrase("none of its policies hold")
    ),
    "MoveAccount": _change(
        phrase("moved an account to another unit"),
        phrase("move an account to another unit"),
        phrase("other policies hold there"),
        Severity.MEDIUM,
    ),
    "CreateAccount": _change(
        phrase("created an account"),
        phrase("create an account"),
        phrase("it comes with a role of full rights"),
        Severity.MEDIUM,
    ),
    "CreateGovCloudAccount": _change(
        phrase("created an account"),
        phrase("create an account"),
        phrase("it comes with a role of full rights"),
        Severity.MEDIUM,
    ),
    "InviteAccountToOrganization": _change(
        phrase("invited an account"), phrase("invite an account"), phrase("it joins when it accepts"), Severity.MEDIUM
    ),
    "AcceptHandshake": _change(
        phrase("accepted an invitation to an organization"),
        phrase("accept an invitation to an organization"),
        phrase("its management account can take over this one"),
        Severity.HIGH,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "organizations", _CHANGES):
        return OTHER_CALL
    change = _CHANGES[event.name]
    policy = event.text("requestParameters", "policyId")
    target = event.text("requestParameters", "targetId") or event.text("requestParameters", "accountId")
    did, tried = change.did, change.tried
    if at := _what_and_where(policy, target):
        did, tried = phrase("{did} {at}", did=did, at=at), phrase("{tried} {at}", tried=tried, at=at)
    return Concern(
        summary=sentence(event, did, tried, change.effect),
        subject=short(policy or target) or phrase("the organization"),
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


def _what_and_where(policy: str, target: str) -> str:
    """As far as the request names them."""
    if policy and target:
        return phrase("{policy} ({target})", policy=short(policy), target=short(target))
    if policy:
        return phrase("{policy}", policy=short(policy))
    return phrase("({target})", target=short(target)) if target else ""


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
