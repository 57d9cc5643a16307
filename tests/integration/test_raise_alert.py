"""The entry, its wiring and its adapters: an SQS batch in, Slack and mail out, what failed handed back."""

import io
import json
import os
import re
from types import SimpleNamespace

import boto3
import pytest

from handlers import raise_alert, wiring
from handlers.adapters.reminders import REFRESH_ATTRIBUTE
from handlers.settings import AlertSettings
from local.slack import SlackServer
from local.slack.faults import Fault
from tests.building import ACCOUNT, detection, envelope, record
from tests.integration.conftest import REGION

CONTEXT = SimpleNamespace(
    function_name="raise-alert",
    memory_limit_in_mb=512,
    invoked_function_arn=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:raise-alert",
    aws_request_id="00000000-0000-4000-8000-000000000000",
    get_remaining_time_in_millis=lambda: 30_000,
)


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


@pytest.fixture
def deployed(alert_table, slack, monkeypatch):
    """What infra makes, in moto: the queue, the topic, the table, the token; returns the queue's URL."""
    _, table = alert_table
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    boto3.client("ssm").put_parameter(Name="/rootwatch/slack-token", Value=slack.token, Type="SecureString")
    settings = AlertSettings(
        account=ACCOUNT,
        table_name=table,
        queue_url=queue,
        topic_arn=topic,
        slack_channel=slack.workspace.channel("security-alerts").id,
        slack_token_source="ssm:/rootwatch/slack-token",
        slack_api_url=slack.api_url,
        account_names={ACCOUNT: "production"},
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "catalogue", lambda _packs: (detection(),))
    made = (wiring.alerting, wiring.client)
    for cached in made:
        cached.cache_clear()
    yield queue
    for cached in made:
        cached.cache_clear()


@pytest.fixture
def logged(monkeypatch):
    """What the function logs."""
    stream = io.StringIO()
    monkeypatch.setattr(raise_alert.logger.registered_handler, "stream", stream)
    return stream


def batch(queue, *bodies, attributes=None):
    """Messages that really are in the queue, as Lambda hands them over."""
    sqs = boto3.client("sqs")
    for body in bodies:
        sqs.send_message(QueueUrl=queue, MessageBody=body, MessageAttributes=attributes or {})
    received = sqs.receive_message(
        QueueUrl=queue,
        MaxNumberOfMessages=10,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
        VisibilityTimeout=600,
    )
    return {
        "Records": [
            {
                "messageId": message["MessageId"],
                "receiptHandle": message["ReceiptHandle"],
                "body": message["Body"],
                "attributes": message["Attributes"],
                "messageAttributes": {
                    name: {"stringValue": value["StringValue"], "dataType": value["DataType"]}
                    for name, value in message.get("MessageAttributes", {}).items()
                },
                "eventSource": "aws:sqs",
                "eventSourceARN": f"arn:aws:sqs:{REGION}:{ACCOUNT}:events",
                "awsRegion": REGION,
            }
            for message in received["Messages"]
        ]
    }


def an_event(**changes):
    return json.dumps(envelope(record(**changes)))


def texts(slack):
    return [message["text"] for message in slack.messages("security-alerts")]


def test_an_event_becomes_a_message(deployed, slack):
    answer = raise_alert.handler(batch(deployed, an_event()), CONTEXT)
    assert answer == {"batchItemFailures": []}
    (text,) = texts(slack)
    assert "HIGH" in text
    assert "production" in text


def test_an_alert_comes_with_its_context_from_the_live_account(deployed, slack):
    iam = boto3.client("iam")
    iam.create_user(UserName="bob")
    iam.create_access_key(UserName="bob")
    first = an_event(sourceIPAddress="192.0.2.10", eventTime="2026-11-01T00:00:00Z")
    raise_alert.handler(batch(deployed, first), CONTEXT)
    raise_alert.handler(batch(deployed, an_event(sourceIPAddress="192.0.2.44")), CONTEXT)
    said = json.dumps(slack.messages("security-alerts")[-1])
    assert "alice (IAM user), with a long-lived access key" in said
    assert "first time from 192.0.2.44 for alice (1 event before, from 1 other address)" in said
    assert "the user bob: not administrator" in said
    assert "no console password; access key" in said
    assert "unavailable" not in said


def test_only_what_failed_comes_back_and_not_before_slack_asked(deployed, slack, monkeypatch):
    waits = []
    parts = wiring.alerting()
    monkeypatch.setattr(
        wiring,
        "alerting",
        lambda: wiring.Alerting(
            pipeline=parts.pipeline,
            arrive=parts.arrive,
            put_back=lambda handle, seconds: waits.append(seconds),
            wait_seconds=parts.wait_seconds,
        ),
    )
    slack.fail(Fault(kind="ratelimited", retry_after=77, calls=1))
    events = batch(deployed, an_event(), "{broken")
    answer = raise_alert.handler(events, CONTEXT)
    first_id = events["Records"][0]["messageId"]
    assert {"itemIdentifier": first_id} in answer["batchItemFailures"]
    assert all(77 <= wait <= 85 for wait in waits)
    assert len(waits) == len(answer["batchItemFailures"])


def test_the_wait_is_set_on_the_message_itself(deployed, slack):
    slack.fail(Fault(kind="status", status=500, calls=1))
    events = batch(deployed, an_event())
    assert len(raise_alert.handler(events, CONTEXT)["batchItemFailures"]) == 1
    attributes = boto3.client("sqs").get_queue_attributes(QueueUrl=deployed, AttributeNames=["All"])["Attributes"]
    assert attributes["ApproximateNumberOfMessagesNotVisible"] == "1", "it is hidden, not visible at once"
    assert raise_alert.handler(events, CONTEXT) == {"batchItemFailures": []}, "and the retry finishes it"
    assert len(texts(slack)) == 1


def test_a_text_that_is_no_event_is_announced_and_done(deployed, slack):
    assert raise_alert.handler(batch(deployed, "{broken <!channel>"), CONTEXT) == {"batchItemFailures": []}
    (text,) = texts(slack)
    assert "cannot read" in text
    assert "<!channel>" not in json.dumps(slack.messages("security-alerts"))


def test_a_reminder_brings_the_thread_up_to_date(deployed, slack):
    raise_alert.handler(batch(deployed, an_event(), an_event()), CONTEXT)
    (alert_id,) = {
        item["pk"]["S"].removeprefix("ALERT#")
        for item in boto3.client("dynamodb").scan(TableName="alerts")["Items"]
        if item["sk"]["S"] == "ALERT"
    }
    attributes = {REFRESH_ATTRIBUTE: {"DataType": "String", "StringValue": alert_id}}
    assert raise_alert.handler(batch(deployed, alert_id, attributes=attributes), CONTEXT) == {"batchItemFailures": []}
    (parent,) = slack.messages("security-alerts")
    assert len(slack.replies("security-alerts", parent["ts"])) == 1
    assert "2 times" in json.dumps(parent)


def test_an_event_cannot_pass_for_a_reminder(deployed, slack):
    body = json.dumps({REFRESH_ATTRIBUTE: "A0", "messageAttributes": {REFRESH_ATTRIBUTE: {"stringValue": "A0"}}})
    raise_alert.handler(batch(deployed, body), CONTEXT)
    assert "cannot read" in texts(slack)[0]


def test_a_crash_names_the_place_and_never_the_events_text(deployed, monkeypatch, logged):
    def crashes(_event, _lookups):
        raise KeyError("text of the event <!channel>")

    monkeypatch.setattr(wiring, "catalogue", lambda _packs: (detection(assess=crashes),))
    wiring.alerting.cache_clear()
    answer = raise_alert.handler(batch(deployed, an_event()), CONTEXT)
    assert len(answer["batchItemFailures"]) == 1
    text = logged.getvalue()
    assert "user-created failed: KeyError" in text
    assert "test_raise_alert.py" in text
    assert "<!channel>" not in text
    assert "text of the event" not in text


def test_the_token_is_in_no_log_and_no_environment(deployed, slack, logged):
    slack.fail(Fault(kind="error", error="invalid_auth"))
    raise_alert.handler(batch(deployed, an_event()), CONTEXT)
    assert slack.token not in logged.getvalue()
    assert "invalid_auth" in logged.getvalue()
    assert not any(slack.token in value for value in os.environ.values())


def test_a_revoked_token_is_fetched_again_once(deployed, slack):
    raise_alert.handler(batch(deployed, an_event(requestParameters={"userName": "one"})), CONTEXT)
    new = "xoxb-local-rotated-token"
    slack.credentials.token = new
    boto3.client("ssm").put_parameter(Name="/rootwatch/slack-token", Value=new, Type="SecureString", Overwrite=True)
    later = an_event(eventTime="2026-11-02T09:00:00Z")
    assert raise_alert.handler(batch(deployed, later), CONTEXT) == {"batchItemFailures": []}
    assert len(texts(slack)) == 2


@pytest.mark.parametrize(
    ("receives", "asked", "low", "high"),
    [
        (1, 0, 30, 33),
        (2, 0, 60, 66),
        (6, 0, 900, 990),
        (500, 0, 900, 990),
        (1, 3_600, 3_600, 3_960),
        (1, 1e9, 43_200, 43_200),
    ],
)
def test_waits_double_up_to_a_cap_and_respect_what_was_asked(receives, asked, low, high):
    assert low <= wiring.wait_seconds(receives, asked, base=30, cap=900) <= high


def test_settings_survive_the_environment_and_name_what_is_missing():
    settings = AlertSettings(
        account=ACCOUNT,
        table_name="t",
        queue_url="q",
        topic_arn="a",
        slack_channel="C",
        slack_token_source="ssm:/x",
        account_names={ACCOUNT: "本番"},
        retry_base_seconds=1,
        packs=("cis",),
    )
    environment = settings.to_environment()
    assert AlertSettings.from_environment(environment) == settings
    assert all(isinstance(value, str) for value in environment.values())
    for broken, reason in (
        ({k: v for k, v in environment.items() if "TABLE" not in k}, "ROOTWATCH_TABLE_NAME is not set"),
        ({**environment, "ROOTWATCH_RETRY_BASE_SECONDS": "soon"}, "not int as JSON"),
        ({**environment, "ROOTWATCH_ACCOUNT_NAMES": "[]"}, "not dict"),
        ({**environment, "ROOTWATCH_PACKS": "cis"}, "not list as JSON"),
    ):
        with pytest.raises(ValueError, match=re.escape(reason)):
            AlertSettings.from_environment(broken)
