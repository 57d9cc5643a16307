"""`rootwatch slack set-token`: from a pipe or a hidden prompt into AWS, and nowhere else."""

import logging
import traceback

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ClientError
from slack_sdk.web.client import WebClient
from typer.testing import CliRunner

from cli.main import app

TOKEN = "xoxb-" + "123456789012-" + "a1B2" * 6
NAME = "rootwatch/slack-token"


@pytest.fixture
def deployment(tmp_path, httpserver):
    """Write a rootwatch.toml that speaks to the local Slack; returns its path."""

    def write(account="123456789012", store="ssm"):
        path = tmp_path / "rootwatch.toml"
        path.write_text(
            f'[deployment]\naccount = "{account}"\nhome_region = "us-east-1"\n'
            f'[slack]\nchannel = "C0123456789"\ntoken_store = "{store}"\n'
            f'[advanced]\nslack_api_url = "{httpserver.url_for("/api/")}"\n'
        )
        return path

    return write


@pytest.fixture
def auth_test(httpserver):
    """Slack's auth.test: answers OK for TOKEN alone; keyword arguments change the answer."""

    def answer(headers=None, **changes):
        httpserver.expect_request("/api/auth.test", headers={"Authorization": f"Bearer {TOKEN}"}).respond_with_json(
            {"ok": True, "team": "Example", "user": "rootwatch", **changes}, headers=headers or {}
        )

    return answer


def set_token(path, *options, token=TOKEN):
    result = CliRunner().invoke(app, ["slack", "set-token", "--config", str(path), *options], input=token + "\n")
    assert TOKEN not in result.output
    return result


def test_the_token_is_checked_and_stored_encrypted(aws, deployment, auth_test):
    auth_test()
    result = set_token(deployment())
    assert result.exit_code == 0, result.output
    assert "the bot rootwatch of the workspace Example" in result.stdout
    assert f"Stored in the parameter /{NAME} (SecureString)" in result.stdout
    ssm = boto3.client("ssm", region_name="us-east-1")
    parameter = ssm.get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", TOKEN)


def test_setting_it_again_replaces_it(aws, deployment, auth_test):
    auth_test()
    assert set_token(deployment(), "--no-check", token="xoxb-0123456789-old").exit_code == 0
    assert set_token(deployment()).exit_code == 0
    ssm = boto3.client("ssm", region_name="us-east-1")
    assert ssm.get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]["Value"] == TOKEN


def test_secrets_manager_keeps_it_where_the_deployment_says_so(aws, deployment, auth_test):
    auth_test()
    client = boto3.client("secretsmanager", region_name="us-east-1")
    client.create_secret(Name=NAME)
    result = set_token(deployment(store="secretsmanager"))
    assert result.exit_code == 0, result.output
    assert client.get_secret_value(SecretId=NAME)["SecretString"] == TOKEN


def test_a_secret_that_is_not_deployed_yet_says_deploy_first(aws, deployment):
    result = set_token(deployment(store="secretsmanager"), "--no-check")
    assert result.exit_code == 1
    assert f"the secret {NAME} does not exist yet in us-east-1" in result.stderr
    assert "Fix: deploy first" in result.stderr


def test_credentials_of_another_account_store_nothing(aws, deployment):
    result = set_token(deployment(account="210987654321"), "--no-check")
    assert result.exit_code == 1
    assert "your AWS credentials belong to account 123456789012, and this deployment to 210987654321" in result.stderr
    assert boto3.client("ssm", region_name="us-east-1").describe_parameters()["Parameters"] == []


@pytest.mark.parametrize("error", ["invalid_auth", "account_inactive"])
def test_a_token_that_slack_refuses_is_not_stored(aws, deployment, auth_test, error):
    auth_test(ok=False, error=error)
    result = set_token(deployment())
    assert result.exit_code == 1
    assert f"Slack refuses this token: {error}." in result.stderr
    assert boto3.client("ssm", region_name="us-east-1").describe_parameters()["Parameters"] == []


def test_a_token_whose_app_may_not_post_is_not_stored(aws, deployment, auth_test):
    auth_test(headers={"x-oauth-scopes": "channels:read,chat:write.public"})
    result = set_token(deployment())
    assert result.exit_code == 1
    assert "lacks the scope chat:write" in result.stderr


def test_a_token_whose_app_may_post_is_stored_however_the_header_is_spelled(aws, deployment, auth_test):
    auth_test(headers={"X-OAuth-Scopes": "chat:write, chat:write.public"})
    assert set_token(deployment()).exit_code == 0


@pytest.mark.parametrize("status", [500, 200])
def test_a_slack_that_answers_nonsense_says_how_to_go_on(aws, deployment, httpserver, status):
    httpserver.expect_request("/api/auth.test").respond_with_data("<html>", status=status)
    result = set_token(deployment())
    assert result.exit_code == 1
    assert f"Slack cannot be asked about this token: it answered with HTTP status {status}." in result.stderr
    assert "--no-check" in result.stderr


@pytest.mark.parametrize("error", ["ratelimited", "internal_error", "\x1b[2Jfine", ["invalid_auth"], None])
def test_an_answer_about_slack_rather_than_the_token_does_not_blame_the_token(aws, deployment, auth_test, error):
    auth_test(ok=False, error=error)
    result = set_token(deployment())
    assert result.exit_code == 1
    assert "Slack cannot be asked about this token" in result.stderr
    assert "\x1b" not in result.stderr


def test_a_slack_that_cannot_be_reached_says_how_to_go_on(aws, tmp_path):
    path = tmp_path / "rootwatch.toml"
    path.write_text(
        '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n[slack]\nchannel = "C0123456789"\n'
        '[advanced]\nslack_api_url = "http://127.0.0.1:9/api/"\n'
    )
    result = set_token(path)
    assert result.exit_code == 1
    assert "Slack cannot be asked about this token: URLError" in result.stderr
    assert "--no-check" in result.stderr


def test_without_credentials_aws_says_how_to_sign_in(deployment, monkeypatch, tmp_path):
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    result = set_token(deployment(), "--no-check")
    assert result.exit_code == 1
    assert "AWS cannot be asked: NoCredentialsError" in result.stderr
    assert "aws sts get-caller-identity" in result.stderr
    monkeypatch.setenv("AWS_PROFILE", "nobody")
    assert "AWS cannot be asked: ProfileNotFound" in set_token(deployment(), "--no-check").stderr


def test_a_right_that_is_missing_is_named(aws, deployment, monkeypatch):
    original = BaseClient._make_api_call

    def deny(self, operation, arguments):
        if operation == "PutParameter":
            raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": f"no {TOKEN}"}}, operation)
        return original(self, operation, arguments)

    monkeypatch.setattr(BaseClient, "_make_api_call", deny)
    result = set_token(deployment(), "--no-check")
    assert result.exit_code == 1
    assert "AWS does not let you call PutParameter (AccessDeniedException)" in result.stderr
    assert f"/{NAME}" in result.stderr


def test_at_a_terminal_the_token_is_asked_for_without_being_shown(aws, deployment, monkeypatch):
    asked = {}

    def prompt(text, **options):
        asked.update(options)
        return TOKEN

    monkeypatch.setattr("cli.main._is_terminal", lambda _stream: True)
    monkeypatch.setattr("typer.prompt", prompt)
    result = set_token(deployment(), "--no-check", token="not read")
    assert result.exit_code == 0
    assert asked["hide_input"] is True
    ssm = boto3.client("ssm", region_name="us-east-1")
    assert ssm.get_parameter(Name=f"/{NAME}", WithDecryption=True)["Parameter"]["Value"] == TOKEN


def test_no_log_line_holds_the_token(aws, deployment, auth_test, caplog):
    caplog.set_level(logging.DEBUG)
    auth_test()
    assert set_token(deployment()).exit_code == 0
    ours = [entry for entry in caplog.records if not entry.name.startswith(("botocore", "urllib3", "werkzeug"))]
    assert [entry for entry in ours if TOKEN in entry.getMessage()] == []


def test_even_a_traceback_does_not_hold_the_token(aws, deployment, monkeypatch):
    def broken(self, **_options):
        raise ValueError(f"Invalid header value b'Bearer {TOKEN}'")

    monkeypatch.setattr(WebClient, "auth_test", broken)
    result = CliRunner().invoke(app, ["--debug", "slack", "set-token", "--config", str(deployment())], input=TOKEN)
    assert TOKEN not in "".join(traceback.format_exception(result.exception))
    assert TOKEN not in result.output
