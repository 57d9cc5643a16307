"""A month as people mean it: in their own time zone, from its first moment to the next month's."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import Self
from zoneinfo import ZoneInfo

_MONTH = re.compile(r"([0-9]{4})-([0-9]{2})")


@dataclass(frozen=True, kw_only=True)
class Month:
    """A calendar month in a time zone; prints as "2026-10"."""

    year: int
    month: int
    zone: ZoneInfo

    @classmethod
    def parse(cls, text: str, time_zone: str) -> Self:
        """Read "2026-10". Raises ValueError where that is no month."""
        match = _MONTH.fullmatch(text.strip())
        if match is None or not 1 <= int(match[2]) <= 12 or not 1970 <= int(match[1]) <= 9998:
            raise ValueError("a month is written as 2026-10")
        return cls(year=int(match[1]), month=int(match[2]), zone=ZoneInfo(time_zone))

    @classmethod
    def before(cls, now: datetime, time_zone: str) -> Self:
        """The last month that is over."""
        zone = ZoneInfo(time_zone)
        last = now.astimezone(zone).date().replace(day=1) - timedelta(days=1)
        return cls(year=last.year, month=last.month, zone=zone)

    @property
    def since(self) -> datetime:
        """Its first moment, UTC."""
        return datetime(self.year, self.month, 1, tzinfo=self.zone).astimezone(UTC)

    @property
    def until(self) -> datetime:
        """The first moment after it, UTC."""
        year, month = (self.year + 1, 1) if self.month == 12 else (self.year, self.month + 1)
        return datetime(year, month, 1, tzinfo=self.zone).astimezone(UTC)

    @property
    def days(self) -> tuple[date, ...]:
        first = date(self.year, self.month, 1)
        return tuple(day for number in range(31) if (day := first + timedelta(days=number)).month == self.month)

    def holds(self, moment: datetime) -> bool:
        return self.since <= moment < self.until

    def local(self, moment: datetime) -> datetime:
        """A moment on this month's wall clock."""
        return moment.astimezone(self.zone)

    def __str__(self) -> str:
        return f"{self.year:04d}-{self.month:02d}"
