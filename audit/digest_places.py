"""Where digests, log files and CloudTrail's public keys are had: a bucket, a folder, AWS, a file."""

from __future__ import annotations

import base64
import binascii
import json
import os
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any, Protocol

from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    IncompleteReadError,
    ReadTimeoutError,
    ResponseStreamingError,
)

from audit.digest import MissingObjectError, Opened, Store, UnreadableError

SIDECAR = ".metadata.json"  # beside a downloaded digest: the metadata that S3 keeps with the object
KEYS_FILE = "public-keys.json"
_CHUNK = 1 << 17
_TEMPORARY = ".rootwatch-part-"
_NOT_OURS = frozenset({".DS_Store", "Thumbs.db", "desktop.ini", KEYS_FILE})
_ABSENT = frozenset({"NoSuchKey", "404", "NotFound"})
_AGAIN = (IncompleteReadError, ReadTimeoutError, ResponseStreamingError)


class KeysError(ValueError):
    """A file of public keys cannot be used; says which, where and why."""


class KeySource(Protocol):
    """CloudTrail's public keys."""

    @property
    def name(self) -> str:
        """Where they come from, for people."""

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        """DER by fingerprint. Raises UnreadableError."""


class AwsKeys:
    """CloudTrail's own answer (ListPublicKeys), asked for in each region."""

    name = "CloudTrail (ListPublicKeys)"

    def __init__(self, client: Callable[[str], Any]) -> None:
        """`client` makes a boto3 CloudTrail client for a region; none of another account is needed for its digests."""
        self._client = client

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        found: dict[str, bytes] = {}
        request: dict[str, Any] = {"StartTime": since, "EndTime": until}
        try:
            client = self._client(region)
            while True:
                answer = client.list_public_keys(**request)
                for item in answer.get("PublicKeyList", ()):
                    found[str(item["Fingerprint"])] = _der(item["Value"])
                if not answer.get("NextToken"):
                    return found
                request["NextToken"] = answer["NextToken"]
        except (BotoCoreError, ClientError) as error:
            raise UnreadableError(f"ListPublicKeys: {_reason(error)}") from error
        except (KeyError, TypeError, ValueError, binascii.Error) as error:
            raise UnreadableError(f"ListPublicKeys answered something else ({type(error).__name__})") from error


class FileKeys:
    """Keys that were saved: the output of `aws cloudtrail list-public-keys`, or the file `--download` writes."""

    def __init__(self, paths: Sequence[Path]) -> None:
        """Raises KeysError."""
        self.name = ", ".join(str(path) for path in paths)
        self._everywhere: dict[str, bytes] = {}
        self._of_region: dict[str, dict[str, bytes]] = {}
        for path in paths:
            self._load(path)

    def _load(self, path: Path) -> None:
        expected = 'expected is {"PublicKeyList": [{"Fingerprint": ..., "Value": ...}]}, as AWS prints it'
        try:
            body = json.loads(path.read_bytes())
        except OSError as error:
            raise KeysError(f"{path}: the public keys cannot be read ({error.strerror}).") from error
        except ValueError as error:
            raise KeysError(f"{path}: the public keys are no JSON ({error}); {expected}.") from error
        listed = [(None, body)]
        if isinstance(body, dict) and isinstance(body.get("regions"), dict):
            listed = list(body["regions"].items())
        for region, answer in listed:
            target = self._everywhere if region is None else self._of_region.setdefault(str(region), {})
            keys = answer.get("PublicKeyList") if isinstance(answer, dict) else None
            if not isinstance(keys, list):
                raise KeysError(f"{path}: there is no list PublicKeyList; {expected}.")
            for number, item in enumerate(keys):
                try:
                    target[str(item["Fingerprint"])] = _der(item["Value"])
                except (KeyError, TypeError, ValueError, binascii.Error) as error:
                    why = f"{type(error).__name__}: {error}"
                    raise KeysError(f"{path}: PublicKeyList[{number}] is no public key ({why}).") from error

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        return {**self._everywhere, **self._of_region.get(region, {})}


def _der(value: str | bytes) -> bytes:
    """A key as boto3 gives it (bytes), or as the AWS CLI prints it (base64)."""
    if isinstance(value, bytes) and value[:1] == b"\x30":  # a DER sequence
        return value
    return base64.b64decode(value, validate=True)


class _Place:
    """What a bucket and its copy have in common: what precedes AWSLogs/, and where the public keys are had."""

    def __init__(self, prefix: str, keys: KeySource) -> None:
        prefix = prefix.strip("/")
        self.root = f"{prefix}/" if prefix else ""
        self._keys = keys

    @property
    def keys_from(self) -> str:
        return self._keys.name

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        return self._keys.public_keys(region, since, until)


class S3Logs(_Place):
    """The bucket that CloudTrail delivers to, or one that holds a copy with its metadata (S3 replication)."""

    loses_metadata = False

    def __init__(
        self, client: Any, bucket: str, prefix: str = "", *, keys: KeySource, copy_of: str | None = None
    ) -> None:
        """`client` is boto3's for S3; give it as many pooled connections as `verify` has workers.

        `prefix` is what precedes AWSLogs/; `copy_of` the bucket that CloudTrail delivered to, if it is another.
        """
        super().__init__(prefix, keys)
        self.place = f"s3://{bucket}/{self.root}" + (f" (a copy of s3://{copy_of}/)" if copy_of else "")
        self._client = client
        self._bucket = bucket
        self._original = copy_of or bucket

    def locate(self, bucket: str, key: str) -> str | None:
        return key if bucket == self._original else None

    def folders(self, prefix: str) -> Sequence[str]:
        found: list[str] = []
        for page in self._pages(Prefix=prefix, Delimiter="/"):
            found += [item["Prefix"][len(prefix) : -1] for item in page.get("CommonPrefixes", ())]
        return found

    def keys(self, prefix: str, first: str, last: str) -> Iterator[str]:
        # StartAfter leaves out the key itself; no object we look for has a folder's name as its key.
        for page in self._pages(Prefix=prefix, StartAfter=first):
            for item in page.get("Contents", ()):
                if item["Key"] > last:
                    return
                yield item["Key"]

    def _pages(self, **request: Any) -> Iterator[Mapping[str, Any]]:
        try:
            while True:
                page = self._client.list_objects_v2(Bucket=self._bucket, **request)
                yield page
                if not page.get("IsTruncated"):
                    return
                request["ContinuationToken"] = page["NextContinuationToken"]
        except (BotoCoreError, ClientError) as error:
            raise UnreadableError(f"ListObjectsV2: {_reason(error)}") from error

    def open(self, key: str) -> Opened:
        try:
            answer = self._client.get_object(Bucket=self._bucket, Key=key)
        except ClientError as error:
            if _reason(error) in _ABSENT:
                raise MissingObjectError(key) from error
            raise UnreadableError(f"GetObject: {_reason(error)}") from error
        except BotoCoreError as error:
            raise UnreadableError(f"GetObject: {_reason(error)}", again=True) from error
        return Opened(chunks=_streamed(answer["Body"]), metadata=answer.get("Metadata", {}))


def _streamed(body: Any) -> Iterator[bytes]:
    try:
        yield from body.iter_chunks(_CHUNK)
    except _AGAIN as error:
        raise UnreadableError(f"it broke off: {type(error).__name__}", again=True) from error
    except BotoCoreError as error:
        raise UnreadableError(f"it broke off: {_reason(error)}") from error
    finally:
        body.close()


def _reason(error: Exception) -> str:
    """AWS's word for what went wrong, never its text."""
    response = getattr(error, "response", None)
    if isinstance(response, dict):
        code = str(response.get("Error", {}).get("Code", "unknown"))
        return code if code.isprintable() and len(code) < 80 else "unknown"
    return type(error).__name__


class FolderLogs(_Place):
    """A copy of the bucket in a folder, laid out as the bucket is."""

    loses_metadata = True

    def __init__(self, folder: Path, prefix: str = "", *, keys: KeySource, bucket: str | None = None) -> None:
        """`bucket`: the one it is a copy of, where that is known; then a digest of another one is a finding."""
        super().__init__(prefix, keys)
        self.place = str(folder / self.root)
        self._folder = folder
        self._bucket = bucket

    def locate(self, bucket: str, key: str) -> str | None:
        _, mark, rest = key.rpartition("AWSLogs/")
        if not mark or (self._bucket and bucket != self._bucket) or ".." in rest.split("/"):
            return None
        return f"{self.root}AWSLogs/{rest}"

    def folders(self, prefix: str) -> Sequence[str]:
        return [name.rstrip("/") for name in self._entries(prefix.rstrip("/")) if name.endswith("/")]

    def keys(self, prefix: str, first: str, last: str) -> Iterator[str]:
        """`prefix` ends with a slash, as all our prefixes do."""
        yield from self._below(prefix.rstrip("/"), first, last)

    def _below(self, folder: str, first: str, last: str) -> Iterator[str]:
        for name in self._entries(folder):
            key = f"{folder}/{name}"
            if name.endswith("/"):
                if f"{key}\U0010ffff" >= first and key <= last:
                    yield from self._below(key.rstrip("/"), first, last)
            elif first <= key <= last and not _is_ours(name):
                yield key

    def _entries(self, folder: str) -> list[str]:
        """What is in a folder in the order of keys, folders with a slash at the end; nothing where there is none."""
        try:
            with os.scandir(self._folder / folder) as found:
                return sorted(f"{item.name}/" if item.is_dir() else item.name for item in found)
        except (FileNotFoundError, NotADirectoryError):
            return []
        except OSError as error:
            raise UnreadableError(f"the folder cannot be read: {error.strerror}") from error

    def open(self, key: str) -> Opened:
        path = self._folder / key
        metadata: Mapping[str, str] = {}
        if "/CloudTrail-Digest/" in key:
            metadata = _sidecar(path.with_name(path.name + SIDECAR))
        try:
            # Opened here, so that a missing file is told from one that breaks off.
            file = path.open("rb")
        except (FileNotFoundError, NotADirectoryError) as error:
            raise MissingObjectError(key) from error
        except OSError as error:
            raise UnreadableError(f"the file cannot be read: {error.strerror}") from error
        return Opened(chunks=_read(file), metadata=metadata)


def _is_ours(name: str) -> bool:
    return name.endswith(SIDECAR) or name in _NOT_OURS or name.startswith(_TEMPORARY)


def _sidecar(path: Path) -> Mapping[str, str]:
    try:
        body = json.loads(path.read_bytes())
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UnreadableError(f"its metadata in {path.name} cannot be read ({type(error).__name__})") from error
    if not isinstance(body, dict) or not all(isinstance(value, str) for value in body.values()):
        raise UnreadableError(f"its metadata in {path.name} is no JSON object of texts")
    return body


def _read(file: Any) -> Iterator[bytes]:
    with file:
        try:
            while chunk := file.read(_CHUNK):
                yield chunk
        except OSError as error:
            raise UnreadableError(f"the file breaks off: {error.strerror}") from error


class Keeping:
    """Another place, of which every object that is read is kept in a folder as well, with what it takes to check it."""

    def __init__(self, inner: Store, folder: Path) -> None:
        self._inner = inner
        self._folder = folder
        self._keys: dict[str, dict[str, bytes]] = {}
        self._lock = threading.Lock()
        self.files = 0

    @property
    def place(self) -> str:
        return self._inner.place

    @property
    def keys_from(self) -> str:
        return self._inner.keys_from

    @property
    def root(self) -> str:
        return self._inner.root

    @property
    def loses_metadata(self) -> bool:
        return self._inner.loses_metadata

    def folders(self, prefix: str) -> Sequence[str]:
        return self._inner.folders(prefix)

    def keys(self, prefix: str, first: str, last: str) -> Iterator[str]:
        return self._inner.keys(prefix, first, last)

    def locate(self, bucket: str, key: str) -> str | None:
        return self._inner.locate(bucket, key)

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        found = self._inner.public_keys(region, since, until)
        with self._lock:
            self._keys.setdefault(region, {}).update(found)
        return found

    def open(self, key: str) -> Opened:
        opened = self._inner.open(key)
        target = self._target(key)
        if target is None:
            raise UnreadableError("its name cannot be a file's, so it was not downloaded")
        if opened.metadata and "signature" in opened.metadata:
            _write(target.with_name(target.name + SIDECAR), json.dumps(dict(opened.metadata), indent=1).encode())
        return Opened(chunks=self._kept(opened.chunks, target), metadata=opened.metadata)

    def _target(self, key: str) -> Path | None:
        parts = key.split("/")
        if any(part in ("", ".", "..") or "\0" in part or "\\" in part for part in parts):
            return None
        return self._folder.joinpath(*parts)

    def _kept(self, chunks: Iterator[bytes], target: Path) -> Iterator[bytes]:
        """The chunks, written beside the way; a file appears under its name once all of it is there."""
        target.parent.mkdir(parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(prefix=_TEMPORARY, dir=target.parent)
        try:
            with os.fdopen(descriptor, "wb") as file:
                try:
                    for chunk in chunks:
                        file.write(chunk)
                        yield chunk
                except GeneratorExit:
                    # Whoever reads has seen enough (broken gzip); the copy is to be whole all the same.
                    for chunk in chunks:
                        file.write(chunk)
            Path(name).chmod(0o644)
            Path(name).replace(target)
            with self._lock:
                self.files += 1
        finally:
            Path(name).unlink(missing_ok=True)

    def finish(self) -> Path:
        """Write the public keys that were asked for; returns the file, which FileKeys reads."""
        regions = {
            region: {
                "PublicKeyList": [
                    {"Fingerprint": fingerprint, "Value": base64.b64encode(der).decode()}
                    for fingerprint, der in sorted(keys.items())
                ]
            }
            for region, keys in sorted(self._keys.items())
        }
        path = self._folder / KEYS_FILE
        _write(path, json.dumps({"regions": regions}, indent=1).encode())
        return path


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)
