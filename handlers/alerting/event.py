"""An event: what happened, in AWS's words, whichever road it came by."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from functools import cached_property
from typing import Any, Self

from handlers.alerting.actor import Actor
from handlers.alerting.errors import UnreadableEventError

# A record at CloudTrail's documented limits is about 250 KB; EventBridge carries at most 1 MB.
MAXIMUM_BYTES = 1_048_576
# CloudTrail's own records are nested some ten deep. What a Python can walk differs by its version: a limit of ours
# gives every version the same answer.
MAXIMUM_DEPTH = 600

_DETAIL_TYPES = {
    "AwsApiCall": "AWS API Call via CloudTrail",
    "AwsServiceEvent": "AWS Service Event via CloudTrail",
    "AwsConsoleSignIn": "AWS Console Sign In via CloudTrail",
    "AwsConsoleAction": "AWS Console Action via CloudTrail",
    "AwsCloudTrailInsight": "AWS Insight via CloudTrail",
    "AwsVpceEvent": "AWS Network Activity Event via CloudTrail",
}
_READ_PREFIXES = ("Get", "List", "Describe", "Head", "Lookup", "Search", "Query", "Scan", "View", "Check", "BatchGet")
# isinstance answers for a dict at once, and only then asks the abstract class, which takes ten times as long:
# detections dig dozens of times in one event.
_OBJECT = (dict, Mapping)
_SURROGATE_ESCAPE = re.compile(r"\\u[dD][89a-fA-F]")


class Road(StrEnum):
    """How an event reached us; the two are described in docs/architecture.md."""

    EVENTBRIDGE = "eventbridge"  # fast, best effort
    TRAIL = "trail"  # from the log bucket: slower, and the record


@dataclass(frozen=True, kw_only=True, eq=False)
class Event:
    """One EventBridge envelope; a raw CloudTrail record is wrapped in one, so that both roads give the same Event.

    Fields may be missing or of another type than documented: every property says what that means, none raises.
    """

    envelope: Mapping[str, Any]  # what a pattern is matched against
    road: Road = Road.EVENTBRIDGE

    @classmethod
    def parse(cls, body: str | bytes | Mapping[str, Any], *, road: Road = Road.EVENTBRIDGE) -> Self:
        """Read an EventBridge envelope or a raw CloudTrail record, as text, UTF-8 bytes or a decoded object.

        Raises:
            UnreadableEventError: not JSON, not an object, too large or nested too deeply; says which.
        """
        value = body if isinstance(body, Mapping) else decode(body)
        if not isinstance(value, Mapping):
            raise UnreadableEventError(f"an event is a JSON object, this is {_kind(value)}")
        if isinstance(value.get("detail"), Mapping) and "detail-type" in value:
            return cls(envelope=value, road=road)
        if "detail-type" in value:
            raise UnreadableEventError(f"the envelope's detail is {_kind(value.get('detail'))}, not an object")
        if isinstance(value.get("eventName"), str) or isinstance(value.get("eventSource"), str):
            return cls(envelope=_envelope_of(value), road=road)
        raise UnreadableEventError(
            "neither an EventBridge event (no detail-type) nor a CloudTrail record (no eventName)"
        )

    @cached_property
    def detail(self) -> Mapping[str, Any]:
        """The CloudTrail record, or another service's own detail."""
        detail = self.envelope.get("detail")
        return detail if isinstance(detail, Mapping) else {}

    @cached_property
    def actor(self) -> Actor:
        """Who did it."""
        return Actor.of(self.detail)

    def dig(self, *path: str, default: Any = None) -> Any:
        """The value at this path inside `detail`; `default` where any step is missing or is not an object."""
        value: Any = self.detail
        for step in path:
            if not isinstance(value, _OBJECT) or step not in value:
                return default
            value = value[step]
        return default if value is None else value

    def text(self, *path: str, default: str = "") -> str:
        """The string at this path, or `default`; numbers and booleans are written out, objects are not."""
        value: Any = self.detail
        for step in path:  # as `dig` does, without calling it: this is what detections do most
            if not isinstance(value, _OBJECT) or step not in value:
                return default
            value = value[step]
        if isinstance(value, str):
            return value
        return json.dumps(value) if isinstance(value, (int, float)) else default

    @cached_property
    def id(self) -> str:
        """The record's own eventID, the envelope's id, or a digest of the content where neither is there."""
        found = self.text("eventID") or self.envelope.get("id")
        if isinstance(found, str) and found:
            return found
        canonical = json.dumps(self.envelope, sort_keys=True, default=str)
        return "sha256-" + hashlib.sha256(canonical.encode("utf-8", "replace")).hexdigest()[:32]

    @cached_property
    def key(self) -> str:
        """What makes a second arrival a repeat: account and the id that all copies of one action share.

        A correction carries the id of the record it replaces (`addendum.originalEventID`), and the copies of one
        cross-account action share `sharedEventID` (CloudTrail user guide, record contents).
        """
        original = self.text("addendum", "originalEventID")
        return f"{self.account}#{original or self.text('sharedEventID') or self.id}"

    @cached_property
    def account(self) -> str:
        """The 12-digit account it happened in; "unknown" where the record does not say."""
        for value in (
            self.envelope.get("account"),
            self.dig("recipientAccountId"),
            self.dig("userIdentity", "accountId"),
        ):
            if isinstance(value, str) and value:
                return value
        return "unknown"

    @cached_property
    def region(self) -> str:
        """The region of the record itself: where its CloudTrail entry can be looked up."""
        for value in (self.envelope.get("region"), self.dig("awsRegion")):
            if isinstance(value, str) and value:
                return value
        return "unknown"

    @cached_property
    def time(self) -> datetime | None:
        """When it happened, UTC; None where neither record nor envelope says."""
        for value in (self.dig("eventTime"), self.envelope.get("time")):
            moment = _moment(value)
            if moment:
                return moment
        return None

    @property
    def name(self) -> str:
        """The API call, e.g. "AttachUserPolicy"; for other services' own events the detail-type."""
        return self.text("eventName") or str(self.envelope.get("detail-type", "unknown event"))

    @property
    def service(self) -> str:
        """Who recorded it, e.g. "iam.amazonaws.com"."""
        return self.text("eventSource") or str(self.envelope.get("source", "unknown"))

    @property
    def source_ip(self) -> str:
        """An address, or the name of the AWS service that called; "unknown" where absent."""
        return self.text("sourceIPAddress", default="unknown")

    @property
    def user_agent(self) -> str:
        return self.text("userAgent", default="unknown")

    @cached_property
    def error(self) -> str | None:
        """The error code, or the message of a failed sign-in (which has no code); None when the call succeeded."""
        code = self.text("errorCode")
        if code:
            return code
        message = self.text("errorMessage")
        if message:
            return message
        response = self.dig("responseElements")
        if isinstance(response, Mapping) and "Failure" in response.values():
            return "Failure"
        return None

    @property
    def succeeded(self) -> bool:
        return self.error is None

    @cached_property
    def request(self) -> Mapping[str, Any]:
        """The request parameters; empty where null (denied IAM calls), omitted, or not an object."""
        value = self.dig("requestParameters")
        return value if isinstance(value, Mapping) else {}

    @cached_property
    def request_omitted(self) -> bool:
        """CloudTrail left the parameters out for their size: a known way to hide a policy behind white space."""
        value = self.dig("requestParameters")
        return isinstance(value, Mapping) and value.get("omitted") in (True, "true")

    @cached_property
    def is_read(self) -> bool:
        """Whether the call changes nothing: `readOnly` (boolean, or a string in old records), else by its name."""
        flag = self.dig("readOnly")
        if isinstance(flag, bool):
            return flag
        if isinstance(flag, str) and flag.lower() in ("true", "false"):
            return flag.lower() == "true"
        return self.name.startswith(_READ_PREFIXES)

    @cached_property
    def late_reason(self) -> str | None:
        """Why CloudTrail says it delivered this late or again (`addendum.reason`), else None."""
        return self.text("addendum", "reason") or None


def decode(body: str | bytes) -> Any:
    """The JSON value of a text or of UTF-8 bytes, as `Event.parse` reads it.

    Raises:
        UnreadableEventError: not JSON, too large or nested too deeply; says which.
    """
    size = len(body)
    if size > MAXIMUM_BYTES:
        raise UnreadableEventError(f"{size:,} long: more than the {MAXIMUM_BYTES:,} that EventBridge carries")
    try:
        text = body.decode("utf-8") if isinstance(body, bytes) else body
        if _SURROGATE_ESCAPE.search(text):
            text = _without_lone_surrogates(text)
        value = json.loads(text, parse_constant=str)  # NaN and Infinity become words: they are not JSON
    except UnicodeDecodeError as error:
        raise UnreadableEventError(f"not UTF-8 at byte {error.start}") from error
    except json.JSONDecodeError as error:
        raise UnreadableEventError(f"not JSON: {error.msg} at line {error.lineno}, column {error.colno}") from error
    except RecursionError as error:
        raise UnreadableEventError("nested too deeply") from error
    except ValueError as error:  # an integer of thousands of digits
        raise UnreadableEventError(f"not JSON that can be read: {str(error)[:80]}") from error
    if text.count("{") + text.count("[") > MAXIMUM_DEPTH and _is_deeper(value, MAXIMUM_DEPTH):
        raise UnreadableEventError("nested too deeply")
    return value


def _is_deeper(value: Any, limit: int) -> bool:
    """Whether objects and arrays are nested more than `limit` deep; level by level, without recursion."""
    level = [value]
    for _ in range(limit):
        level = [
            child
            for item in level
            for child in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
            if isinstance(child, (dict, list))
        ]
        if not level:
            return False
    return True


def _without_lone_surrogates(text: str) -> str:
    """Half a character (as an escape) cannot be written as UTF-8: each becomes U+FFFD, whole pairs stay."""
    value = json.loads(text, parse_constant=str)
    spelled = json.dumps(value, ensure_ascii=False)
    return spelled.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _envelope_of(record: Mapping[str, Any]) -> dict[str, Any]:
    source = record.get("eventSource")
    service = source.removesuffix(".amazonaws.com") if isinstance(source, str) else "unknown"
    identity = record.get("userIdentity")
    account = record.get("recipientAccountId") or (identity.get("accountId") if isinstance(identity, Mapping) else None)
    detail_type = _DETAIL_TYPES.get(str(record.get("eventType")), _DETAIL_TYPES["AwsApiCall"])
    return {
        "version": "0",
        "id": record.get("eventID"),
        "detail-type": detail_type,
        "source": f"aws.{service}",
        "account": account,
        "time": record.get("eventTime") or record.get("@timestamp"),
        "region": record.get("awsRegion"),
        "resources": [],
        "detail": record,
    }


def _moment(value: object) -> datetime | None:
    if not isinstance(value, str):
        return None
    try:
        moment = datetime.fromisoformat(value)
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        return None


def _kind(value: object) -> str:
    names = {str: "a string", list: "a list", bool: "a boolean", int: "a number", float: "a number"}
    return "nothing" if value is None else names.get(type(value), "something else")
