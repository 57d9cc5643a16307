"""An AWS on your own machine: starts the emulator, deploys into it with the real CDK CLI, and looks inside."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import time
import types
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self
from urllib.parse import urlsplit

ROOT = Path(__file__).resolve().parent.parent
HOST = "127.0.0.1"
HOUSEKEEPING = "rootwatch-housekeeping"  # in the user agent of calls that are not to be recorded
START_SECONDS = 60.0  # a cold start takes 2 s on two idle cores
STOP_SECONDS = 5.0
LOG_TAIL = 40  # lines shown when something failed
# Settings of the person at the keyboard which must not reach the emulator, its functions or the CDK: credentials,
# profiles and endpoints would send calls to a real account.
_FOREIGN = ("AWS_", "CDK_", "PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV", "ROOTWATCH_", "SLACK_")


class LocalAwsError(Exception):
    """The local AWS could not do what was asked; the message says why and what to do."""


@dataclass(frozen=True, kw_only=True)
class Mail:
    """What SNS would have mailed to a confirmed e-mail subscription."""

    topic: str  # ARN
    to: str
    subject: str
    message: str
    message_id: str
    at: str  # ISO 8601, UTC


class LocalAws:
    """The emulator as a context manager; nothing of it is left when the block ends.

    Args:
        directory: where its logs and temporary files go; created when missing.
        port: on 127.0.0.1; 0 takes a free one.
        record_calls: each management call becomes a CloudTrail record on the default bus (see `local.emulator`).
        account: the account that signs, twelve digits.
        region: the region things are deployed into, and whose default bus gets every event.

    Who signs: with `account` as the access key id it is IAM user alice (with twelve other digits, alice of that other
    account), with `root` the root user, with a key that IAM created its user, with one of STS the assumed role.
    """

    def __init__(
        self,
        *,
        directory: Path,
        port: int = 4566,
        record_calls: bool = True,
        account: str = "123456789012",
        region: str = "us-east-1",
        root: Path = ROOT,
    ) -> None:
        self.directory = directory.resolve()
        self.account = account
        self.region = region
        self.log_file = self.directory / "aws.log"
        self._port = port
        self._record_calls = record_calls
        self._root = root
        self._process: subprocess.Popen[bytes] | None = None
        self._bootstrapped = False

    @property
    def port(self) -> int:
        """The port it listens on; once started, never 0."""
        return self._port

    @property
    def url(self) -> str:
        """The endpoint for SDKs, CLIs and the CDK."""
        return f"http://{HOST}:{self._port}"

    def __enter__(self) -> Self:
        """Start, and wait until it answers.

        Raises:
            LocalAwsError: not set up, the port is taken, or it did not come up.
        """
        python = self._root / ".emulator" / "bin" / "python"
        if not python.exists():
            raise LocalAwsError(f"The local AWS is not set up: {python} is missing. Run `make setup`.")
        self._port = _free_port(self._port)
        temporary = self.directory / "tmp"
        temporary.mkdir(parents=True, exist_ok=True)
        environment = {
            **_own_environment(),
            "PATH": f"{python.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}",
            "TMPDIR": str(temporary),
            "S3_DATA_DIR": str(self.directory / "s3"),
            "BIND_HOST": HOST,
            "GATEWAY_PORT": str(self._port),
            "MINISTACK_HOST": HOST,
            "MINISTACK_ACCOUNT_ID": self.account,
            "MINISTACK_REGION": self.region,
            "IOT_MTLS_ENABLED": "0",
            "ROOTWATCH_RECORD_CALLS": "1" if self._record_calls else "0",
            "AWS_EXECUTION_ENV": "AWS_Lambda_python",  # as in Lambda; it marks the functions' calls in their user agent
        }
        with self.log_file.open("wb") as log:
            self._process = subprocess.Popen(
                [python, "-m", "local.emulator"],
                cwd=self._root,
                env=environment,
                stdin=subprocess.PIPE,  # held open: it ends itself when we are gone, however we went
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        try:
            self._wait_until_healthy()
        except BaseException:  # Ctrl-C included
            self.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop it."""
        self.close()

    def close(self) -> None:
        """End the emulator and every process it started. The second time does nothing."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOP_SECONDS)
        with contextlib.suppress(ProcessLookupError):  # functions outlive a terminated emulator
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if process.stdin is not None:
            process.stdin.close()

    # --- what is in it ---

    def client(
        self, service: str, *, region: str | None = None, access_key_id: str | None = None, recorded: bool = True
    ) -> Any:
        """A boto3 client for it. `access_key_id` says who calls (see the class); alice when left out.

        With `recorded=False` its calls are ours, and not somebody's: no record and no event comes of them.
        """
        import boto3  # noqa: PLC0415 - 0.3 s that who only wants the environment need not pay
        from botocore.config import Config  # noqa: PLC0415

        session: Any = boto3.session.Session(  # Any: the stubs know literal names only
            aws_access_key_id=access_key_id or self.account,
            aws_secret_access_key="local",  # noqa: S106 - the emulator checks none
            region_name=region or self.region,
        )
        config = Config(user_agent_extra="" if recorded else HOUSEKEEPING)
        return session.client(service, endpoint_url=self.url, config=config)

    def function_url(self, url: str) -> str:
        """Where a function URL from the stack's outputs (`https://<id>.lambda-url....on.aws/`) answers here."""
        return f"{self.url}/_aws/lambda-url/{(urlsplit(url).hostname or '').split('.')[0]}/"

    def environment(self) -> dict[str, str]:
        """The whole environment for a program (the CDK CLI, the AWS CLI) that shall talk to it and to nothing else."""
        binaries = [str(self._root / ".venv" / "bin"), str(self._root / "node_modules" / ".bin")]
        nowhere = str(self.directory / "none")
        return {
            **_own_environment(),
            "PATH": os.pathsep.join([*binaries, os.environ.get("PATH", os.defpath)]),
            "AWS_ENDPOINT_URL": self.url,
            "AWS_ENDPOINT_URL_S3": self.url,
            "AWS_ACCESS_KEY_ID": self.account,
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_CONFIG_FILE": nowhere,
            "AWS_SHARED_CREDENTIALS_FILE": nowhere,
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_PAGER": "",
            "CDK_DISABLE_VERSION_CHECK": "1",
            "JSII_SILENCE_WARNING_UNTESTED_NODE_VERSION": "1",
        }

    def put_event(self, envelope: Mapping[str, Any]) -> int:
        """Put an EventBridge event, `aws.*` sources included, on the default bus of the home region.

        Returns:
            How many rules matched it.

        Raises:
            LocalAwsError: it is not an EventBridge event.
        """
        return int(self._door("events", envelope)["matched_rules"])

    def records(self) -> list[dict[str, Any]]:
        """The CloudTrail records of the calls made so far, oldest first (the last 2,000)."""
        return list(self._door("records"))

    def record_calls(self, on: bool) -> None:
        """Switch recording on or off."""
        self._door("recording", on)

    def recording_failures(self) -> list[str]:
        """Calls that could not be recorded, and why; empty when all is well."""
        return list(self._door("health")["failures"])

    def mails(self) -> list[Mail]:
        """What SNS mailed so far, oldest first (the last 2,000)."""
        return [Mail(**mail) for mail in self._door("mails")]

    # --- deploying ---

    def deploy(
        self,
        stack_name: str,
        app_directory: Path,
        environment: Mapping[str, str] | None = None,
        *,
        timeout: float = 600.0,
    ) -> dict[str, str]:
        """Bootstrap (once) and deploy a stack with the pinned CDK CLI.

        Args:
            stack_name: as `cdk deploy` takes it.
            app_directory: where its cdk.json is.
            environment: variables for the app, on top of `environment()`.
            timeout: seconds for each of the two runs.

        Returns:
            The stack's outputs, by name. The run's log is `cdk.log` in our directory.

        Raises:
            LocalAwsError: the CLI is missing, failed, or took too long; carries the end of its log.
        """
        cli = self._root / "node_modules" / ".bin" / "cdk"
        if not cli.exists():
            raise LocalAwsError(f"The CDK CLI is not set up: {cli} is missing. Run `make setup`.")
        outputs = self.directory / "outputs.json"
        outputs.unlink(missing_ok=True)
        variables = {
            **self.environment(),
            "CDK_DEFAULT_ACCOUNT": self.account,
            "CDK_DEFAULT_REGION": self.region,
            **(environment or {}),
        }
        common = ["--ci", "--no-notices", "--no-version-reporting"]
        if not self._bootstrapped:
            # Outside the app's directory: bootstrapping needs no app, and must not synthesise one.
            self._run(
                [cli, "bootstrap", f"aws://{self.account}/{self.region}", *common], self.directory, variables, timeout
            )
            self._bootstrapped = True
        self._run(
            [
                *(cli, "deploy", stack_name, "--require-approval", "never", "--exclusively"),
                *("--outputs-file", outputs, "--output", self.directory / "cdk.out", *common),
            ],
            app_directory,
            variables,
            timeout,
        )
        found = json.loads(outputs.read_text("utf-8")) if outputs.exists() else {}
        return {name: str(value) for stack in found.values() for name, value in stack.items()}

    def _run(self, command: list[Any], directory: Path, environment: Mapping[str, str], timeout: float) -> None:
        log_file = self.directory / "cdk.log"
        start = log_file.stat().st_size if log_file.exists() else 0
        with log_file.open("ab") as log, _process_group(command, directory, environment, log) as process:
            try:
                code = process.wait(timeout)
            except subprocess.TimeoutExpired:
                raise LocalAwsError(
                    f"`cdk {command[1]}` was not done after {timeout:.0f} s. {_tail(log_file, start)}"
                ) from None
        if code != 0:
            raise LocalAwsError(f"`cdk {command[1]}` failed ({code}). {_tail(log_file, start)}")

    # --- inside ---

    def _wait_until_healthy(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise LocalAwsError(f"The local AWS did not start. {_tail(self.log_file)}")
            with contextlib.suppress(urllib.error.URLError, ConnectionError, TimeoutError):
                self._door("health", timeout=2.0)
                return
            time.sleep(0.1)
        raise LocalAwsError(f"The local AWS did not answer within {START_SECONDS:.0f} s. {_tail(self.log_file)}")

    def _door(self, path: str, body: Any = None, timeout: float = 30.0) -> Any:
        if self._process is None:
            raise LocalAwsError("The local AWS is not running: use it inside its `with` block.")
        request = urllib.request.Request(  # noqa: S310 - our own loopback address
            f"{self.url}/_rootwatch/{path}", data=None if body is None else json.dumps(body).encode()
        )
        # A proxy from the environment must not get between us and our own machine.
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                raise LocalAwsError(f"The local AWS refused {path}: {json.load(error)['error']}") from None


@contextlib.contextmanager
def _process_group(
    command: list[Any], directory: Path, environment: Mapping[str, str], log: IO[bytes]
) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a group of its own (the CDK CLI starts node and Python), which is ended with the block."""
    process = subprocess.Popen(
        [str(part) for part in command],
        cwd=directory,
        env=dict(environment),
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def _own_environment() -> dict[str, str]:
    """The caller's environment without what would lead to a real account, and without a proxy for loopback."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_FOREIGN)}
    for name in ("NO_PROXY", "no_proxy"):
        kept[name] = ",".join(filter(None, [kept.get(name), HOST, "localhost"]))
    return kept


def _free_port(port: int) -> int:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            raise LocalAwsError(
                f"Port {port} on {HOST} cannot be used for the local AWS ({error.strerror}): another "
                f"local AWS, or another emulator, may still be running. End it (`lsof -i :{port}` shows which), "
                "or choose another port (setting `port`, 0 takes a free one)."
            ) from error
        return int(probe.getsockname()[1])


def _tail(file: Path, start: int = 0) -> str:
    with file.open("rb") as lines:
        lines.seek(start)
        text = lines.read().decode("utf-8", "replace")
    return f"The end of {file}:\n" + ("\n".join(text.splitlines()[-LOG_TAIL:]) or "(nothing was written)")
