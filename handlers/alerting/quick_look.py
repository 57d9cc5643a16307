"""A quick look at a record: whether any detection may want it, from the few fields that nearly always decide.

Derived from the detections' own patterns, never a second list: of each pattern we keep the conditions on the fields
that a reader can pick out of a record cheaply, and leave the others out. Less is asked than the pattern asks, so what
the quick look lets go, no pattern matches; what it keeps may still turn out to be nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass
from enum import IntEnum
from typing import Any

from handlers.alerting.detection import Detection
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.pattern import Matcher, compile_pattern

_Tree = Mapping[str, Any]  # which fields are known: True for a whole field, or the fields inside it

# What a reader knows of every record, as paths in a CloudTrail record. Source and detail-type follow from them.
GLANCE: tuple[tuple[str, ...], ...] = (
    ("eventName",),
    ("eventSource",),
    ("eventType",),
    ("errorCode",),
    ("userIdentity", "type"),
)
# What it can look up where those did not decide.
CLOSER: tuple[tuple[str, ...], ...] = (("requestParameters",), ("userIdentity", "sessionContext"))


class Interest(IntEnum):
    """What a look says of a record."""

    NONE = 0  # no pattern matches it
    OPEN = 1  # it depends on the fields of CLOSER
    LIKELY = 2  # some pattern may match it: read it whole


@dataclass(frozen=True, kw_only=True)
class _Pattern:
    """What of a pattern can be asked; None where nothing of it can."""

    glance: Matcher | None
    closer: Matcher | None


class QuickLook:
    """The question of several patterns at once."""

    def __init__(self, patterns: Iterable[Mapping[str, Any]]) -> None:
        """Raises UnknownOperatorError for a pattern we cannot evaluate."""
        self._patterns: list[_Pattern] = []
        # For a reader to keep what it made of an answer: a record with the same fields gets the same one.
        self.answers: dict[Hashable, Any] = {}
        for pattern in patterns:
            compile_pattern(pattern)
            glance = _kept(pattern, {"source": True, "detail-type": True, "detail": _tree(GLANCE)})
            closer = _kept(pattern, {"detail": _tree(CLOSER)})
            self._patterns.append(
                _Pattern(
                    glance=compile_pattern(glance) if glance else None,
                    closer=compile_pattern(closer) if closer else None,
                )
            )

    @classmethod
    def of(cls, detections: Iterable[Detection]) -> QuickLook:
        """What these detections may want."""
        return cls(detection.pattern for detection in detections)

    def glance(self, record: Mapping[str, Any]) -> Interest:
        """What the fields of GLANCE say; `record` needs no others, and may lack what the whole record lacks."""
        left = self._left(record)
        if left is None or any(pattern.closer is None for pattern in left):
            return Interest.LIKELY
        return Interest.OPEN if left else Interest.NONE

    def question(self, record: Mapping[str, Any]) -> Matcher:
        """For a record of which `glance` says OPEN: whether {"detail": {the fields of CLOSER}} leaves it so.

        The answer holds for every record that has the same fields of GLANCE.
        """
        asked = [pattern.closer for pattern in self._left(record) or () if pattern.closer is not None]
        return asked[0] if len(asked) == 1 else lambda envelope: any(matches(envelope) for matches in asked)

    def closer(self, record: Mapping[str, Any]) -> bool:
        """Whether some pattern may match, by the fields of GLANCE and of CLOSER; the whole record will do."""
        left = self._left(record)
        if left is None:
            return True
        envelope = {"detail": record}
        return any(pattern.closer is None or pattern.closer(envelope) for pattern in left)

    def _left(self, record: Mapping[str, Any]) -> list[_Pattern] | None:
        """The patterns that the fields of GLANCE leave possible; None for what no pattern can be held against."""
        envelope = _envelope(record)
        if envelope is None:
            return None
        return [pattern for pattern in self._patterns if pattern.glance is None or pattern.glance(envelope)]


def _envelope(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """As the pipeline wraps it; None for what the pipeline does not take for a record: whoever reads it says why."""
    if "detail-type" in record:
        return None  # an EventBridge event among records: its fields are elsewhere
    try:
        return Event.parse(record).envelope
    except UnreadableEventError:
        return None


def _tree(paths: Iterable[tuple[str, ...]]) -> _Tree:
    tree: dict[str, Any] = {}
    for *parents, leaf in paths:
        inner = tree
        for step in parents:
            inner = inner.setdefault(step, {})
        inner[leaf] = True
    return tree


def _kept(pattern: Mapping[str, Any], known: _Tree) -> dict[str, Any]:
    """The pattern without its conditions on fields that are not known; {} where none is left."""
    kept: dict[str, Any] = {}
    for key, value in pattern.items():
        if key == "$or":
            branches = [_kept(branch, known) for branch in value]
            if all(branches):  # a branch of which nothing is left may be true of anything
                kept[key] = branches
        elif known.get(key) is True:
            kept[key] = value
        elif isinstance(value, Mapping) and (inner := _kept(value, known.get(key, {}))):
            kept[key] = inner
    return kept
