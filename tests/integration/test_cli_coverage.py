"""`rootwatch coverage`: the templates as the CDK app makes them, and an account with its rules as they are."""

import json

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from typer.testing import CliRunner

from cli.main import app
from infra.coverage import expected_rules
from infra.deployment import Deployment

HOME, OTHER = "us-east-1", "eu-west-1"


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(
        f'[deployment]\naccount = "123456789012"\nhome_region = "{HOME}"\nwatched_regions = ["{OTHER}"]\n'
        '[slack]\nchannel = "C0123456789"\n'
    )
    return path


@pytest.fixture
def deployed(aws, config):
    """An account with every rule that the deployment needs."""
    deployment = Deployment.load(config)
    boto3.client("events", region_name=HOME).create_event_bus(Name=deployment.hub_bus_name)
    for item in expected_rules(deployment, deployment.catalogue):
        put(item.rule)
    return deployment


def put(rule, **changes):
    client = boto3.client("events", region_name=rule.region)
    client.put_rule(
        **{
            "Name": rule.name,
            "EventBusName": rule.bus,
            "EventPattern": json.dumps(rule.pattern),
            "State": rule.state,
            **changes,
        }
    )
    client.put_targets(
        Rule=rule.name, EventBusName=rule.bus, Targets=[{"Id": "Target", "Arn": arn} for arn in rule.targets]
    )


def coverage(config, *options):
    return CliRunner().invoke(app, ["coverage", "--config", str(config), *options])


def test_the_templates_have_every_rule(config):
    result = coverage(config)
    assert result.exit_code == 0, result.output
    deployment = Deployment.load(config)
    number = len(expected_rules(deployment, deployment.catalogue))
    assert result.stdout.splitlines()[-1] == f"{number} rules expected: {number} as expected"
    assert "123456789012  us-east-1  root-console-login " in result.stdout
    assert "123456789012  eu-west-1  root-activity " in result.stdout
    assert "123456789012  eu-west-1  root-console-login " not in result.stdout


def test_an_account_with_every_rule_is_well(deployed, config):
    result = coverage(config, "--live")
    assert result.exit_code == 0, result.output
    assert " missing" not in result.stdout


def test_what_was_removed_switched_off_narrowed_or_added_is_found(deployed, config):
    rules = {(item.label, item.rule.region): item.rule for item in expected_rules(deployed, deployed.catalogue)}
    home, other = (boto3.client("events", region_name=region) for region in (HOME, OTHER))
    home.remove_targets(Rule="rootwatch-root-console-login", Ids=["Target"])
    home.disable_rule(Name="rootwatch-trail-tampered")
    home.remove_targets(Rule="rootwatch-access-key-created", Ids=["Target"])
    home.delete_rule(Name="rootwatch-access-key-created")
    put(rules["root-activity", OTHER], EventPattern=json.dumps({"source": ["aws.nothing"]}))
    other.put_rule(Name="rootwatch-retired", EventPattern='{"source": ["aws.iam"]}')
    other.put_targets(Rule="rootwatch-retired", Targets=[{"Id": "Target", "Arn": deployed.hub_bus_arn}])
    home.put_rule(Name="rootwatch-tick", ScheduleExpression="rate(1 hour)")
    result = coverage(config, "--live", "--json")
    assert result.exit_code == 1
    table = [json.loads(line) for line in result.stdout.splitlines()]
    found = {(row["rule"], row["region"]): row["standing"] for row in table if row["standing"] != "as expected"}
    assert found == {
        ("rootwatch-root-console-login", HOME): "delivers nowhere",
        ("rootwatch-trail-tampered", HOME): "switched off",
        ("rootwatch-access-key-created", HOME): "missing",
        ("rootwatch-root-activity", OTHER): "has another pattern",
        ("rootwatch-retired", OTHER): "not expected",
    }
    assert "1 missing" in result.stderr
    assert "; 1 rule not expected" in result.stderr


def test_an_account_without_anything_says_so_rule_by_rule(aws, config):
    result = coverage(config, "--live")
    assert result.exit_code == 1
    deployment = Deployment.load(config)
    number = len(expected_rules(deployment, deployment.catalogue))
    assert result.stdout.splitlines()[-1] == f"{number} rules expected: {number} missing"


def test_a_region_that_cannot_be_asked_is_named_with_the_reason_and_the_others_are_told(deployed, config, monkeypatch):
    asked = BaseClient._make_api_call

    def refuse(self, operation, parameters):
        if operation == "ListRules" and self.meta.region_name == OTHER:
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, operation)
        return asked(self, operation, parameters)

    monkeypatch.setattr(BaseClient, "_make_api_call", refuse)
    result = coverage(config, "--live")
    assert result.exit_code == 1
    assert "could not be asked (AccessDeniedException)" in result.stdout
    lines = result.stdout.splitlines()
    assert all("as expected" in line for line in lines if f" {HOME} " in line)
    assert any(f" {HOME} " in line for line in lines)


def test_credentials_of_another_account_are_refused(aws, config):
    config.write_text(config.read_text().replace("123456789012", "210987654321"))
    result = coverage(config, "--live")
    assert result.exit_code == 1
    assert "your AWS credentials belong to account 123456789012, and this deployment to 210987654321" in result.stderr


def test_without_credentials_it_says_how_to_get_them(config, monkeypatch, tmp_path):
    for name in ("AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    result = coverage(config, "--live")
    assert result.exit_code == 1
    assert "AWS cannot be asked: NoCredentialsError." in result.stderr
    assert "aws sso login" in result.stderr
