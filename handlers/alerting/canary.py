"""The canary: a harmless event of our own, every hour, that has to come through as an attacker's would.

It takes the way of every event - the bus, a rule, the queue, the function, the table - and its arrival is written
down where only that function writes. It carries a number that was kept before it left: whoever may put events on the
bus can forge a canary, and cannot make a lost one count as arrived.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Protocol

KIND = "canary"  # of the work that comes to follow_up
SOURCE = "rootwatch.canary"  # of the event; no source of AWS's, which nobody but AWS may use
DETAIL_TYPE = "Rootwatch canary"
EVERY = timedelta(hours=1)
LOST_AFTER = timedelta(minutes=15)
_LOOK_BACK = timedelta(hours=26)


@dataclass(frozen=True, kw_only=True)
class Flight:
    """One canary."""

    id: str  # nobody knows it before it leaves
    left: datetime  # UTC
    arrived: datetime | None = None

    def is_lost(self, now: datetime) -> bool:
        return self.arrived is None and now - self.left > LOST_AFTER


class Aviary(Protocol):
    """Where flights are kept. All raise UnavailableError when the store does not answer."""

    def leave(self, flight: Flight) -> None:
        """Keep a flight before it leaves."""
        ...

    def arrive(self, left: datetime, flight_id: str, *, at: datetime) -> bool:
        """Write down an arrival, the first time; False for a flight that was never kept, or has arrived."""
        ...

    def flights(self, since: datetime, until: datetime) -> Sequence[Flight]:
        """The flights that left in this time, in that order."""
        ...

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool:
        """As an alert book's: take an errand; False: somebody is on it, or it is done."""
        ...

    def end(self, errand: str, *, until: datetime | None) -> None:
        """Give it back (None), or keep anybody from it until then."""
        ...


@dataclass(frozen=True, kw_only=True)
class Canary:
    """Sends the canary, and says so where the ones before have not come through."""

    aviary: Aviary
    release: Callable[[Mapping[str, Any]], None]  # puts the event's detail on the bus; raises UnavailableError
    warn: Callable[[Sequence[Flight]], None]  # tells people of lost ones, past the pipeline; raises UnavailableError
    clock: Callable[[], datetime]

    def follow_up(self, work: Mapping[str, str]) -> str:
        """Send one.

        Raises:
            UnavailableError: the store or the bus did not answer; a repeat sends another.
        """
        del work
        now = self.clock()
        flights = self.aviary.flights(now - _LOOK_BACK, now)
        self._tell_once(flights, now)
        flight = Flight(id=secrets.token_hex(16), left=now)
        self.aviary.leave(flight)
        self.release({"flight": flight.id, "left": flight.left.isoformat()})
        lost = sum(flight.is_lost(now) for flight in flights)
        return f"sent; {lost} lost before" if lost else "sent"

    def _tell_once(self, flights: Sequence[Flight], now: datetime) -> None:
        """One mail for a gap, however many flights are lost in it: until one arrives again, nothing new is known."""
        last = max((flight.left for flight in flights if flight.arrived), default=None)
        gap = [flight for flight in flights if flight.is_lost(now) and (last is None or flight.left > last)]
        if not gap:
            return
        errand = f"{KIND} lost {gap[0].id}"
        if not self.aviary.begin(errand, now=now, lease=timedelta(minutes=1)):
            return
        try:
            self.warn(gap)
        except BaseException:
            self.aviary.end(errand, until=None)
            raise
        self.aviary.end(errand, until=now + 2 * _LOOK_BACK)


def is_canary(envelope: Mapping[str, Any]) -> bool:
    return envelope.get("source") == SOURCE


def arrival(envelope: Mapping[str, Any], aviary: Aviary, *, now: datetime) -> bool:
    """Write down that a canary came through; False for one that we did not send, or that came twice.

    Raises:
        UnavailableError: the store does not answer.
    """
    detail = envelope.get("detail")
    flight, left = (detail.get("flight"), detail.get("left")) if isinstance(detail, Mapping) else (None, None)
    if not isinstance(flight, str) or not isinstance(left, str) or not flight.isalnum() or len(flight) > 64:
        return False
    try:
        moment = datetime.fromisoformat(left)
    except ValueError:
        return False
    if moment.tzinfo is None or abs(now - moment) > 2 * _LOOK_BACK:
        return False
    return aviary.arrive(moment, flight, at=now)
