"""What the report says of the canaries: how many came, the slowest, and when none did."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from audit.report.facts import NO_HEARTBEAT, Heartbeats
from audit.report.gathering import heartbeats_of
from handlers.alerting.canary import Flight

NOON = datetime(2026, 10, 4, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)


def flights(*seconds: float | None) -> list[Flight]:
    """One an hour, each that many seconds on its way; None: lost."""
    return [
        Flight(
            id=str(number),
            left=NOON + number * HOUR,
            arrived=None if took is None else NOON + number * HOUR + timedelta(seconds=took),
        )
        for number, took in enumerate(seconds)
    ]


def test_a_gap_lasts_until_the_next_that_came() -> None:
    found = heartbeats_of(flights(2, None, None, 3, None), now=NOON + 9 * HOUR)
    assert found == Heartbeats(
        sent=5,
        arrived=2,
        slowest=timedelta(seconds=3),
        gaps=((NOON + HOUR, NOON + 3 * HOUR), (NOON + 4 * HOUR, NOON + 5 * HOUR)),
    )


def test_one_that_is_still_on_its_way_does_not_count() -> None:
    found = heartbeats_of(flights(2, None), now=NOON + HOUR + timedelta(minutes=5))
    assert found == Heartbeats(sent=1, arrived=1, slowest=timedelta(seconds=2))


def test_without_any_it_is_said_that_none_is_set_up() -> None:
    assert heartbeats_of([], now=NOON) == NO_HEARTBEAT
