"""Where the records of a session come from: CloudTrail's event history, and the trail's log bucket.

Each has limits of time and size, and says what it left out rather than leave it out quietly.
"""

from __future__ import annotations

import json
import re
import threading
import time
import zlib
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import word_of
from handlers.alerting.activity import HISTORY, LAG, Gap, GapKind, Gathered
from handlers.alerting.errors import UnavailableError, UnreadableEventError
from handlers.alerting.event import Event, Road
from handlers.alerting.session import SessionKey, sign_in_of

Client = Callable[[str, str | None], Any]  # (service, region) -> a boto3 client with short time limits

_WORKERS = 8
_PAUSE = 0.5  # seconds between two questions: LookupEvents takes two a second, per account and region
_LONGEST_PAUSE = 8.0  # after being told to slow down
_THROTTLED = frozenset({"ThrottlingException", "Throttling", "TooManyRequestsException", "RequestLimitExceeded"})
_MOST_QUESTIONS = 20  # of one gathering: a page of answers takes half a second at least
_MOST_EVENTS = 15_000  # of one source: each takes some 10 KB of memory


@dataclass(frozen=True, kw_only=True)
class _Time:
    """The time asked about, and when the answer has to be there (by the timer)."""

    since: datetime
    until: datetime
    deadline: float


class EventHistory:
    """CloudTrail's event history (LookupEvents): management events of 90 days, one region at a time."""

    name = "event history"

    def __init__(
        self,
        *,
        client: Client,
        account: str,
        regions: Sequence[str],
        seconds: float = 18.0,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        timer: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        """`account` is the one that the clients' credentials belong to; `seconds` is for all regions together."""
        self._client = client
        self._account = account
        self._regions = tuple(dict.fromkeys(regions))
        self._seconds = seconds
        self._clock = clock
        self._timer = timer
        self._sleep = sleep

    def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
        """Ask every region for the session's keys and names. Raises UnavailableError where no region answered."""
        gaps = list(self._known_gaps(key, since, until))
        if key.accounts and self._account not in key.accounts:
            return Gathered(gaps=tuple(gaps))
        asked = _Time(since=since, until=until, deadline=self._timer() + self._seconds)
        questions = _questions(key)
        if len(questions) > _MOST_QUESTIONS:
            left = len(questions) - _MOST_QUESTIONS
            gaps.append(self._gap(GapKind.CUT, f"{left} more access keys and names were not asked about"))
        events, problems = self._ask_everywhere(questions[:_MOST_QUESTIONS], asked)
        if not key.sign_ins and any(sign_in_of(event) for event in events):
            # The keys that a console session changes to are known by who uses them only.
            names = [item for item in _names(key.principals) if item not in questions]
            more, further = self._ask_everywhere(names, asked)
            events, problems = [*events, *more], [*problems, *further]
        return Gathered(events=events, gaps=(*gaps, *self._summed_up(problems)))

    def _known_gaps(self, key: SessionKey, since: datetime, until: datetime) -> Iterator[Gap]:
        now = self._clock()
        for account in sorted(key.accounts - {self._account}):
            yield self._gap(GapKind.ELSEWHERE, account)
        if until > now - LAG:
            yield self._gap(GapKind.LAG)
        if since < now - HISTORY:
            yield self._gap(GapKind.HISTORY)
        if not _questions(key):
            yield self._gap(GapKind.CUT, "it can be asked by access key or user name, and neither is known")
        elif any(":role/" in arn for arn in key.by_arn):
            yield self._gap(GapKind.CUT, "it can be asked for a role's sessions by their names, not for the role")

    def _ask_everywhere(self, questions: Sequence[tuple[str, str]], asked: _Time) -> tuple[list[Event], list[_Problem]]:
        if not questions:
            return [], []
        clients = {region: self._client("cloudtrail", region) for region in self._regions}  # making one is not safe
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            waiting = [pool.submit(self._ask, clients[region], region, questions, asked) for region in self._regions]
            answers = [item.result() for item in waiting]
        return [event for events, _ in answers for event in events], [
            problem for _, problems in answers for problem in problems
        ]

    def _ask(
        self, client: Any, region: str, questions: Sequence[tuple[str, str]], asked: _Time
    ) -> tuple[list[Event], list[_Problem]]:
        """One region's answers; what came before something went wrong is kept."""
        events: list[Event] = []
        problems: list[_Problem] = []
        for attribute, value in questions:
            request = {
                "LookupAttributes": [{"AttributeKey": attribute, "AttributeValue": value}],
                "StartTime": asked.since,
                "EndTime": asked.until,
                "MaxResults": 50,
            }
            unreadable = 0
            while True:
                try:
                    page = self._page(client, request, asked.deadline)
                except (ClientError, BotoCoreError) as error:
                    return events, [*problems, _Problem(region, GapKind.FAILED, word_of(error))]
                if page is None or len(events) > _MOST_EVENTS:
                    # The newest come first.
                    oldest = min((event.time for event in events if event.time), default=None)
                    told = f"what is before {oldest:%H:%M:%S} UTC was not reached" if oldest else "there was no time"
                    return events, [*problems, _Problem(region, GapKind.CUT, told)]
                for item in page.get("Events", ()):
                    try:
                        events.append(Event.parse(item["CloudTrailEvent"]))
                    except (UnreadableEventError, KeyError, TypeError):
                        unreadable += 1
                if not page.get("NextToken"):
                    break
                request["NextToken"] = page["NextToken"]
            if unreadable:
                problems.append(_Problem(region, GapKind.CUT, f"{unreadable} records are unreadable"))
        return events, problems

    def _page(self, client: Any, request: Mapping[str, Any], deadline: float) -> Mapping[str, Any] | None:
        """One page, at the pace that AWS allows; None when the time is over."""
        pause = _PAUSE
        while True:
            if self._timer() + pause > deadline:
                return None
            self._sleep(pause)
            try:
                answer: Mapping[str, Any] = client.lookup_events(**request)
            except ClientError as error:
                if error.response["Error"]["Code"] not in _THROTTLED:
                    raise
                pause = min(2 * pause, _LONGEST_PAUSE)
            else:
                return answer

    def _summed_up(self, problems: Sequence[_Problem]) -> Iterator[Gap]:
        """One gap for each thing that went wrong, with the regions where it did."""
        regions: dict[tuple[GapKind, str], list[str]] = defaultdict(list)
        for problem in problems:
            regions[problem.kind, problem.reason].append(problem.region)
        for (kind, reason), names in regions.items():
            yield self._gap(kind, f"{', '.join(dict.fromkeys(names))}: {reason}")

    def _gap(self, kind: GapKind, detail: str = "") -> Gap:
        return Gap(kind=kind, source=self.name, detail=detail)


@dataclass(frozen=True)
class _Problem:
    """What went wrong in one region."""

    region: str
    kind: GapKind
    reason: str


def _questions(key: SessionKey) -> list[tuple[str, str]]:
    """Attributes to look up. There is none for a sign-in session: it is asked for by who signed in."""
    keys = [("AccessKeyId", access_key) for access_key in sorted(key.access_keys)]
    return [*keys, *_names(key.by_arn | (key.principals if key.sign_ins else frozenset()))]


def _names(arns: Iterable[str]) -> list[tuple[str, str]]:
    """What the event history calls the user: "root", a user's name, the name of a role's session."""
    names = ("root" if arn.endswith(":root") else arn.rpartition("/")[2] for arn in sorted(arns) if ":role/" not in arn)
    return [("Username", name) for name in dict.fromkeys(names) if name]


_MEGABYTE = 1024 * 1024
# A log file is stamped with when it was made: after its records, by a few minutes as a rule, 15 at most documented.
_LATE_FILE = timedelta(minutes=30)
_FILE = re.compile(r"\d{12}_CloudTrail_[a-z0-9-]+_(?P<stamp>\d{8}T\d{4}Z)_[^/]*\.json\.gz")


class LogBucket:
    """The trail's log files of the hours asked about, and of the accounts and regions alone."""

    name = "log bucket"

    def __init__(
        self,
        *,
        client: Client,
        bucket: str,
        regions: Sequence[str],
        prefix: str = "AWSLogs/",
        seconds: float = 15.0,
        megabytes: int = 64,
        file_megabytes: int = 64,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """`megabytes` of compressed files are read at most, and of a single one, unpacked, `file_megabytes`.

        `prefix` is what the names of log files begin with, before the account ("AWSLogs/o-a1b2c3d4e5/").
        """
        self._client = client
        self._bucket = bucket
        self._regions = tuple(dict.fromkeys(regions))
        self._prefix = prefix
        self._seconds = seconds
        self._bytes = megabytes * _MEGABYTE
        self._file_bytes = file_megabytes * _MEGABYTE
        self._timer = timer

    def gather(self, key: SessionKey, since: datetime, until: datetime) -> Gathered:
        """Read the files of the time, oldest first, up to the limits.

        Raises:
            UnavailableError: the bucket cannot be listed; says why.
        """
        asked = _Time(since=since, until=until, deadline=self._timer() + self._seconds)
        s3 = self._client("s3", None)
        try:
            files = [
                file
                for account in sorted(key.accounts)
                for region in self._regions
                for file in self._files(s3, account, region, asked)
            ]
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(word_of(error)) from error
        reading = _Reading(needles=_needles(key), limit=self._file_bytes)
        chosen, left_out = self._chosen(sorted(files, key=lambda file: file.stamp))
        with ThreadPoolExecutor(max_workers=4) as pool:
            list(pool.map(lambda file: self._read(s3, file, reading, asked.deadline), chosen))
        return Gathered(events=reading.events, gaps=tuple(self._gaps(files, left_out, reading, asked.deadline)))

    def _files(self, s3: Any, account: str, region: str, asked: _Time) -> Iterator[_File]:
        begin, end = asked.since.astimezone(UTC), asked.until.astimezone(UTC) + _LATE_FILE
        for number in range((end.date() - begin.date()).days + 1):
            day = begin.date() + timedelta(days=number)
            prefix = f"{self._prefix}{account}/CloudTrail/{region}/{day:%Y/%m/%d}/"
            request: dict[str, Any] = {
                "Bucket": self._bucket,
                "Prefix": prefix,
                "StartAfter": f"{prefix}{account}_CloudTrail_{region}_{begin:%Y%m%dT%H%MZ}",
            }
            while True:
                page = s3.list_objects_v2(**request)
                for item in page.get("Contents", ()):
                    found = _FILE.fullmatch(item["Key"].removeprefix(prefix))
                    if found and found["stamp"] <= f"{end:%Y%m%dT%H%MZ}":
                        yield _File(key=item["Key"], stamp=found["stamp"], size=int(item["Size"]))
                if not page.get("NextContinuationToken") or self._timer() > asked.deadline:
                    break
                request["ContinuationToken"] = page["NextContinuationToken"]

    def _chosen(self, files: Sequence[_File]) -> tuple[list[_File], list[_File]]:
        """The files within the limit of bytes, and the others."""
        chosen, size = [], 0
        for file in files:
            if size + file.size > self._bytes:
                break
            size += file.size
            chosen.append(file)
        return chosen, list(files[len(chosen) :])

    def _read(self, s3: Any, file: _File, reading: _Reading, deadline: float) -> None:
        if self._timer() > deadline:
            reading.skipped += 1
            return
        try:
            body = s3.get_object(Bucket=self._bucket, Key=file.key)["Body"]
            reading.take(body.iter_chunks(256 * 1024))
        except (ClientError, BotoCoreError) as error:
            reading.failed(f"a log file: {word_of(error)}")
        except _DamagedError as error:
            reading.failed(f"a log file: {error}")
        except (zlib.error, ValueError, OSError) as error:
            reading.failed(f"a log file is damaged: {type(error).__name__}")

    def _gaps(
        self, files: Sequence[_File], left_out: Sequence[_File], reading: _Reading, deadline: float
    ) -> Iterator[Gap]:
        if left_out:
            size = sum(file.size for file in left_out) / _MEGABYTE
            yield self._gap(
                GapKind.CUT,
                f"{len(left_out):,} of {len(files):,} log files ({size:,.0f} MB), from {left_out[0].stamp} on, "
                f"are beyond {self._bytes // _MEGABYTE} MB",
            )
        if reading.skipped:
            yield self._gap(
                GapKind.CUT, f"{reading.skipped:,} of {len(files):,} log files were not reached in {self._seconds:g} s"
            )
        if self._timer() > deadline and not reading.skipped:
            yield self._gap(GapKind.CUT, f"listing stopped after {self._seconds:g} s")
        if reading.dropped:
            yield self._gap(GapKind.CUT, f"{reading.dropped:,} records are beyond {_MOST_EVENTS:,}")
        for reason, count in reading.problems.items():
            yield self._gap(GapKind.FAILED, f"{reason} ({count:,} times)" if count > 1 else reason)

    def _gap(self, kind: GapKind, detail: str) -> Gap:
        return Gap(kind=kind, source=self.name, detail=detail)


@dataclass(frozen=True, kw_only=True)
class _File:
    key: str
    stamp: str  # when it was made: sorts as text
    size: int  # bytes, compressed


class _DamagedError(ValueError):
    """A log file is not as CloudTrail writes them; says how."""


class _Reading:
    """What was found in the files so far; several threads add to it."""

    def __init__(self, *, needles: Sequence[str], limit: int) -> None:
        self.events: list[Event] = []
        self.skipped = 0  # files
        self.dropped = 0  # records
        self.problems: dict[str, int] = {}
        self._needles = needles
        self._limit = limit
        self._lock = threading.Lock()

    def take(self, chunks: Iterable[bytes]) -> None:
        """Unpack one file and keep the records that name the session. Raises ValueError or zlib.error."""
        text = _unpacked(chunks, self._limit).decode("utf-8", "replace")
        found = [] if not any(needle in text for needle in self._needles) else list(self._records(text))
        with self._lock:
            room = max(0, _MOST_EVENTS - len(self.events))
            self.events += found[:room]
            self.dropped += len(found[room:])

    def failed(self, reason: str) -> None:
        with self._lock:
            self.problems[reason] = self.problems.get(reason, 0) + 1

    def _records(self, text: str) -> Iterator[Event]:
        """One record at a time: a file of thousands, decoded at once, takes ten times its size."""
        start = text.find("[", text.find('"Records"'))
        if start < 0 or not text.lstrip().startswith("{"):
            raise _DamagedError("it has no records")
        decoder, place = json.JSONDecoder(), start + 1
        while True:
            while text[place : place + 1] in (",", " ", "\n", "\r", "\t"):
                place += 1
            if text[place : place + 1] != "{":
                return
            _, end = decoder.raw_decode(text, place)
            record = text[place:end]
            if any(needle in record for needle in self._needles):
                try:
                    yield Event.parse(record, road=Road.TRAIL)
                except UnreadableEventError as error:
                    self.failed(f"a record is unreadable ({error.reason[:80]})")
            place = end


def _unpacked(chunks: Iterable[bytes], limit: int) -> bytes:
    """The content of a gzip file. Raises _DamagedError beyond `limit` bytes or where its end is missing."""
    unpacking = zlib.decompressobj(16 + zlib.MAX_WBITS)
    found = bytearray()
    for chunk in chunks:
        found += unpacking.decompress(chunk, max(1, limit + 1 - len(found)))
        if len(found) > limit or unpacking.unconsumed_tail:
            raise _DamagedError(f"it unpacks to more than {limit // _MEGABYTE} MB")
    if not unpacking.eof:
        raise _DamagedError("its end is missing")
    return bytes(found)


def _needles(key: SessionKey) -> list[str]:
    """What a record of the session must contain, as CloudTrail writes it: ids and ARNs, which JSON does not escape."""
    return sorted(key.sign_ins | key.access_keys | key.by_arn | key.principals)
