"""The Forwarding stack: another region's rules reach the hub bus, and say so when they cannot."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from handlers.alerting.detection import Detection, Pass, Regions
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from infra.deployment import Deployment
from infra.forwarding_stack import ForwardingStack

Resource = dict[str, Any]

DEPLOYMENT = Deployment.parse(
    """
    [deployment]
    account = "123456789012"
    home_region = "ap-northeast-1"
    watched_regions = ["us-east-1", "eu-west-1"]
    [slack]
    channel = "C0123456789"
    [email]
    addresses = ["alice@example.com"]
    [identity_center]
    home_region = "eu-west-1"
    """
)
HUB = "arn:aws:events:ap-northeast-1:123456789012:event-bus/rootwatch-hub"


def example(id: str, regions: Regions, *, sees_read_events: bool = False) -> Detection:
    return Detection(
        id=id,
        title="An example",
        why="It shows a rule.",
        severity=Severity.HIGH,
        pattern={"source": ["aws.iam"], "detail": {"eventName": ["CreateUser"]}},
        assess=lambda event, lookups: Pass(reason="an example"),
        respond=("look", "think", "act"),
        regions=regions,
        sees_read_events=sees_read_events,
    )


DETECTIONS = (
    *CATALOGUE,
    example("example-global", Regions.GLOBAL),
    example("example-every", Regions.EVERY),
    example("example-identity-center", Regions.IDENTITY_CENTER),
    example("example-reads", Regions.EVERY, sees_read_events=True),
)


@pytest.fixture(scope="module")
def directory(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Both stacks, synthesised; raises when cdk-nag has a finding that nobody accepted."""
    directory = tmp_path_factory.mktemp("out")
    app = App(outdir=str(directory))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    for region in DEPLOYMENT.forwarding_regions:
        ForwardingStack(app, f"forwarding-{region}", deployment=DEPLOYMENT, region=region, detections=DETECTIONS)
    app.synth()
    return directory


@pytest.fixture(params=["us-east-1", "eu-west-1"])
def region(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def template(directory: Path, region: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((directory / f"forwarding-{region}.template.json").read_text())
    return content


def of_type(template: Mapping[str, Any], type: str) -> dict[str, Resource]:
    return {key: resource for key, resource in template["Resources"].items() if resource["Type"] == type}


def rules(template: Mapping[str, Any]) -> dict[str, Resource]:
    return {
        rule["Properties"]["Name"].removeprefix("rootwatch-"): rule["Properties"]
        for rule in of_type(template, "AWS::Events::Rule").values()
    }


def test_each_detection_has_its_rule_in_this_region_when_it_must(template: dict[str, Any], region: str) -> None:
    needing = {Regions.EVERY, Regions.GLOBAL if region == "us-east-1" else Regions.IDENTITY_CENTER}
    assert set(rules(template)) == {detection.id for detection in DETECTIONS if detection.regions in needing}


def test_each_rule_has_exactly_the_detections_pattern_and_sees_what_it_needs(template: dict[str, Any]) -> None:
    by_id = {detection.id: detection for detection in DETECTIONS}
    for id, rule in rules(template).items():
        assert rule["EventPattern"] == json.loads(json.dumps(dict(by_id[id].pattern)))
        reads = rule["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        assert reads == by_id[id].sees_read_events
        assert "EventBusName" not in rule  # AWS delivers to the default bus only


def test_every_event_goes_to_the_hub_or_is_kept(template: dict[str, Any]) -> None:
    ((role, _),) = of_type(template, "AWS::IAM::Role").items()
    ((queue, _),) = of_type(template, "AWS::SQS::Queue").items()
    for rule in rules(template).values():
        assert rule["Targets"] == [
            {
                "Id": "Target",
                "Arn": HUB,
                "RoleArn": {"Fn::GetAtt": [role, "Arn"]},
                "RetryPolicy": {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185},
                "DeadLetterConfig": {"Arn": {"Fn::GetAtt": [queue, "Arn"]}},
            }
        ]


def test_the_role_may_put_events_on_the_hub_and_nothing_else(template: dict[str, Any], region: str) -> None:
    (role,) = [found["Properties"] for found in of_type(template, "AWS::IAM::Role").values()]
    assert of_type(template, "AWS::IAM::Policy") == {}
    assert "ManagedPolicyArns" not in role
    assert [policy["PolicyDocument"]["Statement"] for policy in role["Policies"]] == [
        [{"Action": "events:PutEvents", "Effect": "Allow", "Resource": HUB}]
    ]
    assert role["RoleName"] == f"rootwatch-forwarding-{region}"
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "events.amazonaws.com"}
    assert trust["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:events:{region}:123456789012:rule/rootwatch-*"},
    }


def test_the_dead_letter_queue_is_encrypted_takes_tls_only_and_our_rules_only(
    template: dict[str, Any], region: str
) -> None:
    ((_, queue),) = of_type(template, "AWS::SQS::Queue").items()
    assert queue["Properties"]["SqsManagedSseEnabled"] is True
    assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
    assert queue["Properties"]["MaximumMessageSize"] == 1_048_576
    ((policy_id, policy),) = of_type(template, "AWS::SQS::QueuePolicy").items()
    denied, allowed = policy["Properties"]["PolicyDocument"]["Statement"]
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
    assert set(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == {
        f"arn:aws:events:{region}:123456789012:rule/rootwatch-{id}" for id in rules(template)
    }
    for rule in of_type(template, "AWS::Events::Rule").values():
        assert policy_id in rule["DependsOn"]


def test_an_event_that_could_not_be_forwarded_raises_an_alarm_in_its_own_region(
    template: dict[str, Any], region: str
) -> None:
    ((queue, _),) = of_type(template, "AWS::SQS::Queue").items()
    ((topic_id, topic),) = of_type(template, "AWS::SNS::Topic").items()
    alarms = {
        alarm["Properties"]["AlarmName"]: alarm["Properties"]
        for alarm in of_type(template, "AWS::CloudWatch::Alarm").values()
    }
    assert set(alarms) == {"rootwatch-forwarding-dead-letters", "rootwatch-lost-deliveries"}
    for alarm in alarms.values():
        assert alarm["AlarmActions"] == [{"Ref": topic_id}]
        assert alarm["Threshold"] == 1
    dead = alarms["rootwatch-forwarding-dead-letters"]
    assert dead["Dimensions"] == [{"Name": "QueueName", "Value": {"Fn::GetAtt": [queue, "QueueName"]}}]
    assert topic["Properties"]["TopicName"] == "rootwatch-email"
    (subscription,) = of_type(template, "AWS::SNS::Subscription").values()
    assert subscription["Properties"]["Endpoint"] == "alice@example.com"
    assert region in template["Outputs"]["NextStep"]["Value"]


def test_the_stack_stands_in_its_region_and_is_protected() -> None:
    stack = ForwardingStack(App(), "forwarding", deployment=DEPLOYMENT, region="eu-west-1", detections=DETECTIONS)
    assert (stack.account, stack.region) == ("123456789012", "eu-west-1")
    assert stack.termination_protection is True


def test_it_needs_nothing_from_another_stack(template: dict[str, Any]) -> None:
    assert "Fn::ImportValue" not in json.dumps(template)


def test_cfn_lint_finds_no_error(directory: Path) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(cfn_lint), "--non-zero-exit-code", "error", *map(str, directory.glob("*.template.json"))]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
