"""AWS itself found a sign-in unusual."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Exhibit, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections.calls import OTHER_CALL
from handlers.detections.words import facts, pretty

_KIND = "Sign-in Anomaly Alert"  # sent directly, and durably; its content is not documented
_SHOWN = 12


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.envelope.get("detail-type") != _KIND:
        return OTHER_CALL
    content = pretty(event.detail)
    is_root = ":root" in content or '"Root"' in content
    account = short(event.account)
    told = [(short(str(key), 60), str(value)) for key, value in event.detail.items() if isinstance(value, (str, int))]
    return Concern(
        summary=(
            phrase(
                "AWS finds a sign-in to account {account} unusual, and it is root: what it knows is below.",
                account=account,
            )
            if is_root
            else phrase("AWS finds a sign-in to account {account} unusual: what it knows is below.", account=account)
        ),
        subject=phrase("account {account}", account=account),
        severity=Severity.CRITICAL if is_root else Severity.HIGH,
        group="root" if is_root else "sign-in-anomaly",
        facts=facts(*told[:_SHOWN]),
        exhibits=(Exhibit(title="What AWS sent", text=content),),
    )


SIGN_IN_ANOMALY = Detection(
    id="sign-in-anomaly",
    title="AWS reports an unusual sign-in",
    why="AWS sees where its customers sign in from, all over the world; it seldom says so.",
    severity=Severity.HIGH,
    pattern={"source": ["aws.signin"], "detail-type": [_KIND]},
    assess=assess,
    respond=(
        "Ask the person whose sign-in it is, over another channel",
        "Compare the sign-in with the person's others: address, time, second factor",
        "If it was not them: end their sessions and change their credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1078.004",),
    suppressible=False,
)
