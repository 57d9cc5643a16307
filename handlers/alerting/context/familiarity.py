"""Whether this person, and this address, have been seen in the account before: our own history, in words."""

from __future__ import annotations

from datetime import datetime

from handlers.alerting.context.who import familiar_name, lasting_name, network_address
from handlers.alerting.event import Event
from handlers.alerting.ports import MOST_ADDRESSES, Seen, Sighting, Tally
from handlers.alerting.text import phrase


def sighting_of(event: Event, *, otherwise: datetime) -> Sighting | None:
    """What to count of an event; `otherwise` is its time where it does not say. None where AWS acted by itself."""
    principal, address = lasting_name(event), network_address(event)
    if event.actor.is_aws or not (principal or address):
        return None
    return Sighting(
        account=event.account,
        event=event.key,
        principal=principal,
        address=address,
        at=event.time or otherwise,
        succeeded=event.succeeded,
    )


def familiarity(event: Event, sighting: Sighting, seen: Seen) -> str:
    """One line: "first time from 192.0.2.44 for alice (12 events before, from 2 other addresses)".

    Only what succeeded makes somebody, or an address, known; failures are told apart.
    """
    if not seen.account.times:
        if seen.both.failed:
            return phrase(
                "nothing to compare with: no earlier event of this account is kept; {attempts} from there before",
                attempts=_attempts(seen.both.failed),
            )
        return phrase("nothing to compare with: no earlier event of this account is kept")
    name = familiar_name(event) if sighting.principal else phrase("whoever it is")
    words = _line(name, sighting, seen)
    if seen.both.failed:
        words = phrase("{line}; {attempts} of the same before", line=words, attempts=_attempts(seen.both.failed))
    if _the_same(sighting, seen).times:
        return words
    return phrase("{line}. Compared with {events} in this account", line=words, events=_tally(seen.account))


def _the_same(sighting: Sighting, seen: Seen) -> Tally:
    """As much of the sighting as the record told."""
    if sighting.principal and sighting.address:
        return seen.both
    return seen.principal if sighting.principal else seen.address


def _line(name: str, sighting: Sighting, seen: Seen) -> str:
    address = sighting.address
    if not address:
        if seen.principal.times:
            return phrase("{who}: {events}", who=name, events=_tally(seen.principal))
        return phrase("first time for {who}", who=name)
    if not sighting.principal:
        if not seen.address.times:
            return phrase("first time from {address}", address=address)
        return phrase("from {address}: {events}", address=address, events=_tally(seen.address))
    if seen.both.times:
        known = phrase("{who} from {address}: {events}", who=name, address=address, events=_tally(seen.both))
        return phrase("{line}, and from {others}", line=known, others=_others(seen)) if seen.other_addresses else known
    first = (
        phrase("first time from {address} for {who} ({before})", address=address, who=name, before=_before(seen))
        if seen.principal.times
        else phrase("first time for {who}, from {address}", who=name, address=address)
    )
    if seen.address.times:
        return phrase("{line}; others came from it: {events}", line=first, events=_tally(seen.address))
    return phrase("{line}, where nobody came from yet", line=first)


def _before(seen: Seen) -> str:
    events = _events(seen.principal.times)
    if not seen.other_addresses:
        return phrase("{events} before, from no address", events=events)
    return phrase("{events} before, from {others}", events=events, others=_others(seen))


def _others(seen: Seen) -> str:
    if seen.other_addresses >= MOST_ADDRESSES:
        return phrase("{count} or more other addresses", count=str(MOST_ADDRESSES))
    if seen.other_addresses == 1:
        return phrase("1 other address")
    return phrase("{count} other addresses", count=f"{seen.other_addresses:,}")


def _tally(tally: Tally) -> str:
    events = _events(tally.times)
    return phrase("{events} since {day}", events=events, day=f"{tally.since:%Y-%m-%d}") if tally.since else events


def _events(count: int) -> str:
    return phrase("1 event") if count == 1 else phrase("{count} events", count=f"{count:,}")


def _attempts(count: int) -> str:
    return phrase("1 failed attempt") if count == 1 else phrase("{count} failed attempts", count=f"{count:,}")
