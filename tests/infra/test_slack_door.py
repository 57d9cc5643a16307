"""Slack's door: one public address, and the least rights behind it."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment
from infra.evidence_stack import EvidenceStack
from tests.infra.conftest import CONTENTS, Template, written_out


@pytest.fixture(scope="module")
def template(context, tmp_path_factory):
    directory = tmp_path_factory.mktemp("door")
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(directory), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    content = {
        **CONTENTS["one-region"],
        "react": {"enabled": True, "responders": ["U0123456789", "S0123456789"], "on_call": "S0123456789"},
    }
    AlertingStack(app, "door", deployment=Deployment.from_mapping(content))
    app.synth()
    return Template(json.loads((Path(directory) / "door.template.json").read_text()))


def statements(template, function):
    return [
        written_out(statement)
        for policy in template.of_type("AWS::IAM::Policy").values()
        if any(function in role["Ref"] for role in policy["Properties"]["Roles"])
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if "logs:" not in json.dumps(statement["Action"])
    ]


def test_one_function_has_a_url_and_both_permissions_that_a_public_url_needs(template):
    assert len(template.of_type("AWS::Lambda::Url")) == 1
    assert template.only("AWS::Lambda::Url")["AuthType"] == "NONE"
    public = [
        item["Properties"]
        for item in template.of_type("AWS::Lambda::Permission").values()
        if item["Properties"]["Principal"] == "*"
    ]
    assert {item["Action"] for item in public} == {"lambda:InvokeFunctionUrl", "lambda:InvokeFunction"}
    for item in public:
        assert item.get("FunctionUrlAuthType") == "NONE" or item.get("InvokedViaFunctionUrl") is True


def test_the_door_may_send_to_one_queue_write_replay_items_and_read_two_secrets(template):
    found = statements(template, "ReceiveClick")
    assert sorted(item["Action"] for item in found) == ["dynamodb:PutItem", "sqs:SendMessage", "ssm:GetParameter"]
    (read,) = [item for item in found if item["Action"] == "ssm:GetParameter"]
    assert sorted(arn.rpartition("/")[2] for arn in read["Resource"]) == ["slack-signing-secret", "slack-token"]
    (put,) = [item for item in found if item["Action"] == "dynamodb:PutItem"]
    assert put["Condition"]["ForAllValues:StringLike"] == {"dynamodb:LeadingKeys": ["REPLAY#*"]}
    assert put["Condition"]["Null"] == {"dynamodb:LeadingKeys": "false"}
    assert all("*" not in item["Resource"] for item in found)


def test_the_functions_add_to_the_audit_log_below_their_prefixes_and_nothing_more(template):
    bucket = "arn:aws:s3:::rootwatch-audit-123456789012-us-east-1"
    findings, transitions = f"{bucket}/findings/*", f"{bucket}/transitions/*"
    for function, keys in (("ApplyClick", transitions), ("RaiseAlert", [findings, transitions])):
        found = [item for item in statements(template, function) if "s3:" in json.dumps(item["Action"])]
        assert [(item["Action"], item["Resource"]) for item in found] == [("s3:PutObject", keys)]
    assert not any("s3:" in json.dumps(item["Action"]) for item in statements(template, "ReceiveClick"))


def test_the_audit_log_is_locked_private_encrypted_and_kept(template):
    (resource,) = template.of_type("AWS::S3::Bucket").values()
    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")
    bucket = resource["Properties"]
    assert bucket["BucketName"] == "rootwatch-audit-123456789012-us-east-1"
    rule = bucket["ObjectLockConfiguration"]["Rule"]["DefaultRetention"]
    assert bucket["ObjectLockEnabled"] is True
    assert rule == {
        "Mode": "GOVERNANCE",
        "Days": Deployment.from_mapping(CONTENTS["one-region"]).trail.object_lock_days,
    }
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert "AES256" in json.dumps(bucket["BucketEncryption"])


def test_nobody_replaces_or_removes_an_entry_nor_sends_one_in_the_clear(template):
    (policy,) = template.of_type("AWS::S3::BucketPolicy").values()
    assert policy["DeletionPolicy"] == "Retain"
    statements = policy["Properties"]["PolicyDocument"]["Statement"]
    assert {item["Effect"] for item in statements} == {"Deny"}
    denied = {item["Sid"]: item for item in statements if "Sid" in item}
    once = denied["EachEntryIsWrittenOnce"]
    assert (once["Action"], once["Condition"]) == ("s3:PutObject", {"Null": {"s3:if-none-match": "true"}})
    removing = denied["NobodyDeletesEntries"]
    assert {"s3:DeleteObject", "s3:DeleteObjectVersion", "s3:BypassGovernanceRetention"} == set(removing["Action"])
    assert removing["Principal"] == {"AWS": "*"}
    assert any("aws:SecureTransport" in json.dumps(item.get("Condition", {})) for item in statements)


@pytest.mark.parametrize(("lock", "mode"), [("none", None), ("compliance", "COMPLIANCE")])
def test_the_audit_log_is_locked_as_the_trail_is(context, tmp_path, lock, mode):
    trail = {"object_lock": lock}
    if mode:
        trail["object_lock_days"] = 30
        trail["compliance_confirmation"] = "objects cannot be deleted for 30 days by anyone"
    content = {**CONTENTS["one-region"], "react": {"enabled": True}, "trail": trail}
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(tmp_path), analytics_reporting=False)
    AlertingStack(app, "locked", deployment=Deployment.from_mapping(content))
    app.synth()
    bucket = Template(json.loads((tmp_path / "locked.template.json").read_text())).only("AWS::S3::Bucket")
    found = bucket.get("ObjectLockConfiguration", {}).get("Rule", {}).get("DefaultRetention", {}).get("Mode")
    assert found == mode


def test_our_analyzer_puts_away_that_the_door_is_public_and_nothing_else(context, tmp_path):
    app = App(context=context, outdir=str(tmp_path), analytics_reporting=False)
    for name, react in (("door", {"enabled": True}), ("plain", {})):
        EvidenceStack(app, name, deployment=Deployment.from_mapping({**CONTENTS["one-region"], "react": react}))
    app.synth()
    with_door, without = (
        Template(json.loads((tmp_path / f"{name}.template.json").read_text())).only("AWS::AccessAnalyzer::Analyzer")
        for name in ("door", "plain")
    )
    (rule,) = with_door["ArchiveRules"]
    assert rule["Filter"] == [
        {"Property": "resource", "Eq": ["arn:aws:lambda:us-east-1:123456789012:function:rootwatch-receive-click"]},
        {"Property": "isPublic", "Eq": ["true"]},
    ]
    assert "ArchiveRules" not in without


def test_the_template_passes_cfn_lint(template, tmp_path):
    path = tmp_path / "door.template.json"
    path.write_text(json.dumps(template.content))
    linter = Path(sys.executable).with_name("cfn-lint")
    # W3005: the CDK adds dependencies that are implied already.
    done = subprocess.run(
        [linter, "--ignore-checks", "W3005", "--", str(path)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout


def test_nothing_secret_is_in_an_environment_and_clicks_have_dead_letters_with_an_alarm(template):
    for function in template.of_type("AWS::Lambda::Function").values():
        variables = function["Properties"].get("Environment", {}).get("Variables", {})
        assert not any(str(value).startswith(("xoxb", "xapp")) for value in variables.values())
    assert "clicks" in json.dumps(template.of_type("AWS::CloudWatch::Alarm"))


def test_without_react_there_is_no_door(context, tmp_path):
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(tmp_path), analytics_reporting=False)
    stack = AlertingStack(app, "plain", deployment=Deployment.from_mapping(CONTENTS["one-region"]))
    app.synth()
    assert stack.door is None
    assert Template(json.loads((tmp_path / "plain.template.json").read_text())).of_type("AWS::Lambda::Url") == {}


@pytest.mark.parametrize(
    "wrong", [{"team_id": "C1"}, {"app_id": "T123"}, {"responders": ["alice"]}, {"on_call": "@on-call"}]
)
def test_an_id_that_is_none_is_refused_with_what_to_do(wrong):
    with pytest.raises(ConfigurationError, match="looks"):
        Deployment.from_mapping({**CONTENTS["one-region"], "react": {"enabled": True, **wrong}})
