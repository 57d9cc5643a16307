"""An access analyzer was deleted, or its findings made to disappear."""

from __future__ import annotations

from handlers.alerting.detection import Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.blinding import Blow, struck
from handlers.detections.calls import api_calls

_BLOWS = {
    "DeleteAnalyzer": Blow(
        did=phrase("deleted"),
        tried=phrase("delete"),
        effect=phrase("access from outside is found no longer, and its findings are gone"),
        severity=Severity.HIGH,
    ),
    "CreateArchiveRule": Blow(
        did=phrase("wrote an archive rule into"),
        tried=phrase("write an archive rule into"),
        effect=phrase("findings that match it are archived unseen"),
        severity=Severity.MEDIUM,
    ),
    "UpdateArchiveRule": Blow(
        did=phrase("changed an archive rule of"),
        tried=phrase("change an archive rule of"),
        effect=phrase("findings that match it are archived unseen"),
        severity=Severity.MEDIUM,
    ),
    "ApplyArchiveRule": Blow(
        did=phrase("applied an archive rule to"),
        tried=phrase("apply an archive rule to"),
        effect=phrase("findings that match it are archived"),
        severity=Severity.MEDIUM,
    ),
    "UpdateFindings": Blow(
        did=phrase("archived findings of"),
        tried=phrase("archive findings of"),
        effect=phrase("nobody is shown them any more, and the access is still there"),
        severity=Severity.MEDIUM,
    ),
    "UpdateAnalyzer": Blow(
        did=phrase("changed"),
        tried=phrase("change"),
        effect=phrase("what it looks at may be less than before"),
        severity=Severity.LOW,
    ),
}


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    if event.name == "UpdateFindings" and event.succeeded and event.text("requestParameters", "status") == "ACTIVE":
        return Pass(reason="the findings are shown again")
    name = event.text("requestParameters", "analyzerName") or event.text("requestParameters", "analyzerArn")
    return struck(event, "access-analyzer", _BLOWS, what="analyzer", name=name)


ANALYZER_CHANGED = Detection(
    id="analyzer-changed",
    title="An access analyzer was deleted or silenced",
    why="The analyzer tells who outside has access: an archive rule hides a door without closing it.",
    severity=Severity.MEDIUM,
    pattern=api_calls("access-analyzer", _BLOWS),
    assess=assess,
    respond=(
        "Make the analyzer again, or delete the archive rule",
        "Read which findings were archived or lost",
        "If nobody can explain it: cut off the session's credentials",
    ),
    regions=Regions.EVERY,
    attack=("T1562.001",),
    suppressible=False,
)
