"""The monthly report from the terminal: gathered from the account, or made up as an example, and written to files."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from audit.engines import Engine
from audit.report.building import report_of
from audit.report.document import Missing, Report, Word
from audit.report.example import example_facts
from audit.report.facts import Facts, Integrity, Rules
from audit.report.files import csv_files, json_text
from audit.report.gathering import Sources, gathered
from audit.report.month import Month
from audit.report.page import html_of
from audit.report.showing import Shower
from audit.report.words import LANGUAGES, Language
from cli.account import Account
from cli.errors import USAGE, CommandError, reason_of
from cli.terminal import Paint
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.canary_table import CanaryTable
from handlers.adapters.untrusted import plain
from handlers.adapters.window_table import WindowTable

if TYPE_CHECKING:
    from infra.deployment import Deployment

PAGE, DATA, TABLES = "report.html", "report.json", "csv"


@dataclass(frozen=True, kw_only=True)
class Where:
    """What the logs are read from."""

    engine: str = ""  # "duckdb", "athena"; "": duckdb where there are logs
    logs: tuple[Path, ...] = ()
    entries: Path | None = None  # findings/, transitions/ and windows/ of the audit log, copied
    statement: Path | None = None  # of `rootwatch verify-logs`


def month_of(text: str, time_zone: str, *, now: datetime) -> Month:
    """The month that is asked for, or the last that is over. Raises CommandError for what is none, or not begun."""
    if not text:
        return Month.before(now, time_zone)
    try:
        month = Month.parse(text, time_zone)
    except ValueError as error:
        raise CommandError(f"--month {plain(text, 40)!a}: {error}.", code=USAGE) from None
    if month.since > now:
        raise CommandError(
            f"--month {month}: it has not begun.",
            fix=f"the last month that is over is {Month.before(now, time_zone)}.",
            code=USAGE,
        )
    return month


def language_of(text: str, default: str) -> Language:
    """Raises CommandError where there are no words in it."""
    chosen = text or default
    for language in LANGUAGES:
        if chosen == language:
            return language
    raise CommandError(f"--language {plain(text, 40)!a}: there is {' and '.join(LANGUAGES)}.", code=USAGE)


def made_up(month: Month, *, version: str) -> Report:
    """A report of an invented month."""
    return report_of(example_facts(month, version=version))


def of_account(
    deployment: Deployment,
    month: Month,
    where: Where,
    *,
    now: datetime,
    version: str,
    told: Callable[[str], object],
) -> Report:
    """The report of a deployment, from its account and the logs.

    Raises:
        CommandError: there are no credentials or they are another account's; the logs or the statement cannot be read.
    """
    integrity = _statement(where.statement)  # first: a mistyped path is said at once
    account = Account(deployment)
    region, retention = deployment.home_region, timedelta(days=deployment.alerts.retention_days)
    table = {
        "client": account.client("dynamodb", region),
        "table": f"{deployment.name}-alerts",
        "retention": retention,
    }
    rules = deployment.break_glass_rules
    book = AlertTable(**table)
    sources = Sources(
        book=book,
        flights=CanaryTable(client=table["client"], table=table["table"], book=book).flights,
        shelf=WindowTable(**table) if rules else Missing(Word("missing.no_windows")),
        accounts=rules.accounts if rules else (),
        engine=_engine(where, deployment, account),
        client=account.client,
        home_region=region,
        regions=deployment.watched_regions,
        rules=lambda: _rules(deployment),
        integrity=lambda: integrity,
        asked_accounts=() if where.engine != "athena" or deployment.audited_accounts else (deployment.account,),
    )
    about = Facts(
        month=month,
        made_at=now,
        deployment=deployment.name,
        account=deployment.account,
        account_name=deployment.accounts.get(deployment.account, ""),
        version=version,
        people={person.slack: person.name for person in rules.people} if rules else {},
        alerts_kept_days=deployment.alerts.retention_days,
        quiet=deployment.quiet,
    )
    return report_of(gathered(sources, month, about=about, told=told))


def _engine(where: Where, deployment: Deployment, account: Account) -> Engine | Missing:
    kind = where.engine or ("duckdb" if where.logs else "")
    if kind == "athena":
        from audit.athena import AthenaEngine

        return AthenaEngine(
            client=lambda service: account.client(service, deployment.home_region),
            workgroup=deployment.audit_workgroup,
            database=deployment.audit_database,
        )
    if kind not in ("", "duckdb"):
        raise CommandError(f"--engine {plain(kind, 40)!a}: there is duckdb and athena.", code=USAGE)
    if not where.logs:
        return Missing(Word("missing.no_logs"))
    from audit.duckdb_engine import DuckDBEngine

    for path in (*where.logs, *([where.entries] if where.entries else [])):
        if not path.exists():
            raise CommandError(f"{path}: there is no such file or folder.", code=USAGE)
    return DuckDBEngine(logs=where.logs, entries=where.entries)


def _rules(deployment: Deployment) -> Rules:
    from cli.coverage import of_account as covered_in
    from infra.coverage import Standing

    found = covered_in(deployment)
    return Rules(
        expected=sum(item.standing is not Standing.UNEXPECTED for item in found),
        wrong=tuple(
            (item.region, item.label or "-", item.rule, f"{item.standing} {item.detail}".strip())
            for item in found
            if not item.is_well
        ),
    )


def _statement(path: Path | None) -> Integrity | Missing:
    if path is None:
        return Missing(Word("missing.no_statement"))
    from audit.digest_statement import StatementError
    from audit.report.integrity import integrity_in

    try:
        return integrity_in(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CommandError(f"{path}: {reason_of(error)}.", fix="rootwatch verify-logs writes one.") from None
    except (StatementError, ValueError) as error:
        raise CommandError(
            f"{path}: {plain(str(error), 300)}", fix="give the JSON file that `rootwatch verify-logs` wrote."
        ) from None


def check_free(folder: Path, *, force: bool) -> None:
    """Raises CommandError: something is in the folder already, and `force` is not given."""
    if not force and folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise CommandError(
            f"{folder}: something is there already.", fix="name another folder with --output, or add --force."
        )


def write(report: Report, folder: Path, language: Language) -> None:
    """Write the page, the JSON and the CSV files. Raises OSError: it cannot be written."""
    page, tables = folder / PAGE, folder / TABLES
    tables.mkdir(parents=True, exist_ok=True)
    for old in tables.glob("*.csv"):  # of the report that was here before: its questions may be others
        old.unlink()
    for name, content in csv_files(report, language).items():
        (tables / name).write_bytes(content)
    (folder / DATA).write_text(json_text(report, language), encoding="utf-8")
    page.write_text(html_of(report, language), encoding="utf-8")


def told(report: Report, folder: Path, language: Language, *, paint: Paint) -> Iterator[str]:
    """What was written, the three lines, and what the report does not know."""
    shower = Shower(language=language, month=report.month)
    yield paint.bold(str(folder / PAGE))
    for line in report.lines:
        yield f"  {shower.text(line)}"
    gaps = _gaps(report, shower)
    if gaps:
        yield paint.bad(f"{shower.word('what_is_missing')}:")
        yield from (f"  {gap}" for gap in gaps)


def _gaps(report: Report, shower: Shower) -> Sequence[str]:
    found = [
        f"{shower.word(f'section.{key}')}: {plain(shower.why(reason), 300)}"
        for key, reason in report.partial
        if key != "summary"
    ]
    return list(dict.fromkeys(found))


def could_not_read_alerts(report: Report) -> bool:
    """Whether the heart of it is missing."""
    return any(section.key == "alerts" and section.missing for section in report.sections)
