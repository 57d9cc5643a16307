"""Access Analyzer found rights that nobody uses."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from handlers.alerting.detection import A_DAY, Concern, Detection, Pass, Regions
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.alerting.severity import Severity
from handlers.alerting.text import Text, phrase
from handlers.detections.posture import analyzer_concern, direct_events

_KIND = "Unused Access Finding for IAM entities"
_Sentence = Callable[[str], Text]  # about an entity
# While it is so, and when it is no longer.
_SENTENCES: Mapping[str, tuple[_Sentence, _Sentence]] = {
    "UnusedIAMRole": (
        lambda entity: phrase("Nobody has used {entity} within the time that the analyzer looks back.", entity=entity),
        lambda entity: phrase("It is no longer so, or was archived, that nobody has used {entity}.", entity=entity),
    ),
    "UnusedIAMUserAccessKey": (
        lambda entity: phrase(
            "Nobody has used an access key of {entity} within the time that the analyzer looks back.", entity=entity
        ),
        lambda entity: phrase(
            "It is no longer so, or was archived, that nobody has used an access key of {entity}.", entity=entity
        ),
    ),
    "UnusedIAMUserPassword": (
        lambda entity: phrase(
            "Nobody has used the password of {entity} within the time that the analyzer looks back.", entity=entity
        ),
        lambda entity: phrase(
            "It is no longer so, or was archived, that nobody has used the password of {entity}.", entity=entity
        ),
    ),
    "UnusedPermission": (
        lambda entity: phrase(
            "Some rights of {entity} are never used within the time that the analyzer looks back.", entity=entity
        ),
        lambda entity: phrase(
            "It is no longer so, or was archived, that some rights of {entity} are never used.", entity=entity
        ),
    ),
}
_OTHER: tuple[_Sentence, _Sentence] = (
    lambda entity: phrase(
        "Something of {entity} is not used within the time that the analyzer looks back.", entity=entity
    ),
    lambda entity: phrase(
        "It is no longer so, or was archived, that something of {entity} is not used.", entity=entity
    ),
)


def assess(event: Event, _lookups: Lookups) -> Concern | Pass:
    is_so, is_over = _SENTENCES.get(event.text("findingType"), _OTHER)
    return analyzer_concern(
        event,
        _KIND,
        judge=lambda entity: (is_so(entity), Severity.LOW),
        ended=is_over,
        group="unused-access",
        case=event.text("findingId"),
        known=(
            ("Entity", event.text("resource")),
            ("Unused services", event.text("numberOfUnusedServices")),
            ("Unused actions", event.text("numberOfUnusedActions")),
            ("Finding", event.text("findingId")),
        ),
    )


UNUSED_ACCESS_FOUND = Detection(
    id="unused-access-found",
    title="Rights that nobody uses",
    why="A right that nobody needs helps only whoever takes the identity over.",
    severity=Severity.LOW,
    pattern=direct_events("access-analyzer", _KIND),
    assess=assess,
    respond=(
        "Ask the entity's owner whether it is still needed",
        "Look when it was last used, and for what",
        "If it is not needed: take the rights away; delete what nobody used for a year",
    ),
    regions=Regions.EVERY,
    window=A_DAY,  # a first activation finds hundreds at once: one conversation
    attack=("T1078.004",),
)
