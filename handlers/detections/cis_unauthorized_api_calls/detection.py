"""Somebody is refused call after call: finding out what an identity may do looks like this."""

from __future__ import annotations

from collections.abc import Mapping

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.admin_attempts_denied.detection import ADMIN_ATTEMPTS_DENIED
from handlers.detections.calls import API_CALL, OTHER_CALL, service_of
from handlers.detections.changes import is_service
from handlers.detections.words import facts, who

_THRESHOLD = 10
# AccessDenied, AccessDeniedException, Client.UnauthorizedOperation, AuthorizationError, and their like.
_WORDS = ("Denied", "Unauthorized", "AuthorizationError")

# Calls that are refused all day, of everybody -> why.
_NOISE: Mapping[str, str] = {
    "HeadBucket": "tools ask whether a bucket is there by trying it; CIS leaves it out as well",
    "ListNotificationEvents": "the console's bell asks for them on every page",
    "DescribeEventAggregates": "the console's bell asks for them on every page",
}


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    service = service_of(event)
    if not service or event.envelope.get("detail-type") != API_CALL:
        return OTHER_CALL
    code = event.text("errorCode")
    if not any(word in code for word in _WORDS):
        return Pass(reason="it was not refused for want of a right")
    if is_service(event):
        return Pass(reason="a service of AWS was refused, in a role that nobody else can use")
    if event.name in _NOISE:
        return Pass(reason=_NOISE[event.name])
    if event.is_read and event.text("sessionCredentialFromConsole").casefold() == "true":
        return Pass(reason="the console asks for all that a page shows, whether or not the person may see it")
    if isinstance(ADMIN_ATTEMPTS_DENIED.assess(event, lookups), Concern):
        return Pass(reason="it was a way to more rights: admin-attempts-denied counts it")
    if event.actor.is_root and not event.is_read:
        return Pass(reason="root tried it: root-activity tells of all that root tries")
    # A role's sessions are counted together: whoever holds the role's credentials chooses their names.
    identity = event.actor.role_arn or event.actor.arn or event.actor.name
    return Concern(
        summary=phrase(
            "{who} was refused {call} of {service}: {error}.",
            who=who(event),
            call=short(event.name),
            service=short(service),
            error=short(code),
        ),
        subject=short(identity),
        severity=Severity.LOW if event.is_read else Severity.MEDIUM,
        group=f"cis-unauthorized:{short(identity, 200)}",
        facts=facts(("What AWS said", event.text("errorMessage"))),
    )


CIS_UNAUTHORIZED_API_CALLS = Detection(
    id="cis-unauthorized-api-calls",
    title="Repeated calls without authorization",
    why="Whoever holds a stolen credential does not know what it may do, and tries: ten refusals are no typing error.",
    severity=Severity.MEDIUM,
    pattern={
        "source": [{"prefix": "aws."}],
        "detail-type": [API_CALL],
        "detail": {
            "eventSource": [{"suffix": ".amazonaws.com"}],
            "errorCode": [{"wildcard": f"*{word}*"} for word in _WORDS],
        },
    },
    assess=assess,
    respond=(
        "Ask the identity's owner whether they know what tried this",
        "List everything that the identity was refused, and what did work",
        "If nobody knows it: switch off the key or revoke the sessions",
    ),
    regions=Regions.EVERY,
    threshold=_THRESHOLD,  # a missing right in somebody's script is refused once or twice
    sees_read_events=True,  # most of what is tried first only reads
    cis=("4.1 (v1.4-v5)", "5.1 (v6-v7)"),
    attack=("T1580", "T1526", "T1078.004"),
    pack="cis",
)
