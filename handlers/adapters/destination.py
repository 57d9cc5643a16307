"""What all destinations reached over HTTPS share: when to try again, what is refused for good, and patience."""

from __future__ import annotations

import logging
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol

from handlers.adapters.https import Answer, ForbiddenAddressError, Poster, checked_url
from handlers.adapters.story import MessageSettings
from handlers.alerting.alert import Alert, Told
from handlers.alerting.errors import RetryLaterError, UnavailableError
from handlers.alerting.finding import Finding
from handlers.alerting.reminding import Reminder
from handlers.alerting.severity import Severity

DEFAULT_WAIT = 30.0  # seconds, where somebody says "too many" without a usable Retry-After
MAXIMUM_WAIT = 900.0  # seconds: nobody makes us silent for longer than the queue's own longest wait
_PATIENCE = 10.0  # seconds in which whoever did not answer is not asked again: a batch must not wait ten times

_TOO_MANY = 429
_TRY_AGAIN = frozenset({408, 425})  # and everything from 500 on

_log = logging.getLogger(__name__)


class Secret(Protocol):
    """A `SecretSource`, or a test's stand-in."""

    def get(self, refresh: bool = False) -> str: ...


@dataclass(frozen=True, kw_only=True)
class Request:
    """What is posted; the address and the headers may be secrets, and are shown nowhere."""

    url: str = field(repr=False)
    body: bytes = field(repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)


def ignored(_destination: str, _reason: str) -> None:
    """Nobody is told that a destination refused an alert beside the log."""


class HttpsDestination(ABC):
    """A `Notifier` that posts. It is told of new alerts, of those that got worse, and of reminders.

    A refusal for good - a 4xx, a redirect, an address that may not be called - is logged, counted by `refused`, and
    not tried again: it must not keep an alert in the queue that everybody else has been told of. Whatever may pass is
    tried again by the queue.
    """

    follows = False

    def __init__(
        self,
        *,
        name: str,
        secret: Secret | None,
        settings: MessageSettings,
        poster: Poster | None = None,
        refused: Callable[[str, str], None] = ignored,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        """Args: `refused` is called with the destination's name and the reason."""
        self.name = name
        self.minimum_severity = Severity.INFO  # the routes decide
        self._secret = secret
        self._settings = settings
        self._poster = poster or Poster()
        self._refused = refused
        self._clock = clock
        self._quiet_until: datetime | None = None

    def announce(self, alert: Alert) -> str:
        """Tell of a new alert. Returns "": nothing can be changed there later.

        Raises:
            RetryLaterError: the other side named a wait.
            UnavailableError: it did not take it; says why.
        """
        self._send(lambda secret: self.opened(alert, secret))
        return ""

    def follow_up(self, alert: Alert, told: Told, findings: Sequence[Finding], *, broadcast: bool) -> None:
        """Tell that an alert got worse. Raises like `announce`."""
        del broadcast
        self._send(lambda secret: self.got_worse(alert, told, findings, secret))

    def remind(self, alert: Alert, told: Told | None, reminder: Reminder) -> None:
        """Tell that nobody has taken an alert. Raises like `announce`."""
        del told
        self._send(lambda secret: self.reminded(alert, reminder, secret))

    @abstractmethod
    def opened(self, alert: Alert, secret: str) -> Request:
        """What tells of a new alert."""

    @abstractmethod
    def got_worse(self, alert: Alert, told: Told, findings: Sequence[Finding], secret: str) -> Request:
        """What tells that it got worse."""

    @abstractmethod
    def reminded(self, alert: Alert, reminder: Reminder, secret: str) -> Request:
        """What tells that nobody has taken it."""

    def _send(self, build: Callable[[str], Request]) -> None:
        self._respect_the_wait()
        secret = self._secret.get() if self._secret else ""
        reason = self._reason_against(build(secret))
        if reason and self._secret:
            # It may have been changed since we kept it. A store that does not answer now makes it come again.
            fresh = self._secret.get(refresh=True)
            if fresh != secret:
                reason = self._reason_against(build(fresh))
        if reason:
            _log.error("the destination %s refuses an alert for good: %s", self.name, reason)
            self._refused(self.name, reason)

    def _reason_against(self, request: Request) -> str:
        """Why the other side refuses this for good; "" where it took it. Raises where a retry can help."""
        try:
            checked_url(request.url)
            answer = self._poster.post(request.url, request.body, request.headers)
        except ForbiddenAddressError as error:
            return f"its address may not be called: {error}"
        except UnavailableError as error:
            self._quiet_until = self._clock() + timedelta(seconds=_PATIENCE)
            raise UnavailableError(f"the destination {self.name}: {error}; it will be tried again") from None
        return self._judged(answer)

    def _judged(self, answer: Answer) -> str:
        if 200 <= answer.status < 300:
            return ""
        if answer.status == _TOO_MANY:
            seconds = retry_after(answer.retry_after)
            self._quiet_until = self._clock() + timedelta(seconds=seconds)
            raise RetryLaterError(f"the destination {self.name} asks for {seconds:g} s of patience", seconds=seconds)
        if answer.status >= 500 or answer.status in _TRY_AGAIN:
            raise UnavailableError(
                f"the destination {self.name} failed with HTTP {answer.status}; it will be tried again"
            )
        if 300 <= answer.status < 400:
            return f"HTTP {answer.status}: it redirects, which is not followed; configure where it leads"
        return f"HTTP {answer.status}"

    def _respect_the_wait(self) -> None:
        if self._quiet_until is None:
            return
        left = (self._quiet_until - self._clock()).total_seconds()
        if left > 0:
            raise RetryLaterError(
                f"the destination {self.name} asked for patience or did not answer, and the time is not over",
                seconds=left,
            )
        self._quiet_until = None


def retry_after(text: str) -> float:
    """Seconds, between 1 and 900; the default where it is not a number of seconds."""
    text = text.strip()
    if text.isascii() and text.isdigit():
        return min(max(float(text[:10]), 1.0), MAXIMUM_WAIT)
    return DEFAULT_WAIT
