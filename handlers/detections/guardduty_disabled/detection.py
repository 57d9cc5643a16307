"""GuardDuty was switched off, narrowed or told to keep quiet."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, is_told, struck
from handlers.detections.calls import api_calls
from handlers.detections.changes import texts_of

_BLOWS = {
    "DeleteDetector": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("GuardDuty finds nothing more in this region, and its findings are gone"),
        severity=Severity.HIGH,
    ),
    "UpdateDetector": Blow(
        did=phrase("switched off all or a part of"),
        tried=phrase("switch off all or a part of"),
        effect=phrase("GuardDuty finds less in this region, or nothing"),
        severity=Severity.HIGH,
    ),
    "DisassociateFromMasterAccount": Blow(
        did=phrase("took this account away from the administrator of"),
        tried=phrase("take this account away from the administrator of"),
        effect=phrase("the security account no longer sees this account's findings"),
        severity=Severity.HIGH,
    ),
    "DisassociateFromAdministratorAccount": Blow(
        did=phrase("took this account away from the administrator of"),
        tried=phrase("take this account away from the administrator of"),
        effect=phrase("the security account no longer sees this account's findings"),
        severity=Severity.HIGH,
    ),
    "StopMonitoringMembers": Blow(
        did=phrase("stopped the watch over members by"),
        tried=phrase("stop the watch over members by"),
        effect=phrase("GuardDuty watches those accounts no longer"),
        severity=Severity.HIGH,
    ),
    "DeleteMembers": Blow(
        did=phrase("removed members from"),
        tried=phrase("remove members from"),
        effect=phrase("their findings no longer come here"),
        severity=Severity.HIGH,
    ),
    "DisassociateMembers": Blow(
        did=phrase("let members go from"),
        tried=phrase("let {whom} go from", whom=phrase("members")),
        effect=phrase("their findings no longer come here"),
        severity=Severity.HIGH,
    ),
    "CreateFilter": Blow(
        did=phrase("wrote a filter into"),
        tried=phrase("write a filter into"),
        effect=phrase("findings that match it can be archived unseen"),
        severity=Severity.MEDIUM,
    ),
    "UpdateFilter": Blow(
        did=phrase("changed a filter of"),
        tried=phrase("change a filter of"),
        effect=phrase("findings that match it can be archived unseen"),
        severity=Severity.MEDIUM,
    ),
    "CreateIPSet": Blow(
        did=phrase("made a list of trusted addresses for"),
        tried=phrase("make a list of trusted addresses for"),
        effect=phrase("nothing is found that comes from them"),
        severity=Severity.MEDIUM,
    ),
    "UpdateIPSet": Blow(
        did=phrase("changed the list of trusted addresses of"),
        tried=phrase("change the list of trusted addresses of"),
        effect=phrase("nothing is found that comes from them"),
        severity=Severity.MEDIUM,
    ),
    "DisableOrganizationAdminAccount": Blow(
        did=phrase("took the organization's administrator away from"),
        tried=phrase("take the organization's administrator away from"),
        effect=phrase("nobody sees the members' findings together"),
        severity=Severity.HIGH,
    ),
    "UpdateMemberDetectors": Blow(
        did=phrase("switched parts off for members of"),
        tried=phrase("switch parts off for members of"),
        effect=phrase("GuardDuty finds less in those accounts"),
        severity=Severity.HIGH,
    ),
    "DeletePublishingDestination": Blow(
        did=phrase("stopped the export of findings of"),
        tried=phrase("stop the export of findings of"),
        effect=phrase("findings are no longer kept outside GuardDuty"),
        severity=Severity.MEDIUM,
    ),
}


def _is_off(event: Event) -> bool:
    """`enable` false suspends it, or one of its sources; a feature says DISABLED. Else it changes other settings."""
    asked = {(key, value.casefold()) for key, value in texts_of(event.request)}
    return bool(asked & {("enable", "false"), ("status", "disabled"), ("autoEnable", "false")})


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name in ("UpdateDetector", "UpdateMemberDetectors") and is_told(event) and not _is_off(event):
        return Pass(reason="the detector stays on, and all of its parts")
    if event.name in ("CreateFilter", "UpdateFilter") and event.text("requestParameters", "action") == "NOOP":
        return Pass(reason="the filter only sorts what is shown: it archives nothing")
    name = event.text("requestParameters", "detectorId")
    return struck(event, "guardduty", _BLOWS, what="detector", name=name)


GUARDDUTY_DISABLED = Detection(
    id="guardduty-disabled",
    title="GuardDuty was switched off",
    why="GuardDuty finds what no rule of ours looks for; who switches it off does not want to be found.",
    severity=Severity.HIGH,
    pattern=api_calls("guardduty", _BLOWS),
    assess=assess,
    respond=(
        "Switch GuardDuty on again in that region",
        "Read what the same session did in the hour before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001",),
)
