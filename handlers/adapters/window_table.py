"""Break-glass windows in the alert table: each act one transaction, so that state, list and record never disagree.

Rows (pk / sk), all with a time to live that begins when the window is over:
    WINDOW#<id>        / WINDOW                   the window as it is
    WINDOW#<id>        / ACT#<version>            an act, and the window after it: written once
    WINDOW#<id>        / USE#<time>#<finding id>  something that happened and that the window is about
    WINDOW#<id>        / PLACE                    where people see a message about it
    WINDOWS#<account>  / <end>#<id>               the window again, to find those of an account with one query
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import unavailable
from handlers.adapters.table_rows import row_of, stamp, values_of
from handlers.alerting.window import Use, Window, WindowAct

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_SILENT = "the windows in the alert table did not answer"
_CONTENDED = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class WindowTable:
    """A Windows kept in the alert table; rows expire `retention` after their window was to end."""

    def __init__(self, *, client: DynamoDBClient, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def find(self, window_id: str) -> Window | None:
        row = self._get(window_id, "WINDOW")
        return _window(row) if row else None

    def of_account(self, account: str, *, ending_from: datetime) -> Sequence[Window]:
        return [_window(row) for row in self._rows(f"WINDOWS#{account}", after=stamp(ending_from))]

    def save(self, window: Window, act: WindowAct) -> bool:
        text = json.dumps(window.to_plain(), ensure_ascii=False)
        expires = int((window.ends + self._retention).timestamp())
        current = {"pk": f"WINDOW#{window.id}", "sk": "WINDOW", "window": text, "version": window.version}
        done = {
            "pk": f"WINDOW#{window.id}",
            "sk": f"ACT#{window.version:06d}",
            "act": json.dumps(act.to_plain(), ensure_ascii=False),
            "window": text,
        }
        listed = {"pk": f"WINDOWS#{window.account}", "sk": f"{stamp(window.ends)}#{window.id}", "window": text}
        first = window.version == 1
        actions = [
            self._put(
                {**current, "expires_at": expires},
                "attribute_not_exists(pk)" if first else "version = :seen",
                None if first else {":seen": window.version - 1},
            ),
            self._put({**done, "expires_at": expires}, "attribute_not_exists(pk)"),
            self._put({**listed, "expires_at": expires}),
        ]
        try:
            self._client.transact_write_items(TransactItems=actions)  # type: ignore[arg-type]
        except ClientError as error:
            reasons = error.response.get("CancellationReasons", [])
            codes = {reason.get("Code") for reason in reasons} - {"None", None}
            if codes and codes <= _CONTENDED:
                return False
            raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error
        return True

    def history(self, window_id: str) -> Sequence[tuple[WindowAct, Window]]:
        return [
            (WindowAct.from_plain(json.loads(row["act"])), _window(row))
            for row in self._rows(f"WINDOW#{window_id}", begins="ACT#")
        ]

    def add_use(self, window_id: str, use: Use) -> None:
        text = json.dumps(use.to_plain(), ensure_ascii=False)
        self._add(window_id, {"sk": f"USE#{stamp(use.at)}#{use.finding_id}", "use": text})

    def uses(self, window_id: str) -> Sequence[Use]:
        return [Use.from_plain(json.loads(row["use"])) for row in self._rows(f"WINDOW#{window_id}", begins="USE#")]

    def keep_place(self, window_id: str, place: str) -> None:
        self._add(window_id, {"sk": "PLACE", "place": place})

    def place(self, window_id: str) -> str:
        row = self._get(window_id, "PLACE")
        return str(row["place"]) if row else ""

    def _add(self, window_id: str, values: Mapping[str, Any]) -> None:
        """Put a row beside a window, kept as long as the window itself; the first one stays."""
        window = self.find(window_id)
        if window is None:
            return  # expired
        expires = int((window.ends + self._retention).timestamp())
        row = {"pk": f"WINDOW#{window_id}", **values, "expires_at": expires}
        try:
            self._client.put_item(
                TableName=self._table, Item=row_of(row), ConditionExpression="attribute_not_exists(pk)"
            )
        except ClientError as error:
            if error.response["Error"]["Code"] != "ConditionalCheckFailedException":
                raise unavailable(_SILENT, error) from error
        except BotoCoreError as error:
            raise unavailable(_SILENT, error) from error

    def _get(self, window_id: str, sk: str) -> dict[str, Any] | None:
        key = row_of({"pk": f"WINDOW#{window_id}", "sk": sk})
        item = self._call("get_item", TableName=self._table, Key=key, ConsistentRead=True).get("Item")
        return values_of(item) if item else None

    def _rows(self, pk: str, *, begins: str = "", after: str = "") -> Iterator[dict[str, Any]]:
        condition = "begins_with(sk, :sk)" if begins else "sk > :sk"
        query: dict[str, Any] = {
            "TableName": self._table,
            "KeyConditionExpression": f"pk = :pk AND {condition}",
            "ExpressionAttributeValues": row_of({":pk": pk, ":sk": begins or after}),
            "ConsistentRead": True,
        }
        while True:
            page = self._call("query", **query)
            yield from map(values_of, page["Items"])
            if "LastEvaluatedKey" not in page:
                return
            query["ExclusiveStartKey"] = page["LastEvaluatedKey"]

    def _put(
        self, item: Mapping[str, Any], condition: str = "", values: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": row_of(item)}
        if condition:
            put["ConditionExpression"] = condition
        if values:
            put["ExpressionAttributeValues"] = row_of(values)
        return {"Put": put}

    def _call(self, method: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = getattr(self._client, method)(**request)
        except (ClientError, BotoCoreError) as error:
            raise unavailable(_SILENT, error) from error
        return answer


def _window(row: Mapping[str, Any]) -> Window:
    return Window.from_plain(json.loads(row["window"]))
