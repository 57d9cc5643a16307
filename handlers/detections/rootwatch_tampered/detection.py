"""Rootwatch itself was changed: a rule, a queue, a function, its secret, or the stacks that hold them."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections.calls import API_CALL, OTHER_CALL, service_of
from handlers.detections.watched import Own, tampered

# By service, the calls that switch a part off or turn it round. Lambda's are rootwatch-function-changed's.
_CALLS = {
    "events": (
        *("DisableRule", "DeleteRule", "PutRule", "PutTargets", "RemoveTargets"),
        *("DeleteEventBus", "PutPermission", "RemovePermission"),
    ),
    "sqs": ("DeleteQueue", "PurgeQueue", "SetQueueAttributes"),
    "sns": ("DeleteTopic", "SetTopicAttributes", "Unsubscribe"),
    "dynamodb": ("DeleteTable", "UpdateTable", "UpdateTimeToLive", "UpdateContinuousBackups"),
    "scheduler": ("DeleteSchedule", "UpdateSchedule"),
    "secretsmanager": ("DeleteSecret", "PutSecretValue", "UpdateSecret"),
    "ssm": ("DeleteParameter", "DeleteParameters", "PutParameter"),
    "cloudformation": ("DeleteStack", "ExecuteChangeSet", "UpdateStack", "UpdateTerminationProtection"),
    "logs": ("DeleteLogGroup",),
    "iam": (
        *("DeleteRole", "DeleteRolePolicy", "DetachRolePolicy", "PutRolePolicy"),
        *("PutRolePermissionsBoundary", "UpdateAssumeRolePolicy"),
    ),
}
# These are also how Rootwatch is set up: somebody should know, and nobody be woken.
_LESS: Mapping[str, Severity] = {"PutSecretValue": Severity.MEDIUM, "PutParameter": Severity.MEDIUM}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    service = service_of(event)
    if event.name not in _CALLS.get(service, ()):
        return OTHER_CALL
    own = Own.of(lookups)
    if service == "scheduler" and event.name == "DeleteSchedule" and own.is_at_work(event):
        return Pass(reason="Rootwatch takes back an alarm of its own")
    usual = _LESS.get(event.name, Severity.CRITICAL)
    if event.name == "ExecuteChangeSet":
        # A deployment: of a declared deployer, or, where none is declared, of anybody.
        usual = Severity.HIGH if own.deployers else Severity.LOW
    # To take Rootwatch down is not to deploy it, whoever does.
    by_deployer = Severity.HIGH if event.name == "DeleteStack" else Severity.INFO
    severity = own.severity(event, usual, by_deployer=by_deployer)
    return tampered(event, own, event.name, service, severity)


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
