"""DuckDB on this machine: questions over log files as they lie in a folder, over their Parquet copy, or over both.

The files are read with the columns that a question uses and no others; DuckDB would otherwise guess a shape from
thousands of kinds of records, and take six times as long. A file it refuses is read slowly, or named and left out.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import struct
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, TypeVar

import duckdb

from audit import parquet
from audit.engines import Answer, EngineError, named, used_parameters
from audit.log_files import LogFile, Wanted, log_files
from audit.repair import UnreadableFileError, repaired
from audit.tables import CLOUDTRAIL, TABLES, Struct, Table, athena_type, duckdb_type
from audit.translation import MACROS, translated

MEMORY = "1GB"  # of DuckDB's; what is more goes to the disk
_NAMED = 10  # files named in the reasons of an answer
_OBJECT = 16 << 20  # bytes of the largest file that is read without asking for more
_LARGEST_OBJECT = 512 << 20
_SMALLEST_GZIP = 18  # bytes: a header and a trailer
_GLOB = re.compile(r"[*?\[\]{}]")  # in a file's name DuckDB takes them for a pattern
_LAYOUT = r"/(\d{12})/CloudTrail/([a-z0-9-]+)/(\d{4}/\d\d/\d\d)/[^/]+$"
_FILE_NAME = r"(\d{12})_CloudTrail_([a-z0-9-]+)_(\d{4})(\d\d)(\d\d)T[^/]*$"
# A file without records, or with a record without a time, draws a number of the sequence, which tells of it.
# It is asked of whole files, before their records are: no condition of a question comes first.
_ODD = (
    'WHERE CASE WHEN Records IS NULL OR list_count(list_transform(Records, lambda r: r."eventTime")) < len(Records) '
    "THEN nextval('rootwatch_odd') > 0 ELSE TRUE END"
)
_ENTRY_DAY = r"/(\d{4}/\d\d/\d\d)/"

_T = TypeVar("_T")
Told = Callable[[float, str], None]  # how much is done, 0 to 1, and of what


@dataclass(frozen=True, kw_only=True)
class _Sources:
    """What one table is read from."""

    table: Table
    files: tuple[LogFile, ...]
    parts: tuple[parquet.Part, ...] = ()
    missing: str = ""  # why there is nothing

    @property
    def size(self) -> int:
        """Bytes, as they lie there."""
        return sum(file.size for file in self.files) + sum(part.size for part in self.parts)


@dataclass(frozen=True)
class _Verdict:
    """What became of a file that was looked at closely."""

    instead: tuple[LogFile, ...]  # the files to read: itself, or those that stand in for it
    reason: str = ""  # why it is left out
    refused: int = 0  # of its items, those that are no records


class DuckDBEngine:
    """An Engine over folders. It remembers which files are broken. Close it: it has a scratch folder."""

    def __init__(
        self,
        *,
        logs: Sequence[Path],
        entries: Path | None = None,
        copy: Path | None = None,
        memory: str = MEMORY,
        threads: int | None = None,
        told: Told | None = None,
    ) -> None:
        """
        Args:
            logs: folders of log files in either of CloudTrail's layouts, or in none; or single files.
            entries: the folder with findings/, transitions/ and windows/, as they lie in the audit log's bucket.
            copy: the folder of the Parquet copy (audit.ingest), used where it has a file's records.
            memory: DuckDB's limit; what needs more goes through the scratch folder.
            told: is called while a question is worked on.
        """
        self._logs = tuple(logs)
        self._entries = entries
        self._copy = copy
        self._told = told
        self._scratch = Path(tempfile.mkdtemp(prefix="rootwatch-audit-"))
        self._verdicts: dict[str, _Verdict] = {}
        self._repairs = 0
        self._sizes = _Sizes()
        self._met_odd = False  # whether the last question met a record without eventTime
        self._threads = threads or os.cpu_count() or 2
        self._connection = duckdb.connect(
            config={
                "memory_limit": memory,
                "threads": str(self._threads),
                "temp_directory": str(self._scratch / "spill"),
                "preserve_insertion_order": "false",
                "autoinstall_known_extensions": "false",
                "autoload_known_extensions": "false",
            }
        )
        for statement in ("SET TimeZone = 'UTC'", *MACROS, "CREATE TEMP SEQUENCE rootwatch_odd"):
            self._connection.execute(statement)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()
        shutil.rmtree(self._scratch, ignore_errors=True)

    def run(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """See Engine."""
        text, values = named(sql, parameters)
        statement = translated(text)
        wanted = _wanted(sql, parameters)
        sources = [self._sources(TABLES[name], wanted) for name in sorted(statement.tables)]

        return self._answered(sources, statement.names, lambda: self._connection.execute(statement.sql, values))

    def run_own(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """Answer statements of DuckDB's own over the tables as views; `parameters` bound the files, as a question's do.

        Raises:
            EngineError: they were not answered.
        """
        wanted = _wanted(":from_day :to_day :account :region", parameters)
        words = frozenset(re.findall(r"\w+", sql.lower()))
        sources = [self._sources(table, wanted) for name, table in TABLES.items() if name in words]
        # A SELECT without an asterisk names the columns that it reads.
        is_named = re.match(r"\s*(?:select|with)\b", sql, re.IGNORECASE) and not re.search(r"(?<!\()\*", sql)
        names = words if is_named else None

        return self._answered(sources, names, lambda: self._connection.execute(sql))

    def _answered(
        self,
        sources: Sequence[_Sources],
        names: frozenset[str] | None,
        execute: Callable[[], duckdb.DuckDBPyConnection],
    ) -> Answer:
        """What `execute` gives over views of these sources, with the columns of these names; None: all of them."""

        def ask() -> tuple[tuple[str, ...], list[tuple[Any, ...]]]:
            for source in sources:
                self._create_view(source, names)
            with self._watched(sources):
                result = execute()
                rows = result.fetchall() if result.description else []
            return tuple(str(item[0]) for item in result.description or ()), rows

        columns, rows = self._settled(sources, ask)
        return Answer(
            columns=columns,
            rows=rows,
            scanned_bytes=sum(source.size for source in sources),
            partial=tuple(reason for source in sources for reason in self._reasons(source)),
        )

    def copy_to(self, path: Path, files: Sequence[LogFile]) -> tuple[frozenset[str], int, tuple[str, ...]]:
        """Write these log files' records to a Parquet file, every column of them.

        Returns:
            The sources whose records are in it, how many have no eventTime, and what was left out.

        Raises:
            EngineError: nothing was written.
        """
        source = _Sources(table=CLOUDTRAIL, files=tuple(files))

        def write() -> None:
            self._create_view(source, None)
            # Records of one call beside each other, in small groups: it is smaller, and a question leaves most of them
            # unread. Higher levels of zstd cost more and gain nothing here.
            self._connection.execute(
                f"COPY (SELECT * FROM cloudtrail ORDER BY eventsource, eventname) TO {_quoted(str(path))} "
                "(FORMAT parquet, COMPRESSION zstd, COMPRESSION_LEVEL 1, ROW_GROUP_SIZE 16384)"
            )

        self._settled([source], write)
        found = self._connection.execute(
            f"SELECT count(*) FROM read_parquet({_quoted(str(path))}) WHERE eventtime IS NULL"
        ).fetchone()
        # A file of which items were refused is not whole: it is read as it is, so that every answer says so.
        whole = [file for file in files if not self._verdict(file).reason and not self._verdict(file).refused]
        return frozenset(map(parquet.source_of, whole)), found[0] if found else 0, tuple(self._left_out(source))

    # What is read

    def _sources(self, table: Table, wanted: Wanted) -> _Sources:
        if table.layout == "entry":
            return self._entry_sources(table)
        try:
            files = tuple(log_files(self._logs, wanted))
        except OSError as error:
            raise EngineError(
                f"{error.filename}: the folder of log files cannot be read: {(error.strerror or '').lower()}."
            ) from error
        parts = tuple(parquet.parts_in(self._copy, wanted)) if self._copy else ()
        covered = parquet.covered_by(parts)
        left = tuple(file for file in files if parquet.source_of(file) not in covered) if covered else files
        missing = "" if left or parts else self._nothing()
        return _Sources(table=table, files=left, parts=parts, missing=missing)

    def _nothing(self) -> str:
        folders = ", ".join(map(str, self._logs)) or "no folder"
        return (
            f"there is no log file of these days, accounts and regions in {folders}: nothing was read, which does not "
            "mean that nothing happened"
        )

    def _entry_sources(self, table: Table) -> _Sources:
        if self._entries is None:
            return _Sources(
                table=table, files=(), missing=f"no audit log was given (--entries): the table {table.name} is empty"
            )
        folder = self._entries / table.name
        if not folder.is_dir():
            return _Sources(table=table, files=(), missing=f"there is no folder {folder}: the table is empty")
        files = []
        for path in sorted(folder.rglob("*.json")):
            found = re.search(_ENTRY_DAY, str(path))
            files.append(LogFile(str(path.resolve()), path.stat().st_size, day=found[1] if found else ""))
        return _Sources(table=table, files=tuple(files))

    # How it is read

    def _create_view(
        self,
        source: _Sources,
        names: frozenset[str] | None,
    ) -> None:
        table = source.table
        files = [file for original in source.files for file in self._verdict(original).instead]
        arms = []
        if table.layout == "entry":
            arms += [_entry_arm(table, files, self._sizes)] if files else []
        else:
            arms += [
                _record_arm(kind, group, names, self._sizes)
                for kind, group in (
                    ("layout", [f for f in files if f.day and re.search(_LAYOUT, f.path)]),
                    ("name", [f for f in files if f.day and not re.search(_LAYOUT, f.path)]),
                    ("record", [f for f in files if not f.day]),
                )
                if group
            ]
        if source.parts:
            arms.append(_parquet_arm(table, source.parts, names))
        if not arms:
            arms = [_empty_arm(table)]
        self._connection.execute(f"CREATE OR REPLACE TEMP VIEW {table.name} AS {' UNION ALL BY NAME '.join(arms)}")

    def _settled(self, sources: Sequence[_Sources], ask: Callable[[], _T]) -> _T:
        """Ask; where files are in the way, look at each closely, and ask again without those that cannot be read."""
        # DuckDB would take such a name for a pattern, and an empty file for one without records.
        self._look_closely(
            sources,
            lambda file: file.is_lines or _GLOB.search(file.path) is not None or self._sizes.of(file) == 0,
        )
        has_files = any(source.files for source in sources)
        while True:
            before = self._odd() if has_files else 0
            try:
                answer = ask()
                self._met_odd = has_files and self._odd() > before
                if not self._met_odd or not self._look_closely(sources):
                    return answer
            except duckdb.Error as error:
                if not _is_about_files(error) or not self._look_closely(sources):
                    raise _translated_error(error) from error

    def _odd(self) -> int:
        """How many odd files the views have met: each draws a number."""
        found = self._connection.execute(
            "SELECT coalesce(last_value, 0) FROM duckdb_sequences() WHERE sequence_name = 'rootwatch_odd'"
        ).fetchone()
        return int(found[0]) if found else 0

    def _verdict(self, file: LogFile) -> _Verdict:
        return self._verdicts.get(_key(file)) or _Verdict((file,))

    def _look_closely(self, sources: Sequence[_Sources], which: Callable[[LogFile], bool] = lambda _: True) -> bool:
        """Look at those files that were not looked at before; returns whether the next question will read others."""
        waiting = [
            (source.table, file)
            for source in sources
            for file in source.files
            if _key(file) not in self._verdicts and which(file)
        ]
        changed = False
        for number, (table, file) in enumerate(waiting):
            if self._told:
                self._told(
                    number / len(waiting), f"looking at {len(waiting):,} files one by one: one is not as it should be"
                )
            verdict = self._verdicts[_key(file)] = self._looked_at(table, file)
            changed = changed or verdict.instead != (file,)
        return changed

    def _looked_at(self, table: Table, file: LogFile) -> _Verdict:
        if not _GLOB.search(file.path) and not file.is_lines and self._is_taken(table, file):
            return _Verdict((file,))
        self._repairs += 1
        try:
            made = repaired(file, self._scratch / f"repaired-{self._repairs}", table)
        except UnreadableFileError as error:
            return _Verdict((), str(error))
        return _Verdict(made.files, refused=made.refused)

    def _is_taken(self, table: Table, file: LogFile) -> bool:
        """Whether DuckDB reads the file with every column, and finds what it should hold."""
        if table.layout == "records":
            kind = duckdb_type(Struct(table.columns))
            rows = f"(SELECT unnest(Records) AS r FROM {_reader([file], {'Records': f'{kind}[]'}, self._sizes)})"
        else:
            rows = _reader([file], _columns_of(table), self._sizes)
        try:
            found = self._connection.execute(f"SELECT count(*) FROM {rows}").fetchone()
        except duckdb.Error:
            return False
        return bool(found and found[0])

    # What is said of it

    def _reasons(self, source: _Sources) -> Iterator[str]:
        if source.missing:
            yield source.missing
        yield from self._left_out(source)
        if source.table.layout == "records":
            yield from self._without_time(source)

    def _left_out(self, source: _Sources) -> Iterator[str]:
        broken = [(file, verdict) for file in source.files if (verdict := self._verdict(file)).reason]
        for file, verdict in broken[:_NAMED]:
            yield f"{file.path}: {verdict.reason}; it was left out"
        if len(broken) > _NAMED:
            yield f"{len(broken) - _NAMED:,} more files cannot be read and were left out"
        for file in source.files:
            if count := self._verdict(file).refused:
                yield f"{file.path}: {count:,} of its items are no records and were left out"

    def _without_time(self, source: _Sources) -> Iterator[str]:
        """Records without eventTime belong to no period: they are counted where there are any."""
        count = sum(part.without_time for part in source.parts)
        files = [file for original in source.files for file in self._verdict(original).instead]
        if self._met_odd:
            for group in ([f for f in files if f.day], [f for f in files if not f.day]):
                if group:
                    reader = _reader(group, {"Records": 'STRUCT("eventTime" VARCHAR)[]'}, self._sizes)
                    found = self._connection.execute(
                        f'SELECT count(*) FROM (SELECT unnest(Records) AS r FROM {reader}) WHERE r."eventTime" IS NULL'
                    ).fetchone()
                    count += found[0] if found else 0
        if count:
            yield f"records without eventTime, which belong to no period: {count:,}; left out"

    @contextlib.contextmanager
    def _watched(self, sources: Sequence[_Sources]) -> Iterator[None]:
        """Say how far the running question is, five times a second."""
        if self._told is None:
            yield
            return
        files = sum(len(source.files) + len(source.parts) for source in sources)
        megabytes = sum(source.size for source in sources) / 1e6
        what = f"{files:,} files, {megabytes:,.0f} MB"
        over = threading.Event()

        def watch(told: Told) -> None:
            while not over.wait(0.2):
                told(max(0.0, float(self._connection.query_progress())) / 100, what)

        thread = threading.Thread(target=watch, args=(self._told,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


def _wanted(sql: str, parameters: Mapping[str, object]) -> Wanted:
    """Which files a statement needs, by the parameters that it uses: they are what bounds it."""
    used = used_parameters(sql)

    def texts(name: str) -> tuple[str, ...]:
        value = parameters.get(name, ()) if name in used else ()
        return (value,) if isinstance(value, str) else tuple(value) if isinstance(value, Sequence) else ()

    days = [str(parameters[name]) for name in ("from_day", "history_day") if name in used and name in parameters]
    return Wanted(
        accounts=texts("account"),
        regions=texts("region"),
        from_day=min(days, default=""),
        to_day=str(parameters["to_day"]) if "to_day" in used and "to_day" in parameters else "9999",
    )


def _columns_of(table: Table) -> dict[str, str]:
    return {column.key: duckdb_type(column.type) for column in table.columns}


def _key(file: LogFile) -> str:
    return f"{file.path}#{file.size}"


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


class _Sizes:
    """How large files are unpacked, each looked at once: the last four bytes of a gzip say it."""

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def of(self, file: LogFile) -> int:
        """Bytes; of a file that cannot be opened, those that lie there."""
        if not file.path.endswith(".gz") or file.size < _SMALLEST_GZIP:
            return file.size
        size = self._known.get(file.path)
        if size is None:
            size = file.size
            with contextlib.suppress(OSError), Path(file.path).open("rb") as stream:
                stream.seek(-4, os.SEEK_END)
                (size,) = struct.unpack("<I", stream.read(4))
            self._known[file.path] = size
        return size

    def largest(self, files: Sequence[LogFile]) -> int:
        """Room for the largest of them; one that lies about it, or is larger than any of AWS's, is read slowly."""
        return max((size + 1024 for file in files if (size := self.of(file)) <= _LARGEST_OBJECT), default=0)


def _reader(files: Sequence[LogFile], columns: Mapping[str, str], sizes: _Sizes) -> str:
    listed = ", ".join(_quoted(file.path) for file in files)
    declared = ", ".join(f"{_quoted(key)}: {_quoted(kind)}" for key, kind in columns.items())
    # With an explicit list of records DuckDB looks for no shape, and reads each file in one piece.
    return (
        f"read_json([{listed}], columns={{{declared}}}, records='true', filename=true, "
        f"maximum_object_size={max(_OBJECT, sizes.largest(files))})"
    )


def _record_arm(kind: str, files: Sequence[LogFile], names: frozenset[str] | None, sizes: _Sizes) -> str:
    """SELECT of the records of files that say whose they are by their folders, by their names, or not at all."""
    needed = {"eventtime", *(("recipientaccountid", "awsregion") if kind == "record" else ())}
    columns = [column for column in CLOUDTRAIL.columns if names is None or column.name in names | needed]
    only = None if names is None else names | needed
    fields = ", ".join(f'"{column.key}" {duckdb_type(column.type, only=only)}' for column in columns)
    match kind:
        case "layout":
            place = {
                name: f"regexp_extract(filename, {_quoted(_LAYOUT)}, {number})"
                for number, name in enumerate(CLOUDTRAIL.partition_names, start=1)
            }
        case "name":
            group = partial("regexp_extract(filename, {0}, {1})".format, _quoted(_FILE_NAME))
            place = {"account": group(1), "region": group(2), "day": f"{group(3)}||'/'||{group(4)}||'/'||{group(5)}"}
        case _:
            place = {}
    of_file = "".join(f", {text} AS file_{name}" for name, text in place.items())
    chosen = [f'r."{column.key}" AS {column.name}' for column in columns]
    if place:
        chosen += [f"file_{name} AS {name}" for name in place]
    else:
        chosen += [
            'r."recipientAccountId" AS account',
            'r."awsRegion" AS region',
            """replace(substr(r."eventTime", 1, 10), '-', '/') AS day""",
        ]
    return (
        f"SELECT {', '.join(chosen)} FROM (SELECT unnest(Records) AS r{of_file} "
        f"FROM {_reader(files, {'Records': f'STRUCT({fields})[]'}, sizes)} "
        f"{_ODD})"
    )


def _entry_arm(table: Table, files: Sequence[LogFile], sizes: _Sizes) -> str:
    chosen = ", ".join(f'"{column.key}" AS "{column.name}"' for column in table.columns)
    return (
        f"SELECT {chosen}, regexp_extract(filename, {_quoted(_ENTRY_DAY)}, 1) AS day "
        f"FROM {_reader(files, _columns_of(table), sizes)}"
    )


def _parquet_arm(table: Table, parts: Sequence[parquet.Part], names: frozenset[str] | None) -> str:
    columns = [column.name for column in table.columns if names is None or column.name in names | {"eventtime"}]
    listed = ", ".join(_quoted(str(part.path)) for part in parts)
    return (
        f"SELECT {', '.join((*columns, *table.partition_names))} FROM read_parquet([{listed}], hive_partitioning=false)"
    )


def _empty_arm(table: Table) -> str:
    chosen = [f'CAST(NULL AS {duckdb_type(column.type)}) AS "{column.name}"' for column in table.columns]
    chosen += [f"CAST(NULL AS VARCHAR) AS {name}" for name in table.partition_names]
    return f"SELECT {', '.join(chosen)} WHERE FALSE"


def _is_about_files(error: duckdb.Error) -> bool:
    if isinstance(error, duckdb.OutOfMemoryException | duckdb.BinderException | duckdb.CatalogException):
        return False
    return isinstance(error, duckdb.IOException | duckdb.InvalidInputException | duckdb.ConversionException)


def _translated_error(error: duckdb.Error) -> EngineError:
    first = next((line for line in str(error).splitlines() if line.strip()), type(error).__name__)[:400]
    match error:
        case duckdb.OutOfMemoryException():
            return EngineError(
                f"the question needs more memory or scratch space than there is ({first}). Ask for a shorter period, "
                "fewer accounts or regions, or make the Parquet copy first (rootwatch audit ingest)."
            )
        case duckdb.BinderException() | duckdb.CatalogException():
            return EngineError(f"{first} The tables and their columns stand in docs/audit.md.")
    return EngineError(first)


def described_columns(table: Table) -> Iterator[tuple[str, str]]:
    """Name and type of every column, for people."""
    yield from ((column.name, athena_type(column.type)) for column in table.columns)
    yield from ((name, "string") for name in table.partition_names)
