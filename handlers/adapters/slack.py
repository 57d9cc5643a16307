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

from handlers.adapters.slack_message import Message, announcement, follow_up, life_message, parent_update
from handlers.adapters.slack_notices import daily_message, reminder_message
from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Alert, Told
from handlers.alerting.all_is_well import Report
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.life import Life, State
from handlers.alerting.reminding import Reminder
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
_GROUP_REMEDIES = {
    "missing_scope": "add the scope usergroups:read to the app, as slack-app-manifest.yaml says, and install it again",
    "no_such_subteam": "check react.responders in rootwatch.toml: a user group's id looks like S0123456789",
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

    follows = True

    def __init__(
        self,
        *,
        name: str = "slack",
        token: Secret,
        channel: str,
        settings: MessageSettings,
        minimum_severity: Severity = Severity.INFO,
        api_url: str = API_URL,
        timeout: int = 10,
        on_call: str = "",
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Args: `channel` is an id or a name; `timeout` is in seconds, for each wait on the network; `on_call` is the
        id of the user group or the person that reminders name.
        """
        self.name = name
        self.minimum_severity = minimum_severity
        self._token = token
        self._channel = channel
        self._settings = settings
        self._api_url = api_url
        self._timeout = timeout
        self._on_call = on_call
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

    def show_life(self, alert: Alert, *, place: tuple[str, str]) -> bool:
        """Bring the first message up to date; again changes nothing more. False: it is not there any more.

        Args: `place` is (channel, ts) of the message that was pressed, for where no reference is kept.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not told; says what to do.
        """
        channel, ts = self._place_of(alert, place)
        return self._update(alert, channel=channel, ts=ts)

    def tell_life(self, alert: Alert, life: Life, *, place: tuple[str, str]) -> None:
        """Say in the thread of the first message what somebody did: each call says it once more. Raises likewise."""
        channel, ts = self._place_of(alert, place)
        message = life_message(alert, life, settings=self._settings)
        # A call for help is shown to the whole channel: the thread is seen by those who know of it already.
        thread = {"channel": channel, "thread_ts": ts, "reply_broadcast": life.state is State.ESCALATED}
        try:
            self._post(thread, message, passing=_PARENT_GONE)
        except _RefusedError:
            self._post({"channel": self._channel}, message)

    def _place_of(self, alert: Alert, place: tuple[str, str]) -> tuple[str, str]:
        told = alert.told.get(self.name)
        kept = _REFERENCE.fullmatch(told.reference) if told else None
        return (kept["channel"], kept["ts"]) if kept else place

    def whisper(self, channel: str, user: str, text: str) -> bool:
        """Tell one person, whom nobody else sees being told; False where Slack does not let us.

        Raises:
            RetryLaterError, UnavailableError: Slack did not answer.
        """
        try:
            self._call("chat.postEphemeral", {"channel": channel, "user": user, "text": text, "parse": "none"})
        except _RefusedError:
            return False  # they left the channel, or it is archived: there is nobody to tell
        return True

    def open_form(self, trigger: str, view: Mapping[str, Any]) -> bool:
        """Open a form for whoever pressed; False where Slack refuses it: the three seconds are over.

        Raises:
            RetryLaterError, UnavailableError: Slack did not answer.
        """
        try:
            self._call("views.open", {"trigger_id": trigger, "view": dict(view)})
        except _RefusedError:
            return False
        return True

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

    def members(self, group: str) -> frozenset[str]:
        """The ids of the people in a user group.

        Raises:
            RetryLaterError, UnavailableError: Slack did not answer, or refuses; says what to do.
        """
        try:
            answer = self._call("usergroups.users.list", {"usergroup": group}, reading=True)
        except _RefusedError as refused:
            why = _GROUP_REMEDIES.get(refused.word, "it will be tried again")
            raise UnavailableError(f"Slack does not name the members of {group} ({refused.word}): {why}") from None
        people = answer.get("users")
        return frozenset(item for item in people if isinstance(item, str)) if isinstance(people, list) else frozenset()

    def remind(self, alert: Alert, told: Told | None, reminder: Reminder) -> None:
        """Say in the alert's thread, and to the whole channel, that nobody has taken it.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not said; says what to do.
        """
        place = _REFERENCE.fullmatch(told.reference) if told else None
        if place is not None:
            message = reminder_message(alert, reminder, settings=self._settings, on_call=self._on_call)
            thread = {"channel": place["channel"], "thread_ts": place["ts"], "reply_broadcast": True}
            try:
                self._post(thread, message, passing=_PARENT_GONE)
            except _RefusedError:
                place = None
        if place is None:
            message = reminder_message(alert, reminder, settings=self._settings, on_call=self._on_call, standalone=True)
            self._post({"channel": self._channel}, message)

    def say_daily(self, report: Report) -> None:
        """The daily line, in the channel.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not said; says what to do.
        """
        self._post({"channel": self._channel}, daily_message(report, settings=self._settings))

    def say_report(self, message: Message) -> None:
        """That the monthly report is there, in the channel.

        Raises:
            RetryLaterError: Slack named a wait.
            UnavailableError: it was not said; says what to do.
        """
        self._post({"channel": self._channel}, message)

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

    def _call(
        self, method: str, arguments: Mapping[str, Any], *, reading: bool = False, as_form: bool = False
    ) -> Mapping[str, Any]:
        """One call; a second one with a fresh token where Slack refuses the one we kept."""
        self._respect_the_wait()
        client = self._client or self._connect(self._token.get())
        try:
            return self._answer(client, method, arguments, reading=reading, as_form=as_form)
        except _RefusedError as refused:
            if refused.word not in _TOKEN_REFUSED:
                raise
            fresh = self._token.get(refresh=True)
            if fresh == client.token:
                raise UnavailableError(_TOKEN_REFUSED[refused.word]) from None
        try:
            return self._answer(self._connect(fresh), method, arguments, reading=reading, as_form=as_form)
        except _RefusedError as refused:
            if refused.word in _TOKEN_REFUSED:
                raise UnavailableError(_TOKEN_REFUSED[refused.word]) from None
            raise

    def _answer(
        self, client: WebClient, method: str, arguments: Mapping[str, Any], *, reading: bool, as_form: bool
    ) -> Mapping[str, Any]:
        """Slack's answer to one request, or our own error.

        It is raised outside the handler, so that not even its context leads to Slack's error: that one holds the
        request's headers, and with them the token.
        """
        failure: Exception
        try:
            # Methods that only read take no JSON, and neither do some others.
            arguments = dict(arguments)
            sent: dict[str, Any] = {"data": arguments} if as_form else {"json": arguments}
            if reading:
                sent = {"http_verb": "GET", "params": arguments}
            answer = client.api_call(method, **sent).data
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
