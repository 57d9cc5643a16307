"""Slack's door: one public address, and the least rights behind it."""

import json
from pathlib import Path

import pytest
from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks

from infra.alerting_stack import AlertingStack
from infra.deployment import ConfigurationError, Deployment
from tests.infra.conftest import CONTENTS, Template, written_out


@pytest.fixture(scope="module")
def template(context, tmp_path_factory):
    directory = tmp_path_factory.mktemp("door")
    app = App(context={**context, "aws:cdk:bundling-stacks": []}, outdir=str(directory), analytics_reporting=False)
    Validations.of(app).add_plugins(AwsSolutionsChecks(app))
    content = {**CONTENTS["one-region"], "react": {"enabled": True, "responders": ["U0123456789"]}}
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


@pytest.mark.parametrize("wrong", [{"team_id": "C1"}, {"app_id": "T123"}, {"responders": ["alice"]}])
def test_an_id_that_is_none_is_refused_with_what_to_do(wrong):
    with pytest.raises(ConfigurationError, match="looks like"):
        Deployment.from_mapping({**CONTENTS["one-region"], "react": {"enabled": True, **wrong}})
