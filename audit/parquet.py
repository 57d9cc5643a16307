"""The Parquet copy of log files: parts by day, each with a list of the files it was made of.

A file that is in no part is read as it is: the copy may be of some days only, and a file that came later is not lost.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from audit.log_files import LogFile, Wanted

ANY_DAY = "any"  # of files that do not say their day
FORMAT = 1  # of the columns: parts of another are left aside, and their files read as they are

_DAY = re.compile(r"day=(\d{4}-\d\d-\d\d|any)")


@dataclass(frozen=True, kw_only=True)
class Part:
    """A Parquet file, and the log files whose records it holds."""

    path: Path
    day: str  # yyyy/MM/dd; "" where it holds files of any
    sources: frozenset[str]
    size: int
    without_time: int  # of its records, those without eventTime


def source_of(file: LogFile) -> str:
    """A file by its name from AWSLogs on, so that a folder may be moved, and its size."""
    _, found, rest = file.path.replace("\\", "/").rpartition("/AWSLogs/")
    return f"{rest if found else file.path}#{file.size}"


def parts_in(folder: Path, wanted: Wanted | None = None) -> Iterator[Part]:
    """The parts that may hold what is wanted, whole ones only: a part counts once its list is written."""
    if not folder.is_dir():
        return
    for day_folder in sorted(folder.iterdir()):
        found = _DAY.fullmatch(day_folder.name)
        if found is None:
            continue
        day = "" if found[1] == ANY_DAY else found[1].replace("-", "/")
        if wanted is not None and day and not wanted.from_day <= day <= wanted.to_day:
            continue
        for listing in sorted(day_folder.glob("*.json")):
            path = listing.with_suffix(".parquet")
            try:
                said = json.loads(listing.read_text(encoding="utf-8"))
                if said["format"] == FORMAT and path.stat().st_size == said["size"]:
                    yield Part(
                        path=path,
                        day=day,
                        sources=frozenset(said["sources"]),
                        size=said["size"],
                        without_time=said["without_time"],
                    )
            except (OSError, ValueError, KeyError, TypeError):
                continue  # unfinished or changed: its files are read as they are


def covered_by(parts: Iterable[Part]) -> frozenset[str]:
    return frozenset(source for part in parts for source in part.sources)


def part_path(folder: Path, day: str, sources: Collection[str]) -> Path:
    """Where a part of these files lies: the same files give the same place."""
    digest = hashlib.sha256("\n".join(sorted(sources)).encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / f"day={day.replace('/', '-') or ANY_DAY}" / f"{digest}.parquet"


def finish(part: Path, *, sources: Collection[str], without_time: int) -> None:
    """Write a part's list, after the part itself: with it, the part counts."""
    listing = part.with_suffix(".json")
    said = {
        "format": FORMAT,
        "size": part.stat().st_size,
        "without_time": without_time,
        "sources": sorted(sources),
    }
    unfinished = listing.with_suffix(".unfinished")
    unfinished.write_text(json.dumps(said), encoding="utf-8")
    unfinished.replace(listing)
