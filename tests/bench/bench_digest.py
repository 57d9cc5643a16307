"""What it costs to prove logs whole, beyond unpacking and hashing every object: signatures, links, names, findings."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Callable, Mapping
from datetime import timedelta

from isal import isal_zlib

from audit.digest import verify
from tests.unit.audit.signed_chain import BEGIN, NOW, Bucket, Writer

DAYS = 4
LOGS = 10  # an hour
RECORDS = 2_000  # a log file: some 90 KB unpacked
ROUNDS = 5
GOAL = 2.0  # times the time of unpacking and hashing alone, on one core


def hashed(bucket: Bucket) -> None:
    """The floor: every object unpacked and hashed, by the same libraries, and nothing else."""
    for content in bucket.objects.values():
        hashlib.sha256(isal_zlib.decompress(content, wbits=31)).digest()


def best(works: Mapping[str, Callable[[], object]]) -> dict[str, float]:
    """Seconds of each, the best of several rounds in turn: others may be at work on this machine."""
    found = dict.fromkeys(works, float("inf"))
    for _ in range(ROUNDS):
        for name, work in works.items():
            begun = time.perf_counter()  # the wall clock: threads are part of what is measured
            work()
            found[name] = min(found[name], time.perf_counter() - begun)
    return found


def main() -> None:
    bucket, end = Bucket(chunk=1 << 17), BEGIN + timedelta(days=DAYS)
    writer = Writer(bucket)
    moment = BEGIN
    while moment <= end + timedelta(hours=2):
        logs = [writer.log(moment - timedelta(minutes=5 + 5 * number), RECORDS) for number in range(LOGS)]
        writer.digest(moment, logs)
        moment += timedelta(hours=1)
    size = sum(len(isal_zlib.decompress(content, wbits=31)) for content in bucket.objects.values())

    def check(workers: int) -> None:
        statement = verify(bucket, (), (), BEGIN, end, by="bench", version="-", now=NOW, workers=workers)
        assert statement.is_whole, json.dumps(statement.to_plain())

    print(f"Whole logs: {len(bucket.objects):,} objects, {size / 1e6:,.0f} MB unpacked (objects/s, times the first):")
    took = best(
        {
            "unpacking and hashing alone, on one core": lambda: hashed(bucket),
            f"verify, one at a time (goal: x {GOAL})": lambda: check(1),
            "verify, two at a time": lambda: check(2),
            "verify, sixteen at a time": lambda: check(16),
        }
    )
    floor = next(iter(took.values()))
    for name, seconds in took.items():
        print(f"  {name:44} {len(bucket.objects) / seconds:9,.0f}  x {seconds / floor:5.2f}")


if __name__ == "__main__":
    main()
