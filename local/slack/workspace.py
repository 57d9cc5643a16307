"""The workspace: its people, channels, messages, files and open modals - what Slack remembers."""

from __future__ import annotations

import copy
import secrets
import string
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

TEAM_ID = "T0LOCAL000"
TEAM_NAME = "Rootwatch (local)"
TEAM_DOMAIN = "rootwatch-local"
APP_ID = "A0ROOTWATCH"
BOT_ID = "B0ROOTWATCH"
BOT_USER_ID = "U0ROOTWATCH"
BOT_NAME = "rootwatch"
TRIGGER_SECONDS = 3.0  # https://docs.slack.dev/interactivity/handling-user-interaction#trigger_id
RESPONSE_URL_SECONDS = 30 * 60.0
RESPONSE_URL_USES = 5
PNG = b"\x89PNG\r\n\x1a\n"  # how such a picture begins

Message = dict[str, Any]  # as in the Web API's JSON
View = dict[str, Any]


class NotFoundError(LookupError):
    """A channel, user or message that is not there; `args[0]` is Slack's own error code."""


@dataclass(frozen=True, kw_only=True)
class User:
    """Somebody in the workspace."""

    id: str
    name: str
    real_name: str
    is_bot: bool = False

    def to_api(self) -> dict[str, Any]:
        """As `users.info` answers."""
        return {
            "id": self.id,
            "team_id": TEAM_ID,
            "name": self.name,
            "real_name": self.real_name,
            "deleted": False,
            "is_bot": self.is_bot,
            "is_admin": False,
            "tz": "Etc/UTC",
            "profile": {"real_name": self.real_name, "display_name": self.name},
        }


@dataclass(kw_only=True)
class Channel:
    """A channel and everything said in it."""

    id: str
    name: str
    is_private: bool = False
    is_archived: bool = False
    bot_is_member: bool = True
    messages: list[Message] = field(default_factory=list)  # replies included, in the order of their ts

    def to_api(self) -> dict[str, Any]:
        """As `conversations.info` answers."""
        return {
            "id": self.id,
            "name": self.name,
            "name_normalized": self.name,
            "is_channel": not self.is_private,
            "is_group": self.is_private,
            "is_private": self.is_private,
            "is_archived": self.is_archived,
            "is_member": self.bot_is_member,
            "is_general": False,
            "created": 1_700_000_000,
        }


@dataclass(frozen=True, kw_only=True)
class Upload:
    """A file: announced, then filled, then shared."""

    id: str
    name: str
    length: int
    ticket: str  # in its upload URL
    content: bytes | None = None
    title: str = ""
    description: str = ""  # of a picture, for who does not see it
    shared: bool = False

    @property
    def kind(self) -> str:
        """The MIME type, by what is in it for a picture: only what it is shown as is not taken on trust."""
        if (self.content or b"").startswith(PNG):
            return "image/png"
        return "text/csv" if self.name.endswith(".csv") else "application/octet-stream"


@dataclass(frozen=True, kw_only=True)
class Trigger:
    """The right to open one modal, for a few seconds after somebody did something."""

    user_id: str
    expires: float  # on the workspace's monotonic clock


@dataclass(kw_only=True)
class ResponseUrl:
    """The right to answer an interaction without a token."""

    channel_id: str
    user_id: str
    message_ts: str  # the message it came from; empty for a slash command
    thread_ts: str
    expires: float
    uses: int = 0


def default_users() -> list[User]:
    """The synthetic people, and our bot."""
    return [
        User(id="U0ALICE000", name="alice", real_name="Alice Example"),
        User(id="U0BOB00000", name="bob", real_name="Bob Example"),
        User(id="U0CAROL000", name="carol", real_name="Carol Example"),
        User(id=BOT_USER_ID, name=BOT_NAME, real_name="Rootwatch", is_bot=True),
    ]


class Workspace:
    """All of it, behind one lock. Each change bumps `version` and wakes whoever waits for one."""

    def __init__(
        self,
        channels: Iterable[str | Channel] = ("security-alerts",),
        *,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self.lock = threading.RLock()
        self._changed = threading.Condition(self.lock)
        self._clock = clock
        self._monotonic = monotonic
        self._last_ts = 0
        self.version = 0
        self.users = {user.id: user for user in default_users()}
        self.usergroups = {"S0ONCALL00": ("on-call", ["U0ALICE000", "U0BOB00000"])}
        self.current_user_id = "U0ALICE000"
        self.channels: dict[str, Channel] = {}
        for channel in channels:
            self.add_channel(channel)
        self.uploads: dict[str, Upload] = {}
        self.views: dict[str, View] = {}
        self.view_owner: dict[str, str] = {}
        self.open_views: dict[str, list[str]] = {}  # user -> stack of view ids
        self._triggers: dict[str, Trigger] = {}
        self._response_urls: dict[str, ResponseUrl] = {}

    # --- changes ---

    def changed(self) -> None:
        """Tell everybody who waits that something is different."""
        with self._changed:
            self.version += 1
            self._changed.notify_all()

    def wait_for_change(self, seen: int, timeout: float) -> int:
        """Block until the version differs from `seen`, or for `timeout` seconds; returns the version."""
        with self._changed:
            self._changed.wait_for(lambda: self.version != seen, timeout)
            return self.version

    def reset(self) -> None:
        """Forget all messages, files and modals; people and channels stay."""
        with self.lock:
            for channel in self.channels.values():
                channel.messages.clear()
            self.uploads.clear()
            self.views.clear()
            self.view_owner.clear()
            self.open_views.clear()
            self._triggers.clear()
            self._response_urls.clear()
            self.changed()

    # --- channels and people ---

    def add_channel(self, channel: str | Channel) -> Channel:
        """Add a channel, by name or whole. A name that starts with # loses it."""
        with self.lock:
            if isinstance(channel, str):
                name = channel.removeprefix("#")
                number = len(self.channels) + 1
                channel = Channel(id=f"C0LOCAL{number:03d}", name=name)
            self.channels[channel.id] = channel
            self.changed()
            return channel

    def channel(self, reference: str) -> Channel:
        """A channel by id, #name or name.

        Raises:
            NotFoundError: channel_not_found.
        """
        with self.lock:
            if reference in self.channels:
                return self.channels[reference]
            for channel in self.channels.values():
                if channel.name == reference.removeprefix("#"):
                    return channel
        raise NotFoundError("channel_not_found")

    def user(self, reference: str) -> User:
        """A person by id or name.

        Raises:
            NotFoundError: user_not_found.
        """
        for user in self.users.values():
            if reference in {user.id, user.name}:
                return user
        raise NotFoundError("user_not_found")

    def switch_user(self, reference: str) -> User:
        """Make somebody the one at the keyboard."""
        user = self.user(reference)
        with self.lock:
            self.current_user_id = user.id
            self.changed()
        return user

    # --- messages ---

    def next_ts(self) -> str:
        """A timestamp that no other message has: seconds and six digits."""
        with self.lock:
            self._last_ts = max(self._last_ts + 1, int(self._clock() * 1_000_000))
            return f"{self._last_ts // 1_000_000}.{self._last_ts % 1_000_000:06d}"

    def post(self, channel: Channel, message: Message, *, thread_ts: str = "", broadcast: bool = False) -> Message:
        """Append a message, or a reply when `thread_ts` is given.

        Raises:
            NotFoundError: thread_not_found.
        """
        with self.lock:
            if thread_ts:
                parent = self.message(channel, thread_ts, error="thread_not_found")
                thread_ts = str(parent.get("thread_ts", parent["ts"]))
                message = {**message, "thread_ts": thread_ts}
                if broadcast:
                    message["subtype"] = "thread_broadcast"
            message = {"type": "message", **message, "ts": self.next_ts()}
            channel.messages.append(message)
            if thread_ts:
                self._count_replies(channel, thread_ts)
            self.changed()
            return copy.deepcopy(message)

    def message(self, channel: Channel, ts: str, *, error: str = "message_not_found") -> Message:
        """The stored message itself, to be changed under the lock.

        Raises:
            NotFoundError: with the given code.
        """
        for message in channel.messages:
            if message["ts"] == ts:
                return message
        raise NotFoundError(error)

    def delete(self, channel: Channel, ts: str) -> None:
        """Remove a message.

        Raises:
            NotFoundError: message_not_found.
        """
        with self.lock:
            message = self.message(channel, ts)
            channel.messages.remove(message)
            if message.get("thread_ts", ts) != ts:
                self._count_replies(channel, message["thread_ts"])
            self.changed()

    def _count_replies(self, channel: Channel, thread_ts: str) -> None:
        replies = [
            item
            for item in channel.messages
            if item.get("thread_ts") == thread_ts and item["ts"] != thread_ts and not item.get("ephemeral_to")
        ]
        for parent in (item for item in channel.messages if item["ts"] == thread_ts):
            parent["thread_ts"] = thread_ts
            parent["reply_count"] = len(replies)
            parent["reply_users"] = list(dict.fromkeys(str(item.get("user")) for item in replies))
            if replies:
                parent["latest_reply"] = replies[-1]["ts"]

    # --- triggers, response URLs, modals ---

    def new_trigger(self, user_id: str) -> str:
        """A trigger id that is good for three seconds and one modal."""
        trigger_id = f"{secrets.randbelow(10**12)}.{secrets.randbelow(10**12)}.{secrets.token_hex(16)}"
        with self.lock:
            self._triggers[trigger_id] = Trigger(user_id=user_id, expires=self._monotonic() + TRIGGER_SECONDS)
        return trigger_id

    def use_trigger(self, trigger_id: str) -> str:
        """Whom a trigger belongs to, using it up.

        Raises:
            NotFoundError: invalid_trigger_id, exchanged_trigger_id or expired_trigger_id.
        """
        with self.lock:
            trigger = self._triggers.get(trigger_id)
            if trigger is None:
                raise NotFoundError("invalid_trigger_id")
            if not trigger.user_id:
                raise NotFoundError("exchanged_trigger_id")
            if self._monotonic() > trigger.expires:
                raise NotFoundError("expired_trigger_id")
            self._triggers[trigger_id] = Trigger(user_id="", expires=0.0)
            return trigger.user_id

    def new_response_url(self, channel_id: str, user_id: str, *, message_ts: str = "", thread_ts: str = "") -> str:
        """The secret part of a response URL."""
        secret = secrets.token_urlsafe(18)
        with self.lock:
            self._response_urls[secret] = ResponseUrl(
                channel_id=channel_id,
                user_id=user_id,
                message_ts=message_ts,
                thread_ts=thread_ts,
                expires=self._monotonic() + RESPONSE_URL_SECONDS,
            )
        return secret

    def use_response_url(self, secret: str) -> ResponseUrl:
        """What a response URL answers to, counting one use.

        Raises:
            NotFoundError: expired_url or used_url.
        """
        with self.lock:
            found = self._response_urls.get(secret)
            if found is None or self._monotonic() > found.expires:
                raise NotFoundError("expired_url")
            if found.uses >= RESPONSE_URL_USES:
                raise NotFoundError("used_url")
            found.uses += 1
            return found

    def open_view(self, user_id: str, view: View, *, push: bool = False) -> View:
        """Show a modal to somebody, over the one that is open when `push`."""
        with self.lock:
            stack = self.open_views.setdefault(user_id, [])
            if not push:
                stack.clear()
            stored = self._stored_view(view, new_id("V"))
            stored["previous_view_id"] = stack[-1] if stack else None
            stack.append(stored["id"])
            stored["root_view_id"] = stack[0]
            self.views[stored["id"]] = stored
            self.view_owner[stored["id"]] = user_id
            self.changed()
            return copy.deepcopy(stored)

    def update_view(self, view_id: str, view: View) -> View:
        """Replace an open modal's content.

        Raises:
            NotFoundError: not_found.
        """
        with self.lock:
            old = self.views.get(view_id)
            if old is None:
                raise NotFoundError("not_found")
            stored = self._stored_view(view, view_id)
            stored["previous_view_id"], stored["root_view_id"] = old["previous_view_id"], old["root_view_id"]
            self.views[view_id] = stored
            self.changed()
            return copy.deepcopy(stored)

    def close_view(self, view_id: str, *, every: bool = False) -> None:
        """Take a modal away, or the whole stack of its owner."""
        with self.lock:
            owner = self.view_owner.get(view_id)
            if owner is None:
                return
            stack = self.open_views.get(owner, [])
            for identifier in list(stack) if every else [view_id]:
                if identifier in stack:
                    stack.remove(identifier)
                self.views.pop(identifier, None)
                self.view_owner.pop(identifier, None)
            self.changed()

    def _stored_view(self, view: View, view_id: str) -> View:
        return {
            "private_metadata": "",
            "callback_id": "",
            "clear_on_close": False,
            "notify_on_close": False,
            "close": None,
            "submit": None,
            "external_id": "",
            **view,
            "blocks": with_block_ids(view.get("blocks", [])),
            "id": view_id,
            "team_id": TEAM_ID,
            "app_id": APP_ID,
            "bot_id": BOT_ID,
            "app_installed_team_id": TEAM_ID,
            "hash": f"{self.next_ts()}.{secrets.token_hex(4)}",
            "state": {"values": {}},
        }


def with_block_ids(blocks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The blocks, each with a block_id, each interactive element with an action_id: Slack fills in what is missing."""
    result = []
    for block in copy.deepcopy(blocks):
        if not block.get("block_id"):
            block["block_id"] = _short_id()
        for element in [*(block.get("elements") or []), block.get("accessory"), block.get("element")]:
            if isinstance(element, dict) and element.get("type") in _INTERACTIVE and not element.get("action_id"):
                element["action_id"] = _short_id()
        result.append(block)
    return result


_INTERACTIVE = {
    "button",
    "static_select",
    "multi_static_select",
    "overflow",
    "datepicker",
    "timepicker",
    "checkboxes",
    "radio_buttons",
    "users_select",
    "conversations_select",
    "channels_select",
    "plain_text_input",
    "number_input",
    "email_text_input",
    "url_text_input",
}


def new_id(prefix: str) -> str:
    """An id of Slack's form: a letter and ten of A-Z and 0-9."""
    return prefix + "".join(secrets.choice(string.ascii_uppercase + string.digits) for _ in range(10))


def _short_id() -> str:
    return "".join(secrets.choice(string.ascii_letters + string.digits) for _ in range(5))
