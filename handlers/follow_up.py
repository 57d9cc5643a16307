"""What alarms ask for, when they go off: reminders, and whatever else is to happen at a time of its own."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from aws_lambda_powertools import Logger

from handlers import wiring
from handlers.alerting.errors import RetryLaterError, RootwatchError, UnavailableError

logger = Logger(service="follow_up", utc=True)

# Lambda tries a call twice again within minutes, and then gives up: Slack may be away for longer than that. So what is
# not done yet comes back by an alarm of its own, for a day.
ATTEMPT = "attempt"  # in the work: how often it came back
MOST_ATTEMPTS = 100  # of 15 minutes each: a day
_FIRST_WAIT, _LONGEST_WAIT = 60.0, 900.0  # seconds


class UnknownWorkError(RootwatchError):
    """An alarm asks for something this version does not know."""


def handler(event: dict[str, Any], _context: Any) -> dict[str, str]:
    """Called by EventBridge Scheduler with {"kind": ..., ...}; returns what was done.

    Raises:
        UnknownWorkError, UnavailableError: Lambda tries again, and the dead letters keep it.
    """
    return {"done": follow_up(event, parts=wiring.follow_ups())}


def follow_up(event: Mapping[str, Any], *, parts: wiring.FollowUps) -> str:
    """Do one piece of work; what cannot be done yet comes back.

    Raises:
        UnknownWorkError: it is of no kind that we know, or lacks something.
        UnavailableError: it could not be done for a day, or no alarm could be set to try again.
    """
    work = {str(key): str(value) for key, value in event.items()}
    kind = work.get("kind", "")
    do = parts.kinds.get(kind)
    if do is None:
        raise UnknownWorkError(
            f"an alarm asks for {kind[:40]!r}, and this version does {', '.join(sorted(parts.kinds))}: it was set by "
            "another version, or by somebody else; deploy again, and read the dead letters"
        )
    try:
        done = do(work)
    except (KeyError, ValueError) as error:
        raise UnknownWorkError(f"an alarm of the kind {kind} lacks what it needs ({type(error).__name__})") from error
    except UnavailableError as error:
        return _again(work, error, parts)
    logger.info("followed up", extra={"kind": kind, "done": done})
    return done


def _again(work: Mapping[str, str], error: UnavailableError, parts: wiring.FollowUps) -> str:
    attempt = int(work.get(ATTEMPT, "0")) + 1
    if attempt > MOST_ATTEMPTS:
        raise error
    asked = error.seconds if isinstance(error, RetryLaterError) else 0.0
    seconds = max(asked, min(_LONGEST_WAIT, _FIRST_WAIT * 2 ** min(attempt - 1, 10)))
    at = parts.clock() + timedelta(seconds=seconds)
    again = {**work, ATTEMPT: str(attempt)}
    name = " ".join(f"{key}={value}" for key, value in sorted(again.items()))
    parts.timer.set(f"again {name}", at, again)
    logger.warning(
        "not done yet", extra={"kind": work["kind"], "problem": str(error), "again_in_seconds": round(seconds)}
    )
    return f"again in {seconds:.0f} s"
