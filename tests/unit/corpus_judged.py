"""How good each detection is on what others captured: what it raised beside what it should have, and what is wrong.

Everything is passed in, so that the tests can break one thing and see that it is noticed.
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from tests.unit.corpus_definitions import Definition
from tests.unit.corpus_differences import Reason
from tests.unit.corpus_records import BULK, Hit, Record

Reasons = Mapping[str, tuple[Reason, ...]]


@dataclass(frozen=True, kw_only=True)
class Compared:
    """One case of a peer's rule that ours should decide on."""

    case: str
    rule: str
    ours: tuple[str, ...]
    peer_fires: bool
    fired: frozenset[str]  # those of ours that do

    @property
    def differs(self) -> bool:
        return self.peer_fires != bool(self.fired)


@dataclass(frozen=True, kw_only=True)
class Row:
    """One detection over all records."""

    detection: str
    fired: Sequence[Record]
    should: Sequence[Record]
    compared: Sequence[Compared] = ()

    @functools.cached_property
    def missed(self) -> list[Record]:
        """Those it should fire on, and does not."""
        return _without(self.should, self.fired)

    @functools.cached_property
    def extra(self) -> list[Record]:
        """Those it fires on, and should not."""
        return _without(self.fired, self.should)

    @property
    def bulk(self) -> Counter[str]:
        """How often it fires on each bulk file."""
        return Counter(record.part for record in self.fired if record.part in BULK)


def rows(
    detections: Iterable[str],
    records: Sequence[Record],
    hits: Sequence[Hit],
    definitions: Mapping[str, Definition],
    compared: Sequence[Compared] = (),
) -> tuple[Row, ...]:
    """The table: a row for each of these detections, in this order."""
    fired: dict[str, dict[Record, None]] = {}  # a record once, in the order of the records
    for hit in hits:
        fired.setdefault(hit.detection, {})[hit.record] = None
    return tuple(
        Row(
            detection=detection,
            fired=tuple(fired.get(detection, ())),
            should=tuple(record for record in records if definitions[detection](record)),
            compared=tuple(item for item in compared if detection in item.ours),
        )
        for detection in detections
    )


def compare(records: Sequence[Record], hits: Sequence[Hit], peers: Mapping[str, tuple[str, ...]]) -> Iterator[Compared]:
    """Each case of a peer's rule that has a counterpart of ours."""
    fired = _fired_on(hits)
    for record in records:
        if ours := peers.get(record.rule):
            yield Compared(
                case=record.label,
                rule=record.rule,
                ours=ours,
                peer_fires=record.expected,
                fired=fired.get(record, frozenset()) & frozenset(ours),
            )


def faults_of_rows(table: Iterable[Row], hits: Sequence[Hit], missed: Reasons, extra: Reasons) -> Iterator[str]:
    """What the reasons do not explain, and what they explain that is not so."""
    fired = _fired_on(hits)
    known = set()
    for row in table:
        known.add(row.detection)
        for what, records, reasons in (("misses", row.missed, missed), ("fires on", row.extra, extra)):
            yield from _faults(f"{row.detection} {what}", records, reasons.get(row.detection, ()), fired)
    for unknown in sorted({*missed, *extra} - known):
        yield f"{unknown} is explained, and is no detection"


def _faults(
    what: str, records: Sequence[Record], reasons: Sequence[Reason], fired: Mapping[Record, frozenset[str]]
) -> Iterator[str]:
    differing = Counter(record.label for record in records)
    explained = Counter[str]()
    for reason in reasons:
        explained.update(reason.counted)
        for record in records if reason.told_by else ():
            if record.label in reason.counted and not fired.get(record, frozenset()) & frozenset(reason.told_by):
                yield f"{what} {record.label}, and none of {', '.join(reason.told_by)} tells it, as the reason says"
    for label, count in (differing - explained).items():
        yield f"{what} {label} ({count} without a reason)"
    for label, count in (explained - differing).items():
        yield f"{what} {label}: explained, and no longer so ({count})"


def faults_of_captures(table: Iterable[Row], not_captured: Iterable[str]) -> Iterator[str]:
    """A definition that no record meets proves nothing: which those are is known, and said."""
    empty, expected = {row.detection for row in table if not row.should}, set(not_captured)
    yield from (f"{name}: no record meets its definition, and nothing says so" for name in sorted(empty - expected))
    yield from (f"{name} is said to be captured by nobody, and it is" for name in sorted(expected - empty))


def faults_of_peers(
    rules: Iterable[str],
    compared: Sequence[Compared],
    peers: Mapping[str, tuple[str, ...]],
    out_of_scope: Mapping[str, tuple[str, ...]],
    differences: Mapping[str, str],
) -> Iterator[str]:
    """Rules that nobody placed, or placed twice; cases that differ without a reason, or no longer."""
    placed = Counter([*peers, *(rule for named in out_of_scope.values() for rule in named)])
    labelled = set(rules)
    yield from (f"{rule}: neither ours nor out of scope" for rule in sorted(labelled - set(placed)))
    yield from (f"{rule}: the labels have no such rule" for rule in sorted(set(placed) - labelled))
    yield from (f"{rule}: placed {count} times" for rule, count in placed.items() if count > 1)
    differing = {item.case: item for item in compared if item.differs}
    for case in sorted(set(differing) - set(differences)):
        item = differing[case]
        said, done = ("fires", "none") if item.peer_fires else ("is silent", "one")
        yield f"{case}: the peer {said}, of {', '.join(item.ours)} {done} fires, without a reason"
    yield from (f"{case}: explained, and no longer differs" for case in sorted(set(differences) - set(differing)))


def _fired_on(hits: Iterable[Hit]) -> dict[Record, frozenset[str]]:
    found: dict[Record, frozenset[str]] = {}
    for hit in hits:
        found[hit.record] = found.get(hit.record, frozenset()) | {hit.detection}
    return found


def _without(records: Sequence[Record], others: Sequence[Record]) -> list[Record]:
    left_out = set(others)
    return [record for record in records if record not in left_out]
