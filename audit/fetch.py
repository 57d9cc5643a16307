"""Log files fetched from a bucket into a folder: only those asked for, each once, and whole or not at all."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path, PurePosixPath
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from audit.engines import EngineError
from audit.log_files import Wanted, described

_WORKERS = 16  # a log file is small: the time goes into waiting for S3
_UNFINISHED = ".unfinished"
_DENIED = frozenset({"AccessDenied", "403", "AllAccessDisabled"})
_FIRST_DAY = "2013/11/01"  # CloudTrail is no older


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """What a run did."""

    files: int  # fetched now
    known: int  # that were here already
    size: int  # bytes fetched
    problems: tuple[str, ...]  # objects that could not be fetched


@dataclass(frozen=True)
class _Object:
    key: str
    size: int


class Bucket:
    """A bucket of CloudTrail's, read with a boto3 client of S3."""

    def __init__(self, client: Any, bucket: str, *, prefix: str = "") -> None:
        """`prefix` is the trail's own, before "AWSLogs/"; the organisation's id is found by looking."""
        self._client = client
        self._bucket = bucket
        self._prefix = f"{prefix.strip('/')}/" if prefix.strip("/") else ""

    def fetch(
        self,
        folder: Path,
        wanted: Wanted,
        *,
        told: Callable[[float, str], None] | None = None,
    ) -> Fetched:
        """Bring the log files of these days, accounts and regions below `folder`, under their own keys.

        What is there is not fetched again, so a run that was interrupted is finished by the next.

        Raises:
            EngineError: the bucket cannot be listed, or the folder not written.
        """
        waiting: list[_Object] = []
        known = 0
        for listed, item in enumerate(self._objects(wanted), start=1):
            if told:
                told(0, f"listing {self._bucket}: {listed:,} log files")
            if _is_here(folder, item):
                known += 1
            else:
                waiting.append(item)
        return self._fetched(folder, waiting, known, told)

    def fetch_entries(
        self, folder: Path, tables: Sequence[str], *, told: Callable[[float, str], None] | None = None
    ) -> Fetched:
        """Bring the audit log's entries of these tables ("findings", ...) below `folder`.

        Raises:
            EngineError: as `fetch`.
        """
        waiting, known = [], 0
        for table in tables:
            for item in self._listed(f"{table}/"):
                if not item.key.endswith(".json"):
                    continue
                if _is_here(folder, item):
                    known += 1
                else:
                    waiting.append(item)
        return self._fetched(folder, waiting, known, told)

    def _fetched(
        self, folder: Path, waiting: Sequence[_Object], known: int, told: Callable[[float, str], None] | None
    ) -> Fetched:
        total = sum(item.size for item in waiting) or 1
        done = files = 0
        problems: list[str] = []
        stop = threading.Event()
        with ThreadPoolExecutor(max_workers=_WORKERS) as pool:
            tasks = {pool.submit(self._get, folder, item, stop): item for item in waiting}
            try:
                for task in as_completed(tasks):
                    item = tasks[task]
                    try:
                        task.result()
                    except (ClientError, BotoCoreError) as error:
                        problems.append(f"s3://{self._bucket}/{item.key}: {_code(error)}; it was not fetched")
                        continue
                    files += 1
                    done += item.size
                    if told:
                        told(
                            done / total,
                            f"fetching {files:,} of {len(waiting):,} files, {done / 1e6:,.0f} of {total / 1e6:,.0f} MB",
                        )
            except OSError as error:
                raise EngineError(f"{error.filename}: cannot be written: {(error.strerror or '').lower()}.") from error
            finally:
                stop.set()  # whatever ends it, the others do not begin
        return Fetched(files=files, known=known, size=done, problems=tuple(problems))

    def _get(self, folder: Path, item: _Object, stop: threading.Event) -> None:
        if stop.is_set():
            return
        path = _path(folder, item)
        path.parent.mkdir(parents=True, exist_ok=True)
        unfinished = path.with_name(f"{path.name}{_UNFINISHED}-{os.getpid()}-{threading.get_ident()}")
        try:
            body = self._client.get_object(Bucket=self._bucket, Key=item.key)["Body"]
            with unfinished.open("wb") as out:
                for block in body.iter_chunks(1 << 20):
                    out.write(block)
            unfinished.replace(path)
        finally:
            unfinished.unlink(missing_ok=True)

    # What is there

    def _objects(self, wanted: Wanted) -> Iterator[_Object]:
        for account_prefix in self._accounts(wanted):
            for region_prefix in self._folders(f"{account_prefix}CloudTrail/"):
                region = region_prefix.rstrip("/").rpartition("/")[2]
                if wanted.regions and region not in wanted.regions:
                    continue
                for prefix in _days(region_prefix, wanted):
                    for item in self._listed(prefix):
                        found = described(item.key, item.size)
                        if found is not None and wanted.takes(found) and _is_safe(item.key):
                            yield item

    def _accounts(self, wanted: Wanted) -> Iterator[str]:
        """Prefixes of accounts, in both layouts."""
        for folder in self._folders(f"{self._prefix}AWSLogs/"):
            name = folder.rstrip("/").rpartition("/")[2]
            if name.isdigit():
                if not wanted.accounts or name in wanted.accounts:
                    yield folder
            elif name.startswith("o-"):
                for inner in self._folders(folder):
                    account = inner.rstrip("/").rpartition("/")[2]
                    if account.isdigit() and (not wanted.accounts or account in wanted.accounts):
                        yield inner

    def _folders(self, prefix: str) -> list[str]:
        return [
            str(item["Prefix"])
            for page in self._pages(Prefix=prefix, Delimiter="/")
            for item in page.get("CommonPrefixes", ())
        ]

    def _listed(self, prefix: str) -> Iterator[_Object]:
        for page in self._pages(Prefix=prefix):
            for item in page.get("Contents", ()):
                if _is_safe(item["Key"]):
                    yield _Object(str(item["Key"]), int(item["Size"]))

    def _pages(self, **request: Any) -> Iterator[dict[str, Any]]:
        request["Bucket"] = self._bucket
        while True:
            try:
                page: dict[str, Any] = self._client.list_objects_v2(**request)
            except (ClientError, BotoCoreError) as error:
                raise EngineError(_cannot_list(self._bucket, request["Prefix"], error)) from error
            yield page
            if not page.get("NextContinuationToken"):
                return
            request["ContinuationToken"] = page["NextContinuationToken"]


def _days(region_prefix: str, wanted: Wanted) -> Iterator[str]:
    """Prefixes of whole years, months and days, as few as cover the period."""
    first, last = max(wanted.from_day, _FIRST_DAY), wanted.to_day
    if last.startswith("9999"):
        yield region_prefix
        return
    day, end = (date(*map(int, text.split("/"))) for text in (first, last))
    while day <= end:
        after_year, month = date(day.year + 1, 1, 1), day.replace(day=1)
        after_month = (month + timedelta(days=32)).replace(day=1)
        if day == date(day.year, 1, 1) and after_year - timedelta(days=1) <= end:
            yield f"{region_prefix}{day:%Y}/"
            day = after_year
        elif day == month and after_month - timedelta(days=1) <= end:
            yield f"{region_prefix}{day:%Y/%m}/"
            day = after_month
        else:
            yield f"{region_prefix}{day:%Y/%m/%d}/"
            day += timedelta(days=1)


def _is_safe(key: str) -> bool:
    """Whether a key is a path below a folder: whoever may write into the bucket chooses it."""
    path = PurePosixPath(key)
    return (
        not path.is_absolute() and ".." not in path.parts and "\\" not in key and "\0" not in key and key == str(path)
    )


def _path(folder: Path, item: _Object) -> Path:
    return folder / PurePosixPath(item.key)


def _is_here(folder: Path, item: _Object) -> bool:
    """CloudTrail and the audit log write each object once: the same name and size is the same object."""
    with contextlib.suppress(OSError):
        return _path(folder, item).stat().st_size == item.size
    return False


def _code(error: Exception) -> str:
    return str(error.response["Error"]["Code"]) if isinstance(error, ClientError) else type(error).__name__


def _cannot_list(bucket: str, prefix: str, error: Exception) -> str:
    code = _code(error)
    where = f"s3://{bucket}/{prefix}"
    if code in _DENIED:
        return (
            f"{where}: you have no right to list it ({code}). Reading logs takes s3:ListBucket on the bucket and "
            "s3:GetObject on its objects, and kms:Decrypt on its key: take the auditors' role, or ask its owner."
        )
    if code in ("NoSuchBucket", "404"):
        return f"{where}: there is no such bucket. Check its name (--bucket, or trail.bucket_name in rootwatch.toml)."
    if code in ("NoCredentialsError", "PartialCredentialsError", "ExpiredToken", "ExpiredTokenException"):
        return f"{where}: there are no AWS credentials ({code}). Sign in to AWS (aws sso login, AWS_PROFILE)."
    return f"{where}: S3 cannot be asked ({code}). Check the network, the region and the credentials."
