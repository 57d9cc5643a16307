"""What can go wrong, by the one question that matters to a queue: can a retry help?

RootwatchError
├── UnreadableEventError     no: the text is not an event; it is announced as such and kept
├── UnknownOperatorError     no: a pattern says something we cannot evaluate; found by tests, never at run time
└── UnavailableError         yes: try again later
    └── RetryLaterError      yes: not before the seconds the other side named
"""

from __future__ import annotations


class RootwatchError(Exception):
    """The root of our own errors."""


class UnreadableEventError(RootwatchError):
    """The text is not an event; `reason` says why in one line."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownOperatorError(RootwatchError):
    """A pattern uses something of EventBridge's language that we do not evaluate."""


class UnavailableError(RootwatchError):
    """Somebody we talk to did not answer, or failed; a retry can help."""


class RetryLaterError(UnavailableError):
    """The other side asks for patience: `seconds` to wait before the next attempt."""

    def __init__(self, message: str, *, seconds: float) -> None:
        super().__init__(message)
        self.seconds = seconds
