"""An administrator signed in to the console as an IAM user."""

from __future__ import annotations

from handlers.alerting.actor import Mfa
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.nouns import noun
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.alerting.window_entry import user_entry
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, is_call, sign_ins
from handlers.detections.grants import Target, judged_principal
from handlers.detections.once import once_an_event
from handlers.detections.words import facts, sentence

_NAMES = ("ConsoleLogin",)
_SEVERITY = {Mfa.NO: Severity.MEDIUM, Mfa.YES: Severity.INFO, Mfa.UNKNOWN: Severity.INFO}
_DID = {
    Mfa.NO: phrase("signed in to the console without a second factor"),
    Mfa.YES: phrase("signed in to the console with a second factor"),
    Mfa.UNKNOWN: phrase("signed in to the console"),
}


@once_an_event
def assess(event: Event, lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "signin", _NAMES):
        return OTHER_CALL
    if event.text("userIdentity", "type") != "IAMUser":
        return Pass(reason="roles and Identity Center are admin-session-started's, root is root-console-login's")
    if root.sign_in_result(event) == "Failure":
        return Pass(reason="the sign-in failed")
    user = Target(kind="user", name=event.text("userIdentity", "userName"))
    rights = judged_principal(event, lookups, user)
    if rights.is_harmless:
        return Pass(reason=f"the user is no administrator: {rights.reason}")
    mfa = event.actor.mfa
    return Concern(
        summary=sentence(event, _DID[mfa], "", rights.held_by(user.again)),
        subject=user.words,
        severity=_SEVERITY[mfa],
        group=f"admin-session:{short(user.name)}",
        facts=facts(
            ("Second factor", noun(mfa)),
            ("Signed in to", event.text("additionalEventData", "LoginTo")),
            ("What the user may do", rights.reason),
        ),
    )


ADMIN_CONSOLE_LOGIN = Detection(
    id="admin-console-login",
    title="An administrator signed in to the console",
    why="Who was administrator when is the first question after an incident; without MFA a password was enough.",
    severity=Severity.INFO,
    pattern=sign_ins(_NAMES, identity="IAMUser"),
    assess=assess,
    respond=(
        "Compare the sign-in with the person's work plan, address and time of day",
        "Read what the person has changed since signing in",
        "If it is not the person's: reset the password and end the sessions",
    ),
    begins_session=True,
    regions=Regions.EVERY,  # an IAM user's sign-in is recorded where the person's browser was sent
    cis=("4.2 (v1.4-v5)", "5.2 (v6-v7)"),
    attack=("T1078.004",),
    windowed=user_entry,
)
