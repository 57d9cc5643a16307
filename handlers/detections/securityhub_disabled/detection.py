"""Security Hub was switched off, or a standard or a product in it."""

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
    "DisableSecurityHub": Blow(
        did=phrase("disabled"),
        tried=phrase("disable"),
        effect=phrase("no finding of any service is gathered in this region"),
        severity=Severity.HIGH,
    ),
    "BatchDisableStandards": Blow(
        did=phrase("disabled standards in"),
        tried=phrase("disable standards in"),
        effect=phrase("their controls are no longer checked"),
        severity=Severity.MEDIUM,
    ),
    "UpdateStandardsControl": Blow(
        did=phrase("disabled a control in"),
        tried=phrase("disable a control in"),
        effect=phrase("it is no longer checked"),
        severity=Severity.MEDIUM,
    ),
    "BatchUpdateStandardsControlAssociations": Blow(
        did=phrase("disabled controls in"),
        tried=phrase("disable controls in"),
        effect=phrase("they are no longer checked"),
        severity=Severity.MEDIUM,
    ),
    "CreateAutomationRule": Blow(
        did=phrase("wrote an automation rule into"),
        tried=phrase("write an automation rule into"),
        effect=phrase("findings that match it can be put away unseen"),
        severity=Severity.MEDIUM,
    ),
    "UpdateFindings": Blow(
        did=phrase("put findings away in"),
        tried=phrase("put {what} away in", what=phrase("findings")),
        effect=phrase("nobody is shown them any more"),
        severity=Severity.LOW,
    ),
    "DisableSecurityHubV2": Blow(
        did=phrase("disabled"),
        tried=phrase("disable"),
        effect=phrase("no finding of any service is gathered in this region"),
        severity=Severity.HIGH,
    ),
    "DisableImportFindingsForProduct": Blow(
        did=phrase("stopped the findings of a product in"),
        tried=phrase("stop the findings of a product in"),
        effect=phrase("they no longer arrive"),
        severity=Severity.MEDIUM,
    ),
    "DisassociateFromAdministratorAccount": Blow(
        did=phrase("took this account away from the administrator of"),
        tried=phrase("take this account away from the administrator of"),
        effect=phrase("the security account no longer sees its findings"),
        severity=Severity.HIGH,
    ),
    "DisassociateMembers": Blow(
        did=phrase("let members go from"),
        tried=phrase("let {whom} go from", whom=phrase("members")),
        effect=phrase("their findings no longer come here"),
        severity=Severity.HIGH,
    ),
    "DeleteMembers": Blow(
        did=phrase("removed members from"),
        tried=phrase("remove members from"),
        effect=phrase("their findings no longer come here"),
        severity=Severity.HIGH,
    ),
    "DisableOrganizationAdminAccount": Blow(
        did=phrase("took the organization's administrator away from"),
        tried=phrase("take the organization's administrator away from"),
        effect=phrase("nobody sees the members' findings together"),
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
