"""The app: the right stacks in the right regions, the same templates every time, and no traceback for a typo."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App

import app as rootwatch
from infra.deployment import Deployment

ROOT = Path(__file__).parents[2]
WITHOUT_ASSETS: dict[str, object] = {"aws:cdk:bundling-stacks": []}
MANY = """\
[deployment]
name = "many"
account = "123456789012"
home_region = "ap-northeast-1"
watched_regions = ["us-east-1", "eu-west-1"]
[slack]
channel = "C0123456789"
[email]
addresses = ["alice@example.com"]
[config]
mode = "create"
"""
DEPLOYMENTS = {
    "many": MANY,
    "one": """\
[deployment]
name = "one"
account = "123456789012"
home_region = "us-east-1"
termination_protection = false
[slack]
channel = "C0123456789"
""",
    "bare": """\
[deployment]
name = "bare"
account = "123456789012"
home_region = "us-east-1"
[slack]
channel = "C0123456789"
[trail]
mode = "existing"
name = "main"
bucket_name = "example-logs"
[analyzer]
mode = "skip"
""",
    "china": """\
[deployment]
name = "china"
account = "123456789012"
home_region = "cn-northwest-1"
watched_regions = ["cn-north-1"]
[slack]
channel = "C0123456789"
[trail]
customer_key = true
[config]
mode = "create"
""",
}


@pytest.fixture(scope="module")
def assembly(context: dict[str, Any], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All the deployments above in one assembly; synthesis fails on a cdk-nag finding that nobody accepted."""
    directory = tmp_path_factory.mktemp("assembly")
    app = App(context={**context, **WITHOUT_ASSETS}, outdir=str(directory), analytics_reporting=False)
    for text in DEPLOYMENTS.values():
        rootwatch.build(app, Deployment.parse(text))
    app.synth()
    return directory


@pytest.fixture(scope="module")
def manifest(assembly: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((assembly / "manifest.json").read_text())
    return content


@pytest.fixture(scope="module")
def stacks(manifest: dict[str, Any]) -> dict[str, dict[str, Any]]:
    return {name: item for name, item in manifest["artifacts"].items() if item["type"] == "aws:cloudformation:stack"}


def run_app(directory: Path, *, context: Mapping[str, object], **environment: str) -> subprocess.CompletedProcess[str]:
    """`python app.py` as the CDK runs it, on a machine without credentials and without network."""
    inherited = {key: value for key, value in os.environ.items() if not key.startswith(("AWS_", "CDK_", "ROOTWATCH_"))}
    return subprocess.run(
        [sys.executable, str(ROOT / "app.py")],
        cwd=directory,
        env={
            **inherited,
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",  # where Node may be
            "AWS_CONFIG_FILE": str(directory / "none"),
            "AWS_SHARED_CREDENTIALS_FILE": str(directory / "none"),
            "AWS_EC2_METADATA_DISABLED": "true",
            "HTTPS_PROXY": "http://127.0.0.1:9",
            "CDK_CONTEXT_JSON": json.dumps({**WITHOUT_ASSETS, **context}),
            "CDK_OUTDIR": str(directory / "out"),
            **environment,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_each_region_gets_the_stacks_it_needs(stacks: dict[str, dict[str, Any]]) -> None:
    assert {name: item["environment"] for name, item in stacks.items()} == {
        "many-evidence": "aws://123456789012/ap-northeast-1",
        "many-alerting": "aws://123456789012/ap-northeast-1",
        "many-forwarding-us-east-1": "aws://123456789012/us-east-1",
        "many-forwarding-eu-west-1": "aws://123456789012/eu-west-1",
        "one-evidence": "aws://123456789012/us-east-1",
        "one-alerting": "aws://123456789012/us-east-1",
        "bare-alerting": "aws://123456789012/us-east-1",  # nothing to create, so no Evidence stack
        "china-evidence": "aws://123456789012/cn-northwest-1",
        "china-alerting": "aws://123456789012/cn-northwest-1",
        "china-forwarding-cn-north-1": "aws://123456789012/cn-north-1",
    }


def test_stacks_refuse_to_be_deleted_unless_told_otherwise(stacks: dict[str, dict[str, Any]]) -> None:
    unprotected = {name for name, item in stacks.items() if not item["properties"].get("terminationProtection")}
    assert unprotected == {"one-evidence", "one-alerting"}


def test_the_hub_is_deployed_before_anything_is_forwarded_to_it(stacks: dict[str, dict[str, Any]]) -> None:
    for region in ("us-east-1", "eu-west-1"):
        assert "many-alerting" in stacks[f"many-forwarding-{region}"]["dependencies"]


def test_synthesis_asks_aws_nothing(manifest: dict[str, Any]) -> None:
    assert not manifest.get("missing")


def test_no_arn_is_of_another_partition(assembly: Path) -> None:
    templates = list(assembly.glob("china-*.template.json"))
    assert len(templates) == 3
    for template in templates:
        text = template.read_text()
        assert "arn:aws:" not in text
        assert "arn:aws-us-gov:" not in text


def test_no_stack_refers_to_another(assembly: Path) -> None:
    # Names are fixed and ARNs composed, so that a stack can be deployed, changed and removed by itself.
    for template in assembly.glob("*.template.json"):
        text = template.read_text()
        assert "Fn::ImportValue" not in text
        assert "Fn::GetStackOutput" not in text
        assert '"Export"' not in text


def test_the_recommended_feature_flags_are_set(manifest: dict[str, Any]) -> None:
    (report,) = [item for item in manifest["artifacts"].values() if item["type"] == "cdk:feature-flag-report"]
    flags = report["properties"]["flags"]
    assert len(flags) > 50
    different = {
        name
        for name, flag in flags.items()
        # Ours names one partition more.
        if name != "@aws-cdk/core:target-partitions" and flag.get("userValue") != flag["recommendedValue"]
    }
    assert different == set()


def test_another_process_without_credentials_and_network_writes_the_same_templates(
    assembly: Path, context: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "other.toml").write_text(MANY)
    finished = run_app(tmp_path, context={**context, "config": "other.toml"})
    assert finished.returncode == 0, finished.stderr
    templates = {file.name: file.read_bytes() for file in (tmp_path / "out").glob("*.template.json")}
    assert templates == {file.name: file.read_bytes() for file in assembly.glob("many-*.template.json")}
    assert len(templates) == 4


def test_a_wrong_configuration_is_explained_without_a_traceback(tmp_path: Path) -> None:
    (tmp_path / "other.toml").write_text(MANY.replace('"us-east-1", ', "").replace("C0123456789", "#alerts"))
    finished = run_app(tmp_path, context={}, ROOTWATCH_CONFIG="other.toml")
    assert finished.returncode == 1
    assert finished.stdout == ""
    assert finished.stderr.startswith(
        "other.toml cannot be used: 2 problems.\n  other.toml:5: deployment.watched_regions"
    )
    assert "other.toml:7: slack.channel" in finished.stderr
    assert "Traceback" not in finished.stderr
    assert not list((tmp_path / "out").glob("*.template.json"))


def test_a_missing_configuration_is_explained(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    app = App(context={"config": "nowhere.toml"}, outdir=str(tmp_path))
    monkeypatch.setattr(rootwatch, "App", lambda: app)
    with pytest.raises(SystemExit) as ended:
        rootwatch.main()
    assert "nowhere.toml: there is no such file." in str(ended.value.code)


def test_the_command_line_outranks_the_environment_and_the_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rootwatch, "ROOT", tmp_path)
    monkeypatch.delenv("ROOTWATCH_CONFIG", raising=False)
    assert rootwatch.configuration_file(App()) == tmp_path / "rootwatch.example.toml"
    (tmp_path / "rootwatch.toml").touch()
    assert rootwatch.configuration_file(App()) == tmp_path / "rootwatch.toml"
    monkeypatch.setenv("ROOTWATCH_CONFIG", "environment.toml")
    assert rootwatch.configuration_file(App()) == Path("environment.toml")
    assert rootwatch.configuration_file(App(context={"config": "chosen.toml"})) == Path("chosen.toml")


def test_who_sees_the_example_is_told_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "rootwatch.example.toml").write_text(DEPLOYMENTS["one"])
    monkeypatch.setattr(rootwatch, "ROOT", tmp_path)
    monkeypatch.delenv("ROOTWATCH_CONFIG", raising=False)
    app = App(context=WITHOUT_ASSETS, outdir=str(tmp_path / "out"))
    monkeypatch.setattr(rootwatch, "App", lambda: app)
    rootwatch.main()
    said = capsys.readouterr().err
    assert "NOTE: there is no rootwatch.toml" in said
    assert "WARNING: " in said  # its e-mail list is empty
    assert (tmp_path / "out" / "one-alerting.template.json").exists()
