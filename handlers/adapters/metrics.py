"""Metrics as lines of the function's log, which CloudWatch Logs turns into metrics: no call, no right, nothing to fail.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any

from handlers.alerting.severity import Severity

NAMESPACE = "Rootwatch"


def emit(line: Mapping[str, Any], *, write: Callable[[str], Any] = sys.stdout.write) -> None:
    """Put a metric into the log: one line of its own."""
    write(json.dumps(line) + "\n")


def acknowledged_metric(
    opened: datetime, acknowledged: datetime, *, severity: Severity, deployment: str
) -> dict[str, Any]:
    """How long it took until somebody took an alert, in seconds, by severity.

    Args:
        opened: when people were told, or the alert was opened.
        acknowledged: when somebody took it.
        deployment: its name.
    """
    seconds = max((acknowledged - opened).total_seconds(), 0.0)
    return _metric(
        "TimeToAcknowledge",
        seconds,
        "Seconds",
        {"Deployment": deployment, "Severity": severity.name},
        at=acknowledged,
    )


def refused_metric(destination: str, *, deployment: str, at: datetime) -> dict[str, Any]:
    """That a destination refused an alert for good."""
    return _metric("DestinationRefused", 1, "Count", {"Deployment": deployment, "Destination": destination}, at=at)


def count_metric(name: str, count: int, *, deployment: str, at: datetime) -> dict[str, Any]:
    """How often something happened, in the whole deployment."""
    return _metric(name, count, "Count", {"Deployment": deployment}, at=at)


def _metric(name: str, value: float, unit: str, dimensions: Mapping[str, str], *, at: datetime) -> dict[str, Any]:
    return {
        "_aws": {
            "Timestamp": int(at.timestamp() * 1_000),
            "CloudWatchMetrics": [
                {
                    "Namespace": NAMESPACE,
                    "Dimensions": [sorted(dimensions)],
                    "Metrics": [{"Name": name, "Unit": unit}],
                }
            ],
        },
        **dimensions,
        name: value,
    }
