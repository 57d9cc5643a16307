"""What was done in a session: sorted, grouped, counted, and what is missing named."""

from __future__ import annotations

import gzip
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from handlers.alerting.activity import (
    Activity,
    Gap,
    GapKind,
    Gathered,
    Sort,
    activity_of,
    event_of,
    gathered,
    resources_of,
    sort_of,
)
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Event
from handlers.alerting.notable_reads import ReadKind, notable_read
from handlers.alerting.session import Join, SessionKey, all_of, session_key_of
from tests.building import ACCOUNT, record
from tests.unit.adapters.samples import finding
from tests.unit.hostile_strings import HOSTILE

BEGIN = datetime(2026, 11, 2, 3, 0, 0, tzinfo=UTC)
KEY = SessionKey(accounts=frozenset({ACCOUNT}), access_keys=frozenset({"AKIAEXAMPLEALICE"}), started=BEGIN)
CORPUS = Path(__file__).parents[3].parent / "shared" / "corpus"


def event(minute: int = 4, **changes: Any) -> Event:
    return Event.parse(record(eventTime=f"2026-11-02T03:{minute:02d}:00Z", **changes))


def read(service: str, name: str, **changes: Any) -> Event:
    return event(eventSource=f"{service}.amazonaws.com", eventName=name, readOnly=True, **changes)


def activity(*events: Event, key: SessionKey = KEY) -> Activity:
    return activity_of(key, events, BEGIN, BEGIN + timedelta(hours=1))


def test_writes_are_grouped_by_service_with_counts_and_times() -> None:
    told = activity(
        event(9, requestParameters={"userName": "carol"}),
        event(5),
        event(7, eventSource="s3.amazonaws.com", eventName="PutBucketPolicy", requestParameters={"bucketName": "logs"}),
    )
    iam, s3 = told.writes
    assert (iam.name, iam.count, s3.name, s3.count) == ("iam", 2, "s3", 1)
    assert (iam.first, iam.last) == (BEGIN + timedelta(minutes=5), BEGIN + timedelta(minutes=9))
    assert iam.calls[0].resources == ("bob", "carol")
    assert [moment.time for moment in told.events] == sorted(moment.time for moment in told.events if moment.time)


def test_a_session_that_only_signs_in_and_looks_has_no_writes() -> None:
    told = activity(
        event(eventSource="signin.amazonaws.com", eventName="ConsoleLogin"),  # recorded as a write
        read("ec2", "DescribeInstances"),
    )
    assert told.write_count == 0
    assert told.reads == 1
    assert [call.name for call in told.signing] == ["ConsoleLogin"]


def test_changing_roots_password_on_the_sign_in_page_is_a_write() -> None:
    assert sort_of(event(eventSource="signin.amazonaws.com", eventName="PasswordUpdated")) is Sort.WRITE


@pytest.mark.parametrize("flag", [None, "perhaps", 0, {}, []])
def test_a_call_of_which_nobody_says_that_it_only_reads_is_a_write(flag: Any) -> None:
    assert sort_of(event(eventName="GetSomething", readOnly=flag)) is Sort.WRITE


@pytest.mark.parametrize("flag", [True, "true", "True"])
def test_a_read_is_known_whether_it_is_marked_by_a_boolean_or_a_word(flag: Any) -> None:
    assert sort_of(event(eventName="GetUser", readOnly=flag)) is Sort.READ


@pytest.mark.parametrize(
    ("service", "name", "parameters", "kind"),
    [
        ("secretsmanager", "GetSecretValue", {}, ReadKind.SECRET),
        ("ssm", "GetParameter", {"withDecryption": True}, ReadKind.SECRET),
        ("ssm", "GetParametersByPath", {"withDecryption": "true"}, ReadKind.SECRET),
        ("s3", "GetObject", {}, ReadKind.DATA),
        ("kms", "Decrypt", {}, ReadKind.DECRYPTION),
        ("iam", "GenerateCredentialReport", None, ReadKind.IDENTITIES),
        ("ec2", "GetPasswordData", {}, ReadKind.CREDENTIALS),
        ("sts", "AssumeRoleWithSAML", {}, ReadKind.SESSION),
        ("ce", "GetCostAndUsage", {}, ReadKind.BILLING),
        ("lambda", "GetFunction20150331v2", {}, ReadKind.MACHINE),
        ("ssm", "GetParameter", {"withDecryption": False}, None),
        ("ssm", "GetParameter", None, None),
        ("ec2", "DescribeInstances", {}, None),
        ("kms", "ListKeys", {}, None),
    ],
)
def test_reads_that_give_something_away_are_told(
    service: str, name: str, parameters: Any, kind: ReadKind | None
) -> None:
    one = read(service, name, requestParameters=parameters)
    assert notable_read(one) is kind
    assert sort_of(one) is (Sort.NOTABLE if kind else Sort.READ)


def test_what_failed_stands_by_its_error_whether_it_read_or_wrote() -> None:
    told = activity(
        event(5, errorCode="AccessDenied"),
        read("secretsmanager", "GetSecretValue", errorCode="AccessDenied"),
        event(6, errorCode="NoSuchEntityException"),
    )
    assert [(group.name, group.count) for group in told.failures] == [("AccessDenied", 2), ("NoSuchEntityException", 1)]
    assert told.write_count == 0
    assert not told.notable


def test_what_a_service_did_on_the_persons_behalf_is_told_apart() -> None:
    identity = {**record()["userIdentity"], "invokedBy": "cloudformation.amazonaws.com"}
    told = activity(event(5), event(6, userIdentity=identity))
    assert told.write_count == 1
    assert [(group.name, group.count) for group in told.by_services] == [("cloudformation.amazonaws.com", 1)]
    assert told.last == BEGIN + timedelta(minutes=6)
    assert told.last_own == BEGIN + timedelta(minutes=5)


def test_a_record_that_comes_twice_counts_once() -> None:
    one = event()
    told = activity(one, Event.parse(one.detail), event())
    assert (len(told.events), told.duplicates) == (2, 1)


def test_what_is_outside_of_the_time_is_left_out_and_what_has_no_time_is_kept_at_the_end() -> None:
    undated = Event.parse({**record(), "eventTime": None})
    told = activity(undated, event(30), Event.parse(record(eventTime="2026-11-02T02:59:59Z")), event(5))
    assert [one.time and one.time.minute for one in told.events] == [5, 30, None]


def test_the_other_keys_of_the_same_console_session_are_found_by_its_sign_in() -> None:
    session = {"signInSessionArn": f"arn:aws:signin:us-east-1:{ACCOUNT}:session/1"}
    ours = {**record()["userIdentity"], "sessionContext": session}
    told = activity(
        event(6, userIdentity={**ours, "accessKeyId": "ASIAEXAMPLEOTHER0001"}),
        event(5, userIdentity=ours),
        event(7, userIdentity={**ours, "accessKeyId": "X", "sessionContext": {"signInSessionArn": "arn:other"}}),
    )
    assert dict(told.joined) == {Join.ACCESS_KEY: 1, Join.SIGN_IN: 1}
    assert len(told.events) == 2


def test_a_source_that_fails_is_named_and_costs_its_own_records_only() -> None:
    class Broken:
        name = "log bucket"

        def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
            raise UnavailableError("AccessDenied")

    class Fine:
        name = "event history"

        def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
            return Gathered(events=[event()], gaps=(Gap(kind=GapKind.LAG, source="event history"),))

    found = gathered(KEY, [Broken(), Fine()], BEGIN, BEGIN + timedelta(hours=1))
    assert len(found.events) == 1
    assert found.gaps == (
        Gap(kind=GapKind.FAILED, source="log bucket", detail="AccessDenied"),
        Gap(kind=GapKind.LAG, source="event history"),
    )


def test_a_report_says_that_data_events_may_be_missing_and_that_a_session_is_unknown() -> None:
    assert [gap.kind for gap in activity().gaps] == [GapKind.DATA_EVENTS]
    assert GapKind.UNKNOWN_SESSION in [gap.kind for gap in activity(key=SessionKey()).gaps]


def test_resources_come_from_the_records_own_list_before_its_parameters() -> None:
    listed = [{"ARN": "arn:aws:s3:::logs"}, {"ARN": None}, "odd", {"arn": "arn:aws:kms:us-east-1:1:key/k"}]
    assert resources_of(event(resources=listed)) == ("arn:aws:s3:::logs", "arn:aws:kms:us-east-1:1:key/k")
    request = {"userName": "bob", "policyArn": "arn:p", "tags": [{"key": "x"}], "names": 3, "roleName": ["r1", 5]}
    assert resources_of(event(requestParameters=request)) == ("bob", "arn:p", "r1")
    assert resources_of(event(requestParameters=None, resources="none")) == ()


def test_a_finding_stands_in_for_its_record_until_that_arrives() -> None:
    kept = finding(access_key_id="AKIAEXAMPLEALICE", time=BEGIN + timedelta(minutes=4), event_id="e-1")
    told = activity(event_of(kept))
    assert told.writes[0].calls[0].name == "AttachUserPolicy"
    both = activity(event(eventID="e-1", eventName="AttachUserPolicy"), event_of(kept))
    assert (len(both.events), both.duplicates) == (1, 1)
    assert both.events[0].request == {"userName": "bob"}


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_records_are_counted_like_any_other(text: str) -> None:
    told = activity(
        event(eventName=text, eventSource=text, errorCode=text, requestParameters={"userName": text}),
        event(eventName=text, eventSource=text, requestParameters={text: text, "roleName": [text]}),
        event(resources=[{"ARN": text}], sourceIPAddress=text, readOnly=text),
        event(userIdentity={**record()["userIdentity"], "invokedBy": text}),
        event_of(finding(actor_kind=text, access_key_id="AKIAEXAMPLEALICE", subject=text, event_name=text, time=None)),
    )
    assert len(told.events) == 5


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_a_real_attack_is_sorted_out() -> None:
    """56 minutes of one user's real records: of the console, of the terminal and of services for the user."""
    with gzip.open(CORPUS / "invictus.jsonl.gz", "rt", encoding="utf-8") as lines:
        events = [Event.parse(json.loads(line)) for line in lines]
    times = sorted(one.time for one in events if one.time)
    user = frozenset({"arn:aws:iam::123837392027:user/bert-jan"})
    told = activity_of(SessionKey(by_arn=user), events, times[0], times[-1])
    mine = [one for one in events if one.actor.arn in user]
    assert len(told.events) == len({one.id for one in mine})
    signing = sum(call.count for call in told.signing)
    assert told.write_count + told.reads + told.failure_count + told.by_service_count + signing == len(told.events)
    assert {("secretsmanager", "GetSecretValue"), ("ssm", "GetParameter"), ("ec2", "DescribeInstanceAttribute")} <= {
        (call.service, call.name) for call in told.notable
    }
    assert "StopLogging" in {call.name for group in (*told.failures, *told.writes) for call in group.calls}
    assert told.sessions > 1


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_the_role_that_an_attacker_assumed_is_followed_by_the_key_it_was_given() -> None:
    with gzip.open(CORPUS / "invictus.jsonl.gz", "rt", encoding="utf-8") as lines:
        events = [Event.parse(json.loads(line)) for line in lines]
    opening = [one for one in events if one.name == "AssumeRole" and one.succeeded and not one.actor.is_aws]
    key = all_of(session_key_of(one) for one in opening)
    first = min(one.time for one in events if one.time)
    told = activity_of(key, events, first, BEGIN)
    assert told.joined.keys() == {Join.ACCESS_KEY}
    assert "GetPasswordData" in {call.name for group in told.failures for call in group.calls}


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not here")
def test_every_real_record_has_a_place_in_some_report() -> None:
    with (CORPUS / "labelled.jsonl").open(encoding="utf-8") as lines:
        records = [json.loads(line)["event"] for line in lines]
    events = [Event.parse(one) for one in records if isinstance(one, dict) and ("eventName" in one)]
    assert len(events) > 500
    for one in events:
        arn = one.actor.arn
        if arn and one.time:
            told = activity_of(SessionKey(by_arn=frozenset({arn})), [one], one.time, one.time)
            assert len(told.events) == 1
