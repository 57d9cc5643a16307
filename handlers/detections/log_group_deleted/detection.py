"""Logs in CloudWatch were deleted, or are going to be: the trail's, or others."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.blinding import Blow, after_failure, keeps_records
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.changes import is_service
from handlers.detections.watched import Evidence, Own
from handlers.detections.words import facts, is_denied, request_exhibit, sentence

# How bad each is where the trail's records are in it.
_BLOWS: Mapping[str, Blow] = {
    "DeleteLogGroup": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("what was logged there is gone"),
        severity=Severity.HIGH,
    ),
    "DeleteLogStream": Blow(
        did=phrase("deleted a part of"),
        tried=phrase("delete a part of"),
        effect=phrase("what one source logged there is gone"),
        severity=Severity.HIGH,
    ),
    "DeleteSubscriptionFilter": Blow(
        did=phrase("stopped the forwarding from"),
        tried=phrase("stop the forwarding from"),
        effect=phrase("what reads along gets nothing more"),
        severity=Severity.MEDIUM,
    ),
    "DeleteMetricFilter": Blow(
        did=phrase("deleted a filter of"),
        tried=phrase("delete a filter of"),
        effect=phrase("its alarm cannot go off any more"),
        severity=Severity.MEDIUM,
    ),
    "PutRetentionPolicy": Blow(
        did=phrase("limited how long logs are kept in"),
        tried=phrase("limit how long logs are kept in"),
        effect=phrase("what is older is deleted"),
        severity=Severity.MEDIUM,
    ),
}
_A_YEAR = 365  # days: how far back an auditor asks


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "logs", _BLOWS):
        return OTHER_CALL
    name = event.text("requestParameters", "logGroupName") or event.text("requestParameters", "logGroupIdentifier")
    name = name.partition(":log-group:")[2] or name
    own, evidence = Own.of(lookups), Evidence.of(event, lookups)
    if event.name == "DeleteLogGroup" and own.parts(event):
        return Pass(reason="it is Rootwatch's own: rootwatch-tampered tells that")
    is_used = name in evidence.log_groups
    blow, severity, group = _BLOWS[event.name], Severity.LOW, "log-groups"
    if is_used or own.owns(name) or keeps_records(name):
        if event.name == "PutRetentionPolicy" and event.succeeded and _days(event) >= _A_YEAR:
            return Pass(reason="it keeps a year or more")
        severity = own.severity(event, blow.severity) if own.owns(name) else blow.severity
        group = f"log-group:{short(name)}"
    elif event.name != "DeleteLogGroup":
        return Pass(reason="of other groups only the end is told: parts of them come and go")
    elif is_service(event):
        return Pass(reason="a service of AWS tidies up what is its own")
    elif event.error is not None and not is_denied(event):
        return Pass(reason="nothing was deleted, and it is no group of the trail's")
    unnamed = phrase("an unnamed log group")
    target = phrase("the log group {name}", name=short(name)) if name else unnamed
    return Concern(
        summary=sentence(event, *blow.deed(target), blow.effect),
        subject=phrase("log group {name}", name=short(name)) if name else unnamed,
        severity=severity if event.succeeded else after_failure(event, severity),
        group=group,
        title="" if event.succeeded else phrase("Attempt to delete logs"),
        facts=facts(
            ("A trail delivers to it", evidence.words(is_used=is_used)),
            ("Days kept", event.text("requestParameters", "retentionInDays")),
        ),
        exhibits=request_exhibit(event),
    )


def _days(event: Event) -> int:
    days = event.dig("requestParameters", "retentionInDays")
    return days if isinstance(days, int) else 0


LOG_GROUP_DELETED = Detection(
    id="log-group-deleted",
    title="Logs were deleted",
    why="Logs are what applications and the trail tell of themselves: who covers tracks deletes them.",
    severity=Severity.LOW,
    pattern=api_calls("logs", _BLOWS),
    assess=assess,
    respond=(
        "Ask whoever deleted them why; the trail's: point the trail to a new group",
        "Read what the same session did in the 24 hours before",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1070", "T1562.008"),
)
