"""A quick look at a record: whether any detection may want it, from the few fields that nearly always decide.

Derived from the detections' own patterns, never a second list: of each pattern we keep the conditions on the fields
that a reader can pick out of a record cheaply, and leave the others out. Less is asked than the pattern asks, so what
the quick look lets go, no pattern matches; what it keeps may still turn out to be nothing.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping
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
    ("userIdentity", "sessionContext", "sessionIssuer", "type"),
)
# What it can look up where those did not decide.
CLOSER: tuple[tuple[str, ...], ...] = (*GLANCE, ("requestParameters",))


class Interest(IntEnum):
    """What a look says of a record."""

    NONE = 0  # no pattern matches it
    OPEN = 1  # it depends on the request parameters: look closer
    LIKELY = 2  # some pattern may match it: read it whole


class QuickLook:
    """The question of several patterns at once."""

    def __init__(self, patterns: Iterable[Mapping[str, Any]]) -> None:
        """Raises UnknownOperatorError for a pattern we cannot evaluate."""
        self._at_a_glance: list[Matcher] = []  # patterns of which nothing more can be known before the whole record
        self._open: list[tuple[Matcher | None, Matcher]] = []  # those that the request parameters decide further
        self._always = False
        # For a reader to keep what `glance` said: a record with the same fields gets the same answer.
        self.answers: dict[Hashable, int] = {}
        glance, closer = _tree(GLANCE), _tree(CLOSER)
        for pattern in patterns:
            compile_pattern(pattern)
            first, second = _kept(pattern, glance), _kept(pattern, closer)
            if not second:
                self._always = True
            elif first == second:
                self._at_a_glance.append(compile_pattern(first))
            else:
                self._open.append((compile_pattern(first) if first else None, compile_pattern(second)))

    @classmethod
    def of(cls, detections: Iterable[Detection]) -> QuickLook:
        """What these detections may want."""
        return cls(detection.pattern for detection in detections)

    def glance(self, record: Mapping[str, Any]) -> Interest:
        """What the fields of GLANCE say; `record` needs no others, and may lack what the whole record lacks."""
        envelope = _envelope(record)
        if envelope is None or self._always or any(matches(envelope) for matches in self._at_a_glance):
            return Interest.LIKELY
        if any(first is None or first(envelope) for first, _ in self._open):
            return Interest.OPEN
        return Interest.NONE

    def closer(self, record: Mapping[str, Any]) -> bool:
        """Whether some pattern may match, by the fields of CLOSER; the whole record will do as well."""
        envelope = _envelope(record)
        return (
            envelope is None
            or self._always
            or any(matches(envelope) for matches in self._at_a_glance)
            or any(second(envelope) for _, second in self._open)
        )


def _envelope(record: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """As the pipeline wraps it; None for what the pipeline does not take for a record: whoever reads it says why."""
    if "detail-type" in record:
        return None  # an EventBridge event among records: its fields are elsewhere
    try:
        return Event.parse(record).envelope
    except UnreadableEventError:
        return None


def _tree(paths: Iterable[tuple[str, ...]]) -> _Tree:
    detail: dict[str, Any] = {}
    for *parents, leaf in paths:
        inner = detail
        for step in parents:
            inner = inner.setdefault(step, {})
        inner[leaf] = True
    return {"source": True, "detail-type": True, "detail": detail}


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
