"""What tests build with: synthetic records, findings and a pipeline in memory."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from handlers.adapters.memory import MemoryAccounts, MemoryAlertBook, MemoryLater, MemoryLookups, MemoryNotifier
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.pipeline import Pipeline
from handlers.alerting.severity import Severity

ACCOUNT = "123456789012"
NOW = datetime(2026, 11, 2, 3, 4, 5, tzinfo=UTC)
_ids = itertools.count()


def record(**changes: Any) -> dict[str, Any]:
    """A CloudTrail record of an IAM user's call, with a fresh event id; `changes` replace or add fields."""
    return {
        "eventVersion": "1.11",
        "userIdentity": {
            "type": "IAMUser",
            "principalId": "AIDAEXAMPLEALICE",
            "arn": f"arn:aws:iam::{ACCOUNT}:user/alice",
            "accountId": ACCOUNT,
            "accessKeyId": "AKIAEXAMPLEALICE",
            "userName": "alice",
        },
        "eventTime": "2026-11-02T03:04:00Z",
        "eventSource": "iam.amazonaws.com",
        "eventName": "CreateUser",
        "awsRegion": "us-east-1",
        "sourceIPAddress": "192.0.2.10",
        "userAgent": "aws-cli/2.31.0",
        "requestParameters": {"userName": "bob"},
        "responseElements": None,
        "requestID": "00000000-0000-4000-8000-000000000000",
        "eventID": f"00000000-0000-4000-8000-{next(_ids):012d}",
        "readOnly": False,
        "eventType": "AwsApiCall",
        "managementEvent": True,
        "recipientAccountId": ACCOUNT,
        **changes,
    }


def root_record(**changes: Any) -> dict[str, Any]:
    """The same by the root user."""
    identity = {
        "type": "Root",
        "principalId": ACCOUNT,
        "arn": f"arn:aws:iam::{ACCOUNT}:root",
        "accountId": ACCOUNT,
        "accessKeyId": "",
    }
    return record(**{"userIdentity": identity, **changes})


def envelope(detail: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """The EventBridge envelope AWS would put around a record."""
    return {
        "version": "0",
        "id": "11111111-0000-4000-8000-000000000000",
        "detail-type": "AWS API Call via CloudTrail",
        "source": "aws." + str(detail.get("eventSource", "iam")).partition(".")[0],
        "account": ACCOUNT,
        "time": detail.get("eventTime", "2026-11-02T03:04:00Z"),
        "region": detail.get("awsRegion", "us-east-1"),
        "resources": [],
        "detail": detail,
        **changes,
    }


def detection(
    id: str = "user-created",
    *,
    assess: Callable[..., Concern | Pass] | None = None,
    severity: Severity = Severity.HIGH,
    event_names: Sequence[str] = ("CreateUser",),
    **changes: Any,
) -> Detection:
    """A small detection that fires on every CreateUser, all of an account in one conversation."""

    def fires(event: Event, _lookups: object) -> Concern:
        return Concern(
            summary=f"{event.actor.name} created a user.", subject="user bob", severity=severity, group="users"
        )

    values: dict[str, Any] = {
        "title": "A user was created",
        "why": "Somebody new can sign in.",
        "severity": severity,
        "pattern": {"source": ["aws.iam"], "detail": {"eventName": list(event_names)}},
        "respond": ("Ask who did it", "Look what it did", "Remove it"),
        "regions": Regions.GLOBAL,
        **changes,
    }
    return Detection(id=id, assess=assess or fires, **values)


@dataclass(kw_only=True)
class Stage:
    """A pipeline on adapters in memory, with a clock that the test moves."""

    detections: Sequence[Detection] = field(default_factory=lambda: [detection()])
    now: datetime = NOW
    book: Any = field(default_factory=MemoryAlertBook)
    slack: MemoryNotifier = field(default_factory=MemoryNotifier)
    email: MemoryNotifier = field(
        default_factory=lambda: MemoryNotifier(name="email", minimum_severity=Severity.HIGH, follows=False)
    )
    later: MemoryLater = field(default_factory=MemoryLater)
    options: dict[str, Any] = field(default_factory=dict)

    @property
    def pipeline(self) -> Pipeline:
        return Pipeline(
            catalogue=Catalogue(self.detections),
            book=self.book,
            notifiers=(self.email, self.slack),
            later=self.later,
            lookups=MemoryLookups(),
            accounts=MemoryAccounts(names={ACCOUNT: "production"}),
            clock=lambda: self.now,
            **self.options,
        )

    def send(self, **changes: Any) -> None:
        self.pipeline.raise_alerts(Event.parse(envelope(record(**changes))))

    def pass_time(self, **delta: float) -> None:
        self.now += timedelta(**delta)

    def said(self, notifier: MemoryNotifier) -> list[str]:
        return [verb for verb, _, _ in notifier.told]
