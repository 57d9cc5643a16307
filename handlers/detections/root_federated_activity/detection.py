"""Somebody changed something in a federated session that root had made."""

from __future__ import annotations

from handlers.alerting.actor import ActorKind
from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase, short
from handlers.detections import root
from handlers.detections.words import lowered, request_exhibit, sentence


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.actor.kind is not ActorKind.ROOT_FEDERATED:
        return Pass(reason="it is not a federated session that root made")
    if event.is_read:
        return Pass(reason="it changes nothing")
    call = {"call": short(event.name), "service": short(event.service), "region": short(event.region)}
    return Concern(
        summary=sentence(
            event,
            phrase("called {call} of {service} in {region}", **call),
            phrase("call {call} of {service} in {region}", **call),
            phrase("the session has what root gave it"),
        ),
        subject=root.subject(event),
        severity=Severity.HIGH if event.succeeded else lowered(Severity.HIGH),
        group=root.GROUP,
        exhibits=request_exhibit(event),
    )


ROOT_FEDERATED_ACTIVITY = Detection(
    id="root-federated-activity",
    title="A federated session of root changed something",
    why="It acts with root's rights under a name that root chose, which filters for root do not see.",
    severity=Severity.HIGH,
    pattern={
        "source": [{"prefix": "aws."}],
        "detail": {
            "userIdentity": {"type": ["FederatedUser"], "sessionContext": {"sessionIssuer": {"type": ["Root"]}}}
        },
    },
    assess=assess,
    respond=(
        "Find out who made the session, and for what: root's GetFederationToken before it",
        "Read every call of the session",
        "If it is not planned: change the root password, and deny sessions older than now",
    ),
    regions=Regions.EVERY,
    cis=("4.3 (v1.4-v5)", "5.3 (v6-v7)"),
    attack=("T1550.001", "T1078.004"),
    suppressible=False,
)
