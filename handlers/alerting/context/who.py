"""Who it really was: the chain of identities behind a call, in one line, and what is known of a second factor."""

from __future__ import annotations

import ipaddress
import re

from handlers.alerting.actor import Actor, ActorKind, Mfa
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Directory, Unknown
from handlers.alerting.text import Text, phrase, short

# Facts of these labels say more about what every message tells anyway, so it tells them there.
WHO_EXACTLY = "Who exactly"
SECOND_FACTOR = "Second factor"

_ARN = 256
# IAM user guide, "Unique identifiers": AKIA is a long-term access key, ASIA a temporary one.
_LONG_LIVED = "AKIA"
_TEMPORARY = "ASIA"
# How Identity Center names the roles it makes of a permission set (its user guide, "Referencing permission sets").
_RESERVED = re.compile(r"AWSReservedSSO_(.{1,64})_[0-9a-f]{16}")
_INSTANCE = re.compile(r"i-[0-9a-f]{8,17}")


def permission_set_of(event: Event) -> str:
    """The permission set behind a role session that Identity Center opened; "" for any other caller."""
    role = event.actor.role_arn
    reserved = _RESERVED.fullmatch(role.rpartition("/")[2]) if "/aws-reserved/sso.amazonaws.com/" in role else None
    return reserved[1] if reserved else ""


def chain(event: Event, directory: Directory) -> str:
    """Who called, with what, issued by whom, on whose behalf: as one line; "" where AWS acted by itself."""
    actor = event.actor
    if actor.is_aws:
        return ""
    return _linked(
        _caller(event, directory),
        _credentials(event),
        _issuer(event),
        phrase("source identity {name}", name=short(actor.source_identity)) if actor.source_identity else "",
        *_origin(event),
        phrase("through {service}", service=short(actor.invoked_by)) if actor.invoked_by else "",
        _delegate(event),
    )


def caller_and_more(fact: str) -> tuple[str, str]:
    """The two parts of a `chain`: who called, and the rest."""
    return _parts(fact, "; ")


def factor_and_reason(fact: str) -> tuple[str, str]:
    """The two parts of the line on a second factor: whether there was one, and how that is known."""
    return _parts(fact, ": ")


def _parts(fact: str, between: str) -> tuple[str, str]:
    if isinstance(fact, Text) and fact.arguments.keys() == {"first", "more"}:
        return fact.arguments["first"], fact.arguments["more"]
    first, _, more = fact.partition(between)
    return first, more


def _linked(*links: str) -> str:
    """One link and the rest of them, and so on: what stands first can be told apart again."""
    whole = ""
    for link in reversed(links):
        if link:
            whole = phrase("{first}; {more}", first=link, more=whole) if whole else link
    return whole


def _caller(event: Event, directory: Directory) -> str:
    actor = event.actor
    user = _identity_center_user(event, directory)
    if permission_set := permission_set_of(event):
        name = user or phrase("the Identity Center user {name}", name=short(actor.session_name))
        return phrase(
            "{who}, with the permission set {name}", who=_at_home_or_not(name, event), name=short(permission_set)
        )
    if actor.kind is ActorKind.ROLE:
        role = phrase("the role {name}", name=short(actor.role_arn.rpartition("/")[2] or actor.name))
        who = _at_home_or_not(role, event)
        if actor.session_name:
            who = phrase("{who}, session {name}", who=who, name=short(actor.session_name))
        return phrase("{who}, for {user}", who=who, user=user) if user else who
    if actor.kind is ActorKind.IDENTITY_CENTER_USER:
        return _at_home_or_not(user or phrase("an unnamed Identity Center user"), event)
    kind = noun(actor.kind)
    if actor.is_root:
        return _at_home_or_not(kind, event)
    return _at_home_or_not(phrase("{kind} {name}", kind=kind, name=short(actor.name)), event)


def _at_home_or_not(who: str, event: Event) -> str:
    account = event.actor.account
    if account in ("", event.account):
        return who
    return phrase("{who} of account {account}", who=who, account=short(account, 20))


def _identity_center_user(event: Event, directory: Directory) -> str:
    user = event.text("userIdentity", "onBehalfOf", "userId")
    if not user:
        return ""
    store = event.text("userIdentity", "onBehalfOf", "identityStoreArn").rpartition("/")[2]
    name = directory.user_name(store, user)
    if isinstance(name, Unknown):
        return phrase("the Identity Center user {id} (no name: {reason})", id=short(user), reason=short(name.reason))
    return phrase("the Identity Center user {name} ({id})", name=short(name), id=short(user))


def _credentials(event: Event) -> str:
    key = event.actor.access_key_id
    opened = short(event.text("userIdentity", "sessionContext", "attributes", "creationDate"), 30)
    if event.text("userIdentity", "sessionCredentialFromConsole") == "true":
        return phrase("in the console since {time}", time=opened) if opened else phrase("in the console")
    if key.startswith(_LONG_LIVED):
        return phrase("with a long-lived access key")
    if key.startswith(_TEMPORARY):
        if opened:
            return phrase("with temporary credentials since {time}", time=opened)
        return phrase("with temporary credentials")
    return ""


def _issuer(event: Event) -> str:
    issuer = event.text("userIdentity", "sessionContext", "sessionIssuer", "arn")
    return phrase("issued by {arn}", arn=short(issuer, _ARN)) if issuer else ""


def _origin(event: Event) -> list[str]:
    """What the credentials were given to: a federated caller, an instance, a function."""
    found: list[str] = []
    provider = event.text("userIdentity", "sessionContext", "webIdFederationData", "federatedProvider")
    provider = provider or event.text("userIdentity", "identityProvider")
    if provider:
        found.append(phrase("federated by {provider}", provider=short(provider, _ARN)))
    if event.text("userIdentity", "sessionContext", "ec2RoleDelivery") or _INSTANCE.fullmatch(event.actor.session_name):
        instance = short(event.actor.session_name) or phrase("that the record does not name")
        found.append(phrase("given to the EC2 instance {name}", name=instance))
    if holder := event.text("userIdentity", "inScopeOf", "credentialsIssuedTo"):
        found.append(phrase("given to {holder}", holder=short(holder, _ARN)))
    return found


def _delegate(event: Event) -> str:
    """A product provider that acts for a customer by temporary delegation (CloudTrail user guide, userIdentity)."""
    account = event.text("userIdentity", "invokedByDelegate", "accountId")
    if not account:
        return ""
    return phrase("by account {account}, to which the account delegated it for a time", account=short(account, 20))


def second_factor(event: Event) -> tuple[Mfa, str]:
    """Whether a second factor was used, and how we know or why we do not; ("", no reason) where AWS acted."""
    actor = event.actor
    if actor.is_aws:
        return actor.mfa, ""
    said = event.text("additionalEventData", "MFAUsed")
    if actor.mfa is Mfa.YES:
        return Mfa.YES, phrase("the sign-in used one") if said else phrase("the session was opened with one")
    if actor.mfa is Mfa.NO:
        return Mfa.NO, phrase("the sign-in used none") if said else phrase("the session was opened without one")
    if _is_long_lived(actor) and not event.dig("userIdentity", "sessionContext", "attributes"):
        return Mfa.NO, phrase("a long-lived access key signs alone")
    return Mfa.UNKNOWN, _why_unknown(event, said=bool(said))


def _is_long_lived(actor: Actor) -> bool:
    return actor.access_key_id.startswith(_LONG_LIVED) and actor.kind in (ActorKind.ROOT, ActorKind.IAM_USER)


def _why_unknown(event: Event, *, said: bool) -> str:
    actor = event.actor
    if permission_set_of(event) or actor.kind is ActorKind.IDENTITY_CENTER_USER:
        return phrase("Identity Center asks for it at its own sign-in, which this record does not show")
    if said or actor.kind in (ActorKind.SAML_USER, ActorKind.WEB_IDENTITY_USER):
        return phrase("the identity provider may have asked for one: AWS is not told")
    if actor.kind in (ActorKind.ROLE, ActorKind.FEDERATED_USER, ActorKind.ROOT_ASSUMED, ActorKind.ROOT_FEDERATED):
        return phrase("a session does not tell how whoever opened it had signed in")
    return phrase("the record does not say")


def lasting_name(event: Event) -> str:
    """Who it was, under a name that is the same next time; "" where there is none.

    The name of a session is whatever its opener typed, so a new one says nothing: the role counts, unless Identity
    Center chose the session's name, or a source identity was set, which a session cannot change.
    """
    actor = event.actor
    if actor.kind is ActorKind.IDENTITY_CENTER_USER:
        return _joined(actor.account, event.text("userIdentity", "onBehalfOf", "userId") or actor.principal_id)
    if actor.kind is ActorKind.ROLE:
        person = actor.source_identity or (actor.session_name if permission_set_of(event) else "")
        return _joined(actor.role_arn or actor.arn.rpartition("/")[0], person)
    if actor.kind is ActorKind.UNKNOWN:
        return ""
    return actor.arn or _joined(actor.account, actor.principal_id)


def familiar_name(event: Event) -> str:
    """The same for people: "alice", "the role deploy", "alice in the role Admin"."""
    actor = event.actor
    if actor.kind is ActorKind.ROLE:
        role = short(actor.role_arn.rpartition("/")[2] or actor.name)
        if permission_set := permission_set_of(event):
            return phrase(
                "{who} with the permission set {name}", who=short(actor.session_name), name=short(permission_set)
            )
        if actor.source_identity:
            return phrase("{who} in the role {name}", who=short(actor.source_identity), name=role)
        return phrase("the role {name}", name=role)
    return short(actor.name)


def network_address(event: Event) -> str:
    """Where it came from, as it counts in our history: an IPv4 address, or an IPv6 network of 64 bits.

    People's machines change the rest of an IPv6 address every day. "" for the name of an AWS service.
    """
    address = ip_address(event)
    if ":" not in address:
        return address
    return str(ipaddress.ip_network(f"{address.partition('%')[0]}/64", strict=False))


def ip_address(event: Event) -> str:
    """The address it came from; "" where the record names a service or nothing."""
    try:
        return str(ipaddress.ip_address(event.source_ip.strip()))
    except ValueError:
        return ""


def _joined(*parts: str) -> str:
    return "/".join(part for part in parts if part)
