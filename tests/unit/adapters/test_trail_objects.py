"""Log objects: every record that some detection may want comes out whole, whatever the object looks like."""

import gzip
import json

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters import trail_objects
from handlers.adapters.trail_objects import Kind, UnreadableObjectError, read_object
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.quick_look import QuickLook
from handlers.detections import CATALOGUE
from tests.building import envelope, record, root_record
from tests.unit.alerting.test_quick_look import MATCHERS, RECORDS
from tests.unit.corpus_records import CORPUS

LOOK, OURS = QuickLook.of(CATALOGUE), Catalogue(CATALOGUE)


def packed(*bodies, **others):
    return gzip.compress(json.dumps({"Records": list(bodies), **others}, separators=(",", ":")).encode())


def matched(bodies):
    """The records that some pattern matches, found by trying every one of them."""
    found = []
    for body in bodies:
        try:
            event = Event.parse(body)
        except UnreadableEventError:
            continue
        if any(OURS.matching(event)):
            found.append(body)
    return found


def quiet(**changes):
    return record(**{"eventName": "DescribeInstances", "eventSource": "ec2.amazonaws.com", **changes})


def check(data, bodies):
    """The object gives every record that matters, whole and in order, and accounts for every other."""
    read = read_object(data, LOOK)
    assert read.records == len(bodies)
    assert [bodies[number - 1] for number in read.numbers] == list(read.candidates)
    wanted = matched(bodies)
    assert [body for body in read.candidates if body in wanted] == wanted
    return read


def test_of_many_records_those_that_matter_come_out_whole():
    bodies = [quiet() for _ in range(200)]
    bodies[3], bodies[150], bodies[199] = (
        root_record(),
        record(eventName="AttachUserPolicy"),
        root_record(extra={"a": 1}),
    )
    read = check(packed(*bodies), bodies)
    assert (read.numbers, read.kind, read.refused) == ([4, 151, 200], Kind.RECORDS, [])


def test_an_object_without_records_holds_none():
    assert read_object(packed(), LOOK).records == 0
    assert read_object(b'{"Records": [ ]}', LOOK).records == 0


def test_an_object_that_is_not_gzipped_is_read_as_it_is():
    bodies = [quiet(), root_record()]
    check(json.dumps({"Records": bodies}, indent=1).encode(), bodies)
    check(b"\xef\xbb\xbf" + json.dumps({"Records": bodies}).encode(), bodies)


def test_every_member_of_the_gzip_is_read():
    bodies = [quiet(), root_record(), root_record()]
    text = json.dumps({"Records": bodies}).encode()
    check(gzip.compress(text[:700]) + gzip.compress(b"") + gzip.compress(text[700:]), bodies)


@pytest.mark.parametrize("cut", [1, 4, 8, 9, 200])
def test_cut_off_data_are_refused(cut):
    with pytest.raises(UnreadableObjectError, match="cut off"):
        read_object(packed(*(root_record() for _ in range(20)))[:-cut], LOOK)


def test_damaged_data_are_refused():
    data = bytearray(packed(root_record()))
    data[-6] ^= 1  # the checksum
    with pytest.raises(UnreadableObjectError, match="damaged"):
        read_object(bytes(data), LOOK)


def test_what_pads_an_object_costs_no_record():
    assert len(read_object(packed(root_record()) + bytes(9), LOOK).candidates) == 1


def test_more_than_the_limit_is_refused():
    with pytest.raises(UnreadableObjectError, match="larger than 1 MB unpacked"):
        read_object(packed(root_record(userAgent="x" * 2**21)), LOOK, limit=2**20)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        (b"", "it is empty"),
        (b"hello", "not JSON: expecting value at line 1, column 1"),
        (b"[]", "holds no Records"),
        (b'{"Records": 7}', "Records are not a list"),
        (b'{"a": 1}', "holds no Records"),
        (b'{"Records": [{"eventName": "a"}', "not JSON: expecting ',' delimiter"),
        (b'{"Records": [{"eventName": "a"} {"eventName": "b"}]}', "a comma is missing"),
        (b'{"Records": [{"eventName": "a"}, ]}', "nothing follows the comma"),
        (b'{"Records": [{"eventName": "a}]}', "not JSON in record 1: unterminated string"),
        (b"\xff{}", "not UTF-8 at byte 0"),
    ],
)
def test_what_is_no_log_object_is_refused_with_its_reason(text, reason):
    for data in (text, gzip.compress(text)):
        with pytest.raises(UnreadableObjectError, match=reason):
            read_object(data, LOOK)


def test_digests_and_insights_are_told_apart():
    digest = {"awsAccountId": "123456789012", "digestStartTime": "2026-11-02T03:00:00Z", "digestS3Object": "AWSLogs/x"}
    assert read_object(gzip.compress(json.dumps(digest).encode()), LOOK).kind is Kind.DIGEST
    insight = {"eventVersion": "1.07", "eventType": "AwsCloudTrailInsight", "eventName": "x", "eventSource": "y"}
    assert read_object(packed({**insight, "eventSource": "iam.amazonaws.com"}), LOOK).kind is Kind.INSIGHT


def test_more_beside_the_records_changes_nothing():
    bodies = [quiet(), root_record()]
    check(packed(*bodies, more=[1, {"Records": []}]), bodies)
    check(json.dumps({"first": "x", "Records": bodies, "last": [[]]}).encode(), bodies)


@pytest.mark.parametrize(
    "changes",
    [
        {"userIdentity": "HIDDEN_DUE_TO_SECURITY_REASONS"},
        {"userIdentity": [{"type": "Root"}]},
        {"userIdentity": None},
        {"userIdentity": {"type": ["IAMUser", "Root"]}},
        {"userIdentity": {"type": "FederatedUser", "sessionContext": {"sessionIssuer": [{"type": "Root"}]}}},
        {"userIdentity": {"type": "FederatedUser", "sessionContext": {"sessionIssuer": {"type": "Root"}}}},
        {"userIdentity": {"type": "FederatedUser", "sessionContext": {"sessionIssuer": None}}},
        {"userIdentity": {"type": "FederatedUser", "sessionContext": None}},
        {"eventName": ["AttachUserPolicy"]},
        {"eventName": None},
        {"errorCode": 403},
        {"errorCode": "AccessDenied"},
        {"errorCode": None},
        {"eventType": 7},
        {"eventType": "AwsServiceEvent"},
        {"userAgent": "half \ud83d"},
        {"requestParameters": {"n": 10**400}},
        {"requestParameters": "HIDDEN"},
        {"requestParameters": {"list": [{"eventVersion": "1", "eventName": "AttachUserPolicy"}] * 2}},
    ],
    ids=lambda changes: json.dumps(changes)[:60],
)
def test_a_record_that_is_not_as_documented_hides_neither_itself_nor_the_others(changes):
    odd = record(**{"eventName": "AttachUserPolicy", **changes})
    bodies = [quiet(), *([quiet()] * 30), root_record(), odd, root_record(), quiet()]
    text = json.dumps({"Records": bodies}, separators=(",", ":"))
    read = read_object(gzip.compress(text.encode()), LOOK)
    assert read.records == len(bodies)
    alone = Event.parse(json.dumps(odd))
    expected = [32, 33, 34] if any(matches(alone.envelope) for matches in MATCHERS) else [32, 34]
    assert read.numbers == expected
    assert read.candidates[-1] == bodies[33]
    if 33 in read.numbers:
        assert Event.parse(read.candidates[1]).detail == alone.detail


def test_a_record_that_cannot_be_read_is_kept_as_it_was_and_the_others_are_read():
    deep = json.dumps(record(eventName="AttachUserPolicy")).replace('"bob"', "[" * 700 + "]" * 700)
    digits = json.dumps(root_record(requestParameters={"n": 0})).replace('"n": 0', '"n": ' + "7" * 5_000)
    large = json.dumps(root_record(userAgent="x" * 1_100_000))
    parts = [json.dumps(root_record()), deep, '"a text"', digits, '{"neither": 1}', large, json.dumps(root_record())]
    read = read_object(gzip.compress(('{"Records":[' + ",".join(parts) + "]}").encode()), LOOK)
    assert (read.records, read.numbers) == (7, [1, 7])
    assert [(item.number, item.reason.partition(":")[0]) for item in read.refused] == [
        (2, "nested too deeply"),
        (3, "an event is a JSON object, this is a string"),
        (4, "not JSON that can be read"),
        (5, "neither an EventBridge event (no detail-type) nor a CloudTrail record (no eventName)"),
        (6, f"{len(large):,} long"),
    ]
    assert [item.text for item in read.refused] == parts[1:6]


def test_bytes_that_are_no_utf_8_cost_their_own_record():
    bodies = [root_record(), root_record(userAgent="BAD"), root_record()]
    text = json.dumps({"Records": bodies}).encode().replace(b"BAD", b"\xff")
    read = read_object(gzip.compress(text), LOOK)
    assert (read.numbers, [(item.number, item.reason) for item in read.refused]) == (
        [1, 3],
        [(2, "not UTF-8: byte 0xff")],
    )


def test_an_eventbridge_event_among_the_records_is_kept():
    bodies = [quiet(), envelope(root_record()), quiet()]
    assert read_object(packed(*bodies), LOOK).candidates == [bodies[1]]


def test_a_forged_boundary_inside_a_record_cuts_nothing(monkeypatch):
    """Whoever calls AWS may send a list of objects that look like records."""
    monkeypatch.setattr(trail_objects, "_CHUNK", 100)
    decoys = {"list": [{"eventVersion": "1", "eventName": "AttachUserPolicy", "eventSource": "iam.amazonaws.com"}] * 50}
    bodies = [item for _ in range(20) for item in (quiet(requestParameters=decoys), root_record())]
    read = check(packed(*bodies), bodies)
    assert len(read.candidates) == 20


def test_the_answers_that_are_remembered_are_limited(monkeypatch):
    monkeypatch.setattr(trail_objects, "_MOST_REMEMBERED", 10)
    look = QuickLook.of(CATALOGUE)
    bodies = [quiet(errorCode=f"E{number}") for number in range(100)] + [root_record()]
    read = read_object(packed(*bodies), look)
    assert (len(read.candidates), len(look.answers) <= 10) == (1, True)


@settings(max_examples=150, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
@given(st.lists(RECORDS, max_size=8), st.integers(1, 4_000))
def test_no_record_is_lost_whatever_is_in_it_and_wherever_the_object_is_cut(changes, chunk):
    bodies = [body for change in changes for body in (quiet(), record(**change), root_record())]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(trail_objects, "_CHUNK", chunk)
        check(packed(*bodies), bodies)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
@pytest.mark.parametrize("name", ["invictus", "grycap", "otrf_ec2_proxy_s3_exfil"])
def test_captured_logs_give_the_same_records_as_trying_every_pattern(name):
    with gzip.open(CORPUS / f"{name}.jsonl.gz") as stream:
        bodies = [json.loads(line) for line in stream]
    check(packed(*bodies), bodies)
