"""Access Analyzer found that somebody outside has access."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.posture import analyzer_concern, direct_events, principal_words, reached

_KIND = "Access Analyzer Finding"
_ROLE = "AWS::IAM::Role"


_AT_THE_BEGINNING = {
    text[0].lower() + text[1:]: text
    for text in (
        phrase("Everybody"),
        phrase("Somebody whom the finding does not name"),
        phrase("Somebody whom it does not name"),
    )
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    def judge(resource: str) -> tuple[str, Severity]:
        is_public = event.dig("isPublic") is True
        whom = phrase("everybody") if is_public else principal_words(event.dig("principal"))
        worse = is_public or event.text("resourceType") == _ROLE
        who = _AT_THE_BEGINNING.get(whom, whom)
        summary = phrase("{who} outside can use {resource}.", who=who, resource=resource)
        return summary, Severity.HIGH if worse else Severity.MEDIUM

    return analyzer_concern(
        event,
        _KIND,
        judge=judge,
        ended=lambda resource: phrase(
            "Access from outside to {resource} is no longer found, or was archived.", resource=resource
        ),
        group="external-access",
        case=event.text("id"),
        known=reached(event),
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
