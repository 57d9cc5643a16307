"""A CloudTrail Lake store was deleted, stopped or shortened, or the organization's trail lost its administrator."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, is_told, struck
from handlers.detections.calls import api_calls

_BLOWS = {
    "DeleteEventDataStore": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("its records are lost after seven days, unless it is restored"),
        severity=Severity.HIGH,
    ),
    "StopEventDataStoreIngestion": Blow(
        did=phrase("stopped"),
        tried=phrase("stop"),
        effect=phrase("it records nothing more"),
        severity=Severity.HIGH,
    ),
    "UpdateEventDataStore": Blow(
        did=phrase("changed"),
        tried=phrase("change"),
        effect=phrase("it may keep its records for less time, or record less"),
        severity=Severity.MEDIUM,
    ),
    "DeregisterOrganizationDelegatedAdmin": Blow(
        did=phrase("took the delegated administrator away from"),
        tried=phrase("take the delegated administrator away from"),
        effect=phrase("the account that kept the organization's records no longer can"),
        severity=Severity.HIGH,
    ),
    "RegisterOrganizationDelegatedAdmin": Blow(
        did=phrase("made another account administrator of"),
        tried=phrase("make another account administrator of"),
        effect=phrase("it can change what is recorded of every account"),
        severity=Severity.HIGH,
    ),
    "PutInsightSelectors": Blow(
        did=phrase("changed the insights of"),
        tried=phrase("change the insights of"),
        effect=phrase("unusual numbers of calls may no longer be noticed"),
        severity=Severity.LOW,
    ),
}
_SWITCHES = ("terminationProtectionEnabled", "multiRegionEnabled", "organizationEnabled")
_LIMITS = ("retentionPeriod", "advancedEventSelectors")  # how much it was before, the record does not say


def _may_lose(event: Event) -> bool:
    return any(event.text("requestParameters", key).casefold() == "false" for key in _SWITCHES) or any(
        key in event.request for key in _LIMITS
    )


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name == "PutInsightSelectors" and event.succeeded and event.dig("requestParameters", "insightSelectors"):
        return Pass(reason="insights are switched on, or stay so")
    if event.name == "UpdateEventDataStore" and is_told(event) and not _may_lose(event):
        return Pass(reason="it keeps as much, for as long, as before")
    name = event.text("requestParameters", "eventDataStore")
    return struck(event, "cloudtrail", _BLOWS, what="event data store", name=name)


EVENT_DATA_STORE_CHANGED = Detection(
    id="event-data-store-changed",
    title="A store of CloudTrail records was deleted or stopped",
    why="It holds years of records: who empties it takes away the proof.",
    severity=Severity.HIGH,
    pattern=api_calls("cloudtrail", _BLOWS),
    assess=assess,
    respond=(
        "Restore the store, or start it again",
        "Read what the same session did in the hour before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    cis=("4.5 (v1.4-v5)", "5.5 (v6-v7)"),
    attack=("T1562.008", "T1070"),
    suppressible=False,
)
