"""An encryption key was disabled, or is going to be deleted."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed
from handlers.detections.grants import Target
from handlers.detections.trail_key_changed.detection import TRAIL_KEY_CHANGED
from handlers.detections.words import tail

_CHANGES: Mapping[str, Change] = {
    "DisableKey": Change(
        did=phrase("disabled"),
        effect=phrase("whatever is encrypted with it cannot be read until it is enabled"),
        severity=Severity.MEDIUM,
    ),
    "ScheduleKeyDeletion": Change(
        did=phrase("scheduled the deletion of"),
        effect=phrase("whatever is encrypted with it is lost for good when it is gone"),
        severity=Severity.MEDIUM,
    ),
    "DeleteImportedKeyMaterial": Change(
        did=phrase("deleted the material of"),
        effect=phrase("whatever is encrypted with it cannot be read unless it is imported again"),
        severity=Severity.MEDIUM,
    ),
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "kms", _CHANGES)) is not None:
        return reason
    if isinstance(TRAIL_KEY_CHANGED.assess(event, lookups), Concern):
        return Pass(reason="it is a trail's key: trail-key-changed announces it")
    key = first_text(event, ("responseElements", "keyId"), ("requestParameters", "keyId"))
    return changed(
        event,
        _CHANGES,
        Target(kind="key", name=tail(key)),
        details={
            "Key": key,
            "Days until it is gone": event.text("requestParameters", "pendingWindowInDays"),
            "Gone on": event.text("responseElements", "deletionDate"),
        },
    )


CIS_KMS_KEY_DISABLED_OR_DELETION = Detection(
    id="cis-kms-key-disabled-or-deletion",
    title="An encryption key was disabled or is to be deleted",
    why="Data without its key is lost: who holds a company to ransom, or hides traces, begins with the key.",
    severity=Severity.MEDIUM,
    pattern=api_calls("kms", _CHANGES),
    assess=assess,
    respond=(
        "Ask the key's owner whether it is to go",
        "Find what is encrypted with the key, and whether anybody still reads it",
        "If it is still needed: cancel the deletion, enable the key, cut off whoever did it",
    ),
    regions=Regions.EVERY,
    cis=("4.7 (v1.4-v5)", "5.7 (v6-v7)"),
    attack=("T1485", "T1486"),
    pack="cis",
)
