"""Webhooks, PagerDuty and Teams: what is sent over real TLS, what is refused before, and what an answer means."""

from __future__ import annotations

import dataclasses
import hashlib
import hmac
import json
import re
import socket
import threading
import time
from collections.abc import Iterator
from datetime import datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request as WebRequest
from werkzeug import Response

from handlers.adapters.destination import HttpsDestination, retry_after
from handlers.adapters.https import ForbiddenAddressError, Poster, checked_url, is_public
from handlers.adapters.story import MessageSettings
from handlers.adapters.teams import BUDGET, TeamsNotifier
from handlers.adapters.webhook import DELIVERY, SIGNATURE, PagerDutyNotifier, WebhookNotifier, signature
from handlers.alerting.detection import Exhibit, Fact
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.ports import Notifier
from handlers.alerting.reminding import Reminder, Reminding
from handlers.alerting.severity import Severity
from tests.tls import make_certificate
from tests.unit.adapters.inspection import check_visible
from tests.unit.adapters.samples import NOW, SETTINGS, alert, finding, told
from tests.unit.hostile_strings import HOSTILE

SECRET = "hunter2-the-secret"
TEXTS = ("title", "summary", "subject", "actor", "user_agent", "source_ip", "event_name", "region", "account_name")
REMINDER = Reminder(number=2, most=8, severity=Severity.CRITICAL, waiting=timedelta(minutes=45), mentions=True, now=NOW)


class Store:
    """A secret that may be changed."""

    def __init__(self, *values: str) -> None:
        self.values = list(values)
        self.refreshed = 0

    def get(self, refresh: bool = False) -> str:
        self.refreshed += refresh
        return self.values[-1] if refresh else self.values[0]


@pytest.fixture(scope="module")
def tls(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return make_certificate(tmp_path_factory.mktemp("tls"), "localhost")


@pytest.fixture(scope="module")
def running(tls: Any) -> Iterator[HTTPServer]:
    with HTTPServer(host="127.0.0.1", ssl_context=tls[0]) as server:
        yield server


@pytest.fixture
def server(running: HTTPServer, reachable: None) -> Iterator[HTTPServer]:
    yield running
    running.clear()


class Board:
    """What refusals are pinned to, and a clock."""

    def __init__(self) -> None:
        self.refused: list[tuple[str, str]] = []
        self.now = NOW

    def options(self, poster: Poster, **changes: Any) -> dict[str, Any]:
        return {
            "name": "soc",
            "secret": Store(SECRET),
            "settings": SETTINGS,
            "poster": poster,
            "refused": lambda name, reason: self.refused.append((name, reason)),
            "clock": lambda: self.now,
            **changes,
        }


@pytest.fixture
def board() -> Board:
    return Board()


@pytest.fixture
def poster(tls: Any) -> Poster:
    """One that may reach this machine, trusts its certificate, and waits for half a second."""
    return Poster(timeout=0.5, deadline=1.0, allow=lambda _address: True, context=lambda: tls[1])


@pytest.fixture
def reachable(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine may be called."""
    monkeypatch.setattr("handlers.adapters.destination.checked_url", lambda url: url)


def webhook(server: HTTPServer, poster: Poster, board: Board, **changes: Any) -> WebhookNotifier:
    return WebhookNotifier(url=server.url_for("/rootwatch"), **board.options(poster, **changes))


def taken(server: HTTPServer) -> list[WebRequest]:
    return [request for request, _ in server.log]


# Webhooks


def test_an_alert_is_posted_as_json_with_a_signature_that_can_be_checked(
    server: HTTPServer, poster: Poster, board: Board
) -> None:
    server.expect_request("/rootwatch", method="POST").respond_with_data("thanks", status=202)
    notifier: Notifier = webhook(server, poster, board)
    assert notifier.announce(alert()) == ""
    (request,) = taken(server)
    content = request.get_json()
    assert (content["version"], content["type"]) == (1, "alert")
    assert content["alert"]["severity"] == "HIGH"
    assert content["alert"]["summary"].startswith("alice attached")
    assert content["alert"]["links"][0]["url"].startswith("https://us-east-1.console.aws.amazon.com/")
    header = re.fullmatch(r"t=([0-9]+),v1=([0-9a-f]{64})", request.headers[SIGNATURE])
    assert header
    signed = f"{header[1]}.".encode() + request.get_data()
    assert hmac.new(SECRET.encode(), signed, hashlib.sha256).hexdigest() == header[2]
    assert int(header[1]) == int(NOW.timestamp())
    assert SECRET not in str(request.headers) + request.get_data(as_text=True)
    assert board.refused == []


def test_a_repeat_can_be_told_from_what_is_new(server: HTTPServer, poster: Poster, board: Board) -> None:
    server.expect_request("/rootwatch").respond_with_data("")
    notifier = webhook(server, poster, board)
    worse = alert(finding(severity=Severity.CRITICAL))
    for _ in range(2):
        notifier.announce(alert())
        notifier.follow_up(worse, told(), [worse.headline], broadcast=True)
        notifier.remind(alert(), None, REMINDER)
    ids = [request.headers[DELIVERY] for request in taken(server)]
    assert ids[:3] == ids[3:]
    assert len(set(ids)) == 3
    assert [request.get_json()["type"] for request in taken(server)[:3]] == ["alert", "worse", "reminder"]
    assert taken(server)[2].get_json()["reminder"] == {"number": 2, "most": 8, "waiting_seconds": 2_700}


def test_the_documented_check_of_a_signature_accepts_it_and_nothing_else() -> None:
    text = (Path(__file__).parents[3] / "docs" / "destinations.md").read_text(encoding="utf-8")
    shown = re.search(r"```python\n(.*?)```", text, re.DOTALL)
    assert shown
    names: dict[str, Any] = {"hmac": hmac, "hashlib": hashlib}
    exec(shown[1], names)
    is_genuine = names["is_genuine"]
    body, at = b'{"a": 1}', 1_762_077_600
    header = signature(SECRET, body, at=at)
    assert is_genuine(SECRET, header, body, at + 299)
    assert not is_genuine(SECRET, header, body, at + 301)
    assert not is_genuine("other", header, body, at)
    assert not is_genuine(SECRET, header, body + b" ", at)
    assert not is_genuine(SECRET, header.replace(f"t={at}", f"t={at + 1}"), body, at)


# What an answer means


@pytest.mark.parametrize("status", [200, 201, 202, 204])
def test_whatever_begins_with_2_is_a_success(server: HTTPServer, poster: Poster, board: Board, status: int) -> None:
    server.expect_request("/rootwatch").respond_with_data("", status=status)
    webhook(server, poster, board).announce(alert())
    assert board.refused == []


@pytest.mark.parametrize(
    ("header", "seconds"), [("120", 120), ("", 30), ("soon", 30), ("-5", 30), ("0", 1), ("99999999", 900), ("１２", 30)]
)
def test_too_many_is_a_wait_that_is_kept_without_another_call(
    server: HTTPServer, poster: Poster, board: Board, header: str, seconds: float
) -> None:
    sent = {"Retry-After": header} if header.isascii() else {}
    server.expect_request("/rootwatch").respond_with_data("", status=429, headers=sent)
    notifier = webhook(server, poster, board)
    with pytest.raises(RetryLaterError) as caught:
        notifier.announce(alert())
    assert caught.value.seconds == seconds
    with pytest.raises(RetryLaterError):
        notifier.announce(alert())
    assert len(taken(server)) == 1
    board.now += timedelta(seconds=seconds)
    with pytest.raises(RetryLaterError):
        notifier.announce(alert())
    assert len(taken(server)) == 2
    assert retry_after(header) == seconds


@pytest.mark.parametrize("status", [408, 425, 500, 502, 503, 504, 599])
def test_what_may_pass_is_tried_again(server: HTTPServer, poster: Poster, board: Board, status: int) -> None:
    server.expect_request("/rootwatch").respond_with_data("no", status=status)
    with pytest.raises(UnavailableError, match=f"soc failed with HTTP {status}"):
        webhook(server, poster, board).announce(alert())
    assert board.refused == []


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 410, 413, 422])
def test_a_refusal_for_good_is_counted_and_keeps_nothing_in_the_queue(
    server: HTTPServer, poster: Poster, board: Board, status: int, caplog: pytest.LogCaptureFixture
) -> None:
    server.expect_request("/rootwatch").respond_with_data("no", status=status)
    assert webhook(server, poster, board).announce(alert()) == ""
    assert board.refused == [("soc", f"HTTP {status}")]
    assert f"soc refuses an alert for good: HTTP {status}" in caplog.text


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_a_redirect_is_not_followed(server: HTTPServer, poster: Poster, board: Board, status: int) -> None:
    elsewhere = {"Location": server.url_for("/elsewhere")}
    server.expect_request("/rootwatch").respond_with_data("", status=status, headers=elsewhere)
    webhook(server, poster, board).announce(alert())
    assert [request.path for request in taken(server)] == ["/rootwatch"]
    ((_, reason),) = board.refused
    assert "redirects" in reason


def test_a_secret_that_was_changed_is_fetched_again_before_anything_is_refused(
    server: HTTPServer, poster: Poster, board: Board
) -> None:
    def answer(request: WebRequest) -> Response:
        moment = int(request.headers[SIGNATURE].split(",")[0][2:])
        good = request.headers[SIGNATURE] == signature("new", request.get_data(), at=moment)
        return Response(status=200 if good else 401)

    server.expect_request("/rootwatch").respond_with_handler(answer)
    store = Store("old", "new")
    webhook(server, poster, board, secret=store).announce(alert())
    assert (len(taken(server)), store.refreshed, board.refused) == (2, 1, [])


# What goes wrong on the network


def _listening() -> tuple[socket.socket, str]:
    listener = socket.create_server(("127.0.0.1", 0))
    return listener, f"https://127.0.0.1:{listener.getsockname()[1]}/"


@pytest.mark.usefixtures("reachable")
def test_nobody_there_is_tried_again(poster: Poster, board: Board) -> None:
    listener, url = _listening()
    listener.close()
    notifier = WebhookNotifier(url=url, **board.options(poster))
    with pytest.raises(UnavailableError, match=r"soc: it cannot be reached \(ConnectionRefusedError\)") as caught:
        notifier.announce(alert())
    assert url not in str(caught.value)
    with pytest.raises(RetryLaterError):
        notifier.announce(alert())  # the rest of a batch does not wait as well


@pytest.mark.usefixtures("reachable")
@pytest.mark.parametrize("drips", [False, True], ids=["silence", "one byte at a time"])
def test_whoever_keeps_us_waiting_is_left_after_the_deadline(
    tls: Any, poster: Poster, board: Board, drips: bool
) -> None:
    listener, url = _listening()
    over = threading.Event()

    def serve() -> None:
        plain, _ = listener.accept()
        with plain, tls[0].wrap_socket(plain, server_side=True) as secure:
            try:
                secure.recv(65_536)
                secure.sendall(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                while drips and not over.wait(0.1):
                    secure.sendall(b"x")
                over.wait(5)
            except OSError:
                return  # the other side has gone, which is what is tested

    thread = threading.Thread(target=serve)
    thread.start()
    began = time.monotonic()
    with pytest.raises(UnavailableError):
        WebhookNotifier(url=url, **board.options(poster)).announce(alert())
    over.set()
    assert time.monotonic() - began < 2.5
    thread.join()
    listener.close()


@pytest.mark.usefixtures("reachable")
@pytest.mark.parametrize("answer", [b"", b"not HTTP\r\n\r\n", b"\x00" * 100, b"HTTP/1.1 abc\r\n\r\n"])
def test_what_is_not_http_is_tried_again(tls: Any, poster: Poster, board: Board, answer: bytes) -> None:
    listener, url = _listening()

    def serve() -> None:
        plain, _ = listener.accept()
        with plain, tls[0].wrap_socket(plain, server_side=True) as secure:
            secure.recv(65_536)
            secure.sendall(answer)

    thread = threading.Thread(target=serve)
    thread.start()
    with pytest.raises(UnavailableError):
        WebhookNotifier(url=url, **board.options(poster)).announce(alert())
    thread.join()
    listener.close()


def test_a_certificate_that_is_not_trusted_is_not_talked_to(server: HTTPServer, board: Board) -> None:
    server.expect_request("/rootwatch").respond_with_data("")
    stranger = Poster(timeout=0.5, allow=lambda _address: True)
    with pytest.raises(UnavailableError, match="SSLCertVerificationError"):
        webhook(server, stranger, board).announce(alert())
    assert taken(server) == []


# Where requests may go


@pytest.mark.parametrize(
    "url",
    [
        "http://alerts.example.com/",
        "ftp://alerts.example.com/",
        "file:///etc/passwd",
        "alerts.example.com",
        "",
        "https://",
        "https://user@alerts.example.com/",
        "https://user:pw@alerts.example.com/",
        "https://127.0.0.1/",
        "https://127.1.2.3:8443/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://[::ffff:169.254.169.254]/",
        "https://[2002:a9fe:a9fe::1]/",
        "https://[fd00:ec2::254]/latest/meta-data/",
        "https://169.254.169.254/latest/meta-data/",
        "https://169.254.100.1/",
        "https://10.0.0.1/",
        "https://172.16.0.1/",
        "https://192.168.1.1/",
        "https://100.64.0.1/",
        "https://0.0.0.0/",
        "https://224.0.0.1/",
        "https://localhost/",
        "https://x.localhost/",
        "https://printer.local/",
        "https://ip-10-0-0-1.ec2.internal/",
        "https://alerts.example.com/a b",
        "https://alerts.example.com/\r\nX: y",
        "https://alerts.example.com:99999/",
        "https://[::1",
    ],
)
def test_an_address_that_is_not_public_https_is_refused_before_anything_is_sent(url: str, board: Board) -> None:
    with pytest.raises(ForbiddenAddressError):
        checked_url(url)
    WebhookNotifier(url=url, **board.options(Poster())).announce(alert())
    ((_, reason),) = board.refused
    assert reason.startswith("its address may not be called")


@pytest.mark.parametrize(
    "url", ["https://alerts.example.com/a?b=c", "https://198.51.101.1:8443/", "https://[2600::1]/"]
)
def test_a_public_https_address_is_taken(url: str) -> None:
    assert checked_url(url).scheme == "https"


@pytest.mark.parametrize(
    "answers", [["127.0.0.1"], ["198.51.101.1", "10.0.0.1"], ["fe80::1%eth0"], ["::ffff:10.0.0.1"]]
)
def test_a_name_that_leads_to_a_private_address_is_not_called(
    answers: list[str], board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 443)) for address in answers]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_arguments, **_options: found)
    connected: list[Any] = []
    monkeypatch.setattr(socket, "create_connection", lambda *arguments, **_options: connected.append(arguments))
    WebhookNotifier(url="https://rebinding.example.com/", **board.options(Poster())).announce(alert())
    assert connected == []
    assert board.refused == [
        ("soc", "its address may not be called: its host's name leads to an address that is not public")
    ]


def test_the_connection_goes_to_the_address_that_was_checked_whatever_the_name_server_says_next(
    server: HTTPServer, poster: Poster, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    server.expect_request("/").respond_with_data("")
    asked: list[str] = []
    resolve = socket.getaddrinfo

    def answer(host: Any, *arguments: Any, **options: Any) -> Any:
        asked.append(str(host))
        return resolve("127.0.0.1" if host == "localhost" else host, *arguments, **options)

    monkeypatch.setattr(socket, "getaddrinfo", answer)
    WebhookNotifier(url=f"https://localhost:{server.port}/", **board.options(poster)).announce(alert())
    assert asked.count("localhost") == 1
    assert len(taken(server)) == 1


def test_a_name_that_is_not_known_is_tried_again(board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(*_arguments: Any, **_options: Any) -> Any:
        raise socket.gaierror

    monkeypatch.setattr(socket, "getaddrinfo", nobody)
    with pytest.raises(UnavailableError, match="not known"):
        WebhookNotifier(url="https://nobody.example.com/", **board.options(Poster())).announce(alert())


def test_public_is_what_the_internet_can_reach() -> None:
    assert is_public(ip_address("198.51.101.1"))
    assert not is_public(ip_address("192.0.2.1"))
    assert not is_public(ip_address("2002:0a00:0001::1"))


# PagerDuty


@pytest.fixture
def pager(server: HTTPServer, poster: Poster, board: Board) -> PagerDutyNotifier:
    notifier = PagerDutyNotifier(**board.options(poster))
    assert notifier._url == "https://events.pagerduty.com/v2/enqueue"
    notifier._url = server.url_for("/v2/enqueue")
    server.expect_request("/v2/enqueue").respond_with_json({"status": "success"}, status=202)
    return notifier


def test_pagerduty_is_told_of_one_alert_however_often_it_is_told(server: HTTPServer, pager: PagerDutyNotifier) -> None:
    worse = alert(kinds=frozenset({"4#admin-policy-attached", "5#root-console-login"}))
    pager.announce(alert())
    pager.follow_up(worse, told(), [], broadcast=True)
    pager.remind(alert(), None, REMINDER)
    pager.settle(alert(), is_closed=False)
    pager.settle(alert(), is_closed=True)
    events = [request.get_json() for request in taken(server)]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "trigger", "acknowledge", "resolve"]
    assert {event["dedup_key"] for event in events} == {alert().id}
    assert {event["routing_key"] for event in events} == {SECRET}
    assert [event["payload"]["severity"] for event in events[:3]] == ["error", "critical", "error"]
    first = events[0]["payload"]
    assert first["summary"].startswith("HIGH: Administrator rights were granted. alice")
    assert datetime.fromisoformat(first["timestamp"]) == alert().headline.time
    assert "Reminder 2 of 8" in events[2]["payload"]["custom_details"]["reminder"]


def test_pagerduty_of_europe_has_another_address(board: Board) -> None:
    assert (
        PagerDutyNotifier(region="eu", **board.options(Poster()))._url == "https://events.eu.pagerduty.com/v2/enqueue"
    )


def test_pagerduty_takes_a_summary_of_1024_characters(server: HTTPServer, pager: PagerDutyNotifier) -> None:
    pager.announce(alert(finding(summary="x" * 100_000)))
    (request,) = taken(server)
    assert len(request.get_json()["payload"]["summary"]) == 1_024
    assert len(request.get_data()) < 100_000


# Teams


def card(request: WebRequest) -> dict[str, Any]:
    content = request.get_json()
    assert content["type"] == "message"
    (attachment,) = content["attachments"]
    assert attachment["contentType"] == "application/vnd.microsoft.card.adaptive"
    found: dict[str, Any] = attachment["content"]
    return found


def runs(of: dict[str, Any]) -> list[str]:
    for block in of["body"]:
        assert block["type"] == "RichTextBlock", "a TextBlock would render Markdown"
    return [run["text"] for block in of["body"] for run in block["inlines"]]


def teams(server: HTTPServer, poster: Poster, board: Board, **changes: Any) -> TeamsNotifier:
    store = Store(server.url_for("/workflows/1?sig=secret"))
    return TeamsNotifier(**board.options(poster, secret=store, **changes))


def test_teams_gets_a_card_with_the_story(server: HTTPServer, poster: Poster, board: Board) -> None:
    server.expect_request("/workflows/1", query_string="sig=secret").respond_with_data("", status=202)
    notifier = teams(server, poster, board)
    notifier.announce(alert())
    notifier.follow_up(alert(finding(severity=Severity.CRITICAL)), told(), [finding()], broadcast=True)
    notifier.remind(alert(), told(), REMINDER)
    first, second, third = (card(request) for request in taken(server))
    assert (first["type"], first["version"]) == ("AdaptiveCard", "1.4")
    text = "\n".join(runs(first))
    assert "HIGH: Administrator rights were granted" in text
    assert "1. Ask alice whether she meant to" in text
    assert [action["type"] for action in first["actions"]] == ["Action.OpenUrl"] * len(first["actions"])
    assert all(action["url"].startswith("https://") for action in first["actions"])
    assert "Now CRITICAL" in runs(second)[0]
    assert "Nobody has taken this alert yet" in runs(third)[1]


def test_a_workflow_that_is_gone_is_refused_and_its_address_is_shown_nowhere(
    server: HTTPServer, poster: Poster, board: Board, caplog: pytest.LogCaptureFixture
) -> None:
    server.expect_request("/workflows/1").respond_with_data("", status=404)
    teams(server, poster, board).announce(alert())
    assert board.refused == [("soc", "HTTP 404")]
    ours = [record.getMessage() for record in caplog.records if record.name.startswith("handlers")]
    assert ours == ["the destination soc refuses an alert for good: HTTP 404"]


def test_the_largest_alert_is_within_what_teams_takes(server: HTTPServer, poster: Poster, board: Board) -> None:
    server.expect_request("/workflows/1").respond_with_data("")
    huge = finding(
        summary="\u3042" * 5_000,
        subject="\U0001f600" * 2_000,
        facts=tuple(Fact(label="\u3042" * 60, value="\u3042" * 2_000) for _ in range(20)),
        exhibits=(Exhibit(title="t", text="x" * 20_000),),
    )
    for language in ("en", "ja"):
        settings = dataclasses.replace(SETTINGS, language=language)
        teams(server, poster, board, settings=settings).announce(alert(huge))
    assert all(len(request.get_data()) <= BUDGET for request in taken(server))


def test_teams_speaks_the_language_of_the_destination(server: HTTPServer, poster: Poster, board: Board) -> None:
    server.expect_request("/workflows/1").respond_with_data("")
    notifier = teams(server, poster, board, settings=MessageSettings(language="ja"))
    notifier.remind(alert(), None, REMINDER)
    text = "\n".join(runs(card(taken(server)[0])))
    assert "リマインダー 2/8" in text
    assert "今すぐ行うこと" in text


# Hostile texts


def hostile() -> Iterator[tuple[str, Any]]:
    for text in HOSTILE:
        changed = finding(**dict.fromkeys(TEXTS, text), facts=(Fact(label=text, value=text),), error=text)
        yield text, alert(changed)


class Kept(Poster):
    """Keeps bodies instead of posting them."""

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[bytes] = []

    def post(self, url: str, body: bytes, headers: Any) -> Any:
        self.bodies.append(body)
        for name, value in headers.items():
            assert re.fullmatch(r"[A-Za-z-]+", name)
            assert value.isprintable()
        from handlers.adapters.https import Answer

        return Answer(status=200)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for item in value.values():
                yield from strings(item)
        case list():
            for item in value:
                yield from strings(item)


@pytest.mark.parametrize("kind", ["webhook", "pagerduty", "teams"])
def test_hostile_texts_are_visible_characters_on_one_line_in_every_format(kind: str, board: Board) -> None:
    kept = Kept()
    made: dict[str, HttpsDestination] = {
        "webhook": WebhookNotifier(url="https://alerts.example.com/", **board.options(kept)),
        "pagerduty": PagerDutyNotifier(**board.options(kept)),
        "teams": TeamsNotifier(**board.options(kept, secret=Store("https://flow.example.com/1"))),
    }
    notifier = made[kind]
    for _, attacked in hostile():
        notifier.announce(attacked)
        notifier.follow_up(attacked, told(), [attacked.headline], broadcast=True)
        notifier.remind(attacked, None, REMINDER)
    assert len(kept.bodies) == 3 * len(HOSTILE)
    for body in kept.bodies:
        content = json.loads(body)
        for text in strings(content):
            check_visible(text)
            if kind == "teams":
                assert "{{" not in text, "a date would be filled in"
                assert "://" not in text or text.startswith(
                    ("https://us-east-1.console.aws.amazon.com/", "http://adaptivecards.io/")
                )
        if kind == "webhook":
            assert body.isascii()
    assert board.refused == []


def test_each_is_a_notifier_that_can_remind(board: Board) -> None:
    kept = Kept()
    for notifier in (
        WebhookNotifier(url="https://alerts.example.com/", **board.options(kept)),
        PagerDutyNotifier(**board.options(kept)),
        TeamsNotifier(**board.options(kept)),
    ):
        assert isinstance(notifier, Reminding)
        assert (notifier.name, notifier.follows, notifier.minimum_severity) == ("soc", False, Severity.INFO)
        assert SECRET not in repr(notifier.__dict__.get("_poster"))


def test_a_request_shows_neither_address_nor_body(board: Board) -> None:
    notifier = PagerDutyNotifier(**board.options(Kept()))
    assert SECRET not in repr(notifier.opened(alert(), SECRET))


def test_certificates_are_made_for_tests_only(tmp_path: Path) -> None:
    make_certificate(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["certificate.pem", "key.pem"]
