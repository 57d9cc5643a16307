"""CloudTrail's log objects: the records of one that some detection may want, without reading the others whole.

An object is unpacked (every member of the gzip, its checksums checked), and of each record only the fields that decide
are decoded; a dictionary remembers what the quick look said of them. Records that may matter are then decoded whole.
Where the text is not as usual - a field of another type, half a character, bytes that are no UTF-8 - its records are
read one by one in the ordinary way: that is slower, and loses nothing.
"""

from __future__ import annotations

import codecs
import json
import re
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import msgspec
from isal.isal_zlib import _GzipReader  # what isal.igzip.decompress is made of; it can fill a buffer of ours
from msgspec import UNSET, Raw, UnsetType

from handlers.adapters.json_scan import BYTE_NOT_UTF8, after_space, matching_end
from handlers.alerting.errors import RootwatchError, UnreadableEventError
from handlers.alerting.event import MAXIMUM_BYTES, MAXIMUM_DEPTH, Event, decode
from handlers.alerting.pattern import Matcher
from handlers.alerting.quick_look import Interest, QuickLook

# CloudTrail's own log objects are a few megabytes unpacked; what is larger than this is not one of them.
MAXIMUM_UNPACKED = 256 * 1024 * 1024
_CHUNK = 32 * 1024  # bytes decoded at a time: about twenty records, so that finding one again costs little
_CUTS = 4  # places tried before a part is read the slow way
_MOST_EXPANDED = 1_032  # times that deflate can shrink its data
_MOST_REMEMBERED = 100_000  # answers of the quick look: whoever calls AWS chooses some of the words


class UnreadableObjectError(RootwatchError):
    """The object cannot be read, or not completely; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class Kind(StrEnum):
    """What CloudTrail wrote into an object."""

    RECORDS = "records"
    DIGEST = "digest"  # the signed list of an hour's log objects: no records
    INSIGHT = "insight"  # CloudTrail's own statistics of unusual activity: records that no detection asks for


@dataclass(frozen=True, kw_only=True, slots=True)
class Refused:
    """A record that is none, or cannot be decoded: kept, so that it can be shown to somebody."""

    number: int  # in its object, from 1
    reason: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectRead:
    """What an object holds."""

    kind: Kind
    records: int  # how many there are
    candidates: Sequence[Mapping[str, Any]]  # those that some detection may want, whole, in their order
    numbers: Sequence[int]  # of each candidate: which record of the object it is, from 1
    refused: Sequence[Refused]


class _Identity(msgspec.Struct, gc=False):
    type: str | UnsetType | None = UNSET
    sessionContext: Raw | UnsetType = UNSET  # noqa: N815 - AWS's names


class _Record(msgspec.Struct, gc=False):
    """The fields of quick_look's GLANCE and CLOSER; another type than these sends the record the slow way.

    In the order in which AWS writes them: the decoder looks for the next one first.
    """

    userIdentity: _Identity | UnsetType | None = UNSET  # noqa: N815
    eventSource: str | UnsetType | None = UNSET  # noqa: N815
    eventName: str | UnsetType | None = UNSET  # noqa: N815
    errorCode: str | UnsetType | None = UNSET  # noqa: N815
    requestParameters: Raw | UnsetType = UNSET  # noqa: N815
    # An EventBridge event among the records: no value is taken, so that it goes the slow way.
    detail_type: Literal["\0"] = msgspec.field(default="\0", name="detail-type")


class _First(msgspec.Struct, gc=False):
    """What tells an insight from a record of what happened."""

    eventType: Any = None  # noqa: N815


class _Whole(msgspec.Struct, gc=False):
    """What tells one kind of object from another."""

    Records: Raw | UnsetType = UNSET
    digestS3Object: Raw | UnsetType = UNSET  # noqa: N815
    digestStartTime: Raw | UnsetType = UNSET  # noqa: N815


_TYPED = msgspec.json.Decoder(list[_Record])
_FIRST = msgspec.json.Decoder(list[_First])
_RAW = msgspec.json.Decoder(list[Raw])
_WHOLE = msgspec.json.Decoder(_Whole)
_ANY = msgspec.json.Decoder()
_JSON = json.JSONDecoder(parse_constant=str)  # NaN and Infinity become words, as in Event.parse

_START = re.compile(rb'[ \t\r\n]*\{[ \t\r\n]*"Records"[ \t\r\n]*:[ \t\r\n]*\[')
_END = re.compile(rb"\][ \t\r\n]*\}[ \t\r\n]*\Z")
_TAIL = 64  # bytes in which the end of an ordinary object is looked for
# Where one record ends and the next begins, as AWS writes it. Only a hint where to cut: both parts have to be whole.
_BOUNDARY = b'},{"eventVersion"'
_INSIGHT = b"AwsCloudTrailInsight"
_OPENING, _CLOSING, _COMMA = b"[],"
_NO, _YES = Interest.NONE, Interest.LIKELY
_NO_RECORDS = "it holds no Records: not a log object of CloudTrail"
_NOT_DECODED = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_object(data: bytes, look: QuickLook, *, limit: int = MAXIMUM_UNPACKED) -> ObjectRead:
    """Read a log object as it is stored, gzipped or not.

    Args:
        data: the object's bytes.
        look: what to keep. It keeps its answers, so use one for many objects.
        limit: the most bytes that are unpacked.

    Raises:
        UnreadableObjectError: the gzip data are cut off or damaged, it is not JSON to its end, or it holds no records.
            Says which; no record of it was returned.
    """
    text = _unpacked(data, limit)
    start, end = _START.match(text), _END.search(text, max(0, len(text) - _TAIL))
    if start is None or end is None or end.start() < start.end():
        return _otherwise(bytes(text), look)
    found = _Finder(look)
    try:
        found.read(text, start.end(), end.start())
    except UnreadableObjectError as problem:
        try:  # there may be more in the object than the one array
            return _otherwise(unpacked(data, limit=limit), look)
        except UnreadableObjectError:
            raise problem from None
    return found.result()


def unpacked(data: bytes, *, limit: int = MAXIMUM_UNPACKED) -> bytes:
    """The text of an object: every gzip member, checked; or the data as they are where they are not gzipped.

    Raises:
        UnreadableObjectError: cut off, damaged, or larger than `limit`.
    """
    return bytes(_unpacked(data, limit))


def _unpacked(data: bytes, limit: int) -> bytearray:
    text = _gunzipped(data, limit) if data[:2] == b"\x1f\x8b" else bytearray(data)
    if len(text) > limit:
        raise UnreadableObjectError(f"it is larger than {limit // 1024 // 1024} MB unpacked")
    if text.startswith(codecs.BOM_UTF8):
        del text[: len(codecs.BOM_UTF8)]
    return text


def _gunzipped(data: bytes, limit: int) -> bytearray:
    """At most one byte more than `limit`."""
    # What the last member says of its size is nearly always that of the whole; it is not believed.
    expected = min(int.from_bytes(data[-4:], "little"), len(data) * _MOST_EXPANDED, limit)
    text = bytearray(expected + 1)
    size = 0
    try:
        reader = _GzipReader(data)  # type: ignore[arg-type]  # takes bytes as well, as igzip.decompress gives it
        while count := reader.readinto(memoryview(text)[size:]):
            size += count
            if size > limit:
                break
            if size == len(text):
                text.extend(bytes(min(size, limit + 1 - size)))
    except EOFError as error:
        raise UnreadableObjectError("the gzip data are cut off") from error
    except (zlib.error, OSError, ValueError) as error:
        raise UnreadableObjectError(f"the gzip data are damaged ({error})") from error
    del text[size:]
    return text


def _otherwise(text: bytes, look: QuickLook) -> ObjectRead:
    """An object that is not just {"Records": [...]}."""
    found = _Finder(look)
    try:
        whole = _WHOLE.decode(text)
    except _NOT_DECODED:
        found.read_by_hand(text)
        return found.result()
    if not isinstance(whole.Records, UnsetType):
        array = bytearray(bytes(whole.Records).strip())
        if not array.startswith(b"["):
            raise UnreadableObjectError("its Records are not a list")
        found.read(array, 1, len(array) - 1)
        return found.result()
    if whole.digestS3Object is not UNSET and whole.digestStartTime is not UNSET:
        return ObjectRead(kind=Kind.DIGEST, records=0, candidates=(), numbers=(), refused=())
    raise UnreadableObjectError(_NO_RECORDS)


def _why_not_json(text: bytes) -> str:
    if not text.strip():
        return "it is empty"
    try:
        json.loads(text)
    except UnicodeDecodeError as error:
        return f"not UTF-8 at byte {error.start}"
    except json.JSONDecodeError as error:
        return f"not JSON: {error.msg[:1].lower()}{error.msg[1:]} at line {error.lineno}, column {error.colno}"
    except (RecursionError, ValueError):
        return "not JSON that can be read"
    return _NO_RECORDS


class _Finder:
    """What is found in one object."""

    def __init__(self, look: QuickLook) -> None:
        self._look = look
        self._count = 0
        self._is_insight = False
        self._candidates: list[Mapping[str, Any]] = []
        self._numbers: list[int] = []
        self._refused: list[Refused] = []

    def result(self) -> ObjectRead:
        return ObjectRead(
            kind=Kind.INSIGHT if self._is_insight else Kind.RECORDS,
            records=self._count,
            candidates=self._candidates,
            numbers=self._numbers,
            refused=self._refused,
        )

    def read(self, text: bytearray, start: int, end: int) -> None:
        """The elements of the array whose brackets stand at text[start - 1] and text[end]. Writes into the text.

        It is cut where records seem to begin. A part that is a whole list by itself was cut between two elements of
        the outermost array, since brackets balance nowhere else; where it is none we cut later, at last nowhere.
        """
        with memoryview(text) as view:
            opening = start - 1
            while opening < end:
                opening = self._next_part(text, view, opening, end)

    def read_by_hand(self, text: bytes) -> None:
        """All of a text that the fast decoder does not take as a whole.

        Raises:
            UnreadableObjectError: it is not JSON, or holds no records.
        """
        try:
            whole = json.loads(text.decode("utf-8", "surrogateescape"), parse_constant=str)
        except (ValueError, RecursionError):
            raise UnreadableObjectError(_why_not_json(text)) from None
        records = whole.get("Records") if isinstance(whole, dict) else None
        if not isinstance(records, list):
            raise UnreadableObjectError(_NO_RECORDS)
        for record in records:
            self._count += 1
            self._slowly(json.dumps(record, ensure_ascii=False), self._count)

    def _next_part(self, text: bytearray, view: memoryview, opening: int, end: int) -> int:
        """Read as much as is a list by itself; returns where it ended: at `end`, or at a comma."""
        text[opening] = _OPENING
        least = opening + _CHUNK
        for _ in range(_CUTS):
            cut = text.find(_BOUNDARY, least, end)
            closing = end if cut < 0 else cut + 1
            if closing - opening >= MAXIMUM_BYTES:
                break  # a record in it may be larger than is taken
            text[closing] = _CLOSING
            part = view[opening : closing + 1]
            if self._typed(part) or self._raw(part):
                return closing
            if closing == end:
                break
            text[closing] = _COMMA
            least = closing
        self._one_by_one(bytes(view[opening + 1 : end]))
        return end

    def _typed(self, part: memoryview) -> bool:
        """Read a list of records by the fields that decide; False where that cannot be done, and nothing was."""
        try:
            records = _TYPED.decode(part)
        except _NOT_DECODED:
            return False
        if not self._count and _INSIGHT in bytes(part[:4_096]):
            self._is_insight = _FIRST.decode(part)[0].eventType == _INSIGHT.decode()
        answers = self._look.answers
        hot: list[int] = []
        for index, record in enumerate(records):
            identity = record.userIdentity
            # Numbers stand for what is not there: texts are never equal to them.
            kind = identity.type if identity else 0 if identity is None else 1
            key = record.eventName, record.eventSource, kind, record.errorCode
            answer = answers.get(key)
            if answer is None:
                answer = self._first_answer(key, record)
            if answer is not _NO and (answer is _YES or self._is_yes(answer, record)):
                hot.append(index)
        if hot:
            raws = _RAW.decode(part)
            for index in hot:
                self._whole(bytes(raws[index]), self._count + index + 1)
        self._count += len(records)
        return True

    def _first_answer(self, key: tuple[object, ...], record: _Record) -> Any:
        """_NO, _YES, or a question about the request parameters."""
        fields = _fields(record)
        interest = self._look.glance(fields)
        answer = interest if interest is not Interest.OPEN else self._look.question(fields)
        if len(self._look.answers) >= _MOST_REMEMBERED:
            self._look.answers.clear()
        self._look.answers[key] = answer
        return answer

    @staticmethod
    def _is_yes(question: Matcher, record: _Record) -> bool:
        try:
            return question({"detail": _closer_fields(record)})
        except (ValueError, RecursionError):  # what cannot be decoded: whoever reads the record whole says why
            return True

    def _whole(self, text: bytes, number: int) -> None:
        """Decode a record that may matter."""
        if text.count(b"{") + text.count(b"[") <= MAXIMUM_DEPTH:
            try:
                body = _ANY.decode(text)
            except _NOT_DECODED:  # such as a number that is too large for it
                body = None
            if isinstance(body, dict):
                self._keep(body, text, number, wanted=True)
                return
        self._slowly(text.decode("utf-8", "surrogateescape"), number)

    def _raw(self, part: memoryview) -> bool:
        """Read a list record by record: one of them has a field of another type than is documented."""
        try:
            raws = _RAW.decode(part)
        except _NOT_DECODED:
            return False
        for raw in raws:
            self._count += 1
            self._slowly(bytes(raw).decode("utf-8", "surrogateescape"), self._count)
        return True

    def _one_by_one(self, array: bytes) -> None:
        """Read the inside of an array that cannot be cut: each record as far as it goes.

        Raises:
            UnreadableObjectError: what follows a record, or its own end, cannot be found.
        """
        text = array.decode("utf-8", "surrogateescape")
        position = after_space(text, 0)
        while position < len(text):
            try:
                _, end = _JSON.raw_decode(text, position)
            except (ValueError, RecursionError) as error:
                found = matching_end(text, position)
                if found is None or isinstance(error, json.JSONDecodeError):
                    raise UnreadableObjectError(f"not JSON in record {self._count + 1:,}: {_cause(error)}") from error
                end = found
            self._count += 1
            self._slowly(text[position:end], self._count)
            position = after_space(text, end)
            if position < len(text):
                if text[position] != ",":
                    raise UnreadableObjectError(f"not JSON after record {self._count:,}: a comma is missing")
                position = after_space(text, position + 1)
                if position == len(text):
                    raise UnreadableObjectError(f"not JSON after record {self._count:,}: nothing follows the comma")

    def _slowly(self, text: str, number: int) -> None:
        """Judge one record as the pipeline does."""
        if found := BYTE_NOT_UTF8.search(text):
            self._refuse(number, f"not UTF-8: byte 0x{ord(found[0]) - 0xDC00:02x}", text)
            return
        try:
            body = decode(text)
        except UnreadableEventError as error:
            self._refuse(number, error.reason, text)
            return
        self._keep(body, text, number)

    def _keep(self, body: Any, text: str | bytes, number: int, *, wanted: bool = False) -> None:
        try:
            Event.parse(body if isinstance(body, Mapping) else json.dumps(body))
        except UnreadableEventError as error:
            self._refuse(number, error.reason, text.decode() if isinstance(text, bytes) else text)
            return
        if wanted or self._look.closer(body):
            self._candidates.append(body)
            self._numbers.append(number)

    def _refuse(self, number: int, reason: str, text: str) -> None:
        readable = text.encode("utf-8", "replace").decode()  # half characters and strange bytes become "?"
        self._refused.append(Refused(number=number, reason=reason, text=readable))


def _fields(record: _Record) -> dict[str, Any]:
    """The fields of GLANCE, as they stood in the record."""
    fields: dict[str, Any] = {
        name: value
        for name in ("eventName", "eventSource", "errorCode")
        if (value := getattr(record, name)) is not UNSET
    }
    identity = record.userIdentity
    if identity is None:
        fields["userIdentity"] = None
    elif not isinstance(identity, UnsetType):
        fields["userIdentity"] = {} if isinstance(identity.type, UnsetType) else {"type": identity.type}
    return fields


def _closer_fields(record: _Record) -> dict[str, Any]:
    """The fields of CLOSER. Raises ValueError or RecursionError for what cannot be decoded."""
    fields: dict[str, Any] = {}
    if not isinstance(record.requestParameters, UnsetType):
        fields["requestParameters"] = _ANY.decode(record.requestParameters)
    identity = record.userIdentity
    if identity and not isinstance(identity.sessionContext, UnsetType):
        fields["userIdentity"] = {"sessionContext": _ANY.decode(identity.sessionContext)}
    return fields


def _cause(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg[:1].lower()}{error.msg[1:]}"
    return "nested too deeply" if isinstance(error, RecursionError) else str(error)[:80]
