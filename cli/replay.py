"""Running recorded events through the alert pipeline, on adapters in memory, with the events' own time as the clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from cli.records import Broken, Record
from handlers.adapters.memory import MemoryAccounts, MemoryAlertBook, MemoryLookups
from handlers.alerting.alert import Alert, Told
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Detection
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.alerting.pipeline import Judged, Pipeline, PipelineError
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Quiet, protected_ids

# An event may claim any time; the pipeline adds minutes to it, and a datetime ends with the year 9999.
LATEST = datetime(9998, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, kw_only=True)
class Raised:
    """An alert as it is after the last event."""

    alert: Alert
    findings: tuple[Finding, ...]  # those that count for it, in the order received; of a quiet one, all
    silent: tuple[Finding, ...] = ()  # those that were recorded with it and disturb nobody


class Replay:
    """One run over recorded events. Memory grows with the findings, not with the events."""

    def __init__(
        self,
        detections: Sequence[Detection],
        *,
        account_names: Mapping[str, str] | None = None,
        quiet: Quiet | None = None,
    ) -> None:
        self.events = 0  # readable ones that went through the pipeline
        self.failed = 0  # of those, the ones some detection could not judge
        self._now = datetime.fromtimestamp(0, UTC)
        self._book = MemoryAlertBook()
        self._audience = _Audience()
        self._reminders = _Reminders()
        declared, protected = quiet or Quiet(), protected_ids(detections)
        self._pipeline = Pipeline(
            catalogue=Catalogue(declared.staged(detections)),
            book=self._book,
            notifiers=(self._audience,),
            later=self._reminders,
            lookups=MemoryLookups(),
            accounts=MemoryAccounts(names=account_names or {}),
            clock=lambda: self._now,
            quietenings=(lambda finding, event: declared.reason(finding, event, protected=protected),),
        )

    def feed(self, record: Record) -> Broken | None:
        """Let one record through the pipeline; returns what is wrong with it, if anything."""
        try:
            event = Event.parse(record.body)
        except UnreadableEventError as error:
            return Broken(file=record.file, place=record.place, cause=error.reason)
        self.events += 1
        if event.time is not None:  # an event without a time is taken to follow the one before it
            self._now = min(event.time, LATEST)
        try:
            self._pipeline.raise_alerts(event)
        except PipelineError as error:
            self.failed += 1
            return Broken(file=record.file, place=record.place, cause=causes_of(error))
        except RecursionError:
            self.failed += 1
            return Broken(file=record.file, place=record.place, cause="nested too deeply")
        return None

    def judge(self, event: Event, *, now: datetime) -> Judged:
        """What an event comes to by itself, at this time; nothing is kept of it."""
        self._now = min(now, LATEST)
        return self._pipeline.judge(event)

    def take(self, judged: Judged, *, now: datetime) -> None:
        """Let what was judged elsewhere go on its way, as `feed` does."""
        self._now = min(now, LATEST)
        self._pipeline.keep(judged)

    def finish(self) -> tuple[Raised, ...]:
        """Send the reminders still open, and return what people would have been told of, in order of time."""
        for alert_id in self._reminders.taken():
            self._pipeline.refresh_alert(alert_id)
        return self._raised(told=True)

    def quiet(self) -> tuple[Raised, ...]:
        """What was recorded without telling people, in order of time; all of its findings count, loud or not."""
        return self._raised(told=False)

    def _raised(self, *, told: bool) -> tuple[Raised, ...]:
        alerts = [alert for alert in self._book.alerts if (self._audience.name in alert.told) is told]
        alerts.sort(key=lambda alert: (alert.headline.happened, alert.id))
        every = {alert.id: self._book.every_finding(alert.id) for alert in alerts}
        return tuple(
            Raised(
                alert=alert,
                findings=tuple(item for item in every[alert.id] if item.quiet is None or not told),
                silent=tuple(item for item in every[alert.id] if item.quiet is not None and told),
            )
            for alert in alerts
        )

    @property
    def silent(self) -> int:
        """Alerts recorded that people would not have been told of: kept quiet, or below their threshold."""
        return sum(self._audience.name not in alert.told for alert in self._book.alerts)


def causes_of(error: PipelineError) -> str:
    """Our own problems in words, each with what was behind it."""
    return "; ".join(
        f"{problem} ({problem.__cause__})" if problem.__cause__ and str(problem.__cause__) else str(problem)
        for problem in error.problems
    )


class _Audience:
    """People who hear of every alert once; that it grew is read from the book at the end."""

    name = "replay"
    minimum_severity = Severity.INFO
    follows = False

    def announce(self, alert: Alert) -> str:
        return alert.id

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """An alert that got worse: the book has it."""


class _Reminders:
    """Reminders asked for, each alert once."""

    def __init__(self) -> None:
        self._asked: dict[str, None] = {}

    def refresh(self, alert_id: str, *, seconds: int) -> None:
        self._asked[alert_id] = None

    def taken(self) -> tuple[str, ...]:
        asked, self._asked = tuple(self._asked), {}
        return asked
