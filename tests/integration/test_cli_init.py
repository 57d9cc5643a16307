"""`rootwatch init` with AWS credentials at hand."""

from typer.testing import CliRunner

from cli.main import app
from infra.deployment import Deployment


def test_the_account_of_the_credentials_is_the_default(aws, tmp_path):
    output = tmp_path / "rootwatch.toml"
    result = CliRunner().invoke(app, ["init", "-o", str(output), "--channel", "C0123456789"], input="\n" * 9)
    assert result.exit_code == 0, result.output
    assert "1. AWS account id [123456789012]: " in result.stdout
    assert Deployment.load(output).account == "123456789012"


def test_yes_takes_the_account_of_the_credentials(aws, tmp_path):
    output = tmp_path / "rootwatch.toml"
    assert CliRunner().invoke(app, ["init", "--yes", "-o", str(output), "--channel", "C0123456789"]).exit_code == 0
    assert Deployment.load(output).account == "123456789012"
