"""What a question of an auditor's costs: over log files as they lie, over their Parquet copy, and asked more plainly.

Times are of the processor, all threads together: others may be at work on this machine. The two slowest ways are
measured over a tenth of the files, and held against ours over the same tenth.
`ROOTWATCH_BENCH_RECORDS=1000000 python -m tests.bench.bench_questions` is the large run.
"""

from __future__ import annotations

import gzip
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb

from audit import duckdb_engine
from audit.duckdb_engine import DuckDBEngine
from audit.ingest import ingest
from audit.period import Period
from audit.questions import question
from tests.bench.trail_corpus import BUILD, corpus

RECORDS = int(os.environ.get("ROOTWATCH_BENCH_RECORDS", "200000"))
THREADS = 2
SLOW_PART = 10  # of the files, every tenth
MONTH = Period.of("2026-05", None, now=datetime(2026, 11, 24, tzinfo=UTC))
ASKED: tuple[tuple[str, dict[str, str]], ...] = (
    ("root_sign_ins", {}),
    ("admin_grants", {}),
    ("logins_without_mfa", {}),
    ("by_access_key", {"key": "AKIAIOSFODNN7EXAMPLE"}),
    ("failed_logins", {}),
)


@dataclass(frozen=True)
class Took:
    """Seconds, and what came of it."""

    cpu: float
    wall: float
    found: Any


def timed(work: Callable[[], Any]) -> Took:
    wall, cpu = time.perf_counter(), time.process_time()
    found = work()
    return Took(time.process_time() - cpu, time.perf_counter() - wall, found)


def asked(logs: Path, name: str, values: dict[str, str], copy: Path | None = None) -> Took:
    """One question to an engine that is open already, as in a session."""
    item = question(name)
    with DuckDBEngine(logs=[logs], entries=logs, copy=copy, threads=THREADS, memory="2GB") as engine:
        return timed(lambda: list(engine.run(item.sql, item.bind(MONTH, values)).rows))


@contextmanager
def without_the_flag() -> Iterator[None]:
    """DuckDB finds out by itself that a file is one object."""
    own = duckdb_engine._reader

    def plain(*arguments: Any) -> str:
        return own(*arguments).replace("records='true', ", "")

    duckdb_engine._reader = plain
    try:
        yield
    finally:
        duckdb_engine._reader = own


def detected(files: list[Path]) -> Took:
    """The first question, with columns and types that DuckDB guesses."""
    with duckdb.connect(config={"threads": str(THREADS), "preserve_insertion_order": "false"}) as connection:
        sql = (
            "SELECT count(*) FROM (SELECT unnest(Records) AS r FROM read_json(?, maximum_object_size=268435456)) "
            "WHERE r.eventName = 'ConsoleLogin' AND r.userIdentity.type = 'Root'"
        )
        return timed(lambda: connection.execute(sql, [[str(path) for path in files]]).fetchall()[0][0])


def naive(files: list[Path]) -> Took:
    """What anybody would write first, on one core."""

    def work() -> int:
        found = 0
        for path in files:
            for record in json.loads(gzip.decompress(path.read_bytes()))["Records"]:
                found += record["eventName"] == "ConsoleLogin" and record["userIdentity"].get("type") == "Root"
        return found

    return timed(work)


def verdict(met: bool) -> str:
    return "goal met" if met else "GOAL MISSED"


def main() -> None:
    trail = corpus(RECORDS)
    logs = trail.folder / "AWSLogs"
    scratch = BUILD / "questions"
    shutil.rmtree(scratch, ignore_errors=True)
    part = scratch / "part" / "AWSLogs"
    few = list(trail.files)[::SLOW_PART]
    for path in few:
        place = part / path.relative_to(logs)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)

    print(f"Questions over {RECORDS:,} records in {len(trail.files):,} files, {trail.packed / 1e6:,.0f} MB gzipped;")
    print(f"DuckDB {duckdb.__version__} with {THREADS} threads; seconds of the processor (and of the clock).")

    raw = {name: asked(logs, name, values) for name, values in ASKED}
    copy = scratch / "copy"
    made = timed(lambda: ingest([logs], copy, memory="2GB"))
    for name, values in ASKED:
        asked(logs, name, values, copy)  # the files of the copy are in memory, as those of the logs are
    fast = {name: asked(logs, name, values, copy) for name, values in ASKED}
    for name, _ in ASKED:
        assert raw[name].found == fast[name].found, f"{name}: the copy answers something else"
        print(
            f"  {name:<22} raw {raw[name].cpu:7.2f} ({raw[name].wall:6.2f})   Parquet {fast[name].cpu:6.3f} "
            f"({fast[name].wall:6.3f})   {len(raw[name].found):,} rows, the same"
        )
    name, values = ASKED[0]
    mine = asked(part, name, values)
    with without_the_flag():
        plain = asked(part, name, values)
    guessed, looped = detected(few), naive(few)
    assert len(mine.found) == len(plain.found) == guessed.found == looped.found, "the contenders disagree"
    print(f"Over every {SLOW_PART}th file, {name}:")
    for what, took in (
        ("ours", mine),
        ("without records='true'", plain),
        ("shape detected", guessed),
        ("gzip and json, a loop", looped),
    ):
        print(f"  {what:<22} {took.cpu:7.2f} ({took.wall:6.2f})   {took.cpu / mine.cpu:5.1f} x ours")

    total, quick = sum(took.cpu for took in raw.values()), sum(took.cpu for took in fast.values())
    one = total / len(ASKED)
    size = made.found.bytes_written / trail.packed
    print(f"Against the explicit shape without the flag: {plain.cpu / mine.cpu:.1f} x (>= 6): ", end="")
    print(verdict(plain.cpu / mine.cpu >= 6))
    print(f"Against a detected shape: {mine.cpu / guessed.cpu:.2f} (<= 0.8): {verdict(mine.cpu / guessed.cpu <= 0.8)}")
    print(f"Five from Parquet: 1/{total / quick:.0f} of raw (<= 1/60): {verdict(total / quick >= 60)}")
    print(
        f"Ingest, once: {made.cpu:.1f} ({made.wall:.1f}) = {made.cpu / one:.1f} raw questions (<= 2.5): "
        f"{verdict(made.cpu / one <= 2.5)}"
    )
    print(
        f"Size: {size:.2f} of the gzip (<= 0.7): {verdict(size <= 0.7)}. Every column is kept, and the random ids of "
        "these records compress nowhere."
    )
    shutil.rmtree(scratch, ignore_errors=True)


if __name__ == "__main__":
    main()
