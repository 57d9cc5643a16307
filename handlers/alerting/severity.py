"""How bad: the five words people see, in order."""

from __future__ import annotations

from enum import IntEnum


class Severity(IntEnum):
    """Numbered so that the worse is the greater; the name is what people read."""

    INFO = 1
    LOW = 2
    MEDIUM = 3
    HIGH = 4
    CRITICAL = 5
