"""The report as files: CSV for spreadsheets, one a table, and JSON for programs."""

from __future__ import annotations

import csv
import io
import json
import math
import re
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from typing import Any

from audit.report.document import Cell, Chart, Missing, Report, Section, Source, Table, Title, Word
from audit.report.showing import Shower
from audit.report.words import Language
from handlers.adapters.untrusted import csv_cell

FORMAT = 1  # of the JSON: grows where a reader has to know
_CELL = 32_000  # characters: a spreadsheet takes 32,767
_UNSAFE = re.compile(r"[^a-z0-9-]+")


def name_of(table: Table) -> str:
    """Its file's name."""
    return _UNSAFE.sub("-", table.id.lower()) + ".csv"


def csv_files(report: Report, language: Language) -> Mapping[str, bytes]:
    """A file for each table, by its name: UTF-8 with its mark, by which Excel knows it; no cell is a formula.

    The first row names the columns: in English whatever the language, for programs. What is not known is empty.
    """
    shower = Shower(language=language, month=report.month)
    return {name_of(table): _csv(table, shower) for section in report.sections for table in section.tables}


def _csv(table: Table, shower: Shower) -> bytes:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\r\n")
    writer.writerow([csv_cell(name) for name in table.columns])
    for row in table.rows:
        writer.writerow([_csv_cell(value, shower) for value in row])
    return text.getvalue().encode("utf-8-sig")


def _csv_cell(value: Cell, shower: Shower) -> str:
    match value:
        case None | Missing():
            return ""
        case bool():
            return "true" if value else "false"
        case int() | float():
            return str(value)  # a number is no formula, and "-1" is one
        case datetime():
            moment = value.replace(tzinfo=UTC) if value.tzinfo is None else value
            return shower.month.local(moment).isoformat(sep=" ", timespec="seconds")
        case timedelta():
            return str(int(value.total_seconds()))
        case str():
            return csv_cell(value, _CELL)
    return csv_cell(shower.text(value), _CELL)


def json_text(report: Report, language: Language) -> str:
    """Everything, for programs: ASCII, so that no string of an event means anything to whatever reads it."""
    shower = Shower(language=language, month=report.month)
    return json.dumps(as_plain(report, shower), indent=1) + "\n"


def as_plain(report: Report, shower: Shower) -> dict[str, Any]:
    """As JSON values; what is not known is {"missing": why}, never a number."""
    return {
        "report": "rootwatch-monthly",
        "format": FORMAT,
        "month": str(report.month),
        "time_zone": report.month.zone.key,
        "since": report.month.since.isoformat(),
        "until": report.month.until.isoformat(),
        "made_at": report.made_at.isoformat(),
        "month_is_over": report.is_over,
        "example": report.is_example,
        "deployment": report.deployment,
        "account": report.account,
        "account_name": report.account_name,
        "version": report.version,
        "language": shower.language,
        "lines": [shower.text(line) for line in report.lines],
        "missing": [{"section": key, "why": shower.why(reason)} for key, reason in report.partial],
        "sections": [_section(section, shower) for section in report.sections],
        "sources": [_source(source, shower) for source in report.sources],
    }


def _section(section: Section, shower: Shower) -> dict[str, Any]:
    return {
        "key": section.key,
        "title": shower.word(f"section.{section.key}"),
        "missing": shower.why(section.missing) if section.missing else None,
        "figures": [
            {
                "key": item.key,
                "title": shower.word(f"figure.{item.key}"),
                "value": _value(item.value, shower),
                "tone": str(item.tone),
                "source": item.source,
            }
            for item in section.figures
        ],
        "charts": [_chart(item, shower) for item in section.charts],
        "tables": [_table(item, shower) for item in section.tables],
        "notes": [shower.text(item) for item in section.notes],
    }


def _chart(chart: Chart, shower: Shower) -> dict[str, Any]:
    return {
        "id": chart.id,
        "title": shower.text(chart.caption),
        "labels": [shower.text(label) for label in chart.labels],
        "series": [{"name": shower.text(item.name), "values": list(item.values)} for item in chart.series],
        "source": chart.source,
    }


def _table(table: Table, shower: Shower) -> dict[str, Any]:
    return {
        "id": table.id,
        "title": shower.text(table.caption),
        "columns": list(table.columns),
        "rows": [[_value(value, shower) for value in row] for row in table.rows],
        "partial": [shower.why(reason) for reason in table.partial],
        "source": table.source,
    }


def _source(source: Source, shower: Shower) -> dict[str, Any]:
    return {
        "id": source.id,
        "title": shower.text(source.title),
        "command": source.command,
        "where": source.where,
        "parameters": dict(source.parameters),
        "sql": source.sql,
        "scanned_bytes": source.scanned_bytes,
    }


def _value(value: Cell, shower: Shower) -> Any:
    match value:
        case Missing():
            return {"missing": shower.why(value)}
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return {"seconds": int(value.total_seconds())}
        case Word() | Title():
            return shower.text(value)
        case float() if not math.isfinite(value):
            return str(value)  # JSON knows no such number
    return value
