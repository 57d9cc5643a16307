"""An IAM user who is no administrator signed in to the console with a password alone."""

from __future__ import annotations

from handlers.alerting.actor import ActorKind, Mfa
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.admin_console_login.detection import ADMIN_CONSOLE_LOGIN
from handlers.detections.calls import OTHER_CALL, is_call, sign_ins
from handlers.detections.words import facts, sentence

_NAMES = ("ConsoleLogin",)


def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "signin", _NAMES):
        return OTHER_CALL
    if event.actor.kind is not ActorKind.IAM_USER:
        return Pass(reason="an identity provider's second factor is not in the record, and root has its own detections")
    if root.sign_in_result(event) == "Failure":
        return Pass(reason="the sign-in failed: cis-console-authentication-failures counts those")
    if event.actor.mfa is Mfa.YES:
        return Pass(reason="a second factor was used")
    if isinstance(ADMIN_CONSOLE_LOGIN.assess(event, lookups), Concern):
        return Pass(reason="the user is or may be an administrator: admin-console-login announces it")
    is_known = event.actor.mfa is Mfa.NO
    name = event.text("userIdentity", "userName")
    return Concern(
        summary=sentence(
            event,
            phrase("signed in to the console without a second factor")
            if is_known
            else phrase("signed in to the console"),
            "",
            phrase("a password is all that it took")
            if is_known
            else phrase("CloudTrail does not say whether with a second factor"),
        ),
        subject=phrase("{kind} {name}", kind=noun("user"), name=short(name) or noun("unknown")),
        severity=Severity.LOW if is_known else Severity.INFO,
        group=f"console-sign-in:{short(name) or 'unknown'}",
        facts=facts(
            ("Second factor", noun(event.actor.mfa)),
            ("Signed in to", event.text("additionalEventData", "LoginTo")),
        ),
    )


CIS_CONSOLE_LOGIN_WITHOUT_MFA = Detection(
    id="cis-console-login-without-mfa",
    title="A user signed in to the console without MFA",
    why="A password is guessed, bought or phished; without a second factor that is all an intruder needs.",
    severity=Severity.LOW,
    pattern=sign_ins(_NAMES, identity="IAMUser"),
    assess=assess,
    respond=(
        "Ask the user whether the sign-in is theirs",
        "Look at what the user may do, and what they have done since",
        "Have the user register a second factor, or take the console password away",
    ),
    regions=Regions.EVERY,  # an IAM user's sign-in is recorded where the person's browser was sent
    cis=("4.2 (v1.4-v5)", "5.2 (v6-v7)"),
    attack=("T1078.004",),
    pack="cis",
)
