"""The root user: how its sign-ins end, and which calls change its credentials and the ways to recover them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from handlers.alerting.actor import ActorKind
from handlers.alerting.event import Event
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import service_of
from handlers.detections.words import short

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


_NEW_PASSWORD = "the old password no longer works"  # noqa: S105  # a sentence
_NEW_MAIL = "recovery mail goes to the new address"
_NEW_CONTACT = "AWS calls this contact when root has to be recovered"
_WEAKER = "root's sign-in has one factor less"
_CERTIFICATE = "whoever holds it can act as root, with no second factor"

# Root's alone: no other identity has these (CloudTrail guide, root user sign-in events; Account Management reference).
OF_THE_ACCOUNT: Mapping[tuple[str, str], CredentialChange] = {
    ("signin", "PasswordRecoveryRequested"): CredentialChange(
        did="asked for a new root password by e-mail",
        tried="ask for a new root password by e-mail",
        effect="whoever reads root's mailbox can now set it",
        severity=Severity.HIGH,  # anyone who knows the address can press the button
    ),
    ("signin", "PasswordRecoveryCompleted"): CredentialChange(
        did="set a new root password by recovery", tried="set a new root password by recovery", effect=_NEW_PASSWORD
    ),
    ("signin", "PasswordUpdated"): CredentialChange(
        did="changed the root password", tried="change the root password", effect=_NEW_PASSWORD
    ),
    ("signin", "EmailUpdated"): CredentialChange(
        did="changed root's e-mail address", tried="change root's e-mail address", effect=_NEW_MAIL
    ),
    ("account", "StartPrimaryEmailUpdate"): CredentialChange(
        did="began to change root's e-mail address",
        tried="begin to change root's e-mail address",
        effect="a code sent to the new address completes it",
    ),
    ("account", "AcceptPrimaryEmailUpdate"): CredentialChange(
        did="changed root's e-mail address", tried="change root's e-mail address", effect=_NEW_MAIL
    ),
    ("account", "PutContactInformation"): CredentialChange(
        did="changed the account's contact",
        tried="change the account's contact",
        effect=_NEW_CONTACT,
        severity=Severity.HIGH,
    ),
    ("billingconsole", "SetContactAddress"): CredentialChange(
        did="changed the account's contact",
        tried="change the account's contact",
        effect=_NEW_CONTACT,
        severity=Severity.HIGH,
    ),
    ("account", "PutAlternateContact"): CredentialChange(
        did="changed an alternate contact of the account",
        tried="change an alternate contact of the account",
        effect="AWS writes there about security, billing or operations",
        severity=Severity.MEDIUM,
    ),
    ("account", "DeleteAlternateContact"): CredentialChange(
        did="removed an alternate contact of the account",
        tried="remove an alternate contact of the account",
        effect="AWS no longer writes there about security, billing or operations",
        severity=Severity.MEDIUM,
    ),
}

# IAM's calls, which count where it is root's own credential.
OF_IAM: Mapping[str, CredentialChange] = {
    "ChangePassword": CredentialChange(
        did="changed the root password", tried="change the root password", effect=_NEW_PASSWORD
    ),
    "CreateLoginProfile": CredentialChange(
        did="gave root a password", tried="give root a password", effect="root can now sign in to the console"
    ),
    "UpdateLoginProfile": CredentialChange(
        did="reset the root password", tried="reset the root password", effect=_NEW_PASSWORD
    ),
    "DeleteLoginProfile": CredentialChange(
        did="removed root's password",
        tried="remove root's password",
        effect="root can no longer sign in with one",
        severity=Severity.MEDIUM,
    ),
    "EnableMFADevice": CredentialChange(
        did="gave root another MFA device",
        tried="give root another MFA device",
        effect="it now serves to sign in as root",
        severity=Severity.HIGH,
    ),
    "DeactivateMFADevice": CredentialChange(
        did="took an MFA device from root", tried="take an MFA device from root", effect=_WEAKER
    ),
    "DeleteVirtualMFADevice": CredentialChange(
        did="deleted an MFA device of root", tried="delete an MFA device of root", effect=_WEAKER
    ),
    "ResyncMFADevice": CredentialChange(
        did="resynchronised root's MFA device",
        tried="resynchronise root's MFA device",
        effect="whoever did it holds the device",
        severity=Severity.MEDIUM,
    ),
    "UpdateAccessKey": CredentialChange(
        did="switched an access key of root off",
        tried="switch an access key of root off",
        effect="whatever used it stops working",
        severity=Severity.MEDIUM,
    ),
    "DeleteAccessKey": CredentialChange(
        did="deleted an access key of root",
        tried="delete an access key of root",
        effect="whatever used it stops working",
        severity=Severity.MEDIUM,
    ),
    "UploadSigningCertificate": CredentialChange(
        did="uploaded a signing certificate for root",
        tried="upload a signing certificate for root",
        effect=_CERTIFICATE,
    ),
    "UpdateSigningCertificate": CredentialChange(
        did="switched a signing certificate of root on or off",
        tried="switch a signing certificate of root on or off",
        effect=_CERTIFICATE,
    ),
    "DeleteSigningCertificate": CredentialChange(
        did="deleted a signing certificate of root",
        tried="delete a signing certificate of root",
        effect="whatever used it stops working",
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
