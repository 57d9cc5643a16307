"""AWS Config was stopped, narrowed or lost its rules."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, records_everything, struck
from handlers.detections.calls import api_calls
from handlers.detections.changes import first_text

_BLOWS = {
    "StopConfigurationRecorder": Blow(
        did=phrase("stopped"),
        tried=phrase("stop"),
        effect=phrase("no change of any resource is recorded in this region"),
        severity=Severity.HIGH,
    ),
    "DeleteConfigurationRecorder": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("no change of any resource is recorded in this region"),
        severity=Severity.HIGH,
    ),
    "PutConfigurationRecorder": Blow(
        did=phrase("changed what is recorded by"),
        tried=phrase("change what is recorded by"),
        effect=phrase("what is left out has no history from now on"),
        severity=Severity.MEDIUM,
    ),
    "DeleteDeliveryChannel": Blow(
        did=phrase("deleted the delivery channel"),
        tried=phrase("delete the delivery channel"),
        effect=phrase("what is recorded reaches nobody"),
        severity=Severity.HIGH,
    ),
    "DeleteConfigRule": Blow(
        did=phrase("deleted the rule"),
        tried=phrase("delete the rule"),
        effect=phrase("what it checked is checked no longer"),
        severity=Severity.MEDIUM,
    ),
    "DeleteConformancePack": Blow(
        did=phrase("deleted a conformance pack from"),
        tried=phrase("delete a conformance pack from"),
        effect=phrase("what it checked is checked no longer"),
        severity=Severity.MEDIUM,
    ),
    "DeleteOrganizationConfigRule": Blow(
        did=phrase("deleted an organization's rule from"),
        tried=phrase("delete an organization's rule from"),
        effect=phrase("what it checked is checked no longer in any account"),
        severity=Severity.HIGH,
    ),
    "PutRetentionConfiguration": Blow(
        did=phrase("changed how long history is kept by"),
        tried=phrase("change how long history is kept by"),
        effect=phrase("older history is deleted"),
        severity=Severity.MEDIUM,
    ),
    "DeleteRemediationConfiguration": Blow(
        did=phrase("deleted a remediation from"),
        tried=phrase("delete a remediation from"),
        effect=phrase("nothing mends what the rule finds"),
        severity=Severity.LOW,
    ),
}
_NAMES = (
    ("configurationRecorderName",),
    ("configurationRecorder", "name"),
    ("deliveryChannelName",),
    ("configRuleName",),
)
_LONGEST_DAYS = 2_557  # seven years: the most that Config takes, and what it does by itself


def _days(event: Event) -> int:
    days = event.dig("requestParameters", "retentionPeriodInDays")
    return days if isinstance(days, int) else 0


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name == "PutConfigurationRecorder" and event.succeeded and records_everything(event):
        return Pass(reason="it records every type of resource")
    if event.name == "PutRetentionConfiguration" and event.succeeded and _days(event) >= _LONGEST_DAYS:
        return Pass(reason="it keeps history for as long as Config can")
    name = first_text(event, *(("requestParameters", *path) for path in _NAMES))
    return struck(event, "config", _BLOWS, what="recorder", name=name)


CONFIG_RECORDER_CHANGED = Detection(
    id="config-recorder-changed",
    title="AWS Config was stopped or narrowed",
    why="Config is the memory of how things were set: without it nobody can prove what was open, and since when.",
    severity=Severity.HIGH,
    pattern=api_calls("config", _BLOWS),
    assess=assess,
    respond=(
        "Start the recorder again, or put its settings back",
        "Read what the same session did in the hour before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    cis=("4.9 (v1.4-v5)", "5.9 (v6-v7)"),
    attack=("T1562.001",),
    suppressible=False,
)
