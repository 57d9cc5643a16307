"""Root got an access key, or one of its keys was switched on."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections import root
from handlers.detections.calls import OTHER_CALL, api_calls, is_call
from handlers.detections.words import facts, lowered, sentence

_NAMES = {
    "CreateAccessKey": (phrase("created an access key for root"), phrase("create an access key for root")),
    "UpdateAccessKey": (phrase("switched an access key of root on"), phrase("switch an access key of root on")),
}
_EFFECT = phrase("whoever holds it can do anything here, from anywhere, with no second factor")


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if not is_call(event, "iam", _NAMES):
        return OTHER_CALL
    if not root.targets_root(event):
        return Pass(reason="it is not root's own key")
    if event.actor.is_aws:
        return Pass(reason="AWS acted, not a person")
    if root.is_switched_off(event):
        return Pass(reason="the key is switched off: root-credentials-changed says so")
    return Concern(
        summary=sentence(event, *_NAMES[event.name], _EFFECT),
        subject=root.subject(event),
        severity=Severity.CRITICAL if event.succeeded else lowered(Severity.CRITICAL, 2),
        group=root.GROUP,
        joins=root.session_of(event),
        facts=facts(
            ("New access key", event.text("responseElements", "accessKey", "accessKeyId")),
            ("Access key", event.text("requestParameters", "accessKeyId")),
        ),
    )


ROOT_ACCESS_KEY_CREATED = Detection(
    id="root-access-key-created",
    title="Root got an access key",
    why="No task needs one; it never expires, no policy limits it, and it works without the second factor.",
    severity=Severity.CRITICAL,
    pattern=api_calls("iam", _NAMES),
    assess=assess,
    respond=(
        "Ask whoever keeps the root credentials whether the key is theirs",
        "Read what has been done with the key, in every region",
        "Delete the key, whoever made it; if nobody did, rotate all of root's credentials",
    ),
    regions=Regions.GLOBAL,
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1098.001",),
    suppressible=False,
)
