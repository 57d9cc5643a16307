"""Root signs in and acts in the local AWS; what was done is asked of its event history and read in the local Slack."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from handlers.adapters.memory import MemoryAlertBook
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Told
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.following import tell_activity
from handlers.detections import CATALOGUE
from handlers.session_reports import following
from local.aws import ROOT, LocalAws
from local.slack import SlackServer
from tests.building import ACCOUNT, envelope, root_record
from tests.e2e.browser import chromium
from tests.unit.alerting.test_following import Timer

CHANNEL = "security-alerts"
REGIONS = ("us-east-1", "eu-west-1")

pytestmark = pytest.mark.skipif(
    not (ROOT / ".emulator" / "bin" / "python").exists(), reason="no local AWS: run `make setup`"
)


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalAws]:
    with LocalAws(directory=tmp_path_factory.mktemp("aws"), port=0, account=ACCOUNT) as started:
        yield started


@pytest.fixture
def slack() -> Iterator[SlackServer]:
    with SlackServer() as server:
        yield server


def by_root(name: str, ago: timedelta, **changes: Any) -> dict[str, Any]:
    moment = (datetime.now(UTC) - ago).strftime("%Y-%m-%dT%H:%M:%SZ")
    values = {"eventName": name, "eventTime": moment, "eventID": str(uuid.uuid4()), **changes}
    record = root_record(**values)
    return envelope(record, id=str(uuid.uuid4()), region=record["awsRegion"])


def sign_in(ago: timedelta) -> dict[str, Any]:
    event = by_root(
        "ConsoleLogin", ago, eventSource="signin.amazonaws.com", responseElements={"ConsoleLogin": "Success"}
    )
    return {**event, "detail-type": "AWS Console Sign In via CloudTrail"}


def announced(signed_in: dict[str, Any], book: MemoryAlertBook, notifier: SlackNotifier) -> str:
    """The alert's id, with its first message in Slack."""
    detection = next(item for item in CATALOGUE if item.id == "root-console-login")
    event = Event.parse(signed_in)
    concern: Any = detection.assess(event, None)  # type: ignore[arg-type]
    finding = Finding.of(detection, event, concern, now=datetime.now(UTC))
    alert = book.record(finding, window=detection.window, now=datetime.now(UTC)).alert
    told = Told(
        reference=notifier.announce(alert),
        count=1,
        severity=alert.severity,
        kinds=alert.kinds,
        cursor=finding.cursor,
        at=datetime.now(UTC),
    )
    book.save_told(alert.id, "slack", told)
    return alert.id


@pytest.fixture(scope="module")
def signed_in(aws: LocalAws) -> dict[str, Any]:
    """What root did in the last quarter of an hour; the sign-in it began with."""
    began = sign_in(timedelta(minutes=16))
    for event in (
        began,
        by_root("CreateUser", timedelta(minutes=14)),
        by_root("PutBucketPolicy", timedelta(minutes=12), eventSource="s3.amazonaws.com", awsRegion="eu-west-1"),
        by_root("StopLogging", timedelta(minutes=9), eventSource="cloudtrail.amazonaws.com", errorCode="AccessDenied"),
        by_root("GetCostAndUsage", timedelta(minutes=5), eventSource="ce.amazonaws.com", readOnly=True),
    ):
        aws.put_event(event)
    return began


@pytest.mark.parametrize(("language", "heading"), [("en", "Writes, by service"), ("ja", "書き込み (サービス別)")])
def test_what_root_did_stands_in_the_thread_with_a_picture(
    aws: LocalAws, slack: SlackServer, signed_in: dict[str, Any], tmp_path: Path, language: str, heading: str
) -> None:
    class Token:
        def get(self, refresh: bool = False) -> str:
            return slack.token

    settings = MessageSettings(language=language, time_zone="Asia/Tokyo", version="0.1.0")
    channel = slack.workspace.channel(CHANNEL).id
    notifier = SlackNotifier(token=Token(), channel=channel, settings=settings, api_url=slack.api_url)
    book = MemoryAlertBook()
    alert_id = announced(signed_in, book, notifier)
    parts = following(
        book=book,
        timer=Timer(),
        slack=notifier,
        settings=settings,
        client=lambda service, region: aws.client(service, region=region, recorded=False),
        account=ACCOUNT,
        regions=REGIONS,
        slack_api_url=slack.api_url,
        account_names={ACCOUNT: "shop"},
    )
    assert tell_activity(alert_id, parts=parts)
    assert not tell_activity(alert_id, parts=parts)
    (parent,) = slack.messages(CHANNEL)
    report, files = slack.replies(CHANNEL, parent["ts"])
    shown = json.dumps(report["blocks"], ensure_ascii=False)
    for expected in (heading, "iam ×1", "s3 ×1", "ce:GetCostAndUsage", "cloudtrail:StopLogging", "AccessDenied ×1"):
        assert expected in shown
    assert [file["mimetype"] for file in files["files"]] == ["image/png", "text/csv"]
    with chromium() as browser:
        page = browser.new_page(viewport={"width": 1400, "height": 1300})
        page.goto(f"{slack.url}/#{channel}/{parent['ts']}")
        expect(page.locator("[data-thread] [data-picture] img")).to_be_visible()
        page.screenshot(path=str(tmp_path / f"thread-{language}.png"))
