"""A Python function: the one place for its runtime, its code, its logs, its timeout and its memory."""

from __future__ import annotations

import compileall
import hashlib
import platform as machine
import py_compile
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import jsii
from aws_cdk import AssetHashType, BundlingOptions, Duration, ILocalBundling, RemovalPolicy, Stack
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from constructs import Construct

from infra.accepted_findings import accept
from infra.deployment import ConfigurationError, Deployment, Problem

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = "handlers/requirements.txt"

TIMEOUT_SECONDS = 60  # a batch of ten in which every lookup takes its whole time limit
RUNTIME = lambda_.Runtime.PYTHON_3_13
RUNTIME_VERSION = "3.13"

LAYOUT = "1"  # change it when the same files are to be laid out differently: it is part of the asset's hash


@dataclass(frozen=True, kw_only=True)
class Platform:
    """What the packages are installed for."""

    python: str  # "3.13"
    processor: str  # "aarch64", "x86_64"
    is_host: bool = False  # this very interpreter, which the local AWS runs functions with

    @property
    def architecture(self) -> lambda_.Architecture:
        """The architecture to give the function."""
        return lambda_.Architecture.ARM_64 if self.processor == "aarch64" else lambda_.Architecture.X86_64

    @property
    def key(self) -> str:
        """A name for folders and hashes."""
        return f"{'host-' + sys.platform if self.is_host else 'lambda'}-{self.processor}-{self.python}"


LAMBDA = Platform(python=RUNTIME_VERSION, processor="aarch64")
HOST = Platform(
    python=f"{sys.version_info.major}.{sys.version_info.minor}",
    processor={"arm64": "aarch64", "AMD64": "x86_64"}.get(machine.machine(), machine.machine()),
    is_host=True,
)


_NOTHING: Mapping[str, bytes] = MappingProxyType({})


# What lies below each of the folders that a function may carry.
_DATA: Mapping[str, tuple[str, ...]] = {"handlers": (".json", ".tsv"), "audit": (".sql", ".html", ".css")}
CODE = ("handlers",)
CODE_AND_AUDIT = ("handlers", "audit")


def code_files(root: Path = ROOT, *, folders: Sequence[str] = CODE) -> list[str]:
    """Our own files that a function carries, as sorted paths below `root`.

    An allowlist: code, and the data that code reads. Examples, runbooks and the catalogue's printer stay at home, so
    that editing them deploys nothing.
    """
    found = []
    for folder in folders:
        for path in (root / folder).rglob("*"):
            relative = path.relative_to(root)
            is_data = path.suffix in _DATA[folder] and path.name != "examples.json"
            is_code = path.suffix == ".py" and path.name != "__main__.py"
            if (is_code or is_data) and "tests" not in relative.parts and path.is_file():
                found.append(relative.as_posix())
    return sorted(found)


def asset_hash(
    platform: Platform, root: Path = ROOT, *, files: Mapping[str, bytes] = _NOTHING, folders: Sequence[str] = CODE
) -> str:
    """The identity of the bundle: the bytes of our files, of the pinned requirements and of `files`, and the platform.

    Neither the machine, nor the checkout's place or dates, nor the way of installing has a part in it.
    """
    digest = hashlib.sha256(f"{LAYOUT}\0{platform.key}\0".encode())
    contents = [(name, (root / name).read_bytes()) for name in (REQUIREMENTS, *code_files(root, folders=folders))]
    for name, content in (*contents, *sorted(files.items())):
        digest.update(f"{name}\0{len(content)}\0".encode() + content)
    return digest.hexdigest()


def dependencies(platform: Platform, root: Path = ROOT) -> Path:
    """The folder with the third-party packages, below .build; installed once per requirements and platform.

    Raises ConfigurationError when they cannot be installed, with what each way of trying said.
    """
    content = (root / REQUIREMENTS).read_bytes()
    folder = root / ".build" / f"packages-{platform.key}-{hashlib.sha256(content).hexdigest()[:16]}"
    if folder.is_dir():
        return folder
    folder.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix="installing-") as scratch:
        target = Path(scratch) / "packages"
        _install(root / REQUIREMENTS, target, platform)
        try:
            target.rename(folder)  # all or nothing: an interrupted installation is never taken for a whole one
        except OSError:
            if not folder.is_dir():
                raise
            # Another synthesis was faster: its folder is as good.
    return folder


def bundle(
    target: Path,
    platform: Platform,
    root: Path = ROOT,
    *,
    files: Mapping[str, bytes] = _NOTHING,
    folders: Sequence[str] = CODE,
) -> None:
    """Lay out in `target` what the function carries: the packages, our own files, and `files` by their paths in it.

    Where this interpreter is the runtime's version, the bytecode goes along: /var/task is read-only, so without it
    every cold start compiles everything, which doubles its time. It is a by-product of the same files, and so no part
    of the hash; "unchecked" because the upload gives every file another date.
    """
    shutil.copytree(
        dependencies(platform, root), target, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__", "bin")
    )
    for name in code_files(root, folders=folders):
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(root / name, destination)
    for name, content in files.items():
        destination = target / name
        destination.parent.mkdir(parents=True, exist_ok=True)
        destination.write_bytes(content)
    if platform.python == HOST.python:
        compileall.compile_dir(
            target,
            quiet=2,
            stripdir=str(target),
            prependdir="/var/task",
            invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
        )


def _install(requirements: Path, target: Path, platform: Platform) -> None:
    attempts = []
    for command in _installers(requirements, target, platform):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
        except (OSError, subprocess.TimeoutExpired) as error:
            attempts.append(f"{Path(command[0]).name}: {error}")
            continue
        if done.returncode == 0:
            return
        attempts.append(f"{Path(command[0]).name}: {(done.stderr or done.stdout).strip()[-600:]}")
        shutil.rmtree(target, ignore_errors=True)
    raise ConfigurationError(
        str(requirements.relative_to(requirements.parent.parent)),
        [
            Problem(
                key=None,
                line=None,
                cause="the packages that the functions carry cannot be installed. " + " | ".join(attempts),
                remedy="the first synthesis needs a package index (the default one, or what UV_INDEX_URL or pip.conf "
                "names): run `make setup` once while it can be reached; what it installs is kept in .build.",
            )
        ],
    )


def _installers(requirements: Path, target: Path, platform: Platform) -> list[list[str]]:
    """The commands to try, one after the other: uv from its cache, uv from the index, pip."""
    common = ["--target", str(target), "--only-binary", ":all:", "--require-hashes", "-r", str(requirements)]
    commands = []
    beside = Path(sys.executable).with_name("uv")
    uv = str(beside) if beside.exists() else shutil.which("uv")
    if uv:
        chosen = ["--python-version", platform.python, "--python-platform", f"{platform.processor}-manylinux_2_28"]
        install = [uv, "pip", "install", "--quiet", "--no-compile-bytecode", "--python", sys.executable]
        install += common if platform.is_host else [*chosen, *common]
        # The hashes are pinned, so the cache cannot give anything else than the index would.
        commands = [[*install, "--offline"], install]
    chosen = ["--implementation", "cp", "--python-version", platform.python]
    for tag in ("manylinux_2_28", "manylinux_2_17", "manylinux2014"):
        chosen += ["--platform", f"{tag}_{platform.processor}"]
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile"]
    return [*commands, [*pip, *([] if platform.is_host else chosen), *common]]


@jsii.implements(ILocalBundling)
class _Bundler:
    """Lets the CDK make the asset with `bundle` instead of Docker."""

    def __init__(self, platform: Platform, files: Mapping[str, bytes], folders: Sequence[str]) -> None:
        self._platform = platform
        self._files = files
        self._folders = folders

    def try_bundle(self, output_dir: str, *_options: Any, **_more: Any) -> bool:
        bundle(Path(output_dir), self._platform, files=self._files, folders=self._folders)
        return True


def _code(scope: Construct, platform: Platform, files: Mapping[str, bytes], folders: Sequence[str]) -> lambda_.Code:
    if Stack.of(scope).bundling_required:
        dependencies(platform)  # here, where an error still reaches the reader as it is
    return lambda_.Code.from_asset(
        str(ROOT / "handlers"),
        asset_hash=asset_hash(platform, files=files, folders=folders),
        asset_hash_type=AssetHashType.CUSTOM,
        bundling=BundlingOptions(image=RUNTIME.bundling_image, local=_Bundler(platform, files, folders)),
    )


class PythonFunction(Construct):
    """A function with a role and a log group of its own; the role may write to that log group, and nothing else yet.

    Attributes:
        function: the Lambda function.
        role: what it may do; grant it more with `allow` or any `grant_*` method.
        log_group: where it logs.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        deployment: Deployment,
        name: str,
        handler: str,
        description: str,
        environment: Mapping[str, str],
        memory_mb: int = 256,
        timeout_seconds: int = TIMEOUT_SECONDS,
        files: Mapping[str, bytes] = _NOTHING,
        folders: Sequence[str] = CODE,
    ) -> None:
        """Make the function `{deployment.name}-{name}`; `handler` is "handlers.module.function".

        `files` is what it carries of this deployment's configuration: each path in the bundle, and its content;
        `folders` are those of our code.
        """
        super().__init__(scope, id)
        platform = HOST if deployment.advanced.bundle_platform == "host" else LAMBDA
        function_name = f"{deployment.name}-{name}"
        self.log_group = logs.LogGroup(
            self,
            "Logs",
            log_group_name=f"/aws/lambda/{function_name}",
            # The proof is in the trail and the alert table; these lines help whoever looks for a fault.
            removal_policy=RemovalPolicy.DESTROY,
        )
        # The CDK's enumeration of periods adds nothing to what `Deployment` has checked already.
        cast(
            logs.CfnLogGroup, self.log_group.node.default_child
        ).retention_in_days = deployment.alerts.log_retention_days
        self.role = iam.Role(
            self,
            "Role",
            # Fixed, so that the detections know our own functions at work.
            role_name=function_name,
            assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
            description=f"What the function {function_name} may do",
        )
        self.log_group.grant_write(self.role)
        self.function = lambda_.Function(
            self,
            "Function",
            function_name=function_name,
            description=description,
            runtime=RUNTIME,
            architecture=platform.architecture,
            code=_code(self, platform, files, folders),
            handler=handler,
            role=self.role,
            timeout=Duration.seconds(timeout_seconds),
            memory_size=memory_mb,
            environment=dict(environment),
            log_group=self.log_group,
            logging_format=lambda_.LoggingFormat.JSON,
        )
        accept(
            self.function,
            "AwsSolutions-L1",
            f"Python {RUNTIME_VERSION} gets security fixes until October 2029. A newer runtime is taken when the tests "
            "have passed on it, not on the day it appears.",
        )

    def allow(
        self, actions: Sequence[str], resources: Sequence[str], conditions: Mapping[str, Any] | None = None
    ) -> None:
        """Let the function take `actions` on the ARNs `resources`."""
        self.role.add_to_policy(
            iam.PolicyStatement(actions=list(actions), resources=list(resources), conditions=dict(conditions or {}))
        )


def main() -> None:
    """Install the packages for both platforms ahead, so that every later synthesis needs no network."""
    for platform in (LAMBDA, HOST):
        sys.stdout.write(f"{dependencies(platform).relative_to(ROOT)}\n")


if __name__ == "__main__":
    try:
        main()
    except ConfigurationError as error:
        sys.exit(str(error))
