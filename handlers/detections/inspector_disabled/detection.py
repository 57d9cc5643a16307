"""Inspector was switched off, or told to ignore findings."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, struck
from handlers.detections.calls import api_calls

_BLOWS = {
    "Disable": Blow(
        did=phrase("disabled"),
        tried=phrase("disable"),
        effect=phrase("machines, images and functions are no longer scanned"),
        severity=Severity.MEDIUM,
    ),
    "CreateFilter": Blow(
        did=phrase("wrote a filter into"),
        tried=phrase("write a filter into"),
        effect=phrase("findings that match it are suppressed"),
        severity=Severity.LOW,
    ),
    "DisassociateMember": Blow(
        did=phrase("let a member go from"),
        tried=phrase("let {whom} go from", whom=phrase("a member")),
        effect=phrase("its findings no longer come here"),
        severity=Severity.MEDIUM,
    ),
    "DisableDelegatedAdminAccount": Blow(
        did=phrase("took the organization's administrator away from"),
        tried=phrase("take the organization's administrator away from"),
        effect=phrase("nobody sees the members' findings together"),
        severity=Severity.MEDIUM,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name == "CreateFilter" and event.text("requestParameters", "action") == "NONE":
        return Pass(reason="the filter only sorts what is shown: it suppresses nothing")
    name = ""
    return struck(event, "inspector2", _BLOWS, what="scanner", name=name)


INSPECTOR_DISABLED = Detection(
    id="inspector-disabled",
    title="Inspector was switched off",
    why="Inspector tells which machines and functions can be broken into: without it they stay so.",
    severity=Severity.MEDIUM,
    pattern=api_calls("inspector2", _BLOWS),
    assess=assess,
    respond=(
        "Enable Inspector again for what it scanned",
        "Read what the same session did in the hour before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001",),
)
