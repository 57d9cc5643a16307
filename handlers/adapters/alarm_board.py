"""The alarms about Rootwatch itself, asked of CloudWatch."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.ports import Unknown


class CloudWatchAlarms:
    """An `AlarmBoard`: the alarms whose names begin with the deployment's."""

    def __init__(self, *, client: Any, deployment: str) -> None:
        self._client = client
        self._prefix = f"{deployment}-"

    def states(self) -> Mapping[str, str] | Unknown:
        found: dict[str, str] = {}
        request = {"AlarmNamePrefix": self._prefix, "AlarmTypes": ["MetricAlarm"], "MaxRecords": 100}
        try:
            page = self._client.describe_alarms(**request)
            while True:
                found.update({item["AlarmName"]: item["StateValue"] for item in page["MetricAlarms"]})
                if not page.get("NextToken"):
                    return found
                page = self._client.describe_alarms(**request, NextToken=page["NextToken"])
        except ClientError as error:
            return Unknown(reason=str(error.response.get("Error", {}).get("Code", "unknown")))
        except (BotoCoreError, KeyError) as error:
            return Unknown(reason=type(error).__name__)
