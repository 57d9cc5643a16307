"""Reminders: when, and how far, an alert that nobody owns is brought up again."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol, Self, runtime_checkable

from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.ports import AlertBook, Notifier, Timer
from handlers.alerting.severity import Severity
from handlers.alerting.working_hours import WorkingHours

KIND = "reminder"  # of the work that comes back to follow_up
CHANNEL = "reminders"  # under this name the alert's row keeps that reminders are set

_LEASE = timedelta(seconds=75)  # a worker that dies on a reminder is replaced after this
_BUSY_SECONDS = 90


class Reach(StrEnum):
    """How far a reminder goes."""

    THREAD = "thread"  # wherever the alert was told
    MENTION = "mention"  # whoever is on call is named there, so that their phones ring
    EMAIL = "email"
    ALSO = "also"  # the further destinations that are configured: a pager


@dataclass(frozen=True, kw_only=True)
class Rhythm:
    """How often one severity is brought up again."""

    after: timedelta
    every: timedelta
    most: int  # reminders of one alert
    waits: bool = False  # outside working hours it waits for the next working morning

    def __post_init__(self) -> None:
        if self.after <= timedelta(0) or self.every <= timedelta(0) or self.most < 0:
            raise ValueError("a rhythm has positive times and a limit")


DEFAULT_RHYTHMS: Mapping[Severity, Rhythm] = {
    Severity.CRITICAL: Rhythm(after=timedelta(minutes=15), every=timedelta(minutes=30), most=8),
    Severity.HIGH: Rhythm(after=timedelta(minutes=60), every=timedelta(minutes=60), most=4, waits=True),
}


@dataclass(frozen=True, kw_only=True)
class Reminders:
    """What is configured."""

    rhythms: Mapping[Severity, Rhythm] = field(default_factory=lambda: DEFAULT_RHYTHMS)
    hours: WorkingHours = field(default_factory=WorkingHours)
    also: tuple[str, ...] = ()  # destinations that hear of reminders only

    def first(self, severity: Severity, opened: datetime) -> datetime | None:
        """When an alert opened then is brought up first; None where it never is."""
        rhythm = self.rhythms.get(severity)
        return self._due(rhythm, opened + rhythm.after) if rhythm and rhythm.most else None

    def next(self, severity: Severity, number: int, *, after: datetime) -> datetime | None:
        """When reminder `number` is due, the one before it being due or given at `after`; None beyond the limit."""
        rhythm = self.rhythms.get(severity)
        if rhythm is None or number > rhythm.most:
            return None
        return self._due(rhythm, after + rhythm.every)

    def waits_until(self, severity: Severity, moment: datetime) -> datetime:
        """When a reminder that comes at this moment may be given: then, or the next working morning."""
        rhythm = self.rhythms.get(severity)
        return self._due(rhythm, moment) if rhythm else moment

    def _due(self, rhythm: Rhythm, moment: datetime) -> datetime:
        return self.hours.next_within(moment) if rhythm.waits else moment

    def to_plain(self) -> dict[str, Any]:
        """As JSON values; times in minutes."""
        return {
            "rhythms": {
                severity.name: {
                    "after": rhythm.after.total_seconds() / 60,
                    "every": rhythm.every.total_seconds() / 60,
                    "most": rhythm.most,
                    "waits": rhythm.waits,
                }
                for severity, rhythm in sorted(self.rhythms.items())
            },
            "hours": str(self.hours),
            "also": list(self.also),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """What `to_plain` wrote. Raises ValueError, KeyError or TypeError for anything else."""
        return cls(
            rhythms={
                Severity[name]: Rhythm(
                    after=timedelta(minutes=rhythm["after"]),
                    every=timedelta(minutes=rhythm["every"]),
                    most=int(rhythm["most"]),
                    waits=bool(rhythm["waits"]),
                )
                for name, rhythm in plain["rhythms"].items()
            },
            hours=WorkingHours.parse(plain["hours"]),
            also=tuple(plain["also"]),
        )


@dataclass(frozen=True, kw_only=True)
class Due:
    """A reminder that an alarm asks for."""

    alert_id: str
    severity: Severity  # whose rhythm it belongs to
    number: int  # from 1
    since: datetime  # when people were told, or told that it got worse
    round: int = 0  # counts up where an alert is opened again, so that it is brought up anew

    @property
    def name(self) -> str:
        """Its alarm's, and what keeps it from being given twice."""
        return f"{KIND} {self.alert_id} {self.severity.name} {self.round} {self.number}"

    def channel(self, notifier: str) -> str:
        """Under which the alert's row keeps that a notifier has given it."""
        return f"{notifier}-{KIND}-{self.severity.name}-{self.round}-{self.number}"

    def to_work(self) -> dict[str, str]:
        """What the alarm carries."""
        return {
            "kind": KIND,
            "alert": self.alert_id,
            "severity": self.severity.name,
            "number": str(self.number),
            "since": self.since.isoformat(),
            "round": str(self.round),
        }

    @classmethod
    def of(cls, work: Mapping[str, str]) -> Self:
        """What `to_work` wrote. Raises KeyError or ValueError for anything else."""
        return cls(
            alert_id=work["alert"],
            severity=Severity[work["severity"]],
            number=int(work["number"]),
            since=datetime.fromisoformat(work["since"]),
            round=int(work.get("round", "0")),
        )


@dataclass(frozen=True, kw_only=True)
class Remind:
    """Now, and so far."""

    reach: frozenset[Reach]
    next_at: datetime | None  # None: it is the last


@dataclass(frozen=True, kw_only=True)
class Wait:
    """Not now."""

    until: datetime


@dataclass(frozen=True, kw_only=True)
class Stop:
    """Never again, because of `reason`."""

    reason: str


def decide(
    reminders: Reminders, due: Due, *, severity: Severity, is_owned: bool, now: datetime
) -> Remind | Wait | Stop:
    """What becomes of a reminder whose alarm went off.

    Args:
        severity: the alert's, as it is now.
        is_owned: somebody has taken it, said that it was expected, or closed it.
    """
    if is_owned:
        return Stop(reason="somebody owns it")
    if severity > due.severity:
        return Stop(reason=f"it is {severity.name} now, which has its own rhythm")
    rhythm = reminders.rhythms.get(due.severity)
    if rhythm is None or due.number > rhythm.most:
        return Stop(reason="that was the last")
    until = reminders.waits_until(due.severity, now)
    if until > now:
        return Wait(until=until)
    return Remind(
        reach=reach_of(due.severity, due.number),
        next_at=reminders.next(due.severity, due.number + 1, after=now),
    )


def reach_of(severity: Severity, number: int) -> frozenset[Reach]:
    """CRITICAL rings everywhere at once; what is less begins where it was told, and grows."""
    if severity is Severity.CRITICAL:
        return frozenset(Reach)
    if severity is Severity.HIGH:
        return frozenset({Reach.THREAD, Reach.MENTION} | ({Reach.EMAIL, Reach.ALSO} if number > 1 else set()))
    return frozenset({Reach.THREAD})


@dataclass(frozen=True, kw_only=True)
class Reminder:
    """What a channel is asked to say."""

    number: int
    most: int
    severity: Severity
    waiting: timedelta  # since people were told
    mentions: bool  # name whoever is on call
    now: datetime


@runtime_checkable
class Reminding(Protocol):
    """A `Notifier` that can bring an alert up again."""

    @property
    def name(self) -> str: ...

    def remind(self, alert: Alert, told: Told | None, reminder: Reminder) -> None:
        """Say that nobody has taken the alert. `told` is what it knows; None where it has not heard of it at all.

        Raises UnavailableError (RetryLaterError where the other side named a wait).
        """
        ...


class ReminderSetter:
    """A `Notifier` that, told of a new alert or of one that got worse, sets the alarm of the first reminder.

    As a channel among the others it is told once, tried again when the timer does not answer, and keeps nobody else
    from being told.
    """

    name = CHANNEL
    follows = False

    def __init__(self, *, reminders: Reminders, timer: Timer, clock: Callable[[], datetime]) -> None:
        self.minimum_severity = min(reminders.rhythms, default=Severity.CRITICAL)
        self._reminders = reminders
        self._timer = timer
        self._clock = clock

    def announce(self, alert: Alert) -> str:
        """Set the alarm; returns its time. Raises UnavailableError."""
        at = self.begin(alert)
        return at.isoformat() if at else ""

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """It got worse, and has another rhythm from now on. Raises UnavailableError."""
        if alert.severity > told.severity:
            self.begin(alert)

    def begin(self, alert: Alert, *, round: int = 0) -> datetime | None:
        """Set the alarm of the first reminder of a round; None where the severity has none. Raises UnavailableError."""
        now = self._clock()
        at = self._reminders.first(alert.severity, now)
        if at is not None:
            due = Due(alert_id=alert.id, severity=alert.severity, number=1, since=now, round=round)
            self._timer.set(due.name, at, due.to_work())
        return at


def cancel(alert: Alert, *, reminders: Reminders, timer: Timer, clock: Callable[[], datetime], round: int = 0) -> None:
    """Take an alert's alarms back, once somebody owns it. Raises UnavailableError.

    For tidiness alone: an alarm that goes off all the same finds that somebody owns the alert, and ends there.
    """
    now = clock()
    for severity, rhythm in reminders.rhythms.items():
        if severity <= alert.severity:
            for number in range(1, rhythm.most + 1):
                due = Due(alert_id=alert.id, severity=severity, number=number, since=now, round=round)
                timer.cancel(due.name)


@dataclass(frozen=True, kw_only=True)
class Caller:
    """Gives the reminders that alarms ask for; each once for each channel, however often it is asked."""

    book: AlertBook
    reminders: Reminders
    timer: Timer
    notifiers: Sequence[Notifier]
    is_owned: Callable[[Alert], bool]
    clock: Callable[[], datetime]

    def follow_up(self, work: Mapping[str, str]) -> str:
        """See one alarm through; returns what was done, in a few words for the log.

        Raises:
            UnavailableError: something of it is not done yet; a repeat does the rest.
            KeyError, ValueError: the work is not a reminder's.
        """
        due = Due.of(work)
        alert = self.book.find(due.alert_id)
        if alert is None:
            return "the alert has expired"
        now = self.clock()
        decision = decide(self.reminders, due, severity=alert.severity, is_owned=self.is_owned(alert), now=now)
        if isinstance(decision, Stop):
            return decision.reason
        if isinstance(decision, Wait):
            # Another name: the alarm that has just gone off may not be gone yet.
            self.timer.set(f"{due.name} {decision.until:%Y%m%dT%H%M}", decision.until, due.to_work())
            return f"waits until {decision.until.isoformat()}"
        if decision.next_at is not None:
            # Before anybody is reminded, so that a crash here costs this reminder at most, never all that follow.
            following = Due(
                alert_id=due.alert_id,
                severity=due.severity,
                number=due.number + 1,
                since=due.since,
                round=due.round,
            )
            self.timer.set(following.name, decision.next_at, following.to_work())
        self._remind(alert, due, decision.reach, now)
        return f"reminder {due.number}"

    def _remind(self, alert: Alert, due: Due, reach: frozenset[Reach], now: datetime) -> None:
        problems: list[UnavailableError] = []
        for notifier in self.notifiers:
            if not isinstance(notifier, Reminding) or not self._reaches(notifier, alert, reach):
                continue
            try:
                self._tell(notifier, alert, due, reach, now)
            except UnavailableError as error:
                problems.append(error)
        if problems:
            seconds = max((item.seconds for item in problems if isinstance(item, RetryLaterError)), default=0.0)
            text = "; ".join(map(str, problems))
            raise RetryLaterError(text, seconds=seconds) if seconds else UnavailableError(text)

    def _reaches(self, notifier: Notifier, alert: Alert, reach: frozenset[Reach]) -> bool:
        if notifier.name in self.reminders.also:
            return Reach.ALSO in reach
        if notifier.name not in alert.told:
            # The mail is the second way to reach people, whether or not it was the first.
            return notifier.name == "email" and Reach.EMAIL in reach
        return Reach.THREAD in reach if notifier.follows else Reach.EMAIL in reach

    def _tell(self, notifier: Reminding, alert: Alert, due: Due, reach: frozenset[Reach], now: datetime) -> None:
        channel = due.channel(notifier.name)
        if channel in alert.told:
            return
        if not self.book.claim(alert.id, channel, now=now, lease=_LEASE):
            raise RetryLaterError("somebody else is giving this reminder", seconds=_BUSY_SECONDS)
        try:
            # What was true before the claim may have been done by whoever held it.
            current = self.book.find(alert.id) or alert
            if channel in current.told or self.is_owned(current):
                self.book.release(alert.id, channel)
                return
            rhythm = self.reminders.rhythms[due.severity]
            notifier.remind(
                current,
                current.told.get(notifier.name),
                Reminder(
                    number=due.number,
                    most=rhythm.most,
                    severity=due.severity,
                    waiting=max(now - due.since, timedelta(0)),
                    mentions=Reach.MENTION in reach,
                    now=now,
                ),
            )
            told = Told(
                reference="",
                count=current.loud,
                severity=current.severity,
                kinds=current.kinds,
                cursor="",
                at=now,
            )
            self.book.save_told(alert.id, channel, told)
        except BaseException:
            self.book.release(alert.id, channel)
            raise
