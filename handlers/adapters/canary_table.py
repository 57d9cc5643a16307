"""Canaries in the alert table, and their way onto the bus."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.alert_table import AlertTable
from handlers.adapters.aws_errors import unavailable, word_of
from handlers.adapters.table_rows import row_of, stamp, values_of
from handlers.alerting.canary import DETAIL_TYPE, SOURCE, Flight
from handlers.alerting.errors import UnavailableError

_KEPT = timedelta(days=400)
_SILENT = "the alert table did not answer about a canary"


class CanaryTable:
    """An Aviary (see canary): a row for each flight, below its day."""

    def __init__(self, *, client: Any, table: str, book: AlertTable) -> None:
        """`client` is DynamoDB's; `book`, in the same table, keeps the errands."""
        self._client = client
        self._table = table
        self._book = book

    def begin(self, errand: str, *, now: datetime, lease: timedelta) -> bool:
        return self._book.begin(errand, now=now, lease=lease)

    def end(self, errand: str, *, until: datetime | None) -> None:
        self._book.end(errand, until=until)

    def leave(self, flight: Flight) -> None:
        row = {
            "pk": _day(flight.left),
            "sk": _key(flight.left, flight.id),
            "expires_at": int((flight.left + _KEPT).timestamp()),
        }
        self._call("put_item", Item=row_of(row))

    def arrive(self, left: datetime, flight_id: str, *, at: datetime) -> bool:
        try:
            self._call(
                "update_item",
                Key=row_of({"pk": _day(left), "sk": _key(left, flight_id)}),
                UpdateExpression="SET arrived = :at",
                ConditionExpression="attribute_exists(pk) AND attribute_not_exists(arrived)",
                ExpressionAttributeValues=row_of({":at": stamp(at)}),
            )
        except _RefusedError:
            return False
        return True

    def flights(self, since: datetime, until: datetime) -> Sequence[Flight]:
        found: list[Flight] = []
        day = since.astimezone(UTC).date()
        while day <= until.astimezone(UTC).date():
            query: dict[str, Any] = {
                "KeyConditionExpression": "pk = :pk",
                "ExpressionAttributeValues": row_of({":pk": f"CANARY#{day.isoformat()}"}),
            }
            while True:
                page = self._call("query", **query)
                found += [_flight(values_of(item)) for item in page["Items"]]
                if "LastEvaluatedKey" not in page:
                    break
                query["ExclusiveStartKey"] = page["LastEvaluatedKey"]
            day += timedelta(days=1)
        return [flight for flight in found if since <= flight.left <= until]

    def _call(self, operation: str, **request: Any) -> Any:
        try:
            return getattr(self._client, operation)(TableName=self._table, **request)
        except ClientError as error:
            if word_of(error) == "ConditionalCheckFailedException":
                raise _RefusedError from error
            raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error


class _RefusedError(Exception):
    """The condition of a write did not hold."""


class CanaryBus:
    """Puts canaries on the account's default bus."""

    def __init__(self, *, client: Callable[[str], Any]) -> None:
        """`client` makes a boto3 client."""
        self._client = client

    def release(self, detail: Mapping[str, Any]) -> None:
        """Raises UnavailableError: EventBridge did not take it."""
        entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "Detail": json.dumps(detail)}
        try:
            answer = self._client("events").put_events(Entries=[entry])
        except (ClientError, BotoCoreError) as error:
            raise unavailable("EventBridge did not take the canary", error) from error
        if answer.get("FailedEntryCount"):
            raise UnavailableError(
                f"EventBridge refused the canary: {answer['Entries'][0].get('ErrorCode', 'unknown')}"
            )


def _day(moment: datetime) -> str:
    return f"CANARY#{moment.astimezone(UTC).date().isoformat()}"


def _key(left: datetime, flight_id: str) -> str:
    return f"{stamp(left)}#{flight_id}"


def _flight(row: Mapping[str, Any]) -> Flight:
    left, _, flight_id = row["sk"].partition("#")
    arrived = row.get("arrived")
    return Flight(
        id=flight_id,
        left=datetime.fromisoformat(left),
        arrived=datetime.fromisoformat(arrived) if arrived else None,
    )
