"""Which records a detection wants: the cloud's filter and the first question of every `assess`, from the same names."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from handlers.alerting.detection import Pass
from handlers.alerting.event import Event

API_CALL = "AWS API Call via CloudTrail"

_SUFFIX = ".amazonaws.com"  # in every partition

# AWS writes the first in what it sends, the second in the EventBridge guide, the third in its sign-in reference page.
SIGN_IN = ("AWS Console Sign In via CloudTrail", "AWS Console Signin via CloudTrail", API_CALL)

OTHER_CALL = Pass(reason="it is another call")


def api_calls(service: str, names: Collection[str]) -> dict[str, Any]:
    """The pattern of these calls of one service, e.g. "iam". `source` cannot be forged: AWS keeps "aws." to itself."""
    return {
        "source": [f"aws.{service}"],
        "detail-type": [API_CALL],
        "detail": {"eventSource": [f"{service}.amazonaws.com"], "eventName": sorted(names)},
    }


def sign_ins(names: Collection[str], *, identity: str = "") -> dict[str, Any]:
    """The pattern of these sign-in records, of one type of identity ("Root") where that is named."""
    detail: dict[str, Any] = {"eventSource": ["signin.amazonaws.com"], "eventName": sorted(names)}
    if identity:
        detail["userIdentity"] = {"type": [identity]}
    return {"source": ["aws.signin"], "detail-type": list(SIGN_IN), "detail": detail}


def service_of(event: Event) -> str:
    """The service that recorded it, e.g. "iam"; "" where the record does not name one of AWS's."""
    source = event.text("eventSource")
    return source.removesuffix(_SUFFIX) if source.endswith(_SUFFIX) else ""


def is_call(event: Event, service: str, names: Collection[str]) -> bool:
    """Whether the record is one of these calls of this service; a custom event that says so is not asked here."""
    return service_of(event) == service and event.text("eventName") in names
