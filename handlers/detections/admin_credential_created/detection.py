"""Somebody got, or reset, a credential of an administrator."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.alerting.actor import ActorKind
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.privilege import Verdict
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.grants import Target, judged_principal
from handlers.detections.words import facts, lowered, sentence

_Say = Callable[[str], str]
# What was done to the user's credential, and what one would have tried.
_CALLS: Mapping[str, tuple[_Say, _Say]] = {
    "CreateAccessKey": (
        lambda user: phrase("created an access key for {user}", user=user),
        lambda whom: phrase("create an access key for {whom}", whom=whom),
    ),
    "UpdateAccessKey": (
        lambda user: phrase("switched on an access key of {user}", user=user),
        lambda whom: phrase("switch on an access key of {whom}", whom=whom),
    ),
    "CreateLoginProfile": (
        lambda user: phrase("gave a console password to {user}", user=user),
        lambda whom: phrase("give a console password to {whom}", whom=whom),
    ),
    "UpdateLoginProfile": (
        lambda user: phrase("reset the console password of {user}", user=user),
        lambda whom: phrase("reset the console password of {whom}", whom=whom),
    ),
    "DeactivateMFADevice": (
        lambda user: phrase("took an MFA device from {user}", user=user),
        lambda whom: phrase("take an MFA device from {whom}", whom=whom),
    ),
    "CreateServiceSpecificCredential": (
        lambda user: phrase("created a service password for {user}", user=user),
        lambda whom: phrase("create a service password for {whom}", whom=whom),
    ),
    "ResetServiceSpecificCredential": (
        lambda user: phrase("reset a service password of {user}", user=user),
        lambda whom: phrase("reset a service password of {whom}", whom=whom),
    ),
    "UploadSigningCertificate": (
        lambda user: phrase("uploaded a signing certificate for {user}", user=user),
        lambda whom: phrase("upload a signing certificate for {whom}", whom=whom),
    ),
    "UploadSSHPublicKey": (
        lambda user: phrase("uploaded an SSH key for {user}", user=user),
        lambda whom: phrase("upload an SSH key for {whom}", whom=whom),
    ),
}
_SEVERITY = {
    Verdict.ADMINISTRATOR: Severity.HIGH,
    Verdict.ADMINISTRATOR_UNDER_CONDITION: Severity.HIGH,
    Verdict.CAN_BECOME_ADMINISTRATOR: Severity.MEDIUM,
    Verdict.COULD_NOT_JUDGE: Severity.MEDIUM,
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _CALLS):
        return OTHER_CALL
    if root.targets_root(event):
        return Pass(reason="it is root's own credential: other detections announce it")
    if event.name == "UpdateAccessKey" and root.is_switched_off(event):
        return Pass(reason="the key is switched off")
    if not event.request and not event.succeeded:
        return Pass(reason="a denied call names nobody: admin-attempts-denied counts it")
    target = _target(event)
    rights = judged_principal(event, lookups, target)
    if rights.is_harmless:
        return Pass(reason=f"its owner is no administrator: {rights.reason}")
    severity = _SEVERITY[rights.verdict]
    is_own = event.actor.kind is ActorKind.IAM_USER and event.actor.name == target.name
    if is_own:
        severity = lowered(severity)  # rotating one's own credentials is what people should do
    did, tried = _CALLS[event.name]
    user = phrase("their own user {name}", name=short(target.name)) if is_own else target.words
    effect = (
        phrase("the sign-in has one factor less, and {rights}", rights=rights.held_by(target.again))
        if event.name == "DeactivateMFADevice"
        else phrase("whoever holds it acts as that user, {rights}", rights=rights.held_by(phrase("which")))
    )
    return Concern(
        summary=sentence(event, did(user), tried(user), effect),
        subject=target.subject,
        severity=severity if event.succeeded else lowered(severity, 2),
        group=target.group(event),
        routine=rights.is_routine,
        facts=facts(
            ("New access key", event.text("responseElements", "accessKey", "accessKeyId")),
            ("MFA device", event.text("requestParameters", "serialNumber")),
            ("What the user may do", rights.reason),
        ),
    )


def _target(event: Event) -> Target:
    """IAM takes the caller where no user is named; the response may name it."""
    named = Target.of(event, "user", "userName")
    own = event.text("userIdentity", "userName") if event.actor.kind is ActorKind.IAM_USER else ""
    return named if named.name else Target(kind="user", name=own)


ADMIN_CREDENTIAL_CREATED = Detection(
    id="admin-credential-created",
    title="A new credential of an administrator",
    why="No right changes hands, and yet somebody else may be the administrator now.",
    severity=Severity.HIGH,
    pattern=api_calls("iam", _CALLS),
    assess=assess,
    respond=(
        "Ask the administrator whose credential it is whether they wanted it",
        "Read what has been done with the credential since",
        "If they did not: switch it off, and cut off whoever made it",
    ),
    regions=Regions.GLOBAL,
    attack=("T1098.001", "T1556.006"),
)
