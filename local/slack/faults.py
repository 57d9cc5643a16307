"""Ways in which Slack can fail its callers, to be switched on by a test, and how often it may be called."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Self, get_args

Kind = Literal["status", "error", "ratelimited", "hang", "reset"]


class FaultError(ValueError):
    """A fault that cannot be injected: the message says which part is wrong."""


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One way to fail, for the calls it applies to."""

    kind: Kind
    status: int = 503  # of kind "status"
    error: str = "internal_error"  # of kind "error": answered as 200 ok:false
    retry_after: int = 1  # seconds, of kind "ratelimited"
    seconds: float = 30.0  # of kind "hang": how long the answer is kept back
    calls: int | None = None  # how many calls it spoils; None: until cleared
    method: str = ""  # only this API method; empty: every one
    after: bool = False  # the call is carried out, and only its answer is lost

    @classmethod
    def parse(cls, value: Any) -> Self:
        """A fault from JSON.

        Raises:
            FaultError: an unknown key or kind, or a value of the wrong type.
        """
        if not isinstance(value, dict) or value.get("kind") not in get_args(Kind):
            raise FaultError(f"a fault is an object with `kind`, one of {', '.join(get_args(Kind))}")
        types: Mapping[str, type | tuple[type, ...]] = {
            "kind": str,
            "status": int,
            "error": str,
            "retry_after": int,
            "seconds": (int, float),
            "calls": int,
            "method": str,
            "after": bool,
        }
        for key, item in value.items():
            if key not in types:
                raise FaultError(f"a fault has no `{key}`; it has {', '.join(types)}")
            if not isinstance(item, types[key]) and not (key == "calls" and item is None):
                raise FaultError(f"`{key}` of a fault cannot be {item!r}")
        return cls(**value)


class Faults:
    """The faults in force, oldest first. Safe for threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._faults: list[tuple[Fault, int | None]] = []

    def add(self, fault: Fault) -> None:
        """Put a fault in force."""
        with self._lock:
            self._faults.append((fault, fault.calls))

    def clear(self) -> None:
        """Be well again."""
        with self._lock:
            self._faults.clear()

    def take(self, method: str) -> Fault | None:
        """The fault this call meets, using up one of its calls; None when it meets none."""
        with self._lock:
            for index, (fault, left) in enumerate(self._faults):
                if fault.method not in {"", method} or left == 0:
                    continue
                if left is not None:
                    self._faults[index] = (fault, left - 1)
                self._faults = [item for item in self._faults if item[1] != 0]
                return fault
        return None


@dataclass(frozen=True, kw_only=True)
class RateLimit:
    """Slack's documented pace: https://docs.slack.dev/apis/web-api/rate-limits."""

    posts_per_second: float = 1.0  # per channel
    post_burst: int = 5  # "short bursts" is all that Slack says
    updates_per_minute: float = 50.0  # tier 3


class Limiter:
    """Token buckets, one for each channel that is posted to and one for updates. Safe for threads."""

    def __init__(self, limit: RateLimit | None, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self._lock = threading.Lock()
        self._buckets: dict[str, tuple[float, float]] = {}  # key -> (tokens, when)

    def wait(self, method: str, channel: str) -> int:
        """0 when the call may go ahead; else the whole seconds to wait, as in Retry-After."""
        if self._limit is None:
            return 0
        if method in {"chat.postMessage", "chat.postEphemeral"}:
            return self._take(f"post {channel}", self._limit.posts_per_second, self._limit.post_burst)
        if method == "chat.update":
            per_second = self._limit.updates_per_minute / 60
            return self._take("update", per_second, max(1, round(self._limit.updates_per_minute)))
        return 0

    def _take(self, key: str, per_second: float, burst: int) -> int:
        now = self._clock()
        with self._lock:
            tokens, since = self._buckets.get(key, (float(burst), now))
            tokens = min(float(burst), tokens + (now - since) * per_second)
            if tokens >= 1:
                self._buckets[key] = (tokens - 1, now)
                return 0
            self._buckets[key] = (tokens, now)
            return max(1, int((1 - tokens) / per_second + 0.999))
