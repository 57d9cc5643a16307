"""Any amount of history through the detections: judged on every core, then grouped in order of time.

What happens to one event by itself - whether a detection wants it, what it comes to - needs no other event and is done
by workers. What needs the others - which alert a finding joins, whether a threshold is reached, whether it came twice -
is done afterwards by the ordinary pipeline, finding by finding in the order in which they happened.
"""

from __future__ import annotations

import gc
import hashlib
import multiprocessing
import os
import pickle
import signal
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, Self

import msgspec

from cli.errors import CommandError
from cli.records import Broken, Record, Source, records_of
from cli.replay import LATEST, Raised, Replay, causes_of
from cli.trail_files import IN_FLIGHT, Content, Fetcher, File, Span, stamp_of
from handlers.adapters.trail_objects import Kind, UnreadableObjectError, read_object, unpacked
from handlers.alerting.detection import Detection
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.pipeline import Judged, PipelineError
from handlers.alerting.quick_look import QuickLook
from handlers.alerting.suppression import Quiet

NAMED = 10  # problems told of one file: a file of something else would fill the screen
_EPOCH = datetime.fromtimestamp(0, UTC)
_AT_ONCE = 48 * 1024 * 1024  # bytes of a file, unpacked, that are held in memory; larger ones are read as a stream
_BATCH = 2 * 1024 * 1024  # bytes of files, as they lie there, given to a worker at a time
_MOST_FILES = 64  # of one batch
_IN_MEMORY = 8 * 1024 * 1024  # bytes of what is put aside; more of it goes to a file
_SORTED = 4_096  # files at a time that are spread by size
_PENDING = 3  # portions given to a worker ahead
WORTH_A_WORKER = 4 * 1024 * 1024  # bytes: less than this is done before another process has started


@dataclass(frozen=True, kw_only=True)
class Job:
    """What every worker has to know."""

    detections: tuple[Detection, ...]
    account_names: Mapping[str, str] = field(default_factory=dict)
    quiet: Quiet | None = None
    span: Span = field(default_factory=Span)
    in_flight: int = IN_FLIGHT
    endpoint_url: str | None = None


class Found(msgspec.Struct, frozen=True, gc=False):
    """The findings of one event, on their way from a worker."""

    time: datetime  # the event's own, or the one it is taken to follow
    file: int
    number: int  # of the record in its file
    key: bytes  # the same for a second copy of the event
    findings: bytes  # encoded


@dataclass(kw_only=True)
class Done:
    """What a worker made of some files."""

    files: int = 0
    size: int = 0  # bytes, as they lie there
    events: int = 0  # readable ones
    failed: int = 0  # of those, the ones some detection could not judge
    problems: int = 0
    named: list[Broken] = field(default_factory=list)
    found: list[Found] = field(default_factory=list)


class Worker:
    """Judges the records of files, one by one."""

    def __init__(self, job: Job) -> None:
        self._job = job
        self._look = QuickLook.of(job.detections)
        self._replay = Replay(job.detections, account_names=job.account_names, quiet=job.quiet)
        self._fetcher = Fetcher(in_flight=job.in_flight, endpoint_url=job.endpoint_url)

    def work(self, files: Sequence[File]) -> Done:
        """Everything about these files."""
        done = Done()
        for content in self._fetcher.contents(files):
            done.files += 1
            done.size += content.file.size
            _OfFile(content, self._job, self._look, self._replay, done).work()
        return done

    def judge(self, name: str, bodies: Iterable[Mapping[str, Any]], number: int) -> Done:
        """The same of records that were found elsewhere; how many there are in all, whoever found them knows."""
        done = Done(files=1)
        of_file = _OfFile(
            Content(file=File(name=name, size=0, number=number)), self._job, self._look, self._replay, done
        )
        for place, body in enumerate(bodies, start=1):
            of_file.judge_found(body, place)
        done.events = 0
        return done

    def listen(self, stream: BinaryIO, number: int) -> Done:
        """The same of standard input."""
        done = Done(files=1)
        file = File(name="standard input", size=0, number=number)
        _OfFile(Content(file=file), self._job, self._look, self._replay, done, stdin=stream).work()
        return done


class _OfFile:
    """What becomes of one file."""

    def __init__(
        self,
        content: Content,
        job: Job,
        look: QuickLook,
        replay: Replay,
        done: Done,
        *,
        stdin: BinaryIO | None = None,
    ) -> None:
        self._content, self._file, self._name = content, content.file, content.file.name
        self._span, self._look, self._replay, self._done = job.span, look, replay, done
        self._stdin = stdin
        self._problems = 0
        self._before: datetime | None = None  # the time of the record before

    def work(self) -> None:
        if self._content.problem:
            self._report("", self._content.problem)
        elif not self._as_object():
            self._as_records()
        if self._problems > NAMED:
            more = self._problems - NAMED
            self._done.named.append(Broken(file=self._name, place="", cause=f"{more:,} more problems like these"))

    def _as_object(self) -> bool:
        """Read it as CloudTrail writes its log objects; False where it is none, or is not whole."""
        data = self._content.data
        if data is None or not _may_be_object(data):
            return False
        try:
            read = read_object(data, self._look, limit=_AT_ONCE)
        except UnreadableObjectError:
            return False
        if read.kind is Kind.DIGEST:
            return False
        times: Sequence[datetime | None] = ()
        self._done.events += read.records - len(read.refused)
        for number, body in zip(read.numbers, read.candidates, strict=True):
            event = Event.parse(body)
            moment = event.time
            if moment is None:
                times = times or _times_in(data)
                moment = _nearest(times, number - 1) or stamp_of(self._name) or _EPOCH
            self._judge(event, moment, number, f"record {number:,}")
        for item in read.refused:
            self._report(f"record {item.number:,}", item.reason)
        return True

    def _as_records(self) -> None:
        """Read it record by record, whatever it holds, as far as it can be read."""
        data = self._content.data
        local = data is None and self._stdin is None
        source = Source(name=self._name, path=Path(self._name) if local else None, data=data)
        number = 0
        untimed: list[tuple[Event, int, str]] = []  # at the head of the file
        for record in records_of(source, stdin=self._stdin or sys.stdin.buffer):
            number += 1
            if isinstance(record, Broken):
                self._report(record.place, record.cause)
                continue
            event = self._event(record)
            if event is None:
                continue
            moment = event.time or self._before
            if moment is None:
                untimed.append((event, number, record.place))
                if len(untimed) > _SORTED:
                    self._judge_untimed(untimed, None)
                continue
            if self._before is None:
                self._judge_untimed(untimed, moment)
            self._before = moment
            self._judge(event, moment, number, record.place)
        self._judge_untimed(untimed, None)

    def judge_found(self, body: Mapping[str, Any], number: int) -> None:
        event = self._event(Record(file=self._name, place=f"record {number:,}", body=body))
        if event is not None:
            self._judge(event, event.time or stamp_of(self._name) or _EPOCH, number, f"record {number:,}")

    def _event(self, record: Record) -> Event | None:
        try:
            event = Event.parse(record.body)
        except UnreadableEventError as error:
            self._report(record.place, error.reason)
            return None
        self._done.events += 1
        return event

    def _judge_untimed(self, untimed: list[tuple[Event, int, str]], moment: datetime | None) -> None:
        for event, number, place in untimed:
            self._judge(event, moment or stamp_of(self._name) or _EPOCH, number, place)
        untimed.clear()

    def _judge(self, event: Event, moment: datetime, number: int, place: str) -> None:
        if not self._span.holds(moment):
            return
        try:
            judged = self._replay.judge(event, now=moment)
        except RecursionError:
            self._done.failed += 1
            self._report(place, "nested too deeply")
            return
        if judged.problems:
            self._done.failed += 1
            self._report(place, causes_of(PipelineError(judged.problems)))
        if judged.findings:
            self._done.found.append(
                Found(
                    time=min(moment, LATEST),
                    file=self._file.number,
                    number=number,
                    key=_key(event, judged),
                    findings=pickle.dumps(judged.findings, protocol=5),
                )
            )

    def _report(self, place: str, cause: str) -> None:
        self._problems += 1
        self._done.problems += 1
        if self._problems <= NAMED:
            self._done.named.append(Broken(file=self._name, place=place, cause=cause))


def _may_be_object(data: bytes) -> bool:
    """Whether it looks like {"Records": ...}, packed or not; what does not is read as lines."""
    if data[:2] == b"\x1f\x8b":
        return True
    return data[:64].lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"{") and b'"Records"' in data[:4_096]


def _key(event: Event, judged: Judged) -> bytes:
    """What two copies of an event share: its key, and what came of it."""
    words = (event.key, *(finding.id for finding, _ in judged.findings))
    return hashlib.blake2b("\0".join(words).encode("utf-8", "replace"), digest_size=12).digest()


def _times_in(data: bytes) -> list[datetime | None]:
    """The time of each record of an object that was read without an error."""
    name = "object"
    source = Source(name=name, path=None, data=unpacked(data))
    times: list[datetime | None] = []
    for record in records_of(source, stdin=sys.stdin.buffer):
        try:
            times.append(None if isinstance(record, Broken) else Event.parse(record.body).time)
        except UnreadableEventError:
            times.append(None)
    return times


def _nearest(times: Sequence[datetime | None], index: int) -> datetime | None:
    """The last time before this place, else the first one after it."""
    before = next((time for time in reversed(times[:index]) if time), None)
    return before or next((time for time in times[index:] if time), None)


class BackTest:
    """One run, a context. Of the events it keeps nothing, of the findings what is needed to group them."""

    def __init__(self, job: Job) -> None:
        self.files = self.events = self.failed = self.problems = self.duplicates = self.size = 0
        self._replay = Replay(job.detections, account_names=job.account_names, quiet=job.quiet)
        self._order: list[tuple[datetime, int, int, bytes, int, int]] = []
        self._spool = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="rootwatch-")  # noqa: SIM115 - __exit__ closes it
        self._end = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._spool.close()

    def take(self, done: Done) -> None:
        """Add what a worker found."""
        self.files += done.files
        self.size += done.size
        self.events += done.events
        self.failed += done.failed
        self.problems += done.problems
        for found in done.found:
            self._order.append((found.time, found.file, found.number, found.key, self._end, len(found.findings)))
            self._spool.write(found.findings)
            self._end += len(found.findings)

    def finish(self) -> tuple[Raised, ...]:
        """Group what was found; returns what people would have been told of, in order of time."""
        self._order.sort()
        seen: set[bytes] = set()
        for time, _, _, key, start, length in self._order:
            if key in seen:
                self.duplicates += 1
                continue
            seen.add(key)
            self._spool.seek(start)
            # Our own workers wrote it, into a file that nobody else can open.
            findings = pickle.loads(self._spool.read(length))  # noqa: S301
            self._replay.take(Judged(findings=findings, problems=()), now=time)
        self._order.clear()
        return self._replay.finish()

    def quiet(self) -> tuple[Raised, ...]:
        """What was recorded without telling people."""
        return self._replay.quiet()


def batches(files: Iterable[File], *, spread: bool) -> Iterator[list[File]]:
    """Files in portions of much the same size; spread: the large ones first, so that no worker ends alone with one."""
    window: list[File] = []
    for file in files:
        window.append(file)
        if len(window) >= _SORTED:
            yield from _portions(window, spread=spread)
            window = []
    yield from _portions(window, spread=spread)


def _portions(files: list[File], *, spread: bool) -> Iterator[list[File]]:
    if spread:
        files.sort(key=lambda file: -file.size)
    portion: list[File] = []
    size = 0
    for file in files:
        portion.append(file)
        size += file.size
        if size >= _BATCH or len(portion) >= _MOST_FILES:
            yield portion
            portion, size = [], 0
    if portion:
        yield portion


def cores() -> int:
    """Those that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Crew:
    """Workers: processes of their own, or for one worker this one. A context: they end with it."""

    def __init__(self, job: Job, *, workers: int) -> None:
        self.workers = workers
        self._job = job
        self._pool: ProcessPoolExecutor | None = None
        self._alone: Worker | None = None

    def __enter__(self) -> Self:
        if self.workers == 1:
            self._alone = Worker(self._job)
            return self
        # Forked, a worker has everything we have imported; before anything here has started a thread.
        method = "fork" if sys.platform == "linux" else "spawn"
        context = multiprocessing.get_context(method)
        self._pool = ProcessPoolExecutor(self.workers, mp_context=context, initializer=_begin, initargs=(self._job,))
        wait([self._pool.submit(os.getpid) for _ in range(self.workers)])
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def results(self, files: Iterable[File]) -> Iterator[Done]:
        """What workers make of the files, as they finish.

        Raises:
            CommandError: a worker was ended from outside, mostly for want of memory.
        """
        portions = batches(files, spread=self.workers > 1)
        if self._alone is not None:
            with without_gc():
                for portion in portions:
                    yield self._alone.work(portion)
            return
        try:
            yield from self._spread(portions)
        except BrokenProcessPool as error:
            raise CommandError(
                "a worker was ended from outside, mostly because the machine has too little memory.",
                fix="use fewer of them: --workers 1.",
            ) from error

    def _spread(self, portions: Iterable[Sequence[File]]) -> Iterator[Done]:
        assert self._pool is not None  # noqa: S101 - the context was entered
        pending: set[Future[Done]] = set()
        for portion in portions:
            pending.add(self._pool.submit(_work, portion))
            if len(pending) > _PENDING * self.workers:
                finished, pending = wait(pending, return_when=FIRST_COMPLETED)
                yield from (future.result() for future in finished)
        while pending:
            finished, pending = wait(pending, return_when=FIRST_COMPLETED)
            yield from (future.result() for future in finished)


@contextmanager
def without_gc() -> Iterator[None]:
    """No search for cycles: what is decoded here has none, and there is much of it."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


_worker: Worker | None = None


def _begin(job: Job) -> None:
    global _worker  # noqa: PLW0603 - one for each process
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the command's to answer; it ends its workers
    gc.disable()
    gc.freeze()
    _worker = Worker(job)


def _work(files: Sequence[File]) -> Done:
    assert _worker is not None  # noqa: S101 - _begin ran before
    done = _worker.work(files)
    gc.collect()
    return done


class Listing:
    """All files of a run, in a file of their own while there are many: their number is no matter of memory."""

    def __init__(self, files: Iterable[File | Broken], *, said: Callable[[str], None] = lambda _text: None) -> None:
        self.count = self.size = 0
        self.broken: list[Broken] = []
        self._store = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY, prefix="rootwatch-")  # noqa: SIM115 - as above
        try:
            self._add(files, said)
        except BaseException:
            self._store.close()
            raise

    def _add(self, files: Iterable[File | Broken], said: Callable[[str], None]) -> None:
        for item in files:
            if isinstance(item, Broken):
                self.broken.append(item)
                continue
            self.count += 1
            self.size += item.size
            pickle.dump((item.name, item.size, item.number), self._store)
            if self.count % 1_000 == 0:
                said(f"{self.count:,} files so far")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._store.close()

    def __iter__(self) -> Iterator[File]:
        self._store.seek(0)
        for _ in range(self.count):
            name, size, number = pickle.load(self._store)  # noqa: S301 - our own
            yield File(name=name, size=size, number=number)
