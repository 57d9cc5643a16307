"""Whether this person, and this address, have been seen in the account before: our own history, in words."""

from __future__ import annotations

from datetime import datetime

from handlers.alerting.context.who import familiar_name, lasting_name, network_address
from handlers.alerting.event import Event
from handlers.alerting.ports import MOST_ADDRESSES, Seen, Sighting, Tally


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
        failed = f"; {_counted(seen.both.failed, 'failed attempt')} from there before" if seen.both.failed else ""
        return f"nothing to compare with: no earlier event of this account is kept{failed}"
    name = familiar_name(event) if sighting.principal else "whoever it is"
    words = _line(name, sighting, seen)
    if seen.both.failed:
        words += f"; {_counted(seen.both.failed, 'failed attempt')} of the same before"
    if _the_same(sighting, seen).times:
        return words
    return f"{words}. Compared with {_tally(seen.account)} in this account"


def _the_same(sighting: Sighting, seen: Seen) -> Tally:
    """As much of the sighting as the record told."""
    if sighting.principal and sighting.address:
        return seen.both
    return seen.principal if sighting.principal else seen.address


def _line(name: str, sighting: Sighting, seen: Seen) -> str:
    address = sighting.address
    if not address:
        return f"{name}: {_tally(seen.principal)}" if seen.principal.times else f"first time for {name}"
    if not sighting.principal:
        return f"first time from {address}" if not seen.address.times else f"from {address}: {_tally(seen.address)}"
    if seen.both.times:
        return f"{name} from {address}: {_tally(seen.both)}{_elsewhere(seen)}"
    others = f"; others came from it: {_tally(seen.address)}" if seen.address.times else ", where nobody came from yet"
    if not seen.principal.times:
        return f"first time for {name}, from {address}{others}"
    return f"first time from {address} for {name} ({_before(seen)}){others}"


def _before(seen: Seen) -> str:
    if not seen.other_addresses:
        return f"{_counted(seen.principal.times, 'event')} before, from no address"
    return f"{_counted(seen.principal.times, 'event')} before, from {_others(seen)}"


def _elsewhere(seen: Seen) -> str:
    return f", and from {_others(seen)}" if seen.other_addresses else ""


def _others(seen: Seen) -> str:
    if seen.other_addresses >= MOST_ADDRESSES:
        return f"{MOST_ADDRESSES} or more other addresses"
    return _counted(seen.other_addresses, "other address")


def _tally(tally: Tally) -> str:
    since = f" since {tally.since:%Y-%m-%d}" if tally.since else ""
    return f"{_counted(tally.times, 'event')}{since}"


def _counted(count: int, thing: str) -> str:
    many = f"{thing}es" if thing.endswith("s") else f"{thing}s"
    return f"{count:,} {thing if count == 1 else many}"
