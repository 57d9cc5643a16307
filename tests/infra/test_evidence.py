"""The Evidence stack: a record that is complete, that only its trail writes, and that nobody deletes."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from aws_cdk import aws_config as config
from aws_cdk import aws_s3 as s3
from cdk_nag import AwsSolutionsChecks

from infra.accepted_findings import accept
from infra.audit_trail import AuditTrail
from infra.config_recorder import RULES, ConfigRecorder
from infra.deployment import Deployment

Templates = dict[str, Any]  # of conftest.Template, which cannot be imported from here

CREATED = ["one-region", "many-regions", "organisation"]
TRAIL_ARN = {
    "one-region": "arn:aws:cloudtrail:us-east-1:123456789012:trail/rootwatch-trail",
    "many-regions": "arn:aws:cloudtrail:ap-northeast-1:123456789012:trail/rootwatch-trail",
    "organisation": "arn:aws:cloudtrail:us-east-1:123456789012:trail/rootwatch-trail",
}


# The trail


@pytest.mark.parametrize("variant", CREATED)
def test_the_trail_sees_every_region_and_every_management_event(evidence: Templates, variant: str) -> None:
    trail = evidence[variant].only("AWS::CloudTrail::Trail")
    assert trail["IsLogging"] is True
    assert trail["IsMultiRegionTrail"] is True
    assert trail["IncludeGlobalServiceEvents"] is True
    # No readOnly condition: both read and write.
    assert {"Equals": ["Management"], "Field": "eventCategory"} in [
        condition
        for selector in trail["AdvancedEventSelectors"]
        if len(selector["FieldSelectors"]) == 1
        for condition in selector["FieldSelectors"]
    ]


@pytest.mark.parametrize("variant", CREATED)
def test_the_trail_proves_its_files_whole(evidence: Templates, variant: str) -> None:
    assert evidence[variant].only("AWS::CloudTrail::Trail")["EnableLogFileValidation"] is True


@pytest.mark.parametrize("variant", CREATED)
def test_deleting_a_record_is_recorded_itself_and_nothing_else_costs(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    bucket, _ = template.bucket("trail")
    data = [
        {item["Field"]: item.get("Equals") or item.get("StartsWith") for item in selector["FieldSelectors"]}
        for selector in template.only("AWS::CloudTrail::Trail")["AdvancedEventSelectors"]
        if len(selector["FieldSelectors"]) > 1
    ]
    (selector,) = data
    assert selector["eventCategory"] == ["Data"]
    assert {"DeleteObject", "DeleteObjects"} <= set(selector["eventName"])
    # CloudTrail's own PutObject must not be logged: each log file would beget another.
    assert not {"PutObject", "GetObject"} & set(selector["eventName"])
    assert selector["resources.ARN"] == [{"Fn::Join": ["", [{"Fn::GetAtt": [bucket, "Arn"]}, "/"]]}]


@pytest.mark.parametrize("variant", CREATED)
def test_the_trail_waits_for_the_right_to_write(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    bucket, _ = template.bucket("trail")
    (trail,) = template.of_type("AWS::CloudTrail::Trail").values()
    (policy,) = [
        id
        for id, item in template.of_type("AWS::S3::BucketPolicy").items()
        if item["Properties"]["Bucket"] == {"Ref": bucket}
    ]
    assert policy in trail["DependsOn"]


# The bucket


@pytest.mark.parametrize("variant", CREATED)
def test_only_this_trail_writes_records(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    bucket, _ = template.bucket("trail")
    allowed = {sid: item for sid, item in template.statements(bucket).items() if item["Effect"] == "Allow"}
    assert set(allowed) == {"TrailReadsBucketAcl", "TrailWritesRecords"}
    for statement in allowed.values():
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceArn"] == TRAIL_ARN[variant]
    write = allowed["TrailWritesRecords"]
    assert write["Action"] == "s3:PutObject"
    assert write["Condition"]["StringEquals"]["s3:x-amz-acl"] == "bucket-owner-full-control"


def test_an_account_trail_writes_to_the_accounts_folder_only(evidence: Templates) -> None:
    bucket, _ = evidence["one-region"].bucket("trail")
    write = evidence["one-region"].statements(bucket)["TrailWritesRecords"]
    assert write["Resource"] == f"<{bucket}.Arn>/AWSLogs/123456789012/*"


def test_an_organisation_trail_may_write_to_the_organisations_folder(evidence: Templates) -> None:
    bucket, _ = evidence["organisation"].bucket("trail")
    write = evidence["organisation"].statements(bucket)["TrailWritesRecords"]
    assert write["Resource"] == [
        f"<{bucket}.Arn>/AWSLogs/123456789012/*",
        f"<{bucket}.Arn>/AWSLogs/o-a1b2c3d4e5/*",
    ]
    assert evidence["organisation"].only("AWS::CloudTrail::Trail")["IsOrganizationTrail"] is True
    assert evidence["one-region"].only("AWS::CloudTrail::Trail")["IsOrganizationTrail"] is False


@pytest.mark.parametrize("variant", CREATED)
def test_nobody_deletes_a_record_without_changing_the_policy_first(evidence: Templates, variant: str) -> None:
    bucket, _ = evidence[variant].bucket("trail")
    deny = evidence[variant].statements(bucket)["NobodyDeletesRecords"]
    assert deny["Effect"] == "Deny"
    assert deny["Principal"] == {"AWS": "*"}
    assert set(deny["Action"]) == {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"}
    assert deny["Resource"] == f"<{bucket}.Arn>/*"
    assert "Condition" not in deny


@pytest.mark.parametrize(
    ("variant", "retention"),
    [
        ("one-region", {"Mode": "GOVERNANCE", "Days": 365}),
        ("organisation", {"Mode": "COMPLIANCE", "Days": 30}),
        ("many-regions", None),
    ],
)
def test_records_are_locked_as_configured(
    evidence: Templates, variant: str, retention: dict[str, object] | None
) -> None:
    _, bucket = evidence[variant].bucket("trail")
    if retention is None:
        assert "ObjectLockConfiguration" not in bucket
    else:
        assert bucket["ObjectLockEnabled"] is True
        assert bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"] == retention


@pytest.mark.parametrize("variant", CREATED)
def test_every_bucket_is_private_versioned_encrypted_and_outlives_the_stack(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    buckets = template.of_type("AWS::S3::Bucket")
    assert buckets
    for id, resource in buckets.items():
        bucket = resource["Properties"]
        assert resource["DeletionPolicy"] == resource["UpdateReplacePolicy"] == "Retain"
        assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
        assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
        assert bucket["OwnershipControls"] == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
        assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
        refused = [
            condition
            for statement in template.statements(id).values()
            if statement["Effect"] == "Deny" and statement["Action"] == "s3:*"
            for condition in [statement["Condition"]]
        ]
        assert {"Bool": {"aws:SecureTransport": "false"}} in refused
        assert {"NumericLessThan": {"s3:TlsVersion": 1.2}} in refused


@pytest.mark.parametrize("variant", CREATED)
def test_trail_key_and_policies_outlive_the_stack_too(evidence: Templates, variant: str) -> None:
    # A retained trail that lost its bucket's policy could no longer write.
    for type in ("AWS::CloudTrail::Trail", "AWS::S3::BucketPolicy", "AWS::KMS::Key"):
        for id, resource in evidence[variant].of_type(type).items():
            assert resource["DeletionPolicy"] == "Retain", id


def test_records_move_to_cold_storage_and_expire_after_their_retention(evidence: Templates) -> None:
    _, bucket = evidence["one-region"].bucket("trail")
    (keep,) = [rule for rule in bucket["LifecycleConfiguration"]["Rules"] if rule["Id"] == "keep-then-expire"]
    assert keep["Transitions"] == [{"StorageClass": "GLACIER_IR", "TransitionInDays": 90}]
    assert keep["ExpirationInDays"] == 2555
    assert keep["NoncurrentVersionExpiration"] == {"NoncurrentDays": 90}


def test_records_that_expire_early_never_move(evidence: Templates) -> None:
    _, bucket = evidence["many-regions"].bucket("trail")
    assert all("Transitions" not in rule for rule in bucket["LifecycleConfiguration"]["Rules"])


@pytest.mark.parametrize("variant", CREATED)
def test_each_log_file_announces_itself_without_a_custom_resource(evidence: Templates, variant: str) -> None:
    _, bucket = evidence[variant].bucket("trail")
    ((kind, (told,)),) = bucket["NotificationConfiguration"].items()
    home = "ap-northeast-1" if variant == "many-regions" else "us-east-1"
    assert kind == "QueueConfigurations"
    assert told["Event"] == "s3:ObjectCreated:*"
    assert told["Queue"] == f"arn:aws:sqs:{home}:123456789012:rootwatch-logs"
    prefix = "AWSLogs/o-a1b2c3d4e5/" if variant == "organisation" else "AWSLogs/"
    assert {rule["Name"]: rule["Value"] for rule in told["Filter"]["S3Key"]["Rules"]} == {
        "prefix": prefix,
        "suffix": ".json.gz",
    }
    assert not evidence[variant].of_type("AWS::Lambda::Function")


def test_who_touches_the_records_is_logged_beside_them(evidence: Templates) -> None:
    template = evidence["one-region"]
    trail, bucket = template.bucket("trail")
    access, access_bucket = template.bucket("access")
    assert bucket["LoggingConfiguration"] == {"DestinationBucketName": {"Ref": access}, "LogFilePrefix": "trail/"}
    write = template.statements(access)["S3LogsAccess"]
    assert write["Principal"] == {"Service": "logging.s3.amazonaws.com"}
    assert write["Resource"] == f"<{access}.Arn>/trail/*"
    assert write["Condition"]["ArnLike"] == {"aws:SourceArn": f"<{trail}.Arn>"}
    # S3 cannot deliver access logs into a bucket with default retention.
    assert "ObjectLockConfiguration" not in access_bucket


# The key


@pytest.mark.parametrize("variant", ["many-regions", "organisation"])
def test_the_customer_key_serves_this_trail_only(evidence: Templates, variant: str) -> None:
    key = evidence[variant].only("AWS::KMS::Key")
    assert key["EnableKeyRotation"] is True
    service = [item for item in key["KeyPolicy"]["Statement"] if "Service" in item["Principal"]]
    assert {action for item in service for action in _listed(item["Action"])} == {
        "kms:GenerateDataKey*",
        "kms:Decrypt",
        "kms:DescribeKey",
    }
    for statement in service:
        assert statement["Principal"] == {"Service": "cloudtrail.amazonaws.com"}
        assert statement["Condition"]["StringEquals"] == {"aws:SourceArn": TRAIL_ARN[variant]}
    (encrypt,) = [item for item in service if item["Action"] == "kms:GenerateDataKey*"]
    assert encrypt["Condition"]["StringLike"] == {
        "kms:EncryptionContext:aws:cloudtrail:arn": "arn:aws:cloudtrail:*:123456789012:trail/*"
    }


def test_without_a_customer_key_s3_encrypts(evidence: Templates) -> None:
    _, bucket = evidence["one-region"].bucket("trail")
    assert bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"] == [
        {"ServerSideEncryptionByDefault": {"SSEAlgorithm": "AES256"}}
    ]
    assert not evidence["one-region"].of_type("AWS::KMS::Key")


# Existing and absent


def test_an_existing_trail_is_named_and_left_alone(evidence: Templates) -> None:
    template = evidence["existing"]
    assert not template.of_type("AWS::CloudTrail::Trail")
    assert not template.of_type("AWS::S3::Bucket")
    assert not template.of_type("AWS::S3::BucketPolicy")
    assert template.content["Outputs"]["TrailBucket"]["Value"] == "example-logs"
    assert template.content["Outputs"]["TrailArn"]["Value"] == ("arn:aws:cloudtrail:us-east-1:123456789012:trail/main")


def test_a_skipped_trail_leaves_nothing_to_refer_to(deployments: dict[str, Deployment]) -> None:
    skipped = deployments["one-region"].model_copy(
        update={"trail": deployments["one-region"].trail.model_copy(update={"mode": "skip"})}
    )
    trail = AuditTrail(Stack(App(), "stack"), "AuditTrail", deployment=skipped)
    assert trail.bucket is None
    assert trail.trail_arn is None


# The recorder


def test_the_recorder_names_the_iam_types_that_all_supported_leaves_out(evidence: Templates) -> None:
    group = evidence["one-region"].only("AWS::Config::ConfigurationRecorder")["RecordingGroup"]
    assert group["AllSupported"] is False
    assert {"AWS::IAM::User", "AWS::IAM::Role", "AWS::IAM::Group", "AWS::IAM::Policy"} <= set(group["ResourceTypes"])
    assert group["RecordingStrategy"] == {"UseOnly": "INCLUSION_BY_RESOURCE_TYPES"}


@pytest.mark.parametrize("variant", CREATED)
def test_recorder_and_channel_wait_for_the_bucket_but_never_for_each_other(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    ((recorder, recorder_resource),) = template.of_type("AWS::Config::ConfigurationRecorder").items()
    ((channel, channel_resource),) = template.of_type("AWS::Config::DeliveryChannel").items()
    history, _ = template.bucket("config")
    (policy,) = [
        id
        for id, item in template.of_type("AWS::S3::BucketPolicy").items()
        if item["Properties"]["Bucket"] == {"Ref": history}
    ]
    for resource in (recorder_resource, channel_resource):
        assert policy in resource["DependsOn"]
        assert not {recorder, channel} & set(resource["DependsOn"])


@pytest.mark.parametrize("variant", CREATED)
def test_configuration_history_comes_from_this_accounts_config_only(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    history, bucket = template.bucket("config")
    # AWS Config does not deliver to a bucket with default retention.
    assert "ObjectLockConfiguration" not in bucket
    allowed = [item for item in template.statements(history).values() if item["Effect"] == "Allow"]
    assert len(allowed) == 2
    for statement in allowed:
        assert statement["Principal"] == {"Service": "config.amazonaws.com"}
        assert statement["Condition"]["StringEquals"]["aws:SourceAccount"] == "123456789012"
    (write,) = [item for item in allowed if item["Action"] == "s3:PutObject"]
    assert write["Resource"] == f"<{history}.Arn>/AWSLogs/123456789012/Config/*"
    role = template.only("AWS::IAM::Role")
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Principal"] == {"Service": "config.amazonaws.com"}
    assert trust["Condition"] == {"StringEquals": {"aws:SourceAccount": "123456789012"}}


def test_every_rule_is_one_that_aws_offers() -> None:
    offered = {
        getattr(config.ManagedRuleIdentifiers, name)
        for name in dir(config.ManagedRuleIdentifiers)
        if name.isupper() and not name.startswith("_")
    }
    assert {rule.identifier for rule in RULES} <= offered
    assert len({rule.name for rule in RULES}) == len(RULES)


@pytest.mark.parametrize("variant", [*CREATED, "existing"])
def test_each_rule_is_there_and_waits_for_the_recorder_if_it_is_ours(evidence: Templates, variant: str) -> None:
    template = evidence[variant]
    rules = template.of_type("AWS::Config::ConfigRule").values()
    assert {item["Properties"]["ConfigRuleName"] for item in rules} == {f"rootwatch-{rule.name}" for rule in RULES}
    recorder = list(template.of_type("AWS::Config::ConfigurationRecorder"))
    assert bool(recorder) == (variant != "existing")
    for item in rules:
        assert item.get("DependsOn", []) == recorder


@pytest.mark.parametrize("name", ["iam-policy-no-statements-with-admin-access", "iam-user-no-policies-check"])
def test_a_rule_that_follows_changes_has_no_frequency(evidence: Templates, name: str) -> None:
    (rule,) = [
        item["Properties"]
        for item in evidence["one-region"].of_type("AWS::Config::ConfigRule").values()
        if item["Properties"]["ConfigRuleName"] == f"rootwatch-{name}"
    ]
    assert "MaximumExecutionFrequency" not in rule


def test_rules_that_a_partition_does_not_offer_are_left_out() -> None:
    china = Deployment.from_mapping(
        {
            "deployment": {"account": "123456789012", "home_region": "cn-north-1"},
            "slack": {"channel": "C0123456789"},
            "config": {"mode": "existing"},
        }
    )
    stack = Stack(App(), "stack")
    ConfigRecorder(stack, "ConfigRecorder", deployment=china)
    names = {item.config_rule_name for item in stack.node.find_all() if isinstance(item, config.CfnConfigRule)}
    assert "rootwatch-iam-root-access-key-check" in names
    assert not {name for name in names if name and "mfa-enabled" in name and "root" in name.removeprefix("rootwatch")}


# The analyzers


def test_the_free_analyzer_is_on_and_the_charged_one_is_not(evidence: Templates) -> None:
    assert evidence["one-region"].only("AWS::AccessAnalyzer::Analyzer") == {
        "AnalyzerName": "rootwatch-external",
        "Type": "ACCOUNT",
    }
    assert evidence["organisation"].only("AWS::AccessAnalyzer::Analyzer")["Type"] == "ORGANIZATION"


def test_unused_access_is_analysed_on_request_beside_an_existing_analyzer(evidence: Templates) -> None:
    assert evidence["existing"].only("AWS::AccessAnalyzer::Analyzer") == {
        "AnalyzerName": "rootwatch-unused",
        "Type": "ORGANIZATION_UNUSED_ACCESS",
        "AnalyzerConfiguration": {"UnusedAccessConfiguration": {"UnusedAccessAge": 30}},
    }


# The whole


def test_no_wildcard_right_but_the_one_the_account_needs_over_its_key(evidence: Templates) -> None:
    for template in evidence.values():
        for role in template.of_type("AWS::IAM::Role").values():
            for policy in role["Properties"].get("Policies", []):
                for statement in policy["PolicyDocument"]["Statement"]:
                    assert "*" not in _listed(statement["Resource"])
                    assert not [action for action in _listed(statement["Action"]) if action.endswith("*")]
        assert not template.of_type("AWS::IAM::Policy")


def test_templates_pass_cfn_lint(evidence_paths: dict[str, Path]) -> None:
    linter = Path(sys.executable).with_name("cfn-lint")
    finished = subprocess.run(
        [linter, *evidence_paths.values(), "--non-zero-exit-code", "error", "--regions", "us-east-1"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr


def test_a_finding_nobody_accepted_fails_the_synthesis(tmp_path: Path) -> None:
    # Reached by the fixture with no finding open; this shows that it could have failed.
    app = App(outdir=str(tmp_path))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    s3.Bucket(Stack(app, "stack"), "Bucket", enforce_ssl=True)
    with pytest.raises(RuntimeError, match="ValidationFailed"):
        app.synth()
    report = json.loads((tmp_path / "validation-report.json").read_text())
    assert "AwsSolutions-S1" in json.dumps(report)


def test_an_accepted_finding_lets_the_synthesis_pass_and_keeps_its_reason(tmp_path: Path) -> None:
    app = App(outdir=str(tmp_path))
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    bucket = s3.Bucket(Stack(app, "stack"), "Bucket", enforce_ssl=True)
    accept(bucket, "AwsSolutions-S1", "An example whose accesses nobody will ever want to know about.")
    app.synth()


@pytest.mark.parametrize(
    ("id", "reason", "complaint"),
    [
        ("S1", "A reason that is long enough to be accepted as one.", "not a rule"),
        ("AwsSolutions-S1", "not needed", "does not say why"),
    ],
)
def test_a_finding_cannot_be_accepted_without_its_rule_and_a_reason(id: str, reason: str, complaint: str) -> None:
    with pytest.raises(ValueError, match=complaint):
        accept(Stack(App(), "stack"), id, reason)


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value
