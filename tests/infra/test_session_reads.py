"""What a function may read to tell what was done in a session."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack, Validations
from cdk_nag import AwsSolutionsChecks

from infra.deployment import ConfigurationError, Deployment
from infra.python_function import PythonFunction
from infra.session_reads import grant_session_reads

ACCOUNT = "123456789012"
MINIMAL = f"""\
[deployment]
account = "{ACCOUNT}"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
"""
BUCKET = f"rootwatch-trail-{ACCOUNT}-us-east-1"


def statements(text: str, tmp_path: Path, context: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """The function's statements by their (first) action; synthesis fails on a finding that nobody accepted."""
    deployment = Deployment.parse(MINIMAL + text, file="rootwatch.toml")
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(tmp_path), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    function = PythonFunction(
        Stack(app, "stack"),
        "FollowUp",
        deployment=deployment,
        name="follow-up",
        handler="handlers.follow_up.handler",
        description="Follows up",
        environment={},
    )
    grant_session_reads(function, deployment)
    app.synth()
    template = json.loads((tmp_path / "stack.template.json").read_text())
    found: dict[str, dict[str, Any]] = {}
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::IAM::Policy":
            for statement in resource["Properties"]["PolicyDocument"]["Statement"]:
                action = statement["Action"]
                found[action if isinstance(action, str) else action[0]] = statement
    return found


def test_by_default_the_event_history_alone_is_read(tmp_path: Path, context: dict[str, Any]) -> None:
    found = statements("", tmp_path, context)
    assert found["cloudtrail:LookupEvents"]["Resource"] == "*"
    assert not [action for action in found if action.startswith(("s3:", "kms:"))]


def test_where_it_is_configured_the_log_files_alone_can_be_listed_and_read(
    tmp_path: Path, context: dict[str, Any]
) -> None:
    found = statements("[sessions]\nread_log_bucket = true\n", tmp_path, context)
    files = f"AWSLogs/{ACCOUNT}/CloudTrail/*"
    assert found["s3:GetObject"]["Resource"] == f"arn:aws:s3:::{BUCKET}/{files}"
    assert found["s3:ListBucket"]["Resource"] == f"arn:aws:s3:::{BUCKET}"
    assert found["s3:ListBucket"]["Condition"] == {"StringLike": {"s3:prefix": [files]}}
    assert "kms:Decrypt" not in found


def test_an_organisations_logs_behind_a_prefix_of_an_existing_bucket(tmp_path: Path, context: dict[str, Any]) -> None:
    text = """\
[trail]
mode = "existing"
name = "main"
bucket_name = "example-logs"
key_prefix = "prefix"
[sessions]
read_log_bucket = true
"""
    found = statements(text, tmp_path, context)
    assert found["s3:GetObject"]["Resource"] == f"arn:aws:s3:::example-logs/prefix/AWSLogs/{ACCOUNT}/CloudTrail/*"
    organisation = (
        '[trail]\norganization_id = "o-a1b2c3d4e5"\ncustomer_key = true\n[sessions]\nread_log_bucket = true\n'
    )
    found = statements(organisation, tmp_path / "organisation", context)
    assert found["s3:GetObject"]["Resource"] == f"arn:aws:s3:::{BUCKET}/AWSLogs/o-a1b2c3d4e5/*/CloudTrail/*"
    assert found["kms:Decrypt"]["Condition"] == {
        "ForAnyValue:StringEquals": {"kms:ResourceAliases": "alias/rootwatch-trail"},
        "StringEquals": {"kms:ViaService": "s3.us-east-1.amazonaws.com"},
    }


def test_a_log_bucket_that_nobody_named_cannot_be_read() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Deployment.parse(
            MINIMAL + '[trail]\nmode = "skip"\n[sessions]\nread_log_bucket = true\n', file="rootwatch.toml"
        )
    (problem,) = caught.value.problems
    assert problem.key is not None
    assert problem.key.startswith("sessions")
    assert "knows of no log bucket" in problem.cause
    assert 'trail.mode = "existing"' in problem.remedy
