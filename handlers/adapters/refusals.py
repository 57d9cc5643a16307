"""When a destination refuses an alert for good: a metric each time, and a mail to the people of [email] each hour."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.metrics import emit, refused_metric
from handlers.adapters.untrusted import ascii_line

if TYPE_CHECKING:
    from mypy_boto3_sns.client import SNSClient

_EVERY = timedelta(hours=1)  # a mail for each destination, from each container at most
_log = logging.getLogger(__name__)


class Refusals:
    """What `HttpsDestination` calls when somebody refuses: `refused(destination, reason)`. It never raises."""

    def __init__(
        self,
        *,
        client: SNSClient,
        topic_arn: str,
        deployment: str,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
        put: Callable[[dict[str, Any]], None] = emit,
    ) -> None:
        self._client = client
        self._topic = topic_arn
        self._deployment = deployment
        self._clock = clock
        self._put = put
        self._mailed: dict[str, datetime] = {}

    def __call__(self, destination: str, reason: str) -> None:
        now = self._clock()
        self._put(refused_metric(destination, deployment=self._deployment, at=now))
        if destination in self._mailed and now - self._mailed[destination] < _EVERY:
            return
        self._mailed[destination] = now
        message = (
            f"The destination {destination} of {self._deployment} refuses alerts, and they are not tried again there: "
            f"{reason}.\n\nEverybody else was told as usual. Check the destination below [destinations.{destination}] "
            "in rootwatch.toml, and its secret (rootwatch destinations set-secret), then deploy."
        )
        try:
            self._client.publish(
                TopicArn=self._topic,
                Subject=ascii_line(f"[Rootwatch] {destination} refuses alerts", 99),
                Message=message,
            )
        except (ClientError, BotoCoreError) as error:
            _log.error("nobody could be mailed that %s refuses alerts: %s", destination, type(error).__name__)
