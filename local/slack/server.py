"""The Slack look-alike as a server on loopback: the Web API, the page, and the controls for tests."""

from __future__ import annotations

import copy
import dataclasses
import errno
import http.server
import json
import re
import secrets
import socket
import struct
import sys
import threading
import types
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Self
from urllib.parse import unquote, urlsplit

from local.slack.faults import Fault, FaultError, Faults, Limiter, RateLimit
from local.slack.interactivity import Delivery, Interactivity, problem_with_url
from local.slack.web_api import DEFAULT_SCOPES, ApiError, Credentials, WebApi, arguments_of
from local.slack.workspace import TEAM_NAME, Channel, Message, NotFoundError, Upload, Workspace

HOST = "127.0.0.1"
PAGE = Path(__file__).parent / "page"
MAX_BODY = 8 * 1024 * 1024  # bytes
KEEP_ALIVE_SECONDS = 15.0  # between two signs of life on the event stream
CONTENT_TYPES = {".html": "text/html", ".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}
PAGE_HEADERS = {
    # Everything the page needs comes from here; nothing that a message contains can load, run or frame anything.
    "Content-Security-Policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-store",
}


class SlackServerError(Exception):
    """The server could not start, or was asked for something that is not there; says what to do."""


class SlackServer:
    """A Slack workspace on 127.0.0.1, as a context manager.

    Args:
        port: 0 takes a free one.
        token: the one bot token it accepts; a random one when left out.
        signing_secret: with which it signs what it sends to the app; a random one when left out.
        channels: names, or whole `Channel`s (private, archived, without the bot).
        rate_limit: True for Slack's documented pace, or one of your own.
        scopes: what the token may do.
    """

    def __init__(
        self,
        *,
        port: int = 0,
        token: str = "",
        signing_secret: str = "",
        channels: Iterable[str | Channel] = ("security-alerts",),
        rate_limit: bool | RateLimit = False,
        scopes: Iterable[str] = DEFAULT_SCOPES,
    ) -> None:
        self.port = port
        self.token = token or f"xoxb-local-{secrets.token_hex(12)}"
        self.signing_secret = signing_secret or secrets.token_hex(16)
        self.workspace = Workspace(channels)
        self.credentials = Credentials(token=self.token, scopes=frozenset(scopes))
        self.faults = Faults()
        self.limiter = Limiter((RateLimit() if rate_limit is True else rate_limit) or None)
        self.api = WebApi(self.workspace, self.credentials, lambda: self.url)
        self.interactivity = Interactivity(self.workspace, self.signing_secret, lambda: self.url)
        self.stopping = threading.Event()
        self._server: _Server | None = None
        self._thread: threading.Thread | None = None

    @property
    def url(self) -> str:
        """The page's address, without a slash at the end."""
        return f"http://{HOST}:{self.port}"

    @property
    def api_url(self) -> str:
        """For `WebClient(base_url=...)`; ends with /api/."""
        return f"{self.url}/api/"

    def __enter__(self) -> Self:
        """Start listening.

        Raises:
            SlackServerError: the port is taken.
        """
        try:
            self._server = _Server((HOST, self.port), self)
        except OSError as error:
            if error.errno not in {errno.EADDRINUSE, errno.EACCES}:
                raise
            raise SlackServerError(
                f"Port {self.port} on {HOST} cannot be used for the local Slack ({error.strerror}): another "
                f"local Slack may still be running. End it (`lsof -i :{self.port}` shows which), or choose another "
                "port (setting `port`, on the command line `--port`; 0 takes a free one)."
            ) from error
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.05,), name="local-slack", daemon=True
        )
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: types.TracebackType | None,
    ) -> None:
        """Stop listening."""
        self.stopping.set()
        self.workspace.changed()  # wakes the event streams
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
        if self._thread is not None:
            self._thread.join()

    # --- looking inside ---

    def messages(self, channel: str, *, thread_ts: str | None = None) -> list[Message]:
        """What a channel shows, oldest first: parents and broadcasts, or the replies of one thread.

        Raises:
            NotFoundError: channel_not_found.
        """
        with self.workspace.lock:
            found = self.workspace.channel(channel).messages
            return [
                copy.deepcopy(message)
                for message in found
                if (
                    message.get("thread_ts") == thread_ts and message["ts"] != thread_ts
                    if thread_ts
                    else message.get("thread_ts", message["ts"]) == message["ts"]
                    or message.get("subtype") == "thread_broadcast"
                )
            ]

    def replies(self, channel: str, thread_ts: str) -> list[Message]:
        """The replies in a thread, oldest first."""
        return self.messages(channel, thread_ts=thread_ts)

    def calls(self, method: str = "") -> int:
        """How often a Web API method was called (spoilt calls included), or all of them together."""
        return self.api.calls[method] if method else sum(self.api.calls.values())

    @property
    def deliveries(self) -> list[Delivery]:
        """What was sent to the app, oldest first."""
        return list(self.interactivity.deliveries)

    # --- acting ---

    def listen_at(self, request_url: str, command_url: str = "") -> None:
        """Where the app listens for clicks, modals and commands; empty for nowhere.

        Raises:
            SlackServerError: not a URL that can be called.
        """
        for url in (request_url, command_url):
            if problem := problem_with_url(url):
                raise SlackServerError(problem)
        self.interactivity.request_url = request_url
        self.interactivity.command_url = command_url
        self.workspace.changed()

    def click(self, channel: str, ts: str, action_id: str, *, user: str = "alice", value: Any = None) -> str:
        """Press the button with this action_id as somebody. Returns what that person would be told; empty when well.

        Raises:
            NotFoundError: no such message or button.
        """
        with self.workspace.lock:
            message = self.workspace.message(self.workspace.channel(channel), ts)
            nested = [block for item in message.get("attachments", ()) for block in item.get("blocks", ())]
            for block in [*message.get("blocks", ()), *nested]:
                for element in [*block.get("elements", ()), block.get("accessory")]:
                    if isinstance(element, dict) and element.get("action_id") == action_id:
                        block_id = block["block_id"]
                        break
                else:
                    continue
                break
            else:
                raise NotFoundError("action_not_found")
        return self.interactivity.click(user, channel, ts, block_id=block_id, action_id=action_id, value=value)

    def open_view(self, user: str = "alice") -> dict[str, Any] | None:
        """The modal somebody has in front of them; None when there is none."""
        with self.workspace.lock:
            stack = self.workspace.open_views.get(self.workspace.user(user).id)
            return copy.deepcopy(self.workspace.views[stack[-1]]) if stack else None

    def submit_view(self, values: dict[str, Any], *, user: str = "alice") -> dict[str, Any]:
        """Submit the open modal with `action_id -> text (or option value)`. Returns what `Interactivity.submit` does.

        Raises:
            NotFoundError: no modal is open.
        """
        view = self.open_view(user)
        if view is None:
            raise NotFoundError("not_found")
        state: dict[str, dict[str, Any]] = {}
        for block in view["blocks"]:
            element = block.get("element")
            if element is not None:
                state[block["block_id"]] = {
                    element["action_id"]: element_state(element, values.get(element["action_id"]))
                }
        return self.interactivity.submit(user, view["id"], state)

    def fail(self, fault: Fault) -> None:
        """Let Web API calls fail in this way."""
        self.faults.add(fault)

    def recover(self) -> None:
        """Be well again: no faults, the token valid."""
        self.faults.clear()
        self.credentials.revoked = False

    def reset(self) -> None:
        """Forget messages, faults, counters and deliveries."""
        self.recover()
        self.api.calls.clear()
        self.interactivity.deliveries.clear()
        self.workspace.reset()

    def state(self) -> dict[str, Any]:
        """All that the page shows, as JSON: for the person at the keyboard."""
        workspace = self.workspace
        with workspace.lock:
            me = workspace.current_user_id
            stack = workspace.open_views.get(me, [])
            return {
                "version": workspace.version,
                "team": TEAM_NAME,
                "me": me,
                "listening": bool(self.interactivity.request_url),
                "users": [
                    {"id": user.id, "name": user.name, "real_name": user.real_name, "is_bot": user.is_bot}
                    for user in workspace.users.values()
                ],
                "usergroups": {key: name for key, (name, _members) in workspace.usergroups.items()},
                "channels": [
                    {
                        "id": channel.id,
                        "name": channel.name,
                        "is_private": channel.is_private,
                        "is_archived": channel.is_archived,
                        "messages": [
                            copy.deepcopy(message)
                            for message in channel.messages
                            if message.get("ephemeral_to", me) == me
                        ],
                    }
                    for channel in workspace.channels.values()
                ],
                "view": copy.deepcopy(workspace.views[stack[-1]]) if stack else None,
            }


def element_state(element: dict[str, Any], value: Any) -> dict[str, Any]:
    """An input's part of a modal's state."""
    kind = element["type"]
    options = {option["value"]: option for option in element.get("options", ())}
    match kind:
        case "static_select" | "radio_buttons":
            return {"type": kind, "selected_option": options.get(value)}
        case "checkboxes" | "multi_static_select":
            return {"type": kind, "selected_options": [options[item] for item in value or () if item in options]}
        case "datepicker":
            return {"type": kind, "selected_date": value or None}
        case "timepicker":
            return {"type": kind, "selected_time": value or None}
        case "users_select":
            return {"type": kind, "selected_user": value or None}
    return {"type": kind, "value": value or None}


class _Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False  # an event stream or an injected hang must not keep us
    allow_reuse_address = True
    request_queue_size = 128

    def __init__(self, address: tuple[str, int], slack: SlackServer) -> None:
        self.slack = slack
        super().__init__(address, _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Stay quiet about a browser that went away; everything else is shown."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


class _Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version = "LocalSlack"
    sys_version = ""
    server: _Server

    # --- routes ---

    def do_GET(self) -> None:
        """Page, events, files, and those API methods that take a GET."""
        self._route()

    def do_POST(self) -> None:
        """The Web API, what the page does, uploads, response URLs and the controls."""
        self._route()

    do_PUT = do_POST  # an upload may come either way  # noqa: N815 - the base class finds it by this name

    def _route(self) -> None:
        slack = self.server.slack
        path = unquote(urlsplit(self.path).path)
        body = self._body()
        if body is None or not self._is_ours(path):
            return
        post = self.command in {"POST", "PUT"}
        if path.startswith("/api/"):
            self._api(path.removeprefix("/api/"), body)
        elif post and (found := re.fullmatch(r"/upload/(\w+)/(\w+)", path)):
            self._upload(found.group(1), found.group(2), body)
        elif post and (found := re.fullmatch(r"/response/([\w-]+)", path)):
            self._respond(found.group(1), body)
        elif post and path.startswith("/page/"):
            self._json_route(body, lambda value: _page_action(slack, path.removeprefix("/page/"), value))
        elif path.startswith("/control/"):
            method = "POST" if post else "GET"
            self._json_route(body, lambda value: _control(slack, method, path.removeprefix("/control/"), value))
        elif not post and path == "/page/state":
            self._json(200, slack.state())
        elif not post and path == "/page/events":
            self._events()
        elif not post and (found := re.fullmatch(r"/files/(\w+)(/picture)?", path)):
            self._file(found.group(1), as_picture=bool(found.group(2)))
        elif not post:
            self._asset("index.html" if path == "/" else path.lstrip("/"))
        else:
            self._json(404, {"ok": False, "error": "not_found"})

    def _is_ours(self, path: str) -> bool:
        """Refuse other web sites that this browser visits: a foreign Host (DNS rebinding) or Origin."""
        slack = self.server.slack
        own = {f"{HOST}:{slack.port}", f"localhost:{slack.port}"}
        origin = self.headers.get("Origin")
        foreign = origin is not None and origin not in {f"http://{name}" for name in own}
        if (
            self.headers.get("Host") not in own and not path.startswith(("/api/", "/upload/", "/response/"))
        ) or foreign:
            self._json(
                403, {"ok": False, "error": "This Slack answers programs and its own page on this machine only."}
            )
            return False
        return True

    # --- the Web API ---

    def _api(self, method: str, body: bytes) -> None:
        slack = self.server.slack
        slack.api.calls[method] += 1
        fault = slack.faults.take(method)
        if fault is not None and not fault.after:
            self._spoil(fault)
            return
        try:
            arguments = arguments_of(body, self.headers.get("Content-Type", ""), urlsplit(self.path).query)
        except ApiError as error:
            self._json(200, {"ok": False, "error": error.code})
            return
        bearer = self.headers.get("Authorization", "")
        token = bearer.removeprefix("Bearer ").strip() if bearer else str(arguments.pop("token", ""))
        wait = slack.limiter.wait(method, str(arguments.get("channel", "")))
        if wait:
            self._rate_limited(wait)
            return
        answer = slack.api.call(method, arguments, token)
        if fault is not None:
            self._spoil(fault)
            return
        self._json(200, answer, {"X-OAuth-Scopes": ",".join(sorted(slack.credentials.scopes))})

    def _spoil(self, fault: Fault) -> None:
        match fault.kind:
            case "status":
                self._send(fault.status, b"upstream error", {"Content-Type": "text/plain"})
            case "error":
                self._json(200, {"ok": False, "error": fault.error})
            case "ratelimited":
                self._rate_limited(fault.retry_after)
            case "hang":
                self.server.slack.stopping.wait(fault.seconds)
                self.close_connection = True
            case "reset":
                # Linger 0: the peer gets a reset instead of an orderly end.
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.close_connection = True
                self.connection.close()

    def _rate_limited(self, seconds: int) -> None:
        self._json(429, {"ok": False, "error": "ratelimited"}, {"Retry-After": str(seconds)})

    def _upload(self, file_id: str, ticket: str, body: bytes) -> None:
        workspace = self.server.slack.workspace
        with workspace.lock:
            upload = workspace.uploads.get(file_id)
            if upload is None or not secrets.compare_digest(upload.ticket, ticket):
                self._send(404, b"no such upload", {"Content-Type": "text/plain"})
                return
            content = _file_content(self.headers.get("Content-Type", ""), body)
            if len(content) != upload.length:
                self._send(400, b"the length is not the announced one", {"Content-Type": "text/plain"})
                return
            workspace.uploads[file_id] = dataclasses.replace(upload, content=content)
        self._send(200, f"OK - {len(content)}".encode(), {"Content-Type": "text/plain"})

    def _respond(self, secret: str, body: bytes) -> None:
        try:
            self.server.slack.interactivity.respond(secret, body)
        except (NotFoundError, ApiError) as error:
            self._json(404 if isinstance(error, NotFoundError) else 400, {"ok": False, "error": str(error.args[0])})
            return
        self._json(200, {"ok": True})

    # --- the page ---

    def _events(self) -> None:
        """Server-sent events: one line for each change of the workspace."""
        slack = self.server.slack
        self.send_response(200)
        for name, value in {**PAGE_HEADERS, "Content-Type": "text/event-stream", "Connection": "close"}.items():
            self.send_header(name, value)
        self.end_headers()
        self.close_connection = True
        seen = -1
        while not slack.stopping.is_set():
            version = slack.workspace.wait_for_change(seen, KEEP_ALIVE_SECONDS)
            line = f"data: {version}\n\n" if version != seen else ": still here\n\n"
            seen = version
            try:
                self.wfile.write(line.encode())
                self.wfile.flush()
            except OSError:  # the page was closed
                return

    def _file(self, file_id: str, *, as_picture: bool) -> None:
        """A shared file to be saved, or a picture to be shown: nothing else is ever shown by a browser."""
        upload: Upload | None = self.server.slack.workspace.uploads.get(file_id)
        if upload is None or upload.content is None or not upload.shared:
            self._json(404, {"ok": False, "error": "file_not_found"})
            return
        if as_picture and upload.kind != "image/png":
            self._json(404, {"ok": False, "error": "not_a_picture"})
            return
        name = re.sub(r"[^A-Za-z0-9._-]", "_", upload.name)
        headers = {
            "Content-Type": upload.kind if as_picture else "application/octet-stream",
            "Content-Disposition": f'{"inline" if as_picture else "attachment"}; filename="{name}"',
            "Content-Security-Policy": "default-src 'none'; sandbox",
        }
        self._send(200, upload.content, {**PAGE_HEADERS, **headers})

    def _asset(self, name: str) -> None:
        file = PAGE / name
        kind = CONTENT_TYPES.get(file.suffix)
        if "/" in name or kind is None or not file.is_file():
            self._json(404, {"ok": False, "error": "not_found"})
            return
        self._send(200, file.read_bytes(), {**PAGE_HEADERS, "Content-Type": f"{kind}; charset=utf-8"})

    # --- plumbing ---

    def _json_route(self, body: bytes, act: Callable[[Any], Any]) -> None:
        if body and not self.headers.get("Content-Type", "").startswith("application/json"):
            self._json(415, {"ok": False, "error": "send application/json"})
            return
        try:
            answer = act(json.loads(body) if body else None)
        except NotFoundError as error:
            self._json(404, {"ok": False, "error": str(error.args[0])})
        except (KeyError, TypeError, ValueError, FaultError, SlackServerError, ApiError) as error:
            self._json(400, {"ok": False, "error": f"{type(error).__name__}: {error}"})
        else:
            self._json(200, {"ok": True, **(answer or {})})

    def _body(self) -> bytes | None:
        """The request's body; None when it was too large, which has been answered then."""
        length = self.headers.get("Content-Length", "0")
        if not length.isascii() or not length.isdigit() or int(length) > MAX_BODY:
            self.close_connection = True
            self._json(413, {"ok": False, "error": "request_too_large"})
            return None
        return self.rfile.read(int(length))

    def _json(self, status: int, value: Any, headers: dict[str, str] | None = None) -> None:
        body = json.dumps(value).encode()
        self._send(status, body, {"Content-Type": "application/json; charset=utf-8", **(headers or {})})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"X-Content-Type-Options": "nosniff", **headers}.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *arguments: Any) -> None:
        """Say nothing: who wants to know asks for the call counters."""


def _page_action(slack: SlackServer, action: str, value: Any) -> dict[str, Any] | None:
    """What the person at the keyboard does on the page."""
    workspace, interactivity = slack.workspace, slack.interactivity
    me = workspace.current_user_id
    match action:
        case "click":
            problem = interactivity.click(
                me,
                value["channel"],
                value["ts"],
                block_id=value["block_id"],
                action_id=value["action_id"],
                value=value.get("value"),
            )
            return {"problem": problem}
        case "submit":
            return interactivity.submit(me, value["view_id"], value["values"])
        case "close":
            return {"problem": interactivity.close(me, value["view_id"])}
        case "say":
            channel, text = workspace.channel(value["channel"]), str(value["text"]).strip()
            if text.startswith("/"):
                return {"problem": interactivity.command(me, channel.id, text)}
            if text:
                workspace.post(
                    channel, {"user": me, "text": _escaped(text)}, thread_ts=str(value.get("thread_ts") or "")
                )
            return None
        case "user":
            workspace.switch_user(value["user"])
            return None
    raise NotFoundError("not_found")


def _control(slack: SlackServer, method: str, action: str, value: Any) -> dict[str, Any] | None:
    """The controls for tests that cannot hold the `SlackServer` object."""
    match method, action:
        case "GET", "messages":
            with slack.workspace.lock:
                return copy.deepcopy({channel.id: channel.messages for channel in slack.workspace.channels.values()})
        case "GET", "calls":
            return {"calls": dict(slack.api.calls)}
        case "GET", "deliveries":
            return {"deliveries": [dataclasses.asdict(item) for item in slack.deliveries]}
        case "POST", "fault":
            slack.fail(Fault.parse(value))
        case "POST", "recover":
            slack.recover()
        case "POST", "reset":
            slack.reset()
        case "POST", "user":
            slack.workspace.switch_user(value["user"])
        case "POST", "request-url":
            slack.listen_at(str(value["url"]), str(value.get("command_url", "")))
        case "POST", "revoke":
            slack.credentials.revoked = True
        case _:
            raise NotFoundError("not_found")
    return None


def _escaped(text: str) -> str:
    """What a person types, as Slack stores it."""
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _file_content(content_type: str, body: bytes) -> bytes:
    """The file in an upload: the whole body, or the first part of a multipart form."""
    boundary = re.match(r"multipart/form-data;.*boundary=\"?([^\";]+)", content_type)
    if boundary is None:
        return body
    part = body.split(b"--" + boundary.group(1).encode())[1] if boundary.group(1).encode() in body else b""
    return part.partition(b"\r\n\r\n")[2].removesuffix(b"\r\n")
