"""The examples that lie beside each detection, as values."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from handlers import detections
from handlers.adapters.memory import MemoryLookups
from handlers.alerting.detection import Detection
from handlers.alerting.event import Event
from handlers.detections import CATALOGUE

FOLDER = Path(detections.__file__).parent


@dataclass(frozen=True, kw_only=True)
class Example:
    """One example: what it is called, what happens, what is to come of it."""

    detection: Detection
    name: str
    raw: Mapping[str, Any]
    lookups: MemoryLookups
    expect: Mapping[str, Any] | None  # None: a near miss
    stops_at: str | None

    @property
    def event(self) -> Event:
        return Event.parse(json.dumps(self.raw))

    @property
    def id(self) -> str:
        return f"{self.detection.id}: {self.name}"


def read_examples(detection: Detection) -> tuple[Example, ...]:
    """Firing examples first, then near misses."""
    content = json.loads((FOLDER / detection.folder / "examples.json").read_text())
    return tuple(
        Example(
            detection=detection,
            name=item["name"],
            raw=item["event"],
            lookups=MemoryLookups(answers=item.get("lookups", {})),
            expect=item.get("expect"),
            stops_at=item.get("stops_at"),
        )
        for item in (*content["fires"], *content["near_misses"])
    )


EXAMPLES = tuple(example for detection in CATALOGUE for example in read_examples(detection))
FIRING = tuple(example for example in EXAMPLES if example.expect is not None)
NEAR_MISSES = tuple(example for example in EXAMPLES if example.expect is None)
