"""A session as a CSV file (RFC 4180): every record on a line, safe to open in a spreadsheet."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from handlers.adapters.untrusted import csv_cell
from handlers.alerting.activity import Activity, resources_of, sort_of

COLUMNS = (
    "time_utc",
    "time_local",
    "kind",
    "service",
    "call",
    "error",
    "resources",
    "region",
    "account",
    "source_ip",
    "user_agent",
    "identity",
    "access_key",
    "made_by_service",
    "joined_by",
    "event_id",
)


def csv_of(activity: Activity, *, time_zone: str) -> bytes:
    """The records in the order they happened, in UTF-8 with its mark, by which Excel knows it.

    Args:
        time_zone: of the local times, which carry their distance from UTC; UTC where it is unknown.
    """
    zone = _zone(time_zone)
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for event in activity.events:
        actor = event.actor
        join = activity.key.join_of(event)
        row = (
            _time(event.time, UTC),
            _time(event.time, zone),
            str(sort_of(event)),
            event.service,
            event.name,
            event.error or "",
            " ".join(resources_of(event)),
            event.region,
            event.account,
            event.source_ip,
            event.user_agent,
            actor.arn or actor.name,
            actor.access_key_id,
            actor.invoked_by,
            # What shares the sign-in of a record of ours is ours, whatever the key says of it.
            str(join) if join else "sign-in session",
            event.id,
        )
        writer.writerow([csv_cell(cell) for cell in row])
    return text.getvalue().encode("utf-8-sig")


def _time(moment: datetime | None, zone: tzinfo) -> str:
    if moment is None:
        return ""
    try:
        return moment.astimezone(zone).isoformat(sep=" ", timespec="seconds")
    except (OverflowError, ValueError):
        return ""


def _zone(name: str) -> tzinfo:
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return UTC
