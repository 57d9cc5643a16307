"""Log files turned into a Parquet copy, once: a part for each day, and only of files that are in no part yet."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from audit import parquet
from audit.duckdb_engine import MEMORY, DuckDBEngine
from audit.engines import EngineError
from audit.log_files import LogFile, Wanted, log_files

_FILES = 5_000  # in one part: an accident costs little, and memory stays small


@dataclass(frozen=True, kw_only=True)
class Ingested:
    """What a run did."""

    files: int  # taken now
    known: int  # that were in the copy already
    bytes_read: int
    bytes_written: int
    problems: tuple[str, ...]  # files that cannot be read: they stay as they are, and every question names them


def ingest(
    logs: Sequence[Path],
    copy: Path,
    *,
    wanted: Wanted | None = None,
    memory: str = MEMORY,
    told: Callable[[float, str], None] | None = None,
) -> Ingested:
    """Copy the files that are in no part yet. Interrupted and started again, it goes on where it was.

    Raises:
        EngineError: a folder cannot be read or written.
    """
    try:
        files = list(log_files(logs, wanted))
        copy.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise EngineError(f"{error.filename}: cannot be used: {(error.strerror or '').lower()}.") from error
    covered = parquet.covered_by(parquet.parts_in(copy))
    waiting = [file for file in files if parquet.source_of(file) not in covered]
    groups: dict[str, list[LogFile]] = defaultdict(list)
    for file in waiting:
        groups[file.day].append(file)
    batches = [
        (day, group[start : start + _FILES])
        for day, group in sorted(groups.items())
        for start in range(0, len(group), _FILES)
    ]
    total, done, written, taken = sum(file.size for file in waiting) or 1, 0, 0, 0
    problems: list[str] = []
    with DuckDBEngine(logs=logs, memory=memory) as engine:
        for day, batch in batches:
            if told:
                told(done / total, f"{day or 'files without a day'}, {done / 1e6:,.0f} of {total / 1e6:,.0f} MB")
            sources = [parquet.source_of(file) for file in batch]
            path = parquet.part_path(copy, day, sources)
            unfinished = path.with_suffix(".unfinished")
            try:
                path.parent.mkdir(parents=True, exist_ok=True)
                whole, without_time, left_out = engine.copy_to(unfinished, batch)
                problems += left_out
                if whole == frozenset(sources):
                    unfinished.replace(path)
                else:
                    unfinished.unlink()
                    good = [file for file in batch if parquet.source_of(file) in whole]
                    if not good:
                        continue
                    path = parquet.part_path(copy, day, whole)
                    whole, without_time, _ = engine.copy_to(path, good)
                parquet.finish(path, sources=whole, without_time=without_time)
            except OSError as error:
                raise EngineError(f"{error.filename}: cannot be written: {(error.strerror or '').lower()}.") from error
            taken += len(whole)
            written += path.stat().st_size
            done += sum(file.size for file in batch)
    return Ingested(
        files=taken,
        known=len(files) - len(waiting),
        bytes_read=done,
        bytes_written=written,
        problems=tuple(problems),
    )
