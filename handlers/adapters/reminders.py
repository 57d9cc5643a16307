"""Reminders through the events queue: a message of our own that comes back after a delay."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient

# A message attribute, because EventBridge cannot set one: no event can pass for a reminder.
REFRESH_ATTRIBUTE = "rootwatch-refresh"
_MAXIMUM_DELAY = 900  # seconds, of SQS


class QueueReminders:
    """A Later that puts a delayed message on the events queue.

    It does not loop: a refresh clears the errand first and asks again only while another worker holds the alert, for
    at most its lease - far from Lambda's guard against recursive loops (about 16
    rounds of one message).
    """

    def __init__(self, *, client: SQSClient, queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def refresh(self, alert_id: str, *, seconds: int) -> None:
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=alert_id,
                DelaySeconds=min(seconds, _MAXIMUM_DELAY),
                MessageAttributes={REFRESH_ATTRIBUTE: {"DataType": "String", "StringValue": alert_id}},
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(f"the events queue did not take a reminder: {type(error).__name__}") from error
