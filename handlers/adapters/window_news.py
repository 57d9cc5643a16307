"""News of break-glass windows through the events queue: a message of our own, which raise_alert turns into an alert."""

from __future__ import annotations

from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError
from handlers.alerting.window_desk import WINDOW_ATTRIBUTE

if TYPE_CHECKING:
    from mypy_boto3_sqs.client import SQSClient


class WindowNews:
    """Has people told of a window as it stands when the message is read; telling twice tells them once."""

    def __init__(self, *, client: SQSClient, queue_url: str) -> None:
        """`queue_url` is the events queue's."""
        self._client = client
        self._queue_url = queue_url

    def tell(self, window_id: str) -> None:
        """Raises UnavailableError: the queue did not take it."""
        try:
            self._client.send_message(
                QueueUrl=self._queue_url,
                MessageBody=window_id,
                MessageAttributes={WINDOW_ATTRIBUTE: {"DataType": "String", "StringValue": window_id}},
            )
        except (ClientError, BotoCoreError) as error:
            raise UnavailableError(
                f"the events queue did not take the news of a window: {type(error).__name__}"
            ) from error
