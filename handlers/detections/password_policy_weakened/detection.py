"""The account's password policy asks for less than CIS does, or is gone."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.words import lowered, request_exhibit, sentence

_NAMES = ("UpdateAccountPasswordPolicy", "DeleteAccountPasswordPolicy")
_MINIMUM_LENGTH = 14  # CIS AWS Foundations, "password policy requires minimum length of 14"
_REMEMBERED = 24  # "password policy prevents password reuse"


def _weaknesses(event: Event) -> str:
    """What is left out of UpdateAccountPasswordPolicy falls back to the default: length 6, nothing remembered."""
    length = _number(event, "minimumPasswordLength", default=6)
    remembered = _number(event, "passwordReusePrevention", default=0)
    short = phrase("{count} characters are enough", count=str(length)) if length < _MINIMUM_LENGTH else ""
    if remembered >= _REMEMBERED:
        return short
    again = (
        phrase("{count} earlier passwords are remembered", count=str(remembered))
        if remembered
        else phrase("no earlier passwords are remembered")
    )
    return phrase("{short} and {again}", short=short, again=again) if short else again


def _number(event: Event, key: str, *, default: int) -> int:
    text = event.text("requestParameters", key)
    return int(text) if text.isascii() and text.isdecimal() and len(text) < 6 else default


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if event.name == "DeleteAccountPasswordPolicy":
        did, tried = phrase("deleted the password policy"), phrase("delete the password policy")
        effect: str = phrase("8 characters are enough now")
    else:
        is_recorded = bool(event.request) and not event.request_omitted
        effect = _weaknesses(event) if is_recorded else phrase("what it says is not recorded")
        if not effect:
            return Pass(reason="it asks for as much as CIS does")
        did, tried = phrase("set a weak password policy"), phrase("set another password policy")
    return Concern(
        summary=sentence(event, did, tried, effect),
        subject=phrase("password policy"),
        severity=Severity.MEDIUM if event.succeeded else lowered(Severity.MEDIUM),
        group="password-policy",
        exhibits=request_exhibit(event),
    )


PASSWORD_POLICY_WEAKENED = Detection(
    id="password-policy-weakened",
    title="The password policy is weak",
    why="Passwords of console users may be short, or used again: what is guessed elsewhere opens this account.",
    severity=Severity.MEDIUM,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask whoever changed it why, and for the ticket",
        "List the users with console passwords, and when they changed them",
        "Put the policy back: 14 characters, 24 remembered",
    ),
    regions=Regions.GLOBAL,
    attack=("T1556",),
)
