"""A CloudWatch alarm was deleted or silenced."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import ATTEMPT, Blow, after_failure
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.watched import GROUP, Own
from handlers.detections.words import listed, request_exhibit, sentence

_BLOWS = {
    "DeleteAlarms": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("what it watched can fail unnoticed"),
        severity=Severity.MEDIUM,
    ),
    "DisableAlarmActions": Blow(
        did=phrase("silenced"),
        tried=phrase("silence"),
        effect=phrase("it changes colour, and tells nobody"),
        severity=Severity.MEDIUM,
    ),
}


def _names(event: Event) -> list[str]:
    names = event.dig("requestParameters", "alarmNames")
    return [name for name in names if isinstance(name, str)] if isinstance(names, list) else []


def _words(names: list[str]) -> tuple[str, str]:
    """ "the alarm errors", "alarm errors"."""
    if not names:
        return phrase("an unnamed alarm"), phrase("an unnamed alarm")
    if len(names) > 1:
        return phrase("the alarms {names}", names=listed(names)), phrase("alarms {names}", names=listed(names))
    return phrase("the alarm {name}", name=listed(names)), phrase("alarm {name}", name=listed(names))


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "monitoring", _BLOWS):
        return OTHER_CALL
    names = _names(event)
    blow = _BLOWS[event.name]
    target, subject = _words(names)
    own = Own.of(lookups)
    ours = any(map(own.owns, names))
    severity = own.severity(event, Severity.CRITICAL) if ours else blow.severity
    return Concern(
        summary=sentence(event, *blow.deed(target), blow.effect),
        subject=subject,
        severity=severity if event.succeeded else after_failure(event, severity),
        group=GROUP if ours else "watcher:monitoring",
        title="" if event.succeeded else ATTEMPT,
        exhibits=request_exhibit(event),
    )


ALARM_DISABLED = Detection(
    id="alarm-disabled",
    title="An alarm was deleted or silenced",
    why="Alarms tell that the watch itself has failed: without them silence looks like calm.",
    severity=Severity.MEDIUM,
    pattern=api_calls("monitoring", _BLOWS),
    assess=assess,
    respond=(
        "Deploy the alarm again, or enable its actions",
        "Look whether what it watched still works",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.006",),
)
