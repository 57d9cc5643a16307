"""What the logs queue tells of: objects that came into the log bucket, in either of the forms S3 tells it."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote, unquote_plus

from handlers.alerting.errors import RootwatchError

# What follows a trail's prefix (CloudTrail user guide, "CloudTrail log file examples"); of the file's own name only
# that it is gzipped JSON, as a copy that somebody restored may be named otherwise.
_LOG = re.compile(r"[0-9]{12}/CloudTrail/[a-z0-9-]+/[0-9]{4}/[0-9]{2}/[0-9]{2}/[^/]+\.json\.gz")
_OTHERS = {
    "/CloudTrail-Digest/": "a digest, which lists log objects",
    "/CloudTrail-Insight/": "an insight, which no detection asks for",
}


class UnreadableNoticeError(RootwatchError):
    """A message of the logs queue is no notification of S3; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True, kw_only=True)
class LogNotice:
    """One object that S3 tells of."""

    bucket: str
    key: str
    is_new: bool  # False: it was removed, restored, tagged


def notices_in(body: str) -> list[LogNotice]:
    """The objects that a message tells of; none for the test message that S3 sends when notifications are set up.

    Raises:
        UnreadableNoticeError: it is neither S3's own notification nor EventBridge's "Object ..." event.
    """
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise UnreadableNoticeError("not JSON") from error
    if not isinstance(value, Mapping):
        raise UnreadableNoticeError("not a JSON object")
    if value.get("Event") == "s3:TestEvent":
        return []
    if value.get("source") == "aws.s3" and isinstance(value.get("detail"), Mapping):
        return [_from_eventbridge(value)]
    if isinstance(value.get("Records"), list):
        return list(_from_s3(value["Records"]))
    raise UnreadableNoticeError("neither a notification of S3 nor an event about an object")


def _from_s3(records: list[Any]) -> Iterator[LogNotice]:
    for record in records:
        found = record.get("s3") if isinstance(record, Mapping) else None
        bucket, key = _names(found)
        name = str(record.get("eventName")) if isinstance(record, Mapping) else ""
        # S3 user guide, "Event message structure": the key is URL-encoded.
        yield LogNotice(bucket=bucket, key=unquote_plus(key), is_new=name.startswith("ObjectCreated"))


def _from_eventbridge(event: Mapping[str, Any]) -> LogNotice:
    bucket, key = _names(event["detail"])
    return LogNotice(bucket=bucket, key=key, is_new=event.get("detail-type") == "Object Created")


def _names(found: Any) -> tuple[str, str]:
    bucket, item = (found.get("bucket"), found.get("object")) if isinstance(found, Mapping) else (None, None)
    name = bucket.get("name") if isinstance(bucket, Mapping) else None
    key = item.get("key") if isinstance(item, Mapping) else None
    if not isinstance(name, str) or not isinstance(key, str):
        raise UnreadableNoticeError("a notification of S3 without the names of bucket and object")
    return name, key


def notice_of(bucket: str, key: str) -> str:
    """A message that tells of an object as S3's own notification does: for those who find objects by listing."""
    record = {
        "eventSource": "aws:s3",
        "eventName": "ObjectCreated:Listed",
        "s3": {"bucket": {"name": bucket}, "object": {"key": quote(key, safe="/")}},
    }
    return json.dumps({"Records": [record]})


def why_not_swept(notice: LogNotice, *, bucket: str, prefix: str) -> str:
    """Why an object is none of the trail's log objects; "" where it is one.

    Args:
        bucket, prefix: of the trail: what log objects' keys begin with, before the account.
    """
    if notice.bucket != bucket:
        return "it is in another bucket"
    if not notice.is_new:
        return "nothing new came in"
    for part, reason in _OTHERS.items():
        if part in notice.key:
            return reason
    if not notice.key.startswith(prefix) or not _LOG.fullmatch(notice.key.removeprefix(prefix)):
        return "it is no log object of the trail"
    return ""
