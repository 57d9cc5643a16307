"""Windows through the wiring: what the function carries of the rules, its table, the events queue, and Slack."""

import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import boto3
import pytest

from handlers import raise_alert, wiring
from handlers.adapters.window_news import WindowNews
from handlers.adapters.window_table import WindowTable
from handlers.alerting.errors import UnavailableError
from handlers.alerting.window import WindowAct, WindowVerb
from handlers.alerting.window_desk import WINDOW_ATTRIBUTE, WindowDesk, end_window
from handlers.detections import CATALOGUE
from handlers.settings import AlertSettings
from local.slack import SlackServer
from tests.building import ACCOUNT, envelope, root_record
from tests.integration.test_raise_alert import CONTEXT
from tests.windows import ALICE, BOB, RULES, asked

MINUTE = timedelta(minutes=1)


@pytest.fixture
def slack():
    with SlackServer() as server:
        yield server


@pytest.fixture
def deployed(alert_table, slack, tmp_path, monkeypatch):
    """What infra makes, in moto, with the whole catalogue: returns a desk with the clock of a test."""
    client, table = alert_table
    queue = boto3.client("sqs").create_queue(QueueName="events")["QueueUrl"]
    topic = boto3.client("sns").create_topic(Name="alerts")["TopicArn"]
    boto3.client("ssm").put_parameter(Name="/rootwatch/slack-token", Value=slack.token, Type="SecureString")
    file = tmp_path / "break_glass.json"
    file.write_text(RULES.to_json())
    settings = AlertSettings(
        account=ACCOUNT,
        table_name=table,
        queue_url=queue,
        topic_arn=topic,
        slack_channel=slack.workspace.channel("security-alerts").id,
        slack_token_source="ssm:/rootwatch/slack-token",
        slack_api_url=slack.api_url,
        break_glass_file=str(file),
    )
    for name, value in settings.to_environment().items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(wiring, "catalogue", lambda _packs: CATALOGUE)
    made = (wiring.alerting, wiring.client)
    for cached in made:
        cached.cache_clear()
    now = datetime.now(UTC)
    clock = SimpleNamespace(now=now)
    windows = WindowTable(client=client, table=table, retention=timedelta(days=400))
    yield WindowDesk(windows=windows, rules=RULES, clock=lambda: clock.now), clock
    for cached in made:
        cached.cache_clear()


def send(body, **attributes):
    record = {
        "messageId": "1",
        "receiptHandle": "r",
        "body": body,
        "attributes": {"ApproximateReceiveCount": "1"},
        "messageAttributes": {
            name: {"stringValue": value, "dataType": "String", "stringListValues": [], "binaryListValues": []}
            for name, value in attributes.items()
        },
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:events",
        "awsRegion": "us-east-1",
    }
    answer = raise_alert.handler({"Records": [record]}, CONTEXT)
    assert answer == {"batchItemFailures": []}


def tell(window_id):
    send(window_id, **{WINDOW_ATTRIBUTE: "terminal"})


def sign_in(at, address="192.0.2.10"):
    detail = root_record(
        eventSource="signin.amazonaws.com",
        eventName="ConsoleLogin",
        eventType="AwsConsoleSignIn",
        eventTime=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        sourceIPAddress=address,
        requestParameters=None,
        responseElements={"ConsoleLogin": "Success"},
        additionalEventData={"MFAUsed": "Yes"},
    )
    send(json.dumps(envelope(detail, **{"detail-type": "AWS Console Sign In via CloudTrail"})))


def said(slack):
    return [(message["text"], bool(message.get("thread_ts"))) for message in slack.messages("security-alerts")]


def test_a_window_from_the_request_to_its_closing_note_is_one_conversation(deployed, slack):
    desk, clock = deployed
    window = desk.request(asked(starts=clock.now), act_id="1", by=ALICE).window
    tell(window.id)
    desk.act(window.id, WindowAct(id="2", verb=WindowVerb.APPROVE, by=BOB, at=clock.now))
    tell(window.id)
    tell(window.id)
    sign_in(clock.now + MINUTE)
    clock.now = window.ends
    assert end_window(window.id, desk=desk, tell=tell).window.settled_at == window.ends
    messages = said(slack)
    assert messages[0][0][2:].startswith("LOW: A break-glass window was asked for")
    assert [in_thread for _, in_thread in messages[1:]] == [True] * (len(messages) - 1)
    book = wiring.alerting().pipeline.book
    alert = book.record(desk.news(window.id), window=timedelta(days=1), now=clock.now).alert
    titles = [finding.title for finding in book.findings(alert.id, after="", limit=20)]
    assert titles == [
        "A break-glass window was asked for",
        "A break-glass window was approved",
        "Expected: Root signed in to the console",
        "A break-glass window ended",
    ]
    last = book.findings(alert.id, after="", limit=1)[0]
    assert "It was used once, at " in last.summary


def test_a_sign_in_outside_pages_and_one_inside_does_not(deployed, slack):
    desk, clock = deployed
    window = desk.request(asked(starts=clock.now), act_id="1", by=ALICE).window
    desk.act(window.id, WindowAct(id="2", verb=WindowVerb.APPROVE, by=BOB, at=clock.now))
    sign_in(clock.now + MINUTE)
    sign_in(clock.now + 2 * MINUTE, address="198.51.100.9")
    calm, loud = said(slack)
    assert calm[0][2:].startswith("LOW: Expected: Root signed in to the console")
    assert loud[0][2:].startswith("CRITICAL: Outside a break-glass window: Root signed in to the console")
    assert not loud[1]


def test_an_emergency_is_told_to_the_whole_channel_as_high(deployed, slack):
    desk, clock = deployed
    window = desk.request(asked(starts=clock.now), act_id="1", by=ALICE).window
    desk.act(window.id, WindowAct(id="2", verb=WindowVerb.EMERGENCY, by=ALICE, at=clock.now, reason="nobody is awake"))
    tell(window.id)
    ((text, in_thread),) = said(slack)
    assert text[2:].startswith("HIGH: A break-glass window was opened without a second person")
    assert "nobody is awake" in text
    assert not in_thread


def test_the_alarm_at_the_end_has_people_told_through_the_queue_and_comes_again_where_that_fails(deployed, slack):
    desk, clock = deployed
    window = desk.request(asked(starts=clock.now), act_id="1", by=ALICE).window
    desk.act(window.id, WindowAct(id="2", verb=WindowVerb.APPROVE, by=BOB, at=clock.now))
    clock.now = window.ends
    client = boto3.client("sqs")
    url = client.get_queue_url(QueueName="events")["QueueUrl"]
    with pytest.raises(UnavailableError, match="did not take the news"):
        end_window(window.id, desk=desk, tell=WindowNews(client=client, queue_url=f"{url}-gone").tell)
    assert end_window(window.id, desk=desk, tell=WindowNews(client=client, queue_url=url).tell).window.settled_at
    (message,) = client.receive_message(QueueUrl=url, MessageAttributeNames=["All"])["Messages"]
    send(message["Body"], **{name: item["StringValue"] for name, item in message["MessageAttributes"].items()})
    ((text, _),) = said(slack)
    assert "Nobody used it." in text


def test_a_window_that_is_not_there_is_nothing_to_tell(deployed, slack):
    tell("W0")
    assert said(slack) == []
