"""Which adapter stands behind each port, made once per container. Slack's door has its own: wiring_door."""

from __future__ import annotations

import functools
import logging
import os
import random
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any, TypeVar

import boto3
from botocore.config import Config

from handlers import __version__, session_reports
from handlers.adapters.account_lookups import TIME_LIMIT_SECONDS, AccountLookups
from handlers.adapters.alarm_board import CloudWatchAlarms
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.arrivals import ArrivalTable
from handlers.adapters.audit_bucket import AuditBucket
from handlers.adapters.canary_table import CanaryBus, CanaryTable
from handlers.adapters.email import EmailNotifier
from handlers.adapters.enrichments import AccessAnalyzerChecks, AddressFiles, OrganizationDirectory
from handlers.adapters.function_call import FunctionCall
from handlers.adapters.history_table import HistoryTable
from handlers.adapters.memory import MemoryAccounts
from handlers.adapters.metrics import acknowledged_metric, count_metric, emit
from handlers.adapters.notices import canary_mail
from handlers.adapters.refusals import Refusals
from handlers.adapters.reminders import QueueReminders
from handlers.adapters.responders import Responders
from handlers.adapters.scheduler import SchedulerTimer
from handlers.adapters.secrets import SecretSource
from handlers.adapters.slack import SlackNotifier
from handlers.adapters.story import MessageSettings
from handlers.adapters.teams import TeamsNotifier
from handlers.adapters.webhook import PagerDutyNotifier, WebhookNotifier
from handlers.adapters.window_news import WindowNews
from handlers.adapters.wording import Words, words_for
from handlers.adapters.wording_windows import window_words_for
from handlers.alerting import all_is_well, canary, following, reminding
from handlers.alerting.aftermath import Aftermath, is_owned
from handlers.alerting.alert import Alert
from handlers.alerting.all_is_well import DailyLine, Day
from handlers.alerting.canary import Canary, Flight, arrival
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Detection
from handlers.alerting.enrichment import Enrichments, Patience
from handlers.alerting.event import Event, Road
from handlers.alerting.finding import Finding
from handlers.alerting.following import follow, tell_activity
from handlers.alerting.pipeline import Pipeline
from handlers.alerting.ports import AlertBook, AuditLog, Lookups, Notifier, Timer
from handlers.alerting.reminding import Caller, ReminderSetter
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Quiet, protected_ids
from handlers.alerting.telling import Destination, Telling
from handlers.alerting.window_desk import END_OF_WINDOW, WindowDesk, end_window
from handlers.alerting.working_hours import WorkingHours
from handlers.detections import catalogue
from handlers.settings import AlertSettings, ClickSettings, SettingsError
from handlers.wiring_rules import rules_in
from handlers.wiring_windows import WindowParts, shower, window_desk

_ANSWERING = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})
_BUNDLE = Path(__file__).parent.parent  # /var/task: the folder that holds `handlers`
_T = TypeVar("_T")
_ASKING = Config(connect_timeout=1, read_timeout=TIME_LIMIT_SECONDS, retries={"total_max_attempts": 1})


@dataclass(frozen=True, kw_only=True)
class Alerting:
    """What raise_alert works with."""

    pipeline: Pipeline
    put_back: Callable[[str, int], None]
    wait_seconds: Callable[[int, float], int]
    arrive: Callable[[Mapping[str, Any]], bool]  # writes down that a canary came through
    desk: WindowDesk | None = None  # None: the deployment has no break-glass windows
    show_window: Callable[[str], None] = lambda _id: None  # bring its message in Slack up to date
    arrived: Callable[[Event], None] = lambda _event: None  # note that EventBridge brought it; may raise


@dataclass(frozen=True, kw_only=True)
class Clicks:
    """What apply_click works with."""

    book: AlertBook
    errands: Day  # the same book's: what is done once for each click
    slack: SlackNotifier
    words: Words
    clock: Callable[[], datetime]
    put_back: Callable[[str, int], None]
    wait_seconds: Callable[[int, float], int]
    responders: Responders
    audit_log: AuditLog
    aftermath: Aftermath
    windows: WindowParts | None = None  # None: the deployment has no break-glass windows
    look: Callable[[Mapping[str, str]], None]  # has what was done in an alert's session looked up


@dataclass(frozen=True, kw_only=True)
class FollowUps:
    """What follow_up works with: for each kind of work, the function that does it."""

    kinds: Mapping[str, Callable[[Mapping[str, str]], str]]
    timer: Timer
    clock: Callable[[], datetime]


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
    telling = declared_telling(settings.telling_file)
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
            "accounts": list(settings.account_names),
            "organization": settings.organization_id,
        },
    )
    slack = slack_channel(settings, telling)
    context = enrichments(settings, lookups, detections)
    # Every finding goes there, and the next event waits meanwhile: one short attempt, as the queue makes the others.
    audit = (
        AuditBucket(client=functools.partial(client, asking=True), bucket=settings.audit_bucket)
        if settings.audit_bucket
        else None
    )
    desk = _desk(settings, audit)
    pipeline = Pipeline(
        catalogue=Catalogue(quiet.staged(detections)),
        book=alert_table(settings),
        notifiers=(*notifiers(settings, telling, slack), *_reminder_setter(settings, telling)),
        later=QueueReminders(client=client("sqs"), queue_url=settings.queue_url),
        lookups=lookups,
        accounts=MemoryAccounts(names=settings.account_names),
        clock=_now,
        refresh_every=timedelta(seconds=settings.refresh_seconds),
        enrichments=context.steps,
        remember=context.remember,
        windows=desk.step if desk else _as_it_is,
        quietenings=(lambda finding, event: quiet.reason(finding, event, protected=protected),),
        audit_log=audit,
        accepts=telling.routing.accepts,
        recorded=_follower(settings),
    )

    aviary = _aviary(settings)
    return Alerting(
        arrive=lambda envelope: arrival(envelope, aviary, now=_now()),
        show_window=_window_shower(settings, desk, slack),
        pipeline=pipeline,
        desk=desk,
        arrived=_arrived(settings),
        put_back=putting_back(settings.queue_url),
        wait_seconds=functools.partial(wait_seconds, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds),
    )


@cache
def follow_ups() -> FollowUps:
    """What alarms ask for, from the environment. Raises SettingsError for an incomplete one."""
    settings = AlertSettings.from_environment(os.environ)
    telling = declared_telling(settings.telling_file)
    alarms, book, slack = timer(settings.alarms), alert_table(settings), slack_channel(settings, telling)
    aviary = _aviary(settings)
    caller = Caller(
        book=book,
        reminders=telling.reminders,
        timer=alarms,
        notifiers=notifiers(settings, telling, slack),
        is_owned=is_owned,
        clock=_now,
    )
    line = DailyLine(
        book=book,
        board=CloudWatchAlarms(client=client("cloudwatch"), deployment=settings.deployment_name),
        say=slack.say_daily,
        is_owned=is_owned,
        hours=telling.reminders.hours,
        clock=_now,
        flights=aviary.flights,
    )
    birds = Canary(
        aviary=aviary,
        release=CanaryBus(client=client).release,
        warn=_canary_warning(settings),
        clock=_now,
    )
    sessions = session_reports.following(
        book=book,
        timer=alarms,
        slack=slack,
        settings=message_settings(settings),
        client=asking,
        account=settings.account,
        regions=settings.regions,
        slack_api_url=settings.slack_api_url,
        account_names=settings.account_names,
        log_bucket=settings.log_bucket,
        log_prefix=settings.log_prefix,
    )

    def activity(work: Mapping[str, str]) -> str:
        told = tell_activity(work["alert"], parts=sessions, pressed=work.get("pressed", ""))
        return "told what was done" if told else "nothing to tell yet"

    audit = AuditBucket(client=client, bucket=settings.audit_bucket) if settings.audit_bucket else None
    desk = _desk(settings, audit)

    def window_end(work: Mapping[str, str]) -> str:
        if desk is None:
            return "windows are switched off"
        tell = WindowNews(client=client("sqs"), queue_url=settings.queue_url).tell
        return end_window(work["window"], desk=desk, tell=tell).reason

    return FollowUps(
        kinds={
            reminding.KIND: caller.follow_up,
            all_is_well.KIND: line.follow_up,
            canary.KIND: birds.follow_up,
            following.KIND: activity,
            END_OF_WINDOW: window_end,
        },
        timer=alarms,
        clock=_now,
    )


def putting_back(queue_url: str) -> Callable[[str, int], None]:
    """What has a message come again after so many seconds: (receipt handle, seconds)."""

    def put_back(receipt_handle: str, seconds: int) -> None:
        client("sqs").change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )

    return put_back


def timer(alarms: Mapping[str, str]) -> SchedulerTimer:
    """The alarms of this deployment, as its settings name them. Raises SettingsError where it has none."""
    try:
        return SchedulerTimer(
            client=client("scheduler"),
            group=alarms["group"],
            function_arn=alarms["function"],
            role_arn=alarms["role"],
            dead_letter_arn=alarms["dead_letters"],
        )
    except KeyError as error:
        raise SettingsError(f"ROOTWATCH_ALARMS does not name {error}: deploy again") from error


def alert_table(settings: AlertSettings | ClickSettings) -> AlertTable:
    """The alert book."""
    return AlertTable(
        client=client("dynamodb"), table=settings.table_name, retention=timedelta(days=settings.retention_days)
    )


def _aviary(settings: AlertSettings) -> CanaryTable:
    return CanaryTable(client=client("dynamodb"), table=settings.table_name, book=alert_table(settings))


def _canary_warning(settings: AlertSettings) -> Callable[[Sequence[Flight]], None]:
    """By mail, past everything that a canary goes through."""
    mail = EmailNotifier(client=client("sns"), topic_arn=settings.topic_arn, settings=message_settings(settings))
    rule = f"{settings.deployment_name}-canary"

    def warn(lost: Sequence[Flight]) -> None:
        mail.say(*canary_mail(lost, rule=rule, settings=message_settings(settings)))

    return warn


def arrival_table(settings: AlertSettings) -> ArrivalTable:
    """Where the two roads know of each other."""
    return ArrivalTable(
        client=client("dynamodb"), table=settings.table_name, retention=timedelta(days=settings.retention_days)
    )


def _arrived(settings: AlertSettings) -> Callable[[Event], None]:
    """Tells the sweep what it need not see through again; counts what EventBridge brought after the sweep."""
    arrivals = arrival_table(settings)

    def note(event: Event) -> None:
        if not event.text("eventID"):
            return  # no record of CloudTrail's: no log object will ever hold it
        now = _now()
        if arrivals.note(event.arrival, Road.EVENTBRIDGE, now=now) is Road.TRAIL:
            emit(count_metric("EventsDeliveredLate", 1, deployment=settings.deployment_name, at=now))

    return note if settings.sweeps else lambda _event: None


def message_settings(settings: AlertSettings, language: str = "") -> MessageSettings:
    """How messages look; `language` where a destination has its own."""
    return MessageSettings(
        time_zone=settings.time_zone,
        language=language or settings.language,
        environment=settings.environment,
        runbook_url=settings.runbook_url,
        reacts=settings.reacts,
        version=__version__,
    )


def slack_channel(settings: AlertSettings, telling: Telling) -> SlackNotifier:
    """The channel of [slack]."""
    return SlackNotifier(
        token=SecretSource(settings.slack_token_source, client=client),
        channel=settings.slack_channel,
        minimum_severity=Severity[settings.slack_minimum_severity],
        api_url=settings.slack_api_url,
        settings=message_settings(settings),
        on_call=telling.on_call,
    )


def notifiers(settings: AlertSettings, telling: Telling, slack: SlackNotifier) -> tuple[Notifier, ...]:
    """Everybody who can be told: e-mail and `slack`, and the destinations that are declared.

    There is one SlackNotifier of the channel in a container: it keeps the token, and the wait that Slack asked for.
    """
    refused = Refusals(client=client("sns"), topic_arn=settings.topic_arn, deployment=settings.deployment_name)
    return (
        EmailNotifier(
            client=client("sns"),
            topic_arn=settings.topic_arn,
            minimum_severity=Severity[settings.email_minimum_severity],
            settings=message_settings(settings),
        ),
        slack,
        *(_destination(item, settings, telling, refused) for item in telling.destinations),
    )


def _destination(
    item: Destination, settings: AlertSettings, telling: Telling, refused: Callable[[str, str], None]
) -> Notifier:
    message = message_settings(settings, item.language)
    if item.kind == "slack":
        return SlackNotifier(
            name=item.name,
            token=SecretSource(settings.slack_token_source, client=client),
            channel=item.channel,
            api_url=settings.slack_api_url,
            settings=message,
            on_call=telling.on_call,
        )
    if item.kind == "email":
        return EmailNotifier(
            name=item.name,
            client=client("sns"),
            topic_arn=item.topic_arn,
            minimum_severity=Severity.INFO,
            settings=message,
        )
    rest: dict[str, Any] = {
        "name": item.name,
        "secret": SecretSource(item.secret, client=client, remedy=_remedy(item)),
        "settings": message,
        "refused": refused,
    }
    if item.kind == "webhook":
        return WebhookNotifier(url=item.url, **rest)
    if item.kind == "pagerduty":
        return PagerDutyNotifier(region=item.region, **rest)
    return TeamsNotifier(**rest)


def _follower(settings: AlertSettings) -> Callable[[Alert, Finding], None]:
    """Has the sessions that findings begin followed, where there are alarms."""
    if not settings.alarms:
        return lambda _alert, _finding: None
    alarms, minimum = timer(settings.alarms), Severity[settings.slack_minimum_severity]

    def begin(alert: Alert, finding: Finding) -> None:
        follow(alert, finding, alarms, minimum=minimum)

    return begin


def _remedy(item: Destination) -> str:
    return f"store it with `rootwatch destinations set-secret {item.name}`"


def _reminder_setter(settings: AlertSettings, telling: Telling) -> tuple[ReminderSetter, ...]:
    if not telling.reminders.rhythms:
        return ()
    return (ReminderSetter(reminders=telling.reminders, timer=timer(settings.alarms), clock=_now),)


def _now() -> datetime:
    return datetime.now(UTC)


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
    return _read(file, Quiet.from_json, bundle) if file else Quiet()


def declared_telling(file: str, *, bundle: Path = _BUNDLE) -> Telling:
    """Who is told, from its file in the function's bundle; as without any declaration where `file` is "".

    Raises:
        SettingsError: the file is not there or unreadable.
    """
    return _read(file, Telling.from_json, bundle) if file else Telling()


def _read(file: str, parse: Callable[[str], _T], bundle: Path) -> _T:
    try:
        return parse((bundle / file).read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise SettingsError(f"{file} in the function's bundle cannot be read ({error}): deploy again") from error


def _desk(settings: AlertSettings | ClickSettings, audit: AuditBucket | None) -> WindowDesk | None:
    """Where break-glass windows are decided; None where the deployment has none."""
    return window_desk(
        rules_in(settings.break_glass_file),
        client=client("dynamodb"),
        table=settings.table_name,
        retention_days=settings.retention_days,
        audit=audit.append if audit else None,
        timer=timer(settings.alarms) if settings.alarms else None,
    )


def _window_shower(settings: AlertSettings, desk: WindowDesk | None, slack: SlackNotifier) -> Callable[[str], None]:
    """What brings a window's message in Slack up to date, where people ask for windows there."""
    if desk is None or not settings.reacts:
        return lambda _window_id: None
    show = _shower(settings, desk, slack)
    return lambda window_id: show(window_id, "")


def _shower(
    settings: AlertSettings | ClickSettings, desk: WindowDesk, slack: SlackNotifier
) -> Callable[[str, str], None]:
    """Shows a window, by its id, where its message is, or in a channel."""
    return shower(
        desk,
        slack,
        channel=settings.slack_channel,
        language=settings.language,
        account_names=settings.account_names,
        time_zone=settings.time_zone,
    )


def _as_it_is(finding: Finding, _event: Event, _detection: Detection) -> Finding:
    return finding


def enrichments(settings: AlertSettings, lookups: Lookups, detections: Sequence[Detection]) -> Enrichments:
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
        clock=_now,
        addresses=AddressFiles(files) if files else None,
        checks=AccessAnalyzerChecks(client=asking) if settings.access_analyzer_checks else None,
        places=bool(settings.organization_id),
        patience=Patience(timer=time.monotonic),
        working_hours=WorkingHours.parse(settings.working_hours) if settings.working_hours else None,
        out_of_hours={item.id: item.out_of_hours for item in detections if item.out_of_hours},
    )


@cache
def clicks() -> Clicks:
    """What applying a click needs, from the environment. Raises SettingsError for an incomplete one."""
    settings = ClickSettings.from_environment(os.environ)
    message = MessageSettings(
        time_zone=settings.time_zone,
        language=settings.language,
        environment=settings.environment,
        runbook_url=settings.runbook_url,
        version=__version__,
        reacts=True,
        on_call=settings.on_call,
    )

    slack = SlackNotifier(
        token=SecretSource(settings.slack_token_source, client=client),
        channel=settings.slack_channel,
        api_url=settings.slack_api_url,
        settings=message,
    )
    audit = AuditBucket(client=client, bucket=settings.audit_bucket)
    desk = _desk(settings, audit)
    windows = (
        None
        if desk is None
        else WindowParts(
            desk=desk,
            words=window_words_for(settings.language),
            show=_shower(settings, desk, slack),
            tell=WindowNews(client=client("sqs"), queue_url=settings.events_queue_url).tell,
        )
    )
    book = alert_table(settings)
    return Clicks(
        windows=windows,
        book=book,
        errands=book,
        slack=slack,
        words=words_for(settings.language),
        clock=_now,
        put_back=putting_back(settings.queue_url),
        wait_seconds=functools.partial(wait_seconds, base=settings.retry_base_seconds, cap=settings.retry_cap_seconds),
        responders=Responders(settings.responders, members=slack.members, clock=_now),
        audit_log=audit,
        aftermath=_aftermath(settings),
        look=FunctionCall(client=client("lambda"), function_arn=settings.alarms.get("function", "")),
    )


def _aftermath(settings: ClickSettings) -> Aftermath:
    telling = declared_telling(settings.telling_file)

    def took(alert: Alert, at: datetime) -> None:
        opened = alert.headline.received
        emit(acknowledged_metric(opened, at, severity=alert.severity, deployment=settings.deployment_name))

    message = MessageSettings(language=settings.language, time_zone=settings.time_zone, version=__version__)
    return Aftermath(
        reminders=telling.reminders,
        timer=timer(settings.alarms) if settings.alarms else None,
        pagers=[
            PagerDutyNotifier(
                name=item.name,
                region=item.region,
                secret=SecretSource(item.secret, client=client, remedy=_remedy(item)),
                settings=message,
                refused=lambda name, why: logging.getLogger(__name__).warning("%s: %s", name, why),
            )
            for item in telling.destinations
            if item.kind == "pagerduty"
        ],
        took=took,
        clock=_now,
    )


def wait_seconds(receives: int, asked: float, *, base: int, cap: int) -> int:
    """How long a record waits after its n-th failed receive: doubling from `base` up to `cap`, with jitter of a tenth.

    What the other side asked for (Retry-After) is kept where it is longer, up to SQS's limit of 12 hours.
    """
    doubled: int = min(cap, base * 2 ** min(receives - 1, 20))
    wanted = max(doubled, asked)
    jittered: float = wanted * random.uniform(1, 1.1)  # noqa: S311 - not for secrets
    return min(43_200, max(1, round(jittered)))
