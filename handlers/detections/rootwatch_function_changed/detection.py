"""The function that raises the alerts was changed, limited or cut off from its queue."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import API_CALL, OTHER_CALL, service_of
from handlers.detections.watched import Own, tampered

# Lambda writes its API's version into a call's name: UpdateFunctionCode20150331v2, and DeleteFunction without one.
_VERSION = re.compile(r"\d{8}(?:v\d+)?$")


def _always(_event: Event) -> bool:
    return True


def _stops(event: Event) -> bool:
    """Whether the mapping of the queue is switched off, or not said to be on."""
    return event.text("requestParameters", "enabled").casefold() != "true"


def _may_not_run(event: Event) -> bool:
    return event.text("requestParameters", "reservedConcurrentExecutions").strip("0") == ""


# Whether it is as bad as can be; else it is MEDIUM.
_CALLS: Mapping[str, Callable[[Event], bool]] = {
    "AddPermission": lambda _event: False,  # somebody else may run it
    "DeleteEventSourceMapping": _always,
    "DeleteFunction": _always,
    "PutFunctionConcurrency": _may_not_run,
    "RemovePermission": lambda _event: False,
    "UpdateEventSourceMapping": _stops,
    "UpdateFunctionCode": _always,
    "UpdateFunctionConfiguration": _always,
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    call = _VERSION.sub("", event.name[:100])
    if service_of(event) != "lambda" or call not in _CALLS:
        return OTHER_CALL
    own = Own.of(lookups)
    usual = Severity.CRITICAL if _CALLS[call](event) else Severity.MEDIUM
    return tampered(event, own, call, "lambda", own.severity(event, usual))


ROOTWATCH_FUNCTION_CHANGED = Detection(
    id="rootwatch-function-changed",
    title="Rootwatch's function was changed",
    why="The function decides what is told: who changes its code, or keeps it from running, decides it instead.",
    severity=Severity.CRITICAL,
    pattern={
        "source": ["aws.lambda"],
        "detail-type": [API_CALL],
        "detail": {"eventSource": ["lambda.amazonaws.com"], "eventName": [{"prefix": call} for call in _CALLS]},
    },
    assess=assess,
    respond=(
        "Deploy the function again from Rootwatch's repository",
        "Read what waited in the queue, and what the changed function did",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001", "T1578"),
    suppressible=False,
)
