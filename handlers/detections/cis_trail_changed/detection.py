"""A trail was made, started, or changed without recording less."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed
from handlers.detections.grants import Target
from handlers.detections.trail_tampered.detection import TRAIL_TAMPERED
from handlers.detections.words import tail

_CHANGES: Mapping[str, Change] = {
    "CreateTrail": Change(
        did=phrase("created"), effect=phrase("it records when it is started, and a second one costs money")
    ),
    "StartLogging": Change(did=phrase("started"), effect=phrase("it records from now on")),
    "UpdateTrail": Change(did=phrase("changed"), effect=phrase("it records no less than before")),
    "PutEventSelectors": Change(
        did=phrase("changed what is recorded by"), effect=phrase("it records no less than before")
    ),
    "PutInsightSelectors": Change(
        did=phrase("changed which oddities are looked for by"), effect=phrase("it records as before")
    ),
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "cloudtrail", _CHANGES)) is not None:
        return reason
    if isinstance(TRAIL_TAMPERED.assess(event, lookups), Concern):
        return Pass(reason="the trail records less than before: trail-tampered announces it")
    name = first_text(event, ("requestParameters", "name"), ("requestParameters", "trailName"))
    return changed(
        event,
        _CHANGES,
        Target(kind="trail", name=tail(name)),
        details={"Trail": name, "Delivers to": event.text("requestParameters", "s3BucketName")},
        group=f"trail:{short(tail(name)) or 'unknown'}",  # a trail that is started again is told where it was stopped
    )


CIS_TRAIL_CHANGED = Detection(
    id="cis-trail-changed",
    title="A trail changed, and records no less",
    why="The record of the records: when a trail began, was started again, or was given other settings.",
    severity=Severity.LOW,
    pattern=api_calls("cloudtrail", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at the trail's settings, and at where it delivers",
        "If nobody planned it: put the settings back and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.5 (v1.4-v5)", "5.5 (v6-v7)"),
    attack=("T1562.008",),
    pack="cis",
)
