"""What Slack sends to an app when somebody clicks, submits or types a command - signed, and answered in three seconds.

https://docs.slack.dev/interactivity and https://docs.slack.dev/authentication/verifying-requests-from-slack
"""

from __future__ import annotations

import copy
import hashlib
import hmac
import json
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlencode, urlsplit

from local.slack.web_api import ApiError, checked_blocks, checked_view
from local.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_USER_ID,
    TEAM_DOMAIN,
    TEAM_ID,
    Channel,
    Message,
    NotFoundError,
    User,
    Workspace,
)

ANSWER_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction#acknowledgment_response
NOBODY_LISTENS = "Nothing listens: no request URL is set for this app."
_DECLINED = 300  # the lowest HTTP status that is no answer


@dataclass(frozen=True, kw_only=True)
class Delivery:
    """One request to the app and what became of it. `body` is exactly what was sent."""

    kind: str  # block_actions, view_submission, view_closed or command
    url: str
    body: str
    headers: dict[str, str]
    status: int  # 0: no answer
    answer: str
    seconds: float
    problem: str  # empty when the app answered as it should


class Interactivity:
    """Turns what a person does into a request to the app, and the app's answer into what the person sees."""

    def __init__(self, workspace: Workspace, signing_secret: str, base_url: Callable[[], str]) -> None:
        self.workspace = workspace
        self.signing_secret = signing_secret
        self.request_url = ""
        self.command_url = ""  # empty: the request URL
        self.answer_seconds = ANSWER_SECONDS
        self.deliveries: list[Delivery] = []
        self._base_url = base_url
        self._lock = threading.Lock()

    # --- what a person does ---

    def click(self, user_id: str, channel_id: str, ts: str, *, block_id: str, action_id: str, value: Any = None) -> str:
        """Press a button, or choose in a select, of a message. Returns what to tell them; empty when all is well.

        Raises:
            NotFoundError: no such channel, message or element (`action_not_found`).
        """
        channel = self.workspace.channel(channel_id)
        user = self.workspace.user(user_id)
        with self.workspace.lock:
            message = copy.deepcopy(self.workspace.message(channel, ts))
        element = _element(message, block_id, action_id)
        if element is None:
            raise NotFoundError("action_not_found")
        if not self.request_url:
            return NOBODY_LISTENS
        container = {
            "type": "message",
            "message_ts": ts,
            "channel_id": channel.id,
            "is_ephemeral": bool(message.get("ephemeral_to")),
        }
        if "thread_ts" in message:
            container["thread_ts"] = message["thread_ts"]
        message.pop("ephemeral_to", None)
        secret = self.workspace.new_response_url(
            channel.id, user.id, message_ts=ts, thread_ts=str(message.get("thread_ts", ""))
        )
        payload = {
            "type": "block_actions",
            **self._common(user),
            "container": container,
            "trigger_id": self.workspace.new_trigger(user.id),
            "channel": {"id": channel.id, "name": channel.name},
            "message": message,
            "state": {"values": {}},
            "response_url": f"{self._base_url()}/response/{secret}",
            "actions": [
                {
                    **{key: item for key, item in element.items() if key not in {"confirm", "placeholder", "options"}},
                    **_chosen(element, value),
                    "block_id": block_id,
                    "action_ts": self.workspace.next_ts(),
                }
            ],
        }
        return self._send("block_actions", self.request_url, {"payload": json.dumps(payload)}).problem

    def submit(self, user_id: str, view_id: str, values: dict[str, dict[str, Any]]) -> dict[str, Any]:
        """Submit a modal. `values` is the state: block_id -> action_id -> {type, value ...}.

        Returns:
            `{"problem": ...}` to be shown at the bottom, `{"errors": {block_id: text}}` for the inputs, or {}.

        Raises:
            NotFoundError: the modal is not open (`not_found`).
        """
        user = self.workspace.user(user_id)
        with self.workspace.lock:
            view = self.workspace.views.get(view_id)
            if view is None or self.workspace.view_owner.get(view_id) != user.id:
                raise NotFoundError("not_found")
            view["state"] = {"values": values}
            view = copy.deepcopy(view)
        missing = {
            block["block_id"]: "Please complete this required field."
            for block in view["blocks"]
            if block["type"] == "input" and not block.get("optional") and not _filled(block, values)
        }
        if missing:
            return {"errors": missing}
        if not self.request_url:
            return {"problem": NOBODY_LISTENS}
        payload = {
            "type": "view_submission",
            **self._common(user),
            "trigger_id": self.workspace.new_trigger(user.id),
            "view": view,
            "response_urls": [],
        }
        delivery = self._send("view_submission", self.request_url, {"payload": json.dumps(payload)})
        if delivery.problem:
            return {"problem": delivery.problem}
        return self._apply_response_action(user, view_id, view, delivery.answer)

    def close(self, user_id: str, view_id: str) -> str:
        """Close a modal with its x or its close button. Tells the app only when it asked for that."""
        user = self.workspace.user(user_id)
        with self.workspace.lock:
            view = copy.deepcopy(self.workspace.views.get(view_id))
        self.workspace.close_view(view_id)
        if view is None or not view.get("notify_on_close") or not self.request_url:
            return ""
        payload = {"type": "view_closed", **self._common(user), "view": view, "is_cleared": False}
        return self._send("view_closed", self.request_url, {"payload": json.dumps(payload)}).problem

    def command(self, user_id: str, channel_id: str, line: str) -> str:
        """Type a slash command. Returns what to tell the person; empty when the app answered."""
        channel = self.workspace.channel(channel_id)
        user = self.workspace.user(user_id)
        url = self.command_url or self.request_url
        name, _, text = line.strip().partition(" ")
        if not url:
            return NOBODY_LISTENS
        secret = self.workspace.new_response_url(channel.id, user.id)
        form = {
            "token": "legacy-verification-token",
            "team_id": TEAM_ID,
            "team_domain": TEAM_DOMAIN,
            "channel_id": channel.id,
            "channel_name": channel.name,
            "user_id": user.id,
            "user_name": user.name,
            "command": name,
            "text": text.strip(),
            "api_app_id": APP_ID,
            "is_enterprise_install": "false",
            "response_url": f"{self._base_url()}/response/{secret}",
            "trigger_id": self.workspace.new_trigger(user.id),
        }
        delivery = self._send("command", url, form)
        if delivery.problem:
            return f"{name} failed: {delivery.problem}"
        if delivery.answer.strip():
            self._say(channel, user, _answer_object(delivery.answer), thread_ts="")
        return ""

    # --- what the app answers ---

    def respond(self, secret: str, body: bytes) -> None:
        """A POST to a response_url.

        Raises:
            NotFoundError: the URL has expired or has been used five times.
            ApiError: what is sent is no message.
        """
        target = self.workspace.use_response_url(secret)
        try:
            answer = json.loads(body)
        except ValueError:
            raise ApiError("invalid_payload") from None
        if not isinstance(answer, dict):
            raise ApiError("invalid_payload")
        channel = self.workspace.channel(target.channel_id)
        user = self.workspace.user(target.user_id)
        if target.message_ts and answer.get("delete_original"):
            self.workspace.delete(channel, target.message_ts)
        elif target.message_ts and answer.get("replace_original"):
            with self.workspace.lock:
                message = self.workspace.message(channel, target.message_ts)
                for name in ("blocks", "attachments"):
                    message.pop(name, None)
                message.update(_content(answer))
                message["edited"] = {"user": BOT_USER_ID, "ts": self.workspace.next_ts()}
                self.workspace.changed()
        else:
            self._say(channel, user, answer, thread_ts=str(answer.get("thread_ts", "")))

    def _say(self, channel: Channel, user: User, answer: dict[str, Any], *, thread_ts: str) -> None:
        message: Message = {**_content(answer), "user": BOT_USER_ID, "bot_id": BOT_ID, "app_id": APP_ID}
        if answer.get("response_type") != "in_channel":
            message["ephemeral_to"] = user.id
        self.workspace.post(channel, message, thread_ts=thread_ts)

    def _apply_response_action(self, user: User, view_id: str, view: dict[str, Any], answer: str) -> dict[str, Any]:
        if not answer.strip():
            self.workspace.close_view(view_id)
            return {}
        try:
            action = json.loads(answer)
        except ValueError:
            action = None
        kind = action.get("response_action") if isinstance(action, dict) else None
        try:
            match kind:
                case None if action == {}:
                    self.workspace.close_view(view_id)
                    return {}
                case "clear":
                    self.workspace.close_view(view_id, every=True)
                    return {}
                case "update":
                    self.workspace.update_view(view_id, checked_view(action.get("view")))
                    return {}
                case "push":
                    self.workspace.open_view(user.id, checked_view(action.get("view")), push=True)
                    return {}
                case "errors":
                    inputs = {block["block_id"] for block in view["blocks"] if block["type"] == "input"}
                    errors = action.get("errors")
                    if isinstance(errors, dict) and errors and set(errors) <= inputs:
                        return {"errors": {key: str(text) for key, text in errors.items()}}
        except (ApiError, NotFoundError) as error:
            return {"problem": f"We had some trouble connecting. ({error})"}
        return {"problem": "We had some trouble connecting. (The app's answer to view_submission is not understood.)"}

    # --- the request ---

    def signed_headers(self, body: str, timestamp: int) -> dict[str, str]:
        """The two headers by which an app knows that a request comes from Slack."""
        base = f"v0:{timestamp}:{body}".encode()
        digest = hmac.new(self.signing_secret.encode(), base, hashlib.sha256).hexdigest()
        return {"X-Slack-Request-Timestamp": str(timestamp), "X-Slack-Signature": f"v0={digest}"}

    def _send(self, kind: str, url: str, form: dict[str, str]) -> Delivery:
        body = urlencode(form)
        headers = {
            "Content-Type": "application/x-www-form-urlencoded",
            "User-Agent": "Slackbot 1.0 (+https://api.slack.com/robots)",
            **self.signed_headers(body, int(time.time())),
        }
        started = time.monotonic()
        status, answer, problem = 0, "", ""
        try:
            request = urllib.request.Request(url, data=body.encode(), headers=headers)  # noqa: S310 - see problem_with_url
            opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
            with opener.open(request, timeout=self.answer_seconds) as response:
                status, answer = response.status, response.read(1_000_000).decode("utf-8", "replace")
        except urllib.error.HTTPError as error:
            with error:
                status, answer = error.code, error.read(10_000).decode("utf-8", "replace")
        except TimeoutError:
            problem = "operation_timeout: the app did not answer within 3 seconds."
        except (urllib.error.URLError, OSError) as error:
            reason = error.reason if isinstance(error, urllib.error.URLError) else error
            timed_out = isinstance(reason, TimeoutError)
            problem = (
                "operation_timeout: the app did not answer within 3 seconds."
                if timed_out
                else f"dispatch_failed: the app cannot be reached ({reason})."
            )
        if status >= _DECLINED:
            problem = f"http_service_error: the app answered {status}."
        delivery = Delivery(
            kind=kind,
            url=url,
            body=body,
            headers=headers,
            status=status,
            answer=answer,
            seconds=time.monotonic() - started,
            problem=problem,
        )
        with self._lock:
            self.deliveries.append(delivery)
        return delivery

    def _common(self, user: User) -> dict[str, Any]:
        return {
            "user": {"id": user.id, "username": user.name, "name": user.name, "team_id": TEAM_ID},
            "api_app_id": APP_ID,
            "token": "legacy-verification-token",
            "team": {"id": TEAM_ID, "domain": TEAM_DOMAIN},
            "enterprise": None,
            "is_enterprise_install": False,
        }


def problem_with_url(url: str) -> str:
    """Why something cannot be a request URL; empty when it can, or is empty."""
    if not url:
        return ""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        return f"a request URL starts with http:// or https:// and names a host; {url!r} does not"
    return ""


def _content(answer: dict[str, Any]) -> Message:
    content: Message = {"text": str(answer.get("text") or "")}
    if answer.get("blocks"):
        content["blocks"] = checked_blocks(answer["blocks"])
    if answer.get("attachments"):
        content["attachments"] = answer["attachments"]
    if not content["text"] and "blocks" not in content and "attachments" not in content:
        raise ApiError("no_text")
    return content


def _answer_object(answer: str) -> dict[str, Any]:
    try:
        parsed = json.loads(answer)
    except ValueError:
        return {"text": answer}
    return parsed if isinstance(parsed, dict) else {"text": answer}


def _element(message: Message, block_id: str, action_id: str) -> dict[str, Any] | None:
    nested = [block for attachment in message.get("attachments", ()) for block in attachment.get("blocks", ())]
    for block in [*message.get("blocks", ()), *nested]:
        for element in [*block.get("elements", ()), block.get("accessory")]:
            if block["block_id"] == block_id and isinstance(element, dict) and element.get("action_id") == action_id:
                return element
    return None


def _chosen(element: dict[str, Any], value: Any) -> dict[str, Any]:
    """The part of an action that says what was chosen."""
    options = {option["value"]: option for option in element.get("options", ())}
    match element["type"]:
        case "static_select" | "overflow" | "radio_buttons":
            return {"selected_option": options.get(value)}
        case "checkboxes":
            return {"selected_options": [options[item] for item in value or () if item in options]}
        case "datepicker":
            return {"selected_date": value}
        case "timepicker":
            return {"selected_time": value}
        case "users_select":
            return {"selected_user": value}
    return {}


def _filled(block: dict[str, Any], values: dict[str, dict[str, Any]]) -> bool:
    state = values.get(block["block_id"], {}).get(block["element"]["action_id"], {})
    return any(state.get(key) for key in state if key != "type")
