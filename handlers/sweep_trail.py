"""A batch from the logs queue: the records of each log object go the way of EventBridge's events, where they did not.

What stands in the queue is decided one by one. Digests, insights, whatever else lies in the bucket, and S3's own test
message are passed over. An object that is gone or cannot be read is announced: no retry mends it. An object that S3
does not give us, and one whose records are not all seen through yet, comes back alone, with a wait.
"""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers import wiring_sweep
from handlers.adapters.log_notices import LogNotice, UnreadableNoticeError, notices_in, why_not_swept
from handlers.adapters.log_store import GoneError, UnfitError
from handlers.adapters.trail_objects import Kind, ObjectRead, UnreadableObjectError, read_object
from handlers.adapters.untrusted import plain
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Road
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.sweeping import ENOUGH_SECONDS, LIST_ATTRIBUTE, OutOfTimeError

logger = Logger(service="sweep_trail", utc=True)
# Were it to raise when all records fail, Lambda would forget the waits that were set on them.
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)

_MOST_REFUSED = 20  # records of one object that are announced one by one


def handler(event: dict[str, Any], context: Any) -> Any:
    """Take an SQS batch; returns `batchItemFailures`, so that only what is not done comes again."""
    parts = wiring_sweep.sweeping()

    def seconds_left() -> float:
        return float(context.get_remaining_time_in_millis()) / 1_000

    return process_partial_response(
        event=event,
        record_handler=lambda record: handle(record, parts=parts, seconds_left=seconds_left),
        processor=_processor,
        context=context,
    )


def handle(record: SQSRecord, *, parts: wiring_sweep.Sweeping, seconds_left: Callable[[], float]) -> None:
    """See one message through; on failure set its wait, and raise."""
    receives = int(record.attributes.approximate_receive_count or 1)
    try:
        _do(record, parts, seconds_left)
    except OutOfTimeError:
        logger.info("goes on in another call", extra={"receives": receives})
        parts.put_back(record.receipt_handle, 0)
        raise
    except Exception as error:
        asked = error.retry_after if isinstance(error, PipelineError) else 0
        seconds = parts.wait_seconds(receives, asked)
        # Only what we named ourselves, and places in code: an event's text may be in a foreign error's message.
        told = str(error)[:2_000] if isinstance(error, PipelineError | UnavailableError) else type(error).__name__
        logger.warning(
            "not done yet",
            extra={"problem": told, "where": _places(error), "receives": receives, "again_in_seconds": seconds},
        )
        parts.put_back(record.receipt_handle, seconds)
        raise


def _do(record: SQSRecord, parts: wiring_sweep.Sweeping, seconds_left: Callable[[], float]) -> None:
    if seconds_left() < ENOUGH_SECONDS:
        raise OutOfTimeError("there was no time left to begin")
    if record.message_attributes[LIST_ATTRIBUTE] is not None:
        after = record.body if "/" in record.body[:80] else ""
        logger.info("listed", extra={"new_objects": parts.list_new(after, seconds_left)})
        return
    try:
        notices = notices_in(record.body)
    except UnreadableNoticeError as error:
        parts.pipeline.announce_unreadable(record.body, error.reason, road=Road.TRAIL)
        logger.error("unreadable notification", extra={"reason": error.reason})
        return
    problems: list[Exception] = []
    for notice in notices:
        try:
            _sweep(notice, parts, seconds_left)
        except PipelineError as error:
            problems += error.problems
        except UnavailableError as error:
            problems.append(error)
    if problems:
        raise PipelineError(problems)


def _sweep(notice: LogNotice, parts: wiring_sweep.Sweeping, seconds_left: Callable[[], float]) -> None:
    named = {"object": plain(notice.key)}
    if reason := why_not_swept(notice, bucket=parts.bucket, prefix=parts.prefix):
        logger.info("passed over", extra={**named, "reason": reason})
        return
    if seconds_left() < ENOUGH_SECONDS:
        raise OutOfTimeError("there was no time left for another object")
    try:
        found = read_object(parts.get(notice.key), parts.look)
    except (GoneError, UnfitError, UnreadableObjectError) as error:
        reason = error.reason if isinstance(error, UnreadableObjectError) else str(error)
        parts.pipeline.announce(parts.unreadable(notice.key, reason))
        logger.error("unreadable log object", extra={**named, "reason": reason})
        return
    if found.kind is not Kind.RECORDS:
        logger.info("passed over", extra={**named, "reason": f"it holds {found.kind}"})
        return
    swept = parts.sweeper.sweep(found.candidates, seconds_left=seconds_left)
    _announce_refused(notice, found, parts)
    parts.swept(found.records)
    logger.info(
        "swept",
        extra={
            **named,
            "records": found.records,
            "candidates": len(found.candidates),
            "known": swept.known,
            "findings": swept.findings,
            "missed": swept.missed,
            "refused": len(found.refused),
        },
    )


def _announce_refused(notice: LogNotice, found: ObjectRead, parts: wiring_sweep.Sweeping) -> None:
    """Records that are none: each is shown to somebody, and of very many their number."""
    for refused in found.refused[:_MOST_REFUSED]:
        parts.pipeline.announce_unreadable(refused.text, refused.reason, road=Road.TRAIL)
    if len(found.refused) > _MOST_REFUSED:
        reason = f"{len(found.refused):,} of its {found.records:,} records cannot be read"
        parts.pipeline.announce(parts.unreadable(notice.key, reason))


def _places(error: BaseException) -> list[str]:
    """Where an error and what caused it came from, innermost last, without any of their texts."""
    problems = error.problems[:5] if isinstance(error, PipelineError) else (error,)
    chain = [link for problem in problems for link in (problem, problem.__cause__) if link is not None]
    return [
        f"{Path(frame.filename).name}:{frame.lineno} {frame.name}"
        for link in chain
        for frame in traceback.extract_tb(link.__traceback__)[-3:]
    ]
