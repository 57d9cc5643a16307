import json

import boto3
import pytest
from typer.testing import CliRunner

from cli.main import app
from tests.building import envelope, root_record


@pytest.fixture
def rootwatch(monkeypatch, tmp_path):
    """The command, run in an empty folder without anybody's AWS credentials: (arguments..., input=...) -> Result."""
    monkeypatch.chdir(tmp_path)
    for name in ("AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "no-credentials"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "no-config"))
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)  # else it has the credentials of a test before this one

    def run(*arguments, **options):
        return CliRunner().invoke(app, [str(argument) for argument in arguments], **options)

    return run


@pytest.fixture
def sign_in():
    """An event that raises exactly one CRITICAL alert; keyword arguments change its record."""

    def make(**changes):
        detail = root_record(
            **{
                "eventName": "ConsoleLogin",
                "eventSource": "signin.amazonaws.com",
                "eventType": "AwsConsoleSignIn",
                "requestParameters": None,
                "responseElements": {"ConsoleLogin": "Success"},
                "additionalEventData": {"MFAUsed": "No"},
                **changes,
            }
        )
        return envelope(detail, **{"detail-type": "AWS Console Sign In via CloudTrail", "source": "aws.signin"})

    return make


@pytest.fixture
def write(tmp_path):
    """Write a file below the test's folder: bytes or text as they are, everything else as JSON."""

    def make(name, content):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if not isinstance(content, (bytes, str)):
            content = json.dumps(content)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return make
