"""Reading events out of files: which files there are, and the records in them, one at a time.

A file holds EventBridge events or CloudTrail records as JSON: one, an array of them, CloudTrail's {"Records": [...]},
what `aws cloudtrail lookup-events` prints, or JSON lines of any of these; plain or gzipped. What cannot be read is
named and left out, and the rest of the file is still read where its structure allows.
"""

from __future__ import annotations

import gzip
import io
import itertools
import json
import os
import re
import zlib
from collections.abc import Generator, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from cli.errors import reason_of
from handlers.adapters.json_scan import BYTE_NOT_UTF8, after_space, matching_end
from handlers.alerting.event import MAXIMUM_BYTES

SUFFIXES = (".json", ".jsonl", ".ndjson", ".json.gz", ".jsonl.gz", ".ndjson.gz")
STANDARD_INPUT = "-"
MAXIMUM_DOCUMENT = 256 * 1024 * 1024  # bytes of one JSON document, unpacked: what we hold in memory at once
_TOO_LARGE = f"one document of more than {MAXIMUM_DOCUMENT // 1024 // 1024} MB: split it, or write JSON lines"
_CHUNK = 1024 * 1024
# CloudTrail puts its signed digests beside the log files; they hold no events.
_NO_EVENTS_IN = ("CloudTrail-Digest",)

_NOT_JSON = {
    b"\x1f\x8b": "it was compressed twice: gunzip it once",
    b"PK\x03\x04": "this is a zip archive: unpack it first",
    b"PAR1": "this is a Parquet file: export it as JSON",
    b"\x28\xb5\x2f\xfd": "this is compressed with zstd: unpack it first",
    b"BZh": "this is compressed with bzip2: unpack it first",
    b"\xfd7zXZ": "this is compressed with xz: unpack it first",
    b"\xff\xfe": "this is UTF-16 (PowerShell's > writes that): save it as UTF-8",
    b"\xfe\xff": "this is UTF-16: save it as UTF-8",
}

_DECODER = json.JSONDecoder(parse_constant=str)  # NaN and Infinity become words: they are not JSON
_RECORDS = re.compile(r'\{[ \t\n\r]*"Records"[ \t\n\r]*:[ \t\n\r]*\[')
_HALF_CHARACTER = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    """One record as it stood in a file."""

    file: str
    place: str  # "line 17", "record 3": where in the file; "" where it is the file
    body: Mapping[str, Any] | str  # decoded; the text itself where `Event.parse` has to judge it


@dataclass(frozen=True, kw_only=True, slots=True)
class Broken:
    """Something that cannot be read."""

    file: str
    place: str  # as above; "" where the whole file is meant
    cause: str

    def __str__(self) -> str:
        return f"{self.file}{', ' if self.place else ''}{self.place}: {self.cause}"


@dataclass(frozen=True, kw_only=True, slots=True)
class Source:
    """A file to read, or standard input."""

    name: str  # as the user knows it
    path: Path | None  # None: standard input, or what follows
    data: bytes | None = None  # its content, where that is at hand already


def sources(names: Iterable[str]) -> Iterator[Source | Broken]:
    """The files meant by these names: a file, a folder (every JSON file below it, in order of name), "-" for stdin."""
    for name in names:
        path = Path(name)
        if name == STANDARD_INPUT:
            yield Source(name="standard input", path=None)
        elif os.path.isdir(name):  # noqa: PTH112 - Path.is_dir raises where a folder above may not be entered
            yield from _files_below(name)
        else:
            yield Source(name=name, path=path)


def _files_below(folder: str) -> Iterator[Source | Broken]:
    errors: list[OSError] = []
    found = False
    for where, folders, files in os.walk(folder, onerror=errors.append):
        folders[:] = sorted(name for name in folders if name not in _NO_EVENTS_IN and not name.startswith("."))
        while errors:
            yield _unlisted(errors.pop(0), folder)
        for name in sorted(files):
            if name.lower().endswith(SUFFIXES) and not name.startswith("."):
                found = True
                path = Path(where, name)
                yield Source(name=str(path), path=path)
    refused = bool(errors)
    while errors:
        yield _unlisted(errors.pop(0), folder)
    if not found and not refused:
        yield Broken(file=folder, place="", cause=f"this folder holds no file that ends in {', '.join(SUFFIXES)}")


def _unlisted(error: OSError, folder: str) -> Broken:
    return Broken(file=str(error.filename or folder), place="", cause=f"cannot be listed: {reason_of(error)}")


def records_of(source: Source, *, stdin: BinaryIO) -> Iterator[Record | Broken]:
    """The records of one file, in order; what is broken stands where it was met. Never raises for what is in it."""
    try:
        with _opened(source, stdin) as stream:
            yield from _Reader(source.name, stream).read()
    except OSError as error:
        yield Broken(file=source.name, place="", cause=f"cannot be read: {reason_of(error)}")


@contextmanager
def _opened(source: Source, stdin: BinaryIO) -> Iterator[io.BufferedReader]:
    if source.data is not None:
        yield io.BufferedReader(cast(io.RawIOBase, io.BytesIO(source.data)))
        return
    if source.path is not None:
        with source.path.open("rb") as stream:
            yield stream
        return
    stream = io.BufferedReader(cast(io.RawIOBase, stdin))
    try:
        yield stream
    finally:
        stream.detach()  # standard input is not ours to close


class _Reader:
    """The records of one open file."""

    def __init__(self, name: str, stream: io.BufferedReader) -> None:
        self.name = name
        self._stream = stream
        self.cut: str | None = None  # why the data end before their time
        self.count = 0  # records met

    def read(self) -> Iterator[Record | Broken]:
        lines = self._lines()
        number, first = next(lines, (1, b""))
        if reason := next((why for magic, why in _NOT_JSON.items() if first.startswith(magic)), None):
            yield Broken(file=self.name, place="", cause=reason)
            return
        if not first:
            yield Broken(file=self.name, place="", cause=self.cut or "is empty")
            return
        second = next(lines, None)
        if second is not None and (_is_complete(first) or (_is_an_event(second[1]) and first.strip() not in b"[{")):
            yield from self._line(number, first)
            yield from self._line(*second)
            for line in lines:
                yield from self._line(*line)
        else:
            yield from self._rest_as_document(number, first, second, lines)
        if self.cut:
            count = "nothing" if not self.count else f"{self.count:,} record{'s' if self.count > 1 else ''}"
            yield Broken(file=self.name, place="", cause=f"{self.cut}; {count} before that could be read")

    def _rest_as_document(
        self, number: int, first: bytes, second: tuple[int, bytes] | None, lines: Iterator[tuple[int, bytes]]
    ) -> Iterator[Record | Broken]:
        """One document over several lines, kept with its blank lines, so that line numbers stay true."""
        parts, size, last = [first], len(first), number
        for line, data in itertools.chain([second] if second else [], lines):
            size += len(data) + line - last
            if size > MAXIMUM_DOCUMENT:
                yield Broken(file=self.name, place="", cause=_TOO_LARGE)
                return
            parts.append(b"\n" * (line - last) + data)
            last = line
        yield from _Document(self, b"".join(parts), first_line=number).records()

    def _line(self, number: int, data: bytes) -> Iterator[Record | Broken]:
        yield from _Document(self, data, first_line=number, is_line=True).records()

    def _lines(self) -> Iterator[tuple[int, bytes]]:
        """The lines that are not blank, numbered from 1; `_cut` is set where the data end too early."""
        number = 1
        pending: list[bytes] = []
        size = 0
        for chunk in self._chunks():
            head, *more = chunk.split(b"\n")
            pending.append(head)
            size += len(head)
            for following in more:
                line = b"".join(pending)
                if line.strip():
                    yield number, line
                number += 1
                pending, size = [following], len(following)
            if size > MAXIMUM_DOCUMENT:
                self.cut = _TOO_LARGE
                return
        line = b"".join(pending)
        if line.strip():
            yield number, line

    def _chunks(self) -> Iterator[bytes]:
        stream = self._stream
        try:
            if stream.peek(2)[:2] != b"\x1f\x8b":
                while chunk := stream.read1(_CHUNK):
                    yield chunk
                return
            with gzip.GzipFile(fileobj=stream, mode="rb") as unpacked:
                while chunk := unpacked.read1(_CHUNK):
                    yield chunk
        except EOFError:
            self.cut = "the gzip data are cut off: copy the file again"
        except (zlib.error, gzip.BadGzipFile) as error:
            self.cut = f"the gzip data are damaged ({error}): copy the file again"


def _is_complete(line: bytes) -> bool:
    try:
        json.loads(line)
    except (ValueError, RecursionError):
        return False
    return True


def _is_an_event(line: bytes) -> bool:
    """Whether a line by itself is an event: then a broken line before it does not make the whole a broken document."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        return False
    return isinstance(value, dict) and not {"eventName", "detail-type", "Records"}.isdisjoint(value)


class _Unreadable(Exception):
    """A value that cannot be decoded: where, and how far the text has to be left out (None: to its end)."""

    def __init__(self, cause: str, *, at: int, resume: int | None) -> None:
        super().__init__(cause)
        self.at = at
        self.resume = resume


class _Document:
    """JSON values, one after another, in one text."""

    def __init__(self, reader: _Reader, data: bytes, *, first_line: int, is_line: bool = False) -> None:
        self._reader = reader
        self._first_line = first_line
        self._is_line = is_line
        self._number = 0  # of the record in this text
        try:
            self._text, self._has_bytes = data.decode("utf-8-sig"), False
        except UnicodeDecodeError:  # only the records that hold such bytes are lost
            self._text, self._has_bytes = data.decode("utf-8-sig", "surrogateescape"), True
        self._has_halves = "\\ud" in self._text or "\\uD" in self._text

    def records(self) -> Iterator[Record | Broken]:
        text = self._text
        position = after_space(text, 0)
        while position < len(text):
            if opened := _RECORDS.match(text, position):
                position = yield from self._elements(opened.end(), in_object=True)
            elif text[position] == "[":
                position = yield from self._elements(position + 1, in_object=False)
            else:
                position = yield from self._value(position)
            position = after_space(text, position)

    def _value(self, start: int) -> Generator[Record | Broken, None, int]:
        """One value that is not an array of records; returns where the text goes on."""
        try:
            value, end = self._decode(start)
        except _Unreadable as problem:
            yield from self._broken(problem)
            return len(self._text) if problem.resume is None or self._is_line else problem.resume
        inner = _inner_records(value)
        if inner is None:
            yield self._record(value, (start, end))
        else:
            for item in inner:
                yield self._record(item, None, is_one_of=True)
        return end

    def _elements(self, start: int, *, in_object: bool) -> Generator[Record | Broken, None, int]:
        """The elements of an array, one at a time; returns where the text goes on after it."""
        text = self._text
        position = after_space(text, start)
        if text[position : position + 1] == "]":
            return self._after_array(position + 1, in_object=in_object)
        while True:
            try:
                value, end = self._decode(position)
                yield self._record(value, (position, end), is_one_of=True)
            except _Unreadable as problem:
                yield from self._broken(problem)
                if problem.resume is None:
                    return len(text)
                end = problem.resume
            end = after_space(text, end)
            follows = text[end : end + 1]
            if follows == "]":
                return self._after_array(end + 1, in_object=in_object)
            if follows != ",":
                cause = "the text ends before its last bracket" if not follows else "a comma is missing after it"
                yield from self._broken(_Unreadable(cause, at=end, resume=None))
                return len(text)
            position = after_space(text, end + 1)

    def _after_array(self, position: int, *, in_object: bool) -> int:
        """Past the rest of {"Records": [...], ...}, which holds nothing for us."""
        if not in_object:
            return position
        position = after_space(self._text, position)
        if self._text[position : position + 1] == ",":
            position = after_space(self._text, position + 1)
            end = matching_end(self._text, position, depth=1)
            return len(self._text) if end is None else end
        return position + 1

    def _decode(self, start: int) -> tuple[Any, int]:
        text = self._text
        try:
            value, end = _DECODER.raw_decode(text, start)
        except json.JSONDecodeError as error:
            cause = f"not JSON: {error.msg[:1].lower()}{error.msg[1:]}"
            raise _Unreadable(cause, at=error.pos, resume=matching_end(text, start)) from error
        except RecursionError as error:
            raise _Unreadable("nested too deeply", at=start, resume=matching_end(text, start)) from error
        except ValueError as error:  # an integer of thousands of digits
            cause = f"not JSON that can be read: {str(error)[:80]}"
            raise _Unreadable(cause, at=start, resume=matching_end(text, start)) from error
        if self._has_bytes and (found := BYTE_NOT_UTF8.search(text, start, end)):
            raise _Unreadable(f"not UTF-8: byte 0x{ord(found[0]) - 0xDC00:02x}", at=found.start(), resume=end)
        return value, end

    def _record(self, value: Any, span: tuple[int, int] | None, *, is_one_of: bool = False) -> Record:
        """`span` is where the value stands in the text; None for one that was inside another value."""
        self._number += 1
        self._reader.count += 1
        return Record(file=self._reader.name, place=self._place(is_one_of=is_one_of), body=self._body(value, span))

    def _body(self, value: Any, span: tuple[int, int] | None) -> Mapping[str, Any] | str:
        if span is None:
            if isinstance(value, (dict, str)):
                return value
            return json.dumps([] if isinstance(value, list) else value)
        start, end = span
        has_half = self._has_halves and _HALF_CHARACTER.search(self._text, start, end)
        if isinstance(value, dict) and end - start <= MAXIMUM_BYTES and not has_half:
            return value
        return self._text[start:end]  # Event.parse judges size, kind and half characters

    def _broken(self, problem: _Unreadable) -> Iterator[Broken]:
        self._number += 1
        if self._reader.cut and problem.resume is None:
            return  # the end is missing: said once, of the file
        line = self._first_line + self._text.count("\n", 0, problem.at)
        column = problem.at - self._text.rfind("\n", 0, problem.at)
        place = f"line {line:,}, column {column:,}"
        if not self._is_line and self._number > 1:
            place = f"record {self._number:,} ({place})"
        yield Broken(file=self._reader.name, place=place, cause=f"{problem}{self._consequence(problem)}")

    def _consequence(self, problem: _Unreadable) -> str:
        """What else is not read because of it."""
        if self._is_line:
            return ""
        if problem.resume is not None:
            return f"; {problem.resume - problem.at:,} characters from there on are left out"
        at_end = after_space(self._text, problem.at) >= len(self._text)
        return "" if at_end else "; what follows it in this file is not read"

    def _place(self, *, is_one_of: bool) -> str:
        if not self._is_line:
            return f"record {self._number:,}"
        return f"line {self._first_line:,}, record {self._number:,}" if is_one_of else f"line {self._first_line:,}"


def _inner_records(value: Any) -> Iterable[Any] | None:
    """The records inside an object that is itself none; None where the object is the record."""
    if not isinstance(value, dict):
        return None
    if isinstance(value.get("Records"), list):
        return cast(list[Any], value["Records"])
    events = value.get("Events")
    if isinstance(events, list) and all(isinstance(item, dict) and "CloudTrailEvent" in item for item in events):
        return [item["CloudTrailEvent"] for item in events]
    return None
