"""What Slack sends when somebody presses a button or submits a form: proved to be Slack's, and read.

https://docs.slack.dev/authentication/verifying-requests-from-slack: HMAC-SHA256 over "v0:<timestamp>:<raw body>".
slack_sdk's SignatureVerifier raises on a timestamp that is no number; here whatever is not right is a refusal.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

from handlers.adapters.slack_windows import WindowPress, read_window_press
from handlers.alerting.life import Cause, Verb

MAXIMUM_BODY = 1_048_576  # bytes
MAXIMUM_AGE = 300  # seconds, of Slack's advice against replays
MAXIMUM_REASON, MAXIMUM_TICKET = 500, 100  # characters
_MAXIMUM_LINE = 500  # characters after the command
ACTION = "rootwatch-"  # our buttons' action ids begin so; a verb follows
RUNBOOK = "runbook"  # the button that only opens a page
LOOK = "activity"  # the button that asks what was done in the session

_TIMESTAMP = re.compile(r"[0-9]{1,11}")
_SIGNATURE = re.compile(r"v0=[0-9a-f]{64}")
_ALERT_ID = re.compile(r"A[0-9a-f]{1,40}")
_PERSON = re.compile(r"[UW][A-Z0-9]{1,30}")
_PLACE = re.compile(r"[A-Z0-9]{1,30}")
_TS = re.compile(r"[0-9]{1,15}\.[0-9]{1,10}")
_TRIGGER = re.compile(r"[A-Za-z0-9._-]{1,200}")
_DECLINED, _MALFORMED, _TOO_LARGE = 401, 400, 413


class RefusedError(Exception):
    """The request is not answered: with which HTTP status, and why, in words without anything of the request."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class Verified:
    """A request that Slack signed."""

    body: bytes
    digest: str  # of the signature: the same request again has the same


@dataclass(frozen=True, kw_only=True)
class Press:
    """What somebody did: a button pressed, or (with `submitted`) a form sent."""

    verb: Verb | None  # None: a button we do not know
    alert_id: str
    user: str
    channel: str
    ts: str  # of the message with the button
    trigger: str = ""  # opens a form within three seconds
    submitted: bool = False
    reason: str = ""
    ticket: str = ""
    cause: str = ""  # one of Cause, chosen when an alert is closed
    looks: bool = False  # asks what was done, and changes nothing


@dataclass(frozen=True, kw_only=True)
class Command:
    """What somebody typed: /rootwatch and the words after it."""

    words: tuple[str, ...]
    user: str
    channel: str
    trigger: str


def signing_secrets(text: str) -> tuple[str, ...]:
    """The secrets in a stored value: one, or two with a comma between while the first replaces the second."""
    return tuple(part for part in (item.strip() for item in text.split(",")) if part)


def verified(event: Mapping[str, Any], secrets: Sequence[str], *, now: datetime) -> Verified:
    """Check the request of a function URL (payload version 2.0).

    Raises:
        RefusedError: too large, too old, from the future, or not signed with one of `secrets`.
    """
    headers = {str(name).lower(): value for name, value in _mapping(event.get("headers")).items()}
    body = _raw_body(event)
    timestamp, signature = headers.get("x-slack-request-timestamp"), headers.get("x-slack-signature")
    if not isinstance(timestamp, str) or not _TIMESTAMP.fullmatch(timestamp):
        raise RefusedError(_DECLINED, "the timestamp is missing or is no number")
    if abs(now.timestamp() - int(timestamp)) > MAXIMUM_AGE:
        raise RefusedError(_DECLINED, f"the timestamp is more than {MAXIMUM_AGE} s away from now")
    if not isinstance(signature, str) or not _SIGNATURE.fullmatch(signature):
        raise RefusedError(_DECLINED, "the signature is missing or malformed")
    base = b"v0:" + timestamp.encode() + b":" + body
    expected = [f"v0={hmac.new(secret.encode(), base, hashlib.sha256).hexdigest()}" for secret in secrets]
    # Each is compared, so that the time tells nothing of which one matched.
    if not sum(hmac.compare_digest(item, signature) for item in expected):
        raise RefusedError(_DECLINED, "the signature does not match")
    return Verified(body=body, digest=hashlib.sha256(f"{timestamp}:{signature}".encode()).hexdigest())


def read_request(
    request: Verified, *, team_id: str = "", app_id: str = "", windows_in: str = ""
) -> Press | Command | WindowPress | None:
    """What somebody did; None for what needs no answer: a link button, or a form that was closed.

    Args:
        windows_in: the time zone in which people ask for break-glass windows; "": there are no windows.

    Raises:
        RefusedError: not what Slack sends, or from another workspace or app than those configured.
    """
    form = _form_of(request.body)
    if "command" in form:
        _check_origin(form.get("team_id"), form.get("api_app_id"), team_id=team_id, app_id=app_id)
        return _command(form)
    payload = _payload(form)
    _check_origin(_mapping(payload.get("team")).get("id"), payload.get("api_app_id"), team_id=team_id, app_id=app_id)
    user = _text(_mapping(payload.get("user")).get("id"), _PERSON)
    if windows_in and (press := read_window_press(payload, time_zone=windows_in)) is not None:
        return press
    match payload.get("type"):
        case "block_actions":
            return _button(payload, user)
        case "view_submission":
            return _submitted(payload, user)
    return None


def _check_origin(team: object, app: object, *, team_id: str, app_id: str) -> None:
    if team_id and team != team_id:
        raise RefusedError(_DECLINED, "another workspace than react.team_id")
    if app_id and app != app_id:
        raise RefusedError(_DECLINED, "another app than react.app_id")


def _command(form: Mapping[str, str]) -> Command:
    return Command(
        words=tuple(form.get("text", "")[:_MAXIMUM_LINE].split()),
        user=_text(form.get("user_id"), _PERSON),
        channel=_text(form.get("channel_id"), _PLACE),
        trigger=_text(form.get("trigger_id"), _TRIGGER),
    )


def _raw_body(event: Mapping[str, Any]) -> bytes:
    body = event.get("body")
    if not isinstance(body, str):
        raise RefusedError(_DECLINED, "there is no body")
    if len(body) > 2 * MAXIMUM_BODY:
        raise RefusedError(_TOO_LARGE, "the body is larger than 1 MiB")
    if event.get("isBase64Encoded"):
        try:
            raw = base64.b64decode(body, validate=True)
        except (binascii.Error, ValueError):
            raise RefusedError(_MALFORMED, "the body is not base64") from None
    else:
        raw = body.encode("utf-8", "surrogatepass")
    if len(raw) > MAXIMUM_BODY:
        raise RefusedError(_TOO_LARGE, "the body is larger than 1 MiB")
    return raw


def _form_of(body: bytes) -> Mapping[str, str]:
    try:
        pairs = parse_qsl(body.decode("utf-8"), keep_blank_values=True, errors="strict", max_num_fields=50)
    except ValueError:
        raise RefusedError(_MALFORMED, "the body is not a form in UTF-8") from None
    form = dict(pairs)
    if len(form) != len(pairs):
        raise RefusedError(_MALFORMED, "a field comes twice")
    return form


def _payload(form: Mapping[str, str]) -> Mapping[str, Any]:
    try:
        payload = json.loads(form.get("payload", ""))
    except (ValueError, RecursionError):  # none, not JSON, or nested without end
        raise RefusedError(_MALFORMED, "the form has no payload of JSON") from None
    if not isinstance(payload, dict):
        raise RefusedError(_MALFORMED, "the payload is not an object")
    return payload


def _button(payload: Mapping[str, Any], user: str) -> Press | None:
    actions = payload.get("actions")
    action = _mapping(actions[0]) if isinstance(actions, list) and actions else {}
    name = str(action.get("action_id", "")).removeprefix(ACTION)
    if name == RUNBOOK:
        return None
    container = _mapping(payload.get("container"))
    return Press(
        verb=Verb(name) if name in tuple(Verb) else None,
        alert_id=_text(action.get("value"), _ALERT_ID, otherwise="A0"),
        user=user,
        channel=_text(container.get("channel_id"), _PLACE),
        ts=_text(container.get("message_ts"), _TS),
        trigger=_text(payload.get("trigger_id"), _TRIGGER),
        looks=name == LOOK,
    )


def _submitted(payload: Mapping[str, Any], user: str) -> Press:
    view = _mapping(payload.get("view"))
    name = str(view.get("callback_id", "")).removeprefix(ACTION)
    if name not in tuple(Verb):
        raise RefusedError(_MALFORMED, "a form we do not know")
    try:
        kept = _mapping(json.loads(str(view.get("private_metadata"))))
    except (ValueError, RecursionError):
        raise RefusedError(_MALFORMED, "the form does not say which alert it is about") from None
    values = _mapping(_mapping(view.get("state")).get("values"))
    return Press(
        verb=Verb(name),
        alert_id=_text(kept.get("alert"), _ALERT_ID),
        user=user,
        channel=_text(kept.get("channel"), _PLACE),
        ts=_text(kept.get("ts"), _TS),
        submitted=True,
        reason=_typed(values, "reason"),
        ticket=_typed(values, "ticket"),
        cause=_chosen(values, "cause"),
    )


def _typed(values: Mapping[str, Any], name: str) -> str:
    value = _mapping(_mapping(values.get(name)).get("value")).get("value")
    # JSON can spell half a character, which no store takes.
    return value.encode("utf-8", "replace").decode().strip() if isinstance(value, str) else ""


def _chosen(values: Mapping[str, Any], name: str) -> str:
    option = _mapping(_mapping(_mapping(values.get(name)).get("value")).get("selected_option"))
    value = option.get("value")
    return value if isinstance(value, str) and value in tuple(Cause) else ""


def _text(value: object, form: re.Pattern[str], otherwise: str | None = None) -> str:
    if isinstance(value, str) and form.fullmatch(value):
        return value
    if otherwise is None:
        raise RefusedError(_MALFORMED, "a part is missing or malformed")
    return otherwise


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}
