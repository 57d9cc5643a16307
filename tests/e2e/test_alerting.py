"""From EventBridge to Slack, deployed: what is promised about repeats, outages and floods."""

import copy
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from handlers.adapters.alert_table import AlertTable
from handlers.alerting.detection import Concern
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity
from local.slack.faults import Fault
from local.story import scenes
from tests.building import detection, record

accounts = iter(f"{number:012d}" for number in range(200_000_000_000, 200_000_000_999))


@pytest.fixture
def account():
    """An account of the test's own: its alerts are nobody else's."""
    return next(accounts)


def events_of(words):
    """The events of the story's scene whose title has these words."""
    (scene,) = [scene for scene in scenes() if words in scene.title]
    return scene.events


def event_of(words, account, *, number=0, **detail):
    event = copy.deepcopy(dict(events_of(words)[number]))
    event["account"] = event["detail"]["recipientAccountId"] = account
    event["id"] = str(uuid.uuid4())
    event["detail"].update({"eventID": str(uuid.uuid4()), **detail})
    return event


def alerts_of(stage, account):
    return [alert for alert in stage.alerts() if alert.headline.account == account]


def parents_of(stage, account):
    """The first messages of conversations; what was also sent to the channel from a thread is not one."""
    return [
        message
        for message in stage.messages()
        if account in json.dumps(message) and message.get("subtype") != "thread_broadcast"
    ]


def told_everything(stage, account):
    alerts = alerts_of(stage, account)
    return bool(alerts) and all("slack" in a.told and a.told["slack"].count == a.loud for a in alerts)


def test_a_root_sign_in_reaches_slack_within_seconds_and_says_what_it_must(stage, account):
    assert stage.aws.put_event(event_of("signs in", account)) >= 1
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=30) is not None
    (message,) = parents_of(stage, account)
    shown = json.dumps(message)
    for part in ("CRITICAL", "root", account, "192.0.2.44", "us-east-1", "root-console-login"):
        assert part in shown, part
    assert "CRITICAL" in message["text"], "the lock screen says how bad it is"
    assert account in message["text"]


def test_mail_goes_out_beside_slack(stage, account):
    stage.aws.put_event(event_of("signs in", account))
    assert stage.until(lambda: any(account in mail.message for mail in stage.aws.mails()), seconds=30) is not None
    (mail,) = [mail for mail in stage.aws.mails() if account in mail.message]
    assert mail.subject.isascii()
    assert "CRITICAL" in mail.subject


def test_the_same_event_two_hundred_times_is_one_message(stage, account):
    one = event_of("stops the audit trail", account)
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(lambda _: stage.aws.put_event(one), range(200)))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=60) is not None
    assert stage.until_calm(seconds=120)
    assert len(parents_of(stage, account)) == 1
    (alert,) = alerts_of(stage, account)
    assert (alert.count, alert.loud) == (1, 1)


def test_slack_being_down_delays_the_message_and_neither_loses_nor_doubles_it(stage, account):
    stage.slack.fail(Fault(kind="status", status=503, calls=1))
    stage.slack.fail(Fault(kind="ratelimited", retry_after=2, calls=1))
    stage.slack.fail(Fault(kind="reset", calls=1))
    stage.aws.put_event(event_of("to bob", account))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=60) is not None
    assert stage.until_calm(seconds=60)
    assert len(parents_of(stage, account)) == 1
    assert [mail for mail in stage.aws.mails() if account in mail.message], "mail did not wait for Slack"


def test_five_hundred_root_calls_are_one_parent_with_an_exact_count(stage, account):
    before = stage.slack.calls()
    events = [event_of("ten calls", account, number=number % 10) for number in range(500)]
    with ThreadPoolExecutor(8) as senders:
        list(senders.map(stage.aws.put_event, events))
    finished = stage.until(
        lambda: sum(a.count for a in alerts_of(stage, account)) == 500 and told_everything(stage, account), seconds=240
    )
    assert finished is not None
    (alert,) = alerts_of(stage, account)
    assert alert.count == 500
    assert len(parents_of(stage, account)) == 1
    assert "500" in json.dumps(parents_of(stage, account)[0])
    assert stage.slack.calls() - before <= 30


def test_twenty_workers_open_one_alert_and_count_exactly(stage, account):
    book = AlertTable(
        client=stage.aws.client("dynamodb"), table=stage.outputs["AlertTableName"], retention=timedelta(days=1)
    )
    now = datetime.now(UTC)
    concern = Concern(summary="s", subject="x", severity=Severity.INFO, group="parallel")
    findings = [
        Finding.of(detection(threshold=10_000), Event.parse(record(recipientAccountId=account)), concern, now=now)
        for _ in range(40)
    ]
    with ThreadPoolExecutor(20) as workers:
        recorded = list(workers.map(lambda item: book.record(item, window=timedelta(hours=1), now=now), findings * 2))
    assert len({item.alert.id for item in recorded}) == 1
    assert sum(item.is_new for item in recorded) == 40
    assert book.find(recorded[0].alert.id).count == 40


def test_what_any_client_does_to_the_local_aws_raises_an_alert(stage):
    iam = stage.aws.client("iam")
    iam.create_user(UserName="mallory")
    iam.attach_user_policy(UserName="mallory", PolicyArn="arn:aws:iam::aws:policy/AdministratorAccess")
    assert (
        stage.until(
            lambda: any("mallory" in m["text"] and "Administrator" in json.dumps(m) for m in stage.messages()),
            seconds=30,
        )
        is not None
    )


def test_a_text_that_is_no_event_is_announced_and_does_not_block_the_queue(stage, account):
    stage.aws.client("sqs").send_message(QueueUrl=stage.outputs["EventsQueueUrl"], MessageBody="{ not JSON <!channel>")
    stage.aws.put_event(event_of("stops the audit trail", account))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=30) is not None
    assert stage.until(lambda: any("cannot read" in m["text"] for m in stage.messages()), seconds=30) is not None
    assert not any("<!channel>" in json.dumps(message) for message in stage.messages())


def test_service_activity_and_harmless_policies_disturb_nobody(stage, account):
    quiet = events_of("auto scaling")
    for number in range(len(quiet)):
        assert stage.aws.put_event(event_of("auto scaling", account, number=number)) >= 1, "a rule matches it"
    assert stage.until_calm(seconds=60)
    assert alerts_of(stage, account) == []


def test_nothing_is_left_in_the_dead_letters(stage):
    assert stage.until_calm(seconds=60)
    assert stage.waiting()["dead"] == 0
