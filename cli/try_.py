"""`rootwatch try`: the guided story on the local AWS and Slack, told step by step with the time each took."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Sequence
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from handlers.alerting.alert import Alert
from local.aws import LocalAwsError
from local.slack import SlackServerError
from local.stage import RealSlack, Stage
from local.story import Expected, Scene, prepare, scenes

DIRECTORY = Path(__file__).resolve().parent.parent / ".build" / "try"
_PATIENCE_SECONDS = 60.0
_CALM_SECONDS = 90.0


class TryError(Exception):
    """The story could not be told, or did not end as it should: says what happened and what to do."""


def run_try(*, once: bool, aws_port: int, slack_port: int, console: Console | None = None) -> int:
    """Tell the story; stay until Ctrl-C unless `once`.

    With SLACK_BOT_TOKEN and SLACK_CHANNEL (a channel's id) in the environment it posts to that workspace instead.

    Returns:
        0 when exactly the expected alerts arrived, else 1.

    Raises:
        TryError: the local AWS or Slack could not be started; the message says what to do.
    """
    out = console or Console(highlight=False, soft_wrap=True)
    real = _real_slack()
    shutil.rmtree(DIRECTORY, ignore_errors=True)
    begun = time.monotonic()
    stage = Stage(
        directory=DIRECTORY,
        aws_port=aws_port,
        slack_port=slack_port,
        real_slack=real,
        progress=lambda step: out.print(f"  … {step}"),
    )
    out.print("[bold]Rootwatch on your own machine[/bold]: a local AWS, the real CDK, and a Slack look-alike.\n")
    try:
        with stage:
            out.print(
                f"  ready after {time.monotonic() - begun:.0f} s "
                f"({', '.join(f'{name} {seconds:.1f} s' for name, seconds in stage.took.items())})\n"
            )
            if stage.slack:
                out.print(f"  Open [bold]{stage.slack.url}[/bold] and watch the channel #security-alerts.\n")
            else:
                out.print("  The alerts go to the Slack channel you named.\n")
            problems = tell(stage, out)
            _conclude(stage, out, problems, since=begun)
            if not once:
                _stay(stage, out)
            return 1 if problems else 0
    except (LocalAwsError, SlackServerError) as error:
        hint = '\nHere: rootwatch try --port-aws N --port-slack N (make try ARGS="--port-aws N --port-slack N").'
        raise TryError(f"{error}{hint if 'cannot be used' in str(error) else ''}") from error


def _real_slack() -> RealSlack | None:
    token = os.environ.get("SLACK_BOT_TOKEN", "").strip()
    channel = os.environ.get("SLACK_CHANNEL", "").strip()
    if not token and not channel:
        return None
    if not token or not channel:
        missing = "SLACK_CHANNEL (the channel's id, like C0123456789)" if token else "SLACK_BOT_TOKEN"
        raise TryError(f"To post to a real Slack, set {missing} too; or unset the other to use the local one.")
    return RealSlack(token=token, channel=channel)


def tell(stage: Stage, out: Console) -> list[str]:
    """Play each scene and wait for what it must bring about; returns what went wrong."""
    problems: list[str] = []
    wanted: dict[tuple[str, str], Expected] = {}  # a later scene may add to an alert of an earlier one
    prepare(stage.aws.client("iam", recorded=False))
    for number, scene in enumerate(scenes(), start=1):
        out.print(f"[bold]{number}. {escape(scene.title)}[/bold]  [dim]({escape(scene.why)})[/dim]")
        for event in scene.events:
            stage.aws.put_event(event)
        if scene.expected is None:
            stage.until_calm(seconds=_CALM_SECONDS)
            out.print("   nobody was disturbed" if len(_loud(stage.alerts())) == len(wanted) else "")
            continue
        wanted[scene.expected.detection_id, scene.expected.about] = scene.expected
        took = stage.until(lambda scene=scene: _arrived(stage, scene), seconds=_PATIENCE_SECONDS)  # type: ignore[misc]
        if took is None:
            problems.append(f"scene {number}: {scene.expected.detection_id} did not arrive as it should")
            out.print(f"   [red]not as expected within {_PATIENCE_SECONDS:.0f} s[/red]")
        else:
            alert = _matching(stage.alerts(), scene.expected)
            told = f"{alert.severity.name} {alert.headline.title}" if alert else ""
            out.print(f"   → {escape(told)}, {scene.expected.count}×, in Slack after {took:.1f} s")
    stage.until_calm(seconds=_CALM_SECONDS)
    return problems + _differences(stage, list(wanted.values()))


def _loud(alerts: Sequence[Alert]) -> list[Alert]:
    return [alert for alert in alerts if alert.loud]


def _matching(alerts: Sequence[Alert], expected: Expected) -> Alert | None:
    return next((alert for alert in alerts if _is(alert, expected)), None)


def _is(alert: Alert, expected: Expected) -> bool:
    head = alert.headline
    return (head.detection_id, alert.severity, alert.loud) == (
        expected.detection_id,
        expected.severity,
        expected.count,
    ) and expected.about in head.summary


def _arrived(stage: Stage, scene: Scene) -> bool:
    """The alert is stored with its count, and Slack was told of all of it."""
    alert = _matching(stage.alerts(), scene.expected) if scene.expected else None
    told = alert.told.get("slack") if alert else None
    return alert is not None and told is not None and told.count == alert.loud


def _differences(stage: Stage, wanted: Sequence[Expected]) -> list[str]:
    """Exactly the expected alerts: none missing, none besides, each one message, nothing left in a queue."""
    alerts = _loud(stage.alerts())
    problems = [
        f"missing: {e.detection_id} ({e.about}) {e.severity.name} {e.count}×"
        for e in wanted
        if not _matching(alerts, e)
    ]
    problems += [
        f"not expected: {a.headline.detection_id} {a.severity.name} {a.loud}×: {a.headline.summary}"
        for a in alerts
        if not any(_is(a, e) for e in wanted)
    ]
    parents = [message for message in stage.messages() if message.get("subtype") != "thread_broadcast"]
    if stage.slack and len(parents) != len(wanted):
        problems.append(f"{len(parents)} conversations in the channel, not {len(wanted)}")
    left = {word: count for word, count in stage.waiting().items() if count}
    if left:
        problems.append(f"left in the queues: {left}")
    return problems


def _conclude(stage: Stage, out: Console, problems: Sequence[str], *, since: float) -> None:
    alerts, mails = _loud(stage.alerts()), stage.aws.mails()
    out.print(
        f"\n  {sum(a.count for a in alerts)} events became {len(alerts)} alerts and {len(mails)} e-mails, "
        f"in {time.monotonic() - since:.0f} s with everything."
    )
    if problems:
        out.print("[red]  The story did not end as it should:[/red]")
        for problem in problems:
            out.print(f"  - {escape(problem)}")
        out.print(f"  The logs are in {escape(str(stage.directory))}.")
    else:
        out.print("  [green]Exactly the expected alerts arrived.[/green]")


def _stay(stage: Stage, out: Console) -> None:
    out.print("\n  Your turn: whatever you do to the local AWS becomes an event. For instance, in another terminal:\n")
    credentials = f"AWS_ACCESS_KEY_ID={stage.aws.account} AWS_SECRET_ACCESS_KEY=local AWS_DEFAULT_REGION=us-east-1"
    endpoint = f"--endpoint-url {stage.aws.url}"
    out.print(f"    export {credentials}")
    out.print(f"    aws {endpoint} iam create-user --user-name carol")
    out.print(
        f"    aws {endpoint} iam attach-user-policy --user-name carol "
        "--policy-arn arn:aws:iam::aws:policy/AdministratorAccess\n"
    )
    if stage.slack:
        out.print(
            "  In the channel: press [bold]Acknowledge[/bold], or [bold]What did they do?[/bold] below root's sign-in;"
        )
        out.print("  as Alice, type [bold]/rootwatch request[/bold] to plan a use of root, and approve it as Bob.\n")
        out.print(f"  The channel is at [bold]{stage.slack.url}[/bold]. ", end="")
    out.print("Ctrl-C ends it all.")
    try:
        while True:
            time.sleep(3_600)
    except KeyboardInterrupt:
        out.print("\n  Stopping the local AWS and Slack.")
