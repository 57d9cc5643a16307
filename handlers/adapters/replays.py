"""Requests that were let in before: each signature is remembered for as long as it would be accepted again."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

PREFIX = "REPLAY#"  # the only rows that Slack's door may write
_KEPT = timedelta(hours=1)  # far beyond the ten minutes in which a timestamp is accepted


class ReplayTable:
    """Replay items in the alert table, written once and removed by their time to live."""

    def __init__(self, *, client: DynamoDBClient, table: str) -> None:
        self._client = client
        self._table = table

    def is_first(self, digest: str, *, now: datetime) -> bool:
        """Whether this request had not come before. Raises UnavailableError when the table does not answer."""
        try:
            self._client.put_item(
                TableName=self._table,
                Item={
                    "pk": {"S": PREFIX + digest},
                    "sk": {"S": "REPLAY"},
                    "expires_at": {"N": str(int((now + _KEPT).timestamp()))},
                },
                ConditionExpression="attribute_not_exists(pk)",
            )
        except ClientError as error:
            code = error.response["Error"]["Code"]
            if code == "ConditionalCheckFailedException":
                return False
            raise UnavailableError(f"the alert table did not take a replay item: {code}") from error
        except BotoCoreError as error:
            raise UnavailableError(f"the alert table did not take a replay item: {type(error).__name__}") from error
        return True
