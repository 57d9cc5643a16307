"""Root's password, MFA, keys, e-mail or recovery contacts changed."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.detections import root
from handlers.detections.calls import SIGN_IN
from handlers.detections.words import facts, lowered, sentence

_SERVICES = sorted({service for service, _ in root.OF_THE_ACCOUNT} | {"iam"})


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    change = root.credential_change(event)
    if change is None:
        return Pass(reason="it is not about root's credentials")
    if event.actor.is_aws:
        return Pass(reason="AWS acted, not a person")
    return Concern(
        summary=sentence(event, change.did, change.tried, change.effect),
        subject=root.subject(event),
        severity=change.severity if event.succeeded else lowered(change.severity, 2),
        group=root.GROUP,
        joins=root.session_of(event),
        facts=facts(
            ("MFA device", event.text("requestParameters", "serialNumber")),
            ("Access key", event.text("requestParameters", "accessKeyId")),
            ("New state", event.text("requestParameters", "status")),
            ("Contact", event.text("requestParameters", "alternateContactType")),
        ),
    )


ROOT_CREDENTIALS_CHANGED = Detection(
    id="root-credentials-changed",
    title="Root's credentials or recovery changed",
    why="Whoever sets root's password, MFA, key or e-mail owns the account from then on, and may lock you out of it.",
    severity=Severity.CRITICAL,
    pattern={
        "source": [f"aws.{service}" for service in _SERVICES],
        "detail-type": list(SIGN_IN),
        "detail": {
            "eventSource": [f"{service}.amazonaws.com" for service in _SERVICES],
            "eventName": sorted({name for _, name in root.OF_THE_ACCOUNT} | set(root.OF_IAM)),
        },
    },
    assess=assess,
    respond=(
        "Ask whoever keeps the root credentials whether this change is theirs",
        "Check root's mailbox, MFA devices and access keys as they are now",
        "If nobody claims it: recover root through its mailbox and call AWS Support at once",
    ),
    regions=Regions.GLOBAL,
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1098.001", "T1556.006"),
    suppressible=False,
)
