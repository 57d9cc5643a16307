"""A span of time as people say it: "last 30 days", "2026-10", "yesterday"."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self

_FORMS = (
    '"2026-10-31", "2026-10-31 12:30", "2026-10", "2026", "2026-Q4", "yesterday", "today", "now", "30 days ago" or '
    '"last 30 days"'
)
_LAST = re.compile(r"(?:the )?last (?:(\d{1,4}) )?(hour|day|week|month|quarter|year)s?")
_AGO = re.compile(r"(\d{1,4}) (hour|day|week|month|year)s? ago")
_MOMENT = re.compile(r"(\d{4})-(\d\d)-(\d\d)[ T](\d\d):(\d\d)(?::(\d\d))?(Z|[+-]\d\d:\d\d)?")
_THIS = re.compile(r"(?:this|current) (week|month|quarter|year)")


class PeriodError(ValueError):
    """A text is no time, or a period is none; says which, and what would be."""


@dataclass(frozen=True, kw_only=True)
class Period:
    """From a moment to another, UTC, the last one not included."""

    begin: datetime
    end: datetime

    @classmethod
    def of(cls, begin: str, end: str | None, *, now: datetime) -> Self:
        """From the beginning of what `begin` says to the end of what `end` says; without `end`, of what `begin` says.

        "2026-10" alone is that month; "2026-10-01" to "2026-10-03" is three days; "30 days ago" alone reaches to now.

        Raises:
            PeriodError: one of them is no time, or the end is not after the beginning.
        """
        first = _span(begin, now, "--from")
        last = _span(end, now, "--to") if end is not None else first
        if last.end <= first.begin:
            raise PeriodError(f"the period ends ({_text(last.end)}) before it begins ({_text(first.begin)}).")
        return cls(begin=first.begin, end=last.end)

    @property
    def from_time(self) -> str:
        return _text(self.begin)

    @property
    def to_time(self) -> str:
        """The first second that is not in it."""
        return _text(self.end)

    @property
    def from_day(self) -> str:
        """The first folder in which its events may lie."""
        return f"{self.begin:%Y/%m/%d}"

    @property
    def to_day(self) -> str:
        """The last folder in which its events may lie: files are written after their events, maybe the next day."""
        return f"{self.end - timedelta(seconds=1) + timedelta(days=1):%Y/%m/%d}"

    def before(self, days: int) -> Self:
        """The same end, beginning so many days earlier."""
        return type(self)(begin=self.begin - timedelta(days=days), end=self.end)


@dataclass(frozen=True)
class _Span:
    begin: datetime
    end: datetime


def _span(text: str, now: datetime, where: str) -> _Span:
    words = " ".join(text.strip().lower().split())
    now = now.astimezone(UTC).replace(microsecond=0)
    today = now.replace(hour=0, minute=0, second=0)
    day = timedelta(days=1)
    try:
        if words == "now":
            return _Span(now, now)
        if words == "today":
            return _Span(today, today + day)
        if words == "yesterday":
            return _Span(today - day, today)
        if found := _LAST.fullmatch(words):
            return _last(found[1], found[2], now, today)
        if found := _THIS.fullmatch(words):
            begin = _begin_of(found[1], today)
            return _Span(begin, _later(begin, found[1], 1))
        if found := _AGO.fullmatch(words):
            begin = _later(now, found[2], -int(found[1]))
            return _Span(begin if found[2] == "hour" else begin.replace(hour=0, minute=0, second=0), now)
        if found := _MOMENT.fullmatch(words.upper()):
            moment = datetime.fromisoformat(words.upper().replace(" ", "T"))
            moment = moment.astimezone(UTC) if moment.tzinfo else moment.replace(tzinfo=UTC)
            return _Span(moment, moment)
        if re.fullmatch(r"\d{4}", words):
            return _months(int(words), 1, 12)
        if re.fullmatch(r"\d{4}-q[1-4]", words):
            return _months(int(words[:4]), 3 * int(words[-1]) - 2, 3)
        if re.fullmatch(r"\d{4}-\d\d", words):
            return _months(int(words[:4]), int(words[5:]), 1)
        if re.fullmatch(r"\d{4}-\d\d-\d\d", words):
            begin = datetime.combine(date.fromisoformat(words), datetime.min.time(), UTC)
            return _Span(begin, begin + day)
    except (ValueError, OverflowError) as error:
        raise PeriodError(
            f"{where} {text[:60]!a} is no date there is ({error}). Write it as {_FORMS}; times are UTC."
        ) from error
    raise PeriodError(f"{where} {text[:60]!a} is no time that is understood. Write it as {_FORMS}; times are UTC.")


def _last(count: str | None, unit: str, now: datetime, today: datetime) -> _Span:
    """ "last month" is the one before this; "last 3 months" end now."""
    if count is None and unit not in ("hour", "day"):
        end = _begin_of(unit, today)
        return _Span(_later(end, unit, -1), end)
    begin = _later(now, unit, -int(count or 1))
    return _Span(begin if unit == "hour" else begin.replace(hour=0, minute=0, second=0), now)


def _begin_of(unit: str, today: datetime) -> datetime:
    match unit:
        case "week":
            return today - timedelta(days=today.weekday())
        case "month":
            return today.replace(day=1)
        case "quarter":
            return today.replace(month=(today.month - 1) // 3 * 3 + 1, day=1)
    return today.replace(month=1, day=1)


def _later(moment: datetime, unit: str, count: int) -> datetime:
    match unit:
        case "hour":
            return moment + timedelta(hours=count)
        case "day":
            return moment + timedelta(days=count)
        case "week":
            return moment + timedelta(weeks=count)
    months = {"month": 1, "quarter": 3, "year": 12}[unit] * count
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    for day in (moment.day, 30, 29, 28):  # the 31st of a month that has none is its last day
        try:
            return moment.replace(year=year, month=month + 1, day=day)
        except ValueError:
            if day == 28:
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def _months(year: int, month: int, count: int) -> _Span:
    begin = datetime(year, month, 1, tzinfo=UTC)
    return _Span(begin, _later(begin, "month", count))


def _text(moment: datetime) -> str:
    """As CloudTrail writes eventTime: compares as text."""
    return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
