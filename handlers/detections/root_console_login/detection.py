"""Root signed in to the console."""

from __future__ import annotations

from handlers.alerting.actor import Mfa
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.alerting.window_entry import root_entry
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, is_call, sign_ins
from handlers.detections.words import facts

_NAMES = ("ConsoleLogin",)
_MFA = {
    Mfa.YES: (Severity.HIGH, phrase("with a second factor")),
    Mfa.NO: (Severity.CRITICAL, phrase("without a second factor")),
    Mfa.UNKNOWN: (Severity.CRITICAL, phrase("(CloudTrail does not say whether with a second factor)")),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "signin", _NAMES):
        return OTHER_CALL
    if not root.is_root_session(event):
        return Pass(reason="it is not root who signed in")
    result = root.sign_in_result(event)
    if result == "Failure":
        return Pass(reason="the sign-in failed: root-login-failed counts those")
    severity, how = _MFA[event.actor.mfa]
    did = phrase("signed in") if result == "Success" else phrase("signed in, or tried to (the record holds no result),")
    return Concern(
        summary=phrase(
            "Root {did} to the console of account {account} {how}: it can now do anything here.",
            did=did,
            account=short(event.account),
            how=how,
        ),
        subject=root.subject(event),
        severity=severity,
        group=root.GROUP,
        facts=facts(
            ("MFA device", event.text("additionalEventData", "MFAIdentifier")),
            ("Signed in to", event.text("additionalEventData", "LoginTo")),
        ),
    )


ROOT_CONSOLE_LOGIN = Detection(
    id="root-console-login",
    title="Root signed in to the console",
    why="No policy limits root: it can close the account, read everything and erase the traces.",
    severity=Severity.CRITICAL,
    pattern=sign_ins(_NAMES, identity="Root"),
    assess=assess,
    respond=(
        "Ask whoever keeps the root credentials whether this sign-in is theirs",
        "Read what root has done since this sign-in",
        "If nobody claims it: reset the root password, end its sessions, call AWS Support",
    ),
    begins_session=True,
    regions=Regions.GLOBAL,
    cis=("4.2 (v1.4-v5)", "5.2 (v6-v7)", "4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1078.004",),
    suppressible=False,
    windowed=root_entry,
)
