"""The alerts of a deployment, and what people did with each, read from the alert table."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from cli.errors import CommandError
from handlers.adapters.alert_table import AlertTable
from handlers.adapters.untrusted import literal
from handlers.alerting.alert import Alert
from handlers.alerting.errors import UnavailableError
from handlers.alerting.life import Act, Life
from infra.deployment import Deployment

_RETENTION = timedelta(days=1)  # of what is written: this only reads
_CREDENTIALS = "check your AWS credentials and region (aws sts get-caller-identity), and the right to read the table."


def table_of(deployment: Deployment, *, client: Any = None) -> tuple[AlertTable, Any, str]:
    """The alert table, a client for it, and its name."""
    import boto3

    client = client or boto3.client("dynamodb", region_name=deployment.home_region)
    name = f"{deployment.name}-alerts"
    return AlertTable(client=client, table=name, retention=_RETENTION), client, name


def newest(deployment: Deployment, *, limit: int, client: Any = None) -> list[Alert]:
    """The newest alerts, newest first. It reads the whole table, which holds an alert for each incident.

    Raises:
        CommandError: AWS refuses, or cannot be reached.
    """
    from botocore.exceptions import BotoCoreError, ClientError

    book, client, name = table_of(deployment, client=client)
    try:
        pages = client.get_paginator("scan").paginate(
            TableName=name,
            FilterExpression="sk = :sk",
            ExpressionAttributeValues={":sk": {"S": "ALERT"}},
            ProjectionExpression="pk, last_time",
        )
        rows = [item for page in pages for item in page["Items"]]
        rows.sort(key=lambda item: item.get("last_time", {"S": ""})["S"], reverse=True)
        found = (book.find(item["pk"]["S"].removeprefix("ALERT#")) for item in rows[:limit])
        return [alert for alert in found if alert is not None]
    except (ClientError, BotoCoreError, UnavailableError) as error:
        raise _unread(name, error) from None


def told(deployment: Deployment, alert_id: str, *, client: Any = None) -> tuple[Alert, Sequence[tuple[Act, Life]]]:
    """One alert and every act done on it, in order.

    Raises:
        CommandError: there is no such alert, AWS refuses, or it cannot be reached.
    """
    from botocore.exceptions import BotoCoreError

    book, _, name = table_of(deployment, client=client)
    try:
        alert = book.find(alert_id)
        history = book.history(alert_id)
    except (UnavailableError, BotoCoreError) as error:
        raise _unread(name, error) from None
    if alert is None:
        raise CommandError(
            f"there is no alert {literal(alert_id, 60)} in {name}: it never was, or it has expired.",
            fix="`rootwatch alerts list` prints those there are.",
        )
    return alert, history


def as_line(alert: Alert) -> str:
    """An alert in one line."""
    head = alert.headline
    when = f"{alert.last_time:%Y-%m-%d %H:%M}"
    return f"{alert.id}  {when}  {alert.severity.name:<8}  {alert.life.state:<12}  {literal(head.summary, 160)}"


def as_history(alert: Alert, history: Sequence[tuple[Act, Life]]) -> list[str]:
    """An alert's story, a line for each thing that happened, in UTC."""
    head = alert.headline
    lines = [
        f"{alert.id}: {alert.severity.name}, {alert.life.state}, {alert.count} finding(s)",
        f"{head.happened:%Y-%m-%d %H:%M:%S}  happened: {literal(head.summary, 400)}",
    ]
    for act, life in history:
        said = f": {literal(act.reason, 500)}" if act.reason else ""
        ticket = f" ({literal(act.ticket, 100)})" if act.ticket else ""
        lines.append(f"{act.at:%Y-%m-%d %H:%M:%S}  {life.state} by {literal(act.by, 40)}{said}{ticket}")
    return lines


def as_json(alert: Alert, history: Sequence[tuple[Act, Life]] | None = None) -> str:
    """The same as one JSON object."""
    value: dict[str, Any] = {
        "id": alert.id,
        "severity": alert.severity.name,
        "findings": alert.count,
        "last_time": alert.last_time.isoformat(),
        "life": alert.life.to_plain(),
        "headline": alert.headline.to_plain(),
    }
    if history is not None:
        value["history"] = [{"id": act.id, "verb": str(act.verb), **life.to_plain()} for act, life in history]
    return json.dumps(value, ensure_ascii=True)


def _unread(name: str, error: Exception) -> CommandError:
    cause = str(error) if isinstance(error, UnavailableError) else type(error).__name__
    return CommandError(f"the alert table {name} cannot be read: {cause}.", fix=_CREDENTIALS)
