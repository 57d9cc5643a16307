"""The files of a back-test: on this machine or in a bucket, with their sizes, and how their content is fetched."""

from __future__ import annotations

import os
import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from cli.errors import CommandError, reason_of
from cli.records import SUFFIXES, Broken, sources

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

S3 = "s3://"
IN_FLIGHT = 32  # requests for objects at a time: one has to wait for S3, not for its answer
_FIRST, _LAST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
_NO_EVENTS = re.compile(r"/CloudTrail-(?:Digest|Insight|Aggregated)/")
_DAY = re.compile(r"/CloudTrail/[a-z0-9-]+/(\d{4})/(\d\d)/(\d\d)/[^/]+$")
_STAMP = re.compile(r"_(\d{8}T\d{4})Z_[^/]*$")
_WRITTEN_WITHIN = timedelta(days=1)  # after the event; CloudTrail says 15 minutes, and delivers later now and then


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """Something to read."""

    name: str  # a path, or s3://bucket/key
    size: int  # bytes, as it lies there
    number: int = 0  # its place among all of them


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """The time that is looked at, UTC, its end not included."""

    begin: datetime = _FIRST
    end: datetime = _LAST

    @property
    def is_all(self) -> bool:
        return self.begin == _FIRST and self.end == _LAST

    def holds(self, moment: datetime) -> bool:
        return self.begin <= moment < self.end or self.is_all

    def may_hold(self, name: str) -> bool:
        """Whether a file of this name may have events of this time; True where the name does not say when it is of."""
        found = _DAY.search(name.replace(os.sep, "/"))
        if found is None or self.is_all:
            return True
        try:
            day = datetime(int(found[1]), int(found[2]), int(found[3]), tzinfo=UTC)
        except ValueError:
            return True
        return day + timedelta(days=1) > self.begin and day - _WRITTEN_WITHIN < self.end


def stamp_of(name: str) -> datetime | None:
    """When CloudTrail wrote a log file, by its name."""
    found = _STAMP.search(name)
    try:
        return datetime.strptime(found[1], "%Y%m%dT%H%M").replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def files_of(names: Iterable[str], *, span: Span, endpoint_url: str | None = None) -> Iterator[File | Broken]:
    """The files meant by these names: files, folders, and s3://bucket/prefix; what cannot be listed is said.

    Raises:
        CommandError: there are no credentials for S3.
    """
    number = 0
    for name in names:
        found = _objects(name, span, endpoint_url) if name.startswith(S3) else _local(name, span)
        for item in found:
            if isinstance(item, Broken):
                yield item
                continue
            number += 1
            yield File(name=item.name, size=item.size, number=number)


def _local(name: str, span: Span) -> Iterator[File | Broken]:
    for source in sources([name]):
        if isinstance(source, Broken):
            yield source
        elif source.path is None or span.may_hold(source.name):
            yield File(name=source.name, size=_size(source.name))


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size  # noqa: PTH116 - a path may be anything, and this is asked a million times
    except OSError:
        return 0  # whoever reads it says why


def client(endpoint_url: str | None = None) -> S3Client:
    """An S3 client that can have IN_FLIGHT requests open."""
    import boto3
    from botocore.config import Config

    config = Config(max_pool_connections=IN_FLIGHT, retries={"max_attempts": 8, "mode": "adaptive"})
    return boto3.client("s3", config=config, endpoint_url=endpoint_url)


def _objects(name: str, span: Span, endpoint_url: str | None) -> Iterator[File | Broken]:
    from botocore.exceptions import BotoCoreError, ClientError

    bucket, _, prefix = name.removeprefix(S3).partition("/")
    if not bucket:
        raise CommandError(f"{name}: no bucket is named.", fix="write s3://BUCKET/PREFIX.")
    found = False
    try:
        for page in client(endpoint_url).get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix):
            for item in page.get("Contents", ()):
                key = item["Key"]
                if not key.lower().endswith(SUFFIXES) or _NO_EVENTS.search(f"/{key}"):
                    continue
                found = True
                if span.may_hold(f"/{key}"):
                    yield File(name=f"{S3}{bucket}/{key}", size=item["Size"])
    except (BotoCoreError, ClientError) as error:
        yield Broken(file=name, place="", cause=f"cannot be listed: {s3_reason(error, bucket=bucket, lists=True)}")
        return
    if not found:
        yield Broken(file=name, place="", cause=f"there is no object that ends in {', '.join(SUFFIXES)}")


def s3_reason(error: Exception, *, bucket: str, lists: bool = False) -> str:
    """What S3 says, in words, and what to do about it."""
    code = error.response.get("Error", {}).get("Code", "") if hasattr(error, "response") else type(error).__name__
    match code:
        case "AccessDenied" | "403" | "AllAccessDisabled":
            action = f"s3:ListBucket on arn:aws:s3:::{bucket}" if lists else f"s3:GetObject on arn:aws:s3:::{bucket}/*"
            return (
                f"access is denied; it takes {action}, and kms:Decrypt on the key that the objects are encrypted with"
            )
        case "NoSuchBucket":
            return f"there is no bucket {bucket}"
        case "NoSuchKey" | "404":
            return "the object is gone"
        case "NoCredentialsError" | "PartialCredentialsError" | "TokenRetrievalError" | "SSOTokenLoadError":
            return "there are no AWS credentials; set AWS_PROFILE, or sign in with `aws sso login`"
        case "ExpiredToken" | "ExpiredTokenException" | "InvalidAccessKeyId" | "InvalidToken" | "SignatureDoesNotMatch":
            return f"AWS does not accept the credentials ({code}); sign in again"
        case "InvalidObjectState":
            return "it lies in an archive (Glacier): restore it first"
        case "PermanentRedirect" | "AuthorizationHeaderMalformed" | "301":
            return "the bucket is in another region: set AWS_REGION to it"
    text = str(error).replace("\n", " ")
    return f"{code}: {text[:200]}" if code and code not in text else text[:200]


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """A file's bytes, or why there are none."""

    file: File
    data: bytes | None = None
    problem: str = ""


class Fetcher:
    """Reads files; objects in a bucket so many at a time, and never more bytes ahead than a few large ones."""

    def __init__(self, *, in_flight: int, endpoint_url: str | None = None) -> None:
        self._in_flight = max(1, in_flight)
        self._endpoint_url = endpoint_url
        self._client: Any = None
        self._pool: ThreadPoolExecutor | None = None

    def contents(self, files: Sequence[File]) -> Iterator[Content]:
        """The contents, in the order asked for."""
        waiting: deque[Future[Content]] = deque()
        ahead = 0
        rest = iter(files)
        upcoming = next(rest, None)
        while upcoming is not None or waiting:
            while upcoming is not None and (
                not waiting or (len(waiting) < self._in_flight and ahead + upcoming.size <= _MOST_AHEAD)
            ):
                if not upcoming.name.startswith(S3):
                    if waiting:
                        break  # those before it first
                    yield _read(upcoming)
                else:
                    waiting.append(self._threads().submit(self._get, upcoming))
                    ahead += upcoming.size
                upcoming = next(rest, None)
            if waiting:
                content = waiting.popleft().result()
                ahead -= content.file.size
                yield content

    def _threads(self) -> ThreadPoolExecutor:
        if self._pool is None:
            self._client = client(self._endpoint_url)
            self._pool = ThreadPoolExecutor(self._in_flight, thread_name_prefix="s3")
        return self._pool

    def _get(self, file: File) -> Content:
        from botocore.exceptions import BotoCoreError, ClientError

        bucket, _, key = file.name.removeprefix(S3).partition("/")
        try:
            return Content(file=file, data=self._client.get_object(Bucket=bucket, Key=key)["Body"].read())
        except (BotoCoreError, ClientError, OSError) as error:
            return Content(file=file, problem=f"cannot be read: {s3_reason(error, bucket=bucket)}")


_MOST_AHEAD = 16 * 1024 * 1024  # bytes


def _read(file: File) -> Content:
    if file.size > _MOST_AHEAD:
        return Content(file=file)  # too large to be held at once: read as a stream
    try:
        with open(file.name, "rb") as stream:  # noqa: PTH123 - a million times
            return Content(file=file, data=stream.read())
    except OSError as error:
        return Content(file=file, problem=f"cannot be read: {reason_of(error)}")
