"""What a terminal is told: colour, width and progress only where a person is looking."""

from __future__ import annotations

import os
import shutil
import sys
import textwrap
import time
import unicodedata
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TextIO

from handlers.alerting.severity import Severity

_SEVERITY = {
    Severity.INFO: "2",
    Severity.LOW: "34",
    Severity.MEDIUM: "33",
    Severity.HIGH: "31",
    Severity.CRITICAL: "1;97;41",
}
_PROGRESS_EVERY = 0.1  # seconds
_NARROWEST, _WIDEST = 40, 120


def is_watched(stream: TextIO) -> bool:
    """Whether a person sees this stream as it is written."""
    return stream.isatty() and os.environ.get("TERM") != "dumb"


@dataclass(frozen=True, kw_only=True)
class Paint:
    """Colour for a stream, or none where it is piped, or where NO_COLOR (no-color.org) is set."""

    enabled: bool

    @classmethod
    def of(cls, stream: TextIO) -> Paint:
        return cls(enabled=is_watched(stream) and not os.environ.get("NO_COLOR"))

    def bold(self, text: str) -> str:
        return self._in("1", text)

    def dim(self, text: str) -> str:
        return self._in("2", text)

    def bad(self, text: str) -> str:
        return self._in("31", text)

    def good(self, text: str) -> str:
        return self._in("32", text)

    def severity(self, severity: Severity, text: str) -> str:
        return self._in(_SEVERITY[severity], text)

    def _in(self, code: str, text: str) -> str:
        return f"\x1b[{code}m{text}\x1b[0m" if self.enabled and text else text


def width_of(stream: TextIO) -> int | None:
    """Columns to wrap text in; None where nobody looks, so that a line stays one line for grep."""
    if not is_watched(stream):
        return None
    return max(_NARROWEST, min(_WIDEST, shutil.get_terminal_size().columns - 1))


def wrapped(text: str, *, first: str, rest: str, width: int | None) -> str:
    """The text after `first`, its further lines after `rest`, within `width` columns."""
    if width is None:
        return first + text
    lines = textwrap.wrap(
        text, max(width, len(first) + 20), initial_indent=first, subsequent_indent=rest, break_on_hyphens=False
    )
    return "\n".join(lines) or first.rstrip()


def columns(text: str) -> int:
    """How many columns a terminal gives this text: East Asian wide characters take two."""
    return sum(
        0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1
        for letter in text
    )


def padded(text: str, width: int) -> str:
    return text + " " * (width - columns(text))


def table(rows: Sequence[Sequence[str]]) -> Iterator[str]:
    """Rows as aligned lines, two blanks between columns, nothing after the last."""
    widths = [max(columns(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        yield "  ".join(padded(cell, width) for cell, width in zip(row, widths, strict=True)).rstrip()


def counted(count: int, one: str, many: str = "") -> str:
    """ "1 alert", "2,900 events"."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def complain(text: str) -> None:
    """One line or more on stderr, safe to show: what is not printable ASCII or text of ours was made so before."""
    print(text, file=sys.stderr, flush=True)


class Progress:
    """A line on stderr that says how far we are; silent where nobody looks."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        self._watched = is_watched(stream)
        self._shown = 0
        self._next = 0.0

    def show(self, text: str) -> None:
        """Replace the line, at most ten times a second."""
        now = time.monotonic()
        if not self._watched or now < self._next:
            return
        self._next = now + _PROGRESS_EVERY
        line = text[: max(20, shutil.get_terminal_size().columns - 1)]
        self._stream.write("\r" + line + " " * max(0, self._shown - len(line)))
        self._stream.flush()
        self._shown = len(line)

    def clear(self) -> None:
        """Take the line away, before something else is written."""
        if self._shown:
            self._stream.write("\r" + " " * self._shown + "\r")
            self._stream.flush()
            self._shown = 0


@contextmanager
def progress() -> Iterator[Progress]:
    """Progress on stderr, taken away at the end whatever happens."""
    line = Progress(sys.stderr)
    try:
        yield line
    finally:
        line.clear()
