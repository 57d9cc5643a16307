"""The statement on whole logs: what was checked, how, by whom, and each object that fails, by name."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Self

FORMAT = "rootwatch-log-integrity/1"
_LIMIT = 400  # characters shown of one object's name


class StatementError(ValueError):
    """What was read is no statement, or not the one that was written; says why."""


class Verdict(StrEnum):
    """What the check of a period came to; the worse one wins."""

    WHOLE = "whole"
    UNCHECKED = "could not check"
    FAILED = "failed"


class Kind(StrEnum):
    """What is wrong with an object or a time."""

    LOG_MISSING = "log-missing"
    LOG_CHANGED = "log-changed"
    LOG_DAMAGED = "log-damaged"
    LOG_EXTRA = "log-extra"
    DIGEST_MISSING = "digest-missing"
    DIGEST_DAMAGED = "digest-damaged"
    DIGEST_MOVED = "digest-moved"
    DIGEST_UNSIGNED = "digest-unsigned"
    DIGEST_FORGED = "digest-forged"
    DIGEST_UNKNOWN_KEY = "digest-unknown-key"
    DIGEST_RELINKED = "digest-relinked"
    DIGEST_EXTRA = "digest-extra"
    RESTART = "restart"
    GAP = "gap"
    # Could not be checked:
    UNREADABLE = "unreadable"
    SIGNATURE_NOT_KEPT = "signature-not-kept"
    KEYS_UNAVAILABLE = "keys-unavailable"
    UNKNOWN_ALGORITHM = "unknown-algorithm"
    ELSEWHERE = "elsewhere"
    UNVOUCHED = "unvouched"
    STARTS_LATER = "starts-later"
    NO_DIGESTS = "no-digests"
    NOT_REACHED = "not-reached"
    NOT_DUE = "not-due"

    @property
    def verdict(self) -> Verdict:
        return Verdict.UNCHECKED if self in _UNCHECKED else Verdict.FAILED

    @property
    def meaning(self) -> str:
        """What is wrong, in a few words."""
        return _WORDS[self][0]

    @property
    def remedy(self) -> str:
        """What to do about it."""
        return _WORDS[self][1]


_UNCHECKED = frozenset(list(Kind)[list(Kind).index(Kind.UNREADABLE) :])
_RESTORE = (
    "look for an older version of the object (aws s3api list-object-versions), and in the bucket's access log for who "
    "wrote or deleted it"
)
_WORDS: Mapping[Kind, tuple[str, str]] = {
    Kind.LOG_MISSING: ("the log file was delivered and is not there any more", f"{_RESTORE}."),
    Kind.LOG_CHANGED: ("the log file is not what CloudTrail delivered", f"do not rely on it; {_RESTORE}."),
    Kind.LOG_DAMAGED: ("the log file is broken", f"do not rely on it; {_RESTORE}."),
    Kind.LOG_EXTRA: (
        "no digest names this log file, so CloudTrail did not deliver it here",
        "do not rely on it, and find out who wrote it: maybe another trail that delivers here without log file "
        "validation. CloudTrail names a late file in a backfill digest, some days later.",
    ),
    Kind.DIGEST_MISSING: (
        "the next digest names this one, and it is not there any more",
        f"{_RESTORE}. The log files of its time are not vouched for until it is back.",
    ),
    Kind.DIGEST_DAMAGED: ("the digest is broken", f"{_RESTORE}. The log files that it names were not checked."),
    Kind.DIGEST_MOVED: (
        "the digest says that it belongs elsewhere",
        "CloudTrail signs a digest together with the bucket and the key it is delivered to. Check a copy as a copy: "
        "download it with its metadata and use --logs, or name the bucket it was copied from with --copy-of.",
    ),
    Kind.DIGEST_UNSIGNED: (
        "the digest's object has lost its signature, so somebody wrote it again",
        f"{_RESTORE}.",
    ),
    Kind.DIGEST_FORGED: (
        "the signature is not CloudTrail's for this content",
        f"do not rely on it; {_RESTORE}. The log files that it names were not checked.",
    ),
    Kind.DIGEST_UNKNOWN_KEY: (
        "the digest names a key that CloudTrail does not have",
        "do not rely on it; where the public keys came from a file, make sure that it holds those of the whole period "
        "and region.",
    ),
    Kind.DIGEST_RELINKED: ("the next digest recorded another content or signature for this one", f"{_RESTORE}."),
    Kind.DIGEST_EXTRA: (
        "an object among the digests that is none",
        "CloudTrail did not write it there; find out who did.",
    ),
    Kind.RESTART: (
        "the chain begins anew here: logging or validation had been stopped",
        "look in CloudTrail's event history for StopLogging, UpdateTrail and DeleteTrail before this time, and ask "
        "whoever it was. Nothing vouches for the log files in between.",
    ),
    Kind.GAP: (
        "no valid digest covers this time",
        "either digests were deleted, or logging or validation was off: look for StopLogging, UpdateTrail and "
        "DeleteTrail in CloudTrail's event history, and for deletions in the bucket's access log.",
    ),
    Kind.UNREADABLE: (
        "it could not be read",
        "ask for s3:ListBucket on the bucket and s3:GetObject on the object (kms:Decrypt where it is encrypted with "
        "a customer key), and repeat. An archived object has to be restored first (aws s3api restore-object).",
    ),
    Kind.SIGNATURE_NOT_KEPT: (
        "the copy has not kept the signature of this digest, and no digest after it repeats it",
        "S3 keeps it as metadata of the object, which a plain copy loses, and the digest after it repeats it: download "
        "that one as well, or all of them with `rootwatch verify-logs --download`.",
    ),
    Kind.KEYS_UNAVAILABLE: (
        "CloudTrail's public keys could not be had",
        "ask for cloudtrail:ListPublicKeys in this region, or give them with --public-keys.",
    ),
    Kind.UNKNOWN_ALGORITHM: (
        "it is hashed or signed in a way that this version does not know",
        "use a newer version of Rootwatch, and compare with `aws cloudtrail validate-logs`.",
    ),
    Kind.ELSEWHERE: (
        "it lies outside of what was looked at",
        "check that place as well, with --bucket and --prefix.",
    ),
    Kind.UNVOUCHED: (
        "no valid digest covers the time of this log file",
        "see what became of the digest of that time, named above.",
    ),
    Kind.STARTS_LATER: (
        "the chain of digests begins within the period",
        "nothing vouches for the time before; shorten the period if the trail, or its validation, began then.",
    ),
    Kind.NO_DIGESTS: (
        "there is no digest for this period",
        "make sure that bucket, prefix, account and region are right, and that the trail has log file validation "
        "(aws cloudtrail get-trail). Where an account or region was left before the period, name those that are to be "
        "checked.",
    ),
    Kind.NOT_DUE: (
        "the digests of this period are not due yet",
        "three hours are allowed for after the hour that a digest covers: repeat it then.",
    ),
    Kind.NOT_REACHED: ("the time to check it in ran out", "repeat it for a shorter period or a single account."),
}


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One object, or one stretch of time, and what is wrong with it."""

    kind: Kind
    object: str  # as the bucket names it; a chain's folder where it is a time
    why: str = ""  # the details
    account: str = ""
    region: str = ""
    since: datetime | None = None  # the time it concerns
    until: datetime | None = None

    def to_plain(self) -> dict[str, Any]:
        return {
            "kind": str(self.kind),
            "verdict": str(self.kind.verdict),
            "object": self.object,
            "what": self.kind.meaning,
            "why": self.why,
            "remedy": self.kind.remedy,
            "account": self.account,
            "region": self.region,
            "since": _written(self.since),
            "until": _written(self.until),
        }

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        return cls(
            kind=Kind(plain["kind"]),
            object=str(plain["object"]),
            why=str(plain["why"]),
            account=str(plain["account"]),
            region=str(plain["region"]),
            since=_read(plain["since"]),
            until=_read(plain["until"]),
        )


@dataclass(frozen=True, kw_only=True)
class Chain:
    """One chain of digests: of an account, a region and a trail."""

    account: str
    region: str
    trail: str
    home_region: str
    organization: str = ""
    is_backfill: bool = False
    bucket: str = ""  # the bucket that its digests say they were delivered to
    digests: int = 0  # found in the period
    digests_valid: int = 0
    logs: int = 0  # named by valid digests of the period
    logs_valid: int = 0
    covered: tuple[tuple[datetime, datetime], ...] = ()  # by valid digests, within the period
    newest_object: str = ""  # the newest valid digest: what the next statement has to go on from
    newest_sha256: str = ""

    def to_plain(self) -> dict[str, Any]:
        found = {item.name: getattr(self, item.name) for item in fields(self)}
        return found | {"covered": [[_written(begin), _written(end)] for begin, end in self.covered]}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        covered = tuple((_moment(begin), _moment(end)) for begin, end in plain["covered"])
        return cls(**{**{item.name: plain[item.name] for item in fields(cls)}, "covered": covered})


@dataclass(frozen=True, kw_only=True)
class Key:
    """A public key of CloudTrail's that a valid digest was signed with."""

    region: str
    fingerprint: str  # CloudTrail's name for it
    sha256: str  # of the key as CloudTrail gives it (PKCS #1, DER)


@dataclass(frozen=True, kw_only=True)
class Statement:
    """What was checked and what came of it. `sha256` is made over everything else in it."""

    made_at: datetime
    by: str  # who ran it, as AWS or the machine knows them
    version: str
    place: str  # where digests and log files were read
    keys_from: str  # where the public keys were had
    since: datetime  # the period asked for
    until: datetime
    due: datetime  # the end of what digests can cover yet: they come every hour, after it
    accounts: tuple[str, ...] = ()  # asked for; all that were found where empty
    regions: tuple[str, ...] = ()
    chains: tuple[Chain, ...] = ()
    findings: tuple[Finding, ...] = ()
    keys: tuple[Key, ...] = ()
    milliseconds: int = 0  # it took
    sha256: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", self._hash())

    @property
    def verdict(self) -> Verdict:
        found = {finding.kind.verdict for finding in self.findings}
        if Verdict.FAILED in found:
            return Verdict.FAILED
        return Verdict.UNCHECKED if found or not self.chains else Verdict.WHOLE

    @property
    def is_whole(self) -> bool:
        return self.verdict is Verdict.WHOLE

    @property
    def failed(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind.verdict is Verdict.FAILED)

    @property
    def unchecked(self) -> tuple[Finding, ...]:
        return tuple(finding for finding in self.findings if finding.kind.verdict is Verdict.UNCHECKED)

    @property
    def digests(self) -> int:
        return sum(chain.digests for chain in self.chains)

    @property
    def digests_valid(self) -> int:
        return sum(chain.digests_valid for chain in self.chains)

    @property
    def logs(self) -> int:
        return sum(chain.logs for chain in self.chains)

    @property
    def logs_valid(self) -> int:
        return sum(chain.logs_valid for chain in self.chains)

    def _hash(self) -> str:
        text = json.dumps(self._body(), sort_keys=True, separators=(",", ":"), ensure_ascii=True)
        return hashlib.sha256(text.encode()).hexdigest()

    def _body(self) -> dict[str, Any]:
        return {
            "format": FORMAT,
            "verdict": str(self.verdict),
            "made_at": _written(self.made_at),
            "by": self.by,
            "version": self.version,
            "place": self.place,
            "keys_from": self.keys_from,
            "since": _written(self.since),
            "until": _written(self.until),
            "due": _written(self.due),
            "accounts": list(self.accounts),
            "regions": list(self.regions),
            "counts": {
                "digests": self.digests,
                "digests_valid": self.digests_valid,
                "logs": self.logs,
                "logs_valid": self.logs_valid,
                "failed": len(self.failed),
                "unchecked": len(self.unchecked),
                "by_kind": dict(sorted(Counter(str(item.kind) for item in self.findings).items())),
            },
            "how": list(HOW),
            "chains": [chain.to_plain() for chain in self.chains],
            "findings": [finding.to_plain() for finding in self.findings],
            "keys": [{"region": key.region, "fingerprint": key.fingerprint, "sha256": key.sha256} for key in self.keys],
            "milliseconds": self.milliseconds,
        }

    def to_plain(self) -> dict[str, Any]:
        """For JSON. `sha256` is that of the rest: keys sorted, no white space, ASCII."""
        return {**self._body(), "sha256": self.sha256}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> Self:
        """The statement again.

        Raises:
            StatementError: it is of another format, something is missing, or it was changed since.
        """
        if not isinstance(plain, Mapping) or plain.get("format") != FORMAT:
            raise StatementError(f"this is no statement on log integrity: its format is not {FORMAT!r}.")
        try:
            found = cls(
                made_at=_moment(plain["made_at"]),
                by=str(plain["by"]),
                version=str(plain["version"]),
                place=str(plain["place"]),
                keys_from=str(plain["keys_from"]),
                since=_moment(plain["since"]),
                until=_moment(plain["until"]),
                due=_moment(plain["due"]),
                accounts=tuple(plain["accounts"]),
                regions=tuple(plain["regions"]),
                chains=tuple(Chain.from_plain(item) for item in plain["chains"]),
                findings=tuple(Finding.from_plain(item) for item in plain["findings"]),
                keys=tuple(Key(**item) for item in plain["keys"]),
                milliseconds=int(plain["milliseconds"]),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise StatementError(f"the statement is incomplete: {type(error).__name__}: {error}.") from error
        if plain.get("sha256") != found.sha256 or dict(plain) != found.to_plain():
            raise StatementError("the statement was changed after it was made: its sha256 is not that of its content.")
        return found

    def summary(self, language: str = "en") -> tuple[str, str, str]:
        """Three lines for a message: the verdict with its period, what was checked, and what to look at."""
        words = _SUMMARY_JA if language == "ja" else _SUMMARY_EN
        first = words[str(self.verdict)].format(since=_shown_time(self.since), until=_shown_time(self.due))
        second = words["checked"].format(
            digests=self.digests, valid=self.digests_valid, logs=self.logs, logs_valid=self.logs_valid
        )
        if not self.findings:
            return first, second, words["nothing"].format(sha256=self.sha256[:16])
        worst = min(self.findings, key=lambda finding: list(Kind).index(finding.kind))
        return (
            first,
            second,
            words["look"].format(
                failed=len(self.failed),
                unchecked=len(self.unchecked),
                first=f"{worst.kind} {shown(worst.object, 200)}",
            ),
        )


HOW = (
    "each digest is read from where CloudTrail delivered it, unpacked to the last byte, and its SHA-256 taken",
    "its signature (RSA, PKCS #1 v1.5, SHA-256) is checked with the region's public key over the digest's end time, "
    "its own place, its hash and the signature of the digest before",
    "the hash and the signature of the digest before are compared with what the digest says of them",
    "every log file that a valid digest names is unpacked to the last byte, and its SHA-256 compared",
    "the folders of log files are listed: a file that no valid digest names is reported",
    "the times that valid digests cover are put together: what is left of the period is reported",
)

_SUMMARY_EN = {
    "whole": "Logs whole: every log file from {since} to {until} is as CloudTrail delivered it.",
    "failed": "LOGS NOT WHOLE: the check of {since} to {until} failed.",
    "could not check": "Logs not fully checked: {since} to {until} is neither proved whole nor found changed.",
    "checked": "{valid:,} of {digests:,} digests and {logs_valid:,} of {logs:,} log files are valid.",
    "nothing": "Nothing is missing, changed or unread. Statement {sha256}.",
    "look": "{failed:,} failed, {unchecked:,} could not be checked; the first: {first}",
}
_SUMMARY_JA = {
    "whole": "ログは完全です: {since} から {until} までのログファイルはすべて CloudTrail が配信したままです。",
    "failed": "ログは完全ではありません: {since} から {until} までの検証に失敗しました。",
    "could not check": "ログを検証しきれませんでした: {since} から {until} までは、完全とも改変とも言えません。",
    "checked": "有効: ダイジェスト {digests:,} 件中 {valid:,} 件、ログファイル {logs:,} 件中 {logs_valid:,} 件。",
    "nothing": "欠落・改変・未読はありません。報告書 {sha256}。",
    "look": "失敗 {failed:,} 件、検証できず {unchecked:,} 件。最初の 1 件: {first}",
}


def as_text(statement: Statement, *, most: int | None = None) -> Iterator[str]:
    """The statement for people, a line at a time; whatever a name holds, it stays on its line and is visible.

    `most`: how many objects are named of each kind; the rest is counted. All of them where left out.
    """
    yield "Statement on the integrity of CloudTrail log files"
    yield ""
    yield f"Verdict     {str(statement.verdict).upper()}"
    yield f"Period      {_shown_time(statement.since)} to {_shown_time(statement.until)}"
    if statement.due < statement.until:
        yield f"            checked to {_shown_time(statement.due)}: later digests are not due yet"
    yield f"Accounts    {', '.join(statement.accounts) or 'all that were found'}"
    yield f"Regions     {', '.join(statement.regions) or 'all that were found'}"
    yield f"Read from   {shown(statement.place)}"
    yield f"Keys from   {shown(statement.keys_from)}"
    yield f"Digests     {statement.digests_valid:,} of {statement.digests:,} valid"
    yield f"Log files   {statement.logs_valid:,} of {statement.logs:,} valid"
    yield f"Failed      {len(statement.failed):,}"
    yield f"Unchecked   {len(statement.unchecked):,}"
    yield ""
    if statement.failed:
        yield "Failed:"
        yield from _listed(statement.failed, most)
    if statement.unchecked:
        yield "Could not be checked:"
        yield from _listed(statement.unchecked, most)
    yield "Chains:"
    for chain in statement.chains:
        yield f"  {_chain_name(chain)}"
        yield (
            f"    digests {chain.digests_valid:,}/{chain.digests:,}, log files {chain.logs_valid:,}/{chain.logs:,}, "
            f"delivered to {shown(chain.bucket) or 'unknown'}"
        )
        for begin, end in chain.covered:
            yield f"    covered {_shown_time(begin)} to {_shown_time(end)}"
        if chain.newest_object:
            yield f"    newest  {shown(chain.newest_object)}"
            yield f"            sha256 {chain.newest_sha256}"
    if not statement.chains:
        yield "  none"
    yield ""
    yield "Public keys used:"
    for key in statement.keys:
        yield f"  {key.region}  {shown(key.fingerprint, 80)}  sha256 {key.sha256}"
    if not statement.keys:
        yield "  none"
    yield ""
    yield "How it was checked:"
    yield from (f"  {number}. {text}" for number, text in enumerate(HOW, 1))
    yield ""
    yield f"Signed off by {shown(statement.by)}"
    version = shown(statement.version, 40)
    yield f"at {_written(statement.made_at)} with Rootwatch {version}, in {statement.milliseconds / 1000:,.1f} s"
    yield f"sha256 of the statement's JSON: {statement.sha256}"


def _chain_name(chain: Chain) -> str:
    organization = f"{chain.organization}/" if chain.organization else ""
    backfill = ", backfill" if chain.is_backfill else ""
    return f"{organization}{chain.account} {chain.region}, trail {shown(chain.trail)} of {chain.home_region}{backfill}"


def _listed(findings: Sequence[Finding], most: int | None) -> Iterator[str]:
    for kind in Kind:
        found = [finding for finding in findings if finding.kind is kind]
        if not found:
            continue
        yield f"  {kind}: {kind.meaning}"
        yield f"    Do: {kind.remedy}"
        for finding in found[:most]:
            time = f"  [{_shown_time(finding.since)} to {_shown_time(finding.until)}]" if finding.since else ""
            yield f"    - {shown(finding.object, _LIMIT)}{time}" + (f": {shown(finding.why)}" if finding.why else "")
        if most is not None and len(found) > most:
            yield f"    … and {len(found) - most:,} more; the written statement names each (--output)"
    yield ""


def shown(text: str, limit: int = _LIMIT) -> str:
    """A name as one line of visible characters: object keys may hold anything."""
    visible = "".join(letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text[:limit])
    return visible + (f"… (+{len(text) - limit:,})" if len(text) > limit else "")


def _written(moment: datetime | None) -> str | None:
    return None if moment is None else moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _read(text: str | None) -> datetime | None:
    return None if text is None else _moment(text)


def _shown_time(moment: datetime | None) -> str:
    return "?" if moment is None else f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%SZ}"
