"""Rootwatch itself was changed: a rule, a queue, a function, its secret, or the stacks that hold them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import API_CALL, service_of
from handlers.detections.changes import texts_of
from handlers.detections.words import facts, is_denied, lowered, request_exhibit, sentence, short

# Our names begin so, in ARNs, URLs and paths; "/" and ":" come before them there.
_OURS = re.compile(r"(?:^|[/:])(rootwatch(?:-[A-Za-z0-9_.-]+|/[A-Za-z0-9_.-]+)+)")

# By service, the calls that switch a part off or turn it round. Lambda writes its API's version into the name.
_CALLS = {
    "events": (
        *("DisableRule", "DeleteRule", "PutRule", "PutTargets", "RemoveTargets"),
        *("DeleteEventBus", "PutPermission", "RemovePermission"),
    ),
    "lambda": (
        *("DeleteFunction20150331", "UpdateFunctionCode20150331v2", "UpdateFunctionConfiguration20150331v2"),
        *("PutFunctionConcurrency20171031", "RemovePermission20150331v2", "DeleteEventSourceMapping20150331"),
        "UpdateEventSourceMapping20150331",
    ),
    "sqs": ("DeleteQueue", "PurgeQueue", "SetQueueAttributes"),
    "sns": ("DeleteTopic", "SetTopicAttributes", "Unsubscribe"),
    "dynamodb": ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "UpdateContinuousBackups"),
    "scheduler": ("DeleteSchedule", "UpdateSchedule"),
    "secretsmanager": ("DeleteSecret", "PutSecretValue", "UpdateSecret"),
    "ssm": ("DeleteParameter", "DeleteParameters", "PutParameter"),
    "cloudformation": ("DeleteStack", "ExecuteChangeSet", "UpdateStack", "UpdateTerminationProtection"),
    "logs": ("DeleteLogGroup",),
}
# These are how Rootwatch itself is set up and deployed: somebody should know, and nobody be woken.
_ROUTINE = {"ExecuteChangeSet": Severity.LOW, "PutSecretValue": Severity.MEDIUM, "PutParameter": Severity.MEDIUM}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    service = service_of(event)
    if event.name not in _CALLS.get(service, ()):
        return Pass(reason="it is another call")
    ours = sorted(set(_parts(event)))
    if not ours:
        return Pass(reason="it names nothing of Rootwatch's")
    # CloudFormation carries out what a stack change says, and that change is told by itself; AWS writes `invokedBy`.
    is_deployment = event.actor.invoked_by == "cloudformation.amazonaws.com"
    severity = Severity.INFO if is_deployment else _ROUTINE.get(event.name, Severity.CRITICAL)
    part = short(ours[0])
    return Concern(
        summary=sentence(
            event,
            f"called {event.name} of {service} on {part}",
            f"call {event.name} of {service} on {part}",
            "what Rootwatch no longer sees or tells, nobody is told",
        ),
        subject=f"Rootwatch's {part}",
        severity=severity if event.succeeded or is_deployment else lowered(severity, 1 if is_denied(event) else 2),
        group="watcher:rootwatch",
        title="" if event.succeeded else "Attempt to change Rootwatch",
        facts=facts(("Parts named", ", ".join(ours))),
        exhibits=request_exhibit(event),
    )


def _parts(event: Event) -> Iterator[str]:
    """What of ours the request names, by whichever key: a name, an ARN, a queue's URL, a parameter's path."""
    for _, text in texts_of(event.request):
        for match in _OURS.finditer(text[:500]):
            yield match[1]


ROOTWATCH_TAMPERED = Detection(
    id="rootwatch-tampered",
    title="Rootwatch itself was changed",
    why="Whoever blinds the watcher first is seen once, by this; afterwards nothing is seen at all.",
    severity=Severity.CRITICAL,
    pattern={
        "source": [f"aws.{service}" for service in _CALLS],
        "detail-type": [API_CALL],
        "detail": {
            "eventSource": [f"{service}.amazonaws.com" for service in _CALLS],
            "eventName": sorted({name for names in _CALLS.values() for name in names}),
        },
    },
    assess=assess,
    respond=(
        "Deploy Rootwatch again from its repository",
        "Read the dead letters, and what happened while it was changed",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001", "T1562.008"),
    suppressible=False,
)
