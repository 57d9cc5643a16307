"""`rootwatch destinations`: who is told of what, and secrets on their way into AWS and nowhere else."""

import json

import boto3
import pytest
from typer.testing import CliRunner

from cli.main import app

KEY = "0123456789abcdef0123456789ABCDEF"
FLOW = "https://prod-1.westeurope.logic.example.com:443/workflows/1?sig=hunter2"


@pytest.fixture
def configuration(tmp_path):
    def write(account="123456789012", store="ssm", more=""):
        path = tmp_path / "rootwatch.toml"
        path.write_text(
            f'[deployment]\naccount = "{account}"\nhome_region = "us-east-1"\n'
            f'[slack]\nchannel = "C0123456789"\ntoken_store = "{store}"\n'
            '[destinations.pager]\ntype = "pagerduty"\n'
            '[destinations.soc]\ntype = "webhook"\nurl = "https://alerts.example.com/"\n'
            '[destinations.ms]\ntype = "teams"\n'
            '[destinations.platform]\ntype = "slack"\nchannel = "C9876543210"\n'
            '[[routes]]\nto = ["slack", "pager", "soc", "ms", "platform"]\nat_least = "CRITICAL"\n' + more
        )
        return path

    return write


def run(*arguments, **options):
    return CliRunner().invoke(app, ["destinations", *map(str, arguments)], **options)


def set_secret(path, name, secret):
    result = run("set-secret", name, "--config", path, input=secret + "\n")
    assert not secret.strip() or secret.strip() not in result.output
    return result


@pytest.mark.parametrize(("name", "secret"), [("pager", KEY), ("soc", "x" * 16), ("ms", FLOW)])
def test_a_secret_is_stored_encrypted_and_replaced_by_the_next(aws, configuration, name, secret):
    ssm = boto3.client("ssm", region_name="us-east-1")
    ssm.put_parameter(Name=f"/rootwatch/destinations/{name}", Value="old", Type="SecureString")
    result = set_secret(configuration(), name, f"  {secret} ")
    assert result.exit_code == 0, result.output
    assert f"the parameter /rootwatch/destinations/{name} (SecureString)" in result.stdout
    parameter = ssm.get_parameter(Name=f"/rootwatch/destinations/{name}", WithDecryption=True)["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", secret)


def test_secrets_manager_keeps_it_where_the_deployment_says_so(aws, configuration):
    client = boto3.client("secretsmanager", region_name="us-east-1")
    result = set_secret(configuration(store="secretsmanager"), "pager", KEY)
    assert result.exit_code == 1
    assert "deploy first" in result.output
    client.create_secret(Name="rootwatch/destinations/pager")
    assert set_secret(configuration(store="secretsmanager"), "pager", KEY).exit_code == 0
    assert client.get_secret_value(SecretId="rootwatch/destinations/pager")["SecretString"] == KEY


@pytest.mark.parametrize(
    ("name", "secret", "said"),
    [
        ("pager", "too-short-0", "32 letters and digits"),
        ("pager", "", "nothing was given"),
        ("pager", "ä" * 32, "no secret has"),
        ("soc", "short-secret", "shorter than 16"),
        ("ms", "http://prod-1.example.com/w", "begin with https://"),
        ("ms", "https://127.0.0.1/workflow", "not a public address"),
        ("platform", "anything", "nothing about it is secret"),
        ("nobody", "anything", "there is pager, soc, ms"),
    ],
)
def test_what_cannot_be_one_is_refused_without_being_shown(aws, configuration, name, secret, said):
    result = set_secret(configuration(), name, secret)
    assert result.exit_code == 1
    assert said in result.output
    assert "Traceback" not in result.output


def test_another_account_is_refused(aws, configuration):
    result = set_secret(configuration(account="210987654321"), "pager", KEY)
    assert result.exit_code == 1
    assert "belong to account 123456789012" in result.output


def test_the_list_shows_destinations_routes_and_reminders(configuration):
    result = run("list", "--config", configuration(more="[reminders]\nenabled = true\n"))
    assert result.exit_code == 0, result.output
    for text in (
        "Slack, channel C0123456789, from LOW on",
        "PagerDuty (us), secret /rootwatch/destinations/pager",
        "https://alerts.example.com/",
        "CRITICAL",
        "Every other alert goes to slack and email.",
        "CRITICAL is brought up again after 15 minutes, then every 30, 8 times at most, at any hour.",
        "HIGH is brought up again after 60 minutes, then every 60, 4 times at most, in working hours.",
    ):
        assert text in " ".join(result.stdout.split()), text


def test_programs_get_one_object_a_line(configuration):
    lines = [json.loads(line) for line in run("list", "--json", "--config", configuration()).stdout.splitlines()]
    assert [line["destination"] for line in lines if "destination" in line] == [
        *("slack", "email", "pager", "soc", "ms", "platform")
    ]
    assert lines[-1]["severities"] == ["CRITICAL"]
