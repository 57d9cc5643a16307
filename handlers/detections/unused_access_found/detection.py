"""Access Analyzer found rights that nobody uses."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.posture import analyzer_concern, direct_events

_KIND = "Unused Access Finding for IAM entities"
_WHAT = {
    "UnusedIAMRole": "nobody has used {}",
    "UnusedIAMUserAccessKey": "nobody has used an access key of {}",
    "UnusedIAMUserPassword": "nobody has used the password of {}",
    "UnusedPermission": "some rights of {} are never used",
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    template = _WHAT.get(event.text("findingType"), "something of {} is not used")

    def judge(entity: str) -> tuple[str, Severity]:
        what = template.format(entity)
        return f"{what[0].upper()}{what[1:]} within the time that the analyzer looks back.", Severity.LOW

    return analyzer_concern(
        event,
        _KIND,
        judge=judge,
        ended=lambda entity: f"It is no longer so, or was archived, that {template.format(entity)}.",
        group="unused-access",
        case=event.text("findingId"),
        known=(
            ("Entity", event.text("resource")),
            ("Unused services", event.text("numberOfUnusedServices")),
            ("Unused actions", event.text("numberOfUnusedActions")),
            ("Finding", event.text("findingId")),
        ),
    )


UNUSED_ACCESS_FOUND = Detection(
    id="unused-access-found",
    title="Rights that nobody uses",
    why="A right that nobody needs helps only whoever takes the identity over.",
    severity=Severity.LOW,
    pattern=direct_events("access-analyzer", _KIND),
    assess=assess,
    respond=(
        "Ask the entity's owner whether it is still needed",
        "Look when it was last used, and for what",
        "If it is not needed: take the rights away; delete what nobody used for a year",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # a first activation finds hundreds at once: one conversation
    attack=("T1078.004",),
)
