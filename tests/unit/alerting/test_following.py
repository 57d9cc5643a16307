"""When a session is reported on, and that each report is told once."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryAlertBook
from handlers.alerting.activity import LAG, Activity, Gathered
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.following import KIND, SILENCE, Following, Over, Step, due, follow, sessions_of, tell_activity
from handlers.alerting.session import CONSOLE, SessionKey
from handlers.alerting.severity import Severity
from tests.building import ACCOUNT, record
from tests.unit.adapters.samples import finding

START = datetime(2026, 11, 2, 3, 0, 0, tzinfo=UTC)
KEY = SessionKey(accounts=frozenset({ACCOUNT}), access_keys=frozenset({"AKIAEXAMPLEALICE"}), started=START)


def minutes(number: float) -> timedelta:
    return timedelta(minutes=number)


def look(minute: float, *, seen: float | None = None, told: Mapping[Step, float] | None = None, **changes: Any):
    values: dict[str, Any] = {
        "started": START,
        "ends": START + CONSOLE,
        "last_seen": None if seen is None else START + minutes(seen),
        "closed": None,
        "told": {step: START + minutes(upto) for step, upto in (told or {}).items()},
        "now": START + minutes(minute),
    }
    return due(**{**values, **changes})


def test_the_first_report_comes_after_a_quarter_of_an_hour_and_the_next_look_after_an_hour() -> None:
    found = look(15, seen=14)
    assert (found.step, found.over, found.look_again) == (Step.FIRST, None, START + minutes(60))


def test_an_early_look_reports_nothing_and_looks_again_in_time() -> None:
    found = look(5, seen=4)
    assert (found.step, found.look_again) == (None, START + minutes(15))


def test_the_second_report_comes_after_an_hour_and_then_silence_is_awaited() -> None:
    found = look(60, seen=55, told={Step.FIRST: 10})
    assert (found.step, found.over) == (Step.SECOND, None)
    assert found.look_again == START + minutes(55) + SILENCE + LAG


def test_a_late_look_makes_one_report_and_not_two() -> None:
    assert look(61, seen=60).step is Step.SECOND
    assert look(62, seen=60, told={Step.SECOND: 60}).step is None


def test_a_session_that_falls_silent_is_over_after_half_an_hour_and_the_lag_of_the_records() -> None:
    assert look(94, seen=50, told={Step.FIRST: 10, Step.SECOND: 50}).step is None
    found = look(95, seen=50, told={Step.FIRST: 10, Step.SECOND: 50})
    assert (found.step, found.over) == (Step.END, Over.SILENT)
    assert found.look_again == START + CONSOLE + LAG


def test_a_session_that_was_left_is_over_at_once_when_its_records_are_there() -> None:
    found = look(40, seen=20, closed=START + minutes(20), told={Step.FIRST: 10})
    assert (found.step, found.over) == (Step.END, Over.SIGNED_OUT)
    assert look(40, seen=25, closed=START + minutes(20), told={Step.FIRST: 10}).over is None  # it went on


def test_credentials_that_end_make_it_over() -> None:
    found = look(30, seen=14, ends=START + minutes(15), told={Step.FIRST: 14})
    assert (found.step, found.over, found.look_again) == (Step.END, Over.EXPIRED, None)


def test_what_went_on_after_it_seemed_over_is_told_once_at_the_last_possible_end() -> None:
    last = (CONSOLE + LAG) / minutes(1)
    assert look(last, seen=300, told={Step.END: 50}).step is Step.AFTER_ALL
    assert look(last, seen=50, told={Step.END: 50}).step is None
    assert look(last - 1, seen=300, told={Step.END: 50}).step is None  # not yet: it may go on again
    assert look(last, seen=300, told={Step.END: 50, Step.AFTER_ALL: 300}).step is None


@given(
    activity=st.lists(st.integers(0, 720), max_size=8),
    jitter=st.lists(st.integers(0, 20), min_size=40, max_size=40),
    ends=st.sampled_from([15, 60, 240, 720, None]),
)
def test_however_a_session_goes_it_is_reported_a_few_times_and_ends(
    activity: list[int], jitter: list[int], ends: int | None
) -> None:
    """Alarms that come late, and any pattern of activity: each step once, END among them, and looks that stop."""
    told: dict[Step, datetime] = {}
    moment: datetime | None = START + minutes(15)
    looks = 0
    limit = START + (minutes(ends) if ends else CONSOLE)
    happened = sorted(START + minutes(minute) for minute in activity if START + minutes(minute) <= limit)
    while moment is not None and looks < 40:
        now = moment + minutes(jitter[looks])
        seen = [at for at in happened if at <= now - LAG]
        found = due(
            started=START,
            ends=START + minutes(ends) if ends else None,
            last_seen=seen[-1] if seen else None,
            closed=None,
            told=told,
            now=now,
        )
        if found.step is not None:
            assert found.step not in told
            told[found.step] = seen[-1] if seen else START
        assert found.look_again is None or found.look_again > now
        moment, looks = found.look_again, looks + 1
    assert moment is None, "it is looked at for ever"
    assert Step.END in told
    everything = max(told.values())
    assert not happened or everything == happened[-1], "something was never told"


# --- alarms and reports ---


class Timer:
    def __init__(self) -> None:
        self.alarms: dict[str, tuple[datetime, Mapping[str, str]]] = {}

    def set(self, name: str, at: datetime, work: Mapping[str, str]) -> None:
        self.alarms.setdefault(name, (at, work))

    def cancel(self, name: str) -> None:
        self.alarms.pop(name, None)


@dataclasses.dataclass
class Teller:
    told: list[tuple[Step, Activity, str]] = dataclasses.field(default_factory=list)
    failing: list[Exception] = dataclasses.field(default_factory=list)

    def tell(self, alert: Alert, activity: Activity, *, step: Step, over: Over | None, place: str) -> None:
        if self.failing:
            raise self.failing.pop(0)
        self.told.append((step, activity, place))


@dataclasses.dataclass
class Records:
    events: Sequence[Event] = ()
    name: str = "event history"

    def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
        return Gathered(events=[event for event in self.events if event.time and event.time <= until])


class Scene:
    """An alert in Slack about a session of alice's."""

    def __init__(self, **changes: Any) -> None:
        self.book, self.timer, self.teller, self.records = MemoryAlertBook(), Timer(), Teller(), Records()
        self.now = START
        values = {"session": KEY.to_plain(), "time": START, "received": START, "access_key_id": "AKIAEXAMPLEALICE"}
        self.finding = finding(**{**values, **changes})
        self.alert = self.book.record(self.finding, window=minutes(60), now=START).alert
        self.announce()

    def announce(self) -> None:
        told = Told(reference="C1:1.000001", count=1, severity=Severity.HIGH, kinds=frozenset(), cursor="", at=self.now)
        self.book.save_told(self.alert.id, "slack", told)

    @property
    def parts(self) -> Following:
        return Following(
            book=self.book, sources=[self.records], teller=self.teller, timer=self.timer, clock=lambda: self.now
        )

    def at(self, minute: float, *, pressed: str = "") -> bool:
        self.now = START + minutes(minute)
        return tell_activity(self.alert.id, parts=self.parts, pressed=pressed)

    @property
    def steps(self) -> list[Step]:
        return [step for step, _, _ in self.teller.told]


def did(minute: int) -> Event:
    return Event.parse(record(eventTime=(START + minutes(minute)).isoformat()))


def test_a_session_that_begins_sets_its_alarms_once() -> None:
    scene = Scene()
    assert follow(scene.alert, scene.finding, scene.timer)
    assert follow(scene.alert, scene.finding, scene.timer)
    times = sorted(at for at, _ in scene.timer.alarms.values())
    assert times == [START + minutes(15), START + minutes(60), START + CONSOLE + LAG]
    assert {tuple(work.items()) for _, work in scene.timer.alarms.values()} == {
        (("kind", KIND), ("alert", scene.alert.id))
    }
    assert all(len(name) <= 64 for name in scene.timer.alarms)


@pytest.mark.parametrize("changes", [{"session": None}, {"quiet": "suppressed"}, {"session": SessionKey().to_plain()}])
def test_what_begins_no_session_or_is_kept_quiet_is_not_followed(changes: dict[str, Any]) -> None:
    scene = Scene(**changes)
    assert not follow(scene.alert, scene.finding, scene.timer)
    assert not scene.timer.alarms


def test_what_slack_is_not_told_of_is_not_followed() -> None:
    scene = Scene(severity=Severity.INFO)
    assert not follow(scene.alert, scene.finding, scene.timer, minimum=Severity.LOW)


def test_a_long_term_key_that_goes_on_and_on_sets_no_alarms_anew() -> None:
    key = dataclasses.replace(KEY, started=START + minutes(7)).to_plain()
    scene = Scene()
    follow(scene.alert, dataclasses.replace(scene.finding, session=KEY.to_plain()), scene.timer)
    follow(scene.alert, dataclasses.replace(scene.finding, session=key, time=START + minutes(7)), scene.timer)
    assert len(scene.timer.alarms) == 3


def test_alarms_of_a_record_that_came_late_are_not_in_the_past() -> None:
    scene = Scene(received=START + timedelta(hours=5))
    follow(scene.alert, scene.finding, scene.timer)
    assert all(at > START + timedelta(hours=5) for at, _ in scene.timer.alarms.values())


def test_a_session_is_reported_after_15_and_60_minutes_and_when_it_is_over() -> None:
    scene = Scene()
    scene.records.events = [did(1), did(10), did(50)]
    follow(scene.alert, scene.finding, scene.timer)
    assert scene.at(15)
    assert scene.at(60)
    assert not scene.at(80)
    assert scene.at(96)
    assert scene.steps == [Step.FIRST, Step.SECOND, Step.END]
    counts = [activity.write_count for _, activity, _ in scene.teller.told]
    assert counts == [2 + 1, 3 + 1, 3 + 1]  # the alert's own finding is a record too
    assert {place for _, _, place in scene.teller.told} == {"C1:1.000001"}


def test_a_report_is_told_once_however_often_the_alarm_rings() -> None:
    scene = Scene()
    assert scene.at(15)
    assert not scene.at(15)
    assert not scene.at(16)
    assert scene.steps == [Step.FIRST]


def test_a_report_that_fails_is_told_at_the_next_attempt() -> None:
    scene = Scene()
    scene.teller.failing = [UnavailableError("Slack failed")]
    with pytest.raises(UnavailableError):
        scene.at(15)
    assert scene.timer.alarms, "the next look was set before"
    assert scene.at(15)
    assert scene.steps == [Step.FIRST]


def test_a_press_is_answered_once_and_does_not_take_the_place_of_a_report() -> None:
    scene = Scene()
    assert scene.at(5, pressed="press-1")
    assert not scene.at(5, pressed="press-1")
    assert scene.at(6, pressed="press-2")
    assert scene.at(15)
    assert scene.steps == [Step.NOW, Step.NOW, Step.FIRST]


def test_two_at_once_tell_it_once_and_the_other_tries_again() -> None:
    scene = Scene()
    scene.book.claim(scene.alert.id, KIND, now=START + minutes(15), lease=timedelta(seconds=75))
    with pytest.raises(UnavailableError):
        scene.at(15)
    assert not scene.teller.told


def test_an_alert_that_slack_was_never_told_of_or_that_is_gone_is_not_reported_on() -> None:
    scene = Scene()
    assert not tell_activity("A-unknown", parts=scene.parts)
    other = scene.book.record(finding(id="x#1", group="1#other"), window=minutes(60), now=START).alert
    assert not tell_activity(other.id, parts=scene.parts)


def test_any_alert_can_be_asked_about_by_who_did_it() -> None:
    key = sessions_of([finding(session=None, access_key_id="", actor_arn="arn:aws:iam::123456789012:user/alice")])
    assert key.by_arn == {"arn:aws:iam::123456789012:user/alice"}
    scene = Scene(session=None)
    scene.records.events = [did(1)]
    assert scene.at(5, pressed="press-1")
    assert scene.teller.told[0][1].write_count == 2


def test_a_second_session_of_the_conversation_is_in_the_report() -> None:
    scene = Scene()
    other = dataclasses.replace(KEY, access_keys=frozenset({"ASIAEXAMPLEOTHER0001"})).to_plain()
    more = finding(id="y#2", session=other, time=START + minutes(3), received=START + minutes(3), event_id="e-2")
    scene.book.record(more, window=minutes(60), now=START)
    identity = {**record()["userIdentity"], "accessKeyId": "ASIAEXAMPLEOTHER0001"}
    when = (START + minutes(5)).isoformat()
    scene.records.events = [did(1), Event.parse(record(userIdentity=identity, eventTime=when))]
    assert scene.at(15)
    assert scene.teller.told[0][1].write_count >= 2
    assert "ASIAEXAMPLEOTHER0001" in scene.teller.told[0][1].key.access_keys
