"""Nobody answered: when, how far, and how often an alert is brought up again. The clock stands where a test puts it."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryAlertBook, MemoryNotifier, MemoryTimer
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.reminding import (
    DEFAULT_RHYTHMS,
    Caller,
    Due,
    Reach,
    Remind,
    Reminder,
    Reminders,
    ReminderSetter,
    Rhythm,
    Stop,
    Wait,
    cancel,
    decide,
    reach_of,
)
from handlers.alerting.severity import Severity
from handlers.alerting.working_hours import WorkingHours
from tests.building import Stage, detection

MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)
TOKYO = WorkingHours(time_zone="Asia/Tokyo")
REMINDERS = Reminders(also=("pager",))


@dataclass(kw_only=True)
class Channel(MemoryNotifier):
    """A notifier in memory that can remind."""

    reminded: list[Reminder] = field(default_factory=list)

    def remind(self, alert: Alert, told: Told | None, reminder: Reminder) -> None:
        self._fail_if_asked()
        self.reminded.append(reminder)


@dataclass(kw_only=True)
class Night:
    """A pipeline that sets reminders, and time that passes."""

    severity: Severity = Severity.CRITICAL
    now: datetime = MONDAY
    reminders: Reminders = REMINDERS
    owned: bool = False
    timer: MemoryTimer = field(default_factory=MemoryTimer)
    slack: Channel = field(default_factory=Channel)
    email: Channel = field(default_factory=lambda: Channel(name="email", minimum_severity=Severity.HIGH, follows=False))
    pager: Channel = field(default_factory=lambda: Channel(name="pager", follows=False))

    def __post_init__(self) -> None:
        setter = ReminderSetter(reminders=self.reminders, timer=self.timer, clock=lambda: self.now)
        self.book = MemoryAlertBook()
        self.stage = Stage(
            detections=[detection(severity=self.severity)],
            book=self.book,
            slack=self.slack,
            email=self.email,
            now=self.now,
        )
        self.pipeline = dataclasses.replace(
            self.stage.pipeline, notifiers=(self.email, self.slack, setter), clock=lambda: self.now
        )
        self.caller = Caller(
            book=self.book,
            reminders=self.reminders,
            timer=self.timer,
            notifiers=(self.slack, self.email, self.pager),
            is_owned=lambda _alert: self.owned,
            clock=lambda: self.now,
        )

    def open(self) -> Alert:
        from handlers.alerting.event import Event
        from tests.building import envelope, record

        self.pipeline.raise_alerts(Event.parse(envelope(record())))
        return self.book.alerts[0]

    def pass_minutes(self, minutes: int) -> list[str]:
        """Minute by minute, as the Scheduler would; returns what each alarm did."""
        done = []
        for _ in range(minutes):
            self.now += MINUTE
            done += [self.caller.follow_up(work) for work in self.timer.gone_off(self.now)]
        return done

    def times(self, channel: Channel) -> list[int]:
        """At which minutes after the alert was opened a channel was reminded."""
        return [round((reminder.now - MONDAY) / MINUTE) for reminder in channel.reminded]


def test_a_critical_alert_is_brought_up_after_15_minutes_and_then_every_30_up_to_eight_times() -> None:
    night = Night()
    night.open()
    night.pass_minutes(24 * 60)
    expected = [15, 45, 75, 105, 135, 165, 195, 225]
    assert night.times(night.slack) == night.times(night.email) == night.times(night.pager) == expected
    assert [item.number for item in night.slack.reminded] == list(range(1, 9))
    assert {item.most for item in night.slack.reminded} == {8}
    assert night.slack.reminded[1].waiting == timedelta(minutes=45)
    assert night.timer.alarms == {}


def test_a_high_alert_is_brought_up_each_hour_up_to_four_times_in_working_hours() -> None:
    night = Night(severity=Severity.HIGH)
    night.open()
    night.pass_minutes(24 * 60)
    assert night.times(night.slack) == [60, 120, 180, 240]
    assert night.times(night.email) == night.times(night.pager) == [120, 180, 240]
    assert [item.mentions for item in night.slack.reminded] == [True] * 4


@pytest.mark.parametrize("severity", [Severity.INFO, Severity.LOW, Severity.MEDIUM])
def test_what_is_less_is_not_brought_up(severity: Severity) -> None:
    night = Night(severity=severity)
    night.open()
    assert night.timer.alarms == {}
    assert night.slack.told, "it was told"


def test_whoever_owns_an_alert_is_left_in_peace_from_then_on() -> None:
    night = Night()
    night.open()
    night.pass_minutes(20)
    night.owned = True
    assert night.pass_minutes(24 * 60) == ["somebody owns it"]
    assert night.times(night.slack) == [15]
    assert night.timer.alarms == {}


def test_owning_an_alert_takes_its_alarms_back() -> None:
    night = Night()
    alert = night.open()
    night.pass_minutes(20)
    assert len(night.timer.alarms) == 1
    cancel(alert, reminders=REMINDERS, timer=night.timer, clock=lambda: night.now)
    cancel(alert, reminders=REMINDERS, timer=night.timer, clock=lambda: night.now)
    assert night.timer.alarms == {}


def test_an_alert_that_is_opened_again_is_brought_up_anew() -> None:
    night = Night()
    alert = night.open()
    night.pass_minutes(20)
    setter = ReminderSetter(reminders=REMINDERS, timer=night.timer, clock=lambda: night.now)
    night.timer.alarms.clear()
    setter.begin(alert, round=1)
    night.pass_minutes(20)
    assert night.times(night.slack) == [15, 35]


def test_nothing_is_reminded_twice_however_often_an_alarm_goes_off() -> None:
    night = Night()
    alert = night.open()
    ((_, work),) = night.timer.alarms.values()
    night.now += 15 * MINUTE
    for _ in range(20):
        night.caller.follow_up(work)
    assert len(night.slack.reminded) == len(night.email.reminded) == len(night.pager.reminded) == 1
    assert [Due.of(work).number for _, work in night.timer.alarms.values()] == [1, 2]
    assert night.book.find(alert.id).count == 1  # type: ignore[union-attr]


def test_a_channel_that_fails_is_tried_again_and_the_others_are_not_reminded_twice() -> None:
    night = Night()
    night.open()
    ((_, work),) = night.timer.alarms.values()
    night.now += 15 * MINUTE
    night.slack.failing = [UnavailableError("down")]
    night.email.failing = [RetryLaterError("too many", seconds=240)]
    with pytest.raises(RetryLaterError) as caught:
        night.caller.follow_up(work)
    assert caught.value.seconds == 240
    assert len(night.pager.reminded) == 1
    night.caller.follow_up(work)
    assert (len(night.slack.reminded), len(night.email.reminded), len(night.pager.reminded)) == (1, 1, 1)


def test_the_next_alarm_is_set_before_anybody_is_reminded() -> None:
    night = Night()
    night.open()
    ((_, work),) = night.timer.alarms.values()
    night.now += 15 * MINUTE
    night.slack.failing = [KeyboardInterrupt()]  # type: ignore[list-item] - the function dies here
    with pytest.raises(KeyboardInterrupt):
        night.caller.follow_up(work)
    assert 2 in {Due.of(work).number for _, work in night.timer.alarms.values()}


def test_somebody_else_at_it_is_waited_for() -> None:
    night = Night()
    alert = night.open()
    ((_, work),) = night.timer.alarms.values()
    night.now += 15 * MINUTE
    assert night.book.claim(alert.id, Due.of(work).channel("slack"), now=night.now, lease=timedelta(seconds=75))
    with pytest.raises(RetryLaterError, match="somebody else"):
        night.caller.follow_up(work)


def test_an_alert_is_told_even_when_no_alarm_can_be_set_and_the_alarm_is_set_by_the_retry() -> None:
    from handlers.alerting.event import Event
    from handlers.alerting.pipeline import PipelineError
    from tests.building import envelope, record

    night = Night()
    event = Event.parse(envelope(record()))
    night.timer.failing = [UnavailableError("no Scheduler")]
    with pytest.raises(PipelineError):
        night.pipeline.raise_alerts(event)
    assert len(night.slack.told) == len(night.email.told) == 1
    night.pipeline.raise_alerts(event)
    assert len(night.timer.alarms) == 1
    assert len(night.slack.told) == 1


def test_a_burst_sets_one_alarm() -> None:
    night = Night()
    for _ in range(50):
        night.open()
    assert len(night.timer.alarms) == 1


def test_an_alert_that_gets_worse_changes_to_the_faster_rhythm() -> None:
    night = Night(severity=Severity.HIGH)
    night.open()
    night.pipeline = dataclasses.replace(
        night.pipeline,
        catalogue=Stage(detections=[detection("worse", severity=Severity.CRITICAL)]).pipeline.catalogue,
    )
    night.now += 10 * MINUTE
    night.open()
    done = night.pass_minutes(55)
    assert night.times(night.slack) == [25, 55]
    assert "it is CRITICAL now, which has its own rhythm" in done


def test_an_expired_alert_is_not_brought_up() -> None:
    night = Night()
    due = Due(alert_id="A0", severity=Severity.CRITICAL, number=1, since=MONDAY)
    assert night.caller.follow_up(due.to_work()) == "the alert has expired"


def at(text: str, zone: str = "Asia/Tokyo") -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone))


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        ("2026-11-02T10:00", "2026-11-02T10:00"),  # a Monday, at work
        ("2026-11-02T08:59", "2026-11-02T09:00"),
        ("2026-11-02T09:00", "2026-11-02T09:00"),
        ("2026-11-02T17:59", "2026-11-02T17:59"),
        ("2026-11-02T18:00", "2026-11-03T09:00"),
        ("2026-11-06T18:30", "2026-11-09T09:00"),  # a Friday evening
        ("2026-11-07T12:00", "2026-11-09T09:00"),
    ],
)
def test_outside_working_hours_the_next_working_morning_is_meant(moment: str, expected: str) -> None:
    assert TOKYO.next_within(at(moment)) == at(expected)


def test_a_morning_is_nine_o_clock_on_both_sides_of_the_change_of_clocks() -> None:
    hours = WorkingHours(time_zone="Europe/Berlin")
    assert hours.next_within(at("2026-03-28T12:00", "Europe/Berlin")).hour == 7  # summer time began on the 29th
    assert hours.next_within(at("2026-10-24T12:00", "Europe/Berlin")).hour == 8  # and ended on the 25th of October


@given(
    st.datetimes(datetime(2026, 1, 1), datetime(2028, 1, 1), timezones=st.just(UTC)),
    st.sampled_from(["UTC", "Asia/Tokyo", "Europe/Berlin", "America/New_York", "Australia/Lord_Howe"]),
    st.frozensets(st.sampled_from(["Mon", "Wed", "Sat", "Sun"]), min_size=1),
)
def test_a_wait_ends_in_working_hours_within_a_week_and_never_before(
    moment: datetime, zone: str, days: frozenset[str]
) -> None:
    hours = WorkingHours(days=tuple(days), time_zone=zone)
    until = hours.next_within(moment)
    assert moment <= until <= moment + timedelta(days=7, hours=16)
    assert hours.next_within(until) == until
    local = until.astimezone(ZoneInfo(zone))
    assert time(9) <= local.time() < time(18)


def test_high_waits_for_the_morning_and_critical_never_does() -> None:
    evening = datetime(2026, 11, 6, 17, 30, tzinfo=UTC)  # a Friday
    assert REMINDERS.first(Severity.HIGH, evening) == datetime(2026, 11, 9, 9, 0, tzinfo=UTC)
    assert REMINDERS.next(Severity.HIGH, 2, after=datetime(2026, 11, 9, 9, 0, tzinfo=UTC)) == datetime(
        2026, 11, 9, 10, 0, tzinfo=UTC
    )
    assert REMINDERS.first(Severity.CRITICAL, evening) == evening + timedelta(minutes=15)


def test_an_alarm_that_goes_off_in_the_night_is_put_off_until_the_morning() -> None:
    night = Night(severity=Severity.HIGH)
    alert = night.open()
    night.timer.alarms.clear()
    night.now = datetime(2026, 11, 2, 22, 0, tzinfo=UTC)
    due = Due(alert_id=alert.id, severity=Severity.HIGH, number=2, since=MONDAY)
    assert night.caller.follow_up(due.to_work()) == "waits until 2026-11-03T09:00:00+00:00"
    assert night.slack.reminded == []
    night.pass_minutes(11 * 60)
    assert [item.number for item in night.slack.reminded] == [2]


def decision(
    severity: Severity = Severity.CRITICAL, number: int = 1, *, is_owned: bool = False, now: datetime = MONDAY
) -> Remind | Wait | Stop:
    due = Due(alert_id="A1", severity=severity, number=number, since=MONDAY)
    return decide(REMINDERS, due, severity=severity, is_owned=is_owned, now=now)


def test_a_decision_says_when_the_next_is_due_and_stops_after_the_last() -> None:
    first = decision()
    assert isinstance(first, Remind)
    assert first.next_at == MONDAY + 30 * MINUTE
    last = decision(number=8)
    assert isinstance(last, Remind)
    assert last.next_at is None
    assert decision(number=9) == Stop(reason="that was the last")
    assert decision(is_owned=True) == Stop(reason="somebody owns it")
    assert decision(Severity.LOW) == Stop(reason="that was the last")


@pytest.mark.parametrize(
    ("severity", "number", "reach"),
    [
        (Severity.CRITICAL, 1, set(Reach)),
        (Severity.CRITICAL, 8, set(Reach)),
        (Severity.HIGH, 1, {Reach.THREAD, Reach.MENTION}),
        (Severity.HIGH, 2, set(Reach)),
        (Severity.MEDIUM, 3, {Reach.THREAD}),
    ],
)
def test_how_far_a_reminder_goes(severity: Severity, number: int, reach: Sequence[Reach]) -> None:
    assert reach_of(severity, number) == reach


@given(
    st.builds(
        Due,
        alert_id=st.text(min_size=1),
        severity=st.sampled_from(Severity),
        number=st.integers(1, 99),
        since=st.datetimes(timezones=st.just(UTC)),
        round=st.integers(0, 9),
    )
)
def test_the_work_of_an_alarm_is_read_back_as_it_was(due: Due) -> None:
    assert Due.of(due.to_work()) == due
    assert all(isinstance(value, str) for value in due.to_work().values())


def test_what_is_configured_is_read_back_as_it_was() -> None:
    custom = Reminders(
        rhythms={
            **DEFAULT_RHYTHMS,
            Severity.MEDIUM: Rhythm(after=90 * MINUTE, every=timedelta(days=1), most=2, waits=True),
        },
        hours=WorkingHours(days=("Sat",), starts=time(8, 30), ends=time(12), time_zone="Asia/Tokyo"),
        also=("pager", "second"),
    )
    assert Reminders.from_plain(custom.to_plain()) == custom


@pytest.mark.parametrize("values", [{"after": 0}, {"every": 0}, {"most": -1}])
def test_a_rhythm_without_end_or_pause_is_refused(values: dict[str, int]) -> None:
    whole = {"after": 1, "every": 1, "most": 1, **values}
    with pytest.raises(ValueError, match="rhythm"):
        Rhythm(after=whole["after"] * MINUTE, every=whole["every"] * MINUTE, most=whole["most"])
