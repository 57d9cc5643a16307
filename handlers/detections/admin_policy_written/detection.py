"""A policy was written that makes its holder administrator: inline, as a new version, or for later."""

from __future__ import annotations

from collections.abc import Callable

from handlers.alerting.detection import Concern, Detection, Exhibit, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.privilege import diff_documents
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import (
    Judged,
    Target,
    grant,
    inline_words,
    judged_answer,
    judged_document,
    judged_managed,
)
from handlers.detections.once import once_an_event
from handlers.detections.words import tail

_INLINE = {
    "PutUserPolicy": ("user", "userName"),
    "PutRolePolicy": ("role", "roleName"),
    "PutGroupPolicy": ("group", "groupName"),
}
_NAMES = (*_INLINE, "CreatePolicy", "CreatePolicyVersion", "SetDefaultPolicyVersion")


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if event.name in _INLINE:
        return _inline(event, lookups)
    if event.name == "CreatePolicy":
        return _created(event, lookups)
    return _version(event, lookups)


def _inline(event: Event, lookups: Lookups) -> Concern | Pass:
    target = Target.of(event, *_INLINE[event.name])
    policy = event.text("requestParameters", "policyName")
    document = event.request.get("policyDocument")
    if document is not None:
        judged = judged_document(document)
    elif target.name and policy:
        judged = judged_answer(lookups.inline_policy(event.account, target.kind, target.name, policy))
    else:
        judged = Judged(judgement=None, reason=phrase("the record holds neither the policy nor its name"))
    return grant(
        event,
        judged,
        did=lambda: phrase("wrote {policy} into {target}", policy=inline_words(policy), target=target.words),
        tried=lambda: phrase("write {policy} into {target}", policy=inline_words(policy), target=target.words),
        target=target,
        extra=[("Inline policy", policy)],
    )


def _created(event: Event, lookups: Lookups) -> Concern | Pass:
    name = event.text("requestParameters", "policyName") or event.text("responseElements", "policy", "policyName")
    arn = event.text("responseElements", "policy", "arn")
    document = event.request.get("policyDocument")
    return grant(
        event,
        judged_document(document) if document is not None else judged_managed(arn, lookups),
        did=lambda: phrase("created {policy}", policy=_managed_words(name)),
        tried=lambda: phrase("create {policy}", policy=_managed_words(name)),
        target=Target(kind="policy", name=name),
        latent=True,
        effect=lambda judged: judged.effect(phrase("once it is attached, its holder can"), later=True),
        extra=[("Policy", arn)],
    )


def _managed_words(name: str) -> str:
    return phrase("the managed policy {name}", name=short(name)) if name else phrase("an unnamed managed policy")


def _version(event: Event, lookups: Lookups) -> Concern | Pass:
    arn = event.text("requestParameters", "policyArn")
    named = event.text("requestParameters", "versionId")
    made = event.text("responseElements", "policyVersion", "versionId")
    version = named or made
    document = event.request.get("policyDocument")
    is_default = event.name == "SetDefaultPolicyVersion" or event.text("requestParameters", "setAsDefault") == "true"
    hidden = event.request_omitted  # then whether it became the default is not recorded either
    judged = judged_document(document) if document is not None else judged_managed(arn, lookups, version=version)
    target = Target(kind="policy", name=tail(arn))
    did, tried = _deed(event, target, version)
    return grant(
        event,
        judged,
        did=did,
        tried=tried,
        target=target,
        latent=not (is_default or hidden),
        effect=None if is_default else _once_default,
        extra=[("Policy", arn), ("Version", version)],
        exhibits=_difference(arn, version, judged, lookups) if event.succeeded else (),
    )


def _deed(event: Event, target: Target, version: str) -> tuple[Callable[[], str], Callable[[], str]]:
    """The deed's phrases: done, and tried."""
    if event.name == "CreatePolicyVersion":
        return (
            lambda: phrase("wrote a new version of {policy}", policy=target.words),
            lambda: phrase("write a new version of {policy}", policy=target.words),
        )
    if not version:
        return (
            lambda: phrase("made another default of {policy}", policy=target.words),
            lambda: phrase("make another default of {policy}", policy=target.words),
        )
    return (
        lambda: phrase("made version {version} the default of {policy}", version=short(version), policy=target.words),
        lambda: phrase("make version {version} the default of {policy}", version=short(version), policy=target.words),
    )


def _once_default(judged: Judged) -> str:
    return judged.effect(phrase("once it is the default, its holder can"), later=True)


def _difference(arn: str, version: str, judged: Judged, lookups: Lookups) -> tuple[Exhibit, ...]:
    """Against the version before, where IAM still has it (it keeps five)."""
    number = version.removeprefix("v")
    if not (arn and number.isdecimal() and len(number) < 9 and int(number) > 1):
        return ()
    before = lookups.managed_policy(arn, version=f"v{int(number) - 1}")
    if isinstance(before, Unknown) or judged.document is None:
        return ()
    title = phrase("Against version v{number}", number=str(int(number) - 1))
    return (Exhibit(title=title, text=diff_documents(before, judged.document)),)


ADMIN_POLICY_WRITTEN = Detection(
    id="admin-policy-written",
    title="Administrator rights written into a policy",
    why="A harmless name says nothing of the content; a new version changes everybody who has the policy, at once.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Read the policy in the message, and ask whoever wrote it for the change's ticket",
        "Find out who has the policy, and what they have done since",
        "If nobody can explain it: restore the version before or delete the policy, and revoke the sessions",
    ),
    regions=Regions.GLOBAL,
    cis=("4.4 (v1.4-v5)", "5.4 (v6-v7)"),
    attack=("T1098.003", "T1484"),
)
