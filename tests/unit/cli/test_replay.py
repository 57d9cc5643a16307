"""Recorded events through the pipeline: the same decisions as in the cloud, at the events' own times."""

import gc
import tracemalloc
from datetime import UTC, datetime

import pytest

from cli.records import Record
from cli.replay import Replay
from handlers.alerting.detection import Concern
from handlers.alerting.severity import Severity
from tests.building import detection, record


def play(*bodies, detections=None, **options):
    replay = Replay(detections or [detection()], **options)
    problems = [replay.feed(Record(file="f", place=f"record {i}", body=body)) for i, body in enumerate(bodies, 1)]
    return replay, [str(problem) for problem in problems if problem]


def test_one_event_raises_one_alert_received_when_it_happened():
    replay, problems = play(record(eventTime="2024-05-06T07:08:09Z"))
    (raised,) = replay.finish()
    moment = datetime(2024, 5, 6, 7, 8, 9, tzinfo=UTC)
    assert (raised.alert.headline.time, raised.alert.headline.received, problems) == (moment, moment, [])
    assert [finding.id for finding in raised.findings] == [raised.alert.headline.id]


def test_events_of_a_group_within_its_window_are_one_alert_whatever_their_order():
    times = ("03:30", "03:00", "03:59", "05:00")
    replay, _ = play(*(record(eventTime=f"2026-11-02T{time}:00Z") for time in times))
    first, second = replay.finish()
    assert (first.alert.count, second.alert.count) == (3, 1)
    assert (len(first.findings), len(second.findings)) == (3, 1)


def test_alerts_come_in_order_of_time():
    replay, _ = play(*(record(eventTime=f"2026-{month}-02T00:00:00Z") for month in ("11", "03", "07")))
    assert [item.alert.headline.time.month for item in replay.finish()] == [3, 7, 11]


def test_an_event_that_arrives_twice_counts_once():
    body = record()
    replay, _ = play(body, body)
    (raised,) = replay.finish()
    assert (raised.alert.count, replay.events) == (1, 2)


def test_what_people_would_not_be_told_of_is_counted_as_silent():
    replay, _ = play(record(), record(), detections=[detection(threshold=3)])
    assert (replay.finish(), replay.silent) == ((), 1)
    replay, _ = play(record(), detections=[detection(staging=True)])
    assert (replay.finish(), replay.silent) == ((), 1)
    replay, _ = play(record(), record(), record(), detections=[detection(threshold=3)])
    assert ([item.alert.loud for item in replay.finish()], replay.silent) == ([3], 0)


def test_an_alert_that_grew_worse_shows_the_worst():
    severities = iter((Severity.LOW, Severity.CRITICAL))

    def assess(event, _lookups):
        return Concern(summary="s", subject="x", severity=next(severities), group="g")

    replay, _ = play(record(), record(), detections=[detection(assess=assess)])
    (raised,) = replay.finish()
    assert raised.alert.severity is Severity.CRITICAL


def test_accounts_have_the_names_the_configuration_gives_them():
    replay, _ = play(record(), account_names={"123456789012": "production"})
    assert replay.finish()[0].alert.headline.account_name == "production"


def test_an_unreadable_record_is_named_and_the_next_one_still_counts():
    replay, problems = play({"a": 1}, "[]", record())
    assert problems == [
        "f, record 1: neither an EventBridge event (no detail-type) nor a CloudTrail record (no eventName)",
        "f, record 2: an event is a JSON object, this is a list",
    ]
    assert (len(replay.finish()), replay.events, replay.failed) == (1, 1, 0)


def test_a_detection_that_crashes_is_named_and_does_not_silence_the_others():
    def crash(_event, _lookups):
        raise KeyError("policyArn")

    replay, problems = play(record(), detections=[detection("crashes", assess=crash), detection("works")])
    assert problems == ["f, record 1: the detection crashes failed: KeyError ('policyArn')"]
    assert (len(replay.finish()), replay.failed) == (1, 1)


@pytest.mark.parametrize("time", ["9999-12-31T23:59:59Z", "0001-01-01T00:00:00+14:00", "yesterday", None, 17, ""])
def test_no_time_an_event_may_claim_stops_the_replay(time):
    replay, problems = play(record(eventTime=time), record(eventTime=time))
    assert (problems, sum(item.alert.count for item in replay.finish())) == ([], 2)


def test_an_event_without_a_time_follows_the_one_before_it():
    replay, _ = play(record(), record(eventTime=None))
    (raised,) = replay.finish()
    assert raised.alert.count == 2


def test_events_are_not_kept():
    """What a replay holds on to after many events that raise nothing is what it held before."""
    replay = Replay([detection()])

    def feed(count):
        for number in range(count):
            body = record(eventName="GetUser", userAgent=f"agent {number}" * 20)
            assert replay.feed(Record(file="f", place="", body=body)) is None
        gc.collect()

    feed(200)
    tracemalloc.start()
    feed(200)
    before = tracemalloc.get_traced_memory()[0]
    feed(2_000)
    grown = tracemalloc.get_traced_memory()[0] - before
    tracemalloc.stop()
    assert grown < 50_000  # the 2,000 events themselves are over 3 MB
