"""What of an event is the use of an identity that may need a break-glass window; the detections that care name one."""

from __future__ import annotations

from datetime import UTC, datetime

from handlers.alerting.actor import Mfa
from handlers.alerting.event import Event
from handlers.alerting.text import phrase
from handlers.alerting.window import ROOT, Entry

# A role of Identity Center, in a path that is AWS's own: who gets a session of it, Identity Center alone says.
_MANAGED = ":role/aws-reserved/sso.amazonaws.com/"


def root_entry(event: Event) -> Entry | None:
    """Root signed in, or did something."""
    if not event.actor.is_root:
        return None
    return Entry(
        account=event.account,
        identity=ROOT,
        address=_address(event),
        at=event.time,
        began=_session_began(event),
        weakness=_weakness(event),
    )


def assumed_root_entry(event: Event) -> Entry | None:
    """Somebody of the organisation opened a root session in a member account."""
    if event.name != "AssumeRoot" or event.service != "sts.amazonaws.com" or not event.succeeded:
        return None
    principal = event.text("requestParameters", "targetPrincipal")
    member = principal.split(":")[4] if principal.count(":") >= 5 else principal
    return Entry(
        account=member,
        identity=ROOT,
        principals=(event.actor.arn,),
        address=_address(event),
        at=event.time,
    )


def assumed_role_entry(event: Event) -> Entry | None:
    """Somebody opened a session of a role."""
    role = event.text("requestParameters", "roleArn")
    if not event.succeeded or role.count(":") < 5:
        return None
    principals = [event.actor.arn]
    if event.name == "AssumeRoleWithSAML" and _MANAGED in role:
        session, name = event.text("requestParameters", "roleSessionName"), role.rpartition("/")[2]
        partition, account = role.split(":")[1], role.split(":")[4]
        principals.append(f"arn:{partition}:sts::{account}:assumed-role/{name}/{session}")
    return Entry(
        account=role.split(":")[4], identity=role, principals=tuple(principals), address=_address(event), at=event.time
    )


def user_entry(event: Event) -> Entry | None:
    """A user signed in. A break-glass user is nobody's own, as root is: the address decides who it was."""
    if not event.actor.arn or not event.succeeded:
        return None
    return Entry(
        account=event.account,
        identity=event.actor.arn,
        address=_address(event),
        at=event.time,
        weakness=_weakness(event),
    )


def _weakness(event: Event) -> str:
    if event.name == "ConsoleLogin" and event.actor.mfa is not Mfa.YES:
        return (
            phrase("the sign-in was without a second factor")
            if event.actor.mfa is Mfa.NO
            else phrase("the record does not say whether there was a second factor")
        )
    if event.actor.access_key_id.startswith("AKIA"):
        return phrase("this is a long-lived access key, which may be anywhere")
    return ""


def _address(event: Event) -> str:
    return event.text("sourceIPAddress")


def _session_began(event: Event) -> datetime | None:
    """When the session of the call began; a sign-in is its own beginning."""
    text = event.text("userIdentity", "sessionContext", "attributes", "creationDate")
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None
