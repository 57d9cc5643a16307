"""The sweep as it is provisioned: who may tell the queue, what the function may read, and who is told when it fails."""

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

import app as rootwatch
from handlers.adapters.log_notices import notices_in, why_not_swept
from handlers.alerting.pattern import compile_pattern
from handlers.alerting.sweeping import LIST_ATTRIBUTE
from handlers.settings import AlertSettings, SweepSettings
from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment
from infra.evidence_stack import EvidenceStack
from infra.python_function import ROOT
from infra.watchers import MAXIMUM_ALARMS

Resource = dict[str, Any]
ACCOUNT = "123456789012"
BUCKET = f"rootwatch-trail-{ACCOUNT}-us-east-1"
KEY = f"arn:aws:kms:us-east-1:{ACCOUNT}:key/00000000-0000-4000-8000-000000000000"
MINIMAL = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
"""
EXISTING = '[trail]\nmode = "existing"\nname = "main"\nbucket_name = "example-logs"\nkey_prefix = "all"\n'
WORKING = """\
[react]
enabled = true
[reminders]
enabled = true
[break_glass]
enabled = true
approvers = ["U0123456789"]
[[break_glass.people]]
name = "alice"
slack = "U0ALICE000"
addresses = ["192.0.2.0/24"]
"""
VARIANTS = {
    "notifications": MINIMAL,
    "eventbridge": MINIMAL + '[sweep]\nsource = "eventbridge"\n',
    "listing": MINIMAL + EXISTING + f'[sweep]\nkey_arn = "{KEY}"\nlisting_minutes = 5\ngrace_seconds = 0\n',
    "organisation": MINIMAL + '[trail]\norganization_id = "o-a1b2c3d4e5"\ncustomer_key = true\n' + WORKING,
}


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The Alerting template of each variant; synthesis fails on a cdk-nag finding that nobody accepted."""
    found = {}
    for name, text in VARIANTS.items():
        directory = tmp_path_factory.mktemp("sweep")
        app = App(outdir=str(directory), context={"aws:cdk:bundling-stacks": []})
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        AlertingStack(app, "alerting", deployment=Deployment.parse(text), detections=[])
        app.synth()
        found[name] = directory / "alerting.template.json"
    return found


@pytest.fixture(scope="module")
def templates(paths: dict[str, Path]) -> dict[str, Resource]:
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def template(templates: dict[str, Resource], variant: str) -> Resource:
    return templates[variant]


def of_type(template: Mapping[str, Any], type: str) -> dict[str, Resource]:
    return {id: item["Properties"] for id, item in template["Resources"].items() if item["Type"] == type}


def named(template: Mapping[str, Any], type: str, key: str, name: str) -> tuple[str, Resource]:
    ((id, found),) = [(id, item) for id, item in of_type(template, type).items() if item.get(key) == name]
    return id, found


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def rights(template: Mapping[str, Any], role_name: str) -> dict[str, tuple[list[Any], Any]]:
    """What a role may do: by action, on what and under which condition."""
    role, _ = named(template, "AWS::IAM::Role", "RoleName", role_name)
    found: dict[str, tuple[list[Any], Any]] = {}
    for policy in of_type(template, "AWS::IAM::Policy").values():
        if policy["Roles"] == [{"Ref": role}]:
            for statement in policy["PolicyDocument"]["Statement"]:
                for action in as_list(statement["Action"]):
                    resources, conditions = found.get(action, ([], statement.get("Condition")))
                    found[action] = ([*resources, *as_list(statement["Resource"])], conditions)
    return found


def allowed_to_send(template: Mapping[str, Any], queue: str) -> list[Resource]:
    return [
        statement
        for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
        if {"Ref": queue} in policy["Queues"]
        for statement in policy["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Allow"
    ]


def test_objects_wait_in_an_encrypted_queue_that_gives_up_after_a_day(template: Resource, variant: str) -> None:
    queue, properties = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
    dead, dead_properties = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs-dead-letters")
    _, events = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    for found in (properties, dead_properties):
        assert found["SqsManagedSseEnabled"] is True
        assert found["MessageRetentionPeriod"] == 14 * 86_400
    assert properties["DelaySeconds"] == (0 if variant == "listing" else 300)
    assert properties["RedrivePolicy"]["deadLetterTargetArn"] == {"Fn::GetAtt": [dead, "Arn"]}
    assert properties["RedrivePolicy"]["maxReceiveCount"] == events["RedrivePolicy"]["maxReceiveCount"]
    for logical_id in (queue, dead):
        denied = [
            statement["Condition"]
            for policy in of_type(template, "AWS::SQS::QueuePolicy").values()
            if {"Ref": logical_id} in policy["Queues"]
            for statement in policy["PolicyDocument"]["Statement"]
            if statement["Effect"] == "Deny"
        ]
        assert denied == [{"Bool": {"aws:SecureTransport": "false"}}]


def test_the_trails_bucket_alone_tells_the_queue_and_only_while_it_is_ours(templates: dict[str, Resource]) -> None:
    for name in ("notifications", "organisation"):
        queue, _ = named(templates[name], "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
        (statement,) = allowed_to_send(templates[name], queue)
        assert statement["Principal"] == {"Service": "s3.amazonaws.com"}
        assert statement["Action"] == "sqs:SendMessage"
        assert statement["Condition"] == {
            "ArnEquals": {"aws:SourceArn": f"arn:aws:s3:::{BUCKET}"},
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
        }


def test_eventbridge_tells_of_log_objects_and_of_nothing_else_and_can_drop_none(templates: dict[str, Resource]) -> None:
    template = templates["eventbridge"]
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
    dead, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs-dead-letters")
    _, rule = named(template, "AWS::Events::Rule", "Name", "rootwatch-log-objects")
    for logical_id in (queue, dead):
        (statement,) = allowed_to_send(template, logical_id)
        assert statement["Condition"]["ArnEquals"]["aws:SourceArn"] == [
            f"arn:aws:events:us-east-1:{ACCOUNT}:rule/rootwatch-log-objects"
        ]
    (target,) = rule["Targets"]
    assert target["Arn"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert target["DeadLetterConfig"] == {"Arn": {"Fn::GetAtt": [dead, "Arn"]}}
    assert target["RetryPolicy"] == {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    matches = compile_pattern(rule["EventPattern"])

    def told(key: str, bucket: str = BUCKET, kind: str = "Object Created") -> bool:
        detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 1}}
        event = {"source": "aws.s3", "detail-type": kind, "detail": detail}
        swept = [why_not_swept(item, bucket=BUCKET, prefix="AWSLogs/") == "" for item in notices_in(json.dumps(event))]
        assert matches(event) or swept == [False], "the function takes nothing that the rule would not bring"
        return matches(event)

    log = f"AWSLogs/{ACCOUNT}/CloudTrail/us-east-1/2026/11/02/{ACCOUNT}_CloudTrail_us-east-1_20261102T0305Z_a.json.gz"
    assert told(log)
    assert not told(log.replace("/CloudTrail/", "/CloudTrail-Digest/"))
    assert not told(log.replace("/CloudTrail/", "/Config/"))
    assert not told(log, bucket="another")
    assert not told(log, kind="Object Deleted")


def test_a_listing_is_asked_for_by_a_schedule_that_can_do_nothing_else(templates: dict[str, Resource]) -> None:
    template = templates["listing"]
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
    dead, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs-dead-letters")
    assert allowed_to_send(template, queue) == []
    _, schedule = named(template, "AWS::Scheduler::Schedule", "Name", "rootwatch-list-logs")
    assert schedule["ScheduleExpression"] == "rate(5 minutes)"
    text = json.dumps(schedule["Target"]["Input"])
    assert LIST_ATTRIBUTE in text
    role = schedule["Target"]["RoleArn"]["Fn::GetAtt"][0]
    statements = [
        statement
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if policy["Roles"] == [{"Ref": role}]
        for statement in policy["PolicyDocument"]["Statement"]
    ]
    assert [(item["Action"], item["Resource"]) for item in statements] == [
        ("sqs:SendMessage", [{"Fn::GetAtt": [queue, "Arn"]}, {"Fn::GetAtt": [dead, "Arn"]}])
    ]
    assert template["Resources"][role]["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]["Condition"] == {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:us-east-1:{ACCOUNT}:schedule-group/default"},
    }


def test_log_objects_alone_can_be_read_and_decrypted(template: Resource, variant: str) -> None:
    found = rights(template, "rootwatch-sweep-trail")
    bucket, prefix, account = BUCKET, "AWSLogs/", ACCOUNT
    if variant == "listing":
        bucket, prefix = "example-logs", "all/AWSLogs/"
    if variant == "organisation":
        prefix, account = "AWSLogs/o-a1b2c3d4e5/", "*"
    assert found["s3:GetObject"][0] == [f"arn:aws:s3:::{bucket}/{prefix}{account}/CloudTrail/*"]
    assert found["s3:ListBucket"] == (
        [f"arn:aws:s3:::{bucket}"],
        {"StringLikeIfExists": {"s3:prefix": [f"{prefix}*"]}},
    )
    through_s3 = {"StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"}}
    expected = {
        "listing": ([KEY], through_s3),
        "organisation": (
            [f"arn:aws:kms:us-east-1:{ACCOUNT}:key/*"],
            {"ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/rootwatch-trail"}, **through_s3},
        ),
    }
    assert found.get("kms:Decrypt") == expected.get(variant)


def test_beyond_reading_logs_it_may_do_what_raise_alert_may_and_no_more(template: Resource, variant: str) -> None:
    sweep, alert = rights(template, "rootwatch-sweep-trail"), rights(template, "rootwatch-raise-alert")
    logs, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
    events, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    own = {"s3:GetObject", "s3:ListBucket", "kms:Decrypt", "dynamodb:BatchGetItem"}
    assert set(sweep) - set(alert) == own & set(sweep)
    assert set(alert) - set(sweep) == set()
    for action in set(sweep) & set(alert):
        if action.startswith("logs:"):
            continue  # each has a log group of its own
        resources = sweep[action][0]
        if action == "sqs:SendMessage":
            queues = [{"Fn::GetAtt": [events, "Arn"]}]
            queues += [{"Fn::GetAtt": [logs, "Arn"]}] if variant == "listing" else []
            assert sorted(resources, key=str) == sorted(queues, key=str)
        elif action.startswith("sqs:"):
            assert resources == [{"Fn::GetAtt": [logs, "Arn"]}]
        else:
            assert sorted(resources, key=str) == sorted(alert[action][0], key=str), action


def test_the_function_reads_back_where_the_logs_are_and_all_that_raise_alert_knows(
    template: Resource, variant: str
) -> None:
    def variables(name: str) -> dict[str, str]:
        _, function = named(template, "AWS::Lambda::Function", "FunctionName", f"rootwatch-{name}")
        assert sum(len(k) + len(json.dumps(v)) for k, v in function["Environment"]["Variables"].items()) < 4_096
        return {
            key: value if isinstance(value, str) else str(value)
            for key, value in function["Environment"]["Variables"].items()
        }

    settings = SweepSettings.from_environment(variables("sweep-trail"))
    assert settings.trail_bucket == ("example-logs" if variant == "listing" else BUCKET)
    assert settings.trail_prefix.endswith("AWSLogs/o-a1b2c3d4e5/" if variant == "organisation" else "AWSLogs/")
    known = AlertSettings.from_environment(variables("raise-alert"))
    assert known.sweeps
    assert AlertSettings.from_environment(variables("sweep-trail")) == known


def test_its_failures_are_told_like_those_of_the_events_queue(template: Resource, variant: str) -> None:
    alarms = {item["AlarmName"]: item for item in of_type(template, "AWS::CloudWatch::Alarm").values()}
    assert len(alarms) <= MAXIMUM_ALARMS
    delay = 0 if variant == "listing" else 300
    dead, waiting = alarms["rootwatch-logs-dead-letters"], alarms["rootwatch-logs-waiting"]
    assert dead["Threshold"] == 1
    assert waiting["Threshold"] == 900 + delay, "what waits on purpose is no fault"
    assert "the log bucket or its key refuses" in alarms["rootwatch-logs-retrying"]["AlarmDescription"]
    assert "rootwatch-sweep-trail-errors" in alarms
    for alarm in alarms.values():
        assert 40 < len(alarm["AlarmDescription"]) <= 1024


def test_batches_fail_one_by_one(template: Resource) -> None:
    queue, properties = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-logs")
    _, function = named(template, "AWS::Lambda::Function", "FunctionName", "rootwatch-sweep-trail")
    (mapping,) = [
        item
        for item in of_type(template, "AWS::Lambda::EventSourceMapping").values()
        if item["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    ]
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert properties["VisibilityTimeout"] >= 6 * function["Timeout"]
    module, name = function["Handler"].rsplit(".", 1)
    assert f"def {name}(event" in (ROOT / f"{module.replace('.', '/')}.py").read_text()


def test_cfn_lint_finds_nothing(paths: dict[str, Path]) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    # W3005: the CDK adds dependencies that are implied already.
    done = subprocess.run(
        [str(linter), "--ignore-checks", "W3005", "--regions", "us-east-1", "--", *map(str, paths.values())],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize(
    ("text", "source", "told"),
    [
        ("", "notifications", {"QueueConfigurations"}),
        ('[sweep]\nsource = "eventbridge"\n', "eventbridge", {"EventBridgeConfiguration"}),
        ('[sweep]\nsource = "listing"\n', "listing", None),
        ('[sweep]\nsource = "off"\n', "off", None),
    ],
)
def test_a_bucket_that_is_made_tells_as_configured_once_the_queue_is_there(
    text: str, source: str, told: set[str] | None, tmp_path: Path
) -> None:
    of = Deployment.parse(MINIMAL + '[advanced]\nbundle_platform = "host"\n' + text)
    assert of.sweep_source == source
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    rootwatch.build(app, of)
    evidence, alerting = (app.node.find_child(f"rootwatch-{name}") for name in ("evidence", "alerting"))
    assert isinstance(evidence, EvidenceStack)
    assert isinstance(alerting, AlertingStack)
    assert (alerting in evidence.dependencies) == (source == "notifications")
    assert evidence not in alerting.dependencies
    app.synth()
    template = json.loads((tmp_path / "rootwatch-evidence.template.json").read_text())
    _, bucket = named(template, "AWS::S3::Bucket", "BucketName", BUCKET)
    assert bucket.get("NotificationConfiguration", {}).keys() == (told or set())


def test_what_nobody_said_follows_from_the_trail() -> None:
    assert Deployment.parse(MINIMAL).sweep_source == "notifications"
    assert Deployment.parse(MINIMAL + EXISTING).sweep_source == "listing"
    assert Deployment.parse(MINIMAL + '[trail]\nmode = "skip"\n').sweep_source == "off"


@pytest.mark.parametrize(
    ("text", "key", "said"),
    [
        ('[trail]\nmode = "skip"\n[sweep]\nsource = "listing"\n', "sweep.source", ["no log bucket", '"existing"']),
        (f'[sweep]\nkey_arn = "{KEY}"\n', "sweep.key_arn", ["ours, and known", "remove"]),
        (EXISTING + '[sweep]\nkey_arn = "alias/logs"\n', "sweep.key_arn", ["not the ARN of a KMS key", "KmsKeyId"]),
        ("[sweep]\ngrace_seconds = 901\n", "sweep.grace_seconds", ["too large", "900"]),
        ("[sweep]\nlisting_minutes = 60\n", "sweep.listing_minutes", ["too large", "30"]),
        ('[sweep]\nsource = "notification"\n', "sweep.source", ['"notifications"']),
        ('[sweep]\nsorce = "listing"\n', "sweep.sorce", ['"source"']),
    ],
)
def test_a_slip_is_named_with_its_remedy(text: str, key: str, said: list[str]) -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(MINIMAL + text)
    (problem,) = caught.value.problems
    assert problem.key == key
    for words in said:
        assert words in problem.describe("rootwatch.toml")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (EXISTING + '[sweep]\nsource = "notifications"\n', "let it notify the queue"),
        (EXISTING + '[sweep]\nsource = "eventbridge"\n', "switch Amazon EventBridge on"),
        ('[sweep]\nsource = "off"\n', "nobody is told what EventBridge"),
    ],
)
def test_what_would_sweep_nothing_is_warned_of(text: str, said: str) -> None:
    assert any(said in warning for warning in Deployment.parse(MINIMAL + text).warnings)
    assert not any("sweep" in warning for warning in Deployment.parse(MINIMAL + EXISTING).warnings)
