"""Our own history in the alert table: whom and what we have seen before, and what a thing was like then.

Rows (pk / sk), all with a time to live that each use renews:
    SEEN#<digest>  / SEEN   how often an account, a principal, an address, or a pair of the two was seen, and since when
    SEEN#<digest>  / EVENT  that an event was counted, with the answer it got: a repeat gets the same
    KEPT#<digest>  / KEPT   the latest value of something that changes, and the one before it
"""

from __future__ import annotations

import hashlib
import json
import random
import time
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import unavailable
from handlers.adapters.table_rows import deserialize, row_of, stamp
from handlers.alerting.errors import UnavailableError
from handlers.alerting.ports import MOST_ADDRESSES, MOST_KEPT_CHARACTERS, Kept, Seen, Sighting, Tally

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

_SILENT = "the history in the alert table did not answer"
_ATTEMPTS = 6
_CONTENDED = ("ConditionalCheckFailedException", "TransactionConflictException", "TransactionInProgressException")


class HistoryTable:
    """A History kept in the alert table; rows expire `retention` after they were last of use."""

    def __init__(self, *, client: DynamoDBClient, table: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._retention = retention

    def seen(self, sighting: Sighting, *, now: datetime) -> Seen:
        """Read, answer and count in one transaction, so that a crash leaves either an answer and its count or neither.

        Raises:
            UnavailableError: DynamoDB does not answer, or the same rows stayed contended.
        """
        counted = _key("event", sighting.account, sighting.event)
        for attempt in range(_ATTEMPTS):
            before = self._get(counted, "EVENT")
            if before is not None:
                return _seen_from(json.loads(before["answer"]))
            rows = {name: self._get(key, "SEEN") or {} for name, key in tally_keys(sighting).items()}
            answer = _seen(rows, sighting)
            if self._count(sighting, counted, rows, answer, now):
                return answer
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - not for secrets
        raise UnavailableError(f"the history's rows stayed contended over {_ATTEMPTS} attempts")

    def replaced(self, name: str, value: str, *, event: str, at: datetime, now: datetime) -> Kept | None:
        """Read, decide and write on condition that nobody wrote between.

        Raises:
            UnavailableError: as above.
        """
        key = _key("kept", name)
        for attempt in range(_ATTEMPTS):
            row = self._get(key, "KEPT")
            if row is not None and row["event"] == event:
                return _kept(row, "before")
            if row is not None and datetime.fromisoformat(row["at"]) > at:
                return None
            if self._keep(key, row, _next_row(row, value, event=event, at=at), now):
                return _kept(row, "value") if row else None
            time.sleep(random.uniform(0, 0.02 * (attempt + 1)))  # noqa: S311 - not for secrets
        raise UnavailableError(f"the history's rows stayed contended over {_ATTEMPTS} attempts")

    def _count(
        self,
        sighting: Sighting,
        counted: str,
        rows: Mapping[str, Mapping[str, Any]],
        answer: Seen,
        now: datetime,
    ) -> bool:
        expires = int((now + self._retention).timestamp())
        marker = {"pk": counted, "sk": "EVENT", "answer": json.dumps(_plain_seen(answer)), "expires_at": expires}
        put = {"TableName": self._table, "Item": row_of(marker), "ConditionExpression": "attribute_not_exists(pk)"}
        actions: list[Any] = [{"Put": put}]
        for name, key in tally_keys(sighting).items():
            values: dict[str, Any] = {":one": 1, ":expires": expires}
            setting = "SET expires_at = :expires"
            adding = "ADD times :one" if sighting.succeeded else "ADD failed :one"
            if sighting.succeeded:
                setting += ", since = if_not_exists(since, :at)"
                values[":at"] = stamp(sighting.at)
            addresses = rows[name].get("addresses", ())
            if name == "principal" and sighting.succeeded and sighting.address and len(addresses) <= MOST_ADDRESSES:
                adding += ", addresses :address"
                values[":address"] = {sighting.address}
            actions.append(
                {
                    "Update": {
                        "TableName": self._table,
                        "Key": row_of({"pk": key, "sk": "SEEN"}),
                        "UpdateExpression": f"{setting} {adding}",
                        "ExpressionAttributeValues": row_of(values),
                    }
                }
            )
        try:
            self._client.transact_write_items(TransactItems=actions)
        except (ClientError, BotoCoreError) as error:
            return _contended(error)
        return True

    def _keep(self, key: str, row: Mapping[str, Any] | None, values: Mapping[str, Any], now: datetime) -> bool:
        """Write the row; False when another writer was faster."""
        expires = int((now + self._retention).timestamp())
        request: dict[str, Any] = {
            "TableName": self._table,
            "Item": row_of({"pk": key, "sk": "KEPT", **values, "expires_at": expires}),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if row:
            request["ConditionExpression"] = "#event = :seen"
            request["ExpressionAttributeNames"] = {"#event": "event"}
            request["ExpressionAttributeValues"] = row_of({":seen": row["event"]})
        try:
            self._client.put_item(**request)
        except (ClientError, BotoCoreError) as error:
            return _contended(error)
        return True

    def _get(self, pk: str, sk: str) -> dict[str, Any] | None:
        try:
            item = self._client.get_item(
                TableName=self._table, Key=row_of({"pk": pk, "sk": sk}), ConsistentRead=True
            ).get("Item")
        except (ClientError, BotoCoreError) as error:
            raise unavailable(_SILENT, error) from error
        return {name: deserialize(value) for name, value in item.items()} if item else None


def _next_row(row: Mapping[str, Any] | None, value: str, *, event: str, at: datetime) -> dict[str, Any]:
    """What a KEPT row says after the event: the value, and the one before it."""
    kept = value if len(value) <= MOST_KEPT_CHARACTERS else ""
    before = row or {"value": "", "since": ""}
    return {
        "value": kept,
        "since": before["since"] if row and before["value"] == kept else stamp(at),
        "before": before["value"],
        "before_since": before["since"],
        "event": event,
        "at": stamp(at),
    }


def tally_keys(sighting: Sighting) -> dict[str, str]:
    """The rows that a sighting counts in, by what each counts."""
    account, principal, address = sighting.account, sighting.principal, sighting.address
    keys = {"account": _key("account", account)}
    if principal:
        keys["principal"] = _key("principal", account, principal)
    if address:
        keys["address"] = _key("address", account, address)
    if principal and address:
        keys["both"] = _key("both", account, principal, address)
    return keys


def _key(*parts: str) -> str:
    """A key that no part can break out of, whoever chose it, and that tells nobody's name."""
    text = "\0".join(part.replace("\0", "\ufffd") for part in parts)
    kind = "KEPT" if parts[0] == "kept" else "SEEN"
    return f"{kind}#{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:32]}"


def _seen(rows: Mapping[str, Mapping[str, Any]], sighting: Sighting) -> Seen:
    addresses = set(rows.get("principal", {}).get("addresses", ())) - {sighting.address}
    return Seen(
        **{name: _tally(row) for name, row in rows.items()}, other_addresses=min(len(addresses), MOST_ADDRESSES)
    )


def _tally(row: Mapping[str, Any]) -> Tally:
    since = row.get("since")
    return Tally(
        times=int(row.get("times", 0)),
        failed=int(row.get("failed", 0)),
        since=datetime.fromisoformat(since) if since else None,
    )


def _plain_seen(seen: Seen) -> dict[str, Any]:
    tallies = {name: getattr(seen, name) for name in ("account", "principal", "address", "both")}
    return {
        "other_addresses": seen.other_addresses,
        **{
            name: {"times": tally.times, "failed": tally.failed, "since": stamp(tally.since) if tally.since else None}
            for name, tally in tallies.items()
        },
    }


def _seen_from(plain: Mapping[str, Any]) -> Seen:
    tallies = {name: _tally(plain[name]) for name in ("account", "principal", "address", "both")}
    return Seen(**tallies, other_addresses=int(plain["other_addresses"]))


def _kept(row: Mapping[str, Any], which: str) -> Kept | None:
    value, since = (row["value"], row["since"]) if which == "value" else (row["before"], row["before_since"])
    return Kept(value=value, since=datetime.fromisoformat(since)) if value and since else None


def _contended(error: Exception) -> bool:
    """False where another writer was faster, for the caller to look again; raises for everything else."""
    if isinstance(error, ClientError):
        code = error.response["Error"]["Code"]
        reasons: Any = error.response.get("CancellationReasons", [])
        codes = {reason.get("Code") for reason in reasons} - {"None", None}
        if code in _CONTENDED or (
            code == "TransactionCanceledException" and codes <= {"ConditionalCheckFailed", "TransactionConflict"}
        ):
            return False
    raise unavailable(_SILENT, error) from error
