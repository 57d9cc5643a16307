"""One HTTPS request to an address outside, made so that it can reach nothing but a public address, and never hang.

What is checked, although the addresses come from our own configuration and secrets:

- https only, with the host's certificate verified, on any port, without a user name in the address;
- every address the host's name leads to is public (`ipaddress`, `is_global`): not loopback, private or link-local, and
  so neither the instance metadata nor a function's runtime API; the connection is then made to the very address that
  was checked, so that a second answer of the name's server changes nothing;
- redirects are not followed: they are answered like any other refusal;
- nothing of the answer but its status and two headers is used, and the whole exchange has a time limit.
"""

from __future__ import annotations

import contextlib
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from http.client import HTTPException, HTTPSConnection
from urllib.parse import SplitResult, urlsplit

from handlers.alerting.errors import RootwatchError, UnavailableError

PORT = 443
TIMEOUT_SECONDS = 5.0  # for each wait on the network
DEADLINE_SECONDS = 10.0  # for the whole exchange

Address = ipaddress.IPv4Address | ipaddress.IPv6Address


class ForbiddenAddressError(RootwatchError):
    """The address is not one that may be called: says why. No retry helps."""


@dataclass(frozen=True, kw_only=True)
class Answer:
    """What we use of an answer."""

    status: int
    retry_after: str = ""


def is_public(address: Address) -> bool:
    """Whether an address is reachable from, and meant for, the whole internet."""
    mapped = getattr(address, "ipv4_mapped", None) or getattr(address, "sixtofour", None)
    return address.is_global and not address.is_multicast and (mapped is None or is_public(mapped))


def checked_url(url: str) -> SplitResult:
    """The parts of an address that may be called, as far as can be seen without asking a name server.

    Raises:
        ForbiddenAddressError: it is not https, names a user, is no address, or is a private one spelled out.
    """
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname or "", parts.port
    except ValueError:
        raise ForbiddenAddressError("it is not an address") from None
    if parts.scheme != "https" or not host:
        raise ForbiddenAddressError("it does not begin with https://")
    if parts.username is not None or parts.password is not None:
        raise ForbiddenAddressError("it has a user name in it")
    if not url.isascii() or not url.isprintable() or " " in url:
        raise ForbiddenAddressError("it has characters that no address has")
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        if host == "localhost" or host.endswith((".localhost", ".local", ".internal")):
            raise ForbiddenAddressError(f"{host} is not a public host") from None
        return parts
    if not is_public(address):
        raise ForbiddenAddressError(f"{host} is not a public address")
    return parts


class Poster:
    """Posts bodies. Safe to use from several threads."""

    def __init__(
        self,
        *,
        timeout: float = TIMEOUT_SECONDS,
        deadline: float = DEADLINE_SECONDS,
        allow: Callable[[Address], bool] = is_public,
        context: Callable[[], ssl.SSLContext] | None = None,
    ) -> None:
        """Args: `allow` decides about each address; `context` gives the trusted certificates. Both for tests."""
        self._timeout = timeout
        self._deadline = deadline
        self._allow = allow
        self._context = context or _trusted

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """Post to an address that `checked_url` lets pass.

        Raises:
            ForbiddenAddressError: the host's name leads to an address that may not be called.
            UnavailableError: it cannot be reached, or does not answer in time.
        """
        parts = urlsplit(url)
        host, port = parts.hostname or "", parts.port or PORT
        connection = _Pinned(host, port, self._addresses(host, port), timeout=self._timeout, context=self._context())
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        watchdog = threading.Timer(self._deadline, connection.abort)
        watchdog.daemon = True
        watchdog.start()
        failure: str
        try:
            connection.request("POST", target, body=body, headers={**headers, "Connection": "close"})
            response = connection.getresponse()
            if connection.is_aborted:  # an answer that was cut off here reads like one that ended
                raise TimeoutError
            return Answer(status=response.status, retry_after=response.headers.get("Retry-After", ""))
        except (OSError, HTTPException, ValueError) as error:
            failure = type(error).__name__
        finally:
            watchdog.cancel()
            connection.close()
        # Outside the handler: the error's own text may quote the address, which may be a secret.
        raise UnavailableError(f"it cannot be reached ({failure})")

    def _addresses(self, host: str, port: int) -> list[str]:
        try:
            found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError) as error:
            kind = type(error).__name__
        else:
            texts = list(dict.fromkeys(str(item[4][0]).partition("%")[0] for item in found))
            for text in texts:
                if not self._allow(ipaddress.ip_address(text)):
                    raise ForbiddenAddressError("its host's name leads to an address that is not public")
            return texts
        raise UnavailableError(f"its host's name is not known ({kind})")


class _Pinned(HTTPSConnection):
    """A connection to one of the addresses that were checked, and to no other."""

    def __init__(self, host: str, port: int, addresses: list[str], *, timeout: float, context: ssl.SSLContext) -> None:
        super().__init__(host, port, timeout=timeout, context=context)
        self._addresses = addresses
        self._tls = context
        self.is_aborted = False

    def connect(self) -> None:
        problem: OSError = OSError("no address")
        for address in self._addresses:
            try:
                plain = socket.create_connection((address, self.port), self.timeout)
            except OSError as error:
                problem = error
                continue
            self.sock = plain  # so that `abort` reaches it during the handshake too
            self.sock = self._tls.wrap_socket(plain, server_hostname=self.host)
            return
        raise problem

    def abort(self) -> None:
        """From another thread: whatever is waited for ends now."""
        self.is_aborted = True
        sock = self.sock
        if sock is not None:
            with contextlib.suppress(OSError):  # it is over already
                socket.socket.shutdown(sock, socket.SHUT_RDWR)


@cache
def _trusted() -> ssl.SSLContext:
    """Built once a container: reading the certificates takes tens of milliseconds."""
    return ssl.create_default_context()
