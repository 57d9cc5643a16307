"""Makes the monthly report, keeps it in the audit log, and says where it is. Called on the first of each month."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger

from audit.report.month import Month
from audit.report.publishing import news_of, publish
from handlers import wiring_report
from handlers.alerting.errors import UnavailableError

logger = Logger(service="monthly_report", utc=True)

_LEASE = timedelta(minutes=16)  # longer than a function can run
_FOR_GOOD = timedelta(days=60)


def handler(event: dict[str, Any], context: Any) -> dict[str, str]:
    """Called by EventBridge Scheduler with {"at": time}, or by a person with {"month": "2026-10"}.

    Raises:
        UnavailableError: it could not be done; Lambda tries again, and the dead letters keep it.
        ValueError: there is no such month.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 if context else wiring_report.LONGEST
    return {"done": make(event, parts=wiring_report.monthly(seconds))}


def make(event: Mapping[str, Any], *, parts: wiring_report.Monthly) -> str:
    """Make the report of one month, once; a repeat finds it done.

    Whoever asks for a month by name gets another one, whatever there is.

    Raises:
        UnavailableError: the alert table, the audit log, Slack or SNS did not answer. Files that were written stay: a
            repeat writes others, below a key of its own, and only what was finished is told.
        ValueError: there is no such month.
    """
    now = parts.clock()
    asked = str(event.get("month", ""))
    month = Month.parse(asked, parts.time_zone) if asked else Month.before(_moment(event, now), parts.time_zone)
    errand = f"monthly-report {month}" + (f" {now.isoformat()}" if asked else "")
    if not parts.errands.begin(errand, now=now, lease=_LEASE):
        return f"the report for {month} is made already, or being made"
    try:
        report, statement = parts.gather(month)
        if any(section.key == "alerts" and section.missing for section in report.sections):
            raise UnavailableError("the alert table did not answer: a report without alerts says nothing")
        page = publish(report, statement, parts.language, attempt=now, put=parts.put)
        parts.tell(news_of(report, parts.language), page)
    except BaseException:
        parts.errands.end(errand, until=None)
        raise
    parts.errands.end(errand, until=now + _FOR_GOOD)
    logger.info("made", extra={"month": str(month), "page": page, "missing": len(report.partial)})
    return page


def _moment(event: Mapping[str, Any], now: datetime) -> datetime:
    """When it was due: a call that comes late is about the same month."""
    moment = datetime.fromisoformat(str(event["at"])) if "at" in event else now
    if moment.tzinfo is None:
        raise ValueError("a time without its zone")
    return moment
