"""Macie was switched off, or its findings made to be ignored."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, struck
from handlers.detections.calls import api_calls

_BLOWS = {
    "DisableMacie": Blow(
        did=phrase("disabled Macie by"),
        tried=phrase("disable Macie by"),
        effect=phrase("it looks at no bucket in this region any more"),
        severity=Severity.MEDIUM,
    ),
    "UpdateMacieSession": Blow(
        did=phrase("paused Macie in"),
        tried=phrase("pause Macie in"),
        effect=phrase("it looks at no bucket until it is resumed"),
        severity=Severity.MEDIUM,
    ),
    "CreateFindingsFilter": Blow(
        did=phrase("wrote a filter into"),
        tried=phrase("write a filter into"),
        effect=phrase("findings that match it can be archived unseen"),
        severity=Severity.MEDIUM,
    ),
    "DisassociateFromAdministratorAccount": Blow(
        did=phrase("took this account away from the administrator of"),
        tried=phrase("take this account away from the administrator of"),
        effect=phrase("the security account no longer sees its findings"),
        severity=Severity.MEDIUM,
    ),
    "DeleteMember": Blow(
        did=phrase("removed a member from"),
        tried=phrase("remove a member from"),
        effect=phrase("its findings no longer come here"),
        severity=Severity.MEDIUM,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name == "UpdateMacieSession" and event.succeeded and event.text("requestParameters", "status") != "PAUSED":
        return Pass(reason="it goes on")
    if event.name == "CreateFindingsFilter" and event.text("requestParameters", "action") == "NOOP":
        return Pass(reason="the filter only sorts what is shown: it archives nothing")
    name = ""
    return struck(event, "macie2", _BLOWS, what="session", name=name)


MACIE_DISABLED = Detection(
    id="macie-disabled",
    title="Macie was switched off",
    why="Macie tells where personal and secret data lies open; who copies data does not want it to look.",
    severity=Severity.MEDIUM,
    pattern=api_calls("macie2", _BLOWS),
    assess=assess,
    respond=(
        "Enable Macie again in that region",
        "Read which buckets the same session has read or changed",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001",),
)
