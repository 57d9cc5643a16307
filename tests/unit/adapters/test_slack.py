"""How alerts get to Slack, and what every kind of failure there turns into."""

from __future__ import annotations

import json
import logging
import socket
import threading
import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from handlers.adapters.slack import DEFAULT_WAIT, MAXIMUM_WAIT, SlackNotifier
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.ports import Notifier
from handlers.alerting.severity import Severity
from tests.unit.adapters.samples import NOW, SETTINGS, alert, finding, told

_TOKEN = "xoxb-0000-not-a-real-token"
_CHANNEL = "C0123456789"
_TS = "1764000000.000100"

Answer = dict[str, Any] | Response | Callable[[], Response]


class Workspace:
    """Slack as a script: the answers to give, in order, then "ok"; and what was asked."""

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("/api/")
        self.answers: list[Answer] = []
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.tokens: list[str] = []
        for method in ("chat.postMessage", "chat.update"):
            server.expect_request(f"/api/{method}", method="POST").respond_with_handler(self._answer)

    def _answer(self, request: Request) -> Response:
        self.calls.append((request.path.removeprefix("/api/"), json.loads(request.get_data())))
        self.tokens.append(request.headers["Authorization"].removeprefix("Bearer "))
        answer = self.answers.pop(0) if self.answers else {"ok": True, "channel": _CHANNEL, "ts": _TS}
        if isinstance(answer, Response):
            return answer
        return answer() if callable(answer) else Response(json.dumps(answer), content_type="application/json")

    @property
    def methods(self) -> list[str]:
        return [method for method, _ in self.calls]


class Token:
    """The secret store: its tokens in turn, the last one for ever."""

    def __init__(self, *tokens: str) -> None:
        self.tokens = list(tokens)
        self.refreshed = 0

    def get(self, refresh: bool = False) -> str:
        if refresh:
            self.refreshed += 1
            self.tokens = self.tokens[1:] or self.tokens
        return self.tokens[0]


class Clock:
    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def workspace(httpserver: HTTPServer) -> Iterator[Workspace]:
    yield Workspace(httpserver)
    httpserver.clear()


def _notifier(workspace: Workspace, **changes: Any) -> SlackNotifier:
    values: dict[str, Any] = {
        "token": Token(_TOKEN),
        "channel": _CHANNEL,
        "settings": SETTINGS,
        "api_url": workspace.url,
        "clock": Clock(),
    }
    return SlackNotifier(**{**values, **changes})


def _refused(word: str, **more: Any) -> dict[str, Any]:
    return {"ok": False, "error": word, **more}


def _too_many(**headers: str) -> Response:
    return Response(
        json.dumps(_refused("ratelimited")), 429, {name.replace("_", "-"): v for name, v in headers.items()}
    )


# --- when all is well -----------------------------------------------------------------------------------------------


def test_it_is_a_notifier_that_follows(workspace: Workspace) -> None:
    notifier: Notifier = _notifier(workspace, minimum_severity=Severity.MEDIUM)
    assert (notifier.name, notifier.follows, notifier.minimum_severity) == ("slack", True, Severity.MEDIUM)


def test_an_announcement_is_posted_and_its_place_returned(workspace: Workspace) -> None:
    assert _notifier(workspace).announce(alert()) == f"{_CHANNEL}:{_TS}"
    ((method, sent),) = workspace.calls
    assert method == "chat.postMessage"
    assert workspace.tokens == [_TOKEN]
    assert sent["channel"] == _CHANNEL
    assert sent["text"].startswith("🟠 HIGH: ")
    assert sent["blocks"][0]["type"] == "header"
    assert sent["metadata"]["event_payload"]["alert_id"] == alert().id
    assert (sent["unfurl_links"], sent["unfurl_media"], sent["mrkdwn"], sent["link_names"]) == (False,) * 4
    assert sent["parse"] == "none"
    assert "thread_ts" not in sent


def test_a_follow_up_updates_the_first_message_and_then_replies_in_its_thread(workspace: Workspace) -> None:
    _notifier(workspace).follow_up(alert(loud=3, count=3), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.postMessage"]
    update, reply = (sent for _, sent in workspace.calls)
    assert (update["channel"], update["ts"]) == (_CHANNEL, _TS)
    assert "3 times" in json.dumps(update["blocks"])
    assert update["parse"] == "none"  # chat.update would link names otherwise
    assert (reply["thread_ts"], reply["reply_broadcast"]) == (_TS, False)
    assert "2 more, 3 in all" in json.dumps(reply["blocks"])


def test_an_alert_that_got_worse_is_sent_to_the_channel_as_well(workspace: Workspace) -> None:
    worst = finding(severity=Severity.CRITICAL)
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [worst], broadcast=True)
    assert workspace.calls[1][1]["reply_broadcast"] is True


def test_an_update_without_news_makes_no_noise(workspace: Workspace) -> None:
    _notifier(workspace).follow_up(alert(), told(), [], broadcast=False)
    assert workspace.methods == ["chat.update"]


def test_after_a_failure_between_update_and_reply_the_retry_does_both_and_nobody_is_told_twice(
    workspace: Workspace,
) -> None:
    workspace.answers = [{"ok": True}, _refused("internal_error")]
    notifier = _notifier(workspace)
    with pytest.raises(UnavailableError):
        notifier.follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    notifier.follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.postMessage"] * 2
    assert workspace.calls[0] == workspace.calls[2]


def test_a_failed_update_keeps_the_reply_back_so_that_both_are_tried_again(workspace: Workspace) -> None:
    workspace.answers = [_too_many(Retry_After="30")]
    with pytest.raises(RetryLaterError):
        _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update"]


def test_an_answer_without_a_place_costs_the_thread_and_not_a_second_message(workspace: Workspace) -> None:
    workspace.answers = [{"ok": True}]
    assert _notifier(workspace).announce(alert()) == ""
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(reference=""), [finding()], broadcast=False)
    assert workspace.methods == ["chat.postMessage", "chat.postMessage"]
    assert "thread_ts" not in workspace.calls[1][1]


# --- when Slack is not there ----------------------------------------------------------------------------------------


def test_a_refused_connection_is_tried_again_later(workspace: Workspace) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    with pytest.raises(UnavailableError, match="Slack cannot be reached: ConnectionRefusedError"):
        _notifier(workspace, api_url=f"http://127.0.0.1:{port}/api/").announce(alert())


@pytest.mark.parametrize("behaviour", ["closes", "rubbish", "half"])
def test_a_connection_that_breaks_is_tried_again_later(workspace: Workspace, behaviour: str) -> None:
    said = {"closes": b"", "rubbish": b"\x00\xff\n\n", "half": b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n{"}
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(said[behaviour])

        thread = threading.Thread(target=serve)
        thread.start()
        with pytest.raises(UnavailableError, match="cannot be reached"):
            _notifier(workspace, api_url=f"http://127.0.0.1:{listener.getsockname()[1]}/api/").announce(alert())
        thread.join(5)
        listener.settimeout(0.1)
        with pytest.raises(TimeoutError):
            listener.accept()  # the queue tries again, not the SDK, which would sleep first


def test_a_slow_answer_is_given_up_and_tried_again_later(workspace: Workspace) -> None:
    release = threading.Event()

    def slow() -> Response:
        release.wait(10)
        return Response("{}")

    workspace.answers = [slow]
    began = time.monotonic()
    with pytest.raises(UnavailableError, match="Slack cannot be reached: Timeout"):
        _notifier(workspace, timeout=1).announce(alert())
    release.set()
    assert time.monotonic() - began < 8


@pytest.mark.parametrize("status", [500, 502, 503, 504])
def test_a_server_error_is_tried_again_later(workspace: Workspace, status: int) -> None:
    workspace.answers = [Response("<html>", status)]
    with pytest.raises(UnavailableError, match=f"HTTP {status}") as caught:
        _notifier(workspace).announce(alert())
    assert not isinstance(caught.value, RetryLaterError)


@pytest.mark.parametrize(
    "answer",
    [
        Response("<html>login</html>", 200, content_type="text/html"),
        Response("", 200),
        Response("not json", 200, content_type="application/json"),
        Response("[]", 200, content_type="application/json"),
        Response('["ok"]', 200, content_type="application/json"),
        Response("null", 200, content_type="application/json"),
        Response('"ok"', 200, content_type="application/json"),
        Response("{}", 200, content_type="application/json"),
        Response('{"ok": "no", "error": ["x"]}', 403, content_type="application/json"),
        Response(b"\xff\xfe", 200, content_type="application/json"),
        Response("{}", 200, content_type="application/json; charset=x-unknown"),
        Response("x", 500, content_type="text/plain; charset=x-unknown"),
        Response(b"\x1f\x8b\x08\x00", 200, content_type="application/gzip"),
        Response("teapot", 418),
    ],
    ids=range(14),
)
def test_an_answer_that_is_not_slacks_is_tried_again_later(workspace: Workspace, answer: Response) -> None:
    workspace.answers = [answer]
    with pytest.raises(UnavailableError):
        _notifier(workspace).announce(alert())
    assert len(workspace.calls) == 1


@pytest.mark.parametrize(
    "word", ["internal_error", "fatal_error", "service_unavailable", "request_timeout", "new_word"]
)
def test_a_refusal_that_may_pass_is_tried_again_later(workspace: Workspace, word: str) -> None:
    workspace.answers = [_refused(word)]
    with pytest.raises(UnavailableError, match=f"{word}.*tried again"):
        _notifier(workspace).announce(alert())


# --- when Slack asks for patience -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("30", 30),
        ("1", 1),
        ("0", 1),
        (" 7 ", 7),
        ("900", 900),
        ("99999999999999999999", MAXIMUM_WAIT),
        ("-5", DEFAULT_WAIT),
        ("1.5", DEFAULT_WAIT),
        ("1e9", DEFAULT_WAIT),
        ("NaN", DEFAULT_WAIT),
        ("", DEFAULT_WAIT),
        ("soon", DEFAULT_WAIT),
        ("Wed, 25 Nov 2026 07:28:00 GMT", DEFAULT_WAIT),
        ("\u0663\u0660".encode().decode("latin-1"), DEFAULT_WAIT),
        (None, DEFAULT_WAIT),
    ],
)
def test_slack_says_how_long_to_wait_within_reason(workspace: Workspace, header: str | None, seconds: float) -> None:
    workspace.answers = [_too_many() if header is None else _too_many(Retry_After=header)]
    with pytest.raises(RetryLaterError) as caught:
        _notifier(workspace).announce(alert())
    assert caught.value.seconds == seconds


def test_a_wait_is_understood_without_the_status_and_in_any_case_of_the_header(workspace: Workspace) -> None:
    workspace.answers = [_refused("ratelimited"), _too_many(retry_after="12")]
    for seconds in (DEFAULT_WAIT, 12):
        with pytest.raises(RetryLaterError) as caught:
            _notifier(workspace).announce(alert())
        assert caught.value.seconds == seconds


def test_until_the_time_is_over_no_call_is_made_and_nobody_sleeps(workspace: Workspace) -> None:
    workspace.answers = [_too_many(Retry_After="30")]
    clock = Clock()
    notifier = _notifier(workspace, clock=clock)
    for elapsed, left in ((0, 30), (10, 20), (29.5, 0.5)):
        clock.now = NOW + timedelta(seconds=elapsed)
        with pytest.raises(RetryLaterError) as caught:
            notifier.announce(alert())
        assert caught.value.seconds == left
    assert len(workspace.calls) == 1
    clock.now = NOW + timedelta(seconds=30)
    assert notifier.announce(alert())
    assert len(workspace.calls) == 2


def test_one_channels_wait_does_not_hold_the_others(workspace: Workspace) -> None:
    workspace.answers = [_too_many(Retry_After="900")]
    with pytest.raises(RetryLaterError):
        _notifier(workspace).announce(alert())
    assert _notifier(workspace, channel="C9876543210").announce(alert())


# --- when Slack does not like the form ------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["invalid_blocks", "msg_blocks_too_long", "msg_too_long", "invalid_metadata_schema"])
def test_a_message_refused_for_its_form_is_sent_as_text(workspace: Workspace, word: str) -> None:
    workspace.answers = [_refused(word, errors=["must be shorter [json-pointer:/blocks/0]"])]
    assert _notifier(workspace).announce(alert()) == f"{_CHANNEL}:{_TS}"
    _, plain = (sent for _, sent in workspace.calls)
    assert plain["blocks"] == []
    for part in (
        "🟠 HIGH: Administrator rights were granted",
        "Who: Admin/alice",
        "1. Ask alice",
        "the full alert is in",
    ):
        assert part in plain["text"]


def test_a_text_refused_as_well_is_sent_as_one_sentence(workspace: Workspace) -> None:
    workspace.answers = [_refused("invalid_blocks"), _refused("msg_too_long")]
    _notifier(workspace).announce(alert())
    assert workspace.calls[2][1]["text"] == (
        f"HIGH: an alert that Slack refuses to show. It is in the alert table, as {alert().id}."
    )


def test_a_message_refused_in_every_form_stays_in_the_queue(workspace: Workspace) -> None:
    workspace.answers = [_refused("invalid_blocks")] * 3
    with pytest.raises(UnavailableError, match="even the shortest form"):
        _notifier(workspace).announce(alert())


def test_an_update_refused_for_its_form_takes_the_old_blocks_away(workspace: Workspace) -> None:
    workspace.answers = [_refused("msg_blocks_too_long")]
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.update", "chat.postMessage"]
    assert workspace.calls[1][1]["blocks"] == []


# --- when the token is refused --------------------------------------------------------------------------------------

_TOKEN_WORDS = ["invalid_auth", "token_revoked", "token_expired", "not_authed", "account_inactive"]


@pytest.mark.parametrize("word", _TOKEN_WORDS)
def test_a_refused_token_is_fetched_again_once_and_then_used(workspace: Workspace, word: str) -> None:
    workspace.answers = [_refused(word)]
    token = Token("xoxb-old", "xoxb-new")
    notifier = _notifier(workspace, token=token)
    assert notifier.announce(alert())
    notifier.announce(alert())
    assert workspace.tokens == ["xoxb-old", "xoxb-new", "xoxb-new"]
    assert token.refreshed == 1


@pytest.mark.parametrize("word", _TOKEN_WORDS)
def test_a_token_refused_again_says_what_to_do(workspace: Workspace, word: str) -> None:
    for token, calls in ((Token("xoxb-old", "xoxb-new"), 2), (Token("xoxb-same"), 1)):
        workspace.calls.clear()
        workspace.answers = [_refused(word)] * calls
        with pytest.raises(UnavailableError, match=rf"\({word}\).*`rootwatch slack set-token`"):
            _notifier(workspace, token=token).announce(alert())
        assert len(workspace.calls) == calls


def test_a_refusal_after_the_new_token_is_judged_as_any_other(workspace: Workspace) -> None:
    workspace.answers = [_refused("invalid_auth"), _refused("is_archived")]
    with pytest.raises(UnavailableError, match="the channel is archived"):
        _notifier(workspace, token=Token("xoxb-old", "xoxb-new")).announce(alert())


@pytest.mark.parametrize(
    ("word", "remedy"),
    [
        ("not_in_channel", "/invite @Rootwatch"),
        ("channel_not_found", r"slack\.channel in rootwatch\.toml"),
        ("is_archived", "unarchive it"),
        ("missing_scope", r"slack-app-manifest\.yaml"),
    ],
)
def test_a_channel_that_cannot_be_posted_in_says_what_to_do(workspace: Workspace, word: str, remedy: str) -> None:
    workspace.answers = [_refused(word)]
    with pytest.raises(UnavailableError, match=remedy):
        _notifier(workspace).announce(alert())


# --- when the first message is gone ---------------------------------------------------------------------------------


@pytest.mark.parametrize("word", ["message_not_found", "cant_update_message", "thread_not_found"])
def test_news_of_a_message_that_was_deleted_by_hand_are_posted_in_the_channel(workspace: Workspace, word: str) -> None:
    workspace.answers = [_refused(word)]
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.postMessage"]
    sent = workspace.calls[1][1]
    assert sent["channel"] == _CHANNEL
    assert "thread_ts" not in sent
    assert "The first message of this alert is gone" in json.dumps(sent["blocks"])
    assert sent["blocks"][0]["text"]["text"] == "🟠 HIGH: Administrator rights were granted"


def test_news_of_a_thread_that_is_gone_are_posted_in_the_channel(workspace: Workspace) -> None:
    workspace.answers = [{"ok": True}, _refused("thread_not_found")]
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.postMessage", "chat.postMessage"]
    assert "thread_ts" not in workspace.calls[2][1]


def test_a_workspace_that_forbids_late_edits_still_gets_its_replies(workspace: Workspace) -> None:
    workspace.answers = [_refused("edit_window_closed")]
    _notifier(workspace).follow_up(alert(loud=2, count=2), told(), [finding()], broadcast=False)
    assert workspace.methods == ["chat.update", "chat.postMessage"]
    assert workspace.calls[1][1]["thread_ts"] == _TS


# --- secrets --------------------------------------------------------------------------------------------------------


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """The error and all that can be reached from it, whether a traceback would show it or not."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


@pytest.mark.parametrize(
    "answer",
    [
        _refused("invalid_auth"),
        _refused(_TOKEN),
        _refused(f"bad token {_TOKEN}"),
        Response(_TOKEN, 200, content_type="application/json"),
        Response(_TOKEN, 500),
        _too_many(Retry_After=_TOKEN),
        Response(json.dumps([_TOKEN]), 200, content_type="application/json"),
    ],
    ids=range(7),
)
def test_no_failure_shows_the_token_in_an_error_or_a_log(
    workspace: Workspace, answer: Answer, caplog: pytest.LogCaptureFixture
) -> None:
    """Not even where the other side sends it back to us."""
    caplog.set_level(logging.DEBUG)
    workspace.answers = [answer] * 2
    with pytest.raises(UnavailableError) as caught:
        _notifier(workspace).announce(alert())
    assert workspace.tokens[0] == _TOKEN
    for error in _chain(caught.value):
        assert _TOKEN not in f"{error!s} {error!r} {vars(error)}"
        assert not hasattr(error, "response")  # Slack's own error carries the request's headers
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("werkzeug")]
    assert _TOKEN not in " ".join(ours)
    assert "blocks" not in " ".join(ours)


def test_the_app_may_post_take_commands_and_nothing_else() -> None:
    manifest = yaml.safe_load((Path(__file__).parents[3] / "slack-app-manifest.yaml").read_text(encoding="utf-8"))
    assert manifest["oauth_config"]["scopes"] == {"bot": ["chat:write", "chat:write.public", "commands", "files:write"]}
    # Slack knows one address for both; it is a placeholder until there is a deployment.
    placeholder = manifest["settings"]["interactivity"]["request_url"]
    assert [command["url"] for command in manifest["features"]["slash_commands"]] == [placeholder]
    assert placeholder.startswith("https://example.com/")
    # Slack's limits for a manifest: name 35, description 140, long description 174 to 4,000 characters.
    about = manifest["display_information"]
    assert len(about["name"]) <= 35
    assert len(about["description"]) <= 140
    assert 174 <= len(about["long_description"]) <= 4_000
