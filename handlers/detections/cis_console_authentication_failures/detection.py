"""Sign-ins to the console fail, again and again."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, is_call, sign_ins
from handlers.detections.words import facts

_NAMES = ("ConsoleLogin",)
_THRESHOLD = 5


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "signin", _NAMES):
        return OTHER_CALL
    if root.sign_in_result(event) != "Failure":
        return Pass(reason="the sign-in did not fail")
    if root.is_root_session(event):
        return Pass(reason="it is root's: root-login-failed counts those")
    return Concern(
        summary=phrase(
            "A sign-in to the console as {who} from {address} failed.",
            who=short(event.actor.name),
            address=short(event.source_ip),
        ),
        subject=phrase("account {id}", id=short(event.account)),
        severity=Severity.MEDIUM,
        # One for the account: guessing tries one name from many addresses, spraying many names from one.
        group="console-sign-in-failed",
        facts=facts(
            ("Reason given", event.text("errorMessage")),
            ("Second factor", noun(event.actor.mfa)),
        ),
    )


CIS_CONSOLE_AUTHENTICATION_FAILURES = Detection(
    id="cis-console-authentication-failures",
    title="Repeated failed sign-ins to the console",
    why="One failure is a typing error; five in an hour are somebody guessing a password, or trying a stolen one.",
    severity=Severity.MEDIUM,
    pattern=sign_ins(_NAMES),
    assess=assess,
    respond=(
        "Compare the addresses and names with those of your people",
        "Look for a sign-in that succeeded after the failures",
        "If they are not yours: reset the users' passwords and require a second factor",
    ),
    regions=Regions.EVERY,  # an IAM user's sign-in is recorded where the person's browser was sent
    threshold=_THRESHOLD,
    cis=("4.6 (v1.4-v5)", "5.6 (v6-v7)"),
    attack=("T1110", "T1110.003"),
    pack="cis",
)
