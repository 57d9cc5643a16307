"""Slack's Web API: the methods an alerting app may need, with the answers and the refusals of the real one.

https://docs.slack.dev/reference/methods
"""

from __future__ import annotations

import copy
import hmac
import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs

from local.slack import blocks as block_kit
from local.slack.workspace import (
    APP_ID,
    BOT_ID,
    BOT_NAME,
    BOT_USER_ID,
    TEAM_ID,
    TEAM_NAME,
    Channel,
    Message,
    NotFoundError,
    Upload,
    Workspace,
    new_id,
    with_block_ids,
)

Arguments = dict[str, Any]
Answer = dict[str, Any]

MAX_TEXT = 40_000
MAX_ATTACHMENTS = 100
MAX_METADATA = 8_000  # characters of an event_payload; Slack does not document the number
DEFAULT_SCOPES = frozenset(
    [
        "chat:write",
        "chat:write.public",
        "channels:read",
        "groups:read",
        "users:read",
        "usergroups:read",
        "reactions:write",
        "files:write",
        "commands",
    ]
)
_SCOPES = {
    "chat.postMessage": ("chat:write",),
    "chat.postEphemeral": ("chat:write",),
    "chat.update": ("chat:write",),
    "chat.delete": ("chat:write",),
    "conversations.info": ("channels:read", "groups:read"),
    "conversations.list": ("channels:read", "groups:read"),
    "conversations.members": ("channels:read", "groups:read"),
    "users.info": ("users:read",),
    "users.list": ("users:read",),
    "usergroups.users.list": ("usergroups:read",),
    "reactions.add": ("reactions:write",),
    "files.getUploadURLExternal": ("files:write",),
    "files.completeUploadExternal": ("files:write",),
}
_JSON_ARGUMENTS = frozenset({"blocks", "attachments", "metadata", "view", "files"})


class ApiError(Exception):
    """A refusal, in Slack's own words."""

    def __init__(self, code: str, **details: Any) -> None:
        super().__init__(code)
        self.code = code
        self.details = details


@dataclass(kw_only=True)
class Credentials:
    """The one bot token that is valid, and what it may do."""

    token: str
    scopes: frozenset[str] = DEFAULT_SCOPES
    revoked: bool = False


class WebApi:
    """The methods by name. `call` does what an HTTP request to /api/<method> does."""

    def __init__(self, workspace: Workspace, credentials: Credentials, base_url: Callable[[], str]) -> None:
        self.workspace = workspace
        self.credentials = credentials
        self.calls: Counter[str] = Counter()
        self._base_url = base_url
        self._methods: Mapping[str, Callable[[Arguments], Answer]] = {
            "api.test": self._api_test,
            "auth.test": self._auth_test,
            "chat.delete": self._chat_delete,
            "chat.getPermalink": self._chat_permalink,
            "chat.postEphemeral": self._chat_post_ephemeral,
            "chat.postMessage": self._chat_post_message,
            "chat.update": self._chat_update,
            "conversations.info": self._conversations_info,
            "conversations.list": self._conversations_list,
            "conversations.members": self._conversations_members,
            "files.completeUploadExternal": self._files_complete,
            "files.getUploadURLExternal": self._files_upload_url,
            "reactions.add": self._reactions_add,
            "usergroups.users.list": self._usergroup_users,
            "users.info": self._users_info,
            "users.list": self._users_list,
            "views.open": self._views_open,
            "views.push": self._views_push,
            "views.update": self._views_update,
        }

    def call(self, method: str, arguments: Arguments, token: str) -> Answer:
        """Carry out a method. Refusals come back as `{"ok": false, "error": ...}`, as from Slack."""
        try:
            handler = self._methods.get(method)
            if handler is None:
                raise ApiError("unknown_method", req_method=method)
            if method != "api.test":
                self._authorize(method, token)
            return {"ok": True, **handler(arguments)}
        except ApiError as error:
            return {"ok": False, "error": error.code, **error.details}
        except NotFoundError as error:
            return {"ok": False, "error": str(error.args[0])}

    def _authorize(self, method: str, token: str) -> None:
        if not token:
            raise ApiError("not_authed")
        if not hmac.compare_digest(token.encode(), self.credentials.token.encode()):
            raise ApiError("invalid_auth")
        if self.credentials.revoked:
            raise ApiError("token_revoked")
        needed = _SCOPES.get(method, ())
        if needed and not self.credentials.scopes.intersection(needed):
            raise ApiError("missing_scope", needed=needed[0], provided=",".join(sorted(self.credentials.scopes)))

    # --- api, auth ---

    def _api_test(self, arguments: Arguments) -> Answer:
        if error := arguments.get("error"):
            raise ApiError(str(error), args=arguments)
        return {"args": arguments}

    def _auth_test(self, _arguments: Arguments) -> Answer:
        return {
            "url": f"{self._base_url()}/",
            "team": TEAM_NAME,
            "user": BOT_NAME,
            "team_id": TEAM_ID,
            "user_id": BOT_USER_ID,
            "bot_id": BOT_ID,
            "is_enterprise_install": False,
        }

    # --- chat ---

    def _chat_post_message(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        message = {**self._content(arguments), **self._author(arguments)}
        thread_ts = _ts(arguments, "thread_ts")
        stored = self.workspace.post(
            channel, message, thread_ts=thread_ts, broadcast=_flag(arguments, "reply_broadcast")
        )
        return {"channel": channel.id, "ts": stored["ts"], "message": stored}

    def _chat_post_ephemeral(self, arguments: Arguments) -> Answer:
        channel = self._writable(arguments)
        user = self.workspace.user(_required(arguments, "user"))
        message = {**self._content(arguments), **self._author(arguments), "ephemeral_to": user.id}
        stored = self.workspace.post(channel, message, thread_ts=_ts(arguments, "thread_ts"))
        return {"message_ts": stored["ts"]}

    def _chat_update(self, arguments: Arguments) -> Answer:
        channel = self._readable(arguments)
        ts = _required(arguments, "ts")
        content = self._content(arguments)
        with self.workspace.lock:
            message = self.workspace.message(channel, ts)
            if message.get("bot_id") != BOT_ID or message.get("ephemeral_to"):
                raise ApiError("cant_update_message")
            # As on the real one: blocks and attachments that are not sent again stay when only metadata changes,
            # and go when there is a new text.
            if "text" in content:
                for name in ("blocks", "attachments"):
                    message.pop(name, None)
            message.update(content)
            message["edited"] = {"user": BOT_USER_ID, "ts": self.workspace.next_ts()}
            self.workspace.changed()
            return {"channel": channel.id, "ts": ts, "text": message.get("text", ""), "message": copy.deepcopy(message)}

    def _chat_delete(self, arguments: Arguments) -> Answer:
        channel = self._readable(arguments)
        ts = _required(arguments, "ts")
        if self.workspace.message(channel, ts).get("bot_id") != BOT_ID:
            raise ApiError("cant_delete_message")
        self.workspace.delete(channel, ts)
        return {"channel": channel.id, "ts": ts}

    def _chat_permalink(self, arguments: Arguments) -> Answer:
        channel = self._readable(arguments)
        ts = self.workspace.message(channel, _required(arguments, "message_ts"))["ts"]
        return {"channel": channel.id, "permalink": f"{self._base_url()}/#{channel.id}/{ts}"}

    def _content(self, arguments: Arguments) -> Message:
        """The checked text, blocks, attachments and metadata of a message."""
        text = arguments.get("text")
        content: Message = {}
        if text is not None:
            if not isinstance(text, str):
                raise ApiError("invalid_arguments", response_metadata={"messages": ["[ERROR] text must be a string"]})
            if len(text) > MAX_TEXT:
                raise ApiError("msg_too_long")
            content["text"] = text
        blocks = arguments.get("blocks")
        if blocks:
            content["blocks"] = checked_blocks(blocks)
        attachments = arguments.get("attachments")
        if attachments:
            content["attachments"] = self._attachments(attachments)
        if not text and not blocks and not attachments:
            raise ApiError("no_text")
        content.setdefault("text", "")
        if metadata := arguments.get("metadata"):
            content["metadata"] = _metadata(metadata)
        return content

    def _attachments(self, attachments: Any) -> list[dict[str, Any]]:
        if not isinstance(attachments, list) or not all(isinstance(item, dict) for item in attachments):
            raise ApiError("invalid_attachments")
        if len(attachments) > MAX_ATTACHMENTS:
            raise ApiError("too_many_attachments")
        return [
            {
                **item,
                "id": index,
                **({"blocks": checked_blocks(item["blocks"])} if item.get("blocks") else {}),
            }
            for index, item in enumerate(attachments, start=1)
        ]

    def _author(self, arguments: Arguments) -> Message:
        author: Message = {"user": BOT_USER_ID, "bot_id": BOT_ID, "app_id": APP_ID, "team": TEAM_ID}
        if isinstance(arguments.get("username"), str):
            author["username"] = arguments["username"]
        return author

    def _writable(self, arguments: Arguments) -> Channel:
        channel = self._readable(arguments)
        if channel.is_archived:
            raise ApiError("is_archived")
        public = not channel.is_private and "chat:write.public" in self.credentials.scopes
        if not channel.bot_is_member and not public:
            raise ApiError("not_in_channel")
        return channel

    def _readable(self, arguments: Arguments) -> Channel:
        channel = self.workspace.channel(_required(arguments, "channel"))
        if channel.is_private and not channel.bot_is_member:
            raise ApiError("channel_not_found")  # a private channel hides from who is not in it
        return channel

    # --- conversations, users ---

    def _conversations_info(self, arguments: Arguments) -> Answer:
        return {"channel": self._readable(arguments).to_api()}

    def _conversations_list(self, arguments: Arguments) -> Answer:
        hide_archived = _flag(arguments, "exclude_archived")
        channels = [
            channel.to_api()
            for channel in self.workspace.channels.values()
            if not (hide_archived and channel.is_archived) and (channel.bot_is_member or not channel.is_private)
        ]
        page, cursor = _page(channels, arguments)
        return {"channels": page, "response_metadata": {"next_cursor": cursor}}

    def _conversations_members(self, arguments: Arguments) -> Answer:
        channel = self._readable(arguments)
        members = [user.id for user in self.workspace.users.values() if not user.is_bot or channel.bot_is_member]
        page, cursor = _page(members, arguments)
        return {"members": page, "response_metadata": {"next_cursor": cursor}}

    def _users_info(self, arguments: Arguments) -> Answer:
        return {"user": self.workspace.user(_required(arguments, "user")).to_api()}

    def _users_list(self, arguments: Arguments) -> Answer:
        page, cursor = _page([user.to_api() for user in self.workspace.users.values()], arguments)
        return {"members": page, "response_metadata": {"next_cursor": cursor}}

    def _usergroup_users(self, arguments: Arguments) -> Answer:
        group = self.workspace.usergroups.get(_required(arguments, "usergroup"))
        if group is None:
            raise ApiError("no_such_subteam")
        return {"users": list(group[1])}

    # --- views ---

    def _views_open(self, arguments: Arguments) -> Answer:
        view = _view(arguments)
        user = self.workspace.use_trigger(_required(arguments, "trigger_id"))
        return {"view": self.workspace.open_view(user, view)}

    def _views_push(self, arguments: Arguments) -> Answer:
        view = _view(arguments)
        user = self.workspace.use_trigger(_required(arguments, "trigger_id"))
        return {"view": self.workspace.open_view(user, view, push=True)}

    def _views_update(self, arguments: Arguments) -> Answer:
        view = _view(arguments)
        view_id = _required(arguments, "view_id")
        wanted = arguments.get("hash")
        with self.workspace.lock:
            current = self.workspace.views.get(view_id)
            if current is not None and wanted and wanted != current["hash"]:
                raise ApiError("hash_conflict")
            return {"view": self.workspace.update_view(view_id, view)}

    # --- reactions, files ---

    def _reactions_add(self, arguments: Arguments) -> Answer:
        channel = self._readable(arguments)
        name = _required(arguments, "name").strip(":")
        if not re.fullmatch(r"[a-z0-9_+'-]{1,100}", name):
            raise ApiError("invalid_name")
        with self.workspace.lock:
            message = self.workspace.message(channel, _required(arguments, "timestamp"))
            reactions = message.setdefault("reactions", [])
            reaction = next((item for item in reactions if item["name"] == name), None)
            if reaction is None:
                reaction = {"name": name, "users": [], "count": 0}
                reactions.append(reaction)
            if BOT_USER_ID in reaction["users"]:
                raise ApiError("already_reacted")
            reaction["users"].append(BOT_USER_ID)
            reaction["count"] += 1
            self.workspace.changed()
        return {}

    def _files_upload_url(self, arguments: Arguments) -> Answer:
        name = _required(arguments, "filename")
        length = arguments.get("length")
        if not str(length).isascii() or not str(length).isdigit() or int(str(length)) == 0:
            raise _missing("length")
        upload = Upload(
            id=new_id("F"),
            name=name,
            length=int(str(length)),
            ticket=new_id("K"),
            description=str(arguments.get("alt_txt") or ""),
        )
        with self.workspace.lock:
            self.workspace.uploads[upload.id] = upload
        return {"file_id": upload.id, "upload_url": f"{self._base_url()}/upload/{upload.id}/{upload.ticket}"}

    def _files_complete(self, arguments: Arguments) -> Answer:
        wanted = arguments.get("files")
        if not isinstance(wanted, list) or not wanted or not all(isinstance(item, dict) for item in wanted):
            raise _missing("files")
        shared = []
        with self.workspace.lock:
            for item in wanted:
                upload = self.workspace.uploads.get(str(item.get("id")))
                if upload is None or upload.content is None:
                    raise ApiError("file_not_found")
                upload = Upload(**{**upload.__dict__, "title": str(item.get("title") or upload.name), "shared": True})
                shared.append(upload)
            for upload in shared:
                self.workspace.uploads[upload.id] = upload
            files = [
                {
                    "id": upload.id,
                    "name": upload.name,
                    "title": upload.title,
                    "mimetype": upload.kind,
                    "alt_txt": upload.description,
                    "size": len(upload.content or b""),
                    "url_private": f"{self._base_url()}/files/{upload.id}",
                }
                for upload in shared
            ]
            if arguments.get("channel_id"):
                channel = self._writable({"channel": arguments["channel_id"]})
                message = {**self._author({}), "text": str(arguments.get("initial_comment") or ""), "files": files}
                self.workspace.post(channel, message, thread_ts=_ts(arguments, "thread_ts"))
        return {"files": files}


# --- reading a request ----------------


def arguments_of(body: bytes, content_type: str, query: str) -> Arguments:
    """The arguments of an API request, whichever way they were sent.

    Raises:
        ApiError: invalid_json, json_not_object or invalid_form_data.
    """
    arguments: Arguments = {key: values[-1] for key, values in parse_qs(query, keep_blank_values=True).items()}
    if not body:
        return arguments
    try:
        text = body.decode("utf-8")
    except UnicodeDecodeError:
        raise ApiError("invalid_form_data") from None
    if content_type.startswith("application/json"):
        try:
            parsed = json.loads(text)
        except ValueError:
            raise ApiError("invalid_json") from None
        if not isinstance(parsed, dict):
            raise ApiError("json_not_object")
        return {**arguments, **parsed}
    form = {key: values[-1] for key, values in parse_qs(text, keep_blank_values=True).items()}
    for name in _JSON_ARGUMENTS & form.keys():
        if form[name]:
            try:
                form[name] = json.loads(form[name])
            except ValueError:
                raise ApiError("invalid_blocks_format" if name == "blocks" else "invalid_arguments") from None
    return {**arguments, **form}


def checked_blocks(blocks: Any, *, surface: str = "message") -> list[dict[str, Any]]:
    """The blocks with their ids filled in.

    Raises:
        ApiError: invalid_blocks_format, invalid_blocks (with `errors`) or msg_blocks_too_long.
    """
    if isinstance(blocks, str):
        try:
            blocks = json.loads(blocks)
        except ValueError:
            raise ApiError("invalid_blocks_format") from None
    found = block_kit.problems(blocks, surface=surface)
    if found:
        raise ApiError(
            "invalid_blocks" if surface == "message" else "invalid_arguments",
            errors=found,
            response_metadata={"messages": [f"[ERROR] {problem}" for problem in found]},
        )
    if surface == "message" and block_kit.too_long(blocks):
        raise ApiError("msg_blocks_too_long")
    return with_block_ids(blocks)


def checked_view(view: Any) -> dict[str, Any]:
    """A modal as it may be opened.

    Raises:
        ApiError: invalid_arguments, naming what is wrong.
    """
    found: list[str] = []
    if not isinstance(view, dict):
        raise _missing("view")
    if view.get("type") != "modal":
        found.append("must be one of: modal [json-pointer:/view/type]")
    for name, required in (("title", True), ("submit", False), ("close", False)):
        text = view.get(name)
        if text is None and not required:
            continue
        value = text.get("text") if isinstance(text, dict) and text.get("type") == "plain_text" else None
        if not isinstance(value, str) or not value:
            found.append(f"missing required field: {name} [json-pointer:/view/{name}]")
        elif len(value) > 24:
            found.append(f"must be less than 25 characters [json-pointer:/view/{name}/text]")
    for name, limit in (("private_metadata", 3000), ("callback_id", 255)):
        if len(str(view.get(name) or "")) > limit:
            found.append(f"must be less than {limit + 1} characters [json-pointer:/view/{name}]")
    if "submit" not in view and any(
        isinstance(block, dict) and block.get("type") == "input" for block in view.get("blocks") or ()
    ):
        found.append("`submit` is required when there is an input block [json-pointer:/view/submit]")
    found.extend(
        problem.replace(":/blocks", ":/view/blocks")
        for problem in block_kit.problems(view.get("blocks"), surface="view")
    )
    if found:
        raise ApiError(
            "invalid_arguments",
            errors=found,
            response_metadata={"messages": [f"[ERROR] {problem}" for problem in found]},
        )
    return view


def _view(arguments: Arguments) -> dict[str, Any]:
    view = arguments.get("view")
    if isinstance(view, str):
        try:
            view = json.loads(view)
        except ValueError:
            raise ApiError("invalid_arguments") from None
    return checked_view(view)


def _metadata(metadata: Any) -> dict[str, Any]:
    if (
        not isinstance(metadata, dict)
        or not isinstance(metadata.get("event_type"), str)
        or not isinstance(metadata.get("event_payload"), dict)
    ):
        raise ApiError("invalid_metadata_format")
    if len(json.dumps(metadata["event_payload"])) > MAX_METADATA:
        raise ApiError("metadata_too_large")
    return metadata


def _required(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if not isinstance(value, str) or not value:
        if name == "channel":
            raise ApiError("channel_not_found")
        raise _missing(name)
    return value


def _missing(name: str) -> ApiError:
    return ApiError("invalid_arguments", response_metadata={"messages": [f"[ERROR] missing required field: {name}"]})


def _ts(arguments: Arguments, name: str) -> str:
    value = arguments.get(name)
    if value is None or value == "":
        return ""
    if not isinstance(value, str) or not re.fullmatch(r"\d{1,12}\.\d{6}", value):
        raise ApiError(f"invalid_{name}")
    return value


def _flag(arguments: Arguments, name: str) -> bool:
    return str(arguments.get(name, "")).lower() in {"true", "1"}


def _page(items: list[Any], arguments: Arguments) -> tuple[list[Any], str]:
    """One page of a list, and the cursor of the next one (empty on the last)."""
    try:
        limit = max(1, min(1000, int(str(arguments.get("limit") or 100))))
        start = int(str(arguments.get("cursor") or "0"))
    except ValueError:
        raise ApiError("invalid_cursor") from None
    end = start + limit
    return items[start:end], str(end) if end < len(items) else ""
