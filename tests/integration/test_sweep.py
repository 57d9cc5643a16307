"""The two roads together: what EventBridge drops is found in the log bucket, told once, and marked."""

import gzip
import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest

from handlers import raise_alert, sweep_trail, wiring, wiring_sweep
from handlers.adapters.log_notices import notice_of
from handlers.adapters.memory import MemoryArrivals
from handlers.alerting.event import Event, Road
from handlers.alerting.quick_look import QuickLook
from handlers.alerting.sweeping import Sweeper, Swept, unreadable_object
from handlers.detections import catalogue
from tests.building import ACCOUNT, NOW, Stage, envelope, record, root_record

BUCKET = "rootwatch-trail"
PREFIX = "AWSLogs/"
REGIONS = ("us-east-1", "eu-west-1")


def log_object(records):
    return gzip.compress(json.dumps({"Records": records}).encode(), compresslevel=1)


def key_of(number=0, *, region="us-east-1", folder="CloudTrail", account=ACCOUNT):
    return f"{PREFIX}{account}/{folder}/{region}/2026/11/02/{account}_{folder}_{region}_20261102T0305Z_{number:016d}.json.gz"


def message(body, *, receives=1, attributes=None):
    """One SQS message as Lambda hands it over."""
    return {
        "messageId": f"m-{next(_ids)}",
        "receiptHandle": f"r-{body[:40]}",
        "body": body,
        "attributes": {"ApproximateReceiveCount": str(receives)},
        "messageAttributes": attributes or {},
        "eventSource": "aws:sqs",
        "eventSourceARN": f"arn:aws:sqs:us-east-1:{ACCOUNT}:logs",
        "awsRegion": "us-east-1",
    }


_ids = itertools.count()


class Roads:
    """raise_alert and sweep_trail on one pipeline in memory, and a bucket."""

    def __init__(self, detections=None):
        self.stage = Stage(detections=list(detections or catalogue(())))
        self.pipeline = self.stage.pipeline
        self.arrivals = MemoryArrivals()
        self.objects = {}
        self.counts = Swept()
        self.records = 0
        self.waits = []
        self.left = 60.0
        self.fast = wiring.Alerting(
            pipeline=self.pipeline,
            put_back=lambda _handle, _seconds: None,
            wait_seconds=lambda receives, asked: 30,
            arrived=lambda event: self.late.append(event.id) if self._note(event) is Road.TRAIL else None,
        )
        self.late = []
        self.slow = wiring_sweep.Sweeping(
            bucket=BUCKET,
            prefix=PREFIX,
            pipeline=self.pipeline,
            sweeper=Sweeper(
                pipeline=self.pipeline,
                arrivals=self.arrivals,
                account=ACCOUNT,
                regions=REGIONS,
                clock=lambda: self.stage.now,
                counted=self._count,
            ),
            look=QuickLook.of(self.pipeline.catalogue.detections),
            get=self._get,
            unreadable=lambda key, reason: unreadable_object(
                BUCKET, key, reason, account=ACCOUNT, region="us-east-1", now=self.stage.now
            ),
            list_new=lambda after, left: 0,
            put_back=lambda handle, seconds: self.waits.append(seconds),
            wait_seconds=lambda receives, asked: 30,
            swept=self._swept,
        )

    def _note(self, event):
        return self.arrivals.note(event.arrival, Road.EVENTBRIDGE, now=self.stage.now)

    def _count(self, swept):
        self.counts += swept

    def _swept(self, records):
        self.records += records

    def _get(self, key):
        found = self.objects[key]
        if isinstance(found, Exception):
            raise found
        return found

    def deliver(self, *records):
        """EventBridge brings these to the rules that match."""
        for item in records:
            body = envelope(item)
            if any(True for _ in self.pipeline.catalogue.matching(Event.parse(body))):
                raise_alert.handle(SQS(message(json.dumps(body))), parts=self.fast)

    def store(self, number, *records, **place):
        key = key_of(number, **place)
        self.objects[key] = log_object(records)
        return key

    def sweep(self, *bodies):
        """A batch of the logs queue; returns which of its messages come again."""
        batch = {"Records": [message(body) for body in bodies]}
        context = SimpleNamespace(get_remaining_time_in_millis=lambda: self.left * 1_000)
        previous, wiring_sweep.sweeping = wiring_sweep.sweeping, lambda: self.slow
        try:
            failed = sweep_trail.handler(batch, context)["batchItemFailures"]
        finally:
            wiring_sweep.sweeping = previous
        again = {item["itemIdentifier"] for item in failed}
        return [number for number, item in enumerate(batch["Records"]) if item["messageId"] in again]

    def sweep_keys(self, *keys):
        return self.sweep(*(notice_of(BUCKET, key) for key in keys))

    @property
    def findings(self):
        return [item for found in self.stage.book._findings.values() for item in found]


def SQS(item):
    from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

    return SQSRecord(item)


@pytest.fixture
def roads():
    return Roads()


def test_of_twenty_thousand_events_each_is_told_once_and_those_that_eventbridge_dropped_are_marked(roads):
    chance = random.Random(2026)
    begun = datetime(2026, 11, 2, tzinfo=UTC)
    events = [
        root_record(
            eventName="DeleteBucket",
            eventSource="s3.amazonaws.com",
            awsRegion=chance.choice(REGIONS),
            eventTime=(begun + timedelta(seconds=4 * number)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            requestParameters={"bucketName": f"bucket-{number}"},
        )
        for number in range(20_000)
    ]
    noise = [record(eventName="DescribeInstances", eventSource="ec2.amazonaws.com", readOnly=True) for _ in range(200)]
    dropped = {item["eventID"] for item in events if chance.random() < 0.05}
    assert 900 < len(dropped) < 1_100

    order = list(range(0, len(events), 250))
    for start in order:
        part = events[start : start + 250]
        key = roads.store(start, *part, *noise)
        roads.deliver(*(item for item in part if item["eventID"] not in dropped))
        roads.stage.pass_time(minutes=5)
        assert roads.sweep_keys(key) == []
        if chance.random() < 0.1:  # S3 tells at least once
            assert roads.sweep_keys(key) == []

    found = roads.findings
    assert len(found) == 20_000, "every one is found, and none twice"
    assert {item.event_id for item in found} == {item["eventID"] for item in events}
    assert {item.event_id for item in found if item.road is Road.TRAIL} == dropped
    assert {item.event_id for item in found if item.road is Road.EVENTBRIDGE} == {
        item["eventID"] for item in events
    } - dropped
    assert roads.counts.missed == len(dropped)
    assert sum(alert.count for alert in roads.stage.book.alerts) == 20_000
