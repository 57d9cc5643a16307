"""A secret, fetched when needed and kept in memory for five minutes: never in an environment, a log or a message."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from handlers.alerting.errors import UnavailableError

MAXIMUM_AGE = 300.0  # seconds
REMEDY = "store it with `rootwatch slack set-token`"
SIGNING_REMEDY = "store it with `rootwatch slack set-signing-secret`"

_MISSING = ("ParameterNotFound", "ResourceNotFoundException")
_DENIED = ("AccessDeniedException", "AccessDenied", "KMS.AccessDeniedException")
_CONFIG = Config(connect_timeout=2, read_timeout=5, retries={"total_max_attempts": 2, "mode": "standard"})

ClientFactory = Callable[[str], Any]


class SecretSource:
    """Where one secret is kept: "ssm:/rootwatch/slack-token" (SecureString) or "secretsmanager:rootwatch/slack-token".

    Safe to use from several threads.
    """

    def __init__(
        self,
        place: str,
        *,
        client: ClientFactory | None = None,
        clock: Callable[[], float] = time.monotonic,
        remedy: str = REMEDY,
    ) -> None:
        """Args: `client` makes an AWS client by service name, by default with the function's own rights; `remedy` is
        what to do where the secret is missing.

        Raises:
            ValueError: the place is of neither form.
        """
        store, _, name = place.partition(":")
        if store not in ("ssm", "secretsmanager") or not name.strip():
            raise ValueError(
                f"the place of a secret is {place[:80]!r}: expected 'ssm:/rootwatch/slack-token' or "
                "'secretsmanager:rootwatch/slack-token'; deploy again"
            )
        self.place = place
        self._remedy = remedy
        self._store, self._name = store, name.strip()
        self._make_client = client or _client
        self._clock = clock
        self._value: str | None = None
        self._fetched_at = 0.0
        self._lock = threading.Lock()

    def __repr__(self) -> str:
        return f"SecretSource({self.place!r})"  # never the value

    def get(self, refresh: bool = False) -> str:
        """The secret, without white space around it.

        Args:
            refresh: ask the store even though the kept value is young: somebody refused it.

        Raises:
            UnavailableError: the store does not answer, or has nothing usable; says what to do. A value kept from
                before is used rather than failing, unless `refresh`.
        """
        with self._lock:
            kept = self._value
            if kept is not None and not refresh and self._clock() - self._fetched_at < MAXIMUM_AGE:
                return kept
            try:
                value = self._usable(self._fetch())
            except UnavailableError:
                if kept is None or refresh:
                    raise
                return kept
            self._value, self._fetched_at = value, self._clock()
            return value

    def _fetch(self) -> object:
        try:
            client = self._make_client(self._store)
            if self._store == "ssm":
                return client.get_parameter(Name=self._name, WithDecryption=True)["Parameter"]["Value"]
            return client.get_secret_value(SecretId=self._name).get("SecretString")
        except ClientError as error:
            code = str(error.response.get("Error", {}).get("Code", "unknown"))
            raise UnavailableError(self._explained(code)) from error
        except BotoCoreError as error:
            raise UnavailableError(
                f"the secret {self.place} cannot be read: {type(error).__name__}; it will be tried again"
            ) from error

    def _explained(self, code: str) -> str:
        if code in _MISSING:
            return f"the secret {self.place} does not exist yet: {self._remedy}"
        if code in _DENIED:
            return f"the secret {self.place} may not be read by this function ({code}): deploy again"
        return f"the secret {self.place} cannot be read ({code}); it will be tried again"

    def _usable(self, value: object) -> str:
        """A secret becomes a header of a request, so blanks and line breaks inside are refused here, by our own error.

        Left to the HTTP library, its error would quote the secret.
        """
        text = value.strip() if isinstance(value, str) else ""
        if not text:
            raise UnavailableError(f"the secret {self.place} is empty: {self._remedy}")
        if not (text.isascii() and text.isprintable()) or " " in text:
            raise UnavailableError(f"the secret {self.place} contains characters that no token has: {self._remedy}")
        return text


def _client(service: str) -> Any:
    # Importing it takes half a second, which Slack's door does not have: it brings a client of its own.
    import boto3  # noqa: PLC0415

    return boto3.client(service, config=_CONFIG)  # type: ignore[call-overload]
