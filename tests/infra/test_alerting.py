"""The Alerting stack: what its template promises about every event, every right and every alarm."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from cdk_nag import AwsSolutionsChecks

from handlers import wiring
from handlers.alerting.detection import Detection, Pass, Regions
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from handlers.settings import AlertSettings
from infra.alert_pipeline import OUTAGE_SECONDS, maximum_receives, receives_to_outlast
from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment
from infra.detection_rules import DetectionRules, RuleTarget, regions_of, unlisted_detections
from infra.python_function import ROOT
from infra.watchers import MAXIMUM_ALARMS, Watchers
from tests.mmdb import mmdb

Resource = dict[str, Any]


def example(id: str, regions: Regions, **changes: Any) -> Detection:
    return Detection(
        id=id,
        title="An example",
        why="It shows a rule.",
        severity=Severity.HIGH,
        pattern=changes.pop("pattern", {"source": ["aws.signin"], "detail": {"errorCode": [{"exists": False}]}}),
        assess=lambda event, lookups: Pass(reason="an example"),
        respond=("look", "think", "act"),
        regions=regions,
        **changes,
    )


# One of each kind, beside whatever the catalogue holds.
EXAMPLES = (
    example("example-global", Regions.GLOBAL),
    example("example-every", Regions.EVERY),
    example("example-identity-center", Regions.IDENTITY_CENTER),
    example("example-reads", Regions.EVERY, sees_read_events=True),
)
DETECTIONS = (*CATALOGUE, *EXAMPLES)


def deployment(more: str = "", *, home: str = "us-east-1", watched: str = "", slack: str = "") -> Deployment:
    return Deployment.parse(
        f"""
        [deployment]
        account = "123456789012"
        home_region = "{home}"
        watched_regions = [{watched}]
        [slack]
        channel = "C0123456789"
        {slack}
        [sweep]
        source = "off"
        {more}
        """
    )


VARIANTS = {
    "one region": deployment('[email]\naddresses = ["alice@example.com", "bob@example.com"]'),
    "home elsewhere": deployment(
        '[identity_center]\nhome_region = "eu-west-1"', home="ap-northeast-1", watched='"us-east-1", "eu-west-1"'
    ),
    "organisation": deployment(
        '[trail]\norganization_id = "o-a1b2c3d4e5"\n[accounts]\n"123456789012" = "production"\n'
        "[context]\naccess_analyzer_checks = true",
        slack='token_store = "secretsmanager"',
    ),
    "china": deployment(home="cn-north-1"),
    "local": deployment('[advanced]\nbundle_platform = "host"\nread_event_rules = false'),
}


def synthesize(
    of: Deployment, directory: Path, *, detections: Sequence[Detection] = DETECTIONS, bundling: bool = False
) -> Path:
    """The stack's template; raises when cdk-nag has a finding that nobody accepted."""
    context: dict[str, Any] = {} if bundling else {"aws:cdk:bundling-stacks": []}
    app = App(outdir=str(directory), context=context)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    AlertingStack(app, "alerting", deployment=of, detections=detections)
    app.synth()
    return directory / "alerting.template.json"


@pytest.fixture(scope="module")
def paths(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    return {name: synthesize(of, tmp_path_factory.mktemp("out")) for name, of in VARIANTS.items()}


@pytest.fixture(scope="module")
def templates(paths: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


@pytest.fixture(params=VARIANTS)
def variant(request: pytest.FixtureRequest) -> str:
    name: str = request.param
    return name


@pytest.fixture
def template(templates: dict[str, dict[str, Any]], variant: str) -> dict[str, Any]:
    return templates[variant]


def of_type(template: Mapping[str, Any], type: str) -> dict[str, Resource]:
    return {key: resource for key, resource in template["Resources"].items() if resource["Type"] == type}


def named(template: Mapping[str, Any], type: str, key: str, name: str) -> tuple[str, Resource]:
    ((logical_id, resource),) = [
        (id, resource) for id, resource in of_type(template, type).items() if resource["Properties"].get(key) == name
    ]
    return logical_id, resource


def detection_rules(template: Mapping[str, Any]) -> dict[str, Resource]:
    """The rules on the default bus, by detection id."""
    return {
        rule["Properties"]["Name"].removeprefix("rootwatch-"): rule["Properties"]
        for rule in of_type(template, "AWS::Events::Rule").values()
        if "EventBusName" not in rule["Properties"]
    }


def policies_of(template: Mapping[str, Any], type: str, key: str, logical_id: str) -> list[Resource]:
    """The statements about one queue or topic."""
    return [
        statement
        for policy in of_type(template, type).values()
        if policy["Properties"][key] == [{"Ref": logical_id}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def as_list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def bare_targets(template: Mapping[str, Any]) -> list[str]:
    """Rules that would drop an event: no dead-letter queue, or a retry policy other than EventBridge's longest."""
    return [
        rule["Properties"]["Name"]
        for rule in of_type(template, "AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
        if not target.get("DeadLetterConfig", {}).get("Arn")
        or target.get("RetryPolicy") != {"MaximumEventAgeInSeconds": 86_400, "MaximumRetryAttempts": 185}
    ]


# Rules


def test_each_detection_has_its_rule_in_the_home_region_when_it_must(template: dict[str, Any], variant: str) -> None:
    of = VARIANTS[variant]
    expected = set()
    for detection in DETECTIONS:
        everywhere = detection.regions is Regions.EVERY
        here_globally = detection.regions is Regions.GLOBAL and of.home_region == of.global_region
        center = detection.regions is Regions.IDENTITY_CENTER
        if everywhere or here_globally or (center and of.identity_center.home_region in (None, of.home_region)):
            expected.add(detection.id)
    assert set(detection_rules(template)) == expected


def test_each_rule_has_exactly_the_detections_pattern(template: dict[str, Any]) -> None:
    patterns = {detection.id: json.loads(json.dumps(dict(detection.pattern))) for detection in DETECTIONS}
    rules = detection_rules(template)
    assert rules
    for id, rule in rules.items():
        assert rule["EventPattern"] == patterns[id]


def test_a_rule_sees_read_events_where_its_detection_needs_them(template: dict[str, Any], variant: str) -> None:
    needing = {detection.id for detection in DETECTIONS if detection.sees_read_events}
    if not VARIANTS[variant].advanced.read_event_rules:
        needing = set()
    for id, rule in detection_rules(template).items():
        reads = rule["State"] == "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
        assert reads == (id in needing)
        assert reads or rule["State"] == "ENABLED"


def test_no_rule_can_drop_an_event(template: dict[str, Any]) -> None:
    assert bare_targets(template) == []


@pytest.mark.parametrize("missing", ["DeadLetterConfig", "RetryPolicy"])
def test_a_rule_that_could_drop_an_event_is_caught(template: dict[str, Any], missing: str) -> None:
    broken = json.loads(json.dumps(template))
    rule = next(iter(of_type(broken, "AWS::Events::Rule").values()))
    del rule["Properties"]["Targets"][0][missing]
    assert bare_targets(broken) == [rule["Properties"]["Name"]]


def test_rules_wait_for_the_policies_that_let_them_deliver(template: dict[str, Any]) -> None:
    policies = set(of_type(template, "AWS::SQS::QueuePolicy"))
    for rule in of_type(template, "AWS::Events::Rule").values():
        assert policies <= set(rule["DependsOn"])


def test_every_region_a_detection_needs_is_one_that_is_watched() -> None:
    of = VARIANTS["home elsewhere"]
    by_id = {detection.id: regions_of(detection, of) for detection in EXAMPLES}
    assert by_id["example-global"] == ("us-east-1",)
    assert by_id["example-every"] == ("ap-northeast-1", "us-east-1", "eu-west-1")
    assert by_id["example-identity-center"] == ("eu-west-1",)


def test_identity_center_is_watched_everywhere_while_nobody_said_where_it_is() -> None:
    of = deployment(home="ap-northeast-1", watched='"us-east-1"')
    assert regions_of(EXAMPLES[2], of) == ("ap-northeast-1", "us-east-1")


def test_every_detections_folder_is_listed_in_the_catalogue() -> None:
    assert unlisted_detections(ROOT / "handlers" / "detections", CATALOGUE) == []


def test_a_detections_folder_that_is_not_listed_is_caught(tmp_path: Path) -> None:
    for folder in ("example_global", "forgotten"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "detection.py").touch()
    (tmp_path / "not_a_detection").mkdir()
    assert unlisted_detections(tmp_path, EXAMPLES) == ["forgotten"]


def rules_for(*detections: Detection) -> DetectionRules:
    of = VARIANTS["one region"]
    target = RuleTarget(
        arn="arn:aws:sqs:us-east-1:123456789012:a", dead_letter_arn="arn:aws:sqs:us-east-1:123456789012:b"
    )
    return DetectionRules(
        Stack(App(), "stack"), "Rules", deployment=of, detections=detections, region=of.home_region, target=target
    )


@pytest.mark.parametrize(
    ("detections", "said"),
    [
        (
            [example("too-long", Regions.EVERY, pattern={"source": ["x" * 2048]})],
            ["handlers/detections/too_long/detection.py", "pattern", "2,063 characters", "2,048", "split"],
        ),
        (
            [example("has-null", Regions.EVERY, pattern={"detail": {"errorCode": [{"anything-but": ["a"]}, None]}})],
            ["handlers/detections/has_null/detection.py", "null", '{"exists": false}'],
        ),
        (
            [example("n" * 55, Regions.EVERY)],
            ["rootwatch-nnn", "65 characters", "64", "shorten the id by 1"],
        ),
        (
            [example("twice", Regions.EVERY), example("twice", Regions.EVERY)],
            ["handlers/detections/twice/detection.py", "another detection's id"],
        ),
        (
            [example(f"many-{number}", Regions.EVERY) for number in range(301)],
            ["handlers/detections/__init__.py", "CATALOGUE", "301 detections", "300 rules"],
        ),
    ],
)
def test_what_eventbridge_would_refuse_is_refused_before_with_the_remedy(
    detections: list[Detection], said: list[str]
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        rules_for(*detections)
    for words in [*said, "Fix:"]:
        assert words in str(caught.value)


def test_a_pattern_of_the_greatest_length_is_taken() -> None:
    rules_for(example("as-long-as-can-be", Regions.EVERY, pattern={"source": ["x" * (2048 - 15)]}))


def test_more_rules_than_a_queue_policy_can_name_are_refused(tmp_path: Path) -> None:
    many = [example(f"one-of-very-many-detections-{number}", Regions.EVERY) for number in range(99)]
    with pytest.raises(ConfigurationError, match="naming the 100 rules that may send to the queue takes"):
        synthesize(VARIANTS["one region"], tmp_path, detections=many)


# Queues


def test_every_queue_is_encrypted_keeps_events_for_two_weeks_and_takes_the_largest(template: dict[str, Any]) -> None:
    queues = of_type(template, "AWS::SQS::Queue")
    assert len(queues) == 2
    for queue in queues.values():
        assert queue["Properties"]["SqsManagedSseEnabled"] is True
        assert queue["Properties"]["MessageRetentionPeriod"] == 14 * 86_400
        assert queue["Properties"]["MaximumMessageSize"] == 1_048_576


def test_every_queue_refuses_plain_http(template: dict[str, Any]) -> None:
    for logical_id in of_type(template, "AWS::SQS::Queue"):
        denials = [
            statement
            for statement in policies_of(template, "AWS::SQS::QueuePolicy", "Queues", logical_id)
            if statement["Effect"] == "Deny"
        ]
        assert [(denial["Action"], denial["Condition"], denial["Principal"]) for denial in denials] == [
            ("sqs:*", {"Bool": {"aws:SecureTransport": "false"}}, {"AWS": "*"})
        ]


def test_exactly_our_rules_may_send_to_the_queues(template: dict[str, Any], variant: str) -> None:
    of = VARIANTS[variant]
    prefix = f"arn:{of.partition}:events:{of.home_region}:123456789012:rule/"
    rules = [rule["Properties"] for rule in of_type(template, "AWS::Events::Rule").values()]
    expected = {prefix + ("rootwatch-hub/" if "EventBusName" in rule else "") + rule["Name"] for rule in rules}
    for logical_id in of_type(template, "AWS::SQS::Queue"):
        (allowed,) = [
            statement
            for statement in policies_of(template, "AWS::SQS::QueuePolicy", "Queues", logical_id)
            if statement["Effect"] == "Allow"
        ]
        assert allowed["Principal"] == {"Service": "events.amazonaws.com"}
        assert allowed["Action"] == "sqs:SendMessage"
        assert set(allowed["Condition"]) == {"ArnEquals"}
        assert set(allowed["Condition"]["ArnEquals"]["aws:SourceArn"]) == expected


def test_the_events_queue_hides_a_batch_for_six_times_the_functions_timeout(template: dict[str, Any]) -> None:
    _, queue = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    _, function = named(template, "AWS::Lambda::Function", "FunctionName", "rootwatch-raise-alert")
    assert queue["Properties"]["VisibilityTimeout"] >= 6 * function["Properties"]["Timeout"]


def test_an_event_outlives_a_day_without_slack(template: dict[str, Any], variant: str) -> None:
    """Counted with the waits that the function really sets."""
    advanced = VARIANTS[variant].advanced
    _, queue = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    receives = queue["Properties"]["RedrivePolicy"]["maxReceiveCount"]
    waits = [
        wiring.wait_seconds(receive, 0, base=advanced.retry_base_seconds, cap=advanced.retry_cap_seconds)
        for receive in range(1, receives)
    ]
    assert sum(waits) > 86_400
    assert receives <= 1000


def test_receives_are_counted_by_hand() -> None:
    # Waits of 30, 60, 120, 240 and 480 s make 930 s; 95 of 900 s reach 86,430 s; then one more receive.
    assert receives_to_outlast(86_400, base_seconds=30, cap_seconds=900) == 5 + 95 + 1
    assert receives_to_outlast(900, base_seconds=900, cap_seconds=900) == 2
    assert receives_to_outlast(0, base_seconds=30, cap_seconds=900) == 1


def test_the_receive_count_has_room_for_crashes_and_stays_within_sqs() -> None:
    assert maximum_receives(base_seconds=30, cap_seconds=900) == 101 + 26
    assert maximum_receives(base_seconds=1, cap_seconds=5) == 1000
    for base, cap in itertools.product((1, 30, 900), (900, 43_200)):
        assert maximum_receives(base_seconds=base, cap_seconds=cap) > receives_to_outlast(
            OUTAGE_SECONDS, base_seconds=base, cap_seconds=cap
        )


def test_a_retry_budget_below_a_day_is_warned_of(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    of = deployment("[advanced]\nretry_base_seconds = 1\nretry_cap_seconds = 5")
    AlertingStack(app, "alerting", deployment=of, detections=EXAMPLES)
    messages = [message.entry.data for message in app.synth().get_stack_by_name("alerting").messages]
    assert [message for message in messages if "retry_cap_seconds = 5" in str(message)]


# The hub


def test_only_events_of_aws_pass_the_hub(template: dict[str, Any], variant: str) -> None:
    (rule,) = [
        rule["Properties"]
        for rule in of_type(template, "AWS::Events::Rule").values()
        if "EventBusName" in rule["Properties"]
    ]
    pattern = {"source": [{"prefix": "aws."}]}
    if variant != "organisation":
        pattern["account"] = ["123456789012"]  # type: ignore[list-item]
    assert rule["EventPattern"] == pattern
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    assert [target["Arn"] for target in rule["Targets"]] == [{"Fn::GetAtt": [queue, "Arn"]}]


def test_the_hub_is_open_to_forwarders_of_the_organisation_and_nobody_else(
    template: dict[str, Any], variant: str
) -> None:
    policies = of_type(template, "AWS::Events::EventBusPolicy")
    if variant != "organisation":
        assert policies == {}
        return
    (policy,) = policies.values()
    assert policy["Properties"]["Statement"]["Condition"] == {
        "StringEquals": {"aws:PrincipalOrgID": "o-a1b2c3d4e5"},
        "ArnLike": {"aws:PrincipalArn": "arn:aws:iam::*:role/rootwatch-forwarding-*"},
    }
    assert policy["Properties"]["Statement"]["Action"] == "events:PutEvents"


def test_the_hub_bus_is_where_the_other_stacks_expect_it(template: dict[str, Any], variant: str) -> None:
    (bus,) = of_type(template, "AWS::Events::EventBus").values()
    of = VARIANTS[variant]
    assert of.hub_bus_arn.endswith(f":123456789012:event-bus/{bus['Properties']['Name']}")


# The table, the topic, the token


def test_the_alert_table_survives_deletion_and_mistakes(template: dict[str, Any]) -> None:
    (table,) = of_type(template, "AWS::DynamoDB::Table").values()
    assert table["DeletionPolicy"] == table["UpdateReplacePolicy"] == "Retain"
    properties = table["Properties"]
    assert properties["DeletionProtectionEnabled"] is True
    assert properties["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert properties["BillingMode"] == "PAY_PER_REQUEST"
    assert properties["TimeToLiveSpecification"] == {"AttributeName": "expires_at", "Enabled": True}
    assert properties["KeySchema"] == [
        {"AttributeName": "pk", "KeyType": "HASH"},
        {"AttributeName": "sk", "KeyType": "RANGE"},
    ]


def test_the_topic_takes_tls_only_and_alarms_of_ours_only(template: dict[str, Any], variant: str) -> None:
    of = VARIANTS[variant]
    ((topic, _),) = of_type(template, "AWS::SNS::Topic").items()
    denied, allowed = policies_of(template, "AWS::SNS::TopicPolicy", "Topics", topic)
    assert (denied["Effect"], denied["Condition"]) == ("Deny", {"Bool": {"aws:SecureTransport": "false"}})
    assert allowed["Principal"] == {"Service": "cloudwatch.amazonaws.com"}
    assert allowed["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "123456789012"},
        "ArnLike": {"aws:SourceArn": f"arn:{of.partition}:cloudwatch:{of.home_region}:123456789012:alarm:rootwatch-*"},
    }


def test_everyone_listed_gets_the_mails(template: dict[str, Any], variant: str) -> None:
    subscriptions = [found["Properties"] for found in of_type(template, "AWS::SNS::Subscription").values()]
    assert {subscription["Protocol"] for subscription in subscriptions} <= {"email"}
    assert sorted(found["Endpoint"] for found in subscriptions) == sorted(VARIANTS[variant].email.addresses)


def test_the_template_knows_the_tokens_name_and_never_a_value(template: dict[str, Any], variant: str) -> None:
    secrets = of_type(template, "AWS::SecretsManager::Secret")
    assert of_type(template, "AWS::SSM::Parameter") == {}
    assert len(secrets) == (1 if variant == "organisation" else 0)
    for secret in secrets.values():
        assert set(secret["Properties"]) == {"Name", "Description"}
        assert secret["DeletionPolicy"] == "Retain"
    assert not re.search(r"xox[a-z]-|NoEcho|SecretString", json.dumps(template))


# The function


def function_statements(template: Mapping[str, Any]) -> list[Resource]:
    ((role, _),) = of_type(template, "AWS::IAM::Role").items()
    return [
        statement
        for policy in of_type(template, "AWS::IAM::Policy").values()
        if policy["Properties"]["Roles"] == [{"Ref": role}]
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
    ]


def test_the_functions_role_has_no_right_beyond_this_list(template: dict[str, Any], variant: str) -> None:
    of = VARIANTS[variant]
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    ((table, _),) = of_type(template, "AWS::DynamoDB::Table").items()
    ((topic, _),) = of_type(template, "AWS::SNS::Topic").items()
    ((logs, _),) = of_type(template, "AWS::Logs::LogGroup").items()
    arn, account = f"arn:{of.partition}", "123456789012"
    allowed: dict[str, list[Any]] = {
        "logs:CreateLogStream": [{"Fn::GetAtt": [logs, "Arn"]}],
        "logs:PutLogEvents": [{"Fn::GetAtt": [logs, "Arn"]}],
        "sns:Publish": [{"Ref": topic}],
        "iam:GetPolicy": [f"{arn}:iam::{account}:policy/*", f"{arn}:iam::aws:policy/*"],
        "iam:GetPolicyVersion": [f"{arn}:iam::{account}:policy/*", f"{arn}:iam::aws:policy/*"],
        "iam:ListEntitiesForPolicy": [f"{arn}:iam::{account}:policy/*", f"{arn}:iam::aws:policy/*"],
        "cloudtrail:DescribeTrails": ["*"],
        "s3:PutObject": [
            f"{arn}:s3:::rootwatch-audit-{account}-{of.home_region}/{prefix}/*"
            for prefix in ("findings", "transitions")
        ],
    }
    for kind, actions in {
        "user": (
            *("GetUser", "GetUserPolicy", "ListAttachedUserPolicies", "ListGroupsForUser", "ListUserPolicies"),
            *("GetAccessKeyLastUsed", "GetLoginProfile", "ListAccessKeys", "ListMFADevices"),
        ),
        "role": ("GetRole", "GetRolePolicy", "ListAttachedRolePolicies", "ListRolePolicies"),
        "group": ("GetGroup", "GetGroupPolicy", "ListAttachedGroupPolicies", "ListGroupPolicies"),
    }.items():
        allowed |= {f"iam:{action}": [f"{arn}:iam::{account}:{kind}/*"] for action in actions}
    if of.identity_center.home_region:
        for action in ("GetInlinePolicyForPermissionSet", "ListManagedPoliciesInPermissionSet"):
            allowed[f"sso:{action}"] = [f"{arn}:sso:::instance/*", f"{arn}:sso:::permissionSet/*/*"]
        allowed["identitystore:DescribeUser"] = [
            f"{arn}:identitystore::{account}:identitystore/*",
            f"{arn}:identitystore:::user/*",
        ]
    if of.trail.organization_id:
        accounts, units = (f"{arn}:organizations::*:{kind}/{of.trail.organization_id}/*" for kind in ("account", "ou"))
        allowed["organizations:DescribeAccount"] = [accounts]
        allowed["organizations:ListParents"] = [accounts, units]
        allowed["organizations:DescribeOrganizationalUnit"] = [units]
    if of.context.access_analyzer_checks:
        allowed["access-analyzer:CheckAccessNotGranted"] = ["*"]
        allowed["access-analyzer:CheckNoNewAccess"] = ["*"]
    for action in ("GetItem", "Query", "PutItem", "UpdateItem"):
        allowed[f"dynamodb:{action}"] = [{"Fn::GetAtt": [table, "Arn"]}]
    for action in ("ReceiveMessage", "ChangeMessageVisibility", "GetQueueUrl", "DeleteMessage", "GetQueueAttributes"):
        allowed[f"sqs:{action}"] = [{"Fn::GetAtt": [queue, "Arn"]}]
    allowed["sqs:SendMessage"] = [{"Fn::GetAtt": [queue, "Arn"]}]
    if of.slack.token_store == "ssm":
        allowed["ssm:GetParameter"] = [f"{arn}:ssm:{of.home_region}:{account}:parameter/rootwatch/slack-token"]
    else:
        ((secret, _),) = of_type(template, "AWS::SecretsManager::Secret").items()
        allowed["secretsmanager:GetSecretValue"] = [{"Ref": secret}]
    found: dict[str, list[Any]] = {}
    for statement in function_statements(template):
        assert statement["Effect"] == "Allow"
        for action in as_list(statement["Action"]):
            found.setdefault(action, []).extend(as_list(statement["Resource"]))
    assert found == allowed


def test_no_role_may_write_to_iam_nor_borrow_a_policy(template: dict[str, Any]) -> None:
    for role in of_type(template, "AWS::IAM::Role").values():
        assert "ManagedPolicyArns" not in role["Properties"]
    for statement in function_statements(template):
        for action in as_list(statement["Action"]):
            assert not re.match(r"(?i)iam:(?!Get|List)|.*\*", action)


LOOKUPS = ("account_lookups.py", "iam_policies.py", "iam_standing.py", "enrichments.py")
LOOKED_UP = ("iam", "cloudtrail", "sso", "identitystore", "organizations", "access-analyzer")


def test_the_function_may_look_up_exactly_what_its_code_asks(templates: dict[str, dict[str, Any]]) -> None:
    """Neither a lookup that would always be refused, nor a right that nothing uses."""
    code = "".join((ROOT / "handlers" / "adapters" / name).read_text() for name in LOOKUPS)
    # Calls are named in the code as they are, or made of a kind of principal: f"list_attached_{kind}_policies".
    spelled = set(re.findall(r"\b(?:get|list|describe|check)_[a-z_]+\b(?!\{)", code))
    for made in re.findall(r'f"((?:get|list)_[a-z_]*\{kind\}[a-z_]*)"', code):
        kinds = ("user", "role") if made == "get_{kind}" else ("user", "role", "group")
        spelled |= {made.replace("{kind}", kind) for kind in kinds}
    spelled -= {"get_paginator", "get_", "list_", "list_attached_"}
    asked = {call.replace("_", "") for call in spelled}  # without capitals: AWS writes ListMFADevices
    granted = {
        action.split(":")[1].casefold()
        for variant in ("home elsewhere", "organisation")  # Identity Center, and all that an organisation adds
        for statement in function_statements(templates[variant])
        for action in as_list(statement["Action"])
        if action.split(":")[0] in LOOKED_UP
    }
    assert granted == asked


def test_every_function_has_a_timeout_and_a_log_group_with_an_end(template: dict[str, Any]) -> None:
    functions = of_type(template, "AWS::Lambda::Function")
    assert functions
    for function in functions.values():
        assert function["Properties"]["Timeout"] == 60
        log_group = template["Resources"][function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"]]
        assert log_group["Properties"]["RetentionInDays"] == 90


def test_a_record_that_fails_does_not_take_its_batch_with_it(template: dict[str, Any]) -> None:
    (mapping,) = [found["Properties"] for found in of_type(template, "AWS::Lambda::EventSourceMapping").values()]
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    assert mapping["EventSourceArn"] == {"Fn::GetAtt": [queue, "Arn"]}
    assert mapping["FunctionResponseTypes"] == ["ReportBatchItemFailures"]
    assert mapping["BatchSize"] == 10
    assert mapping["ScalingConfig"] == {"MaximumConcurrency": 2}
    assert mapping.get("MaximumBatchingWindowInSeconds", 0) == 0


def test_the_functions_handler_is_a_function_of_ours(template: dict[str, Any]) -> None:
    (function,) = of_type(template, "AWS::Lambda::Function").values()
    module, name = function["Properties"]["Handler"].rsplit(".", 1)
    assert re.search(rf"^def {name}\(event", (ROOT / f"{module.replace('.', '/')}.py").read_text(), re.MULTILINE)


def test_the_function_reads_back_the_settings_that_were_configured(template: dict[str, Any], variant: str) -> None:
    of = VARIANTS[variant]
    _, function = named(template, "AWS::Lambda::Function", "FunctionName", "rootwatch-raise-alert")
    variables = {
        key: value if isinstance(value, str) else f"<{value['Ref']}>"
        for key, value in function["Properties"]["Environment"]["Variables"].items()
    }
    settings = AlertSettings.from_environment(variables)
    queue, _ = named(template, "AWS::SQS::Queue", "QueueName", "rootwatch-events")
    ((table, _),) = of_type(template, "AWS::DynamoDB::Table").items()
    ((topic, _),) = of_type(template, "AWS::SNS::Topic").items()
    ((audit, _),) = of_type(template, "AWS::S3::Bucket").items()
    token = {
        "ssm": "ssm:/rootwatch/slack-token",
        "secretsmanager": "secretsmanager:rootwatch/slack-token",
    }[of.slack.token_store]
    assert settings == AlertSettings(
        account="123456789012",
        table_name=f"<{table}>",
        queue_url=f"<{queue}>",
        topic_arn=f"<{topic}>",
        slack_channel="C0123456789",
        slack_token_source=token,
        audit_bucket=f"<{audit}>",
        identity_center_region=of.identity_center.home_region or "",
        account_names=of.accounts,
        organization_id=of.trail.organization_id or "",
        regions=of.watched_regions,
        access_analyzer_checks=of.context.access_analyzer_checks,
    )


def test_every_setting_of_the_configuration_reaches_the_function(tmp_path: Path) -> None:
    for name in ("country", "asn"):
        (tmp_path / f"{name}.mmdb").write_bytes(mmdb({"192.0.2.0/24": {}}))
    of = Deployment.parse(
        """
        [deployment]
        name = "second"
        account = "123456789012"
        home_region = "us-east-1"
        [slack]
        channel = "C0123456789"
        minimum_severity = "HIGH"
        [email]
        addresses = ["alice@example.com"]
        minimum_severity = "CRITICAL"
        [identity_center]
        home_region = "us-east-1"
        [display]
        time_zone = "Asia/Tokyo"
        language = "ja"
        runbook_url = "https://git.example.com/rootwatch/handlers/detections"
        [accounts]
        "123456789012" = "production"
        [alerts]
        retention_days = 500
        [advanced]
        slack_api_url = "http://127.0.0.1:8080/api/"
        retry_base_seconds = 60
        retry_cap_seconds = 600
        refresh_seconds = 10
        [trail]
        organization_id = "o-a1b2c3d4e5"
        [context]
        mmdb_country = "country.mmdb"
        mmdb_asn = "asn.mmdb"
        access_analyzer_checks = true
        [detections]
        staging = ["access-key-created"]
        [packs]
        cis = true
        [sessions]
        read_log_bucket = true
        [working_hours]
        starts = "08:00"
        ends = "19:00"
        [reminders]
        enabled = true
        [break_glass]
        enabled = true
        approvers = ["U0123456789"]
        [[break_glass.people]]
        name = "alice"
        slack = "U0ALICE"
        addresses = ["192.0.2.0/24"]
        [react]
        enabled = true
        """,
        file=str(tmp_path / "rootwatch.toml"),
    )
    template = json.loads(synthesize(of, tmp_path, detections=EXAMPLES).read_text())
    _, function = named(template, "AWS::Lambda::Function", "FunctionName", "second-raise-alert")
    variables = {
        key: value if isinstance(value, str) else "a reference"
        for key, value in function["Properties"]["Environment"]["Variables"].items()
    }
    settings = AlertSettings.from_environment(variables)
    defaults = {field.name: field.default for field in dataclasses.fields(AlertSettings)}
    assert [name for name, default in defaults.items() if getattr(settings, name) == default] == []
    assert settings.environment == "second"
    assert settings.working_hours == "Mon,Tue,Wed,Thu,Fri 08:00-19:00 Asia/Tokyo"
    assert settings.account_names == {"123456789012": "production"}
    assert settings.slack_api_url == "http://127.0.0.1:8080/api/"


# The watchers


def alarms(template: Mapping[str, Any]) -> Iterator[tuple[str, Resource]]:
    for alarm in of_type(template, "AWS::CloudWatch::Alarm").values():
        yield alarm["Properties"]["AlarmName"], alarm["Properties"]


def test_what_is_watched_is_watched_by_few_alarms_that_mail_by_themselves(
    template: dict[str, Any], variant: str
) -> None:
    ((topic, _),) = of_type(template, "AWS::SNS::Topic").items()
    found = dict(alarms(template))
    expected = {"dead-letters", "waiting", "retrying"}
    names = {f"rootwatch-events-{name}" for name in expected}
    names |= {"rootwatch-raise-alert-errors", "rootwatch-raise-alert-throttles"}
    if variant != "local":  # whose CloudWatch has no queries
        names.add("rootwatch-lost-deliveries")
    assert set(found) == names
    assert len(found) <= MAXIMUM_ALARMS
    for alarm in found.values():
        assert alarm["AlarmActions"] == alarm["OKActions"] == [{"Ref": topic}]
        assert alarm["TreatMissingData"] == "notBreaching"
        assert 40 < len(alarm["AlarmDescription"]) <= 1024


def test_one_event_in_a_dead_letter_queue_raises_the_alarm(template: dict[str, Any]) -> None:
    watched = {
        alarm["Dimensions"][0]["Value"]["Fn::GetAtt"][0]
        for _, alarm in alarms(template)
        if alarm.get("MetricName") == "ApproximateNumberOfMessagesVisible"
        and alarm["Threshold"] == 1
        and alarm["EvaluationPeriods"] == 1
        and alarm["ComparisonOperator"] == "GreaterThanOrEqualToThreshold"
    }
    redriven = {
        queue["Properties"]["RedrivePolicy"]["deadLetterTargetArn"]["Fn::GetAtt"][0]
        for queue in of_type(template, "AWS::SQS::Queue").values()
        if "RedrivePolicy" in queue["Properties"]
    }
    from_rules = {
        target["DeadLetterConfig"]["Arn"]["Fn::GetAtt"][0]
        for rule in of_type(template, "AWS::Events::Rule").values()
        for target in rule["Properties"]["Targets"]
    }
    assert watched == redriven | from_rules


def test_waiting_and_retrying_events_raise_alarms_within_a_quarter_of_an_hour(template: dict[str, Any]) -> None:
    found = dict(alarms(template))
    waiting, retrying = found["rootwatch-events-waiting"], found["rootwatch-events-retrying"]
    assert (waiting["MetricName"], waiting["Threshold"]) == ("ApproximateAgeOfOldestMessage", 900)
    assert (retrying["MetricName"], retrying["Statistic"]) == ("ApproximateNumberOfMessagesNotVisible", "Minimum")
    assert retrying["EvaluationPeriods"] * retrying["Period"] == 900


def test_a_delivery_lost_for_good_raises_an_alarm(templates: dict[str, dict[str, Any]]) -> None:
    alarm = dict(alarms(templates["one region"]))["rootwatch-lost-deliveries"]
    (metric,) = alarm["Metrics"]
    assert metric["Expression"] == 'SELECT SUM(InvocationsFailedToBeSentToDlq) FROM "AWS/Events"'
    assert metric["ReturnData"] is True
    assert alarm["Threshold"] == 1


def test_an_alarm_too_many_is_refused() -> None:
    stack = Stack(App(), "stack")
    watchers = Watchers(stack, "Watchers", deployment=VARIANTS["one region"], topic=sns.Topic(stack, "Topic"))
    queue = sqs.Queue(stack, "Queue")
    for number in range(MAXIMUM_ALARMS):
        watchers.watch_dead_letters(queue, name=f"queue-{number}")
    with pytest.raises(ValueError, match=f"would be the {MAXIMUM_ALARMS + 1}th of the region"):
        watchers.watch_dead_letters(queue, name="one-more")


# The stack as a whole


def test_the_outputs_say_where_everything_is_and_what_is_left_to_do(template: dict[str, Any], variant: str) -> None:
    outputs = template["Outputs"]
    assert set(outputs) == {
        "AlertTableName",
        "EventsQueueUrl",
        "DeadLetterQueueUrl",
        "EmailTopicArn",
        "HubBusArn",
        "RaiseAlertFunctionName",
        "SlackTokenName",
        "NextStep",
        "AuditLogBucket",
    }
    assert outputs["SlackTokenName"]["Value"] == VARIANTS[variant].slack_token_name
    assert VARIANTS[variant].slack_token_name in outputs["NextStep"]["Value"]


@pytest.mark.parametrize("protected", [True, False])
def test_the_stack_is_protected_from_deletion_unless_told_otherwise(protected: bool) -> None:
    of = Deployment.parse(
        f"""
        [deployment]
        account = "123456789012"
        home_region = "us-east-1"
        termination_protection = {str(protected).lower()}
        [slack]
        channel = "C0123456789"
        """
    )
    app = App(context={"aws:cdk:bundling-stacks": []})
    assert AlertingStack(app, "alerting", deployment=of, detections=EXAMPLES).termination_protection is protected


def test_no_arn_names_the_partition_of_another_deployment(templates: dict[str, dict[str, Any]]) -> None:
    assert "arn:aws:" not in json.dumps(templates["china"])
    assert "arn:aws-cn:" in json.dumps(templates["china"])


def test_two_syntheses_give_the_same_template(paths: dict[str, Path], tmp_path: Path) -> None:
    again = synthesize(VARIANTS["one region"], tmp_path)
    assert again.read_bytes() == paths["one region"].read_bytes()


def test_cfn_lint_finds_no_error(paths: dict[str, Path]) -> None:
    cfn_lint = Path(sys.executable).with_name("cfn-lint")
    command = [str(cfn_lint), "--non-zero-exit-code", "error", *map(str, paths.values())]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_cdk_nag_refuses_what_nobody_accepted(tmp_path: Path) -> None:
    """The control of every other test here, whose templates passed the same check."""
    app = App(outdir=str(tmp_path), context={"aws:cdk:bundling-stacks": []})
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    stack = AlertingStack(app, "alerting", deployment=VARIANTS["one region"], detections=EXAMPLES)
    sqs.Queue(stack, "Open")
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    assert "AwsSolutions-SQS4" in (tmp_path / "validation-report.json").read_text()
