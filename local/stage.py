"""The stage: Rootwatch's Alerting stack, deployed by the real CDK CLI into the local AWS, talking to a Slack."""

from __future__ import annotations

import contextlib
import json
import time
import types
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, Self

from handlers.adapters.alert_table import AlertTable
from handlers.alerting.alert import Alert
from local.aws import ROOT, LocalAws
from local.slack import SlackServer

CHANNEL = "security-alerts"
ACCOUNT = "123456789012"
REGION = "us-east-1"

_CONFIGURATION = """\
# Written for the local AWS: waits are seconds where AWS would take minutes, and the functions run on this machine.
[deployment]
account = "{account}"
home_region = "{region}"
watched_regions = ["{region}"]
termination_protection = false

[slack]
channel = "{channel}"
token_store = "ssm"

[react]
enabled = {reacts}
on_call = "S0ONCALL00"

[email]
addresses = ["security@example.com"]

[display]
time_zone = "{time_zone}"
language = "{language}"

[accounts]
"{account}" = "local"

[trail]
{trail}

[config]
mode = "skip"

[analyzer]
mode = "skip"

[advanced]
{slack_api_url}retry_base_seconds = 1
retry_cap_seconds = 5
refresh_seconds = 2
bundle_platform = "host"
"""


# The people of the look-alike: alice may use root in a window that bob or carol approves.
_BREAK_GLASS = """
[break_glass]
enabled = true
approvers = ["U0BOB00000", "U0CAROL000"]
[[break_glass.people]]
name = "alice"
slack = "U0ALICE000"
addresses = ["192.0.2.0/24"]
"""


@dataclass(frozen=True, kw_only=True)
class RealSlack:
    """A workspace of the user's own instead of the look-alike."""

    token: str
    channel: str  # the channel's id

    def __repr__(self) -> str:
        """Without the token."""
        return f"RealSlack(channel={self.channel!r})"


class Stage:
    """Local AWS and Slack with Rootwatch deployed between them, as a context manager; nothing is left when it ends.

    Args:
        directory: for logs, the configuration and what is synthesised.
        aws_port, slack_port: on 127.0.0.1; 0 takes a free one.
        real_slack: post there instead of into the look-alike.
        time_zone: shown beside UTC.
        language: of messages, buttons and forms.
        trail: the settings of [trail]; the local AWS has no trail.
        more: further sections of the configuration.
        progress: called with one line before each step that takes time.

    Attributes:
        aws, slack: the two; `slack` is None with a real Slack.
        outputs: of the deployed stack.
        took: seconds of each step, by its name.
    """

    def __init__(
        self,
        *,
        directory: Path,
        aws_port: int = 0,
        slack_port: int = 0,
        real_slack: RealSlack | None = None,
        time_zone: str = "UTC",
        language: str = "en",
        trail: str = 'mode = "skip"',
        more: str = "",
        progress: Callable[[str], None] = lambda _line: None,
    ) -> None:
        self.directory = directory
        self.aws = LocalAws(directory=directory, port=aws_port, account=ACCOUNT, region=REGION)
        self.slack = None if real_slack else SlackServer(port=slack_port, channels=(CHANNEL,))
        self.outputs: Mapping[str, str] = {}
        self.took: dict[str, float] = {}
        self._real_slack = real_slack
        self._time_zone = time_zone
        self._language = language
        self._trail = trail
        self._more = more
        self._progress = progress
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        """Start both and deploy. Raises LocalAwsError or SlackServerError with what to do."""
        self.directory.mkdir(parents=True, exist_ok=True)
        with contextlib.ExitStack() as undo:
            if self.slack:
                undo.enter_context(self.slack)
            with self._timed("start the local AWS"):
                undo.enter_context(self.aws)
            with self._timed("deploy with the CDK"):
                self.aws.record_calls(False)  # our own deployment is no part of the story: it would be told too
                self._deploy()
                self.aws.record_calls(True)
            self._stack = undo.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop both."""
        self._stack.__exit__(kind, error, trace)

    def alerts(self) -> list[Alert]:
        """What is in the alert table, in the order it happened."""
        client = self.aws.client("dynamodb")
        table = self.outputs["AlertTableName"]
        pages = client.get_paginator("scan").paginate(
            TableName=table,
            FilterExpression="sk = :sk",
            ExpressionAttributeValues={":sk": {"S": "ALERT"}},
            ProjectionExpression="pk",
        )
        ids = [item["pk"]["S"].removeprefix("ALERT#") for page in pages for item in page["Items"]]
        book = AlertTable(client=client, table=table, retention=timedelta(days=1))
        found = [alert for alert in map(book.find, ids) if alert is not None]
        return sorted(found, key=lambda alert: alert.headline.received)

    def messages(self) -> list[dict[str, Any]]:
        """What the look-alike's channel shows, oldest first; nothing with a real Slack."""
        return self.slack.messages(CHANNEL) if self.slack else []

    def waiting(self) -> Mapping[str, int]:
        """Messages in the events queue, under way (or put back for later), and in the dead letters."""
        sqs = self.aws.client("sqs")
        names = {
            "waiting": ("EventsQueueUrl", "ApproximateNumberOfMessages"),
            "delayed": ("EventsQueueUrl", "ApproximateNumberOfMessagesDelayed"),
            "under way": ("EventsQueueUrl", "ApproximateNumberOfMessagesNotVisible"),
            "dead": ("DeadLetterQueueUrl", "ApproximateNumberOfMessages"),
        }
        return {
            word: int(
                sqs.get_queue_attributes(QueueUrl=self.outputs[queue], AttributeNames=[attribute])["Attributes"][
                    attribute
                ]
            )
            for word, (queue, attribute) in names.items()
        }

    def until(self, condition: Callable[[], bool], *, seconds: float) -> float | None:
        """Wait for a condition; how many seconds it took, or None when it did not come about in time."""
        begun = time.monotonic()
        while time.monotonic() - begun < seconds:
            if condition():
                return time.monotonic() - begun
            time.sleep(0.1)
        return None

    def until_calm(self, *, seconds: float) -> bool:
        """Wait until nothing is waiting, under way or delayed any more; False when that took too long."""
        return (
            self.until(lambda: not any(n for w, n in self.waiting().items() if w != "dead"), seconds=seconds)
            is not None
        )

    def _deploy(self) -> None:
        channel = self._real_slack.channel if self._real_slack else self._channel_id()
        # json.dumps writes what TOML takes as a basic string
        api_url = f"slack_api_url = {json.dumps(self.slack.api_url)}\n" if self.slack else ""
        configuration = self.directory / "rootwatch.toml"
        configuration.write_text(
            _CONFIGURATION.format(
                account=ACCOUNT,
                region=REGION,
                channel=channel,
                slack_api_url=api_url,
                time_zone=self._time_zone,
                language=self._language,
                trail=self._trail,
                reacts="true" if self.slack else "false",
            )
            + (_BREAK_GLASS if self.slack else "")
            + self._more,
            "utf-8",
        )
        self.outputs = self.aws.deploy("rootwatch-alerting", ROOT, {"ROOTWATCH_CONFIG": str(configuration)})
        token = self._real_slack.token if self._real_slack else self._slack_token()
        self.aws.client("ssm").put_parameter(
            Name=self.outputs["SlackTokenName"], Value=token, Type="SecureString", Overwrite=True
        )

        if self.slack:
            self.aws.client("ssm").put_parameter(
                Name=self.outputs["SlackSigningSecretName"],
                Value=self.slack.signing_secret,
                Type="SecureString",
                Overwrite=True,
            )
            door = self.aws.function_url(self.outputs["SlackRequestUrl"])
            _knock(door)
            self.slack.listen_at(door)

    def _channel_id(self) -> str:
        if self.slack is None:
            raise ValueError("there is no look-alike beside a real Slack")
        return str(self.slack.workspace.channel(CHANNEL).id)

    def _slack_token(self) -> str:
        return self.slack.token if self.slack else ""

    @contextlib.contextmanager
    def _timed(self, step: str) -> Iterator[None]:
        self._progress(step)
        begun = time.monotonic()
        yield
        self.took[step] = time.monotonic() - begun


def _knock(door: str) -> None:
    """Have the local AWS unpack the function, which is no part of Lambda's cold start: the first click is in time."""
    with contextlib.suppress(urllib.error.HTTPError):  # it is not signed: 401
        urllib.request.urlopen(door, data=b"", timeout=60).close()  # noqa: S310 - on this machine
