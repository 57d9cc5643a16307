"""A break-glass window: when one person may use root or a break-glass role, who allowed it, and what is outside it."""

from __future__ import annotations

import dataclasses
import hashlib
import ipaddress
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Self

from handlers.alerting.pattern import matches_arn
from handlers.alerting.text import joined, phrase

ROOT = "root"
OURSELVES = "rootwatch"  # who acted where no person did
MAXIMUM_LENGTH = timedelta(hours=4)
MINIMUM_LENGTH = timedelta(minutes=5)
MAXIMUM_AHEAD = timedelta(days=30)
# A form takes a while to fill in: "from now" may be a little ago by the time it arrives.
_PATIENCE = timedelta(minutes=15)
# The longest a session lasts: root's and a role's alike (IAM user guide, "console session"; STS, AssumeRole).
LONGEST_SESSION = timedelta(hours=12)
MAXIMUM_PURPOSE, MAXIMUM_TICKET = 500, 100  # characters

_SLACK_ID = re.compile(r"[UW][A-Z0-9]{1,30}")
_ACCOUNT = re.compile(r"[0-9]{12}")


class WindowState(StrEnum):
    """Where a window stands."""

    REQUESTED = "requested"
    APPROVED = "approved"
    REFUSED = "refused"
    REVOKED = "revoked"
    ENDED = "ended"


class WindowVerb(StrEnum):
    """What somebody may do with a window."""

    REQUEST = "request"
    APPROVE = "approve"
    EMERGENCY = "emergency"  # approve one's own
    REFUSE = "refuse"
    REVOKE = "revoke"
    END = "end"


class WindowOutcome(StrEnum):
    """Why an act was done, or was not."""

    DONE = "done"
    ALREADY = "already"
    SETTLED = "settled"  # refused, revoked or over
    UNLISTED = "unlisted"  # nobody configured them for this
    OWN_REQUEST = "own request"
    OWN_USE = "own use"
    UNSURE = "unsure"  # two identities that may be one person
    NOT_THEIRS = "not theirs"  # an emergency of somebody else's
    NO_REASON = "no reason"
    TOO_LATE = "too late"
    NOT_YET = "not yet"
    GONE = "gone"  # no such window: it has expired from the table


class RequestProblem(StrEnum):
    """What is wrong with a field of a request."""

    EMPTY = "empty"
    TOO_LONG_A_TEXT = "too long a text"
    UNKNOWN_ACCOUNT = "unknown account"
    UNKNOWN_PERSON = "unknown person"
    NOT_REQUIRED = "not required"  # that identity is used without a window
    ANOTHER_ACCOUNT = "another account"  # the identity is one of another account
    IN_THE_PAST = "in the past"
    TOO_FAR_AHEAD = "too far ahead"
    TOO_LONG = "too long"
    TOO_SHORT = "too short"
    UNLISTED = "unlisted"  # who asks is nobody we know


@dataclass(frozen=True, kw_only=True)
class Person:
    """Somebody who may use a window, under one name for all the identities they have."""

    name: str
    slack: str  # user id
    principals: tuple[str, ...] = ()  # patterns of ARNs that nobody else can have
    addresses: tuple[str, ...]  # networks in CIDR notation that they work from

    def has_address(self, address: str) -> bool:
        """Whether an address is in one of the networks; False for what is no address."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        return any(found in ipaddress.ip_network(network) for network in self.addresses)

    def is_behind(self, arn: str) -> bool:
        return any(matches_arn(pattern, arn) for pattern in self.principals)


@dataclass(frozen=True, kw_only=True)
class BreakGlass:
    """What a deployment says about windows: what needs one, who may use one, who may approve."""

    approvers: tuple[str, ...]  # Slack user ids, and ARNs of people
    required_for: tuple[str, ...]  # ROOT, and patterns of the ARNs of roles and users
    people: tuple[Person, ...]
    accounts: tuple[str, ...]  # those a window can be asked for

    def requires(self, identity: str) -> bool:
        """Whether this identity - ROOT, or an ARN - is used inside a window only."""
        return any(_is_of(pattern, identity) for pattern in self.required_for)

    def person(self, name: str) -> Person | None:
        return next((item for item in self.people if item.name == name), None)

    def person_of(self, identity: str) -> Person | None:
        """Whose identity - a Slack user id, or an ARN - this is."""
        return next((item for item in self.people if identity == item.slack or item.is_behind(identity)), None)

    def name_of(self, identity: str) -> str:
        """What people call whoever has this identity; the identity itself where nobody said."""
        person = self.person_of(identity)
        return person.name if person else identity

    def may_approve(self, identity: str) -> bool:
        return any(identity == item or _is_of(item, identity) for item in self.approvers)

    def may_request(self, identity: str) -> bool:
        return self.may_approve(identity) or self.person_of(identity) is not None

    def are_two(self, one: str, other: str) -> bool | None:
        """Whether two identities are two people's; None where that cannot be told.

        Two Slack ids are. An ARN is somebody's only where `people` says so: one person may have several.
        """
        if one == other:
            return False
        first, second = self.person_of(one), self.person_of(other)
        if first is not None and second is not None:
            return first.name != second.name
        return True if is_slack_id(one) and is_slack_id(other) else None

    def to_json(self) -> str:
        """As text, the same each time."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=1) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read back what `to_json` wrote. Raises ValueError where it is anything else, saying what is wrong."""
        try:
            value = json.loads(text)
            people = tuple(
                Person(**{**item, "principals": tuple(item["principals"]), "addresses": tuple(item["addresses"])})
                for item in value["people"]
            )
            rest = {key: tuple(value[key]) for key in ("approvers", "required_for", "accounts")}
            return cls(people=people, **rest)
        except (KeyError, TypeError) as error:
            raise ValueError(f"{type(error).__name__}: {error}") from error


@dataclass(frozen=True, kw_only=True)
class Window:
    """One window and the act that brought it where it is. `version` counts the acts done."""

    id: str
    account: str
    identity: str  # ROOT, or the pattern of a break-glass role's or user's ARN
    person: str  # who uses it
    purpose: str
    ticket: str
    starts: datetime
    ends: datetime
    requested_by: str  # a Slack user id, or an ARN
    requested_at: datetime
    state: WindowState = WindowState.REQUESTED
    approved_by: str = ""
    approved_at: datetime | None = None
    emergency: bool = False  # approved by whoever asked for it or uses it
    reason: str = ""  # of the emergency, or why it was refused or revoked
    settled_by: str = ""
    settled_at: datetime | None = None  # when it was refused, revoked or ended
    version: int = 1

    @property
    def opens(self) -> datetime | None:
        """From when on it covers anything: not before it was approved. None: never."""
        return max(self.starts, self.approved_at) if self.approved_at else None

    @property
    def closes(self) -> datetime:
        """The last moment it covers anything."""
        return min(self.ends, self.settled_at) if self.settled_at else self.ends

    @property
    def is_settled(self) -> bool:
        return self.state in (WindowState.REFUSED, WindowState.REVOKED, WindowState.ENDED)

    def to_plain(self) -> dict[str, Any]:
        """As JSON values, times in ISO 8601."""
        return {
            key: value.isoformat()
            if isinstance(value, datetime)
            else str(value)
            if isinstance(value, StrEnum)
            else value
            for key, value in asdict(self).items()
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The window that `to_plain` wrote; keys of later versions are left aside."""
        known = {item.name for item in dataclasses.fields(cls)}
        values = {key: value for key, value in plain.items() if key in known}
        for key in ("starts", "ends", "requested_at", "approved_at", "settled_at"):
            values[key] = datetime.fromisoformat(plain[key]) if plain[key] else None
        values["state"] = WindowState(plain["state"])
        return cls(**values)


@dataclass(frozen=True, kw_only=True)
class WindowAct:
    """What somebody wants done. The id makes a repeat recognisable: the same click, delivered again."""

    id: str
    verb: WindowVerb
    by: str  # a Slack user id, an ARN, or OURSELVES
    at: datetime
    reason: str = ""

    def to_plain(self) -> dict[str, str]:
        return {
            "id": self.id,
            "verb": str(self.verb),
            "by": self.by,
            "at": self.at.isoformat(),
            "reason": self.reason,
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, str]) -> Self:
        return cls(
            id=plain["id"],
            verb=WindowVerb(plain["verb"]),
            by=plain["by"],
            at=datetime.fromisoformat(plain["at"]),
            reason=plain["reason"],
        )


@dataclass(frozen=True, kw_only=True)
class WindowDecision:
    """What becomes of an act: the window after it, and why, in a sentence. Not DONE: the window is unchanged."""

    outcome: WindowOutcome
    reason: str
    window: Window | None  # None where there is none


@dataclass(frozen=True, kw_only=True)
class WindowRequest:
    """What somebody asks for, not checked yet."""

    account: str
    identity: str = ROOT
    person: str
    purpose: str
    ticket: str
    starts: datetime
    length: timedelta

    def problems(self, rules: BreakGlass, *, by: str, now: datetime) -> dict[str, RequestProblem]:
        """What is wrong with it, by field; nothing where it can be asked for. `by` is who asks."""
        found: dict[str, RequestProblem] = {}
        if not rules.may_request(by):
            found["by"] = RequestProblem.UNLISTED
        if not _ACCOUNT.fullmatch(self.account) or self.account not in rules.accounts:
            found["account"] = RequestProblem.UNKNOWN_ACCOUNT
        if self.identity not in rules.required_for:
            found["identity"] = RequestProblem.NOT_REQUIRED
        elif _account_of(self.identity) not in ("", "*", self.account):
            found["identity"] = RequestProblem.ANOTHER_ACCOUNT
        if rules.person(self.person) is None:
            found["person"] = RequestProblem.UNKNOWN_PERSON
        for field, text, limit in (
            ("purpose", self.purpose, MAXIMUM_PURPOSE),
            ("ticket", self.ticket, MAXIMUM_TICKET),
        ):
            if not text.strip():
                found[field] = RequestProblem.EMPTY
            elif len(text) > limit:
                found[field] = RequestProblem.TOO_LONG_A_TEXT
        if self.length > MAXIMUM_LENGTH:
            found["length"] = RequestProblem.TOO_LONG
        elif self.length < MINIMUM_LENGTH:
            found["length"] = RequestProblem.TOO_SHORT
        if self.starts < now - _PATIENCE:
            found["starts"] = RequestProblem.IN_THE_PAST
        elif self.starts > now + MAXIMUM_AHEAD - min(self.length, MAXIMUM_LENGTH):
            found["starts"] = RequestProblem.TOO_FAR_AHEAD
        return found

    def window(self, act: WindowAct) -> Window:
        """The window it asks for; the same act gives the same window."""
        digest = hashlib.sha256(f"{act.id}#{self.account}#{self.starts.isoformat()}".encode("utf-8", "replace"))
        return Window(
            id=f"W{digest.hexdigest()[:12]}",
            account=self.account,
            identity=self.identity,
            person=self.person,
            purpose=self.purpose.strip(),
            ticket=self.ticket.strip(),
            starts=self.starts,
            ends=self.starts + self.length,
            requested_by=act.by,
            requested_at=act.at,
        )


def decide(window: Window, act: WindowAct, rules: BreakGlass) -> WindowDecision:
    """Whether an act on a window that is there is done, and the window after it."""
    outcome, reason = _refusal(window, act, rules) or (WindowOutcome.DONE, "")
    if outcome is not WindowOutcome.DONE:
        return WindowDecision(outcome=outcome, reason=reason, window=window)
    changes: dict[str, Any] = {"version": window.version + 1}
    match act.verb:
        case WindowVerb.APPROVE:
            changes |= {"state": WindowState.APPROVED, "approved_by": act.by, "approved_at": act.at}
            reason = f"{act.by} approved it."
        case WindowVerb.EMERGENCY:
            changes |= {
                "state": WindowState.APPROVED,
                "approved_by": act.by,
                "approved_at": act.at,
                "emergency": True,
                "reason": act.reason.strip()[:MAXIMUM_PURPOSE],
            }
            reason = f"{act.by} approved it alone, as an emergency."
        case WindowVerb.REFUSE | WindowVerb.REVOKE | WindowVerb.END:
            changes |= {"state": _SETTLES[act.verb], "settled_by": act.by, "settled_at": act.at}
            if act.reason.strip():
                changes["reason"] = act.reason.strip()[:MAXIMUM_PURPOSE]
            reason = f"{act.by} {_SETTLES[act.verb]} it."
    return WindowDecision(outcome=outcome, reason=reason, window=dataclasses.replace(window, **changes))


_SETTLES = {
    WindowVerb.REFUSE: WindowState.REFUSED,
    WindowVerb.REVOKE: WindowState.REVOKED,
    WindowVerb.END: WindowState.ENDED,
}
_LEADS_TO = {WindowVerb.APPROVE: WindowState.APPROVED, WindowVerb.EMERGENCY: WindowState.APPROVED, **_SETTLES}
_Refusal = tuple[WindowOutcome, str]


def _refusal(window: Window, act: WindowAct, rules: BreakGlass) -> _Refusal | None:
    """Why the act is not done; None where it is."""
    if act.verb is WindowVerb.REQUEST or window.state is _LEADS_TO[act.verb]:
        return WindowOutcome.ALREADY, f"it is {window.state} already."
    if window.is_settled:
        return WindowOutcome.SETTLED, f"it is {window.state}, and stays so: ask for another window."
    if act.verb is WindowVerb.END:
        return (WindowOutcome.NOT_YET, f"it ends at {window.ends:%H:%M} UTC.") if act.at < window.ends else None
    if act.at >= window.ends:
        return WindowOutcome.TOO_LATE, "it is over: ask for another window."
    match act.verb:
        case WindowVerb.APPROVE:
            return _approval_refused(window, act.by, rules)
        case WindowVerb.EMERGENCY:
            return _emergency_refused(window, act, rules)
    if act.verb is WindowVerb.REFUSE and window.state is WindowState.APPROVED:
        return WindowOutcome.ALREADY, "it is approved already: revoke it."
    if not (rules.may_approve(act.by) or _is_theirs(window, act.by, rules)):
        return WindowOutcome.UNLISTED, f"{act.by} is neither an approver nor the one who asked for it or uses it."
    return None


def _approval_refused(window: Window, by: str, rules: BreakGlass) -> _Refusal | None:
    if not rules.may_approve(by):
        return WindowOutcome.UNLISTED, phrase("{who} is not among break_glass.approvers.", who=by)
    person = rules.person(window.person)
    if person is None:
        return WindowOutcome.UNSURE, phrase(
            "{person}, who would use it, is no longer among break_glass.people.", person=window.person
        )
    if by == window.requested_by or rules.are_two(by, window.requested_by) is False:
        return WindowOutcome.OWN_REQUEST, phrase("nobody approves a window they asked for: a second person has to.")
    if rules.are_two(by, person.slack) is False:
        return WindowOutcome.OWN_USE, phrase("nobody approves a window they will use: a second person has to.")
    if None in (rules.are_two(by, window.requested_by), rules.are_two(by, person.slack)):
        return WindowOutcome.UNSURE, (
            f"{by} and {window.requested_by} might be one person: where one comes by an ARN, both have to be "
            "among break_glass.people."
        )
    return None


def _emergency_refused(window: Window, act: WindowAct, rules: BreakGlass) -> _Refusal | None:
    if not rules.may_request(act.by):
        return WindowOutcome.UNLISTED, f"{act.by} is neither among break_glass.people nor an approver."
    if not _is_theirs(window, act.by, rules):
        return WindowOutcome.NOT_THEIRS, "only who asked for it, or uses it, can declare an emergency."
    if not act.reason.strip():
        return WindowOutcome.NO_REASON, "an emergency needs a reason, which everybody will read."
    return None


def _is_theirs(window: Window, by: str, rules: BreakGlass) -> bool:
    known = rules.person_of(by)
    return by == window.requested_by or (known is not None and known.name == window.person)


# What happens, held against the windows


class Standing(StrEnum):
    """How an entry stands to the windows; the value is stored with the finding."""

    INSIDE = "inside"
    UNPROVEN = "unproven"  # in time, but the record does not prove that it is the person: keeps its own severity
    OTHER_PERSON = "other person"
    ELSEWHERE = "elsewhere"  # from an address that is none of the person's
    OVERRUNNING = "overrunning"  # the session began inside, and acts after the end
    NONE = "none"

    @property
    def is_calm(self) -> bool:
        return self is Standing.INSIDE

    @property
    def pages(self) -> bool:
        return self not in (Standing.INSIDE, Standing.UNPROVEN)


_KINDLIEST_FIRST = list(Standing)


@dataclass(frozen=True, kw_only=True)
class Entry:
    """Somebody used, or began to use, an identity that may need a window."""

    account: str  # whose root or role it is
    identity: str  # ROOT, or the ARN of the role or user
    principals: tuple[str, ...] | None = None  # who used it; None: it is nobody's own, as root is
    address: str = ""  # "" where the record has none
    at: datetime | None = None
    began: datetime | None = None  # when the session began; None: at this moment, or not known
    weakness: str = ""  # why it may be somebody else, though all else is right


@dataclass(frozen=True, kw_only=True)
class WindowVerdict:
    """How an entry stands, in a sentence, and the window it is about."""

    standing: Standing
    reason: str
    window: Window | None = None


def judge(entry: Entry, windows: Iterable[Window], rules: BreakGlass) -> WindowVerdict:
    """Hold an entry against the windows of its account; of several the kindest counts.

    Calm is what happens from when a window opens until it closes, by the person it is for, from an address of theirs,
    in a session that began no earlier. Root has no person of its own: the account, the time and the address decide.
    A window that the rules do not allow - as they are now, or because somebody wrote it into the store past them - does
    not count.
    """
    if entry.at is None:
        return WindowVerdict(
            standing=Standing.NONE, reason=phrase("The record does not say when, so no window can cover it.")
        )
    about_it = [item for item in windows if item.account == entry.account and _is_of(item.identity, entry.identity)]
    doubts = {item.id: why for item in about_it if (why := _unsound(item, rules))}
    verdicts = [
        verdict
        for window in about_it
        if window.id not in doubts and (verdict := _against(entry, entry.at, window, rules)) is not None
    ]
    if verdicts:
        return min(verdicts, key=lambda verdict: _KINDLIEST_FIRST.index(verdict.standing))
    reason = phrase(
        "No approved window covers {identity} of account {account} at {time}.",
        identity=phrase("root") if entry.identity == ROOT else entry.identity,
        account=entry.account,
        time=_clock(entry.at),
    )
    uncounted = (
        phrase("{window} does not count: {doubt}", window=_called(window), doubt=doubts[window.id])
        for window in about_it
        if window.id in doubts and _against(entry, entry.at, window, rules) is not None
    )
    return WindowVerdict(standing=Standing.NONE, reason=joined((reason, *uncounted)))


def _unsound(window: Window, rules: BreakGlass) -> str:
    """Why a window that says it was approved does not count; "" where it does."""
    if window.ends - window.starts > MAXIMUM_LENGTH:
        return phrase("it is longer than a window may be.")
    if window.emergency:
        return "" if _is_theirs(window, window.approved_by, rules) else phrase("its emergency was somebody else's.")
    refused = _approval_refused(window, window.approved_by, rules) if window.approved_at else None
    return refused[1] if refused else ""


def _against(entry: Entry, at: datetime, window: Window, rules: BreakGlass) -> WindowVerdict | None:
    """The verdict of one window; None where it has nothing to say."""
    opens, closes = window.opens, window.closes
    if opens is None or at < opens:
        return None
    if at > closes:
        if entry.began is None or not opens <= entry.began <= closes:
            return None
        words = phrase(
            "The session began inside {window}, which closed at {time}, and still acts.",
            window=_called(window),
            time=_clock(closes),
        )
        return WindowVerdict(standing=Standing.OVERRUNNING, reason=words, window=window)
    standing, why = _within(entry, opens, window, rules)
    return WindowVerdict(standing=standing, reason=why, window=window)


def _within(entry: Entry, opens: datetime, window: Window, rules: BreakGlass) -> tuple[Standing, str]:
    """In time: is it the person, and from where?"""
    person, called = rules.person(window.person), _called(window)
    if person is None:
        return Standing.OTHER_PERSON, phrase(
            "{person}, for whom {window} is, is not among break_glass.people.", person=window.person, window=called
        )
    if entry.principals is not None and not any(person.is_behind(arn) for arn in entry.principals):
        who = next(filter(None, entry.principals), phrase("somebody the record does not name"))
        return Standing.OTHER_PERSON, phrase(
            "{window} is open, but {who} is not one of their principals.", window=called, who=who
        )
    if not _is_address(entry.address):
        return Standing.UNPROVEN, phrase(
            "{window} is open, but the record has no address to know them by.", window=called
        )
    if not person.has_address(entry.address):
        other = next((item for item in rules.people if item.has_address(entry.address)), None)
        if other is not None:
            return Standing.OTHER_PERSON, phrase(
                "{window} is open, but {address} is {other}'s address.",
                window=called,
                address=entry.address,
                other=other.name,
            )
        return Standing.ELSEWHERE, phrase(
            "{window} is open, but {address} is none of their addresses.", window=called, address=entry.address
        )
    if entry.began is not None and entry.began < opens:
        return Standing.UNPROVEN, phrase(
            "The session began at {time}, before {window} opened.", time=_clock(entry.began), window=called
        )
    if entry.weakness:
        return Standing.UNPROVEN, phrase("{window} is open, but {weakness}.", window=called, weakness=entry.weakness)
    return Standing.INSIDE, phrase(
        "Inside {window} ({ticket}), {approval}.",
        window=called,
        ticket=window.ticket,
        approval=_approval(window, rules),
    )


@dataclass(frozen=True, kw_only=True)
class Use:
    """Something that happened and that a window is about."""

    finding_id: str
    at: datetime
    standing: Standing
    summary: str
    region: str
    address: str

    def to_plain(self) -> dict[str, str]:
        return {**asdict(self), "at": self.at.isoformat(), "standing": str(self.standing)}

    @classmethod
    def from_plain(cls, plain: Mapping[str, str]) -> Self:
        at, standing = datetime.fromisoformat(plain["at"]), Standing(plain["standing"])
        return cls(**{**plain, "at": at, "standing": standing})  # type: ignore[arg-type]


def is_slack_id(identity: str) -> bool:
    return _SLACK_ID.fullmatch(identity) is not None


def _approval(window: Window, rules: BreakGlass) -> str:
    if window.emergency:
        return phrase("opened as an emergency by {who} alone", who=rules.name_of(window.approved_by))
    return phrase("approved by {who}", who=rules.name_of(window.approved_by))


def _called(window: Window) -> str:
    return phrase("{person}'s window {id}", person=window.person, id=window.id)


def _clock(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M:%S} UTC"


def _is_of(pattern: str, identity: str) -> bool:
    if ROOT in (pattern, identity):
        return pattern == identity
    return bool(identity) and matches_arn(pattern, identity)


def _account_of(arn: str) -> str:
    parts = arn.split(":", 5)
    return parts[4] if len(parts) > 5 else ""


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True
