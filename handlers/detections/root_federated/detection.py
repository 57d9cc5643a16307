"""Root asked for credentials that outlive its session."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.calls import SIGN_IN, is_call
from handlers.detections.words import facts, lowered, sentence

_OF_STS = {
    "GetFederationToken": phrase("a federated session"),
    "GetSessionToken": phrase("temporary credentials"),
}
_OF_SIGN_IN = {"GetSigninToken": phrase("a sign-in link to the console")}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if is_call(event, "sts", _OF_STS):
        what = _OF_STS[event.name]
    elif is_call(event, "signin", _OF_SIGN_IN):
        what = _OF_SIGN_IN[event.name]
    else:
        return Pass(reason="it is another call")
    if not root.is_root_session(event):
        return Pass(reason="it is not root who asked")
    name = event.text("requestParameters", "name")
    if name:
        what = phrase("{what} called {name}", what=what, name=short(name))
    return Concern(
        summary=sentence(
            event,
            phrase("made {what} from its own rights", what=what),
            phrase("make {what} from its own rights", what=what),
            phrase("this keeps working after root has signed out"),
        ),
        subject=root.subject(event),
        severity=Severity.HIGH if event.succeeded else lowered(Severity.HIGH, 2),
        group=root.GROUP,
        joins=root.session_of(event),
        facts=facts(
            ("Name given", name),
            ("Valid for (seconds)", event.text("requestParameters", "durationSeconds")),
            ("Access key made", event.text("responseElements", "credentials", "accessKeyId")),
            ("Until", event.text("responseElements", "credentials", "expiration")),
        ),
    )


ROOT_FEDERATED = Detection(
    id="root-federated",
    title="Root made credentials for later",
    why="A token or link made by root hides who acts behind another name, and outlives the session that made it.",
    severity=Severity.HIGH,
    pattern={
        "source": ["aws.sts", "aws.signin"],
        "detail-type": list(SIGN_IN),
        "detail": {
            "eventSource": ["sts.amazonaws.com", "signin.amazonaws.com"],
            "eventName": sorted([*_OF_STS, *_OF_SIGN_IN]),
            "userIdentity": {"type": ["Root"]},
        },
    },
    assess=assess,
    respond=(
        "Ask whoever keeps the root credentials what the token was for",
        "Read what was done with the access key that it made",
        "If nobody claims it: change the root password, which ends sessions that root made",
    ),
    begins_session=True,
    regions=Regions.EVERY,
    sees_read_events=True,  # GetSessionToken is recorded as a read
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1550.001", "T1078.004"),
    suppressible=False,
)
