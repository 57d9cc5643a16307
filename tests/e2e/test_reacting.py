"""People act on an alert: a click in the local Slack, through the deployed door, to the changed message."""

import json
import time
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from handlers.adapters.alert_table import AlertTable
from handlers.alerting.detection import Concern
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.life import Act, Outcome, State, Verb
from handlers.alerting.severity import Severity
from local.slack.interactivity import ANSWER_SECONDS
from local.slack.workspace import User
from tests.building import detection, record
from tests.e2e.test_alerting import accounts, alerts_of, event_of, parents_of
from tests.unit.adapters.test_slack_requests import click, request


@pytest.fixture
def account():
    """An account of the test's own: its alerts are nobody else's."""
    return next(accounts)


def people(stage):
    return [user.id for user in stage.slack.workspace.users.values() if user.id.startswith("U") and not user.is_bot]


def press(stage, parent, verb, person):
    channel = stage.slack.workspace.channel("security-alerts").id
    return stage.slack.interactivity.click(
        person, channel, parent["ts"], block_id="rootwatch-react", action_id=f"rootwatch-{verb}"
    )


def book_of(stage):
    return AlertTable(
        client=stage.aws.client("dynamodb"), table=stage.outputs["AlertTableName"], retention=timedelta(days=1)
    )


def audit_entries(stage, alert_id):
    """What the audit log keeps of an alert, in order."""
    s3, bucket = stage.aws.client("s3"), stage.outputs["AuditLogBucket"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="transitions/")
    keys = sorted(item["Key"] for page in pages for item in page.get("Contents", ()) if alert_id in item["Key"])
    return [json.loads(s3.get_object(Bucket=bucket, Key=key)["Body"].read()) for key in keys]


def test_a_click_owns_the_alert_a_form_explains_it_and_the_message_shows_both(stage, account):
    stage.aws.put_event(event_of("stops the audit trail", account))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=30) is not None
    (parent,) = parents_of(stage, account)
    alice, bob = people(stage)[:2]
    assert press(stage, parent, "acknowledge", alice) == ""
    shown = stage.until(lambda: " acknowledged" in json.dumps(parents_of(stage, account)[0]), seconds=20)
    assert shown is not None
    assert press(stage, parents_of(stage, account)[0], "expect", bob) == ""
    view_id = next(iter(stage.slack.workspace.views))
    values = {
        "reason": {"value": {"type": "plain_text_input", "value": "planned"}},
        "ticket": {"value": {"type": "plain_text_input", "value": "OPS-1"}},
    }
    assert stage.slack.interactivity.submit(bob, view_id, values) == {}
    assert stage.until(lambda: "OPS-1" in json.dumps(parents_of(stage, account)[0]), seconds=20) is not None
    (alert,) = alerts_of(stage, account)
    history = book_of(stage).history(alert.id)
    assert [(act.verb, act.by, life.state) for act, life in history] == [
        (Verb.ACKNOWLEDGE, alice, State.ACKNOWLEDGED),
        (Verb.EXPECT, bob, State.EXPECTED),
    ]
    assert [(entry["verb"], entry["by"], entry["ticket"]) for entry in audit_entries(stage, alert.id)] == [
        ("acknowledge", alice, ""),
        ("expect", bob, "OPS-1"),
    ]
    assert all(delivery.status == 200 and delivery.seconds < ANSWER_SECONDS for delivery in stage.slack.deliveries)


def test_a_hundred_people_who_click_at_once_get_one_owner_and_one_message(stage, account):
    stage.aws.put_event(event_of("stops the audit trail", account))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=30) is not None
    (parent,) = parents_of(stage, account)
    crowd = [f"U0CROWD{number:03d}" for number in range(100)]
    for id_ in crowd:
        stage.slack.workspace.users[id_] = User(id=id_, name=id_.lower(), real_name=id_)
    (alert,) = alerts_of(stage, account)
    with ThreadPoolExecutor(20) as workers:
        statuses = list(workers.map(lambda person: send_click(stage, alert, parent, person), crowd))
    assert statuses == [200] * 100
    assert stage.until(lambda: clicks_left(stage) == 0, seconds=120) is not None
    ((act, life),) = book_of(stage).history(alert.id)
    assert (act.by in crowd, life.state) == (True, State.ACKNOWLEDGED)
    assert stage.until(lambda: act.by in json.dumps(parents_of(stage, account)[0]), seconds=20) is not None
    assert [entry["by"] for entry in audit_entries(stage, alert.id)] == [act.by]
    refused = [item for item in stage.messages() if item.get("ephemeral_to") in crowd]
    assert sorted(item["ephemeral_to"] for item in refused) == sorted(set(crowd) - {act.by})
    assert all(f"<@{act.by}>" in item["text"] for item in refused)


def send_click(stage, alert, parent, person):
    """What Slack sends for somebody who still sees the button, whatever has become of the message meanwhile."""
    payload = click("rootwatch-acknowledge", alert.id, user={"id": person})
    payload["container"] = {
        "channel_id": stage.slack.workspace.channel("security-alerts").id,
        "message_ts": parent["ts"],
    }
    made = request(payload, secret=stage.slack.signing_secret, stamp=int(time.time()))
    sent = urllib.request.Request(
        stage.slack.interactivity.request_url, data=made["body"].encode(), headers=made["headers"], method="POST"
    )
    with urllib.request.urlopen(sent, timeout=60) as answer:
        return answer.status


def clicks_left(stage):
    """Messages in the clicks queue, waiting or under way."""
    found = stage.aws.client("sqs").get_queue_attributes(
        QueueUrl=stage.outputs["ClicksQueueUrl"], AttributeNames=["All"]
    )["Attributes"]
    return sum(int(value) for name, value in found.items() if name.startswith("ApproximateNumberOfMessages"))


def test_a_hundred_clicks_at_once_on_the_table_have_one_owner(stage, account):
    book, now = book_of(stage), datetime.now(UTC)
    concern = Concern(summary="s", subject="x", severity=Severity.INFO, group="a hundred clicks")
    item = Finding.of(detection(threshold=10_000), Event.parse(record(recipientAccountId=account)), concern, now=now)
    alert = book.record(item, window=timedelta(hours=1), now=now).alert

    def click(number):
        return book.act(alert.id, Act(id=str(number), verb=Verb.ACKNOWLEDGE, by=f"U{number}", at=now)).outcome

    with ThreadPoolExecutor(20) as workers:
        outcomes = list(workers.map(click, range(100)))
    assert (outcomes.count(Outcome.DONE), outcomes.count(Outcome.OWNED)) == (1, 99)
    assert len(book.history(alert.id)) == 1


def test_whoever_asks_what_was_done_is_answered_in_the_thread(stage, account):
    stage.aws.put_event(event_of("root signs in", account))
    assert stage.until(lambda: bool(parents_of(stage, account)), seconds=30) is not None
    (parent,) = parents_of(stage, account)
    assert press(stage, parent, "activity", people(stage)[0]) == ""

    def reports():
        replies = stage.slack.replies("security-alerts", parent["ts"])
        return [item for item in replies if "What was done" in json.dumps(item)]

    assert stage.until(lambda: bool(reports()), seconds=60) is not None
    (alert,) = alerts_of(stage, account)
    assert alert.life.state is State.OPEN, "a look changes nothing"
