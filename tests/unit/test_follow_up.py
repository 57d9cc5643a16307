"""What alarms ask for is done by kind; what cannot be done yet comes back, for a day."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import pytest

from handlers import wiring
from handlers.adapters.memory import MemoryTimer
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.follow_up import MOST_ATTEMPTS, UnknownWorkError, follow_up

NOW = datetime(2026, 11, 2, 10, 0, tzinfo=UTC)


class Clock:
    def __init__(self) -> None:
        self.now = NOW
        self.timer = MemoryTimer()
        self.done: list[Mapping[str, str]] = []
        self.failing: list[Exception] = []

    def _do(self, work: Mapping[str, str]) -> str:
        if self.failing:
            raise self.failing.pop(0)
        self.done.append(work)
        return f"did {work['what']}"

    @property
    def parts(self) -> wiring.FollowUps:
        return wiring.FollowUps(kinds={"thing": self._do}, timer=self.timer, clock=lambda: self.now)


def test_work_is_done_by_its_kind() -> None:
    clock = Clock()
    assert follow_up({"kind": "thing", "what": "this"}, parts=clock.parts) == "did this"
    assert clock.done == [{"kind": "thing", "what": "this"}]
    assert clock.timer.alarms == {}


@pytest.mark.parametrize("event", [{"kind": "nothing"}, {}, {"kind": "x" * 1_000}, {"kind": ["thing"]}])
def test_an_unknown_kind_is_an_error_that_says_what_is_known(event: Mapping[str, object]) -> None:
    with pytest.raises(UnknownWorkError, match="this version does thing") as caught:
        follow_up(event, parts=Clock().parts)
    assert len(str(caught.value)) < 300


def test_work_that_lacks_something_is_an_error_and_does_not_come_back() -> None:
    clock = Clock()
    with pytest.raises(UnknownWorkError, match="lacks what it needs"):
        follow_up({"kind": "thing"}, parts=clock.parts)
    assert clock.timer.alarms == {}


def test_what_cannot_be_done_yet_comes_back_later_and_later_and_is_done_in_the_end() -> None:
    clock = Clock()
    clock.failing = [UnavailableError("down") for _ in range(7)]
    follow_up({"kind": "thing", "what": "this"}, parts=clock.parts)
    waits = []
    while clock.timer.alarms:
        ((at, work),) = clock.timer.alarms.values()
        waits.append((at - clock.now).total_seconds())
        clock.now = at
        clock.timer.alarms.clear()
        follow_up(work, parts=clock.parts)
    assert waits == [60, 120, 240, 480, 900, 900, 900]
    assert [item["what"] for item in clock.done] == ["this"]


def test_a_wait_that_the_other_side_asked_for_is_kept() -> None:
    clock = Clock()
    clock.failing = [RetryLaterError("slow", seconds=700)]
    assert follow_up({"kind": "thing", "what": "this"}, parts=clock.parts) == "again in 700 s"
    ((at, _),) = clock.timer.alarms.values()
    assert at == NOW + timedelta(seconds=700)


def test_the_same_failure_twice_sets_one_alarm() -> None:
    clock = Clock()
    clock.failing = [UnavailableError("down"), UnavailableError("down")]
    for _ in range(2):
        follow_up({"kind": "thing", "what": "this"}, parts=clock.parts)
    assert len(clock.timer.alarms) == 1


def test_after_a_day_it_is_given_up_loudly_and_without_a_timer_at_once() -> None:
    clock = Clock()
    clock.failing = [UnavailableError("down")]
    with pytest.raises(UnavailableError):
        follow_up({"kind": "thing", "what": "this", "attempt": str(MOST_ATTEMPTS)}, parts=clock.parts)
    clock.failing, clock.timer.failing = [UnavailableError("down")], [UnavailableError("no Scheduler")]
    with pytest.raises(UnavailableError, match="no Scheduler"):
        follow_up({"kind": "thing", "what": "this"}, parts=clock.parts)
