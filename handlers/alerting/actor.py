"""An actor: who did it, as far as the record tells, with root's classes told apart."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Self

# Older console records carry this in `invokedBy` with a person behind it; every other value is an AWS service.
_CONSOLE = "signin.amazonaws.com"
_HIDDEN = "HIDDEN_DUE_TO_SECURITY_REASONS"


class ActorKind(StrEnum):
    """What kind of identity acted; the value is how people read it."""

    ROOT = "root user"
    ROOT_BY_AWS = "AWS acting for the account"
    ROOT_ASSUMED = "root session opened by the organisation (AssumeRoot)"
    ROOT_FEDERATED = "federated session of root"
    IAM_USER = "IAM user"
    ROLE = "role session"
    FEDERATED_USER = "federated user"
    IDENTITY_CENTER_USER = "Identity Center user"
    SAML_USER = "SAML user"
    WEB_IDENTITY_USER = "web identity user"
    ACCOUNT = "another AWS account"
    AWS_SERVICE = "AWS service"
    UNKNOWN = "unknown identity"


_ROOT_SESSIONS = frozenset({ActorKind.ROOT, ActorKind.ROOT_ASSUMED, ActorKind.ROOT_FEDERATED})

_KINDS = {
    "IAMUser": ActorKind.IAM_USER,
    "AssumedRole": ActorKind.ROLE,
    "Role": ActorKind.ROLE,
    "FederatedUser": ActorKind.FEDERATED_USER,
    "IdentityCenterUser": ActorKind.IDENTITY_CENTER_USER,
    "SAMLUser": ActorKind.SAML_USER,
    "WebIdentityUser": ActorKind.WEB_IDENTITY_USER,
    "AWSAccount": ActorKind.ACCOUNT,
    "AWSService": ActorKind.AWS_SERVICE,
}


class Mfa(StrEnum):
    """Whether a second factor was used; unknown is not "no"."""

    YES = "yes"
    NO = "no"
    UNKNOWN = "unknown"


@dataclass(frozen=True, kw_only=True)
class Actor:
    """One identity, resolved from `userIdentity`. Every text in it was chosen by whoever made the call."""

    kind: ActorKind
    name: str  # short, for a headline: "root", "alice", "Admin/alice" (role/session)
    arn: str = ""
    account: str = ""
    principal_id: str = ""
    access_key_id: str = ""
    role_arn: str = ""  # the role behind a session
    session_name: str = ""
    source_identity: str = ""
    invoked_by: str = ""  # the AWS service that called on somebody's behalf
    session: str = ""  # what joins the calls of one session: sign-in session, access key, or principal and start
    mfa: Mfa = Mfa.UNKNOWN

    @classmethod
    def of(cls, record: Mapping[str, Any]) -> Self:
        """Resolve the actor of a CloudTrail record; never raises, an unreadable identity is UNKNOWN."""
        identity = _object(record, "userIdentity")
        context = _object(identity, "sessionContext")
        issuer = _object(context, "sessionIssuer")
        attributes = _object(context, "attributes")
        kind = _kind(record, identity, context, issuer)
        principal = _text(identity, "principalId")
        has_session = kind in (ActorKind.ROLE, ActorKind.FEDERATED_USER, ActorKind.ROOT_FEDERATED)
        session_name = principal.partition(":")[2] if has_session else ""
        access_key = _text(identity, "accessKeyId")
        started = _text(attributes, "creationDate")
        return cls(
            kind=kind,
            name=_name(kind, identity, issuer, session_name),
            arn=_text(identity, "arn"),
            account=_text(identity, "accountId"),
            principal_id=principal,
            access_key_id=access_key,
            role_arn=_text(issuer, "arn") if _text(issuer, "type") == "Role" else "",
            session_name=session_name,
            source_identity=_text(context, "sourceIdentity"),
            invoked_by=_service(identity),
            session=_text(context, "signInSessionArn") or access_key or (f"{principal}@{started}" if started else ""),
            mfa=_mfa(record, attributes),
        )

    @property
    def is_root(self) -> bool:
        """Root's own doing - signed in, by key, assumed or federated - not AWS's on the account's behalf."""
        return self.kind in _ROOT_SESSIONS

    @property
    def is_aws(self) -> bool:
        """AWS itself acted."""
        return self.kind in (ActorKind.AWS_SERVICE, ActorKind.ROOT_BY_AWS)


def _kind(
    record: Mapping[str, Any], identity: Mapping[str, Any], context: Mapping[str, Any], issuer: Mapping[str, Any]
) -> ActorKind:
    """Only `type` decides, never a name: a user may be called "root"."""
    declared = _text(identity, "type")
    if declared == "Root":
        if _service(identity) or record.get("eventType") == "AwsServiceEvent":
            return ActorKind.ROOT_BY_AWS
        if str(context.get("assumedRoot", "")).lower() == "true":
            return ActorKind.ROOT_ASSUMED
        return ActorKind.ROOT
    if declared == "FederatedUser" and _text(issuer, "type") == "Root":
        return ActorKind.ROOT_FEDERATED
    if declared in _KINDS:
        return _KINDS[declared]
    if _service(identity) or record.get("eventType") == "AwsServiceEvent":
        return ActorKind.AWS_SERVICE
    return ActorKind.UNKNOWN


def _name(kind: ActorKind, identity: Mapping[str, Any], issuer: Mapping[str, Any], session_name: str) -> str:
    if kind in (ActorKind.ROOT, ActorKind.ROOT_ASSUMED, ActorKind.ROOT_BY_AWS):
        return "root"
    if kind is ActorKind.ROOT_FEDERATED:
        return f"root (federated as {session_name or 'unknown'})"
    if kind is ActorKind.AWS_SERVICE:
        return _text(identity, "invokedBy") or "an AWS service"
    if kind is ActorKind.ROLE:
        role = _text(issuer, "userName") or _text(identity, "arn").rpartition(":")[2] or "unknown role"
        return f"{role}/{session_name}" if session_name and not role.endswith(session_name) else role
    if kind is ActorKind.ACCOUNT:
        return f"account {_text(identity, 'accountId') or 'unknown'}"
    name = _text(identity, "userName")
    if name == _HIDDEN:
        return "an unknown user name (CloudTrail hides it)"
    on_behalf = _text(_object(identity, "onBehalfOf"), "userId")
    arn_tail = _text(identity, "arn").rpartition("/")[2]
    return name or arn_tail or on_behalf or _text(identity, "principalId") or "unknown"


def _service(identity: Mapping[str, Any]) -> str:
    invoked_by = _text(identity, "invokedBy")
    return "" if invoked_by.lower() == _CONSOLE else invoked_by


def _mfa(record: Mapping[str, Any], attributes: Mapping[str, Any]) -> Mfa:
    """A sign-in says `MFAUsed` (Yes, No, or YES), a session `mfaAuthenticated`.

    For a federated sign-in "No" says nothing about the identity provider's second factor, and neither does a role
    session's "false": only root's and an IAM user's own "no" is a no.
    """
    used = _text(_object(record, "additionalEventData"), "MFAUsed") or _text(attributes, "mfaAuthenticated")
    if used.casefold() in ("yes", "true"):
        return Mfa.YES
    own_credentials = _text(_object(record, "userIdentity"), "type") in ("Root", "IAMUser")
    return Mfa.NO if used.casefold() in ("no", "false") and own_credentials else Mfa.UNKNOWN


def _object(value: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}


def _text(value: Mapping[str, Any], key: str) -> str:
    found = value.get(key)
    if isinstance(found, bool):
        return "true" if found else "false"
    return found if isinstance(found, str) else ""
