"""Which adapter stands behind each port, made once per container."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config

from handlers import __version__
from handlers.adapters.account_lookups import TIME_LIMIT_SECONDS, AccountLookups
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.email import EmailNotifier
from handlers.adapters.enrichments import AccessAnalyzerChecks, AddressFiles, OrganizationDirectory
from handlers.adapters.history_table import HistoryTable
from handlers.adapters.memory import MemoryAccounts
from handlers.adapters.reminders import QueueReminders
from handlers.adapters.secrets import SecretSource
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.story import MessageSettings
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Detection
from handlers.alerting.enrichment import Enrichments, Patience
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.pipeline import Pipeline
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Quiet, protected_ids
from handlers.alerting.window_desk import WindowDesk
from handlers.detections import catalogue
from handlers.settings import AlertSettings, SettingsError
from handlers.wiring_windows import rules_in, window_desk

_ANSWERING = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
_BUNDLE = Path(__file__).parent.parent  # /var/task: the folder that holds `handlers`
_ASKING = Config(connect_timeout=1, read_timeout=TIME_LIMIT_SECONDS, retries={"total_max_attempts": 1})


@dataclass(frozen=True, kw_only=True)
class Alerting:
    """What raise_alert works with."""

    pipeline: Pipeline
    put_back: Callable[[str, int], None]
    wait_seconds: Callable[[int, float], int]
    desk: WindowDesk | None = None  # None: the deployment has no break-glass windows


@cache
def client(service: str, region: str | None = None, *, asking: bool = False) -> Any:
    """A boto3 client; `asking` for enrichment: one short attempt."""
    return boto3.client(service, region_name=region, config=_ASKING if asking else _ANSWERING)  # type: ignore[call-overload]


def asking(service: str, region: str | None) -> Any:
    """A client for questions that may go unanswered."""
    return client(service, region, asking=True)


@cache
def alerting() -> Alerting:
    """The pipeline of this container, from its environment. Raises SettingsError for an incomplete one."""
    settings = AlertSettings.from_environment(os.environ)
    message = MessageSettings(
        time_zone=settings.time_zone,
        language=settings.language,
        environment=settings.environment,
        runbook_url=settings.runbook_url,
        version=__version__,
    )
    quiet = declared_quiet(settings.quiet_file)
    detections = switched_on(settings.packs)
    protected = protected_ids(detections)
    lookups = AccountLookups(
        account=settings.account,
        client=asking,
        identity_center_region=settings.identity_center_region,
        deployment={
            "name": settings.deployment_name,
            "deployers": [{"role": item.role, "accounts": list(item.accounts)} for item in quiet.deployers],
        },
    )
    context = enrichments(settings, lookups)
    desk = window_desk(
        rules_in(settings.break_glass_file),
        client=client("dynamodb"),
        table=settings.table_name,
        retention_days=settings.retention_days,
    )
    pipeline = Pipeline(
        catalogue=Catalogue(quiet.staged(detections)),
        book=AlertTable(
            client=client("dynamodb"), table=settings.table_name, retention=timedelta(days=settings.retention_days)
        ),
        notifiers=(
            EmailNotifier(
                client=client("sns"),
                topic_arn=settings.topic_arn,
                minimum_severity=Severity[settings.email_minimum_severity],
                settings=message,
            ),
            SlackNotifier(
                token=SecretSource(settings.slack_token_source, client=client),
                channel=settings.slack_channel,
                minimum_severity=Severity[settings.slack_minimum_severity],
                api_url=settings.slack_api_url,
                settings=message,
            ),
        ),
        later=QueueReminders(client=client("sqs"), queue_url=settings.queue_url),
        lookups=lookups,
        accounts=MemoryAccounts(names=settings.account_names),
        clock=lambda: datetime.now(UTC),
        refresh_every=timedelta(seconds=settings.refresh_seconds),
        enrichments=context.steps,
        remember=context.remember,
        windows=desk.step if desk else _as_it_is,
        quietenings=(lambda finding, event: quiet.reason(finding, event, protected=protected),),
    )

    def put_back(receipt_handle: str, seconds: int) -> None:
        client("sqs").change_message_visibility(
            QueueUrl=settings.queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    return Alerting(
        pipeline=pipeline,
        desk=desk,
        put_back=put_back,
        wait_seconds=lambda receives, asked: wait_seconds(
            receives, asked, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds
        ),
    )


def switched_on(packs: Sequence[str]) -> tuple[Detection, ...]:
    """The detections at work with these packs. Raises SettingsError where the code knows no such pack."""
    try:
        return catalogue(packs)
    except ValueError as error:
        raise SettingsError(f"{error}: deploy again") from error


def declared_quiet(file: str, *, bundle: Path = _BUNDLE) -> Quiet:
    """What the deployment declares to be quiet, from its file in the function's bundle; nothing where `file` is "".

    Raises:
        SettingsError: the file is not there or unreadable. The queue then keeps the events and its alarm mails: to
            tell people of everything instead would show them a deployment that does not do what it says.
    """
    if not file:
        return Quiet()
    try:
        return Quiet.from_json((bundle / file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} in the function's bundle cannot be read ({error}): deploy again") from error


def _as_it_is(finding: Finding, _event: Event, _detection: Detection) -> Finding:
    return finding


def enrichments(settings: AlertSettings, lookups: Lookups) -> Enrichments:
    """The context that the settings allow to be asked for."""
    files = [_BUNDLE / file for file in (settings.country_file, settings.network_file) if file]
    return Enrichments(
        lookups=lookups,
        history=HistoryTable(
            # Its words wait for nobody: two attempts of seven seconds would use up everybody's time.
            client=asking("dynamodb", None),
            table=settings.table_name,
            retention=timedelta(days=settings.retention_days),
        ),
        directory=OrganizationDirectory(
            client=asking,
            identity_center_region=settings.identity_center_region,
            has_organization=bool(settings.organization_id),
        ),
        clock=lambda: datetime.now(UTC),
        addresses=AddressFiles(files) if files else None,
        checks=AccessAnalyzerChecks(client=asking) if settings.access_analyzer_checks else None,
        places=bool(settings.organization_id),
        patience=Patience(timer=time.monotonic),
    )


def wait_seconds(receives: int, asked: float, *, base: int, cap: int) -> int:
    """How long a record waits after its n-th failed receive: doubling from `base` up to `cap`, with jitter of a tenth.

    What the other side asked for (Retry-After) is kept where it is longer, up to SQS's limit of 12 hours.
    """
    doubled: int = min(cap, base * 2 ** min(receives - 1, 20))
    wanted = max(doubled, asked)
    jittered: float = wanted * random.uniform(1, 1.1)  # noqa: S311 - not for secrets
    return min(43_200, max(1, round(jittered)))
