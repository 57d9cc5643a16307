"""A report as the files that are kept of it, and the few lines that people are told."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from audit.digest_statement import Statement
from audit.report.document import Report
from audit.report.files import csv_files, json_text
from audit.report.page import html_of
from audit.report.showing import Shower
from audit.report.words import Language

REPORTS = "reports/"
_HTML, _JSON, _CSV = "text/html; charset=utf-8", "application/json", "text/csv; charset=utf-8"


@dataclass(frozen=True, kw_only=True)
class News:
    """What people are told."""

    title: str
    lines: Sequence[str]
    link_text: str


def folder_of(report: Report, attempt: datetime) -> str:
    """Below what key it is kept: each attempt has its own, as no key can be written twice."""
    return f"{REPORTS}{report.month}/{attempt.astimezone(UTC):%Y%m%dT%H%M%SZ}/"


def publish(
    report: Report,
    statement: Statement | None,
    language: Language,
    *,
    attempt: datetime,
    put: Callable[[str, bytes, str], None],
) -> str:
    """Write all files, the page last, so that where it is, everything is. Returns the page's key.

    Args:
        statement: of the check of the log files, kept beside the report.
        put: (key, content, content type) writes one.
    """
    folder = folder_of(report, attempt)
    for name, content in csv_files(report, language).items():
        put(f"{folder}csv/{name}", content, _CSV)
    if statement is not None:
        text = json.dumps(statement.to_plain(), indent=1) + "\n"
        put(f"{folder}log-integrity.json", text.encode(), _JSON)
    put(f"{folder}report.json", json_text(report, language).encode(), _JSON)
    page = f"{folder}report.html"
    put(page, html_of(report, language).encode(), _HTML)
    return page


def news_of(report: Report, language: Language) -> News:
    """The title and three lines, and a fourth where something is missing."""
    shower = Shower(language=language, month=report.month)
    lines = [shower.text(line) for line in report.lines]
    gaps = len({key for key, _ in report.partial if key != "summary"})
    if gaps:
        lines.append(shower.word("message.gaps", count=gaps))
    return News(
        title=shower.word("message.title", month=str(report.month), deployment=report.deployment),
        lines=lines,
        link_text=shower.word("message.link"),
    )
