"""Reports on sessions in Slack: the message always, the files where Slack takes them."""

from __future__ import annotations

import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from handlers.adapters.slack import RefusedError, SlackNotifier
from handlers.adapters.slack_activity import SlackActivityTeller
from handlers.adapters.wording_activity import ENGLISH, JAPANESE
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.following import Over, Step
from local.slack import SlackServer
from local.slack.faults import Fault
from tests.unit.adapters.samples import SETTINGS, alert
from tests.unit.adapters.test_activity_report import activity, usual

CHANNEL = "security-alerts"


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


class Scene:
    """An alert that was announced, and who tells of it."""

    def __init__(self, slack: SlackServer, **settings: Any) -> None:
        class Token:
            def get(self, refresh: bool = False) -> str:
                return slack.token

        self.slack = slack
        self.notifier = SlackNotifier(
            token=Token(), channel=slack.workspace.channel(CHANNEL).id, settings=SETTINGS, api_url=slack.api_url
        )
        self.teller = SlackActivityTeller(
            slack=self.notifier, settings=SETTINGS, api_url=slack.api_url, account_names={"123456789012": "shop"}
        )
        self.alert = alert()
        self.place = self.notifier.announce(self.alert)

    def tell(self, told: Any = None) -> None:
        self.teller.tell(self.alert, told or usual(), step=Step.END, over=Over.SILENT, place=self.place)

    @property
    def thread(self) -> list[dict[str, Any]]:
        messages = self.slack.workspace.channel(CHANNEL).messages
        return [
            one for one in messages if one.get("thread_ts") == self.place.partition(":")[2] and "reply_count" not in one
        ]

    @property
    def texts(self) -> str:
        return str([one.get("blocks") or one.get("text") for one in self.thread])


def test_a_report_is_a_message_in_the_thread_with_a_picture_and_a_table(slack: SlackServer) -> None:
    scene = Scene(slack)
    scene.tell()
    report, files = scene.thread
    assert report["text"].startswith("📋 What was done: the session is over. alice: Nothing was recorded of it for 30")
    assert ENGLISH.attached in scene.texts
    picture, table = files["files"]
    assert (picture["mimetype"], picture["title"]) == ("image/png", "The session as a timeline")
    assert picture["alt_txt"].startswith("Timeline of a session: Writes: 3")
    assert (table["mimetype"], table["title"]) == ("text/csv", "Every record of the session")
    assert table["name"] == f"rootwatch-{scene.alert.id}-20261102T1600Z.csv"
    with urllib.request.urlopen(table["url_private"], timeout=5) as answer:
        assert answer.read().startswith(b"\xef\xbb\xbftime_utc,")


def test_a_session_without_any_record_has_no_files(slack: SlackServer) -> None:
    scene = Scene(slack)
    scene.tell(activity())
    assert len(scene.thread) == 1
    assert not slack.api.calls["files.getUploadURLExternal"]


def test_an_app_without_the_scope_posts_the_text_and_says_how_to_get_the_files() -> None:
    with SlackServer(scopes=["chat:write", "chat:write.public"]) as slack:
        scene = Scene(slack)
        scene.tell()
        assert len(scene.thread) == 1
        assert ENGLISH.no_scope in scene.texts
        assert JAPANESE.no_scope != ENGLISH.no_scope


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (
            Fault(kind="error", method="files.getUploadURLExternal", error="file_uploads_disabled"),
            "file_uploads_disabled",
        ),
        (Fault(kind="status", method="files.getUploadURLExternal", status=503), "Slack failed with HTTP 503"),
        (Fault(kind="ratelimited", method="files.getUploadURLExternal", retry_after=7), "7 s of patience"),
    ],
)
def test_when_an_upload_fails_the_report_says_why(slack: SlackServer, fault: Fault, told: str) -> None:
    scene = Scene(slack)
    slack.fail(fault)
    if fault.kind == "ratelimited":  # then the message has to wait as well: nothing is posted, and all is tried again
        with pytest.raises(RetryLaterError):
            scene.tell()
        assert not scene.thread
        return
    scene.tell()
    assert len(scene.thread) == 1
    assert told in scene.texts


def test_when_sharing_fails_after_the_message_it_is_said_and_not_told_twice(slack: SlackServer) -> None:
    scene = Scene(slack)
    slack.fail(Fault(kind="error", method="files.completeUploadExternal", error="internal_error"))
    scene.tell()
    report, complaint = scene.thread
    assert report["blocks"]
    assert "could not be attached" in complaint["text"]
    assert "internal_error" in complaint["text"]


def test_when_the_message_fails_nothing_was_told_and_it_can_be_tried_again(slack: SlackServer) -> None:
    scene = Scene(slack)
    slack.fail(Fault(kind="status", method="chat.postMessage", status=500))
    with pytest.raises(UnavailableError):
        scene.tell()
    slack.recover()
    scene.tell()
    assert len(scene.thread) == 2


def test_where_the_first_message_is_gone_the_report_is_posted_in_the_channel(slack: SlackServer) -> None:
    scene = Scene(slack)
    channel = slack.workspace.channel(CHANNEL)
    slack.workspace.delete(channel, scene.place.partition(":")[2])
    scene.tell()
    assert any(one["text"].startswith("📋") and "thread_ts" not in one for one in channel.messages)


@pytest.mark.parametrize(
    "url",
    [
        "https://evil.example/upload",
        "http://files.slack.com/upload",
        "https://files.slack.com.evil.example/upload",
        "https://files.slack.com:99999/upload",
        "https://evilslack.com/upload",
        "file:///etc/passwd",
        "ftp://files.slack.com/x",
        "",
        None,
        7,
    ],
)
def test_content_goes_to_slacks_own_hosts_alone(url: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []

    class Slack:
        def ask(self, method: str, arguments: Any) -> dict[str, Any]:
            return {"upload_url": url, "file_id": "F1"}

        def reply(self, reference: str, message: Any) -> None:
            assert "no address of its own" in str(message.blocks)

    monkeypatch.setattr("handlers.adapters.slack_activity._opener", opened.append)
    teller = SlackActivityTeller(slack=Slack(), settings=SETTINGS)  # type: ignore[arg-type]
    teller.tell(alert(), usual(), step=Step.END, over=None, place="C1:1.0")
    assert not opened


def test_an_upload_follows_no_redirect(httpserver: Any) -> None:
    httpserver.expect_request("/upload").respond_with_data("", status=302, headers={"Location": "/elsewhere"})
    httpserver.expect_request("/elsewhere").respond_with_data("taken")
    told: list[str] = []

    class Slack:
        def ask(self, method: str, arguments: Any) -> dict[str, Any]:
            if method == "files.completeUploadExternal":
                raise RefusedError("file_not_found")
            return {"upload_url": httpserver.url_for("/upload"), "file_id": "F1"}

        def reply(self, reference: str, message: Any) -> None:
            told.append(str(message.blocks))

    teller = SlackActivityTeller(slack=Slack(), settings=SETTINGS, api_url=httpserver.url_for("/api/"))  # type: ignore[arg-type]
    teller.tell(alert(), usual(), step=Step.END, over=None, place="C1:1.0")
    assert "the upload failed: HTTPError" in told[0]
    assert [request.path for request, _ in httpserver.log] == ["/upload"]
