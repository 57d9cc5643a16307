"""A function's code: what it carries, how it is named, and what happens when it cannot be made."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import sys
import zipfile
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from aws_cdk import App, Stack
from constructs import Construct

from infra import python_function
from infra.deployment import ConfigurationError, Deployment
from infra.python_function import HOST, LAMBDA, ROOT, PythonFunction, asset_hash, bundle, code_files, dependencies


def deployment(advanced: str = "") -> Deployment:
    return Deployment.parse(
        f"""
        [deployment]
        account = "123456789012"
        home_region = "us-east-1"
        [slack]
        channel = "C0123456789"
        [alerts]
        log_retention_days = 30
        [advanced]
        {advanced}
        """
    )


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """A small project: one detection with its three files, some data, a test, and something else beside it."""
    files = {
        "README.md": "read me",
        "handlers/__init__.py": "",
        "handlers/requirements.txt": "example==1.0 --hash=sha256:" + "0" * 64,
        "handlers/words.tsv": "a\tb",
        "handlers/detections/__main__.py": "print('the catalogue')",
        "handlers/detections/root_login/detection.py": "ROOT_LOGIN = 1",
        "handlers/detections/root_login/examples.json": "{}",
        "handlers/detections/root_login/runbook.md": "# Run",
        "handlers/detections/tests/test_it.py": "",
        "handlers/alerting/table.json": "[]",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.fixture(scope="module")
def bundled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("bundle")
    bundle(target, LAMBDA)
    return target


def test_a_function_carries_code_and_its_data_and_nothing_else(tree: Path) -> None:
    assert code_files(tree) == [
        "handlers/__init__.py",
        "handlers/alerting/table.json",
        "handlers/detections/root_login/detection.py",
        "handlers/words.tsv",
    ]


@pytest.mark.parametrize(
    "name",
    [
        "README.md",
        "handlers/detections/root_login/examples.json",
        "handlers/detections/root_login/runbook.md",
        "handlers/detections/tests/test_it.py",
    ],
)
def test_editing_what_stays_at_home_deploys_nothing(tree: Path, name: str) -> None:
    before = asset_hash(LAMBDA, tree)
    (tree / name).write_text("edited")
    assert asset_hash(LAMBDA, tree) == before


@pytest.mark.parametrize(
    "name",
    [
        "handlers/detections/root_login/detection.py",
        "handlers/alerting/table.json",
        "handlers/words.tsv",
        "handlers/requirements.txt",
        "handlers/new.py",
    ],
)
def test_editing_what_a_function_carries_deploys_it(tree: Path, name: str) -> None:
    before = asset_hash(LAMBDA, tree)
    (tree / name).write_text("edited")
    assert asset_hash(LAMBDA, tree) != before


def test_another_platform_is_another_asset(tree: Path) -> None:
    other_processor = replace(LAMBDA, processor="x86_64")
    other_python = replace(LAMBDA, python="3.14")
    hashes = {asset_hash(platform, tree) for platform in (LAMBDA, HOST, other_processor, other_python)}
    assert len(hashes) == 4


def test_the_same_files_elsewhere_and_at_another_time_are_the_same_asset(tree: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    shutil.copytree(tree / "handlers", elsewhere / "handlers")
    for path in elsewhere.rglob("*"):
        os.utime(path, (1, 1))
    (elsewhere / "handlers" / "__pycache__").mkdir()
    (elsewhere / "handlers" / "__pycache__" / "words.cpython-313.pyc").write_bytes(b"x")
    assert asset_hash(LAMBDA, elsewhere) == asset_hash(LAMBDA, tree)


def test_moving_text_from_one_file_to_another_changes_the_asset(tree: Path) -> None:
    (tree / "handlers/a.py").write_text("one")
    (tree / "handlers/b.py").write_text("two")
    before = asset_hash(LAMBDA, tree)
    (tree / "handlers/a.py").write_text("onetwo")
    (tree / "handlers/b.py").write_text("")
    assert asset_hash(LAMBDA, tree) != before


def test_the_bundle_runs_by_itself(bundled: Path) -> None:
    script = (
        "import sys; sys.path.insert(0, sys.argv[1]); import handlers.settings, slack_sdk, aws_lambda_powertools\n"
        "print(*{m.__file__ for m in (handlers.settings, slack_sdk, aws_lambda_powertools)}, sep='\\n')"
    )
    done = subprocess.run([sys.executable, "-IB", "-c", script, bundled], capture_output=True, text=True, check=True)
    assert all(line.startswith(str(bundled)) for line in done.stdout.split())


def test_the_bundle_holds_neither_examples_nor_runbooks_nor_the_sdk_that_lambda_has(bundled: Path) -> None:
    names = {path.relative_to(bundled).as_posix() for path in bundled.rglob("*")}
    ours = {name for name in names if name.startswith("handlers/") and "__pycache__" not in name}
    assert {"handlers/settings.py", "handlers/detections/__init__.py"} <= ours
    assert not [name for name in ours if name.endswith((".md", "examples.json", "__main__.py", "requirements.txt"))]
    assert not [name for name in names if name.split("/")[0] in ("boto3", "botocore", "infra", "tests", "bin")]


def test_the_bundle_is_at_most_ten_megabytes(bundled: Path) -> None:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in bundled.rglob("*"):
            archive.write(path, path.relative_to(bundled))
    assert 100_000 < packed.tell() <= 10_000_000


def test_bytecode_goes_along_where_this_interpreter_is_the_runtime(tmp_path: Path) -> None:
    bundle(tmp_path, HOST)
    compiled = list((tmp_path / "handlers" / "__pycache__").glob("settings.*.pyc"))
    assert len(compiled) == 1
    content = compiled[0].read_bytes()
    # PEP 552: bit 0 says it is named by a hash instead of a date, bit 1 that Python should check it.
    assert int.from_bytes(content[4:8], "little") == 0b01
    assert b"/var/task/handlers/settings.py" in content
    assert str(tmp_path).encode() not in content


def test_packages_are_installed_for_lambdas_platform_from_pinned_hashes(tmp_path: Path) -> None:
    commands = python_function._installers(tmp_path / "requirements.txt", tmp_path / "target", LAMBDA)
    *by_uv, by_pip = [" ".join(command) for command in commands]
    assert len(by_uv) == 2
    assert "--offline" in by_uv[0]
    for command in by_uv:
        assert "--python-platform aarch64-manylinux_2_28" in command
        assert "--python-version 3.13" in command
    assert "--platform manylinux_2_28_aarch64" in by_pip
    assert "--python-version 3.13" in by_pip
    for command in (*by_uv, by_pip):
        assert "--require-hashes" in command
        assert "--only-binary :all:" in command


def test_packages_for_this_machine_are_those_of_this_interpreter(tmp_path: Path) -> None:
    commands = python_function._installers(tmp_path / "requirements.txt", tmp_path / "target", HOST)
    assert not [part for command in commands for part in command if "platform" in part]


def test_packages_are_installed_once_and_kept() -> None:
    folder = dependencies(LAMBDA)
    marker = (folder / "slack_sdk" / "__init__.py").stat().st_mtime_ns
    assert dependencies(LAMBDA) == folder
    assert (folder / "slack_sdk" / "__init__.py").stat().st_mtime_ns == marker


def test_packages_that_cannot_be_installed_are_named_with_the_remedy_and_leave_nothing_behind(
    tree: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("UV_OFFLINE", "1")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    with pytest.raises(ConfigurationError) as caught:
        dependencies(LAMBDA, tree)
    message = str(caught.value)
    assert "handlers/requirements.txt" in message
    assert "example" in message
    assert "make setup" in message
    assert "Traceback" not in message
    assert list((tree / ".build").iterdir()) == []


def resources(of: Deployment, *, bundling: bool = False) -> dict[str, list[dict[str, Any]]]:
    """The template's properties by resource type, of a stack with one function."""
    app = App(context={} if bundling else {"aws:cdk:bundling-stacks": []})
    stack = Stack(app, "stack")
    function = PythonFunction(
        stack,
        "Example",
        deployment=of,
        name="example",
        handler="handlers.example.handler",
        description="An example",
        environment={"ROOTWATCH_A": "b"},
        memory_mb=300,
    )
    function.allow(["sqs:SendMessage"], ["arn:aws:sqs:us-east-1:123456789012:one"])
    template = json.loads((Path(app.synth().directory) / "stack.template.json").read_text())
    found: dict[str, list[dict[str, Any]]] = {}
    for resource in template["Resources"].values():
        found.setdefault(resource["Type"], []).append(resource["Properties"])
    return found


def test_a_function_has_its_runtime_timeout_memory_and_a_log_group_that_forgets() -> None:
    found = resources(deployment())
    (function,) = found["AWS::Lambda::Function"]
    (logs,) = found["AWS::Logs::LogGroup"]
    assert function["Runtime"] == "python3.13"
    assert function["Architectures"] == ["arm64"]
    assert function["Timeout"] == 60
    assert function["MemorySize"] == 300
    assert function["FunctionName"] == "rootwatch-example"
    assert function["Environment"]["Variables"] == {"ROOTWATCH_A": "b"}
    assert function["LoggingConfig"]["LogFormat"] == "JSON"
    assert logs["RetentionInDays"] == 30
    assert logs["LogGroupName"] == "/aws/lambda/rootwatch-example"


def test_a_function_may_write_its_own_log_and_what_it_was_granted() -> None:
    found = resources(deployment())
    (role,) = found["AWS::IAM::Role"]
    (policy,) = found["AWS::IAM::Policy"]
    assert "ManagedPolicyArns" not in role
    logs, sending = policy["PolicyDocument"]["Statement"]
    assert logs["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert list(logs["Resource"]) == ["Fn::GetAtt"]
    assert sending["Resource"] == "arn:aws:sqs:us-east-1:123456789012:one"


def test_on_the_local_aws_a_function_is_built_for_this_machine() -> None:
    (local,) = resources(deployment('bundle_platform = "host"'))["AWS::Lambda::Function"]
    (real,) = resources(deployment())["AWS::Lambda::Function"]
    assert local["Architectures"] == ["arm64" if HOST.processor == "aarch64" else "x86_64"]
    assert local["Code"]["S3Key"] != real["Code"]["S3Key"]


def test_what_else_is_in_the_app_does_not_change_the_asset() -> None:
    """The CDK hashes its own view of the bundling options with ours, in which object numbers could appear."""
    (alone,) = resources(deployment())["AWS::Lambda::Function"]
    app = App(context={"aws:cdk:bundling-stacks": []})
    stack = Stack(app, "stack")
    for number in range(20):
        Construct(stack, f"another-{number}")
    for name in ("first", "second"):
        PythonFunction(
            stack,
            name,
            deployment=deployment(),
            name=name,
            handler="handlers.example.handler",
            description="An example",
            environment={},
        )
    template = json.loads((Path(app.synth().directory) / "stack.template.json").read_text())
    keys = {
        resource["Properties"]["Code"]["S3Key"]
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::Lambda::Function"
    }
    assert keys == {alone["Code"]["S3Key"]}


def test_the_template_is_the_same_whether_or_not_the_code_is_bundled() -> None:
    assert resources(deployment(), bundling=True) == resources(deployment(), bundling=False)


def test_the_cdk_lays_out_exactly_our_bundle(tmp_path: Path) -> None:
    bundle(tmp_path, LAMBDA)
    app = App()
    PythonFunction(
        Stack(app, "stack"),
        "Example",
        deployment=deployment(),
        name="example",
        handler="handlers.example.handler",
        description="An example",
        environment={},
    )
    (asset,) = Path(app.synth().directory).glob("asset.*")
    assert {path.relative_to(asset) for path in asset.rglob("*")} == {
        path.relative_to(tmp_path) for path in tmp_path.rglob("*")
    }


def test_the_project_carries_its_own_code() -> None:
    assert "handlers/settings.py" in code_files(ROOT)
