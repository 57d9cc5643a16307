"""The wiring reads what the deployment declares to be quiet, and the function lives by it."""

from datetime import date
from types import SimpleNamespace

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers import raise_alert, wiring
from handlers.alerting.digest import DIGEST_ATTRIBUTE
from handlers.alerting.event import Event
from handlers.alerting.finding import QuietKind
from handlers.alerting.pipeline import PipelineError
from handlers.alerting.suppression import Deployer, Quiet, Suppression
from handlers.settings import AlertSettings
from tests.building import ACCOUNT, NOW, detection, envelope, record

SUPPRESSION = Suppression(
    detection="user-created",
    account=ACCOUNT,
    reason="the directory moves in",
    owner="alice",
    ticket="OPS-1",
    created=date(2026, 11, 2),
    expires=date(2026, 12, 31),
)


@pytest.fixture
def pipeline(alert_table, tmp_path, monkeypatch):
    """The function's pipeline with what is declared, its channels unreachable: (quiet, *detections) -> Pipeline."""
    _, table = alert_table

    def make(quiet, *detections):
        file = tmp_path / "quiet.json"
        file.write_text(quiet.to_json())
        settings = AlertSettings(
            account=ACCOUNT,
            table_name=table,
            queue_url="https://sqs.us-east-1.amazonaws.com/123456789012/events",
            topic_arn="arn:aws:sns:us-east-1:123456789012:nobody",
            slack_channel="C0123456789",
            slack_token_source="ssm:/rootwatch/slack-token",
            quiet_file=str(file),
        )
        for name, value in settings.to_environment().items():
            monkeypatch.setenv(name, value)
        monkeypatch.setattr(wiring, "catalogue", lambda _packs: detections)
        return wiring.alerting().pipeline

    made = (wiring.alerting, wiring.client)
    for cached in made:
        cached.cache_clear()
    yield make
    for cached in made:
        cached.cache_clear()


def event(**changes):
    return Event.parse(envelope(record(**changes)))


def test_a_suppressed_finding_is_stored_with_its_reason_and_no_channel_is_asked(pipeline):
    made = pipeline(Quiet(suppressions=(SUPPRESSION,)), detection())
    (finding,) = made.raise_alerts(event())  # telling would fail: there is no topic, and no token
    assert finding.quiet == SUPPRESSION.words
    (kept,) = made.book.findings_kept(QuietKind.SUPPRESSED, finding.received.date())
    assert kept.id == finding.id


def test_an_event_after_the_last_day_is_told(pipeline):
    made = pipeline(Quiet(suppressions=(SUPPRESSION,)), detection())
    with pytest.raises(PipelineError, match="Unavailable"):
        made.raise_alerts(event(eventTime="2027-01-01T00:00:00Z"))


def test_what_refuses_suppressions_is_told_even_if_the_file_says_otherwise(pipeline):
    made = pipeline(Quiet(suppressions=(SUPPRESSION,)), detection(suppressible=False))
    with pytest.raises(PipelineError, match="Unavailable"):
        made.raise_alerts(event())


def test_a_detection_in_staging_records_and_tells_nobody(pipeline):
    made = pipeline(Quiet(staging=("user-created",)), detection())
    (finding,) = made.raise_alerts(event())
    assert finding.quiet == "this detection is in staging"
    assert finding.received > NOW.replace(year=2020)


def test_the_morning_schedules_message_asks_for_the_digest_of_the_day_before():
    asked = []
    parts = SimpleNamespace(pipeline=SimpleNamespace(announce_digest=asked.append))
    record_ = SQSRecord(
        {
            "body": "2026-11-03T00:15:00Z",
            "attributes": {"ApproximateReceiveCount": "1"},
            "messageAttributes": {DIGEST_ATTRIBUTE: {"stringValue": "daily", "dataType": "String"}},
        }
    )
    raise_alert.handle(record_, parts=parts)
    assert asked == [date(2026, 11, 2)]


def test_detections_know_the_deployments_name_and_who_is_declared_to_deploy_it(pipeline):
    deployer = Deployer(role=f"arn:aws:iam::{ACCOUNT}:role/cd", accounts=(ACCOUNT,), owner="alice")
    made = pipeline(Quiet(deployers=(deployer,)), detection())
    assert made.lookups.deployment() == {
        "name": "rootwatch",
        "deployers": [{"role": deployer.role, "accounts": [ACCOUNT]}],
    }
