"""From the log bucket to Slack, deployed: what EventBridge does not deliver is told all the same, and once."""

import copy
import gzip
import json
import uuid
from datetime import UTC, datetime, timedelta

import pytest

from handlers.adapters.alert_table import AlertTable
from local.stage import ACCOUNT, REGION, Stage
from local.story import scenes

BUCKET = "example-logs"
TRAIL = f'mode = "existing"\nname = "main"\nbucket_name = "{BUCKET}"'
SWEEP = '\n[sweep]\nsource = "notifications"\ngrace_seconds = 0\n'


@pytest.fixture(scope="module")
def swept(tmp_path_factory):
    """Rootwatch with a bucket that notifies its queue of log objects, as the bucket's owner would set it up."""
    with Stage(directory=tmp_path_factory.mktemp("swept"), trail=TRAIL, more=SWEEP) as running:
        s3, sqs = running.aws.client("s3", recorded=False), running.aws.client("sqs", recorded=False)
        arn = sqs.get_queue_attributes(QueueUrl=running.outputs["LogsQueueUrl"], AttributeNames=["QueueArn"])
        s3.create_bucket(Bucket=BUCKET)
        rule = {"QueueArn": arn["Attributes"]["QueueArn"], "Events": ["s3:ObjectCreated:*"]}
        s3.put_bucket_notification_configuration(
            Bucket=BUCKET, NotificationConfiguration={"QueueConfigurations": [rule]}
        )
        yield running


def event_of(words):
    (scene,) = [scene for scene in scenes() if words in scene.title]
    event = copy.deepcopy(dict(scene.events[0]))
    event["id"] = str(uuid.uuid4())
    event["detail"]["eventID"] = str(uuid.uuid4())
    return event


def store(stage, name, *records):
    now = datetime.now(UTC)
    folder = f"AWSLogs/{ACCOUNT}/CloudTrail/{REGION}/{now:%Y/%m/%d}"
    key = f"{folder}/{ACCOUNT}_CloudTrail_{REGION}_{now:%Y%m%dT%H%MZ}_{name}.json.gz"
    body = gzip.compress(json.dumps({"Records": records}).encode())
    stage.aws.client("s3", recorded=False).put_object(Bucket=BUCKET, Key=key, Body=body)


def told(stage, event):
    """The findings of an event."""
    book = AlertTable(
        client=stage.aws.client("dynamodb"), table=stage.outputs["AlertTableName"], retention=timedelta(days=1)
    )
    found = [finding for alert in stage.alerts() for finding in book.every_finding(alert.id)]
    return [finding for finding in found if finding.event_id == event["detail"]["eventID"]]


def test_of_two_sign_ins_one_came_by_eventbridge_and_the_other_is_found_in_the_bucket(swept):
    brought, dropped = event_of("signs in"), event_of("stops the audit trail")
    swept.aws.put_event(brought)
    assert swept.until(lambda: len(told(swept, brought)) == 1, seconds=30) is not None
    assert swept.until_calm(seconds=30)
    store(swept, "first", brought["detail"], dropped["detail"])
    assert swept.until(lambda: bool(told(swept, dropped)), seconds=60) is not None
    (by_bridge,), missed = told(swept, brought), told(swept, dropped)
    assert str(by_bridge.road) == "eventbridge"
    assert {str(finding.road) for finding in missed} == {"trail"}
    marked = [m for m in swept.messages() if "EventBridge did not deliver this" in json.dumps(m)]
    assert len(marked) == 1
    before = len(swept.messages())
    store(swept, "again", brought["detail"], dropped["detail"])
    logs = swept.aws.client("sqs", recorded=False)

    def is_empty():
        names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
        found = logs.get_queue_attributes(QueueUrl=swept.outputs["LogsQueueUrl"], AttributeNames=names)["Attributes"]
        return not any(int(found[name]) for name in names)

    assert swept.until(is_empty, seconds=30) is not None
    assert len(swept.messages()) == before, "what is stored twice is told once"
