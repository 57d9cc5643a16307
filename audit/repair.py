"""A log file that the fast reader refuses, read slowly: its records are written again in a form that it takes.

AWS replaces whole objects by a text here and there (`userIdentity: "HIDDEN_DUE_TO_SECURITY_REASONS"`), collections
are kept as a record on each line or as a list, and half a surrogate pair is no text to a strict reader. None of that is
a reason to lose a record. What is no JSON, or ends in the middle, is: such a file is named with its reason.
"""

from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from audit.log_files import LogFile
from audit.tables import CLOUDTRAIL, Flag, ListOf, MapOf, Number, Struct, Table, Text, Type

_CHUNK = 20_000  # records in one repaired file: what is read at once stays small
_MOST = 2 << 30  # bytes of one file, unpacked: AWS's stay below 100 MB
_BLOCK = 1 << 20


class UnreadableFileError(Exception):
    """A file holds no records that can be read; the text is the reason."""


@dataclass(frozen=True, kw_only=True)
class Repaired:
    """The files that stand in for one, and how many of its items were no records."""

    files: tuple[LogFile, ...]
    refused: int


def repaired(file: LogFile, folder: Path, table: Table = CLOUDTRAIL) -> Repaired:
    """Write the records of `file` again, into a folder of its own below `folder`.

    Raises:
        UnreadableFileError: it cannot be opened or unpacked, or is no JSON of records; nothing of it is kept.
    """
    writer = _Writer(file, folder, table)
    try:
        for record in _lines(file) if file.is_lines else _records(file, table):
            writer.add(record)
        return writer.finished()
    except BaseException:
        writer.remove()
        raise


class _Writer:
    def __init__(self, file: LogFile, folder: Path, table: Table) -> None:
        self._file = file
        self._folder = folder
        self._table = table
        self._known = {column.key: column.type for column in table.columns}
        self._waiting: list[dict[str, Any]] = []
        self._written: list[LogFile] = []
        self._refused = 0

    def add(self, record: object) -> None:
        if not isinstance(record, dict):
            self._refused += 1
            return
        self._waiting.append({key: _fitting(record[key], kind) for key, kind in self._known.items() if key in record})
        if len(self._waiting) >= _CHUNK:
            self._flush()

    def finished(self) -> Repaired:
        if self._waiting:
            self._flush()
        if not self._written and self._refused:
            raise UnreadableFileError("it holds no records of CloudTrail")
        return Repaired(files=tuple(self._written), refused=self._refused)

    def remove(self) -> None:
        for written in self._written:
            Path(written.path).unlink(missing_ok=True)

    def _flush(self) -> None:
        # Under a path that says the same of account, region and day as the original's.
        file, number = self._file, len(self._written)
        place = Path(f"{file.account}/CloudTrail/{file.region}/{file.day}") if file.day and file.account else Path()
        if self._table.layout == "entry" and file.day:
            place = Path(self._table.name, file.day)
        path = self._folder / f"{number}" / place / "records.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        if self._table.layout == "records":
            text = json.dumps({"Records": self._waiting}, ensure_ascii=False, separators=(",", ":"))
        else:
            text = "\n".join(json.dumps(item, ensure_ascii=False) for item in self._waiting)
        data = text.encode("utf-8", "replace")
        path.write_bytes(data)
        self._written.append(LogFile(str(path), len(data), file.account, file.region, file.day))
        self._waiting = []


def _fitting(value: Any, kind: Type) -> Any:
    """The value as the type of its column has it; None where it is something else."""
    match kind:
        case Text():
            if value is None or isinstance(value, str):
                return value
            return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
        case Number():
            return value if isinstance(value, int) and not isinstance(value, bool) and abs(value) < 1 << 63 else None
        case Flag():
            return value if isinstance(value, bool) else None
        case ListOf(item):
            return [_fitting(entry, item) for entry in value] if isinstance(value, list) else None
        case MapOf():
            return {key: _fitting(entry, Text()) for key, entry in value.items()} if isinstance(value, dict) else None
        case Struct(fields):
            if not isinstance(value, dict):
                return None
            return {field.key: _fitting(value[field.key], field.type) for field in fields if field.key in value}


def _records(file: LogFile, table: Table) -> Iterator[object]:
    data = b"".join(_blocks(file))
    try:
        value = json.loads(data)
    except RecursionError:
        raise UnreadableFileError("it is nested too deeply") from None
    except ValueError as error:
        where = f" at character {error.pos:,}" if isinstance(error, json.JSONDecodeError) else ""
        raise UnreadableFileError(f"it is no JSON, or half of one{where}" if data.strip() else "it is empty") from None
    del data
    if table.layout == "entry":
        yield value
        return
    records = value.get("Records") if isinstance(value, dict) else value
    if isinstance(records, list):
        yield from records
    elif isinstance(value, dict) and "eventName" in value:
        yield value
    else:
        raise UnreadableFileError('it has no list of "Records": it is JSON, but no log file of CloudTrail')


def _lines(file: LogFile) -> Iterator[object]:
    rest = b""
    number = 0
    for block in _blocks(file):
        *lines, rest = (rest + block).split(b"\n")
        for line in lines:
            number += 1
            yield from _line(line, number)
    yield from _line(rest, number + 1)


def _line(line: bytes, number: int) -> Iterator[object]:
    if not line.strip():
        return
    try:
        value = json.loads(line)
    except (ValueError, RecursionError):
        raise UnreadableFileError(f"its line {number:,} is no JSON") from None
    yield value.get("event", value) if isinstance(value, dict) and "eventName" not in value else value


def _blocks(file: LogFile) -> Iterator[bytes]:
    size = 0
    try:
        with gzip.open(file.path, "rb") if file.path.endswith(".gz") else Path(file.path).open("rb") as stream:
            while block := stream.read(_BLOCK):
                size += len(block)
                if size > _MOST:
                    raise UnreadableFileError(f"unpacked it is larger than {_MOST >> 30} GB")
                yield bytes(block)
    except EOFError:
        raise UnreadableFileError("it ends in the middle: the file was cut off") from None
    except (gzip.BadGzipFile, zlib.error):
        raise UnreadableFileError("it is no gzip, or damaged") from None
    except OSError as error:
        raise UnreadableFileError((error.strerror or type(error).__name__).lower()) from None
