"""Which CloudTrail records were seen through, in the alert table: how the two roads know of each other.

Rows (pk / sk):
    ARRIVAL#<account>#<event id> / ARRIVAL    the road that brought it first, and when it was seen through
"""

from __future__ import annotations

import hashlib
import random
import time
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import unavailable
from handlers.adapters.table_rows import row_of, stamp, values_of
from handlers.alerting.errors import UnavailableError
from handlers.alerting.event import Road

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_SILENT = "the alert table did not answer"
_MOST_AT_ONCE = 100  # keys of one BatchGetItem (DynamoDB API reference)
_ATTEMPTS = 6  # for what the table left unanswered: it answers what it can


class ArrivalTable:
    """An Arrivals kept in the alert table; rows expire `retention` after they were written."""

    def __init__(self, *, client: DynamoDBClient, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def known(self, arrivals: Sequence[str]) -> Mapping[str, Road]:
        by_key = {_key(arrival): arrival for arrival in arrivals}
        keys = list(by_key)
        found: dict[str, Road] = {}
        for start in range(0, len(keys), _MOST_AT_ONCE):
            for row in self._rows(keys[start : start + _MOST_AT_ONCE]):
                found[by_key[row["pk"]]] = Road(row["road"])
        return found

    def _rows(self, keys: Sequence[str]) -> list[dict[str, Any]]:
        asked: Any = {
            self._table: {
                "Keys": [row_of({"pk": key, "sk": "ARRIVAL"}) for key in keys],
                "ConsistentRead": True,
                "ProjectionExpression": "pk, road",
            }
        }
        rows: list[dict[str, Any]] = []
        for attempt in range(_ATTEMPTS):
            try:
                answer = self._client.batch_get_item(RequestItems=asked)
            except (ClientError, BotoCoreError) as error:
                raise unavailable(_SILENT, error) from error
            rows += map(values_of, answer["Responses"].get(self._table, ()))
            asked = answer.get("UnprocessedKeys")
            if not asked:
                return rows
            time.sleep(random.uniform(0, 0.05 * 2**attempt))  # noqa: S311 - not for secrets
        raise UnavailableError(f"the alert table left events unanswered over {_ATTEMPTS} attempts")

    def note(self, arrival: str, road: Road, *, now: datetime) -> Road | None:
        row = {
            "pk": _key(arrival),
            "sk": "ARRIVAL",
            "road": str(road),
            "at": stamp(now),
            "expires_at": int((now + self._retention).timestamp()),
        }
        try:
            self._client.put_item(
                TableName=self._table,
                Item=row_of(row),
                ConditionExpression="attribute_not_exists(pk)",
                ReturnValuesOnConditionCheckFailure="ALL_OLD",
            )
        except ClientError as error:
            if error.response["Error"]["Code"] == "ConditionalCheckFailedException":
                before: Any = error.response.get("Item")
                return Road(values_of(before)["road"]) if before else road
            raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error
        return None


def _key(arrival: str) -> str:
    """As part of a key: as it is, or a digest where it is long or strange."""
    if len(arrival) <= 200 and arrival.isascii() and arrival.isprintable():
        return f"ARRIVAL#{arrival}"
    return "ARRIVAL#sha256-" + hashlib.sha256(arrival.encode("utf-8", "replace")).hexdigest()
