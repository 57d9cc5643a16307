"""The catalogue at work: which detections want an event, found by look-up rather than by trying them all."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from handlers.alerting.detection import Concern, Detection, Pass
from handlers.alerting.event import Event
from handlers.alerting.pattern import Matcher, compile_pattern, literals_at, needs_value_at
from handlers.alerting.ports import Lookups


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Where one detection arrived with one event."""

    detection: Detection
    verdict: Concern | Pass | None  # None: the pattern does not match
    error: Exception | None = None  # assess failed: neither yes nor no

    @property
    def stopped_at(self) -> str | None:
        """ "pattern" or "assess"; None where it fired (or failed)."""
        if self.error is not None or isinstance(self.verdict, Concern):
            return None
        return "pattern" if self.verdict is None else "assess"


class Catalogue:
    """Detections, indexed by the names their patterns list or what else they ask for; others are tried every time."""

    def __init__(self, detections: Sequence[Detection]) -> None:
        """Compile the patterns. Raises UnknownOperatorError for one we cannot evaluate, ValueError for a double id."""
        ids = [detection.id for detection in detections]
        if doubles := {id_ for id_ in ids if ids.count(id_) > 1}:
            raise ValueError(f"detection ids used twice: {', '.join(sorted(doubles))}")
        self.detections = tuple(detections)
        self._matchers: dict[str, Matcher] = {d.id: compile_pattern(d.pattern) for d in detections}
        self._by_name: dict[str, list[Detection]] = {}
        self._by_detail_type: dict[str, list[Detection]] = {}
        self._by_identity: dict[str, list[Detection]] = {}
        self._by_source: dict[str, list[Detection]] = {}
        self._if_failed: list[Detection] = []
        self._always: list[Detection] = []
        for detection in detections:
            self._index(detection)

    def _index(self, detection: Detection) -> None:
        named = self._listed(detection, self._by_name, "detail", "eventName") or self._listed(
            detection, self._by_identity, "detail", "userIdentity", "type"
        )
        if named:
            return
        if needs_value_at(detection.pattern, "detail", "errorCode"):
            self._if_failed.append(detection)
        elif not (
            self._listed(detection, self._by_source, "source")
            or self._listed(detection, self._by_detail_type, "detail-type")
        ):
            self._always.append(detection)

    @staticmethod
    def _listed(detection: Detection, index: dict[str, list[Detection]], *path: str) -> bool:
        """Put the detection under each word that its pattern lists at the path; False where it lists none."""
        literals = literals_at(detection.pattern, *path) or frozenset()
        for literal in literals:
            index.setdefault(literal, []).append(detection)
        return bool(literals)

    def candidates(self, envelope: Mapping[str, object]) -> Iterator[Detection]:
        """The detections whose pattern may match this envelope; each at most once, none that would match left out."""
        detail = envelope.get("detail")
        if isinstance(detail, Mapping):
            yield from self._by_name.get(_literal(detail.get("eventName")), ())
            identity = detail.get("userIdentity")
            if isinstance(identity, Mapping):
                yield from self._by_identity.get(_literal(identity.get("type")), ())
            if "errorCode" in detail:
                yield from self._if_failed
        yield from self._by_source.get(_literal(envelope.get("source")), ())
        yield from self._by_detail_type.get(_literal(envelope.get("detail-type")), ())
        yield from self._always

    def matching(self, event: Event) -> Iterator[Detection]:
        """The detections whose pattern matches."""
        for detection in self.candidates(event.envelope):
            if self._matchers[detection.id](event.envelope):
                yield detection

    def outcomes(self, event: Event, lookups: Lookups) -> Iterator[Outcome]:
        """What each detection whose pattern matches makes of the event; a crash of one does not silence the others."""
        for detection in self.matching(event):
            yield assessed(detection, event, lookups)

    def outcome(self, detection: Detection, event: Event, lookups: Lookups) -> Outcome:
        """What one detection makes of the event, its pattern included: where a near miss stops."""
        if not self._matchers[detection.id](event.envelope):
            return Outcome(detection=detection, verdict=None)
        return assessed(detection, event, lookups)


def assessed(detection: Detection, event: Event, lookups: Lookups) -> Outcome:
    """The decision of `assess` alone, its crash kept as the outcome."""
    try:
        return Outcome(detection=detection, verdict=detection.assess(event, lookups))
    except Exception as error:  # any: whatever a detection does, the others go on and the record is retried
        return Outcome(detection=detection, verdict=None, error=error)


def _literal(value: object) -> str:
    return value if isinstance(value, str) else ""
