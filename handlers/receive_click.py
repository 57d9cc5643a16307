"""Slack's door: a request that Slack signed goes to the clicks queue, and everything else is refused."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from typing import Any

from aws_lambda_powertools import Logger

from handlers import wiring_door
from handlers.adapters.slack_react import WITH_FORM, form, form_errors
from handlers.adapters.slack_requests import Command, Press, RefusedError, read_request, signing_secrets, verified
from handlers.adapters.slack_windows import WindowPress, form_for, form_problems
from handlers.alerting.errors import UnavailableError
from handlers.alerting.window import WindowVerb

logger = Logger(service="receive_click", utc=True)
_UNAVAILABLE = 503


def handler(event: dict[str, Any], _context: Any) -> dict[str, Any]:
    """Answer a request of the function URL: 200, or why not; never an exception, which would be a 502 and a stack."""
    return answer(event, parts=wiring_door.door())


def answer(event: Mapping[str, Any], *, parts: wiring_door.Door) -> dict[str, Any]:
    """Check, remember against a replay, and pass on; the only other work is opening a form, which cannot wait."""
    now = parts.clock()
    try:
        request = verified(event, signing_secrets(parts.signing_secret.get()), now=now)
        asked = read_request(request, team_id=parts.team_id, app_id=parts.app_id, windows_in=parts.time_zone)
        if not parts.replays.is_first(request.digest, now=now):
            raise RefusedError(401, "the same request came before")
        match asked:
            case Press():
                return _response(200, _passed_on(asked, request.digest, parts))
            case WindowPress():
                return _response(200, _about_a_window(asked, request.digest, parts))
            case Command():
                return _response(200, _answered(asked, request.digest, parts))
        return _response(200)
    except RefusedError as refused:
        logger.warning("refused", extra={"status": refused.status, "reason": refused.reason})
        return _response(refused.status)
    except UnavailableError as error:
        logger.error("not passed on", extra={"problem": str(error)})
        return _response(_UNAVAILABLE)


def _passed_on(press: Press, digest: str, parts: wiring_door.Door) -> dict[str, Any] | None:
    """What to answer Slack: nothing, or what is wrong with a form."""
    if press.submitted and (errors := form_errors(press, parts.words)):
        return {"response_action": "errors", "errors": errors}
    if press.verb in WITH_FORM and not press.submitted:
        if not parts.open_form(press.trigger, form(press, parts.words)):
            logger.warning("Slack did not open the form")
        return None
    parts.send(json.dumps({"id": digest, "at": parts.clock().isoformat(), "press": dataclasses.asdict(press)}))
    return None


def _answered(command: Command, digest: str, parts: wiring_door.Door) -> dict[str, Any] | None:
    """What only the person who typed it sees; None where a form opens instead."""
    if parts.rules is None:
        return {"response_type": "ephemeral", "text": parts.words.command_usage}
    if command.words != ("request",):
        return {"response_type": "ephemeral", "text": parts.window_words.usage}
    asks = WindowPress(verb=WindowVerb.REQUEST, user=command.user, channel=command.channel, trigger=command.trigger)
    return _about_a_window(asks, digest, parts)


def _about_a_window(press: WindowPress, digest: str, parts: wiring_door.Door) -> dict[str, Any] | None:
    """What to answer Slack: nothing, or what is wrong with a form."""
    if parts.rules is None:
        return None
    view = form_for(
        press,
        parts.rules,
        parts.window_words,
        account_names=parts.account_names,
        time_zone=parts.time_zone,
        now=parts.clock(),
    )
    if view is not None:
        if not parts.open_form(press.trigger, view):
            logger.warning("Slack did not open the form")
        return None
    if press.submitted and (problems := form_problems(press, parts.rules, parts.window_words, now=parts.clock())):
        return {"response_action": "errors", "errors": problems}
    parts.send(json.dumps({"id": digest, "at": parts.clock().isoformat(), "window": press.to_plain()}))
    return None


def _response(status: int, body: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "statusCode": status,
        "headers": {"content-type": "application/json", "cache-control": "no-store"},
        "body": json.dumps(body, ensure_ascii=False) if body else "",
    }
