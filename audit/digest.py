"""Whether CloudTrail's log files are whole: its chain of signed digests, checked object by object.

What CloudTrail promises is in its user guide, "CloudTrail digest file structure" and "Custom implementations of
CloudTrail log file integrity validation"; `aws cloudtrail validate-logs` settles what these leave open (both hashes are
of the unpacked content; bytes after the end of the gzip stream are a change; a backfill digest's key is looked up at
the time it was made). Unlike that command this one takes many accounts, regions and trails at once, names what no
digest vouches for, and never calls valid what it could not read.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections import defaultdict, deque
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from itertools import chain as chained
from itertools import islice
from typing import Any, Protocol, Self, TypeVar

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding, rsa
from cryptography.hazmat.primitives.serialization import load_der_public_key
from isal import isal_zlib

from audit.digest_statement import Chain, Finding, Key, Kind, Statement

HOUR = timedelta(hours=1)
LATE = timedelta(hours=3)  # what is allowed for between the end of a digest's time and its delivery
_MARGIN = HOUR  # between the time in a log file's name and the digest that names it
_TOLERANCE = timedelta(minutes=1)  # a shorter gap is none
_PIECE = 1 << 18  # bytes unpacked at once
_LARGEST_DIGEST = 64 << 20  # bytes unpacked: some 130,000 log files in an hour
_LARGEST_LOG = 2 << 30  # CloudTrail closes a log file long before
_ATTEMPTS = 3
_ALGORITHM = "SHA256withRSA"
_HASH = "SHA-256"
_GZIP = 31  # zlib's wbits for "gzip, and nothing else"

_DIGEST_NAME = re.compile(
    r"AWSLogs/(?:(?P<organization>o-[a-z0-9]+)/)?(?P<account>\d{12})/CloudTrail-Digest/(?P<region>[a-z0-9-]+)/"
    r"\d{4}/\d\d/\d\d/(?P=account)_CloudTrail-Digest_(?P=region)_(?P<trail>[^/]+)_(?P<home>[a-z0-9-]+)_"
    r"(?P<end>\d{8}T\d{6}Z)(?P<backfill>_backfill)?\.json\.gz"
)
_LOG_NAME = re.compile(
    r"(?P<account>\d{12})_CloudTrail_(?P<region>[a-z0-9-]+)_(?P<time>\d{8}T\d{4}Z)_[A-Za-z0-9_-]+\.json\.gz"
)
_NoGzipError: Any = isal_zlib.error  # its stub calls it an instance
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")
_ACCOUNT = re.compile(r"\d{12}")
_ORGANIZATION = re.compile(r"o-[a-z0-9]+")


class PlaceError(Exception):
    """An object or a folder could not be had. Which of the two below says what that means."""


class MissingObjectError(PlaceError):
    """There is no such object: it was deleted, or never there."""


class UnreadableError(PlaceError):
    """Whether it is there, or what it is, cannot be told; says why."""

    def __init__(self, why: str, *, again: bool = False) -> None:
        """`again`: a repetition may help."""
        super().__init__(why)
        self.why = why
        self.again = again


class DamagedError(Exception):
    """The content is not what a file of this kind looks like; says how."""


@dataclass(frozen=True, kw_only=True)
class Opened:
    """An object that is being read."""

    chunks: Iterator[bytes]  # raises UnreadableError
    metadata: Mapping[str, str] | None = None  # the object's own; None where this place does not keep any


class Store(Protocol):
    """Where digests and log files are: a bucket, or a copy in a folder.

    A key is a path below the bucket or folder. Everything raises UnreadableError where it cannot answer, and `open`
    MissingObjectError where there is no such object. `open` and `public_keys` are called from several threads.
    """

    @property
    def place(self) -> str:
        """What it is, for people."""

    @property
    def keys_from(self) -> str:
        """Where the public keys come from, for people."""

    @property
    def root(self) -> str:
        """What precedes "AWSLogs/" in each key: "" or a prefix that ends with a slash."""

    @property
    def loses_metadata(self) -> bool:
        """Whether an object may lack its metadata here without anybody having touched the original."""

    def folders(self, prefix: str) -> Sequence[str]:
        """The names of the folders directly below the prefix, without slashes."""

    def keys(self, prefix: str, first: str, last: str) -> Iterator[str]:
        """The keys that begin with prefix, from first to last (both included), in order."""

    def open(self, key: str) -> Opened:
        """The object, to be read."""

    def locate(self, bucket: str, key: str) -> str | None:
        """Our key of what CloudTrail delivered as that object; None where it is not in this place."""

    def public_keys(self, region: str, since: datetime, until: datetime) -> Mapping[str, bytes]:
        """The keys that CloudTrail signed with in a region and a time, DER by fingerprint."""


@dataclass(frozen=True, kw_only=True)
class Progress:
    """How far a check has come."""

    done: float  # 0 to 1
    digests: int
    logs: int
    findings: int


def verify(
    store: Store,
    accounts: Sequence[str],
    regions: Sequence[str],
    from_: datetime,
    to: datetime,
    *,
    by: str = "unknown",
    version: str = "unknown",
    now: datetime | None = None,
    workers: int = 16,
    progress: Callable[[Progress], object] = lambda _: None,
    enough: Callable[[], bool] = lambda: False,
) -> Statement:
    """Check every digest of a period, and every log file that they name.

    Args:
        store: where they are, and CloudTrail's public keys.
        accounts, regions: the ones to check; all that are found where empty.
        from_, to: the period, `to` not included. What is not digested yet (three hours) is left out, and said so.
        by, version: who runs it, and with which Rootwatch; both are kept in the statement.
        workers: how many objects are read at the same time; memory grows with it, not with the period's log files.
        progress: told now and then.
        enough: asked now and then; from True on nothing more is begun, and what is left is "not-reached".

    Never raises for what an object holds: that is a finding.
    """
    now = now or datetime.now(UTC)
    begun = time.monotonic()
    with ThreadPoolExecutor(max_workers=workers, thread_name_prefix="verify") as pool:
        run = _Run(
            store=store,
            since=from_.astimezone(UTC),
            until=to.astimezone(UTC),
            due=min(to, now - LATE).astimezone(UTC),
            pool=pool,
            ahead=2 * workers,
            told=progress,
            enough=enough,
        )
        try:
            run.check(tuple(accounts), tuple(regions))
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise
    return Statement(
        made_at=now,
        by=by,
        version=version,
        place=store.place,
        keys_from=store.keys_from,
        since=run.since,
        until=run.until,
        due=run.due,
        accounts=tuple(accounts),
        regions=tuple(regions),
        chains=tuple(run.chains),
        findings=tuple(run.findings),
        keys=tuple(run.keys.used[item] for item in sorted(run.keys.used)),
        milliseconds=round(1000 * (time.monotonic() - begun)),
    )


# ---------------------------------------------------------------------------------------------------------------------
# Names and contents


@dataclass(frozen=True, kw_only=True)
class DigestName:
    """What the key of a digest says."""

    key: str
    organization: str
    account: str
    region: str
    trail: str
    home_region: str
    end: datetime
    is_backfill: bool

    @classmethod
    def parse(cls, key: str) -> Self | None:
        """None: a digest has another name."""
        found = _DIGEST_NAME.search(key)
        if found is None or found.end() != len(key) or (found.start() and key[found.start() - 1] != "/"):
            return None
        try:
            end = datetime.strptime(found["end"], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
        except ValueError:
            return None
        return cls(
            key=key,
            organization=found["organization"] or "",
            account=found["account"],
            region=found["region"],
            trail=found["trail"],
            home_region=found["home"],
            end=end,
            is_backfill=found["backfill"] is not None,
        )

    @property
    def chain(self) -> tuple[str, str, bool]:
        return self.trail, self.home_region, self.is_backfill


@dataclass(frozen=True, kw_only=True)
class Previous:
    """What a digest says of the one before."""

    bucket: str
    object: str
    sha256: str
    signature: str


@dataclass(frozen=True, kw_only=True)
class LogEntry:
    """A log file as a digest names it."""

    bucket: str
    object: str
    sha256: str
    algorithm: str


@dataclass(frozen=True, kw_only=True)
class Digest:
    """A digest as it was read. Nothing in it is true before its signature was checked."""

    name: DigestName
    start: datetime
    end: datetime
    end_text: str  # as written: it is part of what is signed
    bucket: str
    object: str
    fingerprint: str
    algorithms: tuple[str, ...]  # of the signature, as the content and the metadata say
    previous: Previous | None
    logs: tuple[LogEntry, ...]
    sha256: str  # of the unpacked content
    signature: str | None  # hexadecimal, from the object's metadata
    made_at: datetime | None  # of a backfill digest: the time whose keys signed it

    @property
    def signed_text(self) -> bytes:
        """What is signed: "Custom implementations of CloudTrail log file integrity validation", data signing string."""
        before = self.previous.signature if self.previous else "null"
        return f"{self.end_text}\n{self.bucket}/{self.object}\n{self.sha256}\n{before}".encode()


def parse_digest(name: DigestName, content: bytes, metadata: Mapping[str, str]) -> Digest:
    """A digest from its unpacked content.

    Raises:
        DamagedError: it is no JSON, or lacks something that every digest has.
    """
    try:
        body = json.loads(content)
    except (ValueError, RecursionError) as error:
        raise DamagedError(f"its content is no JSON ({_first_line(error)})") from error
    if not isinstance(body, dict):
        raise DamagedError("its content is JSON, but no object")
    logs = body.get("logFiles")
    if not isinstance(logs, list):
        raise DamagedError("it has no list logFiles")
    end_text = _text(body, "digestEndTime")
    algorithms = [_text(body, "digestSignatureAlgorithm")]
    if "signature-algorithm" in metadata:
        algorithms.append(metadata["signature-algorithm"])
    made_at = None
    if name.is_backfill and "backfill-generation-timestamp" in metadata:
        made_at = _moment(metadata["backfill-generation-timestamp"], "the metadata backfill-generation-timestamp")
    return Digest(
        name=name,
        start=_moment(_text(body, "digestStartTime"), "digestStartTime"),
        end=_moment(end_text, "digestEndTime"),
        end_text=end_text,
        bucket=_text(body, "digestS3Bucket"),
        object=_text(body, "digestS3Object"),
        fingerprint=_text(body, "digestPublicKeyFingerprint"),
        algorithms=tuple(algorithms),
        previous=_previous(body),
        logs=tuple(_log_entry(item, index) for index, item in enumerate(logs)),
        sha256=hashlib.sha256(content).hexdigest(),
        signature=metadata.get("signature"),
        made_at=made_at,
    )


def _previous(body: Mapping[str, Any]) -> Previous | None:
    names = ("previousDigestS3Bucket", "previousDigestS3Object", "previousDigestHashValue", "previousDigestSignature")
    if missing := [name for name in names if name not in body]:
        raise DamagedError(f"it has no {missing[0]}")
    if all(body[name] is None for name in names):
        return None
    bucket, key, sha256, signature = (_text(body, name) for name in names)
    return Previous(bucket=bucket, object=key, sha256=sha256, signature=signature)


def _log_entry(item: Any, index: int) -> LogEntry:
    if not isinstance(item, dict):
        raise DamagedError(f"logFiles[{index}] is no object")
    return LogEntry(
        bucket=_text(item, "s3Bucket"),
        object=_text(item, "s3Object"),
        sha256=_text(item, "hashValue"),
        algorithm=_text(item, "hashAlgorithm"),
    )


def _text(body: Mapping[str, Any], name: str) -> str:
    value = body.get(name)
    if not isinstance(value, str):
        raise DamagedError(f"it has no text {name}")
    return value


def _moment(text: str, what: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise DamagedError(f"{what} is no time: {text[:40]!a}") from None
    if moment.tzinfo is None:
        raise DamagedError(f"{what} has no time zone: {text[:40]!a}")
    return moment.astimezone(UTC)


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0][:120] if str(error) else type(error).__name__


def inflated(chunks: Iterable[bytes], limit: int) -> Iterator[bytes]:
    """The content of a gzip file, in pieces, with its own checksum checked.

    Raises:
        DamagedError: it is no gzip file, ends early, is followed by more bytes, or holds more than `limit`.
    """
    unpack = isal_zlib.decompressobj(wbits=_GZIP)
    size = 0
    for chunk in chunks:
        left = chunk
        while left:
            if unpack.eof:
                raise DamagedError("more bytes follow the end of its gzip stream")
            try:
                piece = unpack.decompress(left, _PIECE)
            except _NoGzipError as error:
                raise DamagedError(f"it is no whole gzip stream ({_first_line(error)})") from None
            size += len(piece)
            if size > limit:
                raise DamagedError(f"it unpacks to more than {limit >> 20:,} MiB")
            yield piece
            left = unpack.unused_data if unpack.eof else unpack.unconsumed_tail
            if not left and len(piece) == _PIECE and not unpack.eof:
                yield from _rest(unpack, limit - size)
    if not unpack.eof:
        raise DamagedError("it ends before its gzip stream does")


def _rest(unpack: Any, limit: int) -> Iterator[bytes]:
    """What is unpacked already and did not fit into the piece before."""
    while not unpack.eof:
        try:
            piece = unpack.decompress(b"", _PIECE)
        except _NoGzipError as error:
            raise DamagedError(f"it is no whole gzip stream ({_first_line(error)})") from None
        if not piece:
            return
        limit -= len(piece)
        if limit < 0:
            raise DamagedError("it unpacks to more than any log file")
        yield piece


# ---------------------------------------------------------------------------------------------------------------------
# Signatures


class _KeyRing:
    """CloudTrail's public keys, asked for once per region and time."""

    def __init__(self, store: Store, since: datetime, until: datetime) -> None:
        self._store = store
        self._since, self._until = since, until
        self._asked: dict[tuple[str, datetime, datetime], Mapping[str, bytes] | UnreadableError] = {}
        self._loaded: dict[bytes, rsa.RSAPublicKey | None] = {}
        self.used: dict[tuple[str, str], Key] = {}

    def problem(self, digest: Digest) -> tuple[Kind, str] | None:
        """What is wrong with the digest's signature; None: it is CloudTrail's."""
        assert digest.signature is not None  # noqa: S101 - the caller has seen to it
        try:
            signature = bytes.fromhex(digest.signature)
        except ValueError:
            return Kind.DIGEST_FORGED, "its signature is not hexadecimal"
        name = digest.name
        unread: list[str] = []
        # A key belongs to a region: the one the digest is of. The trail's home region is asked where that has it not.
        for region in dict.fromkeys((name.region, name.home_region)):
            try:
                der = self._keys(region, digest).get(digest.fingerprint)
            except UnreadableError as error:
                unread.append(f"{region}: {error.why}")
                continue
            if der is None:
                continue
            public = self._load(der)
            if public is None:
                return Kind.KEYS_UNAVAILABLE, f"the key {digest.fingerprint} of {region} is no RSA key in DER"
            try:
                public.verify(signature, digest.signed_text, padding.PKCS1v15(), hashes.SHA256())
            except InvalidSignature:
                return Kind.DIGEST_FORGED, f"key {digest.fingerprint} of {region}"
            self.used.setdefault(
                (region, digest.fingerprint),
                Key(region=region, fingerprint=digest.fingerprint, sha256=hashlib.sha256(der).hexdigest()),
            )
            return None
        if unread:
            return Kind.KEYS_UNAVAILABLE, "; ".join(unread)
        return Kind.DIGEST_UNKNOWN_KEY, f"fingerprint {digest.fingerprint} in {name.region}"

    def _keys(self, region: str, digest: Digest) -> Mapping[str, bytes]:
        made = digest.made_at
        # A backfill digest is signed when it is made, maybe days after its time.
        span = (made - HOUR, made + HOUR) if made else (self._since, self._until)
        where = (region, *span)
        if where not in self._asked:
            try:
                self._asked[where] = self._store.public_keys(region, *span)
            except UnreadableError as error:
                self._asked[where] = error
        found = self._asked[where]
        if isinstance(found, UnreadableError):
            raise found
        return found

    def _load(self, der: bytes) -> rsa.RSAPublicKey | None:
        if der not in self._loaded:
            self._loaded[der] = None
            with suppress(ValueError, UnsupportedAlgorithm):
                key = load_der_public_key(der)
                self._loaded[der] = key if isinstance(key, rsa.RSAPublicKey) else None
        return self._loaded[der]


# ---------------------------------------------------------------------------------------------------------------------
# Reading, in threads


@dataclass(frozen=True, kw_only=True)
class _Read:
    """A digest that was read, or what kept it from being."""

    name: DigestName
    digest: Digest | None = None
    problem: tuple[Kind, str] | None = None


def _read_digest(store: Store, name: DigestName) -> _Read:
    try:
        opened, content = _whole(store, name.key)
        digest = parse_digest(name, content, opened.metadata or {})
    except MissingObjectError:
        return _Read(name=name, problem=(Kind.DIGEST_MISSING, "it was listed, and gone when it was read"))
    except UnreadableError as error:
        return _Read(name=name, problem=(Kind.UNREADABLE, error.why))
    except DamagedError as error:
        return _Read(name=name, problem=(Kind.DIGEST_DAMAGED, str(error)))
    return _Read(name=name, digest=digest)


def _whole(store: Store, key: str) -> tuple[Opened, bytes]:
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            opened = store.open(key)
            return opened, b"".join(inflated(opened.chunks, _LARGEST_DIGEST))
        except UnreadableError as error:
            if not error.again or attempt == _ATTEMPTS:
                raise
    raise AssertionError  # pragma: no cover - the loop returns or raises


def check_log(store: Store, key: str, sha256: str) -> tuple[Kind, str] | None:
    """What is wrong with a log file whose unpacked content should have this SHA-256; None: nothing."""
    for attempt in range(1, _ATTEMPTS + 1):
        found = hashlib.sha256()
        try:
            for piece in inflated(store.open(key).chunks, _LARGEST_LOG):
                found.update(piece)
        except MissingObjectError:
            return Kind.LOG_MISSING, ""
        except DamagedError as error:
            return Kind.LOG_DAMAGED, str(error)
        except UnreadableError as error:
            if error.again and attempt < _ATTEMPTS:
                continue
            return Kind.UNREADABLE, error.why
        if found.hexdigest() != sha256.lower():
            return Kind.LOG_CHANGED, f"its SHA-256 is {found.hexdigest()}, and the digest says {sha256[:80]}"
        return None
    raise AssertionError  # pragma: no cover - the loop returns


# ---------------------------------------------------------------------------------------------------------------------
# The chain


@dataclass(kw_only=True)
class _ChainState:
    """What is known of one chain so far."""

    name: DigestName  # of its first digest
    bucket: str = ""
    lead: str = ""  # what precedes "AWSLogs/" in the keys CloudTrail delivered to
    digests: int = 0
    digests_valid: int = 0
    logs: int = 0
    logs_valid: int = 0
    seen: dict[str, Previous | None] = field(default_factory=dict)  # by our key; None: not valid, so says nothing
    last_end: datetime | None = None  # of the digest before, valid or not
    covered: list[tuple[datetime, datetime]] = field(default_factory=list)
    explained: list[tuple[datetime, datetime]] = field(default_factory=list)  # a finding says why it is not covered
    waiting: Digest | None = None  # its signature may be in the next digest
    newest: Digest | None = None
    is_asked: bool = False  # has digests that end after the period began


@dataclass(frozen=True, kw_only=True)
class _Area:
    """The folders of one account and region."""

    organization: str
    account: str
    region: str
    digests: str  # prefix
    logs: str


class _Run:
    """One check. Only this thread decides; the pool's threads read, unpack and hash."""

    def __init__(
        self,
        *,
        store: Store,
        since: datetime,
        until: datetime,
        due: datetime,
        pool: ThreadPoolExecutor,
        ahead: int,
        told: Callable[[Progress], object],
        enough: Callable[[], bool],
    ) -> None:
        self.store = store
        self.since, self.until, self.due = since, until, due
        self.findings: list[Finding] = []
        self.chains: list[Chain] = []
        self.keys = _KeyRing(store, since - 3 * HOUR, until + 3 * HOUR)
        self._pool = pool
        self._ahead = ahead
        self._told = told
        self._enough = enough
        self._pending: deque[tuple[Future[tuple[Kind, str] | None], str, _ChainState, _Area]] = deque()
        self._digests = self._logs = 0
        self._areas, self._area_number, self._share = 1, 0, 0.0

    # -- where to look

    def check(self, accounts: tuple[str, ...], regions: tuple[str, ...]) -> None:
        if self.due <= self.since:
            self._report(Kind.NOT_DUE, self.store.place, since=self.since, until=self.until)
            return
        areas = list(self._found_areas(accounts, regions))
        self._areas = max(1, len(areas))
        for number, area in enumerate(areas):
            self._area_number = number
            if self._enough():
                self._report(Kind.NOT_REACHED, area.digests, area=area, since=self.since, until=self.due)
                continue
            self._check_area(area)
        self._area_number, self._share = self._areas, 0.0
        self._tell()

    def _found_areas(self, accounts: tuple[str, ...], regions: tuple[str, ...]) -> Iterator[_Area]:
        base = f"{self.store.root}AWSLogs/"
        homes: list[tuple[str, str, str]] = []  # organization, account, prefix
        for name in self._folders(base):
            if _ACCOUNT.fullmatch(name):
                homes.append(("", name, f"{base}{name}/"))
            elif _ORGANIZATION.fullmatch(name):
                for account in self._folders(f"{base}{name}/"):
                    if _ACCOUNT.fullmatch(account):
                        homes.append((name, account, f"{base}{name}/{account}/"))
        chosen = [home for home in homes if not accounts or home[1] in accounts]
        for missing in sorted(set(accounts) - {account for _, account, _ in chosen}):
            self._report(Kind.NO_DIGESTS, f"{base}{missing}/", "there is no folder of this account")
        if not homes and not self.findings:
            self._report(Kind.NO_DIGESTS, base, "there is no folder of any account")
        for organization, account, prefix in chosen:
            kinds = self._folders(prefix)
            known = {
                kind: self._folders(f"{prefix}{kind}/") if kind in kinds else ()
                for kind in ("CloudTrail-Digest", "CloudTrail")
            }
            there = sorted(set(known["CloudTrail-Digest"]) | set(known["CloudTrail"]))
            for missing in sorted(set(regions) - set(there)):
                self._report(Kind.NO_DIGESTS, f"{prefix}CloudTrail-Digest/{missing}/", "there is no folder of it")
            if not there and not regions and "CloudTrail-Digest" not in kinds:
                self._report(Kind.NO_DIGESTS, f"{prefix}CloudTrail-Digest/", "there is no folder of digests")
            for region in there:
                if not regions or region in regions:
                    yield _Area(
                        organization=organization,
                        account=account,
                        region=region,
                        digests=f"{prefix}CloudTrail-Digest/{region}/",
                        logs=f"{prefix}CloudTrail/{region}/",
                    )

    def _folders(self, prefix: str) -> Sequence[str]:
        try:
            return self.store.folders(prefix)
        except UnreadableError as error:
            self._report(Kind.UNREADABLE, prefix, f"its folders could not be listed: {error.why}")
            return ()

    # -- one account and region

    def _check_area(self, area: _Area) -> None:
        names = self._digest_names(area)
        if names is None:  # could not be listed: then nothing can be said of the log files either
            return
        if not names:
            self._report_no_digests(area)
        states: dict[tuple[str, str, bool], _ChainState] = {}
        day = self.since.replace(hour=0, minute=0, second=0, microsecond=0)
        named: dict[str, set[str]] = defaultdict(set)  # log files that valid digests name, by day folder
        total, stopped = len(names), False
        for number, read in enumerate(self._in_order(lambda name: _read_digest(self.store, name), names)):
            if self._enough():
                self._report(Kind.NOT_REACHED, area.digests, area=area, since=read.name.end - HOUR, until=self.due)
                stopped = True
                break
            state = states.setdefault(read.name.chain, _ChainState(name=read.name))
            self._take(area, state, read, named)
            self._share = (number + 1) / total
            self._tell()
            while read.name.end > day + timedelta(days=1, hours=3):
                self._compare_day(area, day, named, states.values())
                day += timedelta(days=1)
        for state in states.values():
            if state.waiting:
                waiting, state.waiting = state.waiting, None
                self._judge(area, state, waiting, named)
        self._collect(0)
        if not stopped:
            while day <= self.due:
                self._compare_day(area, day, named, states.values())
                day += timedelta(days=1)
        for state in states.values():
            if not stopped:
                self._report_gaps(area, state)
            self._close(area, state)

    def _digest_names(self, area: _Area) -> list[DigestName] | None:
        """One digest before the period (it may name the first log files), and two after (they name the last)."""
        first, last = self.since - HOUR, self.until + 2 * HOUR
        found: list[DigestName] = []
        begin, end = f"{area.digests}{first:%Y/%m/%d}/", f"{area.digests}{last:%Y/%m/%d}/\U0010ffff"
        try:
            for key in self.store.keys(area.digests, begin, end):
                if key.endswith("/"):  # what the S3 console makes for a folder
                    continue
                name = DigestName.parse(key)
                if name is None or not key.startswith(f"{area.digests}{name.end:%Y/%m/%d}/"):
                    self._report(Kind.DIGEST_EXTRA, key, area=area)
                elif first < name.end <= last:
                    found.append(name)
        except UnreadableError as error:
            why = f"its digests could not be listed: {error.why}"
            self._report(Kind.UNREADABLE, area.digests, why, area=area, since=self.since, until=self.due)
            return None
        return sorted(found, key=lambda name: (name.end, name.key))

    def _report_no_digests(self, area: _Area) -> None:
        """Digests before and after, and none between: somebody took them. Otherwise it may be a trail of other days."""
        first, last = self.since - HOUR, self.until + 2 * HOUR
        last_day = f"{area.digests}{last:%Y/%m/%d}/"
        try:
            ends = (
                name.end
                for key in chained(
                    islice(
                        self.store.keys(area.digests, area.digests, f"{area.digests}{first:%Y/%m/%d}/\U0010ffff"), 1
                    ),
                    self.store.keys(area.digests, last_day, f"{area.digests}\U0010ffff"),
                )
                if (name := DigestName.parse(key))
            )
            before = after = False
            for end in ends:
                before |= end <= first
                after |= end > last
                if after:
                    break
        except UnreadableError as error:
            self._report(Kind.UNREADABLE, area.digests, error.why, area=area)
            return
        if before and after:
            why = "there are digests before and after, and none between"
            self._report(Kind.GAP, area.digests, why, area=area, since=self.since, until=self.due)
        else:
            self._report(Kind.NO_DIGESTS, area.digests, area=area, since=self.since, until=self.due)

    # -- one digest

    def _is_asked(self, name: DigestName) -> bool:
        """Whether it covers a part of the period; the others are read for what they say of their neighbours."""
        return self.since < name.end < self.due + HOUR

    def _take(self, area: _Area, state: _ChainState, read: _Read, named: dict[str, set[str]]) -> None:
        """Judge what was read; a digest that has lost its signature waits for the next, which repeats it."""
        digest = read.digest
        if state.waiting is not None:
            waiting, state.waiting = state.waiting, None
            before = digest.previous if digest else None
            if before and self.store.locate(before.bucket, before.object) == waiting.name.key:
                waiting = replace(waiting, signature=before.signature)
            self._judge(area, state, waiting, named)
        if self._is_asked(read.name):
            state.digests += 1
            self._digests += 1
        if read.name.end > self.since:
            state.is_asked = True
        if digest is None:
            assert read.problem is not None  # noqa: S101 - a reading has one or the other
            self._reject(area, state, read.name, *read.problem)
        elif digest.signature is None:
            state.waiting = digest
            if not self.store.loses_metadata and self._is_asked(read.name):
                self._report(Kind.DIGEST_UNSIGNED, read.name.key, area=area)
        else:
            self._judge(area, state, digest, named)

    def _reject(self, area: _Area, state: _ChainState, name: DigestName, kind: Kind, why: str) -> None:
        state.seen[name.key] = None
        state.last_end = name.end
        state.explained.append((name.end - HOUR, name.end))
        if self._is_asked(name):
            self._report(kind, name.key, why, area=area, since=name.end - HOUR, until=name.end)

    def _judge(self, area: _Area, state: _ChainState, digest: Digest, named: dict[str, set[str]]) -> None:
        if problem := self._problem(state, digest):
            self._reject(area, state, digest.name, *problem)
            return
        state.newest = digest
        asked = self._is_asked(digest.name)
        state.digests_valid += asked
        if not digest.name.is_backfill:
            state.covered.append((digest.start, digest.end))
        self._link(area, state, digest)
        assert digest.signature is not None  # noqa: S101 - it was checked
        state.seen[digest.name.key] = Previous(
            bucket=digest.bucket, object=digest.object, sha256=digest.sha256, signature=digest.signature
        )
        state.last_end = digest.end
        for entry in digest.logs:
            key = self.store.locate(entry.bucket, entry.object)
            if key is not None and key.startswith(area.logs):
                named[key[len(area.logs) :][:10]].add(key)
            if not asked:
                continue
            state.logs += 1
            self._logs += 1
            where = f"{entry.bucket}/{entry.object}"
            if key is None:
                self._report(Kind.ELSEWHERE, where, "the digest names a log file in another bucket", area=area)
            elif entry.algorithm != _HASH:
                self._report(Kind.UNKNOWN_ALGORITHM, key, f"hashed with {entry.algorithm[:40]}", area=area)
            else:
                task = self._pool.submit(check_log, self.store, key, entry.sha256)
                self._pending.append((task, key, state, area))
                self._collect(4 * self._ahead)

    def _problem(self, state: _ChainState, digest: Digest) -> tuple[Kind, str] | None:
        name = digest.name
        here = self.store.locate(digest.bucket, digest.object)
        if here != name.key:
            return Kind.DIGEST_MOVED, f"it was delivered to s3://{digest.bucket}/{digest.object}"
        if digest.signature is None:
            kind = Kind.SIGNATURE_NOT_KEPT if self.store.loses_metadata else Kind.DIGEST_FORGED
            return kind, "" if self.store.loses_metadata else "neither the object nor the next digest has a signature"
        if unknown := [text for text in digest.algorithms if text != _ALGORITHM]:
            return Kind.UNKNOWN_ALGORITHM, f"signed with {unknown[0][:40]}"
        if problem := self.keys.problem(digest):
            return problem
        lead = digest.object.rpartition("AWSLogs/")[0]
        if state.bucket and (state.bucket, state.lead) != (digest.bucket, lead):
            return Kind.DIGEST_MOVED, f"it was delivered to s3://{digest.bucket}/{lead}, unlike the one before"
        state.bucket, state.lead = digest.bucket, lead
        return None

    def _link(self, area: _Area, state: _ChainState, digest: Digest) -> None:
        """Hold what a valid digest says of the one before against what we have of it."""
        name, before = digest.name, digest.previous
        reported = name.end > self.since
        if before is None:
            if name.is_backfill:
                return
            if state.last_end is not None:
                since = max(state.last_end, self.since)
                state.explained.append((since, digest.start))
                if reported and digest.start > self.since and since < self.due:
                    self._report(Kind.RESTART, name.key, area=area, since=state.last_end, until=digest.start)
            elif digest.start > self.since:
                state.explained.append((self.since, digest.start))
                if digest.start - self.since > _TOLERANCE and self.since < self.due:
                    until = min(digest.start, self.due)
                    self._report(Kind.STARTS_LATER, name.key, area=area, since=self.since, until=until)
            return
        key = self.store.locate(before.bucket, before.object)
        if key in state.seen:
            known = state.seen[key]
            if known is not None and (known.sha256, known.signature.lower()) != (
                before.sha256.lower(),
                before.signature.lower(),
            ):
                self._report(Kind.DIGEST_RELINKED, key, f"as recorded by {name.key}", area=area)
            return
        earlier = DigestName.parse(before.object)
        if not reported or (earlier is not None and earlier.end <= self.since):
            return
        if earlier is not None and earlier.end >= self.due + HOUR:
            return
        since = state.last_end if state.last_end and state.last_end > self.since else self.since
        self._report_missing(area, state, digest, key, since)

    def _report_missing(
        self, area: _Area, state: _ChainState, digest: Digest, key: str | None, since: datetime
    ) -> None:
        """Of the digest before: it is not among those that were listed."""
        before = digest.previous
        assert before is not None  # noqa: S101 - the caller has looked
        if not digest.name.is_backfill:
            state.explained.append((since, digest.start))
        place = f"{before.bucket}/{before.object}"
        if key is None:
            why = "the chain goes on in another bucket"
            self._report(Kind.ELSEWHERE, place, why, area=area, since=since, until=digest.start)
            return
        try:
            for _ in self.store.open(key).chunks:
                break
        except MissingObjectError:
            why = f"named by {digest.name.key}"
            if digest.start - since > HOUR + _TOLERANCE:
                why += "; so is every digest between the last one there is and this"
            self._report(Kind.DIGEST_MISSING, key, why, area=area, since=since, until=digest.start)
        except UnreadableError as error:
            self._report(Kind.UNREADABLE, key, error.why, area=area, since=since, until=digest.start)
        else:
            why = f"the chain goes on there; named by {digest.name.key}"
            self._report(Kind.ELSEWHERE, key, why, area=area, since=since, until=digest.start)

    # -- log files

    def _collect(self, most: int) -> None:
        """Wait until at most so many log files are being read; note what came of the others, in order."""
        while len(self._pending) > most:
            task, key, state, area = self._pending.popleft()
            problem = task.result()
            if problem is None:
                state.logs_valid += 1
            else:
                self._report(problem[0], key, problem[1], area=area)
            self._tell()

    def _compare_day(
        self, area: _Area, day: datetime, named: dict[str, set[str]], states: Collection[_ChainState]
    ) -> None:
        """Hold a day's folder of log files against what valid digests name."""
        folder = f"{day:%Y/%m/%d}"
        prefix = f"{area.logs}{folder}/"
        known = named.pop(folder, set())
        for state in states:
            state.covered = _joined(state.covered)  # a year of hours is a few spans
        covered = _joined(chained.from_iterable(state.covered for state in states))
        try:
            for key in self.store.keys(prefix, prefix, f"{prefix}\U0010ffff"):
                if key not in known and not key.endswith("/"):
                    self._judge_unnamed(area, key, folder, covered)
        except UnreadableError as error:
            self._report(Kind.UNREADABLE, prefix, f"its log files could not be listed: {error.why}", area=area)

    def _judge_unnamed(self, area: _Area, key: str, folder: str, covered: Sequence[tuple[datetime, datetime]]) -> None:
        found = _LOG_NAME.fullmatch(key.rpartition("/")[2])
        moment = None
        if found and (found["account"], found["region"]) == (area.account, area.region):
            with suppress(ValueError):
                moment = datetime.strptime(found["time"], "%Y%m%dT%H%MZ").replace(tzinfo=UTC)
        if moment is None or key != f"{area.logs}{moment:%Y/%m/%d}/{key.rpartition('/')[2]}":
            self._report(Kind.LOG_EXTRA, key, "CloudTrail gives its log files other names", area=area)
        elif not self.since <= moment < self.due:
            return
        elif any(begin <= moment - _MARGIN and moment + _MARGIN <= end for begin, end in covered):
            self._report(Kind.LOG_EXTRA, key, area=area)
        else:
            self._report(Kind.UNVOUCHED, key, area=area)

    # -- in the end

    def _report_gaps(self, area: _Area, state: _ChainState) -> None:
        if state.name.is_backfill:
            return
        where = f"{area.digests} (trail {state.name.trail} of {state.name.home_region})"
        if not state.is_asked:
            self._report(Kind.NO_DIGESTS, where, "its last digest ends before", area=area)
            return
        for begin, end in _uncovered(self.since, self.due, [*state.covered, *state.explained]):
            if end - begin > _TOLERANCE:
                self._report(Kind.GAP, where, area=area, since=begin, until=end)

    def _close(self, area: _Area, state: _ChainState) -> None:
        if not state.is_asked:
            return
        name = state.name
        within = ((max(begin, self.since), min(end, self.due)) for begin, end in _joined(state.covered))
        self.chains.append(
            Chain(
                account=area.account,
                region=area.region,
                trail=name.trail,
                home_region=name.home_region,
                organization=area.organization,
                is_backfill=name.is_backfill,
                bucket=state.bucket,
                digests=state.digests,
                digests_valid=state.digests_valid,
                logs=state.logs,
                logs_valid=state.logs_valid,
                covered=tuple((begin, end) for begin, end in within if begin < end),
                newest_object=state.newest.name.key if state.newest else "",
                newest_sha256=state.newest.sha256 if state.newest else "",
            )
        )

    def _report(
        self,
        kind: Kind,
        where: str,
        why: str = "",
        *,
        area: _Area | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
    ) -> None:
        self.findings.append(
            Finding(
                kind=kind,
                object=where,
                why=why,
                account=area.account if area else "",
                region=area.region if area else "",
                since=since,
                until=until,
            )
        )

    def _tell(self) -> None:
        self._told(
            Progress(
                done=min(1.0, (self._area_number + self._share) / self._areas),
                digests=self._digests,
                logs=self._logs - len(self._pending),
                findings=len(self.findings),
            )
        )

    def _in_order(self, function: Callable[[_Item], _Result], items: Iterable[_Item]) -> Iterator[_Result]:
        """The results in the order of the items, some of which are always being worked on."""
        rest = iter(items)
        running = deque(self._pool.submit(function, item) for item in islice(rest, self._ahead))
        try:
            while running:
                result = running.popleft().result()
                running.extend(self._pool.submit(function, item) for item in islice(rest, 1))
                yield result
        finally:
            for task in running:
                task.cancel()


def _joined(spans: Iterable[tuple[datetime, datetime]]) -> list[tuple[datetime, datetime]]:
    """The same time in as few spans as possible, in order."""
    found: list[tuple[datetime, datetime]] = []
    for begin, end in sorted(spans):
        if found and begin - found[-1][1] <= _TOLERANCE:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        elif end > begin:
            found.append((begin, end))
    return found


def _uncovered(
    since: datetime, until: datetime, spans: Iterable[tuple[datetime, datetime]]
) -> Iterator[tuple[datetime, datetime]]:
    """What is left of a period."""
    for begin, end in _joined(spans):
        if begin > since:
            yield since, min(begin, until)
        since = max(since, end)
        if since >= until:
            return
    if since < until:
        yield since, until
