"""The two roads together: what EventBridge drops is found in the log bucket, told once, and marked."""

import gzip
import itertools
import json
import random
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord

from handlers import raise_alert, sweep_trail, wiring, wiring_sweep
from handlers.adapters.log_notices import notice_of
from handlers.adapters.log_store import GoneError, UnfitError
from handlers.adapters.memory import MemoryArrivals
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event, Road
from handlers.alerting.quick_look import QuickLook
from handlers.alerting.sweeping import Sweeper, Swept, unreadable_object
from handlers.detections import catalogue
from tests.building import ACCOUNT, Stage, detection, envelope, record, root_record

BUCKET = "rootwatch-trail"
PREFIX = "AWSLogs/"
REGIONS = ("us-east-1", "eu-west-1")


def log_object(records):
    return gzip.compress(json.dumps({"Records": records}).encode(), compresslevel=1, mtime=0)


def key_of(number=0, *, region="us-east-1", folder="CloudTrail", account=ACCOUNT):
    name = f"{account}_{folder}_{region}_20261102T0305Z_{number:016d}.json.gz"
    return f"{PREFIX}{account}/{folder}/{region}/2026/11/02/{name}"


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
            arrive=lambda _envelope: False,
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
                raise_alert.handle(SQSRecord(message(json.dumps(body))), parts=self.fast)

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


def told(roads):
    return [finding for finding in roads.findings if finding.quiet is None]


def deletion(number=1, **changes):
    """What root-activity tells of."""
    return root_record(
        eventName="DeleteBucket",
        eventSource="s3.amazonaws.com",
        requestParameters={"bucketName": f"bucket-{number}"},
        **changes,
    )


def test_what_eventbridge_brings_after_the_sweep_is_told_once_and_counted_as_late(roads):
    late = deletion()
    roads.sweep_keys(roads.store(1, late))
    assert roads.counts.missed == 1
    roads.deliver(late)
    (found,) = roads.findings
    assert found.road is Road.TRAIL
    assert roads.late == [late["eventID"]]
    assert roads.stage.said(roads.stage.slack) == ["announce"]


def test_a_read_is_for_those_detections_alone_whose_rules_see_reads(roads):
    reads = [
        root_record(eventName=name, eventSource=f"{service}.amazonaws.com", readOnly=True)
        for service, name in (("s3", "ListBuckets"), ("ec2", "DescribeInstances"), ("iam", "GetAccountSummary"))
    ]
    assert any(True for _ in roads.pipeline.catalogue.matching(Event.parse(reads[0]))), "a pattern matches it"
    roads.sweep_keys(roads.store(1, *reads))
    assert roads.findings == []
    assert roads.counts == Swept(), "nothing of it is kept either"
    assumed = record(
        eventName="AssumeRoot",
        eventSource="sts.amazonaws.com",
        readOnly=True,
        requestParameters={"targetPrincipal": "210987654321", "taskPolicyArn": {"arn": "arn:aws:iam::aws:policy/x"}},
        responseElements={"credentials": {"accessKeyId": "ASIAEXAMPLE000000000"}},
    )
    roads.sweep_keys(roads.store(2, assumed))
    (found,) = roads.findings
    assert found.detection_id == "root-session-assumed"


def test_a_read_of_data_is_no_management_read(roads):
    event = Event.parse(root_record(readOnly=True, managementEvent=False))
    assert not event.is_management_read
    assert Event.parse(root_record(readOnly="true")).is_management_read
    assert not Event.parse(root_record(readOnly=False)).is_management_read


def test_a_region_without_rules_is_said_to_have_none_and_not_counted_as_missed(roads):
    roads.sweep_keys(roads.store(1, deletion(awsRegion="eu-north-1"), region="eu-north-1"))
    (found,) = roads.findings
    assert found.road is Road.UNWATCHED
    assert (roads.counts.missed, roads.counts.elsewhere) == (0, 1)


def test_another_accounts_event_is_told_and_counted_apart(roads):
    other = "210987654321"
    event = deletion(recipientAccountId=other)
    event["userIdentity"] |= {"accountId": other, "arn": f"arn:aws:iam::{other}:root"}
    roads.sweep_keys(roads.store(1, event, account=other))
    (found,) = roads.findings
    assert (found.account, found.road) == (other, Road.TRAIL)
    assert (roads.counts.missed, roads.counts.elsewhere) == (0, 1)


def test_what_is_no_log_object_is_passed_over_one_by_one_and_the_batch_goes_on(roads):
    good = roads.store(1, deletion())
    bodies = [
        json.dumps({"Service": "Amazon S3", "Event": "s3:TestEvent", "Time": "2026-11-02T03:05:00Z", "Bucket": BUCKET}),
        notice_of(BUCKET, key_of(2, folder="CloudTrail-Digest")),
        notice_of(BUCKET, key_of(3, folder="CloudTrail-Insight")),
        notice_of(BUCKET, f"{PREFIX}{ACCOUNT}/Config/us-east-1/2026/11/2/ConfigHistory/x.json.gz"),
        notice_of(BUCKET, "somebody/else.txt"),
        notice_of("another-bucket", good),
        json.dumps(
            {
                "Records": [
                    {"eventName": "ObjectRemoved:Delete", "s3": {"bucket": {"name": BUCKET}, "object": {"key": good}}}
                ]
            }
        ),
        notice_of(BUCKET, good),
    ]
    assert roads.sweep(*bodies) == []
    assert len(roads.findings) == 1


def test_both_forms_in_which_s3_tells_of_an_object_are_understood(roads):
    strange = f"{PREFIX}{ACCOUNT}/CloudTrail/us-east-1/2026/11/02/a b+c=é.json.gz"
    first, second = deletion(1), deletion(2)
    roads.objects[strange] = log_object([first])
    plain = roads.store(2, second)
    event = {
        "source": "aws.s3",
        "detail-type": "Object Created",
        "detail": {"bucket": {"name": BUCKET}, "object": {"key": plain, "size": 1}},
    }
    assert roads.sweep(notice_of(BUCKET, strange), json.dumps(event)) == []
    assert {item.event_id for item in roads.findings} == {first["eventID"], second["eventID"]}


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{broken",
        "[]",
        "{}",
        '{"Records": [{}]}',
        '{"Records": ["x"]}',
        '{"source": "aws.s3", "detail": {}}',
        "[" * 9_000,
    ],
)
def test_a_text_that_is_no_notification_is_announced_and_done(roads, body):
    good = roads.store(1, deletion())
    assert roads.sweep(body, notice_of(BUCKET, good)) == []
    unreadable, _ = sorted(roads.findings, key=lambda item: item.detection_id, reverse=True)
    assert unreadable.detection_id == "unreadable-event"
    assert unreadable.subject == "the log bucket"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (GoneError("it is not there any more"), "not there any more"),
        (UnfitError("it is in an archive"), "in an archive"),
        (log_object([deletion()])[:-9], "cut off"),
        (b"\x1f\x8b" + b"x" * 40, "damaged"),
        (gzip.compress(b'{"Records": [{"eventName": ', mtime=0), "not JSON"),
        (b"hello", "not JSON"),
        (gzip.compress(b'{"a": 1}', mtime=0), "no Records"),
    ],
)
def test_an_object_that_cannot_be_read_is_announced_once_and_the_others_go_on(roads, content, said):
    bad, good = key_of(1), roads.store(2, deletion())
    roads.objects[bad] = content
    assert roads.sweep_keys(bad, good) == []
    assert roads.sweep_keys(bad) == [], "told of it again, it is the same finding"
    announced, other = sorted(roads.findings, key=lambda item: item.detection_id, reverse=True)
    assert announced.detection_id == "unreadable-log-object"
    assert said in announced.summary
    assert bad in announced.subject
    assert other.detection_id == "root-activity"


def test_an_object_that_s3_refuses_comes_back_alone_with_a_wait(roads):
    bad, good = key_of(1), roads.store(2, deletion(2))
    roads.objects[bad] = UnavailableError("the log bucket did not give an object: AccessDenied")
    assert roads.sweep_keys(bad, good) == [0]
    assert roads.waits == [30]
    assert len(roads.findings) == 1
    roads.objects[bad] = log_object([deletion(1)])
    assert roads.sweep_keys(bad) == []
    assert len(roads.findings) == 2


def test_one_message_of_several_objects_does_what_it_can(roads):
    bad, good = key_of(1), roads.store(2, deletion())
    roads.objects[bad] = UnavailableError("AccessDenied")
    records = [json.loads(notice_of(BUCKET, key))["Records"][0] for key in (bad, good)]
    assert roads.sweep(json.dumps({"Records": records})) == [0]
    assert len(roads.findings) == 1


def test_digests_and_insights_under_a_log_objects_name_are_passed_over(roads):
    digest, insight = key_of(1), key_of(2)
    roads.objects[digest] = gzip.compress(
        json.dumps({"digestS3Object": "x", "digestStartTime": "y", "logFiles": []}).encode()
    )
    roads.objects[insight] = log_object([record(eventType="AwsCloudTrailInsight")])
    assert roads.sweep_keys(digest, insight) == []
    assert roads.findings == []


def test_a_record_that_is_none_is_shown_to_somebody_and_very_many_are_counted(roads):
    key = key_of(1)
    roads.objects[key] = log_object([deletion(), *({"strange": number} for number in range(50))])
    assert roads.sweep_keys(key) == []
    kinds = [item.detection_id for item in roads.findings]
    assert kinds.count("root-activity") == 1
    assert kinds.count("unreadable-event") == 20
    (counted,) = [item for item in roads.findings if item.detection_id == "unreadable-log-object"]
    assert "50 of its 51 records cannot be read" in counted.summary


def test_a_large_object_goes_on_where_the_time_was_up(roads):
    events = [deletion(number) for number in range(30)]
    key = roads.store(1, *events)
    seen = []

    def left():
        return 60.0 - 5 * next(ticks)

    calls = 0
    while True:
        calls += 1
        ticks = iter(range(10_000))
        record_ = SQSRecord(message(notice_of(BUCKET, key)))
        try:
            sweep_trail.handle(record_, parts=roads.slow, seconds_left=left)
        except sweep_trail.OutOfTimeError:
            seen.append(len(roads.findings))
            continue
        break
    assert calls > 2
    assert seen == sorted(set(seen)), "each call gets further"
    assert len(roads.findings) == 30
    assert set(roads.waits) == {0}
    assert roads.counts.missed == 30


def test_a_detection_that_crashes_costs_its_own_event_and_the_object_comes_again():
    broken = {"is": True}

    def assess(event, _lookups):
        if broken["is"] and event.request.get("userName") == "bad":
            raise KeyError("text of the event <!channel>")
        return detection().assess(event, _lookups)

    roads = Roads(detections=[detection(assess=assess)])
    key = roads.store(1, record(requestParameters={"userName": "bad"}), record(), record())
    assert roads.sweep_keys(key) == [0]
    assert len(roads.findings) == 2
    broken["is"] = False
    assert roads.sweep_keys(key) == []
    assert len(roads.findings) == 3
    assert roads.counts.missed == 3


def test_a_call_without_time_begins_nothing(roads):
    key = roads.store(1, deletion())
    roads.left = 5.0
    assert roads.sweep_keys(key, key) == [0, 1]
    assert roads.waits == [0, 0]
    assert roads.findings == []


def test_a_correction_is_a_record_of_its_own_and_is_not_told_twice(roads):
    first = deletion()
    roads.deliver(first)
    again = deletion(addendum={"reason": "UPDATED_DATA", "originalEventID": first["eventID"]})
    roads.sweep_keys(roads.store(1, first, again))
    assert len(roads.findings) == 1
    assert roads.counts.known == 1
    assert roads.counts.seen == 1
    assert roads.counts.missed == 0
