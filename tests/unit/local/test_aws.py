"""Starting the local AWS fails with words, and what runs in it never sees the caller's own credentials."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from local.aws import LocalAws, LocalAwsError


def test_a_missing_emulator_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="make setup"):
        LocalAws(directory=tmp_path, root=tmp_path).__enter__()


def test_a_taken_port_is_named_with_the_remedy(tmp_path: Path) -> None:
    python = tmp_path / ".emulator" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.touch()
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(LocalAwsError, match=rf"Port {port} .*another .*setting `port`"):
            LocalAws(directory=tmp_path, root=tmp_path, port=port).__enter__()


def test_an_emulator_that_dies_shows_the_end_of_its_log(tmp_path: Path) -> None:
    python = tmp_path / ".emulator" / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.write_text("#!/bin/sh\necho no module named ministack\nexit 1\n")
    python.chmod(0o755)
    with pytest.raises(LocalAwsError, match=r"did not start(?s:.*)no module named ministack"):
        LocalAws(directory=tmp_path, root=tmp_path, port=0).__enter__()


def test_a_missing_cdk_cli_says_how_to_get_it(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="make setup"):
        LocalAws(directory=tmp_path, root=tmp_path).deploy("Stack", tmp_path)


def test_programs_get_this_endpoint_and_none_of_the_callers_credentials(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "production")
    monkeypatch.setenv("AWS_SESSION_TOKEN", "real")
    monkeypatch.setenv("AWS_ENDPOINT_URL_IAM", "https://elsewhere.example")
    environment = LocalAws(directory=tmp_path, port=4999).environment()
    assert environment["AWS_ENDPOINT_URL"] == "http://127.0.0.1:4999"
    assert environment["AWS_ACCESS_KEY_ID"] == "123456789012"
    assert not {"AWS_PROFILE", "AWS_SESSION_TOKEN", "AWS_ENDPOINT_URL_IAM"} & environment.keys()
    assert not Path(environment["AWS_CONFIG_FILE"]).exists()
    assert "127.0.0.1" in environment["NO_PROXY"]


def test_a_function_url_is_turned_into_the_local_one(tmp_path: Path) -> None:
    aws = LocalAws(directory=tmp_path, port=4999)
    assert aws.function_url("https://abc123.lambda-url.us-east-1.on.aws/") == (
        "http://127.0.0.1:4999/_aws/lambda-url/abc123/"
    )


def test_asking_one_that_does_not_run_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LocalAwsError, match="not running"):
        LocalAws(directory=tmp_path).records()
