"""What the pipeline needs from outside, as protocols; handlers/adapters has the real ones and those in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from handlers.alerting.severity import Severity

if TYPE_CHECKING:
    from handlers.alerting.alert import Alert, Told
    from handlers.alerting.finding import Finding
    from handlers.alerting.life import Act, Decision, Life


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


class Later(Protocol):
    """Somebody who reminds us."""

    def refresh(self, alert_id: str, *, seconds: int) -> None:
        """Have `refresh_alert` called for this alert in so many seconds. Raises UnavailableError."""
        ...
