"""Access Analyzer found who inside can reach a resource that was named critical."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.posture import analyzer_concern, direct_events, principal_words, reached

_KIND = "Internal Access Finding"


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    whom = principal_words(event.dig("principal"))
    return analyzer_concern(
        event,
        _KIND,
        judge=lambda resource: (
            phrase("{who} can use {resource}, which was named critical.", who=whom, resource=resource),
            Severity.MEDIUM,
        ),
        ended=lambda resource: phrase(
            "Access of {who} to {resource} is no longer found, or was archived.", who=whom, resource=resource
        ),
        group="internal-access",
        case=event.text("id"),
        known=reached(event),
    )


INTERNAL_ACCESS_FOUND = Detection(
    id="internal-access-found",
    title="Somebody inside can reach a critical resource",
    why="Few should reach what was named critical; each further one is a decision somebody made, or a slip.",
    severity=Severity.MEDIUM,
    pattern=direct_events("access-analyzer", _KIND),
    assess=assess,
    respond=(
        "Ask the resource's owner whether this access is meant",
        "Look how the access came about, and whether it was used",
        "If it is not meant: take it away; if it is: archive the finding with a ticket",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # a first activation finds hundreds at once: one conversation
    attack=("T1078.004",),
)
