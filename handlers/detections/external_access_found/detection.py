"""Access Analyzer found that somebody outside has access."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.posture import accounts, direct_events, is_direct, principal_words, resource_words
from handlers.detections.words import facts, listed, short

_KIND = "Access Analyzer Finding"
_ROLE = "AWS::IAM::Role"


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    if event.dig("isDeleted") is True:
        return Pass(reason="the finding is deleted with its analyzer or resource")
    resource = resource_words(event)
    if error := event.text("error"):
        summary, severity = f"Access Analyzer could not judge {resource}: {short(error)}.", Severity.LOW
    elif event.text("status") != "ACTIVE":
        summary, severity = f"Access from outside to {resource} is no longer found, or was archived.", Severity.INFO
    else:
        is_public = event.dig("isPublic") is True
        whom = "everybody" if is_public else principal_words(event.dig("principal"))
        summary = f"{whom[0].upper()}{whom[1:]} outside can use {resource}."
        worse = is_public or event.text("resourceType") == _ROLE
        severity = Severity.HIGH if worse else Severity.MEDIUM
    actions = event.dig("action")
    return Concern(
        summary=summary,
        subject=resource.removeprefix("the "),
        severity=severity,
        group="external-access",
        facts=facts(
            ("Resource", event.text("resource")),
            ("May", listed([item for item in actions if isinstance(item, str)]) if isinstance(actions, list) else ""),
            ("Finding", event.text("id")),
            *accounts(event, event.text("accountId")),
        ),
    )


EXTERNAL_ACCESS_FOUND = Detection(
    id="external-access-found",
    title="Somebody outside has access",
    why="What was opened to another account or to everybody stays open until somebody looks.",
    severity=Severity.MEDIUM,
    pattern=direct_events("access-analyzer", _KIND),
    assess=assess,
    respond=(
        "Ask the resource's owner whether this access is meant",
        "Look who used it, and since when it is open",
        "If it is not meant: close it; if it is: archive the finding with a ticket",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # a first activation finds hundreds at once: one conversation
    attack=("T1199",),
)
