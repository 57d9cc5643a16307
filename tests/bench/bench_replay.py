"""What a replay of a year's logs costs: ours, what anybody would write first, and the strongest engines there are.

Each contender runs in a process of its own, over the same files, and is timed from when it has imported what it needs.
`ROOTWATCH_BENCH_RECORDS=1000000 python -m tests.bench.bench_replay` is the large run.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import os
import resource
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from tests.bench.trail_corpus import KINDS, Corpus, corpus

RECORDS = int(os.environ.get("ROOTWATCH_BENCH_RECORDS", "200000"))
ROUNDS = int(os.environ.get("ROOTWATCH_BENCH_ROUNDS", "3"))
ROOT = Path(__file__).parents[2]


def _timed(work: Callable[[], Mapping[str, Any]]) -> dict[str, Any]:
    begun, before = time.perf_counter(), os.times()
    said = work()
    wall, after = time.perf_counter() - begun, os.times()
    cpu = sum(after[:4]) - sum(before[:4])  # with its children's
    own, others = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    return {"wall": wall, "cpu": cpu, "own_kb": own, "workers_kb": others, **said}


def _digest(ids: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(ids)).encode()).hexdigest()[:12]


def floor(trail: Corpus) -> dict[str, Any]:
    """Unpacking alone, with the fastest there is: nothing can be faster without leaving data out."""
    import deflate

    return _timed(lambda: {"bytes": sum(len(deflate.gzip_decompress(path.read_bytes())) for path in trail.files)})


def looped(trail: Corpus, unpack: Callable[[bytes], bytes], load: Callable[[bytes], Any]) -> dict[str, Any]:
    """Every record decoded whole and held against the catalogue by its look-up; only those that match go further.

    The ordinary pipeline on every record would take half as long again, and so would Python's search for cycles, which
    our own run does without as well: either would flatter us.
    """
    from cli.backtest import without_gc
    from cli.records import Record
    from cli.replay import Replay
    from handlers.alerting.catalogue import Catalogue
    from handlers.alerting.event import Event
    from handlers.detections import CATALOGUE

    def work() -> dict[str, Any]:
        replay, catalogue = Replay(CATALOGUE), Catalogue(CATALOGUE)
        for path in trail.files:
            for body in load(unpack(path.read_bytes()))["Records"]:
                if any(True for _ in catalogue.matching(Event.parse(body))):
                    replay.feed(Record(file="", place="", body=body))
        return _found(replay.finish(), replay.quiet())

    with without_gc():
        return _timed(work)


def decoded(trail: Corpus, unpack: Callable[[bytes], bytes], load: Callable[[bytes], Any]) -> dict[str, Any]:
    """Every record decoded whole, and nothing done with it: what such a loop cannot fall below."""
    return _timed(lambda: {"records": sum(len(load(unpack(path.read_bytes()))["Records"]) for path in trail.files)})


def _found(*groups: Iterable[Any]) -> dict[str, Any]:
    findings = [finding for group in groups for item in group for finding in (*item.findings, *item.silent)]
    return {
        "digest": _digest(finding.id for finding in findings),
        "by_detection": Counter(finding.detection_id for finding in findings),
        "alerts": sum(1 for group in groups for _ in group),
    }


def with_json(trail: Corpus, how: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """gzip and json of the standard library."""
    return how(trail, gzip.decompress, json.loads)


def with_orjson(trail: Corpus, how: Callable[..., dict[str, Any]]) -> dict[str, Any]:
    """isal and orjson."""
    import orjson
    from isal import igzip

    return how(trail, igzip.decompress, orjson.loads)


def ours(trail: Corpus, workers: int) -> dict[str, Any]:
    """As `rootwatch replay` does it, grouping included."""
    from cli.backtest import BackTest, Crew, Job, Listing
    from cli.trail_files import files_of
    from handlers.detections import CATALOGUE

    def work() -> dict[str, Any]:
        job = Job(detections=CATALOGUE)
        with (
            BackTest(job) as test,
            Listing(files_of([str(trail.folder)], span=job.span)) as files,
            Crew(job, workers=workers) as crew,
        ):
            for done in crew.results(files):
                test.take(done)
            told = test.finish()
            assert (test.events, test.problems) == (trail.records, 0)
            return _found(told, test.quiet())

    return _timed(work)


_FIELDS: Mapping[str, Any] = {
    "eventName": "",
    "eventSource": "",
    "errorCode": "",
    "userIdentity": {"type": "", "sessionContext": {"sessionIssuer": {"type": ""}}},
    "requestParameters": {"roleArn": ""},
}


def _column(path: tuple[str, ...]) -> str | None:
    fields: Any = _FIELDS
    for step in path:
        fields = fields.get(step) if isinstance(fields, Mapping) else None
    return "r." + ".".join(path) if fields == "" else None


def _duckdb_type(fields: Mapping[str, Any]) -> str:
    inner = ", ".join(f'"{name}" {_duckdb_type(kind) if kind else "VARCHAR"}' for name, kind in fields.items())
    return f"STRUCT({inner})"


def _counts_of(rows: Iterable[Any]) -> dict[str, Any]:
    from handlers.detections import CATALOGUE

    (row,) = rows
    return {"matched": {d.id: count for d, count in zip(CATALOGUE, row, strict=True) if count}}


def from_copy(trail: Corpus, threads: int) -> dict[str, Any]:
    """As `rootwatch replay` reads the Parquet copy that `rootwatch audit ingest` makes, grouping included."""
    from audit.ingest import ingest
    from cli.backtest import BackTest, Job, Worker
    from cli.parquet_copy import Copy, parts_of
    from handlers.detections import CATALOGUE

    folder = trail.folder.with_name(f"{trail.folder.name}-copy")
    begun = time.perf_counter()
    made = ingest([trail.folder], folder)
    assert not made.problems, made.problems[:3]
    seconds = time.perf_counter() - begun

    def work() -> dict[str, Any]:
        job = Job(detections=CATALOGUE)
        copy = Copy(parts_of(str(folder)), span=job.span, threads=threads)
        with BackTest(job) as test:
            test.take(Worker(job).judge("copy", copy.candidates([d.pattern for d in CATALOGUE]), 1))
            test.events += copy.count()
            told = test.finish()
            assert (test.events, test.problems) == (trail.records, 0)
            return _found(told, test.quiet())

    return {**_timed(work), "made": seconds if made.files else None}


def with_duckdb(trail: Corpus, threads: int) -> dict[str, Any]:
    """The catalogue's patterns as SQL over the gzipped files; no assessment, no grouping."""
    import duckdb

    from cli.pattern_sql import one_condition
    from handlers.detections import CATALOGUE

    columns = ", ".join(f"count(*) FILTER (WHERE {one_condition(d.pattern, _column)})" for d in CATALOGUE)
    query = (
        f"SELECT {columns} FROM (SELECT unnest(Records) AS r FROM read_json('{trail.folder}/**/*.json.gz', "
        f"format='unstructured', records='true', columns={{Records: '{_duckdb_type(_FIELDS)}[]'}}, "
        "maximum_object_size=268435456))"
    )
    connection = duckdb.connect()
    connection.execute(f"SET threads={threads}")
    return _timed(lambda: _counts_of(connection.execute(query).fetchall()))


def _chdb_type(fields: Mapping[str, Any]) -> str:
    return f"Tuple({', '.join(f'`{name}` {_chdb_type(kind) if kind else _TEXT}' for name, kind in fields.items())})"


_TEXT = "Nullable(String)"


def with_chdb(trail: Corpus, threads: int) -> dict[str, Any]:
    """The same on ClickHouse, embedded."""
    import chdb

    from cli.pattern_sql import one_condition
    from handlers.detections import CATALOGUE

    columns = ", ".join(f"countIf({one_condition(d.pattern, _column)})" for d in CATALOGUE)
    query = (
        f"SELECT {columns} FROM (SELECT arrayJoin(Records) AS r FROM file('{trail.folder}/**/*.json.gz', "
        f"'JSONEachRow', 'Records Array({_chdb_type(_FIELDS)})')) SETTINGS max_threads={threads}, "
        "input_format_skip_unknown_fields=1, input_format_json_max_depth=1000"
    )
    return _timed(lambda: _counts_of([json.loads(f"[{chdb.query(query, 'CSV')}]")]))


STAGES: Mapping[str, Callable[[Corpus], dict[str, Any]]] = {
    "unpacking alone (libdeflate), 1 core": floor,
    "gzip + json, decoding alone, 1 core": lambda trail: with_json(trail, decoded),
    "isal + orjson, decoding alone, 1 core": lambda trail: with_orjson(trail, decoded),
    "gzip + json, look-up of every record, 1 core": lambda trail: with_json(trail, looped),
    "isal + orjson, look-up of every record, 1 core": lambda trail: with_orjson(trail, looped),
    "rootwatch replay, 1 core": lambda trail: ours(trail, 1),
    "rootwatch replay, 2 cores": lambda trail: ours(trail, 2),
    "rootwatch replay of the Parquet copy, 2 cores": lambda trail: from_copy(trail, 2),
    "DuckDB SQL, 2 threads": lambda trail: with_duckdb(trail, 2),
    "chdb SQL, 2 threads": lambda trail: with_chdb(trail, 2),
}
FLOOR, _, _, NAIVE, ORJSON, ONE, TWO, COPIED, DUCKDB, CHDB = STAGES


def _run(stage: str, records: int) -> dict[str, Any]:
    """One contender in a process of its own."""
    command = [sys.executable, "-m", "tests.bench.bench_replay", stage, str(records)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{stage} failed:\n{done.stderr[-2_000:]}")
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    trail = corpus(RECORDS)
    small = corpus(min(RECORDS // 2, 100_000))
    runs: dict[str, list[dict[str, Any]]] = {stage: [] for stage in STAGES}
    for number in range(ROUNDS):  # in turns, so that a disturbance meets them all
        for stage in STAGES:
            if number == 0 or stage not in (NAIVE, ORJSON) or RECORDS <= 200_000:
                runs[stage].append(_run(stage, RECORDS))
    smaller = {stage: _run(stage, small.records) for stage in (ONE, TWO)}
    wall = {stage: min(item["wall"] for item in found) for stage, found in runs.items()}
    cpu = {stage: min(item["cpu"] for item in found) for stage, found in runs.items()}
    first = {stage: found[0] for stage, found in runs.items()}

    print(
        f"Replay of {RECORDS:,} records in {len(trail.files):,} gz files ({trail.packed / 1e6:,.0f} MB), the whole "
        f"catalogue (best of {ROUNDS} rounds, {os.cpu_count()} cores; x floor by CPU):"
    )
    print(f"  {'':46} {'s':>7} {'CPU s':>7} {'records/s':>10} {'x floor':>8} {'MB':>6} {'MB/worker':>10}")
    for stage in STAGES:
        own, workers = first[stage]["own_kb"] / 1024, first[stage]["workers_kb"] / 1024
        print(
            f"  {stage:46} {wall[stage]:7.2f} {cpu[stage]:7.2f} {RECORDS / wall[stage]:10,.0f} "
            f"{cpu[stage] / cpu[FLOOR]:8.2f} {own:6.0f} {f'{workers:10.0f}' if workers else '':>10}"
        )
    _print_hits(trail, first)
    grown = first[TWO]["workers_kb"] - smaller[TWO]["workers_kb"]
    worker = max(first[TWO]["workers_kb"], smaller[TWO]["workers_kb"]) / 1024
    goals = (  # on one core by the processor's time, which others at work on this machine disturb less
        ("1 core against gzip + json, at least 4", cpu[NAIVE] / cpu[ONE], 4, True),
        ("1 core against isal + orjson, at least 2.5", cpu[ORJSON] / cpu[ONE], 2.5, True),
        ("1 core against unpacking alone, at most 3.3", cpu[ONE] / cpu[FLOOR], 3.3, False),
        ("2 cores against 1, at least 1.7", wall[ONE] / wall[TWO], 1.7, True),
        ("2 cores against DuckDB, at least 2", wall[DUCKDB] / wall[TWO], 2, True),
        ("2 cores against chdb, at least 1.3", wall[CHDB] / wall[TWO], 1.3, True),
        ("the Parquet copy against 2 cores, at least 4", wall[TWO] / wall[COPIED], 4, True),
        ("MB a worker, at most 64", worker, 64, False),
        (f"MB a worker grows from {small.records:,} to {RECORDS:,}, at most 4", grown / 1024, 4, False),
    )
    print("Goals:")
    for name, value, goal, at_least in goals:
        met = value >= goal if at_least else value <= goal
        print(f"  {name:60} {value:7.2f}  {'met' if met else 'NOT MET'}")


def _print_hits(trail: Corpus, first: Mapping[str, Mapping[str, Any]]) -> None:
    digests = {stage: first[stage]["digest"] for stage in (NAIVE, ORJSON, ONE, TWO, COPIED)}
    same = len(set(digests.values())) == 1
    total = sum(first[ONE]["by_detection"].values())
    print(f"Findings: {total:,}, {'the same, to the event, in all five' if same else f'NOT THE SAME: {digests}'}.")
    found = first[ONE]["by_detection"]
    missing = [
        f"{detection}: {found.get(detection, 0)} of {count}"
        for detection, count in _known(trail).items()
        if found.get(detection, 0) < count
    ]
    print(f"Known hits: {'all found' if not missing else 'MISSING ' + ', '.join(missing)}.")
    matched = first[DUCKDB]["matched"]
    print(f"DuckDB and chdb count {'the same' if matched == first[CHDB]['matched'] else 'NOT THE SAME'} matches.")


def _known(trail: Corpus) -> Counter[str]:
    known: Counter[str] = Counter()
    for kind, item in KINDS.items():
        if item.detection:
            known[item.detection] += trail.truth[kind]["count"]
    return known


if __name__ == "__main__":
    if len(sys.argv) > 2:
        print(json.dumps(STAGES[sys.argv[1]](corpus(int(sys.argv[2])))))
    else:
        main()
