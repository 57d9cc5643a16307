"""A session: which records are of the same one, and when it is over.

How records are joined, best first (CloudTrail user guide, "userIdentity element"): by the console's sign-in session
(`sessionContext.signInSessionArn`), which covers every key that the console uses for it; by the access key, which a
set of temporary credentials shares with nobody; by who acted, within the time asked about, where a record has neither.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from handlers.alerting.actor import ActorKind
from handlers.alerting.event import Event

_MOST = 100  # of one kind in a key: an alert may hold thousands of sessions, and each costs questions
_MAXIMUM_TEXT = 300


class Join(StrEnum):
    """By what a record was found to be of a session, the best first."""

    SIGN_IN = "sign-in session"
    ACCESS_KEY = "access key"
    PRINCIPAL = "identity and time"


# How long a session can last where nothing names its end: the longest that is documented. Console: 12 hours after
# signing in (IAM user guide, "Sign in to the AWS Management Console"). Roles: MaxSessionDuration of at most 12 hours
# (IAM API, CreateRole); Identity Center's sessions in an account are role sessions. AssumeRoot: 900 seconds (STS API,
# AssumeRoot). GetFederationToken, GetSessionToken: 36 hours, of root 1 hour (STS API, both).
CONSOLE = timedelta(hours=12)
_LONGEST = {
    ActorKind.ROOT: CONSOLE,
    ActorKind.ROOT_ASSUMED: timedelta(seconds=900),
    ActorKind.ROOT_FEDERATED: timedelta(hours=1),
    ActorKind.IAM_USER: timedelta(hours=36),
    ActorKind.FEDERATED_USER: timedelta(hours=36),
    ActorKind.ROLE: CONSOLE,
    ActorKind.IDENTITY_CENTER_USER: CONSOLE,
    ActorKind.SAML_USER: CONSOLE,
    ActorKind.WEB_IDENTITY_USER: CONSOLE,
}
_LONG_TERM = "AKIA"  # of an access key that stays valid until somebody deactivates it

# Calls that hand out credentials: the session they open is meant, not the one they were made from.
OPENING = frozenset(
    {
        "AssumeRole",
        "AssumeRoleWithSAML",
        "AssumeRoleWithWebIdentity",
        "AssumeRoot",
        "GetFederationToken",
        "GetSessionToken",
    }
)
# What CloudTrail records of a session's end, where it records it: signing out of the console is no event of its own.
_CLOSING = frozenset({("signin.amazonaws.com", "ExitRole"), ("sso.amazonaws.com", "Logout")})


@dataclass(frozen=True, kw_only=True)
class SessionKey:
    """What the records of a session, or of the several sessions of one alert, have in common."""

    accounts: frozenset[str] = frozenset()
    principals: frozenset[str] = frozenset()  # ARNs of who acts
    sign_ins: frozenset[str] = frozenset()
    access_keys: frozenset[str] = frozenset()
    # ARNs that are joined by identity and time, as there was nothing better: of a session or user, or of a role
    by_arn: frozenset[str] = frozenset()
    started: datetime | None = None
    ends: datetime | None = None  # it cannot last longer; None: nothing ends it by itself, or it is not known

    @property
    def is_empty(self) -> bool:
        """Nothing to join by: no record can be found with it."""
        return not (self.sign_ins or self.access_keys or self.by_arn)

    def join_of(self, event: Event) -> Join | None:
        """By what an event belongs to it; None where it does not."""
        actor = event.actor
        if self.sign_ins and sign_in_of(event) in self.sign_ins:
            return Join.SIGN_IN
        if actor.access_key_id and actor.access_key_id in self.access_keys:
            return Join.ACCESS_KEY
        if self.by_arn and (actor.arn in self.by_arn or (actor.role_arn and actor.role_arn in self.by_arn)):
            return Join.PRINCIPAL
        return None

    def merged(self, other: Self) -> Self:
        """Both: from the earlier start to the later end."""
        starts = [moment for moment in (self.started, other.started) if moment]
        ends = None if self.ends is None or other.ends is None else max(self.ends, other.ends)
        return dataclasses.replace(
            self,
            **{name: _bounded(getattr(self, name) | getattr(other, name)) for name in _SETS},
            started=min(starts, default=None),
            ends=ends,
        )

    def to_plain(self) -> dict[str, Any]:
        """As JSON values."""
        plain: dict[str, Any] = {name: sorted(getattr(self, name)) for name in _SETS}
        plain["started"] = self.started.isoformat() if self.started else None
        plain["ends"] = self.ends.isoformat() if self.ends else None
        return plain

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The key that `to_plain` wrote."""
        sets: dict[str, Any] = {name: frozenset(plain.get(name, ())) for name in _SETS}
        return cls(**sets, started=_moment(plain.get("started")), ends=_moment(plain.get("ends")))


_SETS = ("accounts", "principals", "sign_ins", "access_keys", "by_arn")


def sign_in_of(event: Event) -> str:
    """The console's session; "" where the record has none."""
    return event.text("userIdentity", "sessionContext", "signInSessionArn")


def session_key_of(event: Event) -> SessionKey:
    """The session that an event opened, or else the one it was made in."""
    opened = _opened(event)
    if opened is not None:
        return opened
    actor = event.actor
    return _key(
        account=event.account,
        principal=actor.arn,
        sign_in=sign_in_of(event),
        access_key=actor.access_key_id,
        started=_begun(event) or event.time,
        ends=_latest_end(event),
    )


def session_of(*, account: str, principal: str, access_key: str, at: datetime | None) -> SessionKey:
    """The session of somebody of whom only this is known, from `at` on."""
    return _key(account=account, principal=principal, sign_in="", access_key=access_key, started=at, ends=None)


def all_of(keys: Iterable[SessionKey]) -> SessionKey:
    """The sessions of one alert as one; an empty key where there are none."""
    merged: SessionKey | None = None
    for key in keys:
        merged = key if merged is None else merged.merged(key)
    return merged or SessionKey()


def closes(event: Event) -> bool:
    """Whether this is the record of a session's end."""
    return (event.service, event.name) in _CLOSING and event.succeeded


def _key(
    *, account: str, principal: str, sign_in: str, access_key: str, started: datetime | None, ends: datetime | None
) -> SessionKey:
    principal, sign_in, access_key = (text[:_MAXIMUM_TEXT] for text in (principal, sign_in, access_key))
    has_better = sign_in or access_key
    return SessionKey(
        accounts=_set(account),
        principals=_set(principal),
        sign_ins=_set(sign_in),
        access_keys=_set(access_key),
        by_arn=frozenset() if has_better else _set(principal),
        started=started,
        ends=ends,
    )


def _opened(event: Event) -> SessionKey | None:
    """The session that a call to STS opened; None where it is no such call, or opened none."""
    if event.service != "sts.amazonaws.com" or event.name not in OPENING or not event.succeeded:
        return None
    access_key = event.text("responseElements", "credentials", "accessKeyId")
    principal = (
        event.text("responseElements", "assumedRoleUser", "arn")
        or event.text("responseElements", "federatedUser", "arn")
        or (_root_of(event) if event.name == "AssumeRoot" else "")
    )
    if not principal and event.name in ("GetSessionToken", "GetFederationToken"):
        principal = event.actor.arn
    if not access_key.isalnum() or not access_key.startswith("ASIA"):
        access_key = ""  # taken out of the record by whoever handed it on: it would join strangers
    if not (access_key or principal):
        return None
    parts = principal.split(":")
    return _key(
        account=parts[4] if len(parts) > 5 and parts[4] else event.account,
        principal=principal,
        sign_in="",
        access_key=access_key,
        started=event.time,
        ends=_expiration(event) or _asked_for(event),
    )


def _root_of(event: Event) -> str:
    """The root user whose account an AssumeRoot names, by its id or its ARN."""
    target = event.text("requestParameters", "targetPrincipal")
    return target if target.startswith("arn:") or not target else f"arn:aws:iam::{target}:root"


def _begun(event: Event) -> datetime | None:
    """When the session's credentials were made (`creationDate`)."""
    return _iso(event.text("userIdentity", "sessionContext", "attributes", "creationDate"))


def _latest_end(event: Event) -> datetime | None:
    actor = event.actor
    begun = _begun(event)
    if event.name == "ConsoleLogin":
        return event.time + CONSOLE if event.time else None
    if actor.access_key_id.startswith(_LONG_TERM) or begun is None or actor.kind not in _LONGEST:
        return None
    return begun + _LONGEST[actor.kind]


def _asked_for(event: Event) -> datetime | None:
    seconds = event.dig("requestParameters", "durationSeconds")
    longest = timedelta(hours=36)
    if event.time is None:
        return None
    if isinstance(seconds, int) and 0 < seconds <= longest.total_seconds():
        return event.time + timedelta(seconds=seconds)
    return event.time + (timedelta(seconds=900) if event.name == "AssumeRoot" else longest)


_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_AMERICAN = re.compile(
    r"(?P<month>[A-Za-z]{3}) (?P<day>\d{1,2}), (?P<year>\d{4}),? "
    r"(?P<hour>\d{1,2}):(?P<minute>\d{2}):(?P<second>\d{2}) (?P<half>[AP])M"
)


def _expiration(event: Event) -> datetime | None:
    """`credentials.expiration`, which CloudTrail writes as "Nov 24, 2026, 10:37:12 PM", in UTC."""
    text = " ".join(event.text("responseElements", "credentials", "expiration").split())
    found = _AMERICAN.fullmatch(text)
    if found is None:
        return _iso(text)
    try:
        return datetime(
            int(found["year"]),
            _MONTHS.index(found["month"].lower()) + 1,
            int(found["day"]),
            int(found["hour"]) % 12 + (12 if found["half"] == "P" else 0),
            int(found["minute"]),
            int(found["second"]),
            tzinfo=UTC,
        )
    except ValueError:
        return None


def _iso(text: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _moment(text: object) -> datetime | None:
    return _iso(text) if isinstance(text, str) else None


def _set(text: str) -> frozenset[str]:
    return frozenset({text}) if text else frozenset()


def _bounded(texts: frozenset[str]) -> frozenset[str]:
    return texts if len(texts) <= _MOST else frozenset(sorted(texts)[:_MOST])
