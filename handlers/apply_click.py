"""A batch from the clicks queue changes alerts: each click once, told in the thread, or to one person if refused."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers import wiring
from handlers.adapters.slack_react import refusal
from handlers.adapters.slack_requests import Press
from handlers.adapters.slack_windows import WindowPress, apply_window_press
from handlers.alerting import following
from handlers.alerting.acting import carry_out
from handlers.alerting.alert import Alert
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.life import Act, Cause, Life, Outcome, Verb

logger = Logger(service="apply_click", utc=True)
_processor = BatchProcessor(event_type=EventType.SQS, raise_on_entire_batch_failure=False)
_LEASE = timedelta(seconds=75)  # longer than the function may run
_BUSY_SECONDS = 2
_TOLD_FOR = timedelta(days=30)  # far longer than a click can come again


def handler(event: dict[str, Any], context: Any) -> Any:
    """Take an SQS batch; returns `batchItemFailures`, so that only what failed comes again."""
    parts = wiring.clicks()
    return process_partial_response(
        event=event,
        record_handler=lambda record: handle(record, parts=parts),
        processor=_processor,
        context=context,
    )


def handle(record: SQSRecord, *, parts: wiring.Clicks) -> None:
    """See one click through; on failure set its wait, and raise."""
    try:
        apply(record.body, parts=parts)
    except UnavailableError as error:
        asked = error.seconds if isinstance(error, RetryLaterError) else 0
        seconds = parts.wait_seconds(int(record.attributes.approximate_receive_count or 1), asked)
        logger.warning("not done yet", extra={"problem": str(error), "again_in_seconds": seconds})
        parts.put_back(record.receipt_handle, seconds)
        raise


def apply(body: str, *, parts: wiring.Clicks) -> Outcome | None:
    """Apply one click; None where the person may not, or the button is unknown.

    A repeat finds its act done, by the click's id, and only brings the message up to date once more.

    Raises:
        UnavailableError: the table or Slack did not answer; the state may have changed already, and a retry tells it.
    """
    message = json.loads(body)
    if "window" in message:
        _apply_to_window(message, parts)
        return None
    press = Press(**message["press"])
    verb = Verb(press.verb) if press.verb else None
    refused = "unknown" if verb is None and not press.looks else _refused(press.user, parts)
    if press.looks and not refused:
        parts.look({"kind": following.KIND, "alert": press.alert_id, "pressed": message["id"]})
        _whisper(press, parts.words.looking, parts)
        return None
    if verb is None or refused:
        _whisper(press, parts.words.refusals[refused], parts)
        return None
    act = Act(
        id=message["id"],
        verb=verb,
        by=press.user,
        at=datetime.fromisoformat(message["at"]),
        reason=press.reason,
        ticket=press.ticket,
        cause=Cause(press.cause) if press.cause else None,
    )
    decision = carry_out(press.alert_id, act, book=parts.book, audit_log=parts.audit_log)
    logger.info("act", extra={"verb": str(verb), "outcome": str(decision.outcome), "alert": press.alert_id})
    if decision.outcome is Outcome.DONE:
        _show(press, act, decision.life, parts)
    else:
        _whisper(press, refusal(decision, parts.words), parts)
    return decision.outcome


def _apply_to_window(message: Mapping[str, Any], parts: wiring.Clicks) -> None:
    """One press about a break-glass window; raises like `apply`."""
    press = WindowPress.from_plain(message["window"])
    if parts.windows is None:
        logger.warning("a press about windows, which are switched off")
        return
    reply = apply_window_press(
        press,
        act_id=message["id"],
        at=datetime.fromisoformat(message["at"]),
        desk=parts.windows.desk,
        words=parts.windows.words,
    )
    if reply.whisper and press.channel and not parts.slack.whisper(press.channel, press.user, reply.whisper):
        logger.warning("Slack did not let us answer privately")
    if reply.window is not None:
        logger.info("window", extra={"window": reply.window.id, "state": str(reply.window.state)})
        parts.windows.show(reply.window.id, press.channel)
        if reply.is_emergency:
            parts.windows.tell(reply.window.id)


def _refused(user: str, parts: wiring.Clicks) -> str:
    """Why this person may not act, as a key of the wording; "" where they may."""
    try:
        return "" if parts.responders.include(user) else "unlisted"
    except UnavailableError as error:
        logger.warning("nobody knows who may act", extra={"problem": str(error)})
        return "unchecked"


def _show(press: Press, act: Act, life: Life, parts: wiring.Clicks) -> None:
    """Tell the channel. Only one worker at a time edits the message: else an older state might be written last.

    The message and what follows may be seen to again; the line in the thread and the count are done once for each act,
    also where a pager that does not answer brings the click again.
    """
    if not parts.book.claim(press.alert_id, parts.slack.name, now=parts.clock(), lease=_LEASE):
        raise RetryLaterError("the message is being brought up to date", seconds=_BUSY_SECONDS)
    try:
        alert = parts.book.find(press.alert_id)
        if alert is None:
            return
        place = (press.channel, press.ts)
        if parts.slack.show_life(alert, place=place):
            _tell_once(alert, act, life, place, parts)
        parts.aftermath.of(alert, act.verb, life)
    finally:
        parts.book.release(press.alert_id, parts.slack.name)


def _tell_once(alert: Alert, act: Act, life: Life, place: tuple[str, str], parts: wiring.Clicks) -> None:
    errand = f"line {act.id}"
    # No lease: whoever holds the claim on the message is alone with it, and one who died has left it free.
    if not parts.errands.begin(errand, now=parts.clock(), lease=timedelta(0)):
        return
    try:
        parts.slack.tell_life(alert, life, place=place)
    except BaseException:
        parts.errands.end(errand, until=None)
        raise
    parts.aftermath.count(alert, act.verb, life)
    parts.errands.end(errand, until=parts.clock() + _TOLD_FOR)


def _whisper(press: Press, text: str, parts: wiring.Clicks) -> None:
    if not parts.slack.whisper(press.channel, press.user, text):
        logger.warning("Slack did not let us answer privately")
