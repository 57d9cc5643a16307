"""What the pipeline needs from outside, as protocols; handlers/adapters has the real ones and those in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from handlers.alerting.alert import Alert, Told
    from handlers.alerting.event import Road
    from handlers.alerting.finding import Finding, QuietKind
    from handlers.alerting.life import Act, Decision, Life
    from handlers.alerting.window import Use, Window, WindowAct


@dataclass(frozen=True, kw_only=True)
class Unknown:
    """An answer that could not be had, and why: "AccessDenied", "took longer than 2 s", "not asked in a replay"."""

    reason: str


class Lookups(Protocol):
    """Questions a detection may ask about an account as it is now. None raises: what cannot be had is Unknown."""

    def managed_policy(self, arn: str, *, version: str = "") -> Mapping[str, Any] | Unknown:
        """The document of a customer or AWS managed policy: its default version, or the one named ("v3")."""
        ...

    def inline_policy(self, account: str, kind: str, name: str, policy: str) -> Mapping[str, Any] | Unknown:
        """The document of an inline policy of the "user", "role" or "group" called `name`."""
        ...

    def policies_of(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        """Everything that says what a principal may do: {"policies": [...], "boundary": ... or absent}.

        `kind` is "user" (its groups included), "role", "group" or "permission set" (`name` is then its ARN). Each
        policy is a document, or the ARN of an AWS managed policy.
        """
        ...

    def trail(self, account: str, region: str, name: str) -> Mapping[str, Any] | Unknown:
        """A trail's settings as CloudTrail's DescribeTrails gives them; `name` may be an ARN."""
        ...

    def trails(self, account: str, region: str) -> Mapping[str, Any] | Unknown:
        """{"trails": [...]}: those that record this region, as CloudTrail's DescribeTrails gives them."""
        ...

    def deployment(self) -> Mapping[str, Any] | Unknown:
        """Rootwatch's own.

        {"name": what its resources are called after, "deployers": [{"role", "accounts"}], "accounts": [the ids named in
        the configuration], "organization": its id or ""}.
        """
        ...

    def membership(self, account: str) -> Mapping[str, Any] | Unknown:
        """{"member": whether the account is one of ours: named in the configuration, or in our organisation}."""
        ...

    def standing(self, account: str, kind: str, name: str) -> Mapping[str, Any] | Unknown:
        """What can be used of a "user", "role", "group" or "policy" (`name` is then its ARN); times in ISO 8601.

        user: {"created", "password" and "password_used" (times, or absent), "keys": [{"id", "active", "created",
        "used", "service"}], "mfa_devices": number}. role: {"created", "used", "trust": document}.
        group: {"members": [names], "more": whether there are others}.
        policy: {"users": [names], "roles": [names], "groups": [names], "more"}.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Sighting:
    """One event, as our own history counts it."""

    account: str
    event: str  # what makes a second arrival a repeat
    principal: str  # who, under a name that stays; "" where nobody can be told apart
    address: str  # where from: an address, or an IPv6 network; "" where it is not one
    at: datetime
    succeeded: bool


@dataclass(frozen=True, kw_only=True)
class Tally:
    """How often something was seen before."""

    times: int = 0  # events that succeeded: what fails may be anybody's guess, and makes nobody known
    failed: int = 0
    since: datetime | None = None  # of the first that succeeded; None where none did


MOST_KEPT_CHARACTERS = 20_000  # of one value: twice the longest policy that IAM takes (quotas, IAM user guide)
MOST_ADDRESSES = 50  # of one principal that are told apart: more is "50 or more"


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What was seen before a sighting."""

    account: Tally = Tally()  # anybody, from anywhere
    principal: Tally = Tally()
    address: Tally = Tally()  # anybody from this address
    both: Tally = Tally()  # this principal from this address
    other_addresses: int = 0  # that the principal was seen from; MOST_ADDRESSES means so many or more


@dataclass(frozen=True, kw_only=True)
class Kept:
    """What was known under a name before an event."""

    value: str
    since: datetime  # the first event that found it so


class History(Protocol):
    """What we have seen ourselves. Repeats of an event change nothing and are answered as the first time.

    All raise UnavailableError when the store does not answer.
    """

    def seen(self, sighting: Sighting, *, now: datetime) -> Seen:
        """Count a sighting; returns what was seen before it."""
        ...

    def replaced(self, name: str, value: str, *, event: str, at: datetime, now: datetime) -> Kept | None:
        """Keep `value` under `name` as what the event `event` of the time `at` left; returns what was known before.

        None where nothing was, or where something later is known already: then that stays. A value that is too long
        to be kept is forgotten, and "" stands for nothing.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where an account stands in its organisation."""

    name: str
    path: str  # organisational units from the root down: "Workloads/Production"; "" directly below the root


class Directory(Protocol):
    """Names that the organisation gives. None raises: what cannot be had is Unknown."""

    def user_name(self, store: str, user: str) -> str | Unknown:
        """The name of an Identity Center user, by the ids of the identity store and of the user."""
        ...

    def place(self, account: str) -> Place | Unknown: ...


class AddressBook(Protocol):
    """Whom addresses belong to."""

    def owner(self, address: str) -> str:
        """Network and country of an IP address, in words; "" where it is not listed."""
        ...


class PolicyChecks(Protocol):
    """A second opinion on a policy."""

    def check(self, before: str | None, after: str, *, is_trust: bool) -> str | Unknown:
        """Whether a policy (JSON text) allows more than the one before; where there is none, what it allows at all."""
        ...


class Windows(Protocol):
    """Where break-glass windows are kept. Every method may be repeated; the second time changes nothing.

    All raise UnavailableError when the store does not answer.
    """

    def find(self, window_id: str) -> Window | None: ...

    def of_account(self, account: str, *, ending_from: datetime) -> Sequence[Window]:
        """The account's windows in any state that end (or were to end) then or later, by their end."""
        ...

    def save(self, window: Window, act: WindowAct) -> bool:
        """Keep what an act made of a window, and the act. False: somebody else was faster, and nothing changed."""
        ...

    def history(self, window_id: str) -> Sequence[tuple[WindowAct, Window]]:
        """Every act done on a window with the window after it, in their order. Nothing alters or removes one."""
        ...

    def add_use(self, window_id: str, use: Use) -> None:
        """Keep that something happened that the window is about."""
        ...

    def uses(self, window_id: str) -> Sequence[Use]:
        """What happened, by time."""
        ...

    def keep_place(self, window_id: str, place: str) -> None:
        """Remember where people see a message about it; what is remembered already stays."""
        ...

    def place(self, window_id: str) -> str:
        """Where that is; "" where no message is known of."""
        ...


class Accounts(Protocol):
    """Names of accounts."""

    def name(self, account: str) -> str | None:
        """What people call this account; None where nobody said."""
        ...


@dataclass(frozen=True, kw_only=True)
class Recorded:
    """The outcome of recording a finding."""

    alert: Alert  # as it is after this finding
    finding: Finding  # the stored one: the first arrival's, on a repeat
    is_new: bool  # False: this finding had been recorded before, and nothing was counted


class AlertBook(Protocol):
    """Where alerts and findings are kept. Every method may be repeated; the second time changes nothing.

    All raise UnavailableError when the store does not answer.
    """

    def record(self, finding: Finding, *, window: timedelta, now: datetime) -> Recorded:
        """Store the finding once and count it once, in the open alert of its group or in a new one."""
        ...

    def find(self, alert_id: str) -> Alert | None: ...

    def findings(self, alert_id: str, *, after: str, limit: int) -> Sequence[Finding]:
        """The loud findings of an alert beyond the cursor `after`: the newest `limit` of them, oldest first."""
        ...

    def findings_kept(self, kind: QuietKind, day: date) -> Sequence[Finding]:
        """The findings kept quiet for this reason that we learnt of on this day (UTC), in order, without exhibits."""
        ...

    def claim(self, alert_id: str, errand: str, *, now: datetime, lease: timedelta) -> bool:
        """Take an errand ("slack", "email", "refresh") that only one worker may be on. False: somebody has it."""
        ...

    def release(self, alert_id: str, errand: str) -> None:
        """Give a claimed errand back."""
        ...

    def save_told(self, alert_id: str, channel: str, told: Told) -> None:
        """Remember what a channel knows, and give its errand back."""
        ...

    def act(self, alert_id: str, act: Act) -> Decision:
        """Decide about an act, and keep what is done: of several at once, one is first.

        An act that was done before, known by its id, is done: nothing changes, and `life` is what it led to.
        """
        ...

    def history(self, alert_id: str) -> Sequence[tuple[Act, Life]]:
        """Every act done on an alert with the life after it, in their order. Nothing alters or removes one."""
        ...


class Arrivals(Protocol):
    """Which CloudTrail records were seen through, and which road brought each first; known by `Event.arrival`.

    Both raise UnavailableError when the store does not answer.
    """

    def known(self, arrivals: Sequence[str]) -> Mapping[str, Road]:
        """Those of the records that were seen through, with their road."""
        ...

    def note(self, arrival: str, road: Road, *, now: datetime) -> Road | None:
        """Keep that a record was seen through; the road that was first where it is kept already, else None."""
        ...


class Notifier(Protocol):
    """A channel to people.

    All raise UnavailableError (RetryLaterError where the other side named a wait): the message stays in the queue and
    is tried again. A message that the other side refuses for its form is sent plainer, never dropped.
    """

    @property
    def name(self) -> str:
        """ "slack", "email": the key of what it was told in the alert's row."""
        ...

    @property
    def minimum_severity(self) -> Severity:
        """The least severity it is told of."""
        ...

    @property
    def follows(self) -> bool:
        """Whether it is told of further findings, or only of a new alert and of one that got worse."""
        ...

    def announce(self, alert: Alert) -> str:
        """Tell people of a new alert; returns the reference of the message, "" where there is none."""
        ...

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """Tell what has come since, and bring the first message's count, last time and severity up to date.

        `findings` are the newest of what is not told yet; `alert.loud - told.count` says how many there are in all.
        """
        ...


class AuditLog(Protocol):
    """What people and Rootwatch decided, where nobody can alter it afterwards."""

    def append(self, key: str, entry: Mapping[str, Any]) -> None:
        """Keep an entry under a key of its own; one that is kept already stays as it is. Raises UnavailableError."""
        ...


class Later(Protocol):
    """Somebody who reminds us."""

    def refresh(self, alert_id: str, *, seconds: int) -> None:
        """Have `refresh_alert` called for this alert in so many seconds. Raises UnavailableError."""
        ...


class Timer(Protocol):
    """A clock that calls back: at its time, `work` comes to `follow_up` as it is."""

    def set(self, name: str, at: datetime, work: Mapping[str, str]) -> None:
        """Set an alarm once; one of this name that is set already is left as it is. Raises UnavailableError."""
        ...

    def cancel(self, name: str) -> None:
        """Take an alarm back; one that is not there, or has gone off, is no error. Raises UnavailableError."""
        ...
