"""The local AWS itself: ministack with the doors we need, run by `local.aws` inside `.emulator`'s interpreter.

Three things are ours, and lean on private names of ministack (pinned in emulator-requirements.txt), all of them here:

- `POST /_rootwatch/events` puts an EventBridge event with an `aws.*` source on the home region's default bus. PutEvents
  refuses such sources, as AWS does.
- Rules match as AWS lets them: a read-only management event reaches only rules in state
  `ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS`. ministack 1.5.33 never dispatches to those.
- Each management call somebody makes becomes a CloudTrail record on that bus, and in LookupEvents, except the calls of
  Lambda functions (an alert about our own pipeline's calls would raise the next one) and our own housekeeping.

Mail that SNS would send is kept for `GET /_rootwatch/mails`: there is no mailbox here.
"""

from __future__ import annotations

import asyncio
import collections
import contextvars
import json
import logging
import os
import signal
import sys
import threading
from collections.abc import Awaitable, Callable, MutableMapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import parse_qs

import hypercorn.asyncio
import hypercorn.config
import ministack.app
from ministack.core import iam_evaluator, responses, router
from ministack.services import cloudtrail, eventbridge, sns

from local.aws import HOUSEKEEPING
from local.cloudtrail_records import RECORDED, Call, Caller, envelope_of, record_of

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]

SIDE_DOOR = "/_rootwatch/"
ROOT_KEY = "root"  # the access key id with which somebody plays the root user
DOCUMENTED_KEY = "AKIAIOSFODNN7EXAMPLE"  # AWS's own example key, shown where the caller signed with an account id
LOCAL_USER = "alice"  # who signs with an account id, or with a key nobody created
ALL_EVENTS = "ENABLED_WITH_ALL_CLOUDTRAIL_MANAGEMENT_EVENTS"
KEPT = 2_000  # records and mails kept for reading back
MAX_KEPT_BODY = 1_000_000  # bytes of a request or an answer that are kept to be recorded

log = logging.getLogger("rootwatch.local")


class Door:
    """What this process remembers: the switch for recording, the records, the mails, and what went wrong with them."""

    def __init__(self) -> None:
        self.account = os.environ["MINISTACK_ACCOUNT_ID"]
        self.region = os.environ["MINISTACK_REGION"]
        self.recording = os.environ.get("ROOTWATCH_RECORD_CALLS") == "1"
        self.records: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT)
        self.mails: collections.deque[dict[str, Any]] = collections.deque(maxlen=KEPT)
        self.failures: collections.deque[str] = collections.deque(maxlen=100)


# --- EventBridge ----------------


def put_on_default_bus(envelope: dict[str, Any], door: Door) -> int:
    """Deliver an event as AWS would, keeping its own account, region, id and time. Returns how many rules matched."""
    remember(envelope)
    with responses.request_scope(door.account, door.region):
        return dispatch(
            {
                "Version": envelope.get("version", "0"),
                "EventId": envelope["id"],
                "Source": envelope["source"],
                "DetailType": envelope["detail-type"],
                "Detail": json.dumps(envelope["detail"]),
                "EventBusName": "default",
                "Time": envelope["time"],
                "Resources": envelope.get("resources", []),
                "Account": envelope["account"],
                "Region": envelope["region"],
            }
        )


def remember(envelope: dict[str, Any]) -> None:
    """Let LookupEvents find what came through CloudTrail, in the account and region it happened in."""
    record = envelope["detail"]
    if not envelope["detail-type"].endswith("via CloudTrail") or "eventID" not in record:
        return
    identity = record.get("userIdentity") if isinstance(record.get("userIdentity"), dict) else {}
    with responses.request_scope(envelope["account"], envelope["region"]):
        cloudtrail._get_event_queue().append(
            {
                "EventId": record["eventID"],
                "EventName": record.get("eventName", ""),
                "EventSource": record.get("eventSource", ""),
                "EventTime": _epoch(record.get("eventTime") or envelope["time"]),
                "Username": _username(identity),
                "AccessKeyId": identity.get("accessKeyId", ""),
                "ReadOnly": str(record.get("readOnly", "false")).lower(),
                "Resources": [],
                "CloudTrailEvent": json.dumps(record),
            }
        )


def _username(identity: dict[str, Any]) -> str:
    """What the event history calls whoever acted."""
    if identity.get("type") == "Root":
        return "root"
    return str(identity.get("userName") or str(identity.get("arn", "")).rsplit("/", 1)[-1])


def _epoch(text: Any) -> float:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except ValueError:  # a put event may say anything; it happened at the latest now
        return datetime.now(UTC).timestamp()


def dispatch(event: dict[str, Any], view: Any = None) -> int:
    """ministack's `_dispatch_event`, with the states of a rule as AWS documents them.

    https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html, parameter State.
    """
    view = view or eventbridge._pattern_event_view(event)
    seen = set(event.get("_DispatchPath") or [])
    states = {ALL_EVENTS} if is_read_only(view.event_with_detail()) else {"ENABLED", ALL_EVENTS}
    matched = 0
    for key, rule in eventbridge._rules.items():
        if (
            rule.get("EventBusName", "default") == event.get("EventBusName", "default")
            and key not in seen
            and rule.get("State") in states
            and rule.get("EventPattern")
            and eventbridge._matches_pattern_view(rule["EventPattern"], view, f"rule {key}")
        ):
            matched += 1
            for target in eventbridge._targets.get(key, []):
                eventbridge._invoke_target(target, event, rule, view)
    return matched


def is_read_only(event: dict[str, Any]) -> bool:
    """Whether an event is a read-only management event that came through CloudTrail."""
    detail = event.get("detail")
    return (
        str(event.get("detail-type", "")).endswith("via CloudTrail")
        and isinstance(detail, dict)
        and str(detail.get("readOnly", "false")).lower() == "true"
    )


def problem_with(envelope: Any) -> str:
    """Why something is no EventBridge event; empty when it is one."""
    if not isinstance(envelope, dict):
        return "the event is not a JSON object"
    for key in ("id", "source", "detail-type", "time", "account", "region"):
        if not isinstance(envelope.get(key), str) or not envelope[key]:
            return f"the event's `{key}` is missing or is not a text"
    if not isinstance(envelope.get("detail"), dict):
        return "the event's `detail` is missing or is not an object"
    return ""


# --- SNS ----------------


def keep_mails(door: Door) -> None:
    """Keep what SNS mails: ministack logs "stub" for an e-mail subscription and drops the text."""
    deliver = sns._fanout

    def fanout(  # noqa: PLR0917 - ministack's own signature
        topic_arn: str,
        message_id: str,
        message: str,
        subject: str,
        message_structure: str = "",
        message_attributes: dict[str, Any] | None = None,
        **rest: Any,
    ) -> None:
        deliver(topic_arn, message_id, message, subject, message_structure, message_attributes, **rest)
        topic = sns._topic_by_arn_any_scope(topic_arn)
        for subscription in topic["subscriptions"] if topic else ():
            if not subscription.get("protocol", "").startswith("email") or not subscription.get("confirmed"):
                continue
            text = sns._resolve_message_for_protocol(message, message_structure, subscription["protocol"])
            if sns._matches_filter_policy(subscription, message_attributes or {}, text):
                door.mails.append(
                    {
                        "topic": topic_arn,
                        "to": subscription.get("endpoint", ""),
                        "subject": subject,
                        "message": text,
                        "message_id": message_id,
                        "at": datetime.now(UTC).isoformat(),
                    }
                )

    sns._fanout = fanout


# --- recording ----------------


def caller_of(access_key: str) -> Caller:
    """Who signed: the root user with key `root`, a key or session that the emulator knows, else IAM user alice."""
    account = responses.get_account_id()
    if access_key == ROOT_KEY:
        return Caller(
            kind="Root",
            account=account,
            arn=f"arn:aws:iam::{account}:root",
            principal_id=account,
            access_key_id=DOCUMENTED_KEY,
        )
    identity = iam_evaluator.resolve_caller_identity(access_key)
    if identity is None or identity["userArn"].endswith(":root"):
        return Caller(
            kind="IAMUser",
            account=account,
            arn=f"arn:aws:iam::{account}:user/{LOCAL_USER}",
            principal_id="AIDACKCEVSQ6C2EXAMPLE",
            access_key_id=DOCUMENTED_KEY,
        )
    return Caller(
        kind="AssumedRole" if ":assumed-role/" in identity["userArn"] else "IAMUser",
        account=identity["accountId"],
        arn=identity["userArn"],
        principal_id=identity["userId"] or access_key,
        access_key_id=access_key,
    )


def is_internal(headers: dict[str, str]) -> bool:
    """A call of a Lambda function or of our own housekeeping: recording those would feed the pipeline with itself."""
    agent = headers.get("user-agent", "")
    return "exec-env/AWS_Lambda" in agent or HOUSEKEEPING in agent or "x-ministack-invoke-depth" in headers


class Recorder:
    """ASGI middleware: hands each call to ministack, and puts its CloudTrail record on the bus."""

    def __init__(self, door: Door) -> None:
        self._door = door

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        parsed_query = parse_qs(query, keep_blank_values=True)
        service = router.detect_service(scope["method"], scope["path"], headers, parsed_query)
        if service not in RECORDED or is_internal(headers) or scope["path"].startswith("/_"):
            await ministack.app.app(scope, receive, send)
            return
        request, answer = _Kept(), _Kept()
        status = 0
        answer_headers: dict[str, str] = {}

        async def keep_request() -> Message:
            message = await receive()
            request.add(message.get("body", b""))
            return message

        async def keep_answer(message: Message) -> None:
            nonlocal status, answer_headers
            if message["type"] == "http.response.start":
                status = message["status"]
                answer_headers = {
                    name.decode("latin-1").lower(): value.decode("latin-1") for name, value in message["headers"]
                }
            answer.add(message.get("body", b""))
            await send(message)

        await ministack.app.app(scope, keep_request, keep_answer)

        def record() -> None:
            access_key = router.extract_access_key_id(headers, parsed_query)
            responses.set_request_account_id(access_key)
            found = record_of(
                Call(
                    service=service,
                    method=scope["method"],
                    path=scope["path"],
                    query=query,
                    headers=headers,
                    body=request.data,
                    region=router.extract_region(headers, parsed_query),
                    caller=caller_of(access_key),
                    source_ip=(scope.get("client") or ("127.0.0.1",))[0],
                    at=datetime.now(UTC),
                    status=status,
                    response_headers=answer_headers,
                    response_body=answer.data,
                )
            )
            if found is not None:
                self._door.records.append(found)
                put_on_default_bus(envelope_of(found), self._door)

        try:
            contextvars.copy_context().run(record)
        except Exception as error:  # the caller has its answer: all that is left is to say so where it is looked for
            log.exception("%s %s was not recorded", scope["method"], scope["path"])
            self._door.failures.append(f"{scope['method']} {scope['path']}: {error!r}")


class _Kept:
    """The first megabyte of a body."""

    def __init__(self) -> None:
        self._parts: list[bytes] = []
        self._size = 0

    def add(self, part: bytes) -> None:
        if self._size < MAX_KEPT_BODY:
            self._parts.append(part)
            self._size += len(part)

    @property
    def data(self) -> bytes:
        return b"".join(self._parts)


# --- the process ----------------


def application(door: Door) -> Callable[[Scope, Receive, Send], Awaitable[None]]:
    """ministack behind our side door and the recorder."""
    recorder = Recorder(door)

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "http" and scope["path"].startswith(SIDE_DOOR):
            status, answer = await _side_door(scope, receive, door)
            body = json.dumps(answer).encode()
            await send(
                {"type": "http.response.start", "status": status, "headers": [(b"content-type", b"application/json")]}
            )
            await send({"type": "http.response.body", "body": body})
        elif scope["type"] == "http" and door.recording:
            await recorder(scope, receive, send)
        else:
            await ministack.app.app(scope, receive, send)

    return app


async def _side_door(scope: Scope, receive: Receive, door: Door) -> tuple[int, Any]:
    route = scope["method"], scope["path"].removeprefix(SIDE_DOOR)
    body = b""
    more = scope["method"] == "POST"
    while more:
        message = await receive()
        body += message.get("body", b"")
        more = message.get("more_body", False)
    match route:
        case "GET", "health":
            return 200, {"recording": door.recording, "failures": list(door.failures)}
        case "GET", "records":
            return 200, list(door.records)
        case "GET", "mails":
            return 200, list(door.mails)
        case "POST", "recording":
            door.recording = body == b"true"
            return 200, {"recording": door.recording}
        case "POST", "events":
            try:
                envelope = json.loads(body)
            except ValueError as error:
                return 400, {"error": f"the event is not JSON: {error}"}
            if problem := problem_with(envelope):
                return 400, {"error": problem}
            return 200, {"matched_rules": put_on_default_bus(envelope, door)}
    return 404, {"error": f"no such door: {scope['method']} {scope['path']}"}


def die_with_parent() -> None:
    """End the whole process group when whoever started us is gone: our standard input is a pipe from there."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 1024):  # unbuffered: a lock held at exit would be fatal
            pass
        os.killpg(os.getpgrp(), signal.SIGKILL)

    if os.getpid() == os.getpgrp():  # a group of our own, or we would take others with us
        threading.Thread(target=wait, name="die-with-parent", daemon=True).start()


def main() -> None:
    """Serve on BIND_HOST:GATEWAY_PORT until killed."""
    door = Door()
    eventbridge._dispatch_event = dispatch
    keep_mails(door)
    die_with_parent()
    config = hypercorn.config.Config()
    config.bind = [f"{os.environ['BIND_HOST']}:{os.environ['GATEWAY_PORT']}"]
    config.keep_alive_timeout = 75
    config.loglevel = "WARNING"
    asyncio.run(hypercorn.asyncio.serve(application(door), config))


if __name__ == "__main__":
    main()
