from datetime import UTC, datetime

import pytest

from audit.report.month import Month


def test_a_month_begins_and_ends_on_its_own_wall_clock():
    month = Month.parse("2026-10", "Asia/Tokyo")
    assert (month.since, month.until) == (
        datetime(2026, 9, 30, 15, tzinfo=UTC),
        datetime(2026, 10, 31, 15, tzinfo=UTC),
    )
    assert len(month.days) == 31


def test_a_month_in_which_the_clocks_change_is_an_hour_longer_or_shorter():
    autumn, spring = Month.parse("2026-10", "Europe/Berlin"), Month.parse("2026-03", "Europe/Berlin")
    assert (autumn.until - autumn.since).total_seconds() / 3600 == 31 * 24 + 1
    assert (spring.until - spring.since).total_seconds() / 3600 == 31 * 24 - 1


def test_the_last_moment_belongs_to_it_and_the_next_does_not():
    month = Month.parse("2024-02", "UTC")
    assert len(month.days) == 29
    assert month.holds(datetime(2024, 2, 29, 23, 59, 59, 999_999, tzinfo=UTC))
    assert not month.holds(month.until)
    assert month.holds(month.since)


def test_the_month_before_january_is_last_years_december():
    assert str(Month.before(datetime(2026, 1, 1, 0, 0, tzinfo=UTC), "UTC")) == "2025-12"


def test_the_month_before_is_counted_on_the_wall_clock():
    new_year = datetime(2025, 12, 31, 20, tzinfo=UTC)  # five in the morning of 1 January in Tokyo
    assert str(Month.before(new_year, "Asia/Tokyo")) == "2025-12"
    assert str(Month.before(new_year, "UTC")) == "2025-11"


@pytest.mark.parametrize(
    "text", ["2026-13", "2026-00", "2026", "26-10", "last month", "2026-10-01", "0001-01", "９９-10"]
)
def test_what_is_no_month_is_refused(text):
    with pytest.raises(ValueError, match="2026-10"):
        Month.parse(text, "UTC")
