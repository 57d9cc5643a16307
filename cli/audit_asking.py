"""A question carried out: where the logs are, who is asked, and how the rows are shown."""

from __future__ import annotations

import csv
import json
import os
import re
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TextIO

from audit.engines import Answer, EngineError, used_parameters
from audit.log_files import Wanted
from audit.period import Period, PeriodError
from audit.questions import Question, QuestionError, question
from cli.errors import USAGE, CommandError, reason_of
from cli.terminal import Paint, Progress, columns, counted, padded, progress, width_of
from handlers.adapters.untrusted import csv_cell, plain

if TYPE_CHECKING:
    from audit.duckdb_engine import DuckDBEngine
    from infra.deployment import Deployment

_COPY = ".parquet"
_CELL = 60  # columns of one cell where a person looks
_LONG_CELL = 2_000
_MEMORY = re.compile(r"[1-9][0-9]{0,5} ?(?:MB|MiB|GB|GiB)", re.IGNORECASE)
_BAR = 24


@dataclass(frozen=True, kw_only=True)
class Request:
    """A question and what it is asked of."""

    question: Question
    period: Period
    accounts: tuple[str, ...]
    regions: tuple[str, ...]
    parameters: Mapping[str, object]

    @classmethod
    def of(
        cls,
        name: str,
        *,
        begin: str,
        end: str | None,
        accounts: Sequence[str],
        regions: Sequence[str],
        values: Sequence[str],
    ) -> Request:
        """Raises CommandError: no such question, no time, or a parameter that it has not or that is no value of it."""
        item = question_of(name)
        given: dict[str, str] = {}
        for text in values:
            key, found, value = text.partition("=")
            if not found or not key:
                raise CommandError(
                    f"--param {text[:60]!a} is not NAME=VALUE.",
                    fix=f"see `rootwatch audit show {item.name}`.",
                    code=USAGE,
                )
            given[key.strip()] = value
        try:
            period = Period.of(begin, end, now=datetime.now(UTC))
            bound = item.bind(period, given, accounts=accounts, regions=regions)
        except (PeriodError, QuestionError) as error:
            raise CommandError(str(error), code=USAGE) from error
        return cls(question=item, period=period, accounts=tuple(accounts), regions=tuple(regions), parameters=bound)


def question_of(name: str) -> Question:
    """Raises CommandError: there is none of this name."""
    try:
        return question(name)
    except QuestionError as error:
        raise CommandError(str(error), code=USAGE) from error


def parameters_of(item: Question) -> frozenset[str]:
    return used_parameters(item.sql)


def bounds_of(*, begin: str, end: str | None, accounts: Sequence[str], regions: Sequence[str]) -> dict[str, object]:
    """What bounds a session: the parameters that every question has.

    Raises:
        CommandError: it is no time, account or region.
    """
    item = Question(name="shell", titles={"en": ""}, told={"en": ""}, parameters=(), sql="")
    try:
        period = Period.of(begin, end, now=datetime.now(UTC))
        return item.bind(period, accounts=accounts, regions=regions)
    except (PeriodError, QuestionError) as error:
        raise CommandError(str(error), code=USAGE) from error


def wanted_of(*, begin: str | None, end: str | None, accounts: Sequence[str], regions: Sequence[str]) -> Wanted:
    """Which files an ingest takes. Raises CommandError as `bounds_of`."""
    if begin is None and end is not None:
        raise CommandError("--to without --from.", fix="say from when on with --from.", code=USAGE)
    bounds = bounds_of(begin=begin or "2013", end=end, accounts=accounts, regions=regions)
    return _wanted(bounds) if begin is not None else Wanted(accounts=tuple(accounts), regions=tuple(regions))


def _wanted(bounds: Mapping[str, object]) -> Wanted:
    accounts, regions = bounds["account"], bounds["region"]
    days = [str(bounds[name]) for name in ("from_day", "history_day") if name in bounds]
    return Wanted(
        accounts=accounts if isinstance(accounts, tuple) else (),
        regions=regions if isinstance(regions, tuple) else (),
        from_day=min(days),
        to_day=str(bounds["to_day"]),
    )


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where logs are on this machine, and the buckets from which they come."""

    logs: Path
    bucket: str
    prefix: str
    audit_bucket: str
    entries: Path | None
    copy: Path | None
    memory: str
    region: str | None = None

    @classmethod
    def of(
        cls,
        *,
        logs: Path | None,
        bucket: str | None,
        prefix: str,
        entries: Path | None,
        copy: Path | None,
        memory: str,
        config: Path,
    ) -> Place:
        """Raises CommandError: a folder is not there, or nothing says where the logs are."""
        if not _MEMORY.fullmatch(memory.strip()):
            raise CommandError(
                f"--memory {memory[:40]!a} is no size.", fix='write it like "500MB" or "4GB".', code=USAGE
            )
        audit_bucket, region = "", None
        if bucket is None and logs is None:
            deployment = deployment_of(
                config, "without --logs and --bucket, the deployment's own bucket is asked, which its file names"
            )
            bucket = deployment.trail_bucket_name
            if bucket is None:
                raise CommandError(
                    f"{config}: this deployment has no trail, so there is no bucket of logs.",
                    fix="name a folder (--logs) or a bucket (--bucket).",
                )
            prefix = deployment.trail.key_prefix
            audit_bucket, region = deployment.audit_bucket_name, deployment.home_region
        for option, folder in (("--logs", logs if bucket is None else None), ("--entries", entries), ("--copy", copy)):
            if folder is not None and not folder.exists():
                raise CommandError(
                    f"{option} {folder}: there is no such file or folder.",
                    fix="check the path; `rootwatch audit ingest` makes a Parquet copy."
                    if option == "--copy"
                    else "check the path.",
                )
        folder = logs if logs is not None else _cache() / (bucket or "")
        return cls(
            logs=folder,
            bucket=bucket or "",
            prefix=prefix,
            audit_bucket=audit_bucket,
            entries=entries,
            copy=copy if copy is not None else copy_in(folder),
            memory=memory.strip().replace(" ", ""),
            region=region,
        )


def _cache() -> Path:
    base = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    return Path(base).expanduser() / "rootwatch" / "logs"


def copy_in(logs: Path) -> Path:
    """Where the Parquet copy of a folder is, unless told otherwise."""
    return (logs if logs.is_dir() or not logs.exists() else logs.parent) / _COPY


def deployment_of(path: Path, why: str) -> Deployment:
    """Raises CommandError: the file is not there, or not right; says what it is needed for."""
    from infra.deployment import ConfigurationError, Deployment

    try:
        return Deployment.load(path)
    except ConfigurationError as error:
        raise CommandError(f"{why}.\n{error}") from error


# Asking


def asked_of_duckdb(request: Request, place: Place) -> tuple[Answer, float]:
    """The answer and the seconds it took, fetching aside.

    Raises:
        CommandError: it was not answered.
    """
    with engine_of(place, request.parameters, tables=request.question.tables) as engine:
        started = time.monotonic()
        try:
            answer = engine.run(request.question.sql, request.parameters)
        except EngineError as error:
            raise CommandError(str(error)) from error
        return answer, time.monotonic() - started


def asked_of_athena(request: Request, config: Path) -> tuple[Answer, float]:
    """As `asked_of_duckdb`, in the deployment's workgroup."""
    from audit import athena

    deployment = deployment_of(config, "Athena is asked in a deployment's workgroup, which its file names")
    with progress() as line:
        started = time.monotonic()
        try:
            engine = athena.connect(
                region=deployment.home_region,
                workgroup=deployment.audit_workgroup,
                database=deployment.audit_database,
                progress=lambda step: line.show(
                    f"Athena: {step.state.lower()}, {step.seconds:,.0f} s, {step.scanned_bytes / 1e6:,.0f} MB read"
                ),
            )
            answer = engine.run(request.question.sql, request.parameters)
        except EngineError as error:
            raise CommandError(str(error)) from error
    return answer, time.monotonic() - started


@contextmanager
def engine_of(place: Place, bounds: Mapping[str, object], *, tables: Sequence[str]) -> Iterator[DuckDBEngine]:
    """An engine over the place, after what is asked for has been fetched where there is a bucket.

    Raises:
        CommandError: a bucket cannot be read, or there is no room.
    """
    from audit.duckdb_engine import DuckDBEngine

    with progress() as line:
        if place.bucket:
            _fetch(place, bounds, tables, line)
        # The audit log lies beside the logs where nothing else is said, and where it does.
        names = ("findings", "transitions", "windows")
        beside = place.logs if any((place.logs / name).is_dir() for name in names) else None
        with DuckDBEngine(
            logs=[place.logs],
            entries=place.entries or beside,
            copy=place.copy if place.copy is not None and place.copy.is_dir() else None,
            memory=place.memory,
            told=_shown_on(line),
        ) as engine:
            yield engine


def _fetch(place: Place, bounds: Mapping[str, object], tables: Sequence[str], line: Progress) -> None:
    import boto3
    from botocore.config import Config

    from audit.fetch import Bucket

    settings = Config(
        connect_timeout=5,
        read_timeout=30,
        max_pool_connections=32,
        retries={"total_max_attempts": 8, "mode": "standard"},
    )
    client = boto3.client("s3", region_name=place.region, config=settings)
    problems: list[str] = []
    try:
        done = Bucket(client, place.bucket, prefix=place.prefix).fetch(
            place.logs, _wanted(bounds), told=_shown_on(line)
        )
        problems += done.problems
        entry_tables = [table for table in tables if table != "cloudtrail"]
        if place.audit_bucket and entry_tables and place.entries is None:
            problems += (
                Bucket(client, place.audit_bucket)
                .fetch_entries(place.logs, entry_tables, told=_shown_on(line))
                .problems
            )
    except EngineError as error:
        raise CommandError(str(error)) from error
    line.clear()
    if done.files:
        print(
            f"rootwatch: fetched {counted(done.files, 'log file')} ({done.size / 1e6:,.1f} MB) into "
            f"{plain(str(place.logs))}; {done.known:,} were there.",
            file=sys.stderr,
        )
    if problems:
        for problem in problems[:10]:
            print(f"rootwatch: {plain(problem, 600)}", file=sys.stderr)
        raise CommandError(
            f"{counted(len(problems), 'object')} of the bucket could not be fetched.",
            fix="see the right that is missing, then ask again: what was fetched is not fetched again.",
        )


def _shown_on(line: Progress) -> Callable[[float, str], None]:
    started = time.monotonic()

    def show(fraction: float, what: str) -> None:
        full = round(min(max(fraction, 0.0), 1.0) * _BAR)
        passed = time.monotonic() - started
        left = f", {passed / fraction - passed:,.0f} s left" if fraction > 0.05 and passed > 2 else ""
        line.show(f"[{'#' * full}{'.' * (_BAR - full)}] {fraction:4.0%}  {what}{left}")

    return show


# Showing


def write(answer: Answer, form: str, output: Path | None) -> None:
    """Write the rows: every string of them may be an attacker's.

    Raises:
        CommandError: the file cannot be written.
    """
    try:
        if form == "parquet" and output is not None:
            _as_parquet(answer, output)
        elif output is not None:
            with output.open("w", encoding="utf-8", newline="") as stream:
                _as_text(answer, form, stream)
        else:
            _as_text(answer, form, sys.stdout)
    except BrokenPipeError:
        raise
    except OSError as error:
        raise CommandError(f"{output}: {reason_of(error)}.", fix="name another file.") from error


def _as_text(answer: Answer, form: str, stream: TextIO) -> None:
    if form == "csv":
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(answer.columns)
        writer.writerows([_cell_of_csv(value) for value in row] for row in answer.rows)
    elif form == "json":
        for row in answer.rows:
            print(json.dumps(dict(zip(answer.columns, map(_plain_value, row), strict=True))), file=stream)
    else:
        for line in as_table(answer, Paint.of(stream), width_of(stream)):
            print(line, file=stream)


def _cell_of_csv(value: Any) -> str:
    """A number stays one; a text is never a formula."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return str(value)
    return csv_cell(_text(value), 20_000)


def _text(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(_plain_value(value), ensure_ascii=False)


def _plain_value(value: Any) -> Any:
    """As JSON has it."""
    if value is None or isinstance(value, str | int | float):
        return value
    if isinstance(value, dict):
        return {str(key): _plain_value(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain_value(item) for item in value]
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def as_table(answer: Answer, paint: Paint, width: int | None) -> Iterator[str]:
    """Aligned lines; where a person looks, rows that are wider than the terminal are shown one below the other."""
    if not answer.rows:
        yield "No rows."
        return
    cut = _LONG_CELL if width is None else _CELL
    cells = [["" if value is None else plain(_text(value), cut) for value in row] for row in answer.rows]
    # A column without any value says nothing to a person; a program counts on every column.
    kept = [index for index in range(len(answer.columns)) if width is None or any(row[index] for row in cells)]
    heads = [answer.columns[index] for index in kept]
    widths = [
        max(columns(head), *(columns(row[index]) for row in cells)) for head, index in zip(heads, kept, strict=True)
    ]
    if width is None or sum(widths) + 2 * len(widths) <= width:
        yield paint.bold("  ".join(padded(head, size) for head, size in zip(heads, widths, strict=True)).rstrip())
        for row in cells:
            yield "  ".join(padded(row[index], size) for index, size in zip(kept, widths, strict=True)).rstrip()
        return
    label = max(map(columns, heads))
    for number, values in enumerate(answer.rows, start=1):
        yield paint.bold(f"{number}.")
        for head, index in zip(heads, kept, strict=True):
            if values[index] is not None:
                yield f"  {paint.dim(padded(head, label))}  {plain(_text(values[index]), 400)}"


def _as_parquet(answer: Answer, output: Path) -> None:
    import duckdb

    unfinished = output.with_name(f"{output.name}.unfinished")
    with duckdb.connect() as connection:
        kinds = [_kind(row[index] for row in answer.rows) for index in range(len(answer.columns))]
        declared = ", ".join(f'"{name}" {kind}' for name, kind in zip(answer.columns, kinds, strict=True))
        connection.execute(f"CREATE TABLE answer ({declared})")
        places = ", ".join("?" for _ in kinds)
        if answer.rows:
            texts = [
                [
                    _text(value) if kind == "VARCHAR" and value is not None else value
                    for value, kind in zip(row, kinds, strict=True)
                ]
                for row in answer.rows
            ]
            connection.executemany(f"INSERT INTO answer VALUES ({places})", texts)  # noqa: S608 - places are "?"
        name = str(unfinished).replace("'", "''")
        try:
            connection.execute(f"COPY answer TO '{name}' (FORMAT parquet, COMPRESSION zstd)")
        except duckdb.IOException as error:
            raise CommandError(
                f"{output}: it cannot be written.", fix="name another file, in a folder that exists."
            ) from error
    unfinished.replace(output)


def _kind(values: Iterator[Any]) -> str:
    kinds = {type(value) for value in values if value is not None}
    for kind, name in ((bool, "BOOLEAN"), (int, "BIGINT"), (float, "DOUBLE")):
        if kinds == {kind}:
            return name
    return "VARCHAR"


def tell(answer: Answer, seconds: float, request: Request, *, engine: str) -> None:
    """On stderr, how much was read and what was left out: rows alone would not say so."""
    span = f"{request.period.from_time} to {request.period.to_time}"
    charged = ""
    if engine == "athena":
        from audit.athena import cost

        charged = f", about {max(cost(answer.scanned_bytes), 0.0001):.4f} USD"
    print(
        f"rootwatch: {counted(len(answer.rows), 'row')} of {span}; {answer.scanned_bytes / 1e6:,.1f} MB in "
        f"{seconds:.1f} s ({engine}{charged})",
        file=sys.stderr,
    )
    if answer.partial:
        print(f"rootwatch: PARTIAL ANSWER, {counted(len(answer.partial), 'reason')}:", file=sys.stderr)
        for reason in answer.partial:
            print(f"rootwatch:   {plain(reason, 1_000)}", file=sys.stderr)


def ingested(logs: Path, copy: Path, wanted: Wanted, *, memory: str) -> bool:
    """Make or go on with the Parquet copy, and tell; returns whether something was left out.

    Raises:
        CommandError: the folders cannot be used.
    """
    from audit.ingest import ingest

    if not logs.exists():
        raise CommandError(f"--logs {logs}: there is no such file or folder.", fix="check the path.")
    if not _MEMORY.fullmatch(memory.strip()):
        raise CommandError(f"--memory {memory[:40]!a} is no size.", fix='write it like "500MB" or "4GB".', code=USAGE)
    started = time.monotonic()
    with progress() as line:
        try:
            done = ingest([logs], copy, wanted=wanted, memory=memory.strip().replace(" ", ""), told=_shown_on(line))
        except EngineError as error:
            raise CommandError(str(error)) from error
    if not done.files and not done.known and not done.problems:
        raise CommandError(
            f"{logs}: there is no log file of these days, accounts and regions.",
            fix="check the folder; log files end with .json.gz, .json or .jsonl.",
        )
    size = f", {done.bytes_read / 1e6:,.1f} MB became {done.bytes_written / 1e6:,.1f} MB" if done.files else ""
    print(
        f"{counted(done.files, 'log file')} copied into {plain(str(copy))}{size} in "
        f"{time.monotonic() - started:.1f} s; {done.known:,} were in it already."
    )
    for problem in done.problems:
        print(f"rootwatch: {plain(problem, 1_000)}", file=sys.stderr)
    return bool(done.problems)
