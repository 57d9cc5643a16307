import boto3
import pytest
from typer.testing import CliRunner

from cli.main import app

SECRET, OLD = "0123456789abcdef0123456789abcdef", "fedcba9876543210fedcba9876543210"


@pytest.fixture
def deployment(tmp_path):
    def write(enabled="true"):
        path = tmp_path / "rootwatch.toml"
        path.write_text(
            '[deployment]\naccount = "123456789012"\nhome_region = "us-east-1"\n'
            f'[slack]\nchannel = "C0123456789"\n[react]\nenabled = {enabled}\n'
        )
        return path

    return write


def set_secret(path, text):
    return CliRunner().invoke(app, ["slack", "set-signing-secret", "--config", str(path)], input=text + "\n")


@pytest.mark.parametrize("text", [SECRET, f"{SECRET}, {OLD}"])
def test_one_secret_or_two_are_stored_encrypted_and_never_printed(aws, deployment, text):
    result = set_secret(deployment(), text)
    assert result.exit_code == 0, result.output
    assert SECRET not in result.output
    parameter = boto3.client("ssm", region_name="us-east-1").get_parameter(
        Name="/rootwatch/slack-signing-secret", WithDecryption=True
    )["Parameter"]
    assert (parameter["Type"], parameter["Value"]) == ("SecureString", text.replace(" ", ""))


@pytest.mark.parametrize("text", ["", "xoxb-1", SECRET[:-1], f"{SECRET},{OLD},{OLD}"])
def test_something_else_is_refused_without_repeating_it(aws, deployment, text):
    result = CliRunner().invoke(app, ["slack", "set-signing-secret", "--config", str(deployment())], input=text + "\n")
    assert result.exit_code != 0
    assert not text or text not in result.output


def test_a_deployment_without_buttons_needs_none(aws, deployment):
    assert set_secret(deployment(enabled="false"), SECRET).exit_code != 0
