"""AWS Config was set up, started, or made to deliver elsewhere; config-recorder-changed tells of what it loses."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import records_everything
from handlers.detections.calls import api_calls
from handlers.detections.changes import Change, changed, first_text, nothing_changed
from handlers.detections.grants import Target

_CHANGES: Mapping[str, Change] = {
    "PutConfigurationRecorder": Change(
        did=phrase("set what is recorded by"), effect=phrase("it records every type of resource")
    ),
    "StartConfigurationRecorder": Change(did=phrase("started"), effect=phrase("it records from now on")),
    "PutDeliveryChannel": Change(
        did=phrase("set where records go by"),
        effect=phrase("another bucket may receive them now"),
        severity=Severity.MEDIUM,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if (reason := nothing_changed(event, "config", _CHANGES)) is not None:
        return reason
    if event.name == "PutConfigurationRecorder" and not records_everything(event):
        return Pass(reason="it leaves something out: config-recorder-changed tells that")
    key = "deliveryChannel" if event.name.endswith("DeliveryChannel") else "configurationRecorder"
    name = first_text(event, ("requestParameters", f"{key}Name"), ("requestParameters", key, "name"))
    return changed(
        event,
        _CHANGES,
        Target(kind="delivery channel" if key == "deliveryChannel" else "configuration recorder", name=name),
        details={"Delivers to": event.text("requestParameters", key, "s3BucketName")},
        group="watcher:config",  # a recorder that is started again is told where it was stopped
    )


CIS_CONFIG_CHANGED = Detection(
    id="cis-config-changed",
    title="AWS Config changed, and records no less",
    why="The record of the recorder: when it began, was started again, or was told to deliver elsewhere.",
    severity=Severity.LOW,
    pattern=api_calls("config", _CHANGES),
    assess=assess,
    respond=(
        "Match the change with a planned one and its ticket",
        "Look at what is recorded now, and where it goes",
        "If nobody planned it: put the settings back and read what else the session did",
    ),
    regions=Regions.EVERY,
    cis=("4.9 (v1.4-v5)", "5.9 (v6-v7)"),
    attack=("T1562.008",),
    pack="cis",
)
