"""What a trail no longer records, given the event selectors that somebody sets.

After the CloudTrail user guide, "Logging management events": a trail records a management event when any of its
selectors does. Basic selectors default to management events of both kinds; an advanced one records the category it
names. A trail has one kind of selectors, and setting it replaces what was there.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from handlers.detections.words import listed


@dataclass(frozen=True, kw_only=True)
class Loss:
    """What a trail does no longer, and how bad that is."""

    effect: str  # a phrase: "it no longer records …"
    severity: Severity


_ALL = Loss(
    effect=phrase("it records no management events: no sign-in, no IAM change, nothing we watch"),
    severity=Severity.CRITICAL,
)
_WRITES = Loss(effect=phrase("it records no changes any more, only reads"), severity=Severity.CRITICAL)
_READS = Loss(effect=phrase("it records no reads any more, such as who assumed a role"), severity=Severity.MEDIUM)
_UNREADABLE = Loss(effect=phrase("what it still records could not be judged"), severity=Severity.MEDIUM)


@dataclass(frozen=True, kw_only=True)
class _Recorded:
    """The management events that one selector records."""

    reads: bool
    writes: bool
    without: tuple[str, ...] = ()  # services left out
    narrowed_by: tuple[str, ...] = ()  # fields that let only some through


def losses(request: Mapping[str, Any]) -> tuple[Loss, ...]:
    """What PutEventSelectors with this request takes away; empty where every management event is still recorded."""
    basic = _objects(request.get("eventSelectors"))
    advanced = _objects(request.get("advancedEventSelectors"))
    if basic is None and advanced is None:
        return (_UNREADABLE,)
    candidates = (*map(_of_basic, basic or ()), *map(_of_advanced, advanced or ()))
    recorded = [item for item in candidates if item is not None and (item.reads or item.writes)]
    full = [item for item in recorded if not item.narrowed_by]
    reads = any(item.reads for item in full)
    writes = any(item.writes for item in full)
    found: list[Loss] = []
    if not recorded:
        found.append(_ALL)
    elif not full:
        fields = listed(sorted({field for item in recorded for field in item.narrowed_by}))
        found.append(
            Loss(
                effect=phrase(
                    "it records only those management events that its {fields} filter lets through", fields=fields
                ),
                severity=Severity.CRITICAL,
            )
        )
    elif not writes:
        found.append(_WRITES)
    elif not reads:
        found.append(_READS)
    left_out = set.intersection(*(set(item.without) for item in full)) if full else set()
    if left_out:
        effect = phrase("it leaves out {services}", services=listed(sorted(left_out)))
        found.append(Loss(effect=effect, severity=Severity.MEDIUM))
    return tuple(found)


def _of_basic(selector: Mapping[str, Any]) -> _Recorded:
    kind = str(selector.get("readWriteType") or "All").casefold()
    included = str(selector.get("includeManagementEvents", True)).casefold() != "false"
    return _Recorded(
        reads=included and kind != "writeonly",
        writes=included and kind != "readonly",
        without=tuple(_words(selector.get("excludeManagementEventSources"))),
    )


def _of_advanced(selector: Mapping[str, Any]) -> _Recorded | None:
    """None: it is not about management events."""
    reads = writes = True
    is_management = False
    without: list[str] = []
    narrowed: list[str] = []
    for condition in _objects(selector.get("fieldSelectors")) or ():
        field = str(condition.get("field"))
        equals = [word.casefold() for word in _words(condition.get("equals"))]
        if field == "eventCategory":
            is_management = "management" in equals
        elif field == "readOnly":
            reads, writes = "true" in equals, "false" in equals
        elif field == "eventSource" and set(condition) <= {"field", "notEquals"}:
            without.extend(_words(condition.get("notEquals")))
        else:
            narrowed.append(field)
    if not is_management:
        return None
    return _Recorded(reads=reads, writes=writes, without=tuple(without), narrowed_by=tuple(narrowed))


def _objects(value: object) -> list[Mapping[str, Any]] | None:
    """A list of objects, which CloudTrail may also write as JSON text; None where it is something else."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    if not isinstance(value, list):
        return None
    return [item for item in value if isinstance(item, Mapping)]


def _words(value: object) -> Iterator[str]:
    for item in value if isinstance(value, list) else (value,):
        if isinstance(item, str):
            yield item
