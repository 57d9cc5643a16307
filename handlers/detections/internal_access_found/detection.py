"""Access Analyzer found who inside can reach a resource that was named critical."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.posture import accounts, direct_events, is_direct, principal_words, resource_words
from handlers.detections.words import facts, listed, short

_KIND = "Internal Access Finding"


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    if event.dig("isDeleted") is True:
        return Pass(reason="the finding is deleted with its analyzer or resource")
    resource, whom = resource_words(event), principal_words(event.dig("principal"))
    if error := event.text("error"):
        summary, severity = f"Access Analyzer could not judge {resource}: {short(error)}.", Severity.LOW
    elif event.text("status") != "ACTIVE":
        summary, severity = f"Access of {whom} to {resource} is no longer found, or was archived.", Severity.INFO
    else:
        summary, severity = f"{whom} can use {resource}, which was named critical.", Severity.MEDIUM
    actions = event.dig("action")
    return Concern(
        summary=summary,
        subject=resource.removeprefix("the "),
        severity=severity,
        group="internal-access",
        facts=facts(
            ("Resource", event.text("resource")),
            ("May", listed([item for item in actions if isinstance(item, str)]) if isinstance(actions, list) else ""),
            ("Finding", event.text("id")),
            *accounts(event, event.text("accountId")),
        ),
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
