"""A question to AWS that may go unanswered: the answer, or Unknown with the reason - and no patience for silence."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import BotoCoreError, ClientError, ConnectionError, HTTPClientError

from handlers.alerting.ports import Unknown
from handlers.alerting.text import phrase

SILENT_SECONDS = 60.0
_Answer = TypeVar("_Answer")


class Asking:
    """Asks; a service that does not answer in time is left alone for a minute, so that it holds up one alert, not all.

    The time limit of a single call is the client's (connect and read timeouts, one attempt).
    """

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        """`clock` counts seconds."""
        self._clock = clock
        self._silent_until: dict[str, float] = {}

    def __call__(self, service: str, ask: Callable[[], _Answer]) -> _Answer | Unknown:
        """What `ask` returns, or Unknown: AWS's error code, or the name of what went wrong on the way."""
        if self._clock() < self._silent_until.get(service, 0.0):
            return Unknown(reason=phrase("not asked: {service} did not answer a moment ago", service=service))
        try:
            return ask()
        except ClientError as error:
            return Unknown(reason=error.response["Error"]["Code"])
        except (ConnectionError, HTTPClientError) as error:  # timeouts are among both
            self._silent_until[service] = self._clock() + SILENT_SECONDS
            return Unknown(reason=type(error).__name__)
        except (BotoCoreError, KeyError, ValueError) as error:  # also names and ARNs that boto3 itself refuses
            return Unknown(reason=type(error).__name__)
