"""A stand-in for Athena and Glue: the answers of boto3's two clients, over the files of a folder.

It reads files as Athena's tables describe them - the path by the location's template and its projections, the JSON by
the columns' types, keys in any case - in plain Python, apart from the engine it is compared with. Parameters are put
into the text, as Athena does. The functions are DuckDB's in the tested translation: there is no Trino here.
"""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import duckdb

from audit.tables import TABLES, Flag, ListOf, MapOf, Number, Struct, Table, Text
from audit.translation import MACROS, translated

_LITERALS = re.compile(r"('(?:[^']|'')*'|\"(?:[^\"]|\"\")*\"|--[^\n]*)|\?", re.DOTALL)
_TYPES = {"BIGINT": "bigint", "HUGEINT": "bigint", "INTEGER": "integer", "DOUBLE": "double", "BOOLEAN": "boolean"}


class AthenaDouble:
    """Both clients: `double` itself is what AthenaEngine's `client` gives for "athena" and for "glue"."""

    def __init__(self, folder: Path, scratch: Path, *, accounts: list[str], prefixes: Mapping[str, str]) -> None:
        """`prefixes`: table -> the location's template below the bucket, such as "findings/${day}/"."""
        self.accounts = accounts
        self._connection = duckdb.connect(config={"autoload_known_extensions": "false"})
        for statement in MACROS:
            self._connection.execute(statement)
        for name, table in TABLES.items():
            self._load(table, list(self._rows(table, folder, prefixes[name])), scratch)
        self._answers: dict[str, Any] = {}
        self.asked: list[Mapping[str, Any]] = []

    def get_table(self, **_: Any) -> Mapping[str, Any]:
        parameters = {
            "projection.account.type": "enum",
            "projection.account.values": ",".join(self.accounts),
            "projection.region.type": "enum",
            "projection.region.values": "us-east-1,eu-west-1,ap-northeast-1",
        }
        return {"Table": {"Parameters": parameters}}

    def start_query_execution(self, **request: Any) -> Mapping[str, Any]:
        self.asked.append(request)
        values = iter(request.get("ExecutionParameters", ()))
        sql = _LITERALS.sub(lambda found: found[1] or next(values), request["QueryString"])
        assert next(values, None) is None, "more parameters than places"
        result = self._connection.execute(translated(sql).sql)
        kinds = [str(item[1]) for item in result.description]
        columns = [
            {"Name": item[0], "Type": _TYPES.get(kind, "varchar")}
            for item, kind in zip(result.description, kinds, strict=True)
        ]
        rows = [{"Data": [{"VarCharValue": column["Name"]} for column in columns]}]
        rows += [{"Data": [_datum(value) for value in row]} for row in result.fetchall()]
        id = f"query-{len(self.asked)}"
        self._answers[id] = (columns, rows)
        return {"QueryExecutionId": id}

    def get_query_execution(self, QueryExecutionId: str) -> Mapping[str, Any]:  # noqa: N803 - boto3's name
        status = {"State": "SUCCEEDED"}
        return {"QueryExecution": {"QueryExecutionId": QueryExecutionId, "Status": status, "Statistics": {}}}

    def get_query_results(self, QueryExecutionId: str, MaxResults: int, NextToken: str = "0") -> Mapping[str, Any]:  # noqa: N803
        columns, rows = self._answers[QueryExecutionId]
        begin, size = int(NextToken), min(MaxResults, 7)  # small pages, so that there are several
        page: dict[str, Any] = {
            "ResultSet": {"Rows": rows[begin : begin + size], "ResultSetMetadata": {"ColumnInfo": columns}}
        }
        if begin + size < len(rows):
            page["NextToken"] = str(begin + size)
        return page

    def _load(self, table: Table, rows: list[Mapping[str, Any]], scratch: Path) -> None:
        kinds = {column.name: _duckdb(column.type) for column in table.columns}
        kinds |= dict.fromkeys(table.partition_names, "VARCHAR")
        file = scratch / f"{table.name}.ndjson"
        file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
        columns = ", ".join(f"'{name}': '{kind}'" for name, kind in kinds.items())
        self._connection.execute(
            f"CREATE TABLE {table.name} AS SELECT * FROM read_json('{file}', format = 'newline_delimited', "
            f"maximum_object_size = 20000000, columns = {{{columns}}})"
        )

    def _rows(self, table: Table, folder: Path, template: str) -> Iterator[Mapping[str, Any]]:
        form = re.escape(template)
        for name, pattern in (("account", r"\d{12}"), ("region", r"[a-z0-9-]+"), ("day", r"\d{4}/\d\d/\d\d")):
            form = form.replace(re.escape(f"${{{name}}}"), f"(?P<{name}>{pattern})")
        for path in sorted(folder.rglob("*")):
            found = re.match(form, path.relative_to(folder).as_posix()) if path.is_file() else None
            if not found or path.name.startswith(("_", ".")):
                continue
            partition = found.groupdict()
            if partition.get("account", self.accounts[0]) not in self.accounts:
                continue
            data = path.read_bytes()
            content = json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)
            for item in content["Records"] if table.layout == "records" else [content]:
                yield {**read(item, table.columns), **partition}


def read(value: Mapping[str, Any], columns: Any) -> dict[str, Any]:
    lower = {key.lower(): item for key, item in value.items()}
    return {column.name: _typed(lower.get(column.name), column.type) for column in columns}


def _typed(value: Any, kind: Any) -> Any:
    if value is None:
        return None
    match kind:
        case Text():
            return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"), ensure_ascii=False)
        case Number() | Flag():
            return value
        case Struct(fields):
            return read(value, fields)
        case ListOf(item):
            return [_typed(part, item) for part in value]
        case MapOf():
            return {str(key): str(part) for key, part in value.items()}
    raise AssertionError(kind)


def _duckdb(kind: Any) -> str:
    match kind:
        case Text():
            return "VARCHAR"
        case Number():
            return "BIGINT"
        case Flag():
            return "BOOLEAN"
        case Struct(fields):
            inner = [f'"{field.name}" {_duckdb(field.type)}' for field in fields]
            return f"STRUCT({', '.join(inner)})"
        case ListOf(item):
            return f"{_duckdb(item)}[]"
        case MapOf():
            return "MAP(VARCHAR, VARCHAR)"
    raise AssertionError(kind)


def _datum(value: Any) -> Mapping[str, str]:
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"VarCharValue": "true" if value else "false"}
    return {"VarCharValue": str(value)}
