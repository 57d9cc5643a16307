"""When people are expected to work, and so when an administrator's session is worth a look."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Self
from zoneinfo import ZoneInfo

_A_WEEK = 8  # days to look ahead: today again in a week, where its work is over
DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """Days of the week and a span of each, in a time zone; a span that ends before it begins lasts past midnight."""

    days: tuple[str, ...] = DAYS[:5]  # where the span lasts past midnight, the day it begins on
    starts: time = time(9)
    ends: time = time(18)  # not worked any more
    time_zone: str = "UTC"  # a name of the IANA list

    def contain(self, moment: datetime) -> bool:
        """Whether people work at this moment (with a time zone).

        Raises:
            ZoneInfoNotFoundError: the machine has no data about the time zone.
        """
        there = moment.astimezone(ZoneInfo(self.time_zone))
        now, today = there.time(), DAYS[there.weekday()]
        yesterday = DAYS[there.weekday() - 1]
        if self.starts < self.ends:
            return today in self.days and self.starts <= now < self.ends
        return (today in self.days and now >= self.starts) or (yesterday in self.days and now < self.ends)

    def next_within(self, moment: datetime) -> datetime:
        """The moment itself where people work, else the next time at which they begin; in UTC. Raises as `contain`."""
        if self.contain(moment):
            return moment.astimezone(UTC)
        zone = ZoneInfo(self.time_zone)
        today = moment.astimezone(zone).date()
        for ahead in range(_A_WEEK):
            day = today + timedelta(days=ahead)
            # Built from the day's own clock: the night in which it is moved has 23 or 25 hours.
            opens = datetime.combine(day, self.starts, tzinfo=zone)
            if DAYS[day.weekday()] in self.days and moment < opens:
                return opens.astimezone(UTC)
        return moment.astimezone(UTC)  # no working day at all: configuration refuses that, and waiting would be silence

    def __str__(self) -> str:
        """ "Mon,Tue 08:00-19:00 Asia/Tokyo", which `parse` reads."""
        return f"{','.join(self.days)} {self.starts:%H:%M}-{self.ends:%H:%M} {self.time_zone}"

    @classmethod
    def parse(cls, text: str) -> Self:
        """What `str` gave. Raises ValueError for anything else."""
        days, span, zone = text.split(" ")
        starts, ends = (time.fromisoformat(part) for part in span.split("-"))
        named = tuple(days.split(","))
        if not set(named) <= set(DAYS):
            raise ValueError(f"{days} are not days of the week")
        return cls(days=named, starts=starts, ends=ends, time_zone=zone)
