"""Log files in a folder: whose they are and of which day, by path or name, so that only those asked for are opened."""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

# AWS CloudTrail user guide, "Getting and viewing your CloudTrail log files"; an organisation's trail has its id before
# the account, and digests and insights have folders of their own.
_LAYOUT = re.compile(r"(?:^|/)(?P<account>\d{12})/CloudTrail/(?P<region>[a-z0-9-]+)/(?P<day>\d{4}/\d\d/\d\d)/[^/]+$")
_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail_(?P<region>[a-z0-9-]+)_(?P<y>\d{4})(?P<m>\d\d)(?P<d>\d\d)T\d{4}Z_[^/]*$"
)
_OTHERS = re.compile(r"(?:^|/)CloudTrail-(?:Digest|Insight|Aggregated)/|_CloudTrail-(?:Digest|Insight|Aggregated)_")
_LOGS = (".json", ".json.gz", ".jsonl", ".jsonl.gz", ".ndjson", ".ndjson.gz")


@dataclass(frozen=True)
class LogFile:
    """A file of records. Account, region and day are those of its path or name; "" where neither says."""

    path: str
    size: int  # bytes, as it lies there
    account: str = ""
    region: str = ""
    day: str = ""  # yyyy/MM/dd

    @property
    def is_lines(self) -> bool:
        """Whether it has a record on each line, rather than {"Records": [...]}."""
        return self.path.removesuffix(".gz").endswith(("jsonl", "ndjson"))


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """Which files to open. Empty accounts or regions, and days of "", ask for all."""

    accounts: Collection[str] = ()
    regions: Collection[str] = ()
    from_day: str = ""
    to_day: str = "9999"

    def takes(self, file: LogFile) -> bool:
        """Whether it may hold what is asked for: of a file that does not say whose it is, its records do."""
        return (
            (not file.account or not self.accounts or file.account in self.accounts)
            and (not file.region or not self.regions or file.region in self.regions)
            and (not file.day or self.from_day <= file.day <= self.to_day)
        )


def described(path: str, size: int) -> LogFile | None:
    """What the path of a file or the key of an object says of it; None: it holds no records (a digest, an insight)."""
    text = path.replace(os.sep, "/")
    if not text.endswith(_LOGS) or _OTHERS.search(text):
        return None
    if found := _LAYOUT.search(text):
        return LogFile(path, size, found["account"], found["region"], found["day"])
    if found := _NAME.search(text):
        return LogFile(path, size, found["account"], found["region"], f"{found['y']}/{found['m']}/{found['d']}")
    return LogFile(path, size)


def log_files(roots: Iterable[Path], wanted: Wanted | None = None) -> Iterator[LogFile]:
    """The log files below these folders, or these files themselves, in a fixed order; whole days left out unopened.

    Raises:
        OSError: a folder cannot be listed, or a file is not there.
    """
    for root in roots:
        if root.is_file():
            found = described(str(root.resolve()), root.stat().st_size)
            if found and (wanted is None or wanted.takes(found)):
                yield found
        else:
            yield from _below(str(root.resolve(strict=True)), wanted)


_FOLDER = re.compile(
    r"(?:^|/)(?P<account>\d{12})/CloudTrail(?:/(?P<region>[a-z0-9-]+)(?:/(?P<day>\d{4}(?:/\d\d){0,2}))?)?$"
)


def _below(folder: str, wanted: Wanted | None) -> Iterator[LogFile]:
    if wanted is not None and not _may_hold(folder.replace(os.sep, "/"), wanted):
        return
    folders = []
    with os.scandir(folder) as entries:
        for entry in sorted(entries, key=lambda entry: entry.name):
            if entry.name.startswith("."):
                continue
            if entry.is_dir():
                folders.append(entry.path)
            elif entry.is_file():
                found = described(entry.path, entry.stat().st_size)
                if found and (wanted is None or wanted.takes(found)):
                    yield found
    for inner in folders:
        yield from _below(inner, wanted)


def _may_hold(folder: str, wanted: Wanted) -> bool:
    found = _FOLDER.search(folder)
    if found is None:
        return not re.search(r"/CloudTrail-(?:Digest|Insight|Aggregated)$", folder)
    account, region, day = found["account"], found["region"], found["day"] or ""
    return (
        (not wanted.accounts or account in wanted.accounts)
        and (not wanted.regions or region is None or region in wanted.regions)
        and wanted.from_day[: len(day)] <= day <= wanted.to_day
    )
