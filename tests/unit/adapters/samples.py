"""Findings, alerts and raw events for the adapters' tests; synthetic throughout."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Alert, Told, alert_id_of, kind_of
from handlers.alerting.detection import Concern, Detection, Exhibit, Fact, Regions
from handlers.alerting.event import MAXIMUM_BYTES, Event
from handlers.alerting.finding import Finding
from handlers.alerting.severity import Severity

NOW = datetime(2026, 11, 24, 10, 33, 0, tzinfo=UTC)
EVENT_ID = "11111111-2222-4333-8444-555555555555"
SETTINGS = MessageSettings(time_zone="Asia/Tokyo", environment="production", version="0.1.0")


def finding(**changes: Any) -> Finding:
    """alice makes bob an administrator."""
    values: dict[str, Any] = {
        "id": f"admin-policy-attached#123456789012#{EVENT_ID}",
        "detection_id": "admin-policy-attached",
        "account": "123456789012",
        "group": "123456789012#admin:user/bob",
        "severity": Severity.HIGH,
        "title": "Administrator rights were granted",
        "summary": "alice attached AdministratorAccess to the user bob: bob can now do anything in this account.",
        "subject": "user bob",
        "why": "Whoever holds administrator rights can do anything, and can hide it.",
        "respond": ("Ask alice whether she meant to", "Detach the policy", "Look at what bob did since"),
        "threshold": 1,
        "event_id": EVENT_ID,
        "event_name": "AttachUserPolicy",
        "event_service": "iam.amazonaws.com",
        "region": "us-east-1",
        "time": datetime(2026, 11, 24, 10, 32, 5, tzinfo=UTC),
        "received": NOW,
        "actor": "Admin/alice",
        "actor_kind": "role session",
        "actor_arn": "arn:aws:sts::123456789012:assumed-role/Admin/alice",
        "access_key_id": "ASIAEXAMPLE",
        "source_ip": "192.0.2.10",
        "user_agent": "aws-cli/2.15.0",
        "mfa": "yes",
        "error": None,
        "account_name": "shop",
    }
    return Finding(**{**values, **changes})


def alert(headline: Finding | None = None, **changes: Any) -> Alert:
    """An alert of one loud finding."""
    first = headline or finding()
    values: dict[str, Any] = {
        "id": alert_id_of(first),
        "headline": first,
        "count": 1,
        "loud": 1,
        "kinds": frozenset({kind_of(first)}),
        "last_time": first.happened,
    }
    return Alert(**{**values, **changes})


def told(**changes: Any) -> Told:
    """What Slack knows after the announcement of `alert()`."""
    values: dict[str, Any] = {
        "reference": "C0123456789:1764000000.000100",
        "count": 1,
        "severity": Severity.HIGH,
        "kinds": frozenset({"4#admin-policy-attached"}),
        "cursor": "",
        "at": NOW,
    }
    return Told(**{**values, **changes})


ENVELOPE: dict[str, Any] = {
    "version": "0",
    "id": "99999999-8888-4777-8666-555555555555",
    "detail-type": "AWS API Call via CloudTrail",
    "source": "aws.iam",
    "account": "123456789012",
    "time": "2026-11-24T10:32:05Z",
    "region": "us-east-1",
    "resources": ["arn:aws:iam::123456789012:user/bob"],
    "detail": {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "AssumedRole",
            "principalId": "AROAEXAMPLE:alice",
            "arn": "arn:aws:sts::123456789012:assumed-role/Admin/alice",
            "accountId": "123456789012",
            "accessKeyId": "ASIAEXAMPLE",
            "userName": "alice",
            "invokedBy": "signin.amazonaws.com",
            "onBehalfOf": {
                "userId": "u-1",
                "identityStoreArn": "arn:aws:identitystore::123456789012:identitystore/d-1",
            },
            "sessionContext": {
                "sessionIssuer": {
                    "type": "Role",
                    "principalId": "AROAEXAMPLE",
                    "arn": "arn:aws:iam::123456789012:role/Admin",
                    "accountId": "123456789012",
                    "userName": "Admin",
                },
                "attributes": {"creationDate": "2026-11-24T10:00:00Z", "mfaAuthenticated": "true"},
                "sourceIdentity": "alice",
                "signInSessionArn": "arn:aws:signin:us-east-1:123456789012:session/1",
            },
        },
        "eventTime": "2026-11-24T10:32:05Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "AttachUserPolicy",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.15.0",
        "errorCode": "AccessDenied",
        "errorMessage": "User is not authorized",
        "requestParameters": {"userName": "bob", "policyArn": "arn:aws:iam::aws:policy/AdministratorAccess"},
        "responseElements": {"ConsoleLogin": "Success"},
        "additionalEventData": {"MFAUsed": "Yes", "LoginTo": "https://console.aws.amazon.com/", "MFAIdentifier": "arn"},
        "addendum": {"reason": "DELIVERY_DELAY", "originalEventID": EVENT_ID, "updatedFields": "userAgent"},
        "requestID": "r-1",
        "eventID": EVENT_ID,
        "sharedEventID": EVENT_ID,
        "eventType": "AwsApiCall",
        "readOnly": "false",
        "recipientAccountId": "123456789012",
        "eventCategory": "Management",
        "tlsDetails": {"tlsVersion": "TLSv1.3", "cipherSuite": "x", "clientProvidedHostHeader": "iam.amazonaws.com"},
        "sessionCredentialFromConsole": "true",
    },
}


def string_paths(value: Any = ENVELOPE, path: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    """The way to every string of an envelope."""
    if isinstance(value, str):
        yield path
    else:
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            yield from string_paths(inner, (*path, key))


def envelope_with(text: str, *paths: tuple[str | int, ...]) -> dict[str, Any]:
    """ENVELOPE with `text` in these places."""
    changed = copy.deepcopy(ENVELOPE)
    for *way, last in paths:
        place: Any = changed
        for step in way:
            place = place[step]
        place[last] = text
    return changed


def parsed(envelope: dict[str, Any]) -> Event:
    """Through the text of the queue where it would fit in there."""
    body = json.dumps(envelope)
    return Event.parse(body if len(body) <= MAXIMUM_BYTES else envelope)


def shown_in_full(event: Event) -> Finding:
    """A finding that shows every string of an event, as the least careful detection would."""
    texts = [_at(event.envelope, path) for path in string_paths()]
    concern = Concern(
        summary=f"{event.actor.name} did {event.name}: {event.text('errorMessage')}",
        subject=f"user {event.text('requestParameters', 'userName')}",
        severity=Severity.HIGH,
        group="all",
        title=f"{event.name} by {event.actor.name}",
        facts=tuple(
            Fact(label=texts[start], value=" ".join(text[:400] for text in texts[start : start + 4]))
            for start in range(0, len(texts), 4)
        ),
        exhibits=(
            Exhibit(title=event.user_agent, text="\n".join(texts[:5])),
            Exhibit(title="policy", text=event.user_agent),
        ),
    )
    return Finding.of(_SHOWS_ALL, event, concern, now=NOW + timedelta(hours=2)).with_fact("late", event.user_agent)


def _at(value: Any, path: tuple[str | int, ...]) -> str:
    for step in path:
        value = value[step]
    return str(value)


def _never(event: Event, lookups: Any) -> Any:
    raise NotImplementedError


_SHOWS_ALL = Detection(
    id="shows-all",
    title="Shows all",
    why="It matters.",
    severity=Severity.HIGH,
    pattern={"source": ["aws.iam"]},
    assess=_never,
    respond=("Look", "Ask", "Act"),
    regions=Regions.EVERY,
)
