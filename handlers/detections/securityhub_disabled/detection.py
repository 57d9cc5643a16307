"""Security Hub was switched off, or a standard or a product in it."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.blinding import Blow, is_told, struck
from handlers.detections.calls import api_calls
from handlers.detections.changes import texts_of

_BLOWS = {
    "DisableSecurityHub": Blow(
        did="disabled",
        tried="disable",
        effect="no finding of any service is gathered in this region",
        severity=Severity.HIGH,
    ),
    "BatchDisableStandards": Blow(
        did="disabled standards in",
        tried="disable standards in",
        effect="their controls are no longer checked",
        severity=Severity.MEDIUM,
    ),
    "UpdateStandardsControl": Blow(
        did="disabled a control in",
        tried="disable a control in",
        effect="it is no longer checked",
        severity=Severity.MEDIUM,
    ),
    "BatchUpdateStandardsControlAssociations": Blow(
        did="disabled controls in",
        tried="disable controls in",
        effect="they are no longer checked",
        severity=Severity.MEDIUM,
    ),
    "CreateAutomationRule": Blow(
        did="wrote an automation rule into",
        tried="write an automation rule into",
        effect="findings that match it can be put away unseen",
        severity=Severity.MEDIUM,
    ),
    "UpdateFindings": Blow(
        did="put findings away in",
        tried="put findings away in",
        effect="nobody is shown them any more",
        severity=Severity.LOW,
    ),
    "DisableSecurityHubV2": Blow(
        did="disabled",
        tried="disable",
        effect="no finding of any service is gathered in this region",
        severity=Severity.HIGH,
    ),
    "DisableImportFindingsForProduct": Blow(
        did="stopped the findings of a product in",
        tried="stop the findings of a product in",
        effect="they no longer arrive",
        severity=Severity.MEDIUM,
    ),
    "DisassociateFromAdministratorAccount": Blow(
        did="took this account away from the administrator of",
        tried="take this account away from the administrator of",
        effect="the security account no longer sees its findings",
        severity=Severity.HIGH,
    ),
    "DisassociateMembers": Blow(
        did="let members go from",
        tried="let members go from",
        effect="their findings no longer come here",
        severity=Severity.HIGH,
    ),
    "DeleteMembers": Blow(
        did="removed members from",
        tried="remove members from",
        effect="their findings no longer come here",
        severity=Severity.HIGH,
    ),
    "DisableOrganizationAdminAccount": Blow(
        did="took the organization's administrator away from",
        tried="take the organization's administrator away from",
        effect="nobody sees the members' findings together",
        severity=Severity.HIGH,
    ),
}


_CONTROLS = ("UpdateStandardsControl", "BatchUpdateStandardsControlAssociations")


def _is_disabled(event: Event) -> bool:
    """The API writes its parameters with capitals; CloudTrail has been seen with both."""
    return any(
        key.casefold() in ("controlstatus", "associationstatus") and value == "DISABLED"
        for key, value in texts_of(event.request)
    )


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name in _CONTROLS and is_told(event) and not _is_disabled(event):
        return Pass(reason="the control is switched on, or only described anew")
    name = event.text("requestParameters", "HubArn")
    return struck(event, "securityhub", _BLOWS, what="hub", name=name)


SECURITYHUB_DISABLED = Detection(
    id="securityhub-disabled",
    title="Security Hub was switched off",
    why="Security Hub is where findings of many services meet: without it they are read one by one, or not at all.",
    severity=Severity.HIGH,
    pattern=api_calls("securityhub", _BLOWS),
    assess=assess,
    respond=(
        "Enable Security Hub, or the standard, again",
        "Read what the same session did in the hour before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001",),
)
