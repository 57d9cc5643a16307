"""AWS's own word for what went wrong: never an error's whole text, which may quote what was sent."""

from __future__ import annotations

from handlers.alerting.errors import UnavailableError

_LONGEST = 80  # characters


def word_of(error: Exception) -> str:
    """The service's code, such as "AccessDenied"; the kind of error where it got no answer."""
    response = getattr(error, "response", None)
    code = response.get("Error", {}).get("Code") if isinstance(response, dict) else None
    return str(code)[:_LONGEST] if code else type(error).__name__


def unavailable(what: str, error: Exception) -> UnavailableError:
    """What to raise where `what` ("the alert table did not answer") is all that a caller can do about it."""
    return UnavailableError(f"{what}: {word_of(error)}")
