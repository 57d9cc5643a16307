"""A replay from the Parquet copy that `rootwatch audit ingest` made: rows that may matter, made records again.

Which rows may matter is said by the detections' own patterns, as SQL. A copy keeps the fields that AWS documents, as
text: a record is as exact as that, and what the copy does not know - a field of another name or type - is not there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from audit.parquet import Part, parts_in
from audit.tables import CLOUDTRAIL, Column, Struct, Text
from cli.errors import CommandError
from cli.pattern_sql import condition
from cli.trail_files import Span

_ROWS = 500  # at a time
_IDS = 10_000  # of one query
_JSON = frozenset(column.key for column in CLOUDTRAIL.columns if column.comment == "JSON")


def parts_of(name: str) -> list[Part]:
    """The parts of the copy in this folder; none where it is no copy."""
    try:
        return list(parts_in(Path(name)))
    except OSError:  # whoever reads it says why it cannot be read
        return []


class Copy:
    """One copy: how much is in it, and the records that some pattern may match."""

    def __init__(self, parts: Sequence[Part], *, span: Span, threads: int) -> None:
        """`threads` of DuckDB, which is loaded here."""
        import duckdb

        self._error = duckdb.Error
        self._connection = duckdb.connect(config={"threads": threads})
        files = ", ".join(_quoted(str(part.path)) for part in parts)
        self._rows = f"read_parquet([{files}], union_by_name=true)"
        self._within = _within(span)

    def count(self) -> int:
        """How many records of the span there are."""
        (found,) = self._asked(f"SELECT count(*) FROM {self._rows} WHERE {self._within}").fetchone() or (0,)  # noqa: S608 - quoted
        return int(found)

    def candidates(self, patterns: Sequence[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
        """The records that some pattern may match.

        They are found by a few narrow columns, and read by their ids: the wide columns of all others stay packed.

        Raises:
            CommandError: a part of the copy cannot be read.
        """
        names = ", ".join(column.name for column in CLOUDTRAIL.columns)
        wanted = f"{self._within} AND {condition(patterns, _column)}"
        found = self._asked(f"SELECT eventid FROM {self._rows} WHERE {wanted}").fetchall()  # noqa: S608 - quoted
        ids = sorted({id_ for (id_,) in found if id_ is not None})
        which = [f"eventid IN ({', '.join(map(_quoted, ids[n : n + _IDS]))})" for n in range(0, len(ids), _IDS)]
        if any(id_ is None for (id_,) in found):
            which.append(f"eventid IS NULL AND {wanted}")
        for these in which:
            cursor = self._asked(f"SELECT {names} FROM {self._rows} WHERE {these}")  # noqa: S608 - quoted
            while rows := cursor.fetchmany(_ROWS):
                for row in rows:
                    yield _record(CLOUDTRAIL.columns, row)

    def _asked(self, query: str) -> Any:
        try:
            return self._connection.execute(query)
        except self._error as error:
            raise CommandError(
                f"the Parquet copy cannot be read: {str(error).splitlines()[0][:300]}",
                fix="replay the log files themselves, or make the copy anew with `rootwatch audit ingest`.",
            ) from error


def _within(span: Span) -> str:
    """A record without a time is looked at whatever the span."""
    if span.is_all:
        return "TRUE"
    begin, end = (f"{moment.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}" for moment in (span.begin, _end(span)))
    return f"(eventtime IS NULL OR eventtime >= '{begin.zfill(20)}' AND eventtime < '{end.zfill(20)}')"


def _end(span: Span) -> datetime:
    return min(span.end, datetime(9999, 12, 31, tzinfo=UTC))


def _column(path: tuple[str, ...]) -> str | None:
    match path:
        case ("eventName" | "eventSource" | "errorCode",):
            return path[0].lower()
        case ("userIdentity", "type"):
            return "useridentity.type"
        case ("userIdentity", "sessionContext", "sessionIssuer", "type"):
            return "useridentity.sessionContext.sessionIssuer.type"
        case ("requestParameters", "roleArn"):
            # Where it holds an escape, the text of the JSON is not the text that it means.
            return "(CASE WHEN json_valid(requestparameters) THEN requestparameters ->> '$.roleArn' END)"
    return None


def _record(columns: Sequence[Column], row: Sequence[Any]) -> dict[str, Any]:
    record: dict[str, Any] = {}
    for column, value in zip(columns, row, strict=True):
        if value is None:
            continue
        record[column.key] = _value(column, value)
    return record


def _value(column: Column, value: Any) -> Any:
    if column.key in _JSON and isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            return value  # a text where AWS documents an object
    if isinstance(column.type, Struct) and isinstance(value, Mapping):
        return _present(value)
    if isinstance(column.type, Text) and value in ("true", "false"):
        return value == "true"
    return [_present(item) for item in value] if isinstance(value, list) else value


def _present(value: Any) -> Any:
    """Without what is not there: a struct has a value for every field."""
    if isinstance(value, Mapping):
        return {key: _present(item) for key, item in value.items() if item is not None}
    return value


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
