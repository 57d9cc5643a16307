"""Somebody fails to sign in as root, again and again."""

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
    if not root.is_root_session(event):
        return Pass(reason="it is not root's sign-in")
    if root.sign_in_result(event) != "Failure":
        return Pass(reason="the sign-in did not fail: root-console-login announces those")
    return Concern(
        summary=phrase(
            "Somebody at {address} failed to sign in as root of account {account}: "
            "they know its e-mail address, and do not have all of its credentials.",
            address=short(event.source_ip),
            account=short(event.account),
        ),
        subject=root.subject(event),
        severity=Severity.MEDIUM,
        group="root-sign-in-failed",
        facts=facts(("Reason given", event.text("errorMessage")), ("Second factor", noun(event.actor.mfa))),
    )


ROOT_LOGIN_FAILED = Detection(
    id="root-login-failed",
    title="Repeated failed sign-ins as root",
    why="One failure is a typing error; five in an hour are somebody trying passwords or a stolen one without its MFA.",
    severity=Severity.MEDIUM,
    pattern=sign_ins(_NAMES, identity="Root"),
    assess=assess,
    respond=(
        "Compare the address with those of the people who keep the root credentials",
        "Look for a successful root sign-in or a password recovery after the failures",
        "If they are not yours: change the root password and check its MFA devices and mailbox",
    ),
    regions=Regions.GLOBAL,
    threshold=_THRESHOLD,  # anyone who knows the e-mail address can cause one: do not wake people for it
    cis=("4.6 (v1.4-v5)", "5.6 (v6-v7)"),
    attack=("T1110",),
    suppressible=False,
)
