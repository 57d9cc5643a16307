"""GuardDuty was switched off, narrowed or told to keep quiet."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.blinding import Blow, is_told, struck
from handlers.detections.calls import api_calls
from handlers.detections.changes import texts_of

_BLOWS = {
    "DeleteDetector": Blow(
        did="deleted",
        tried="delete",
        effect="GuardDuty finds nothing more in this region, and its findings are gone",
        severity=Severity.HIGH,
    ),
    "UpdateDetector": Blow(
        did="switched off all or a part of",
        tried="switch off all or a part of",
        effect="GuardDuty finds less in this region, or nothing",
        severity=Severity.HIGH,
    ),
    "DisassociateFromMasterAccount": Blow(
        did="took this account away from the administrator of",
        tried="take this account away from the administrator of",
        effect="the security account no longer sees this account's findings",
        severity=Severity.HIGH,
    ),
    "DisassociateFromAdministratorAccount": Blow(
        did="took this account away from the administrator of",
        tried="take this account away from the administrator of",
        effect="the security account no longer sees this account's findings",
        severity=Severity.HIGH,
    ),
    "StopMonitoringMembers": Blow(
        did="stopped the watch over members by",
        tried="stop the watch over members by",
        effect="GuardDuty watches those accounts no longer",
        severity=Severity.HIGH,
    ),
    "DeleteMembers": Blow(
        did="removed members from",
        tried="remove members from",
        effect="their findings no longer come here",
        severity=Severity.HIGH,
    ),
    "DisassociateMembers": Blow(
        did="let members go from",
        tried="let members go from",
        effect="their findings no longer come here",
        severity=Severity.HIGH,
    ),
    "CreateFilter": Blow(
        did="wrote a filter into",
        tried="write a filter into",
        effect="findings that match it can be archived unseen",
        severity=Severity.MEDIUM,
    ),
    "UpdateFilter": Blow(
        did="changed a filter of",
        tried="change a filter of",
        effect="findings that match it can be archived unseen",
        severity=Severity.MEDIUM,
    ),
    "CreateIPSet": Blow(
        did="made a list of trusted addresses for",
        tried="make a list of trusted addresses for",
        effect="nothing is found that comes from them",
        severity=Severity.MEDIUM,
    ),
    "UpdateIPSet": Blow(
        did="changed the list of trusted addresses of",
        tried="change the list of trusted addresses of",
        effect="nothing is found that comes from them",
        severity=Severity.MEDIUM,
    ),
    "DisableOrganizationAdminAccount": Blow(
        did="took the organization's administrator away from",
        tried="take the organization's administrator away from",
        effect="nobody sees the members' findings together",
        severity=Severity.HIGH,
    ),
    "UpdateMemberDetectors": Blow(
        did="switched parts off for members of",
        tried="switch parts off for members of",
        effect="GuardDuty finds less in those accounts",
        severity=Severity.HIGH,
    ),
    "DeletePublishingDestination": Blow(
        did="stopped the export of findings of",
        tried="stop the export of findings of",
        effect="findings are no longer kept outside GuardDuty",
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
