"""Finding the way in JSON text that a decoder refused: by its spaces and brackets alone."""

from __future__ import annotations

import re

# A byte that is not UTF-8, as decoding with "surrogateescape" leaves it.
BYTE_NOT_UTF8 = re.compile("[\\udc80-\\udcff]")
_SPACE = re.compile(r"[ \t\n\r]*")
_STRUCTURE = re.compile(r'"(?:[^"\\]|\\.)*+"|[\[\]{}]', re.DOTALL)


def after_space(text: str, position: int) -> int:
    """Where the next character stands that is no space."""
    found = _SPACE.match(text, position)
    return found.end() if found else position


def matching_end(text: str, start: int, *, depth: int = 0) -> int | None:
    """Where the object or array that begins at `start` ends, by its brackets alone; None where it does not end.

    With a `depth`, `start` lies so many brackets inside it.
    """
    if depth == 0 and text[start : start + 1] not in ("{", "["):
        return None
    for found in _STRUCTURE.finditer(text, start):
        if found[0] in "{[":
            depth += 1
        elif found[0] in "}]":
            depth -= 1
            if depth == 0:
                return found.end()
    return None
