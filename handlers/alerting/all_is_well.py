"""The daily line: what there was since the last one, and what was seen of Rootwatch being alive; nothing is assumed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Protocol
from zoneinfo import ZoneInfo

from handlers.alerting.alert import Alert
from handlers.alerting.canary import Flight
from handlers.alerting.errors import RetryLaterError
from handlers.alerting.ports import Unknown
from handlers.alerting.severity import Severity
from handlers.alerting.working_hours import DAYS, WorkingHours

KIND = "all-is-well"  # of the work that comes to follow_up
LOOK_BACK = 7  # days in which an alert that nobody has taken is still named
WORTH_TAKING = Severity.MEDIUM  # what is less is for reading
OK = "OK"  # CloudWatch's word for an alarm that is quiet
RINGS = "ALARM"

_LEASE = timedelta(seconds=75)
_FOR_GOOD = timedelta(days=30)
_BUSY_SECONDS = 90


class Day(Protocol):
    """What the daily line asks of an alert book. All raise UnavailableError when the store does not answer."""

    def opened_on(self, day: date) -> Sequence[Alert]:
        """The alerts opened on this day (UTC), as they are now, in the order opened."""
        ...

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool:
        """Take an errand that belongs to no alert; False: somebody is on it, or it is done."""
        ...

    def end(self, errand: str, *, until: datetime | None) -> None:
        """Give it back (None), or keep anybody from it until then."""
        ...


class AlarmBoard(Protocol):
    """The alarms about Rootwatch itself."""

    def states(self) -> Mapping[str, str] | Unknown:
        """Each alarm's state by its name, in CloudWatch's words: OK, ALARM, INSUFFICIENT_DATA. Never raises."""
        ...


@dataclass(frozen=True, kw_only=True)
class Report:
    """What the line says."""

    since: datetime
    now: datetime
    counts: Mapping[Severity, int]  # of the alerts that people were told of since then
    untaken: tuple[Alert, ...]  # of the last LOOK_BACK days, MEDIUM and worse, the worst first
    alarms: Mapping[str, str] | Unknown
    last_finding: datetime | None
    flights: tuple[Flight, ...]  # the canaries sent since then

    @property
    def is_well(self) -> bool:
        """Whether nothing waits for anybody, every alarm was seen to be quiet, and the canaries came through."""
        quiet = not isinstance(self.alarms, Unknown) and bool(self.alarms) and set(self.alarms.values()) == {OK}
        return quiet and not self.untaken and bool(self.flights) and not self.lost

    @property
    def lost(self) -> tuple[Flight, ...]:
        """The canaries that did not come through."""
        return tuple(flight for flight in self.flights if flight.is_lost(self.now))

    def alarms_that(self, *states: str) -> tuple[str, ...]:
        """The names of the alarms in one of these states."""
        known = {} if isinstance(self.alarms, Unknown) else self.alarms
        return tuple(sorted(name for name, state in known.items() if state in states))


def previous_line(due: datetime, hours: WorkingHours) -> datetime:
    """When the line before this one came: the working day before, at the same time of the day."""
    today = due.astimezone(ZoneInfo(hours.time_zone))
    for back in range(1, 8):
        before = today - timedelta(days=back)  # on the wall clock: also where the clocks were moved between
        if DAYS[before.weekday()] in hours.days:
            return before.astimezone(due.tzinfo)
    return due - timedelta(days=1)


def report_of(
    alerts: Sequence[Alert],
    *,
    since: datetime,
    now: datetime,
    is_owned: Callable[[Alert], bool],
    alarms: Mapping[str, str] | Unknown,
    flights: Sequence[Flight],
) -> Report:
    """Sum up the alerts of the last days."""
    told = [alert for alert in alerts if alert.kinds and alert.loud >= alert.headline.threshold]
    untaken = [alert for alert in told if alert.severity >= WORTH_TAKING and not is_owned(alert)]
    return Report(
        since=since,
        now=now,
        counts=Counter(alert.severity for alert in told if since <= alert.headline.received < now),
        untaken=tuple(sorted(untaken, key=lambda alert: (-alert.severity, alert.headline.received))),
        alarms=alarms,
        last_finding=max((alert.last_time for alert in alerts), default=None),
        flights=tuple(flights),
    )


@dataclass(frozen=True, kw_only=True)
class DailyLine:
    """Says the line once a day, however often it is asked for."""

    book: Day
    board: AlarmBoard
    say: Callable[[Report], None]
    is_owned: Callable[[Alert], bool]
    hours: WorkingHours
    clock: Callable[[], datetime]
    flights: Callable[[datetime, datetime], Sequence[Flight]]  # that left between; raises UnavailableError

    def follow_up(self, work: Mapping[str, str]) -> str:
        """Say it for the day the alarm was due, in `at`.

        Raises:
            UnavailableError: the store or Slack did not answer; a repeat does it.
            KeyError, ValueError: there is no such time.
        """
        due = datetime.fromisoformat(work["at"])
        if due.tzinfo is None:
            raise ValueError("a time without its zone")
        errand = f"{KIND} {due:%Y-%m-%d}"
        now = self.clock()
        if not self.book.begin(errand, now=now, lease=_LEASE):
            # Said, or being said: whoever is on it may die, and whoever comes later then finds it free.
            if "attempt" in work:  # it came back, and the lease of whoever was on it is over
                return "said already"
            raise RetryLaterError("somebody else is saying the daily line", seconds=_BUSY_SECONDS)
        try:
            self.say(self._report(due, now))
        except BaseException:
            self.book.end(errand, until=None)
            raise
        self.book.end(errand, until=now + _FOR_GOOD)
        return "said"

    def _report(self, due: datetime, now: datetime) -> Report:
        days = [(now - timedelta(days=back)).date() for back in range(LOOK_BACK, -1, -1)]
        alerts = [alert for day in days for alert in self.book.opened_on(day)]
        since = previous_line(due, self.hours)
        return report_of(
            alerts,
            since=since,
            now=now,
            is_owned=self.is_owned,
            alarms=self.board.states(),
            flights=self.flights(since, now),
        )
