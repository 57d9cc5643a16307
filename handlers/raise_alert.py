"""A batch from the events queue becomes alerts; each record that is not done yet goes back, alone, with a wait."""

from __future__ import annotations

import traceback
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers import wiring
from handlers.adapters.reminders import REFRESH_ATTRIBUTE
from handlers.alerting.canary import is_canary
from handlers.alerting.digest import DIGEST_ATTRIBUTE
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.window_desk import WINDOW_ATTRIBUTE

logger = Logger(service="raise_alert", utc=True)
# Were it to raise when all records fail, Lambda would forget the waits that were set on them.
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)


def handler(event: dict[str, Any], context: Any) -> Any:
    """Take an SQS batch; returns `batchItemFailures`, so that only what failed comes again."""
    parts = wiring.alerting()
    return process_partial_response(
        event=event,
        record_handler=lambda record: handle(record, parts=parts),
        processor=_processor,
        context=context,
    )


def handle(record: SQSRecord, *, parts: wiring.Alerting) -> None:
    """See one record - an EventBridge event, or a reminder of our own - through; on failure set its wait, and raise."""
    receives = int(record.attributes.approximate_receive_count or 1)
    try:
        _do(record, parts)
    except Exception as error:
        asked = error.retry_after if isinstance(error, PipelineError) else 0
        seconds = parts.wait_seconds(receives, asked)
        # Only what we named ourselves, and places in code: an event's text may be in a foreign error's message.
        told = str(error) if isinstance(error, PipelineError) else type(error).__name__
        logger.warning(
            "not done yet",
            extra={"problem": told, "where": _places(error), "receives": receives, "again_in_seconds": seconds},
        )
        parts.put_back(record.receipt_handle, seconds)
        raise


def _places(error: BaseException) -> list[str]:
    """Where an error and what caused it came from, innermost last, without any of their texts."""
    problems = error.problems if isinstance(error, PipelineError) else (error,)
    chain = [link for problem in problems for link in (problem, problem.__cause__) if link is not None]
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for link in chain
        for frame in traceback.extract_tb(link.__traceback__)[-3:]
    ]


def _do(record: SQSRecord, parts: wiring.Alerting) -> None:
    pipeline = parts.pipeline
    reminder = record.message_attributes[REFRESH_ATTRIBUTE]  # None where there is none: `get` would skip the wrapper
    if reminder is not None:
        pipeline.refresh_alert(reminder.string_value or "")
        return
    if record.message_attributes[DIGEST_ATTRIBUTE] is not None:
        due = datetime.fromisoformat(record.body).astimezone(UTC)
        pipeline.announce_digest(due.date() - timedelta(days=1))
        return
    if record.message_attributes[WINDOW_ATTRIBUTE] is not None:
        _tell_of_window(record.body, parts)
        return
    try:
        event = Event.parse(record.body)
    except UnreadableEventError as error:
        finding = pipeline.announce_unreadable(record.body, error.reason)
        logger.error("unreadable event", extra={"finding": finding.id, "reason": error.reason})
        return
    if is_canary(event.envelope):
        logger.info("canary", extra={"arrived": parts.arrive(event.envelope)})
        return
    for finding in pipeline.raise_alerts(event):
        logger.info(
            "finding",
            extra={"detection": finding.detection_id, "severity": finding.severity.name, "quiet": finding.quiet or ""},
        )
    parts.arrived(event)


def _tell_of_window(window_id: str, parts: wiring.Alerting) -> None:
    """What has been decided about a break-glass window, or what it was used for."""
    if parts.desk is None:
        return  # switched off since
    parts.desk.finish(window_id)
    parts.show_window(window_id)
    news = parts.desk.news(window_id)
    if news is not None:
        parts.pipeline.announce(news)
        logger.info("window", extra={"window": news.window_id, "severity": news.severity.name})
