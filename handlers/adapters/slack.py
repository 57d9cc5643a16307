"""Alerts in Slack: one message an alert, further findings in its thread, and every refusal turned into what to do."""

from __future__ import annotations

import logging
import re
import ssl
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache
from http.client import HTTPException
from typing import Any, Protocol

from slack_sdk.errors import SlackApiError, SlackClientError
from slack_sdk.web.client import WebClient

from handlers.adapters.slack_message import Message, announcement, follow_up, parent_update
from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity

API_URL = "https://slack.com/api/"
DEFAULT_WAIT = 30.0  # seconds, where Slack says "too many" without a usable Retry-After
MAXIMUM_WAIT = 900.0  # seconds: no answer makes us silent for longer than the queue's own longest wait

_SET_TOKEN = "set a new one with `rootwatch slack set-token`"  # noqa: S105 - a remedy, not a token
_TOKEN_REFUSED = {
    "invalid_auth": f"Slack does not know the token (invalid_auth): {_SET_TOKEN}",
    "not_authed": f"the token is missing (not_authed): {_SET_TOKEN}",
    "token_revoked": f"the token was revoked (token_revoked): {_SET_TOKEN}",
    "token_expired": f"the token has expired (token_expired): {_SET_TOKEN}",
    "account_inactive": f"the app was removed from the workspace (account_inactive): install it, then {_SET_TOKEN}",
}
_REMEDIES = {
    "not_in_channel": "the app is not in the channel: invite it there (/invite @Rootwatch)",
    "channel_not_found": (
        "no such channel, or a private one the app is not in: check slack.channel in rootwatch.toml (an id such as "
        "C0123456789) and invite the app there"
    ),
    "is_archived": "the channel is archived: unarchive it, or name another as slack.channel in rootwatch.toml",
    "missing_scope": "the app lacks the scope chat:write: install it again from slack-app-manifest.yaml",
    "restricted_action": "only some people may post in the channel: allow the app, or name another channel",
    "restricted_action_read_only_channel": "the channel is read-only: allow the app, or name another channel",
    "team_access_not_granted": "the app may not act in this workspace: ask an administrator to approve it",
}
_FORM_REFUSED = frozenset(
    {
        *("invalid_blocks", "invalid_blocks_format", "msg_blocks_too_long", "msg_too_long", "no_text"),
        *("too_many_attachments", "invalid_arguments", "invalid_arg_name", "invalid_json", "json_not_object"),
        *("invalid_metadata_format", "invalid_metadata_schema", "metadata_too_large", "metadata_must_be_sent_from_app"),
    }
)
# The first message was deleted by hand, or belongs to another app since the token was changed.
_PARENT_GONE = frozenset({"message_not_found", "cant_update_message", "thread_not_found"})
_UNCHANGEABLE = frozenset({"edit_window_closed"})  # the workspace forbids late edits; the thread is still there
_REFERENCE = re.compile(r"(?P<channel>[A-Z0-9]{1,30}):(?P<ts>[0-9]{1,15}\.[0-9]{1,10})")
_ERROR_WORD = re.compile(r"[a-z_]{1,60}")
_TOO_MANY, _SERVER_ERROR = 429, 500


class Secret(Protocol):
    """A `SecretSource`, or a test's stand-in."""

    def get(self, refresh: bool = False) -> str: ...


class _RefusedError(Exception):
    """Slack answered "no" with this word."""

    def __init__(self, word: str) -> None:
        super().__init__(word)
        self.word = word


RefusedError = _RefusedError  # of `ask`, whose callers can live with a refusal


class SlackNotifier:
    """A `Notifier` (see ports) for one channel of one workspace.

    It never sleeps: where Slack asks for patience, RetryLaterError says for how long, and until then no call is made,
    so that the function is free for the other channels.
    """

    name = "slack"
    follows = True

    def __init__(
        self,
        *,
        token: Secret,
        channel: str,
        settings: MessageSettings,
        minimum_severity: Severity = Severity.INFO,
        api_url: str = API_URL,
        timeout: int = 10,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Args: `channel` is an id or a name; `timeout` is in seconds, for each wait on the network."""
        self.minimum_severity = minimum_severity
        self._token = token
        self._channel = channel
        self._settings = settings
        self._api_url = api_url
        self._timeout = timeout
        self._clock = clock
        self._quiet_until: datetime | None = None
        self._client: WebClient | None = None

    def announce(self, alert: Alert) -> str:
        """Post a new alert; returns "channel:ts".

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not posted; says what to do.
        """
        answer = self._post({"channel": self._channel}, announcement(alert, settings=self._settings))
        reference = f"{answer.get('channel')}:{answer.get('ts')}"
        # Posted is posted: an answer without a place costs the thread, not a second message.
        return reference if _REFERENCE.fullmatch(reference) else ""

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """Bring the first message up to date, then tell the news in its thread.

        In this order: the update may be repeated without anybody noticing, the reply may not. Whatever fails, the
        caller tries both again.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: not everything was told; says what to do.
        """
        place = _REFERENCE.fullmatch(told.reference)
        if place is None or not self._update(alert, channel=place["channel"], ts=place["ts"]):
            self._tell_in_channel(alert, told, findings, broadcast=broadcast)
            return
        if alert.loud <= told.count and not findings and not broadcast:
            return  # only the first message had changed
        reply = follow_up(alert, told, findings, settings=self._settings, broadcast=broadcast)
        thread = {"channel": place["channel"], "thread_ts": place["ts"], "reply_broadcast": broadcast}
        try:
            self._post(thread, reply, passing=_PARENT_GONE)
        except _RefusedError:
            self._tell_in_channel(alert, told, findings, broadcast=broadcast)

    def reply(self, reference: str, message: Message) -> None:
        """Post in the thread of the message `reference`, which `announce` returned; in the channel without one.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not posted; says what to do.
        """
        place = _REFERENCE.fullmatch(reference)
        if place is None or not self._replied(message, channel=place["channel"], ts=place["ts"]):
            self._post({"channel": self._channel}, message)

    def _replied(self, message: Message, *, channel: str, ts: str) -> bool:
        """Whether there still was a thread to reply in."""
        try:
            self._post({"channel": channel, "thread_ts": ts}, message, passing=_PARENT_GONE)
        except _RefusedError:
            return False
        return True

    def ask(self, method: str, arguments: Mapping[str, str]) -> Mapping[str, Any]:
        """Call a method whose refusal the caller can live with.

        Raises:
            RefusedError: Slack said no; its `word` says why.
            UnavailableError: Slack did not answer.
        """
        return self._call(method, arguments, as_form=True)

    def _tell_in_channel(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        message = follow_up(alert, told, findings, settings=self._settings, broadcast=broadcast, standalone=True)
        self._post({"channel": self._channel}, message)

    def _update(self, alert: Alert, *, channel: str, ts: str) -> bool:
        """Whether there still is a first message with a thread."""
        message = parent_update(alert, settings=self._settings)
        try:
            self._send("chat.update", {"channel": channel, "ts": ts}, message, passing=_PARENT_GONE | _UNCHANGEABLE)
        except _RefusedError as refused:
            return refused.word in _UNCHANGEABLE
        return True

    def _post(
        self, where: Mapping[str, Any], message: Message, *, passing: frozenset[str] = frozenset()
    ) -> Mapping[str, Any]:
        silent = {"unfurl_links": False, "unfurl_media": False, "mrkdwn": False}
        return self._send("chat.postMessage", {**where, **silent}, message, passing=passing)

    def _send(
        self, method: str, where: Mapping[str, Any], message: Message, *, passing: frozenset[str]
    ) -> Mapping[str, Any]:
        """Send in the first form that Slack takes. Raises _RefusedError for the words in `passing`, and only those."""
        forms: tuple[dict[str, Any], ...] = (
            {"text": message.text, "blocks": message.blocks, "metadata": message.metadata},
            {"text": message.plain, "blocks": []},  # an update without `blocks` would keep the old ones
            {"text": message.bare, "blocks": []},
        )
        for form in forms:
            try:
                # parse "none": by default chat.update, unlike chat.postMessage, links channel and user names.
                return self._call(method, {**where, **form, "parse": "none", "link_names": False})
            except _RefusedError as refused:
                if refused.word in passing:
                    raise
                if refused.word not in _FORM_REFUSED:
                    raise _unavailable(refused.word) from None
                word = refused.word
        raise UnavailableError(f"Slack refuses even the shortest form of the message ({word}); it will be tried again")

    def _call(self, method: str, arguments: Mapping[str, Any], *, as_form: bool = False) -> Mapping[str, Any]:
        """One call; a second one with a fresh token where Slack refuses the one we kept."""
        self._respect_the_wait()
        client = self._client or self._connect(self._token.get())
        try:
            return self._answer(client, method, arguments, as_form=as_form)
        except _RefusedError as refused:
            if refused.word not in _TOKEN_REFUSED:
                raise
            fresh = self._token.get(refresh=True)
            if fresh == client.token:
                raise UnavailableError(_TOKEN_REFUSED[refused.word]) from None
        try:
            return self._answer(self._connect(fresh), method, arguments, as_form=as_form)
        except _RefusedError as refused:
            if refused.word in _TOKEN_REFUSED:
                raise UnavailableError(_TOKEN_REFUSED[refused.word]) from None
            raise

    def _answer(
        self, client: WebClient, method: str, arguments: Mapping[str, Any], *, as_form: bool
    ) -> Mapping[str, Any]:
        """Slack's answer to one request, or our own error.

        It is raised outside the handler, so that not even its context leads to Slack's error: that one holds the
        request's headers, and with them the token.
        """
        failure: Exception
        try:
            # Some methods take no JSON.
            form, body = (dict(arguments), None) if as_form else (None, dict(arguments))
            answer = client.api_call(method, data=form, json=body).data
        except SlackApiError as error:
            failure = self._translated(error)
        except (OSError, HTTPException, SlackClientError) as error:  # refused, reset, timed out, not HTTP
            if isinstance(getattr(error, "reason", error), TimeoutError):
                # The rest of a batch must not wait as long each: the function would time out, and all come again.
                self._quiet_until = self._clock() + timedelta(seconds=self._timeout)
            failure = UnavailableError(f"Slack cannot be reached: {_reason(error)}; it will be tried again")
        except (ValueError, TypeError, AttributeError, LookupError) as error:  # JSON, but not an object; bad charset
            failure = UnavailableError(f"Slack's answer is unreadable ({type(error).__name__}); it will be tried again")
        else:
            if isinstance(answer, dict):
                return answer
            # The SDK takes a compressed body for a success.
            failure = UnavailableError("Slack's answer is unreadable: it is not JSON; it will be tried again")
        raise failure

    def _translated(self, error: SlackApiError) -> Exception:
        status = getattr(error.response, "status_code", None)
        word = _word_of(getattr(error.response, "data", None))
        if status == _TOO_MANY or word in ("ratelimited", "rate_limited"):
            return self._asked_to_wait(getattr(error.response, "headers", None))
        if isinstance(status, int) and status >= _SERVER_ERROR:
            return UnavailableError(f"Slack failed with HTTP {status}; it will be tried again")
        return _RefusedError(word)

    def _connect(self, token: str) -> WebClient:
        self._client = WebClient(
            token=token,
            base_url=self._api_url,
            timeout=self._timeout,
            ssl=_trusted() if self._api_url.startswith("https:") else None,
            retry_handlers=[],  # the queue retries; the SDK's handler would sleep for as long as Slack says
            logger=_SILENT,
        )
        return self._client

    def _respect_the_wait(self) -> None:
        if self._quiet_until is None:
            return
        left = (self._quiet_until - self._clock()).total_seconds()
        if left > 0:
            raise RetryLaterError("Slack asked for patience or did not answer, and the time is not over", seconds=left)
        self._quiet_until = None

    def _asked_to_wait(self, headers: object) -> RetryLaterError:
        seconds = _retry_after(headers)
        self._quiet_until = self._clock() + timedelta(seconds=seconds)
        return RetryLaterError(f"Slack asks for {seconds:g} s of patience", seconds=seconds)


def _unavailable(word: str) -> UnavailableError:
    if word in _REMEDIES:
        return UnavailableError(f"Slack does not take the message ({word}): {_REMEDIES[word]}")
    return UnavailableError(f"Slack does not take the message ({word}); it will be tried again")


def _word_of(data: object) -> str:
    """Slack's error, where it is a word as Slack writes them; a proxy may answer with anything."""
    word = data.get("error") if isinstance(data, dict) else None
    return word if isinstance(word, str) and _ERROR_WORD.fullmatch(word) else "an answer that is not Slack's"


def _retry_after(headers: object) -> float:
    """Seconds, between 1 and 900; the default where Slack names none, or nothing that is a number of seconds."""
    items = headers.items() if isinstance(headers, Mapping) else ()
    for name, value in items:
        text = str(value[0] if isinstance(value, (list, tuple)) and value else value).strip()
        if str(name).lower() == "retry-after" and text.isascii() and text.isdigit():
            return min(max(float(text[:10]), 1.0), MAXIMUM_WAIT)
    return DEFAULT_WAIT


def _reason(error: Exception) -> str:
    """The kind of failure: never the error's own text, which may quote a request."""
    cause = getattr(error, "reason", None)
    return type(cause if isinstance(cause, Exception) else error).__name__


@cache
def _trusted() -> ssl.SSLContext:
    """Built once a container: reading the certificates takes tens of milliseconds."""
    return ssl.create_default_context()


def _silent() -> logging.Logger:
    """The SDK logs requests and answers, in full at DEBUG; we say ourselves what went wrong."""
    logger = logging.getLogger("handlers.adapters.slack.sdk")
    logger.setLevel(logging.CRITICAL + 1)
    return logger


_SILENT = _silent()
