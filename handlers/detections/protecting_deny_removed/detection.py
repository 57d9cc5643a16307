"""A policy that denied something was taken away from somebody."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from handlers.alerting.detection import Concern, Detection, Exhibit, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups, Unknown
from handlers.alerting.privilege import weakened_by_removal
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, inline_words, policy_words
from handlers.detections.once import once_an_event
from handlers.detections.words import facts, lowered, pretty, sentence, tail

_DETACH = {
    "DetachUserPolicy": ("user", "userName"),
    "DetachRolePolicy": ("role", "roleName"),
    "DetachGroupPolicy": ("group", "groupName"),
}
_DELETE = {
    "DeleteUserPolicy": ("user", "userName"),
    "DeleteRolePolicy": ("role", "roleName"),
    "DeleteGroupPolicy": ("group", "groupName"),
}
_DELETED = phrase("a deleted policy cannot be read")
# A deleted inline policy cannot be read any more: then its name is all there is. AWS's own are among these.
_PROTECTING_WORDS = ("deny", "quarantine", "exposed", "revoke", "guard", "restrict", "protect", "block", "lockdown")


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", {**_DETACH, **_DELETE}):
        return OTHER_CALL
    if not event.request:
        return Pass(reason="a denied call names no policy: admin-attempts-denied counts it")
    return _detached(event, lookups) if event.name in _DETACH else _deleted(event, lookups)


def _detached(event: Event, lookups: Lookups) -> Concern | Pass:
    arn = event.text("requestParameters", "policyArn")
    document = lookups.managed_policy(arn) if arn else Unknown(reason=phrase("the record does not name the policy"))
    if isinstance(document, Unknown):
        reason = phrase("it could not be read: {reason}", reason=document.reason)
        return _by_name(event, Target.of(event, *_DETACH[event.name]), tail(arn), partial(policy_words, arn), reason)
    weakening = weakened_by_removal(document)
    if not weakening:
        return Pass(reason=weakening.reason)
    return _concern(
        event,
        Target.of(event, *_DETACH[event.name]),
        policy_words(arn),
        why=weakening.reason,
        effect=weakening.effect,
        severity=Severity.HIGH,
        exhibits=(Exhibit(title="The policy", text=pretty(document)),),
    )


def _deleted(event: Event, _lookups: Lookups) -> Concern | Pass:
    name = event.text("requestParameters", "policyName")
    target = Target.of(event, *_DELETE[event.name])
    return _by_name(event, target, name, partial(inline_words, name), _DELETED)


def _by_name(event: Event, target: Target, name: str, words: Callable[[], str], reason: str) -> Concern | Pass:
    if not any(word in name.casefold() for word in _PROTECTING_WORDS):
        return Pass(reason=f"its name does not speak of protection, and {short(reason)}")
    why = phrase("going by its name it denied something ({reason})", reason=short(reason))
    return _concern(event, target, words(), why=why, effect=why, severity=Severity.MEDIUM)


def _concern(
    event: Event,
    target: Target,
    words: str,
    *,
    why: str,
    effect: str,
    severity: Severity,
    exhibits: tuple[Exhibit, ...] = (),
) -> Concern:
    return Concern(
        summary=sentence(
            event,
            phrase("took {policy} from {target}", policy=words, target=target.words),
            phrase("take {policy} from {target}", policy=words, target=target.words),
            effect,
        ),
        subject=target.subject,
        severity=severity if event.succeeded else lowered(severity, 2),
        group=target.group(event),
        routine=False,
        facts=facts(("Policy", event.text("requestParameters", "policyArn")), ("Why", why)),
        exhibits=exhibits,
    )


PROTECTING_DENY_REMOVED = Detection(
    id="protecting-deny-removed",
    title="A protecting policy was removed",
    why="A deny holds back what other policies allow: taking it away grants rights without a policy that grants.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", {**_DETACH, **_DELETE}),
    assess=assess,
    respond=(
        "Ask whoever removed it for the change's ticket",
        "Read what its holder has done since the protection is gone",
        "If nobody can explain it: attach the policy again and revoke both sessions",
    ),
    regions=Regions.GLOBAL,
    cis=("4.4 (v1.4-v5)", "5.4 (v6-v7)"),
    attack=("T1098.003", "T1562"),
)
