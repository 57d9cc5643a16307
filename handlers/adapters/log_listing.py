"""The log bucket's objects by listing it: for buckets that tell nobody, and for a sweep by hand.

The names of log objects sort by the minute they were made, and then by chance: an object may come in under a name
before one that is known. So listing goes an hour back each time, and leaves out what it found then.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from handlers.adapters.aws_errors import unavailable
from handlers.adapters.table_rows import row_of, values_of
from handlers.alerting.errors import UnavailableError
from handlers.alerting.sweeping import LIST_ATTRIBUTE

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.client import DynamoDBClient

LOOK_BACK = timedelta(hours=1)
_MOST_REMEMBERED = 3_000  # names of one place and hour: CloudTrail makes some dozens
_STAMP = re.compile(r"_CloudTrail_[a-z0-9-]+_(?P<stamp>[0-9]{8}T[0-9]{4}Z)_")
_FORM = "%Y%m%dT%H%MZ"


@dataclass(frozen=True, kw_only=True, order=True)
class Place:
    """Where the log objects of one account and region are."""

    account: str
    region: str


@dataclass(frozen=True, kw_only=True)
class LogObject:
    """A log object that is in the bucket."""

    key: str
    size: int  # bytes, packed
    storage_class: str = "STANDARD"


class LogListing:
    """Lists a trail's log objects below `prefix`, which ends before the accounts."""

    def __init__(self, *, client: Callable[[str], Any], bucket: str, prefix: str) -> None:
        self._client = client
        self._bucket = bucket
        self._prefix = prefix

    def places(self) -> list[Place]:
        """Where there are log objects at all, in order. Raises UnavailableError."""
        accounts = (name for name in self._folders(self._prefix) if re.fullmatch(r"[0-9]{12}", name))
        return sorted(
            Place(account=account, region=region)
            for account in accounts
            for region in self._folders(f"{self._prefix}{account}/CloudTrail/")
        )

    def objects(self, place: Place, since: datetime) -> Iterator[LogObject]:
        """The log objects of a place that were made at `since` or later, in order. Raises UnavailableError."""
        prefix = f"{self._prefix}{place.account}/CloudTrail/{place.region}/"
        moment = since.astimezone(UTC)
        after = f"{prefix}{moment:%Y/%m/%d}/{place.account}_CloudTrail_{place.region}_{moment:{_FORM}}"
        for page in self._pages(Prefix=prefix, StartAfter=after):
            for item in page.get("Contents", ()):
                if item["Key"].endswith(".json.gz"):
                    yield LogObject(
                        key=item["Key"], size=int(item["Size"]), storage_class=item.get("StorageClass", "STANDARD")
                    )

    def _folders(self, prefix: str) -> list[str]:
        pages = self._pages(Prefix=prefix, Delimiter="/")
        found = (item["Prefix"] for page in pages for item in page.get("CommonPrefixes", ()))
        return [name.removeprefix(prefix).rstrip("/") for name in found]

    def _pages(self, **request: str) -> Iterator[dict[str, Any]]:
        asked: dict[str, Any] = {"Bucket": self._bucket, **request}
        while True:
            try:
                page: dict[str, Any] = self._client("s3").list_objects_v2(**asked)
            except (ClientError, BotoCoreError) as error:
                raise unavailable("the log bucket cannot be listed", error) from error
            yield page
            if not page.get("NextContinuationToken"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]


def made_at(key: str) -> datetime | None:
    """When a log object was made, by its name; None where that does not say."""
    found = _STAMP.search(key.rpartition("/")[2])
    try:
        return datetime.strptime(found["stamp"], _FORM).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


class ListedTable:
    """How far each place was listed, in the alert table (pk LISTED#<bucket>#<account>#<region> / sk LISTED)."""

    def __init__(self, *, client: DynamoDBClient, table: str, bucket: str, retention: timedelta) -> None:
        self._client = client
        self._table = table
        self._bucket = bucket
        self._retention = retention

    def find(self, place: Place) -> tuple[datetime, frozenset[str]] | None:
        """Until when it was listed, and the keys found in the hour before that; None where it never was."""
        try:
            answer = self._client.get_item(TableName=self._table, Key=row_of(self._key(place)), ConsistentRead=True)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("the alert table did not answer", error) from error
        if "Item" not in answer:
            return None
        row = values_of(answer["Item"])
        return datetime.fromisoformat(row["until"]), frozenset(json.loads(row["recent"]))

    def save(self, place: Place, until: datetime, recent: Iterable[str], *, now: datetime) -> None:
        row = {
            **self._key(place),
            "until": until.isoformat(),
            "recent": json.dumps(sorted(recent)),
            "expires_at": int((now + self._retention).timestamp()),
        }
        try:
            self._client.put_item(TableName=self._table, Item=row_of(row))
        except (ClientError, BotoCoreError) as error:
            raise unavailable("the alert table did not answer", error) from error

    def _key(self, place: Place) -> dict[str, str]:
        return {"pk": f"LISTED#{self._bucket}#{place.account}#{place.region}", "sk": "LISTED"}


class LogsQueue:
    """Puts messages on the logs queue."""

    def __init__(self, *, client: Callable[[str], Any], queue_url: str) -> None:
        self._client = client
        self._queue_url = queue_url

    def send(self, bodies: Sequence[str], *, delay_seconds: int | None = None) -> None:
        """At most ten messages; without a delay of their own they wait as long as all on this queue.

        Raises:
            UnavailableError: the queue did not take them all; sending them again does no harm.
        """
        entries: list[dict[str, Any]] = [{"Id": str(number), "MessageBody": body} for number, body in enumerate(bodies)]
        if delay_seconds is not None:
            entries = [{**entry, "DelaySeconds": delay_seconds} for entry in entries]
        try:
            answer = self._client("sqs").send_message_batch(QueueUrl=self._queue_url, Entries=entries)
        except (ClientError, BotoCoreError) as error:
            raise unavailable("the logs queue took no message", error) from error
        if failed := answer.get("Failed"):
            raise UnavailableError(f"the logs queue did not take a message: {str(failed[0].get('Code'))[:80]}")

    def go_on_listing(self, after: Place) -> None:
        """Have the listing go on behind this place. Raises UnavailableError."""
        try:
            self._client("sqs").send_message(
                QueueUrl=self._queue_url,
                MessageBody=f"{after.account}/{after.region}",
                DelaySeconds=0,
                MessageAttributes={LIST_ATTRIBUTE: {"DataType": "String", "StringValue": "on"}},
            )
        except (ClientError, BotoCoreError) as error:
            raise unavailable("the logs queue took no message", error) from error


def list_new(
    *,
    listing: LogListing,
    listed: ListedTable,
    send: Callable[[Sequence[str]], None],
    go_on: Callable[[Place], None],
    after: str,
    now: datetime,
    seconds_left: Callable[[], float],
    enough: float,
) -> int:
    """Send what came in since the last time, ten keys at once; returns how many. Repeating it sends at most some again.

    A place that was never listed begins an hour ago: what is older is for a sweep by hand.

    Args:
        after: "" from the beginning, or "<account>/<region>": the place behind which to go on.
        go_on: has the rest listed by another call, where the time is up.

    Raises:
        UnavailableError: bucket, table or queue did not answer.
    """
    sent = 0
    places = [place for place in listing.places() if f"{place.account}/{place.region}" > after]
    for number, place in enumerate(places):
        if seconds_left() < enough and number:
            go_on(places[number - 1])
            break
        sent += _list_place(place, listing, listed, send, now)
    return sent


def _list_place(
    place: Place, listing: LogListing, listed: ListedTable, send: Callable[[Sequence[str]], None], now: datetime
) -> int:
    state = listed.find(place)
    until, known = state or (now, frozenset[str]())
    keys = [item.key for item in listing.objects(place, until - LOOK_BACK)]
    new = [key for key in keys if key not in known]
    for start in range(0, len(new), 10):
        send(new[start : start + 10])
    if state and not new:
        return 0
    newest = max([until, *filter(None, map(made_at, keys))])
    recent = [key for key in keys if (made_at(key) or newest) >= newest - LOOK_BACK]
    listed.save(place, newest, recent[-_MOST_REMEMBERED:], now=now)
    return len(new)
