"""An hour of normal infrastructure-as-code work disturbs nobody, and what matters in it still does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import pytest

from handlers.adapters.memory import MemoryAccounts, MemoryAlertBook, MemoryLater, MemoryLookups, MemoryNotifier
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.event import Event
from handlers.alerting.finding import QuietKind
from handlers.alerting.pipeline import Pipeline
from handlers.alerting.severity import Severity
from handlers.alerting.suppression import Deployer, Quiet, protected_ids
from handlers.detections import CATALOGUE
from tests.building import ACCOUNT, envelope, record
from tests.unit.routine_hour import BEGINS, CALLS, DEPLOY, calls, identity, lookups

DECLARED = Quiet(deployers=(Deployer(role=DEPLOY, accounts=(ACCOUNT,), owner="bob"),))
LATER = "2026-11-02T09:59:00Z"
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"


@dataclass(kw_only=True)
class Hour:
    """What people were told of an hour, with Slack as it is by default: from LOW on."""

    quiet: Quiet
    slack: MemoryNotifier = field(default_factory=lambda: MemoryNotifier(minimum_severity=Severity.LOW))
    book: MemoryAlertBook = field(default_factory=MemoryAlertBook)

    def live(self, events: Iterable[dict[str, Any]]) -> None:
        now, later, protected = BEGINS, MemoryLater(), protected_ids(CATALOGUE)
        pipeline = Pipeline(
            catalogue=Catalogue(self.quiet.staged(CATALOGUE)),
            book=self.book,
            notifiers=(self.slack,),
            later=later,
            lookups=MemoryLookups(answers=lookups()),
            accounts=MemoryAccounts(),
            clock=lambda: now,
            quietenings=(lambda finding, event: self.quiet.reason(finding, event, protected=protected),),
        )
        for body in events:
            event = Event.parse(body)
            now = event.time or now
            pipeline.raise_alerts(event)
            while later.asked:
                pipeline.refresh_alert(later.asked.pop(0)[0])

    @property
    def digest(self) -> Counter[str]:
        return Counter(item.detection_id for item in self.book.findings_kept(QuietKind.DIGEST, BEGINS.date()))


def by_deployer(**changes: Any) -> dict[str, Any]:
    return envelope(record(**{"userIdentity": identity(), "eventTime": LATER, **changes}))


def test_the_hour_is_three_hundred_iam_and_vpc_calls_of_one_role() -> None:
    events = [Event.parse(body) for body in calls()]
    assert len(events) == CALLS == 300
    assert {event.service for event in events} == {"iam.amazonaws.com", "ec2.amazonaws.com", "sts.amazonaws.com"}
    assert len({event.name for event in events}) > 30
    assert {event.actor.role_arn for event in events[1:]} == {DEPLOY}
    assert events[-1].time is not None
    assert (events[-1].time - BEGINS).total_seconds() <= 3_600


def test_an_hour_of_a_declared_deployer_is_at_most_one_message() -> None:
    hour = Hour(quiet=DECLARED)
    hour.live(calls())
    assert len(hour.slack.told) <= 1, [alert.headline.summary for _, alert, _ in hour.slack.told]


def test_what_nobody_was_told_of_is_in_the_digest() -> None:
    hour = Hour(quiet=DECLARED)
    hour.live(calls())
    assert hour.digest["access-key-created"] >= 5
    assert hour.digest["user-policy-attached"] >= 5
    assert hour.digest["admin-policy-written"] >= 5, "a way to become administrator, though not yet one"
    assert sum(hour.digest.values()) >= 20
    recorded = sum(alert.count for alert in hour.book.alerts)
    assert recorded >= sum(hour.digest.values())


def test_the_same_hour_by_a_role_that_nobody_declared_is_told() -> None:
    hour = Hour(quiet=Quiet())
    hour.live(calls())
    assert len(hour.slack.told) >= 20
    assert hour.digest == Counter()


@pytest.mark.parametrize(
    ("extra", "expected"),
    [
        (
            by_deployer(
                eventName="AttachRolePolicy", requestParameters={"roleName": "workload-3", "policyArn": ADMINISTRATOR}
            ),
            "admin-policy-attached",
        ),
        (
            by_deployer(
                eventName="AttachRolePolicy",
                requestParameters={
                    "roleName": "workload-3",
                    "policyArn": f"arn:aws:iam::{ACCOUNT}:policy/nobody-can-read-it",
                },
            ),
            "admin-policy-attached",
        ),
        (
            by_deployer(
                eventName="CreatePolicy",
                requestParameters={
                    "policyName": "later",
                    "policyDocument": '{"Statement": {"Effect": "Allow", "Action": "*", "Resource": "*"}}',
                },
            ),
            "admin-policy-written",
        ),
        (
            by_deployer(
                eventName="PutRolePolicy",
                requestParameters={
                    "roleName": "deploy",
                    "policyName": "more",
                    "policyDocument": '{"Statement": {"Effect": "Allow", "Action": ["iam:PassRole", '
                    '"lambda:CreateFunction", "lambda:InvokeFunction"], "Resource": "*"}}',
                },
            ),
            "admin-policy-written",
        ),
        (
            by_deployer(
                eventSource="cloudtrail.amazonaws.com",
                eventName="UpdateTrail",
                requestParameters={"name": "main", "kmsKeyId": ""},
            ),
            "trail-tampered",
        ),
    ],
    ids=[
        "a full administrator",
        "a policy that could not be read",
        "a full administrator's policy, not attached yet",
        "more rights for itself",
        "tampering",
    ],
)
def test_what_matters_in_that_hour_is_told_at_once(extra: dict[str, Any], expected: str) -> None:
    hour = Hour(quiet=DECLARED)
    hour.live([*calls(), extra])
    told = [alert.headline.detection_id for _, alert, _ in hour.slack.told]
    assert told.count(expected) == 1
    assert len(told) <= 2
