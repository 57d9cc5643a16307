"""The slow road: the records of a log object go through the pipeline that EventBridge's events go through."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.errors import RootwatchError, UnavailableError, UnreadableEventError
from handlers.alerting.event import Event, Road
from handlers.alerting.finding import Finding
from handlers.alerting.pipeline import Pipeline, PipelineError
from handlers.alerting.ports import Arrivals
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase

# A message attribute, because S3 cannot set one: no notification can pass for the request to list the bucket.
LIST_ATTRIBUTE = "rootwatch-list"

_AT_ONCE = 100  # records asked about at a time
# What one event may take: its context, the table, every channel. With less time left, none is begun.
ENOUGH_SECONDS = 20.0
_MOST_PROBLEMS = 50  # of one object: then it is not the events


class OutOfTimeError(RootwatchError):
    """The function has to end; what is done is done, and the rest follows when the message comes again."""


@dataclass(frozen=True, kw_only=True)
class Swept:
    """What the sweep of some records did."""

    known: int = 0  # seen through before, nearly always by EventBridge's road
    seen: int = 0  # seen through now
    findings: int = 0  # of those: what their detections concluded
    missed: int = 0  # events that raised something and that EventBridge, though asked, had not delivered
    elsewhere: int = 0  # likewise, of regions or accounts where EventBridge was not asked by us

    def __add__(self, other: Swept) -> Swept:
        values = {item.name: getattr(self, item.name) + getattr(other, item.name) for item in dataclasses.fields(self)}
        return Swept(**values)


class Sweeper:
    """Sees records through that did not come by EventBridge; repeating it does what is left.

    A read-only management event goes only to detections whose rules ask for such events: the others were not made for
    reads, would be told of thousands, and EventBridge never promised them any.
    """

    def __init__(
        self,
        *,
        pipeline: Pipeline,
        arrivals: Arrivals,
        account: str,
        regions: Iterable[str],
        clock: Callable[[], datetime],
        counted: Callable[[Swept], None] = lambda _swept: None,
    ) -> None:
        """
        Args:
            pipeline: the one that raise_alert works with.
            account: ours: only here are we sure that EventBridge was asked.
            regions: those with rules of ours.
            counted: told of what was done, at the end of each sweep and where it breaks off.
        """
        seeing = [item for item in pipeline.catalogue.detections if item.sees_read_events]
        self._pipeline = pipeline
        self._of_reads = dataclasses.replace(pipeline, catalogue=Catalogue(seeing))
        self._arrivals = arrivals
        self._account = account
        self._regions = frozenset(regions)
        self._clock = clock
        self._counted = counted

    def sweep(self, records: Sequence[Mapping[str, Any]], *, seconds_left: Callable[[], float]) -> Swept:
        """See records through, whatever becomes of the others.

        Raises:
            OutOfTimeError: before the end.
            PipelineError: something is not done yet; what could be done was.
        """
        swept, problems = Swept(), list[Exception]()
        try:
            for events in _chunks(self._events(records, problems)):
                known = self._arrivals.known([event.arrival for event in events])
                for event in events:
                    if event.arrival in known:
                        swept += Swept(known=1)
                        continue
                    if seconds_left() < ENOUGH_SECONDS:
                        raise OutOfTimeError("there was no time left for the rest of a log object")
                    try:
                        swept += self._see_through(event)
                    except PipelineError as error:
                        problems += error.problems
                    except UnavailableError as error:
                        problems.append(error)
                    if len(problems) >= _MOST_PROBLEMS:
                        raise PipelineError(problems)
        except UnavailableError as error:
            problems.append(error)
        finally:
            self._counted(swept)
        if problems:
            raise PipelineError(problems)
        return swept

    def _events(self, records: Sequence[Mapping[str, Any]], problems: list[Exception]) -> Iterator[Event]:
        for record in records:
            try:
                event = Event.parse(record, road=Road.TRAIL)
            except UnreadableEventError as error:
                # The reader has refused those already; should it ever differ from us, nothing is lost.
                problems.append(error)
                continue
            if event.region != "unknown" and event.region not in self._regions:
                event = dataclasses.replace(event, road=Road.UNWATCHED)
            # What no rule of ours matches, EventBridge brings nobody: it is not for us either.
            if any(True for _ in self._pipeline_for(event).catalogue.matching(event)):
                yield event

    def _pipeline_for(self, event: Event) -> Pipeline:
        return self._of_reads if event.is_management_read else self._pipeline

    def _see_through(self, event: Event) -> Swept:
        findings = self._pipeline_for(event).raise_alerts(event)
        first = self._arrivals.note(event.arrival, event.road, now=self._clock())
        # The stored finding has the road that was first; one that EventBridge brought meanwhile is none of ours.
        ours = first is None and any(finding.road is event.road for finding in findings)
        asked = event.road is Road.TRAIL and event.account == self._account
        return Swept(
            seen=1,
            findings=len(findings),
            missed=1 if ours and asked else 0,
            elsewhere=1 if ours and not asked else 0,
        )


def _chunks(events: Iterator[Event]) -> Iterator[list[Event]]:
    chunk: list[Event] = []
    for event in events:
        chunk.append(event)
        if len(chunk) == _AT_ONCE:
            yield chunk
            chunk = []
    if chunk:
        yield chunk


UNREADABLE_LOG_OBJECT = Detection.announced(
    id="unreadable-log-object",
    title="A log object that cannot be read",
    why="It is part of the record: what stands in it was not checked, and somebody may have damaged it for that.",
    severity=Severity.HIGH,
    respond=(
        "See who wrote or removed the object",
        "Check the hour's digest",
        "Search the event history for what it should have held",
    ),
)


def unreadable_object(bucket: str, key: str, reason: str, *, account: str, region: str, now: datetime) -> Finding:
    """The finding that announces a log object which could not be swept, or not completely; the same object, the same.

    Args:
        reason: ends the sentence "could not be swept: ...".
    """
    envelope = {
        "id": f"{bucket}/{key}",
        "detail-type": "unreadable log object",
        "account": account,
        "region": region,
        "detail": {},
    }
    concern = Concern(
        summary=phrase("A log object of the trail could not be swept: {reason}.", reason=reason),
        subject=f"s3://{bucket}/{key}",
        severity=UNREADABLE_LOG_OBJECT.severity,
        group="unreadable log objects",
        routine=False,
    )
    return Finding.of(UNREADABLE_LOG_OBJECT, Event(envelope=envelope), concern, now=now)
