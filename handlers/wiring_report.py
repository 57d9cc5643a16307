"""Which adapter stands behind each part of the monthly report. It alone, with its entry, carries `audit` along."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

import boto3
from botocore.config import Config

from audit.athena import AthenaEngine
from audit.digest import verify
from audit.digest_places import AwsKeys, S3Logs
from audit.digest_statement import Statement
from audit.engines import Answer, Engine, EngineError
from audit.report.building import report_of
from audit.report.document import Missing, Report, Word
from audit.report.facts import Facts, Integrity
from audit.report.gathering import Sources, gathered
from audit.report.integrity import integrity_of
from audit.report.month import Month
from audit.report.publishing import News
from audit.report.words import Language
from handlers import __version__
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.canary_table import CanaryTable
from handlers.adapters.console_links import object_link
from handlers.adapters.email import EmailNotifier
from handlers.adapters.report_bucket import ReportBucket
from handlers.adapters.secrets import SecretSource
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.slack_notices import report_message
from handlers.adapters.story import MessageSettings
from handlers.adapters.window_table import WindowTable
from handlers.settings import ReportSettings
from handlers.wiring import declared_quiet
from handlers.wiring_rules import rules_in

LONGEST = 900.0  # seconds: no function runs longer (Lambda quotas)
_WORKERS = 16  # log files read at a time
_KEPT_FOR_THE_FILES = 90.0  # seconds: to write them, and to tell
_KEPT_FOR_THE_REST = 400.0  # seconds: a question that is asked, the log files, and the files of the report
_A_QUESTION = 120.0  # seconds
_CALM = Config(
    connect_timeout=5,
    read_timeout=30,
    retries={"total_max_attempts": 5, "mode": "standard"},
    max_pool_connections=_WORKERS + 4,
)


class Errands(Protocol):
    """What an alert book knows of errands (see all_is_well.Day)."""

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool: ...

    def end(self, errand: str, *, until: datetime | None) -> None: ...


@dataclass(frozen=True, kw_only=True)
class Monthly:
    """What it works with."""

    errands: Errands
    gather: Callable[[Month], tuple[Report, Statement | None]]
    put: Callable[[str, bytes, str], None]
    tell: Callable[[News, str], None]  # (what, the page's key)
    language: Language
    time_zone: str
    clock: Callable[[], datetime]


def client(service: str, region: str | None = None) -> Any:
    """A boto3 client that takes its time: nobody waits for a report."""
    return boto3.client(service, region_name=region, config=_CALM)  # type: ignore[call-overload]


def monthly(seconds: float) -> Monthly:
    """What the report is made with, from the environment; `seconds` are left for it.

    Raises SettingsError for an incomplete environment.
    """
    settings = ReportSettings.from_environment(os.environ)
    ends = time.monotonic() + seconds
    book = AlertTable(
        client=client("dynamodb"), table=settings.table_name, retention=timedelta(days=settings.retention_days)
    )
    language: Language = "ja" if settings.language == "ja" else "en"

    def gather(month: Month) -> tuple[Report, Statement | None]:
        return _gathered(settings, book, month, left=lambda: ends - time.monotonic())

    return Monthly(
        errands=book,
        gather=gather,
        put=ReportBucket(client=client, bucket=settings.audit_bucket).put,
        tell=_teller(settings),
        language=language,
        time_zone=settings.time_zone,
        clock=lambda: datetime.now(UTC),
    )


def _gathered(
    settings: ReportSettings, book: AlertTable, month: Month, *, left: Callable[[], float]
) -> tuple[Report, Statement | None]:
    now = datetime.now(UTC)
    rules = rules_in(settings.break_glass_file)
    statements: list[Statement] = []

    def integrity() -> Integrity | Missing:
        if not settings.log_bucket:
            return Missing(Word("missing.switched_off"))
        statements.append(_checked(settings, month, now, left=left))
        return integrity_of(statements[0])

    sources = Sources(
        book=book,
        shelf=WindowTable(
            client=client("dynamodb"), table=settings.table_name, retention=timedelta(days=settings.retention_days)
        )
        if rules
        else Missing(Word("missing.no_windows")),
        accounts=rules.accounts if rules else (),
        engine=_engine(settings, left),
        client=client,
        home_region=settings.home_region,
        regions=settings.regions,
        # What the rules have to be is known where they are deployed from (rootwatch coverage --live).
        rules=Missing(Word("missing.here")),
        integrity=integrity,
        flights=CanaryTable(client=client("dynamodb"), table=settings.table_name, book=book).flights,
        asked_accounts=(settings.question_account,) if settings.question_account else (),
    )
    about = Facts(
        month=month,
        made_at=now,
        deployment=settings.deployment_name,
        account=settings.account,
        account_name=settings.account_names.get(settings.account, ""),
        version=__version__,
        people={person.slack: person.name for person in rules.people} if rules else {},
        alerts_kept_days=settings.retention_days,
        quiet=declared_quiet(settings.quiet_file),
    )
    report = report_of(gathered(sources, month, about=about))
    return report, statements[0] if statements else None


def _engine(settings: ReportSettings, left: Callable[[], float]) -> Engine | Missing:
    if not settings.workgroup:
        return Missing(Word("missing.switched_off"))
    athena = AthenaEngine(
        client=lambda service: client(service, settings.home_region),
        workgroup=settings.workgroup,
        database=settings.database,
        time_limit=_A_QUESTION,
    )
    return _InTime(athena, left)


class _InTime:
    """An Engine that takes no question any more when the rest needs the time."""

    def __init__(self, engine: Engine, left: Callable[[], float]) -> None:
        self._engine, self._left = engine, left

    def run(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """Answer, as the engine does. Raises EngineError."""
        if self._left() < _KEPT_FOR_THE_REST:
            raise EngineError(
                "the 15 minutes that a function may run were used up; `rootwatch report --engine athena` has no limit."
            )
        return self._engine.run(sql, parameters)


def _checked(settings: ReportSettings, month: Month, now: datetime, *, left: Callable[[], float]) -> Statement:
    """Check the log files as long as there is time; what was not reached is said in the statement."""
    logs = S3Logs(
        client("s3"),
        settings.log_bucket,
        settings.log_prefix,
        keys=AwsKeys(lambda region: client("cloudtrail", region)),
    )
    return verify(
        logs,
        settings.log_accounts,
        (),
        month.since,
        month.until,
        by=f"the function {settings.deployment_name}-monthly-report of {settings.account}",
        version=__version__,
        now=now,
        workers=_WORKERS,
        enough=lambda: left() < _KEPT_FOR_THE_FILES,
    )


def _teller(settings: ReportSettings) -> Callable[[News, str], None]:
    message = MessageSettings(
        time_zone=settings.time_zone,
        language=settings.language,
        environment=settings.environment,
        version=__version__,
    )

    def tell(news: News, page: str) -> None:
        link = object_link(settings.home_region, settings.audit_bucket, page) or ""
        EmailNotifier(client=client("sns"), topic_arn=settings.topic_arn, settings=message).tell_report(
            news.title, news.lines, link=link or f"s3://{settings.audit_bucket}/{page}"
        )
        SlackNotifier(
            token=SecretSource(settings.slack_token_source, client=client),
            channel=settings.slack_channel,
            api_url=settings.slack_api_url,
            settings=message,
        ).say_report(report_message(news.title, news.lines, link=link, link_text=news.link_text))

    return tell
