"""The monthly report's function: when it is called, what it carries, and all that it may do."""

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

from handlers.settings import ReportSettings
from infra.alerting_stack import AlertingStack
from infra.deployment import Deployment
from infra.python_function import CODE_AND_AUDIT, LAMBDA, asset_hash, code_files

ACCOUNT, HOME = "123456789012", "us-east-1"
KEY = f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/0a1b2c3d-0000-4000-8000-000000000000"
NAME = "rootwatch-monthly-report"


def content(**sections: Any) -> dict[str, Any]:
    return {
        "deployment": {"account": ACCOUNT, "home_region": HOME},
        "slack": {"channel": "C0123456789"},
        "display": {"time_zone": "Asia/Tokyo", "language": "ja"},
        "report": {"enabled": True},
        **sections,
    }


CONTENTS: Mapping[str, dict[str, Any]] = {
    "off": content(report={}),
    "plain": content(),
    "asking": content(audit={"enabled": True}, accounts={"210987654321": "shop"}),
    "organisation": content(
        audit={"enabled": True, "accounts_from": "question"},
        trail={"organization_id": "o-a1b2c3d4e5", "customer_key": True},
    ),
    "existing": content(
        audit={"enabled": True, "log_key_arn": KEY},
        trail={"mode": "existing", "name": "main", "bucket_name": "example-logs", "key_prefix": "x/y"},
    ),
    "without a trail": content(trail={"mode": "skip"}),
}


@pytest.fixture(scope="module")
def paths(context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The template of each; synthesis fails on a cdk-nag finding that nobody accepted."""
    directory = tmp_path_factory.mktemp("report")
    found = {}
    for name, settings in CONTENTS.items():
        app = App(
            context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(directory / name), analytics_reporting=False
        )
        Validations.of(app).add_plugins(AwsSolutionsChecks(app))
        AlertingStack(app, "alerting", deployment=Deployment.from_mapping(settings))
        app.synth()
        found[name] = directory / name / "alerting.template.json"
    return found


@pytest.fixture(scope="module")
def templates(paths: dict[str, Path]) -> dict[str, dict[str, Any]]:
    return {name: json.loads(path.read_text()) for name, path in paths.items()}


def of_type(template: dict[str, Any], type: str) -> list[dict[str, Any]]:
    return [item["Properties"] for item in template["Resources"].values() if item["Type"] == type]


def function(template: dict[str, Any]) -> dict[str, Any]:
    (found,) = [item for item in of_type(template, "AWS::Lambda::Function") if item["FunctionName"] == NAME]
    return found


def statements(template: dict[str, Any]) -> list[dict[str, Any]]:
    (role,) = [
        id
        for id, item in template["Resources"].items()
        if item["Type"] == "AWS::IAM::Role" and item["Properties"].get("RoleName") == NAME
    ]
    found = []
    for policy in of_type(template, "AWS::IAM::Policy"):
        if {"Ref": role} in policy["Roles"]:
            found += policy["PolicyDocument"]["Statement"]
    return found


def rights(template: dict[str, Any]) -> dict[str, set[str]]:
    """What the function may do, and to what; what a template cannot know yet is shown by its id."""
    found: dict[str, set[str]] = {}
    for statement in statements(template):
        assert statement["Effect"] == "Allow"
        actions = statement["Action"] if isinstance(statement["Action"], list) else [statement["Action"]]
        resources = statement["Resource"] if isinstance(statement["Resource"], list) else [statement["Resource"]]
        for action in actions:
            found.setdefault(action, set()).update(_text(item) for item in resources)
    return found


def _text(resource: Any) -> str:
    if isinstance(resource, str):
        return resource
    if "Fn::GetAtt" in resource:
        return f"<{resource['Fn::GetAtt'][0].rstrip('0123456789ABCDEF')}>"
    return json.dumps(resource)


def test_nothing_of_it_is_there_unless_it_is_asked_for(templates: dict[str, dict[str, Any]]) -> None:
    names = [item["FunctionName"] for item in of_type(templates["off"], "AWS::Lambda::Function")]
    assert NAME not in names
    assert not [id for id in templates["off"]["Resources"] if "Report" in id]


def test_it_is_called_on_the_first_of_the_month_in_the_readers_time_zone(templates: dict[str, dict[str, Any]]) -> None:
    (schedule,) = [item for item in of_type(templates["plain"], "AWS::Scheduler::Schedule") if "report" in item["Name"]]
    assert schedule["ScheduleExpression"] == "cron(0 6 1 * ? *)"
    assert schedule["ScheduleExpressionTimezone"] == "Asia/Tokyo"
    assert json.loads(schedule["Target"]["Input"]) == {"at": "<aws.scheduler.scheduled-time>"}
    assert schedule["Target"]["DeadLetterConfig"]


def test_the_scheduler_may_call_this_function_and_nobody_else_may_be_the_scheduler(
    templates: dict[str, dict[str, Any]],
) -> None:
    (role,) = [
        item
        for item in of_type(templates["plain"], "AWS::IAM::Role")
        if item["RoleName"] == "rootwatch-report-schedule"
    ]
    (trust,) = role["AssumeRolePolicyDocument"]["Statement"]
    assert trust["Condition"] == {
        "ArnEquals": {"aws:SourceArn": f"arn:aws:scheduler:{HOME}:{ACCOUNT}:schedule-group/rootwatch-report"},
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
    }


def test_what_it_may_do_without_questions_and_nothing_else(templates: dict[str, dict[str, Any]]) -> None:
    found = rights(templates["plain"])
    logs = f"arn:aws:s3:::rootwatch-trail-{ACCOUNT}-{HOME}"
    assert set(found) == {
        "access-analyzer:ListAnalyzers",
        "access-analyzer:ListFindings",
        "cloudtrail:ListPublicKeys",
        "config:DescribeComplianceByConfigRule",
        "config:DescribeConfigRules",
        "config:GetComplianceDetailsByConfigRule",
        "dynamodb:GetItem",
        "dynamodb:Query",
        "dynamodb:Scan",
        "dynamodb:UpdateItem",
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
        "logs:CreateLogStream",
        "logs:PutLogEvents",
        "s3:GetBucketLocation",
        "s3:GetObject",
        "s3:ListBucket",
        "s3:PutObject",
        "sns:Publish",
        "sqs:SendMessage",
        "ssm:GetParameter",
    }
    assert found["s3:PutObject"] == {f"arn:aws:s3:::rootwatch-audit-{ACCOUNT}-{HOME}/reports/*"}
    assert found["s3:GetObject"] == {
        f"{logs}/AWSLogs/{ACCOUNT}/CloudTrail/*",
        f"{logs}/AWSLogs/{ACCOUNT}/CloudTrail-Digest/*",
    }
    assert found["s3:ListBucket"] == {logs}
    assert found["config:DescribeConfigRules"] == {f"arn:aws:config:{HOME}:{ACCOUNT}:config-rule/*"}
    assert found["access-analyzer:ListFindings"] == {f"arn:aws:access-analyzer:{HOME}:{ACCOUNT}:analyzer/*"}
    everything = {action for action, resources in found.items() if "*" in resources}
    assert everything == {
        "access-analyzer:ListAnalyzers",
        "cloudtrail:ListPublicKeys",
        "iam:GenerateCredentialReport",
        "iam:GetCredentialReport",
    }


def test_of_the_alert_table_it_writes_one_kind_of_row(templates: dict[str, dict[str, Any]]) -> None:
    (writing,) = [item for item in statements(templates["plain"]) if item["Action"] == "dynamodb:UpdateItem"]
    assert writing["Condition"] == {"ForAllValues:StringLike": {"dynamodb:LeadingKeys": ["ERRAND#monthly-report *"]}}


def test_with_questions_it_may_ask_them_in_the_auditors_workgroup_alone(templates: dict[str, dict[str, Any]]) -> None:
    before, found = rights(templates["plain"]), rights(templates["asking"])
    assert set(found) - set(before) == {
        "athena:GetQueryExecution",
        "athena:GetQueryResults",
        "athena:StartQueryExecution",
        "athena:StopQueryExecution",
        "glue:GetDatabase",
        "glue:GetTable",
        "glue:GetTables",
        "s3:AbortMultipartUpload",
        "s3:ListMultipartUploadParts",
    }
    assert found["athena:StartQueryExecution"] == {f"arn:aws:athena:{HOME}:{ACCOUNT}:workgroup/rootwatch-audit"}
    assert found["s3:PutObject"] == {
        f"arn:aws:s3:::rootwatch-audit-{ACCOUNT}-{HOME}/reports/*",
        f"arn:aws:s3:::rootwatch-answers-{ACCOUNT}-{HOME}/answers/*",
    }
    audit = f"arn:aws:s3:::rootwatch-audit-{ACCOUNT}-{HOME}"
    assert {f"{audit}/{name}/*" for name in ("findings", "transitions", "windows")} < found["s3:GetObject"]
    assert f"{audit}/reports/*" not in found["s3:GetObject"]  # it never reads what it wrote
    logs = f"arn:aws:s3:::rootwatch-trail-{ACCOUNT}-{HOME}/AWSLogs"
    assert f"{logs}/210987654321/CloudTrail/*" in found["s3:GetObject"]
    settings = ReportSettings.from_environment(function(templates["asking"])["Environment"]["Variables"] | _TOKENS)
    assert (settings.workgroup, settings.database) == ("rootwatch-audit", "rootwatch_audit")
    assert settings.log_accounts == (ACCOUNT, "210987654321")
    assert settings.question_account == ""


_TOKENS = {f"ROOTWATCH_{name}": "x" for name in ("TABLE_NAME", "TOPIC_ARN", "AUDIT_BUCKET", "SLACK_TOKEN_SOURCE")}


def test_an_organisations_keys_are_used_through_s3_by_their_alias(templates: dict[str, dict[str, Any]]) -> None:
    keys = [item for item in statements(templates["organisation"]) if "kms:Decrypt" in str(item["Action"])]
    aliases = {item["Condition"]["ForAnyValue:StringEquals"]["kms:ResourceAliases"] for item in keys}
    assert aliases == {"alias/rootwatch-trail", "alias/rootwatch-audit"}
    assert all(item["Condition"]["StringEquals"]["kms:ViaService"] == f"s3.{HOME}.amazonaws.com" for item in keys)
    settings = ReportSettings.from_environment(
        function(templates["organisation"])["Environment"]["Variables"] | _TOKENS
    )
    assert settings.question_account == ACCOUNT
    assert settings.log_accounts == ()


def test_logs_that_were_there_before_are_read_where_they_are(templates: dict[str, dict[str, Any]]) -> None:
    found = rights(templates["existing"])
    assert f"arn:aws:s3:::example-logs/x/y/AWSLogs/{ACCOUNT}/CloudTrail-Digest/*" in found["s3:GetObject"]
    assert found["kms:Decrypt"] == {KEY}
    settings = ReportSettings.from_environment(function(templates["existing"])["Environment"]["Variables"] | _TOKENS)
    assert (settings.log_bucket, settings.log_prefix) == ("example-logs", "x/y/")


def test_without_a_trail_no_log_is_read(templates: dict[str, dict[str, Any]]) -> None:
    found = rights(templates["without a trail"])
    assert "s3:GetObject" not in found
    settings = ReportSettings.from_environment(
        function(templates["without a trail"])["Environment"]["Variables"] | _TOKENS
    )
    assert settings.log_bucket == ""


def test_its_failures_have_an_alarm(templates: dict[str, dict[str, Any]]) -> None:
    alarms = [item["AlarmName"] for item in of_type(templates["plain"], "AWS::CloudWatch::Alarm")]
    assert f"{NAME}-errors" in alarms


def test_it_alone_carries_what_auditors_ask() -> None:
    usual, more = set(code_files()), set(code_files(folders=CODE_AND_AUDIT))
    assert not {name for name in usual if name.startswith("audit/")}
    assert {
        "audit/report/templates/report.html",
        "audit/report/templates/report.css",
        "audit/report/session_calls.sql",
        "audit/queries/root_sign_ins.sql",
        "audit/athena.py",
        "audit/digest.py",
    } < more
    assert asset_hash(LAMBDA) != asset_hash(LAMBDA, folders=CODE_AND_AUDIT)


def test_cfn_lint_has_nothing_to_say(paths: dict[str, Path]) -> None:
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--non-zero-exit-code", "error"]
    done = subprocess.run([*command, str(paths["organisation"])], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_the_function_imports_is_in_its_bundle() -> None:
    """In a process that sees only what the function carries, and the packages of the requirements."""
    code = (
        "import sys, importlib.util; import handlers.monthly_report; "
        "print(sorted(name for name in sys.modules if name.split('.')[0] in ('audit', 'handlers')))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    files = set(code_files(folders=CODE_AND_AUDIT))
    for name in json.loads(done.stdout.replace("'", '"')):
        path = name.replace(".", "/")
        assert {f"{path}.py", f"{path}/__init__.py"} & files, name
    assert "duckdb" not in done.stdout
