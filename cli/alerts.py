"""The alerts of a deployment, and the story of each: what happened, who was told, what people did with it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from cli.account import Account, reason_of
from cli.errors import CommandError
from cli.terminal import Paint, counted, table, wrapped
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.untrusted import plain
from handlers.alerting.alert import Alert
from handlers.alerting.errors import UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.life import OURSELVES, Act, Life, State
from infra.deployment import Deployment

_SUMMARY = 300  # characters
_REASON = 600


@dataclass(frozen=True, kw_only=True)
class Told:
    """One alert with everything that is kept about it."""

    alert: Alert
    findings: Sequence[Finding]  # loud and quiet, in the order recorded
    acts: Sequence[tuple[Act, Life]]


class Alerts:
    """Reads the deployment's alert table, and nothing else."""

    def __init__(self, deployment: Deployment) -> None:
        """Raises CommandError: there are no credentials, or they are of another account."""
        self._name = f"{deployment.name}-alerts"
        self._region = deployment.home_region
        self._book = AlertTable(
            client=Account(deployment).client("dynamodb", deployment.home_region),
            table=self._name,
            retention=timedelta(days=deployment.alerts.retention_days),
        )

    def newest(self, *, limit: int, state: State | None = None) -> list[Alert]:
        """The alerts with the latest findings, newest first.

        Raises:
            CommandError: AWS refuses, or cannot be reached.
        """
        try:
            found = [alert for alert in self._book.every_alert() if state in (None, alert.life.state)]
        except UnavailableError as error:
            raise self._unread(error, "dynamodb:Scan") from None
        return sorted(found, key=lambda alert: alert.last_time, reverse=True)[:limit]

    def told(self, alert_id: str) -> Told:
        """One alert's story.

        Raises:
            CommandError: there is no such alert, AWS refuses, or it cannot be reached.
        """
        try:
            alert = self._book.find(alert_id)
            if alert is not None:
                findings = list(self._book.every_finding(alert_id))
                return Told(alert=alert, findings=findings, acts=self._book.history(alert_id))
        except UnavailableError as error:
            raise self._unread(error, "dynamodb:GetItem and dynamodb:Query") from None
        raise CommandError(
            f"there is no alert {plain(alert_id, 60)} in the table {self._name}: it never was, or it has expired.",
            fix="`rootwatch alerts list` prints those there are.",
        )

    def _unread(self, error: UnavailableError, right: str) -> CommandError:
        cause = reason_of(error.__cause__) if isinstance(error.__cause__, Exception) else str(error)
        return CommandError(
            f"the table {self._name} in {self._region} did not answer: {cause}.",
            fix=f"deploy first (cdk deploy --all), or ask for {right} on it.",
        )


def as_table(alerts: Sequence[Alert], *, paint: Paint) -> Iterator[str]:
    """A line for each alert; times in UTC."""
    if not alerts:
        yield "There are no such alerts."
        return
    rows = [("ALERT", "LAST (UTC)", "SEVERITY", "STATE", "BY", "FINDINGS", "WHAT")]
    rows += [
        (
            plain(alert.id, 60),
            f"{alert.last_time:%Y-%m-%d %H:%M}",
            alert.severity.name,
            str(alert.life.state),
            _person(alert.life.by) if alert.life.by else "-",
            f"{alert.count:,}",
            plain(alert.headline.summary, _SUMMARY),
        )
        for alert in alerts
    ]
    head, *lines = table(rows)
    yield paint.bold(head)
    for alert, line in zip(alerts, lines, strict=True):
        yield paint.bad(line) if alert.life.state in (State.OPEN, State.ESCALATED) else line


def as_text(told: Told, *, paint: Paint, width: int | None) -> Iterator[str]:
    """The story, a line for each thing that happened, in the order in which we learnt of it; times in UTC."""
    alert, head = told.alert, told.alert.headline
    yield f"{paint.severity(alert.severity, alert.severity.name)}  {paint.bold(plain(head.title, 150))}"
    name = f" ({plain(head.account_name, 100)})" if head.account_name else ""
    yield f"  alert    {plain(alert.id, 60)}"
    yield f"  account  {plain(head.account, 40)}{name}"
    yield f"  state    {alert.life.state}" + (f", by {_person(alert.life.by)}" if alert.life.by else "")
    quiet = alert.count - alert.loud
    yield f"  count    {counted(alert.count, 'finding')}" + (f", {quiet:,} of them quiet" if quiet else "")
    for channel, known in sorted(alert.told.items()):
        when = f"{known.at:%Y-%m-%d %H:%M:%S}"
        yield f"  told     {plain(channel, 40)}: {counted(known.count, 'finding')}, last at {when}"
    yield ""
    entries = [*map(_of_finding, told.findings), *(_of_act(act, life) for act, life in told.acts)]
    longest = max((len(what) for _, what, _ in entries), default=0)
    for moment, what, text in sorted(entries, key=lambda entry: entry[0]):
        first = f"{moment:%Y-%m-%d %H:%M:%S}  {what:<{longest}}  "
        yield wrapped(text, first=first, rest=" " * len(first), width=width)


def _of_finding(finding: Finding) -> tuple[datetime, str, str]:
    text = f"{plain(finding.summary, _SUMMARY)} [{finding.severity.name}, {finding.detection_id}, event "
    text += f"{plain(finding.event_id, 100)}, {plain(finding.region, 30)}]"
    if finding.late_by:
        text += f" It happened at {finding.happened:%Y-%m-%d %H:%M:%S}."
    if finding.quiet:
        text += f" Nobody was told: {plain(finding.quiet, _REASON)}."
    return finding.received, "finding", text


def _of_act(act: Act, life: Life) -> tuple[datetime, str, str]:
    said = [plain(part, _REASON) for part in (act.cause, act.reason) if part]
    ticket = f" (ticket {plain(act.ticket, 100)})" if act.ticket else ""
    return act.at, str(life.state), f"by {_person(act.by)}" + (f": {': '.join(said)}" if said else "") + ticket


def _person(by: str) -> str:
    return "Rootwatch" if by == OURSELVES else plain(by, 40)


def as_plain(alert: Alert) -> dict[str, Any]:
    """An alert for programs."""
    return {
        "id": alert.id,
        "severity": alert.severity.name,
        "title": alert.headline.title,
        "summary": alert.headline.summary,
        "account": alert.headline.account,
        "findings": alert.count,
        "loud": alert.loud,
        "last_time": alert.last_time.isoformat(),
        "told": {channel: {"findings": item.count, "at": item.at.isoformat()} for channel, item in alert.told.items()},
        "life": alert.life.to_plain(),
    }


def story_as_plain(told: Told) -> dict[str, Any]:
    """An alert's story for programs."""
    acts = [{"id": act.id, "verb": str(act.verb), **life.to_plain()} for act, life in told.acts]
    return {**as_plain(told.alert), "history": acts, "recorded": [finding.to_plain() for finding in told.findings]}
