"""The root user: how its sign-ins end, and which calls change its credentials and the ways to recover them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.actor import ActorKind
from handlers.alerting.event import Event
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import service_of

GROUP = "root"  # sign-in, activity and credentials of one account are one conversation

# Written while somebody signs in; what comes of it is ConsoleLogin's to say.
SIGN_IN_STEPS = frozenset({"CheckMfa", "UserAuthentication", "CredentialChallenge", "CredentialVerification"})

_ROOT_NAME = "aws root user"  # what AWS writes as the userName of a call on root's own device
_ROOT_DEVICE = ":mfa/root-account-mfa-device"


def is_root_session(event: Event) -> bool:
    """Root signed in, with a key, or in a session that the organisation opened."""
    return event.actor.kind in (ActorKind.ROOT, ActorKind.ROOT_ASSUMED)


def subject(event: Event) -> str:
    """ "root of 123456789012"."""
    return phrase("root of {account}", account=short(event.account))


def session_of(event: Event) -> str:
    """The conversation of a session that the organization opened, by its access key; AssumeRoot's finding opens it.

    A member's records need not say that their session was assumed (AWS's own example lacks `assumedRoot`), so every
    root session with a key joins that conversation where it exists.
    """
    return assumed_session(event.actor.access_key_id)


def assumed_session(access_key_id: str) -> str:
    """The conversation's name; "" without a key."""
    return f"root-session:{short(access_key_id)}" if access_key_id else ""


def is_switched_off(event: Event) -> bool:
    """Whether UpdateAccessKey makes the key inactive; a request that does not say so may have switched it on."""
    return event.name == "UpdateAccessKey" and event.text("requestParameters", "status").casefold() == "inactive"


def sign_in_result(event: Event) -> str:
    """ "Success", "Failure", or "unknown" where the record says neither.

    A failed sign-in has no errorCode, only the response and an errorMessage (CloudTrail guide, sign-in events).
    """
    for result in ("Success", "Failure"):
        if event.text("responseElements", event.name).casefold() == result.casefold():
            return result
    return "Failure" if event.error is not None else "unknown"


@dataclass(frozen=True, kw_only=True)
class CredentialChange:
    """One way to change what root signs in with, or how it is recovered."""

    did: str
    tried: str
    effect: str
    severity: Severity = Severity.CRITICAL


_NEW_PASSWORD = phrase("the old password no longer works")
# "set" and "reset" are the same before and after the deed, in English alone.
_RECOVERED = phrase("set a new {password} by recovery", password=phrase("root password"))
_RECOVER = phrase("set a {password} by recovery", password=phrase("new root password"))
_RESET_IT = phrase("reset the {password}", password=phrase("root password"))
_RESET = phrase("reset {password}", password=phrase("the root password"))
_NEW_MAIL = phrase("recovery mail goes to the new address")
_NEW_CONTACT = phrase("AWS calls this contact when root has to be recovered")
_WEAKER = phrase("root's sign-in has one factor less")
_CERTIFICATE = phrase("whoever holds it can act as root, with no second factor")

# Root's alone: no other identity has these (CloudTrail guide, root user sign-in events; Account Management reference).
OF_THE_ACCOUNT: Mapping[tuple[str, str], CredentialChange] = {
    ("signin", "PasswordRecoveryRequested"): CredentialChange(
        did=phrase("asked for a new root password by e-mail"),
        tried=phrase("ask for a new root password by e-mail"),
        effect=phrase("whoever reads root's mailbox can now set it"),
        severity=Severity.HIGH,  # anyone who knows the address can press the button
    ),
    ("signin", "PasswordRecoveryCompleted"): CredentialChange(did=_RECOVERED, tried=_RECOVER, effect=_NEW_PASSWORD),
    ("signin", "PasswordUpdated"): CredentialChange(
        did=phrase("changed the root password"), tried=phrase("change the root password"), effect=_NEW_PASSWORD
    ),
    ("signin", "EmailUpdated"): CredentialChange(
        did=phrase("changed root's e-mail address"), tried=phrase("change root's e-mail address"), effect=_NEW_MAIL
    ),
    ("account", "StartPrimaryEmailUpdate"): CredentialChange(
        did=phrase("began to change root's e-mail address"),
        tried=phrase("begin to change root's e-mail address"),
        effect=phrase("a code sent to the new address completes it"),
    ),
    ("account", "AcceptPrimaryEmailUpdate"): CredentialChange(
        did=phrase("changed root's e-mail address"), tried=phrase("change root's e-mail address"), effect=_NEW_MAIL
    ),
    ("account", "PutContactInformation"): CredentialChange(
        did=phrase("changed the account's contact"),
        tried=phrase("change the account's contact"),
        effect=_NEW_CONTACT,
        severity=Severity.HIGH,
    ),
    ("billingconsole", "SetContactAddress"): CredentialChange(
        did=phrase("changed the account's contact"),
        tried=phrase("change the account's contact"),
        effect=_NEW_CONTACT,
        severity=Severity.HIGH,
    ),
    ("account", "PutAlternateContact"): CredentialChange(
        did=phrase("changed an alternate contact of the account"),
        tried=phrase("change an alternate contact of the account"),
        effect=phrase("AWS writes there about security, billing or operations"),
        severity=Severity.MEDIUM,
    ),
    ("account", "DeleteAlternateContact"): CredentialChange(
        did=phrase("removed an alternate contact of the account"),
        tried=phrase("remove an alternate contact of the account"),
        effect=phrase("AWS no longer writes there about security, billing or operations"),
        severity=Severity.MEDIUM,
    ),
}

# IAM's calls, which count where it is root's own credential.
OF_IAM: Mapping[str, CredentialChange] = {
    "ChangePassword": CredentialChange(
        did=phrase("changed the root password"), tried=phrase("change the root password"), effect=_NEW_PASSWORD
    ),
    "CreateLoginProfile": CredentialChange(
        did=phrase("gave root a password"),
        tried=phrase("give root a password"),
        effect=phrase("root can now sign in to the console"),
    ),
    "UpdateLoginProfile": CredentialChange(did=_RESET_IT, tried=_RESET, effect=_NEW_PASSWORD),
    "DeleteLoginProfile": CredentialChange(
        did=phrase("removed root's password"),
        tried=phrase("remove root's password"),
        effect=phrase("root can no longer sign in with one"),
        severity=Severity.MEDIUM,
    ),
    "EnableMFADevice": CredentialChange(
        did=phrase("gave root another MFA device"),
        tried=phrase("give root another MFA device"),
        effect=phrase("it now serves to sign in as root"),
        severity=Severity.HIGH,
    ),
    "DeactivateMFADevice": CredentialChange(
        did=phrase("took an MFA device from root"), tried=phrase("take an MFA device from root"), effect=_WEAKER
    ),
    "DeleteVirtualMFADevice": CredentialChange(
        did=phrase("deleted an MFA device of root"), tried=phrase("delete an MFA device of root"), effect=_WEAKER
    ),
    "ResyncMFADevice": CredentialChange(
        did=phrase("resynchronised root's MFA device"),
        tried=phrase("resynchronise root's MFA device"),
        effect=phrase("whoever did it holds the device"),
        severity=Severity.MEDIUM,
    ),
    "UpdateAccessKey": CredentialChange(
        did=phrase("switched an access key of root off"),
        tried=phrase("switch an access key of root off"),
        effect=phrase("whatever used it stops working"),
        severity=Severity.MEDIUM,
    ),
    "DeleteAccessKey": CredentialChange(
        did=phrase("deleted an access key of root"),
        tried=phrase("delete an access key of root"),
        effect=phrase("whatever used it stops working"),
        severity=Severity.MEDIUM,
    ),
    "UploadSigningCertificate": CredentialChange(
        did=phrase("uploaded a signing certificate for root"),
        tried=phrase("upload a signing certificate for root"),
        effect=_CERTIFICATE,
    ),
    "UpdateSigningCertificate": CredentialChange(
        did=phrase("switched a signing certificate of root on or off"),
        tried=phrase("switch a signing certificate of root on or off"),
        effect=_CERTIFICATE,
    ),
    "DeleteSigningCertificate": CredentialChange(
        did=phrase("deleted a signing certificate of root"),
        tried=phrase("delete a signing certificate of root"),
        effect=phrase("whatever used it stops working"),
        severity=Severity.MEDIUM,
    ),
}


def credential_change(event: Event) -> CredentialChange | None:
    """What this record changes about root's credentials; None where it is not about them."""
    service, name = service_of(event), event.text("eventName")
    if service == "iam":
        is_announced_apart = name == "UpdateAccessKey" and not is_switched_off(event)  # root-access-key-created
        return OF_IAM.get(name) if targets_root(event) and not is_announced_apart else None
    if service == "signin" and event.actor.kind is ActorKind.IAM_USER:
        return None  # a user's own password
    return OF_THE_ACCOUNT.get((service, name))


def targets_root(event: Event) -> bool:
    """Whether an IAM call on a credential is about root's own rather than a user's.

    IAM takes the caller where no user is named; the parameters are then null. A user may be *called* root: the name
    alone says nothing.
    """
    serial = event.text("requestParameters", "serialNumber")
    name = event.text("requestParameters", "userName")
    if name.casefold() == _ROOT_NAME or serial.endswith(_ROOT_DEVICE):
        return True
    own = event.text("userIdentity", "userName")  # the account's alias, where root has one
    return is_root_session(event) and (not name or name == own)
