"""What belongs to the watch is known by asking, and by the name that the deployment has."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

from handlers.adapters.account_lookups import AccountLookups
from handlers.adapters.memory import MemoryLookups
from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.ports import Unknown
from handlers.alerting.severity import Severity
from handlers.detections.rootwatch_tampered.detection import ROOTWATCH_TAMPERED
from handlers.detections.watched import Evidence, Own
from tests.building import envelope, record

_ACCOUNT = "123456789012"


class _CloudTrail:
    """Answers as CloudTrail does, or refuses."""

    def __init__(self, trails: list[dict[str, Any]] | None) -> None:
        self._trails = trails

    def describe_trails(self) -> dict[str, Any]:
        if self._trails is None:
            raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "DescribeTrails")
        return {"trailList": self._trails}


def _lookups(trails: list[dict[str, Any]] | None, **more: Any) -> AccountLookups:
    return AccountLookups(account=_ACCOUNT, client=lambda _service, _region: _CloudTrail(trails), **more)


def _event(account: str = _ACCOUNT) -> Event:
    return Event.parse(
        {"detail-type": "x", "source": "aws.s3", "account": account, "region": "eu-west-1", "detail": {}}
    )


def test_the_trails_of_our_own_account_say_what_they_deliver_to() -> None:
    evidence = Evidence.of(
        _event(),
        _lookups(
            [
                {
                    "S3BucketName": "records",
                    "KmsKeyId": "arn:aws:kms:eu-west-1:123456789012:key/0001",
                    "CloudWatchLogsLogGroupArn": "arn:aws:logs:eu-west-1:123456789012:log-group:audit:*",
                }
            ]
        ),
    )
    assert evidence == Evidence(
        buckets=frozenset({"records"}), keys=frozenset({"0001"}), log_groups=frozenset({"audit"})
    )
    assert (evidence.words(is_used=True), evidence.words(is_used=False)) == ("yes", "no")


@pytest.mark.parametrize(
    ("account", "trails", "reason"),
    [(_ACCOUNT, None, "AccessDeniedException"), ("210987654321", [], "has no rights")],
)
def test_what_cannot_be_asked_is_said(account: str, trails: list[dict[str, Any]] | None, reason: str) -> None:
    evidence = Evidence.of(_event(account), _lookups(trails))
    assert evidence.buckets == frozenset()
    assert reason in evidence.unknown
    assert evidence.words(is_used=False).startswith("not known (")


def test_a_deployment_that_nobody_described_has_the_usual_name() -> None:
    assert isinstance(_lookups([]).deployment(), Unknown)
    assert Own.of(_lookups([])) == Own(name="rootwatch")


def test_a_deployment_says_its_name_and_who_deploys_it() -> None:
    own = Own.of(
        _lookups(
            [],
            deployment={
                "name": "second",
                "deployers": [{"role": "arn:aws:iam::123456789012:role/cd", "accounts": [_ACCOUNT]}],
            },
        )
    )
    assert own.name == "second"
    assert [item.role for item in own.deployers] == ["arn:aws:iam::123456789012:role/cd"]


@pytest.mark.parametrize(
    ("name", "ours"),
    [
        ("rootwatch-events", True),
        ("Rootwatch-alerting", True),
        ("/aws/lambda/rootwatch-raise-alert", True),
        ("rootwatch/slack-token", True),
        ("arn:aws:sns:eu-west-1:123456789012:rootwatch-email:0001", True),
        ("https://sqs.eu-west-1.amazonaws.com/123456789012/rootwatch-events", True),
        ("not-rootwatch-events", False),
        ("rootwatcher-events", False),
        ("rootwatch", False),  # no part of ours has the bare name
        ("", False),
        ("/" * 100_000, False),
    ],
)
def test_our_parts_are_known_by_how_their_names_begin(name: str, ours: bool) -> None:
    assert Own.of(MemoryLookups()).owns(name) is ours


def _deletion(role: str, account: str = _ACCOUNT, **changes: Any) -> Event:
    identity = {
        "type": "AssumedRole",
        "arn": f"arn:aws:sts::{account}:assumed-role/{role}/rootwatch-follow-up",
        "accountId": account,
        "sessionContext": {
            "sessionIssuer": {"type": "Role", "arn": f"arn:aws:iam::{account}:role/{role}", "accountId": account}
        },
    }
    detail = record(
        userIdentity=identity,
        eventSource="scheduler.amazonaws.com",
        eventName="DeleteSchedule",
        requestParameters={"groupName": "rootwatch-follow-up", "name": "rootwatch-reminder"},
        **changes,
    )
    return Event.parse(envelope(detail))


@pytest.mark.parametrize("function", ["raise-alert", "follow-up", "apply-click"])
def test_our_own_functions_take_their_alarms_back_without_an_alert(function: str) -> None:
    verdict = ROOTWATCH_TAMPERED.assess(_deletion(f"rootwatch-{function}"), MemoryLookups())
    assert isinstance(verdict, Pass)


@pytest.mark.parametrize(
    "event",
    [
        _deletion("Admin"),
        _deletion("x-rootwatch-follow-up"),
        _deletion("path/rootwatch-follow-up"),
        _deletion("rootwatch-follow-up-2"),
        _deletion("rootwatch-follow-up", account="210987654321"),
    ],
    ids=["anybody", "a name that ends so", "a name below a path", "a name that begins so", "another account"],
)
def test_whoever_else_takes_an_alarm_back_tampers_with_us(event: Event) -> None:
    verdict = ROOTWATCH_TAMPERED.assess(event, MemoryLookups())
    assert isinstance(verdict, Concern)
    assert verdict.severity is Severity.CRITICAL


def test_our_own_functions_change_nothing_else_without_an_alert() -> None:
    disabling = _deletion("rootwatch-follow-up", eventVersion="1.11")
    detail = {**disabling.envelope["detail"], "eventSource": "events.amazonaws.com", "eventName": "DisableRule"}
    detail["requestParameters"] = {"name": "rootwatch-root-activity"}
    verdict = ROOTWATCH_TAMPERED.assess(Event.parse(envelope(detail)), MemoryLookups())
    assert isinstance(verdict, Concern)
