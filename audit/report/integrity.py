"""The statement on whole logs, as the report tells it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import timedelta
from typing import Any

from audit.digest_statement import Finding, Statement, Verdict
from audit.report.facts import Integrity


def integrity_of(statement: Statement) -> Integrity:
    """What a check came to."""
    last = statement.until - timedelta(seconds=1)
    return Integrity(
        is_whole=statement.verdict is Verdict.WHOLE,
        log_files=statement.logs,
        digests=statement.digests,
        since=statement.since,
        until=statement.due,
        problems=tuple(_told(statement.failed)),
        unchecked=tuple(_told(statement.unchecked)),
        statement=statement.sha256,
        command=f"rootwatch verify-logs --from {statement.since:%Y-%m-%d} --to {last:%Y-%m-%d}",
    )


def integrity_in(plain: Mapping[str, Any]) -> Integrity:
    """What a statement's JSON says. Raises StatementError: it is none, or was changed since it was written."""
    return integrity_of(Statement.from_plain(plain))


def _told(findings: Iterable[Finding]) -> Iterable[tuple[str, str]]:
    for item in findings:
        yield item.object, f"{item.kind.meaning}: {item.why}" if item.why else item.kind.meaning
