"""Access Analyzer found rights that nobody uses."""

from __future__ import annotations

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.posture import accounts, direct_events, is_direct, resource_words
from handlers.detections.words import facts, short

_KIND = "Unused Access Finding for IAM entities"
_WHAT = {
    "UnusedIAMRole": "nobody has used {}",
    "UnusedIAMUserAccessKey": "nobody has used an access key of {}",
    "UnusedIAMUserPassword": "nobody has used the password of {}",
    "UnusedPermission": "some rights of {} are never used",
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_direct(event, _KIND):
        return Pass(reason="it is another event")
    if event.dig("isDeleted") is True:
        return Pass(reason="the finding is deleted with its analyzer or entity")
    entity = resource_words(event)
    what = _WHAT.get(event.text("findingType"), "something of {} is not used").format(entity)
    if error := event.text("error"):
        summary, severity = f"Access Analyzer could not judge {entity}: {short(error)}.", Severity.LOW
    elif event.text("status") != "ACTIVE":
        summary, severity = f"It is no longer so, or was archived, that {what}.", Severity.INFO
    else:
        summary, severity = f"{what[0].upper()}{what[1:]} within the time that the analyzer looks back.", Severity.LOW
    return Concern(
        summary=summary,
        subject=entity.removeprefix("the "),
        severity=severity,
        group="unused-access",
        facts=facts(
            ("Entity", event.text("resource")),
            ("Unused services", event.text("numberOfUnusedServices")),
            ("Unused actions", event.text("numberOfUnusedActions")),
            ("Finding", event.text("findingId")),
            *accounts(event, event.text("accountId")),
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
