"""`rootwatch replay`: what was asked for, how far it is, and what came of it."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

from audit.period import Period, PeriodError
from cli import replay_output
from cli.backtest import WORTH_A_WORKER, BackTest, Crew, Done, Job, Listing, Worker, cores
from cli.detections import chosen
from cli.errors import USAGE, CommandError, reason_of
from cli.records import STANDARD_INPUT, Broken
from cli.replay_output import Result
from cli.terminal import Paint, Progress, counted, is_watched, width_of
from cli.trail_files import IN_FLIGHT, S3, Span, files_of
from handlers.adapters.story import MessageSettings
from handlers.adapters.untrusted import plain

if TYPE_CHECKING:
    from rich.progress import Progress as Bar
    from rich.progress import TaskID

    from infra.deployment import Deployment

FORMS = ("text", "table", "json", "html")
_LINE = 600  # characters of one report
_NAMED = 200  # problems that the HTML page repeats


@dataclass(frozen=True, kw_only=True)
class Options:
    """What was asked for, as it was typed."""

    names: Sequence[str]
    detections: tuple[str, ...] = ()
    begin: str | None = None
    end: str | None = None
    form: str = "text"
    output: Path | None = None
    workers: int = 0


def run(options: Options, *, deployment: Deployment | None, version: str) -> bool:
    """Replay, and print or write the result; returns whether something could not be read or judged.

    Raises:
        CommandError: an option is wrong, or the result cannot be written.
    """
    if options.form not in FORMS:
        raise CommandError(f"--format {options.form!a} is not known.", fix=f"{', '.join(FORMS)}.", code=USAGE)
    span = _span(options)
    job = Job(
        detections=chosen(options.detections),
        account_names=deployment.accounts if deployment else {},
        quiet=deployment.quiet if deployment else None,
        span=span,
        endpoint_url=os.environ.get("AWS_ENDPOINT_URL_S3") or os.environ.get("AWS_ENDPOINT_URL"),
    )
    problems = _Problems()
    with BackTest(job) as test:
        _read_all(options, job, test, problems)
        told, quiet = test.finish(), test.quiet()
    summary = f"{counted(len(told), 'alert')} from {counted(test.events, 'event')} in {counted(test.files, 'file')}"
    result = Result(
        told=told,
        quiet=quiet,
        summary=_with_troubles(summary, len(quiet), test),
        span=span,
        detections=options.detections,
        problems=test.problems,
        named=problems.told,
    )
    _write(result, options, deployment, version)
    return test.problems > 0


def _span(options: Options) -> Span:
    if options.begin is None and options.end is None:
        return Span()
    now = datetime.now(UTC)
    try:
        if options.begin is None:
            return Span(end=Period.of("1970", options.end, now=now).end)
        period = _period(options.begin, options.end, now)
    except PeriodError as error:
        raise CommandError(str(error), code=USAGE) from error
    return Span(begin=period.begin, end=period.end)


def _period(begin: str, end: str | None, now: datetime) -> Period:
    """ "2026-10" alone is that month, and a moment alone reaches from then until now."""
    if end is None:
        with contextlib.suppress(PeriodError):
            return Period.of(begin, None, now=now)
    return Period.of(begin, end or "now", now=now)


def _read_all(options: Options, job: Job, test: BackTest, problems: _Problems) -> None:
    names = [name for name in options.names if name != STANDARD_INPUT]
    line = Progress(sys.stderr)
    try:
        listing = Listing(files_of(names, span=job.span, endpoint_url=job.endpoint_url), said=line.show)
    finally:
        line.clear()
    workers = _workers(options, listing)
    with listing, Crew(_with_in_flight(job, workers), workers=workers) as crew, _bar(listing, test) as show:
        for broken in listing.broken:
            test.problems += 1
            problems.say(broken)
        for done in crew.results(listing):
            _take(done, test, problems)
            show.update()
        if len(names) < len(options.names):
            _take(Worker(job).listen(sys.stdin.buffer, listing.count + 1), test, problems)
    if not listing.count and not listing.broken and names:
        test.problems += 1
        between = f"{job.span.begin:%Y-%m-%d} and {job.span.end:%Y-%m-%d}"
        problems.say(Broken(file=", ".join(names), place="", cause=f"no file of the time between {between}"))


def _workers(options: Options, listing: Listing) -> int:
    """As many as asked for; where nobody asked, no more than there is work for."""
    if options.workers:
        return options.workers
    worth = max(listing.size // WORTH_A_WORKER, IN_FLIGHT if _is_remote(options) and listing.count > IN_FLIGHT else 0)
    return max(1, min(cores(), worth))


def _is_remote(options: Options) -> bool:
    return any(name.startswith(S3) for name in options.names)


def _with_in_flight(job: Job, workers: int) -> Job:
    return Job(
        detections=job.detections,
        account_names=job.account_names,
        quiet=job.quiet,
        span=job.span,
        endpoint_url=job.endpoint_url,
        in_flight=-(-IN_FLIGHT // workers),
    )


def _take(done: Done, test: BackTest, problems: _Problems) -> None:
    test.take(done)
    for broken in done.named:
        problems.say(broken)


class _Problems:
    """What could not be read or judged, said on stderr as it is met."""

    def __init__(self) -> None:
        self.told: list[str] = []

    def say(self, broken: Broken) -> None:
        text = plain(str(broken), _LINE)
        if len(self.told) < _NAMED:
            self.told.append(text)
        print(f"rootwatch: {text}", file=sys.stderr, flush=True)  # rich shows it above its bar


class _Shown:
    """A bar on stderr with the rate and the time left, or nothing where nobody looks."""

    def __init__(self, bar: Bar | None, task: TaskID | None, test: BackTest) -> None:
        self._bar, self._task, self._test = bar, task, test

    def update(self) -> None:
        if self._bar is not None and self._task is not None:
            self._bar.update(self._task, completed=self._test.size, events=self._test.events)


@contextmanager
def _bar(listing: Listing, test: BackTest) -> Iterator[_Shown]:
    if not is_watched(sys.stderr) or listing.size < WORTH_A_WORKER:
        yield _Shown(None, None, test)
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, ProgressColumn, Task, TimeRemainingColumn
    from rich.text import Text

    class _Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            elapsed = task.elapsed or 0
            rate = task.fields["events"] / elapsed if elapsed else 0
            return Text(f"{task.fields['events']:,} events, {rate:,.0f}/s")

    console = Console(stderr=True)
    with Progress(
        BarColumn(), DownloadColumn(), _Rate(), TimeRemainingColumn(), console=console, transient=True
    ) as bar:
        yield _Shown(bar, bar.add_task("", total=listing.size, events=0), test)


def _with_troubles(summary: str, quiet: int, test: BackTest) -> str:
    notes = [summary]
    if quiet:
        notes.append(f"{counted(quiet, 'alert')} kept quiet or below the threshold")
    if unread := test.problems - test.failed:
        notes.append(f"{counted(unread, 'problem')} with reading, named above")
    if test.failed:
        notes.append(f"{counted(test.failed, 'event')} not judged completely, named above")
    return "; ".join(notes)


def _write(result: Result, options: Options, deployment: Deployment | None, version: str) -> None:
    display = deployment.display if deployment else None
    settings = MessageSettings(
        language=display.language if display else "en",
        time_zone=display.time_zone if display else "UTC",
        version=version,
    )
    with _target(options.output) as stream:
        paint = Paint.of(stream) if options.output is None else Paint(enabled=False)
        pieces: Iterator[str]
        match options.form:
            case "json":
                pieces = (f"{line}\n" for line in replay_output.lines(result))
            case "html":
                pieces = replay_output.html(result, version=version, now=datetime.now(UTC))
            case "table":
                pieces = (f"{line}\n" for line in replay_output.rows(result, paint=paint))
            case _:
                width = width_of(stream) if options.output is None else None
                texts = replay_output.text(result, settings=settings, paint=paint, width=width)
                pieces = (f"{line}\n" for line in texts)
        stream.writelines(pieces)
    to_stdout = options.output is None and options.form in ("text", "table")
    print(result.summary, file=sys.stdout if to_stdout or options.output is not None else sys.stderr)
    if options.output is not None:
        print(f"Written to {plain(str(options.output), _LINE)}.")


@contextmanager
def _target(path: Path | None) -> Iterator[TextIO]:
    """Where the result goes; a file appears when it is whole."""
    if path is None:
        yield sys.stdout
        return
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name[:50]}.")
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            yield stream
        os.replace(temporary, path)  # noqa: PTH105 - a descriptor's name is a string
        temporary = None
    except OSError as error:
        raise CommandError(f"{path} cannot be written: {reason_of(error)}.", fix="choose another --output.") from error
    finally:
        if temporary is not None:
            Path(temporary).unlink(missing_ok=True)
