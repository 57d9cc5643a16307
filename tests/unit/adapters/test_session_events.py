"""The event history and the log bucket: asked within AWS's limits and ours, and honest about what was left out."""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from handlers.adapters.session_events import EventHistory, LogBucket
from handlers.alerting.activity import Gap, GapKind
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import MAXIMUM_BYTES
from handlers.alerting.session import SessionKey
from tests.building import ACCOUNT, record
from tests.unit.hostile_strings import HOSTILE

NOW = datetime(2026, 11, 2, 6, 0, 0, tzinfo=UTC)
SINCE, UNTIL = NOW - timedelta(hours=3), NOW - timedelta(hours=2)
KEY = SessionKey(accounts=frozenset({ACCOUNT}), access_keys=frozenset({"AKIAEXAMPLEALICE"}))
ROOT = f"arn:aws:iam::{ACCOUNT}:root"


def refused(code: str) -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": "secret detail"}}, "LookupEvents")


class Clock:
    """Time that passes by sleeping only."""

    def __init__(self) -> None:
        self.seconds = 0.0
        self.slept: list[float] = []

    def __call__(self) -> float:
        return self.seconds

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.seconds += seconds


class Trail:
    """CloudTrail of one region: answers in order, each a page, or an error to raise."""

    def __init__(self, *answers: Any) -> None:
        self.answers = list(answers)
        self.asked: list[Mapping[str, Any]] = []

    def lookup_events(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append(request)
        answer = self.answers.pop(0) if self.answers else page()
        if isinstance(answer, Exception):
            raise answer
        assert isinstance(answer, dict)
        return answer


def page(*records: Any, more: str = "") -> dict[str, Any]:
    events = [{"CloudTrailEvent": item if isinstance(item, str) else json.dumps(item)} for item in records]
    return {"Events": events, **({"NextToken": more} if more else {})}


def history(clock: Clock, seconds: float = 25, **trails: Trail) -> EventHistory:
    by_region = {name.replace("_", "-"): trail for name, trail in trails.items()}
    return EventHistory(
        client=lambda _service, region: by_region[region or ""],
        account=ACCOUNT,
        regions=tuple(by_region),
        seconds=seconds,
        clock=lambda: NOW,
        timer=clock,
        sleep=clock.sleep,
    )


def test_every_region_is_asked_for_the_key_page_by_page() -> None:
    clock = Clock()
    first, second = Trail(page(record(), more="next"), page(record())), Trail(page(record()))
    found = history(clock, us_east_1=first, eu_west_1=second).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 3
    assert not found.gaps
    assert first.asked[0]["LookupAttributes"] == [{"AttributeKey": "AccessKeyId", "AttributeValue": "AKIAEXAMPLEALICE"}]
    assert (first.asked[0]["StartTime"], first.asked[0]["EndTime"]) == (SINCE, UNTIL)
    assert first.asked[1]["NextToken"] == "next"


@pytest.mark.parametrize(
    ("arn", "name"),
    [
        (ROOT, "root"),
        (f"arn:aws:iam::{ACCOUNT}:user/team/alice", "alice"),
        (f"arn:aws:sts::{ACCOUNT}:assumed-role/Admin/alice", "alice"),
    ],
)
def test_who_acted_is_asked_for_by_the_name_that_the_history_knows(arn: str, name: str) -> None:
    trail = Trail()
    key = SessionKey(accounts=frozenset({ACCOUNT}), by_arn=frozenset({arn}))
    history(Clock(), us_east_1=trail).gather(key, SINCE, UNTIL)
    assert trail.asked[0]["LookupAttributes"] == [{"AttributeKey": "Username", "AttributeValue": name}]


def test_two_questions_a_second_are_kept_to() -> None:
    clock = Clock()
    trail = Trail(*(page(record(), more="next") for _ in range(9)), page())
    history(clock, us_east_1=trail).gather(KEY, SINCE, UNTIL)
    assert clock.slept == [0.5] * 10


def test_a_throttled_question_is_asked_again_after_longer_and_longer_pauses() -> None:
    clock = Clock()
    trail = Trail(refused("ThrottlingException"), refused("ThrottlingException"), page(record()))
    found = history(clock, us_east_1=trail).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 1
    assert clock.slept == [0.5, 1.0, 2.0]


def test_when_the_time_is_over_what_was_not_reached_is_said() -> None:
    clock = Clock()
    trail = Trail(*(page(record(), more="next") for _ in range(100)))
    found = history(clock, 3, us_east_1=trail).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 6
    assert found.gaps == (
        Gap(kind=GapKind.CUT, source="event history", detail="us-east-1: what is before 03:04:00 UTC was not reached"),
    )


def test_throttling_that_does_not_end_is_given_up_in_time() -> None:
    clock = Clock()
    trail = Trail(*(refused("ThrottlingException") for _ in range(100)))
    found = history(clock, 10, us_east_1=trail).gather(KEY, SINCE, UNTIL)
    assert [gap.kind for gap in found.gaps] == [GapKind.CUT]
    assert clock.seconds <= 10


def test_a_region_that_fails_is_named_and_the_others_are_read() -> None:
    broken, slow = Trail(refused("AccessDeniedException")), Trail(ReadTimeoutError(endpoint_url="https://x"))
    also = Trail(refused("AccessDeniedException"))
    fine = Trail(page(record()))
    found = history(Clock(), us_east_1=broken, us_west_2=also, eu_west_1=slow, ap_northeast_1=fine).gather(
        KEY, SINCE, UNTIL
    )
    assert len(found.events) == 1
    assert [gap.detail for gap in found.gaps] == [
        "us-east-1, us-west-2: AccessDeniedException",
        "eu-west-1: ReadTimeoutError",
    ]
    assert "secret detail" not in str(found.gaps)


def test_the_other_keys_of_a_console_session_are_asked_for_by_who_it_is() -> None:
    identity = {**record()["userIdentity"], "sessionContext": {"signInSessionArn": "arn:aws:signin:x"}}
    trail = Trail(page(record(userIdentity=identity)), page(record(userIdentity=identity)))
    key = SessionKey(
        accounts=KEY.accounts, access_keys=KEY.access_keys, principals=frozenset({"arn:aws:iam::1:user/alice"})
    )
    found = history(Clock(), us_east_1=trail).gather(key, SINCE, UNTIL)
    assert len(found.events) == 2
    assert trail.asked[1]["LookupAttributes"][0] == {"AttributeKey": "Username", "AttributeValue": "alice"}


@pytest.mark.parametrize(
    ("key", "since", "until", "kinds"),
    [
        (KEY, SINCE, NOW - timedelta(minutes=5), [GapKind.LAG]),
        (KEY, NOW - timedelta(days=91), UNTIL, [GapKind.HISTORY]),
        (SessionKey(accounts=frozenset({"210987654321"}), access_keys=frozenset({"A"})), SINCE, UNTIL, ["elsewhere"]),
        (SessionKey(accounts=KEY.accounts, sign_ins=frozenset({"arn:s"})), SINCE, UNTIL, [GapKind.CUT]),
        (SessionKey(by_arn=frozenset({f"arn:aws:iam::{ACCOUNT}:role/Admin"})), SINCE, UNTIL, [GapKind.CUT]),
    ],
)
def test_what_the_history_cannot_have_is_said(key: SessionKey, since: datetime, until: datetime, kinds: list) -> None:
    found = history(Clock(), us_east_1=Trail()).gather(key, since, until)
    assert [gap.kind for gap in found.gaps] == kinds


def test_another_account_is_not_asked_for_with_our_own_rights() -> None:
    trail = Trail(page(record()))
    key = SessionKey(accounts=frozenset({"210987654321"}), by_arn=frozenset({"arn:aws:iam::210987654321:root"}))
    assert not history(Clock(), us_east_1=trail).gather(key, SINCE, UNTIL).events
    assert not trail.asked


def test_unreadable_records_are_counted() -> None:
    trail = Trail({"Events": [{"CloudTrailEvent": "{"}, {"EventId": "1"}, {"CloudTrailEvent": json.dumps(record())}]})
    found = history(Clock(), us_east_1=trail).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 1
    assert found.gaps[0].detail == "us-east-1: 2 records are unreadable"


def test_a_hundred_keys_are_not_a_hundred_questions() -> None:
    trail = Trail()
    key = SessionKey(accounts=KEY.accounts, access_keys=frozenset({f"ASIA{number:016d}" for number in range(100)}))
    found = history(Clock(), 1_000, us_east_1=trail).gather(key, SINCE, UNTIL)
    assert len(trail.asked) == 20
    assert found.gaps[0].detail == "80 more access keys and names were not asked about"


# --- the log bucket ---

PREFIX = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/02/"


class Body:
    def __init__(self, content: bytes) -> None:
        self._content = io.BytesIO(content)

    def iter_chunks(self, size: int) -> Iterator[bytes]:
        return iter(lambda: self._content.read(min(size, 1_000)), b"")


class Bucket:
    """S3, two keys a page."""

    def __init__(self, files: Mapping[str, bytes | Exception]) -> None:
        self.files = dict(sorted(files.items()))
        self.calls: Counter[str] = Counter()
        self.prefixes: set[str] = set()
        self.read: list[str] = []

    def list_objects_v2(self, **request: Any) -> dict[str, Any]:
        self.calls["list"] += 1
        self.prefixes.add(request["Prefix"])
        after = request.get("ContinuationToken") or request["StartAfter"]
        keys = [key for key in self.files if key.startswith(request["Prefix"]) and key > after]
        answer: dict[str, Any] = {"Contents": [{"Key": key, "Size": self._size(key)} for key in keys[:2]]}
        return {**answer, "NextContinuationToken": keys[1]} if len(keys) > 2 else answer

    def _size(self, key: str) -> int:
        content = self.files[key]
        return len(content) if isinstance(content, bytes) else 100

    def get_object(self, **request: Any) -> dict[str, Any]:
        self.read.append(request["Key"])
        content = self.files[request["Key"]]
        if isinstance(content, Exception):
            raise content
        return {"Body": Body(content)}


def log(*records: Any) -> bytes:
    return gzip.compress(json.dumps({"Records": list(records)}).encode(), mtime=0)


def named(stamp: str, unique: str = "aaaa", *, prefix: str = PREFIX) -> str:
    return f"{prefix}{ACCOUNT}_CloudTrail_us-east-1_{stamp}_{unique}.json.gz"


def logs(bucket: Bucket, **changes: Any) -> LogBucket:
    values: dict[str, Any] = {"bucket": "logs", "regions": ["us-east-1"], "timer": lambda: 0.0}
    return LogBucket(client=lambda _service, _region: bucket, **{**values, **changes})


def test_only_the_files_of_the_time_are_read_and_only_the_sessions_records_are_kept() -> None:
    stranger = record(userIdentity={"type": "IAMUser", "accessKeyId": "AKIAEXAMPLEOTHER"})
    bucket = Bucket(
        {
            named("20261102T0255Z"): log(record()),  # before
            named("20261102T0305Z"): log(stranger, record()),
            named("20261102T0310Z"): log(stranger),
            named("20261102T0420Z"): log(record()),  # made after the time, of records within it
            named("20261102T0500Z"): log(record()),  # too late
            f"{PREFIX}CloudTrail-Digest.json.gz": b"no log file",
        }
    )
    found = logs(bucket).gather(KEY, SINCE, UNTIL)
    assert sorted(bucket.read) == [named(f"20261102T{time}Z") for time in ("0305", "0310", "0420")]
    assert len(found.events) == 2
    assert not found.gaps
    assert bucket.prefixes == {PREFIX}


def test_a_session_over_midnight_lists_two_days_of_each_account_and_region() -> None:
    bucket = Bucket({})
    since = datetime(2026, 11, 1, 23, 30, tzinfo=UTC)
    key = SessionKey(accounts=frozenset({ACCOUNT, "210987654321"}), access_keys=KEY.access_keys)
    logs(bucket, regions=["us-east-1", "eu-west-1"], prefix="x/AWSLogs/o-1/").gather(
        key, since, since + timedelta(hours=1)
    )
    assert bucket.prefixes == {
        f"x/AWSLogs/o-1/{account}/CloudTrail/{region}/2026/11/{day}/"
        for account in (ACCOUNT, "210987654321")
        for region in ("us-east-1", "eu-west-1")
        for day in ("01", "02")
    }


def test_beyond_the_limit_of_bytes_the_rest_is_named() -> None:
    big = log(record(userAgent="x" * 10)) + b"\0" * 700_000  # what follows a gzip file is not of it
    bucket = Bucket({named(f"20261102T03{minute:02d}Z"): big for minute in range(1, 5)})
    found = logs(bucket, megabytes=2).gather(KEY, SINCE, UNTIL)
    assert len(bucket.read) == 2
    assert [gap.detail for gap in found.gaps] == [
        "2 of 4 log files (1 MB), from 20261102T0303Z on, are beyond 2 MB",
    ]


def test_a_file_that_unpacks_to_more_than_the_limit_is_named_and_costs_no_memory() -> None:
    bomb = gzip.compress(b'{"Records":[' + b" " * 50_000_000 + b"]}", mtime=0)
    assert len(bomb) < 100_000
    bucket = Bucket({named("20261102T0305Z"): bomb, named("20261102T0306Z"): log(record())})
    found = logs(bucket, file_megabytes=1).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 1
    assert [gap.detail for gap in found.gaps] == ["a log file: it unpacks to more than 1 MB"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (refused("AccessDenied"), "a log file: AccessDenied"),
        (b"not gzip", "a log file is damaged: error"),
        (log(record())[:-20], "a log file: its end is missing"),
        (gzip.compress(b'["AKIAEXAMPLEALICE"]', mtime=0), "a log file: it has no records"),
        (gzip.compress(b'{"Records":[{"AKIAEXAMPLEALICE"', mtime=0), "a log file is damaged: JSONDecodeError"),
        (log({"accessKeyId": "AKIAEXAMPLEALICE"}), "a record is unreadable (neither an EventBridge event"),
    ],
)
def test_a_file_that_cannot_be_read_is_named_and_the_others_are_read(content: Any, told: str) -> None:
    bucket = Bucket({named("20261102T0305Z"): content, named("20261102T0306Z"): log(record())})
    found = logs(bucket).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 1
    assert found.gaps[0].kind is GapKind.FAILED
    assert found.gaps[0].detail.startswith(told)


def test_more_records_than_memory_holds_are_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.adapters.session_events._MOST_EVENTS", 3)
    files = {named(f"20261102T03{minute:02d}Z"): log(record(), record()) for minute in range(1, 4)}
    found = logs(Bucket(files)).gather(KEY, SINCE, UNTIL)
    assert len(found.events) == 3
    assert [gap.detail for gap in found.gaps] == ["3 records are beyond 3"]


def test_when_the_time_is_over_the_files_that_were_not_reached_are_counted() -> None:
    times = iter([0.0, 1.0, 30.0, 30.0, 30.0, 30.0])
    bucket = Bucket({named(f"20261102T03{minute:02d}Z"): log(record()) for minute in range(1, 3)})
    found = logs(bucket, timer=lambda: next(times)).gather(KEY, SINCE, UNTIL)
    assert found.gaps[0].kind is GapKind.CUT
    assert "were not reached in 15 s" in found.gaps[0].detail


def test_a_bucket_that_may_not_be_listed_is_an_error_that_says_so() -> None:
    class Closed:
        def list_objects_v2(self, **_request: Any) -> None:
            raise refused("AccessDenied")

    with pytest.raises(UnavailableError, match=r"^AccessDenied$"):
        LogBucket(client=lambda _service, _region: Closed(), bucket="logs", regions=["us-east-1"]).gather(
            KEY, SINCE, UNTIL
        )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_texts_in_log_files_are_records_like_any_other(text: str) -> None:
    hostile = record(userAgent=text, eventName=text or "x", requestParameters={text: text})
    found = logs(Bucket({named("20261102T0305Z"): log(hostile, record())})).gather(KEY, SINCE, UNTIL)
    if len(json.dumps(hostile)) > MAXIMUM_BYTES:  # named, and the others are read
        assert "a record is unreadable" in found.gaps[0].detail
        assert len(found.events) == 1
    else:
        assert len(found.events) == 2
        assert not found.gaps
