"""Print how good each detection is on what others captured: `python -m tests.corpus_table`."""

from __future__ import annotations

import functools
import sys
from collections import Counter
from collections.abc import Iterator, Sequence

from handlers.detections import CATALOGUE
from tests.unit.corpus_definitions import DEFINITIONS
from tests.unit.corpus_differences import EXTRA, MISSED, NOT_CAPTURED
from tests.unit.corpus_judged import Compared, Reasons, Row, compare, rows
from tests.unit.corpus_peers import OUT_OF_SCOPE, PEER_DIFFERENCES, PEERS
from tests.unit.corpus_records import BULK, CORPUS, ENVELOPES, LABELLED, hits, records

_HEAD = ("fired", "should", "missed", "extra", "peer's cases", "differ", *BULK)
_SHORT = {"otrf_ec2_proxy_s3_exfil": "otrf"}
_NAME = max(len(detection.id) for detection in CATALOGUE)


@functools.cache
def judged() -> tuple[tuple[Row, ...], tuple[Compared, ...]]:
    """The whole catalogue over the whole corpus, and the peers' cases."""
    compared = tuple(compare(records(), hits(), PEERS))
    return rows([detection.id for detection in CATALOGUE], records(), hits(), DEFINITIONS, compared), compared


def lines() -> Iterator[str]:
    """The table, then each difference with its reason, then what no detection of ours is meant for."""
    table, compared = judged()
    parts = Counter(record.part for record in records())
    yield f"{len(CATALOGUE)} detections over {parts[LABELLED]} labelled cases, {parts[ENVELOPES]} envelopes and " + (
        ", ".join(f"{_SHORT.get(name, name)} ({parts[name]})" for name in BULK)
    )
    yield ""
    yield from _table(table)
    yield ""
    yield "Missed: by definition of the record it should fire, and does not"
    yield from _reasons(MISSED)
    yield ""
    yield "Extra: by definition of the record it should not fire, and does"
    yield from _reasons(EXTRA)
    yield ""
    yield f"Peers: {len(PEERS)} rules with {len(compared)} cases have a counterpart; these are decided otherwise"
    yield from _peers(compared)
    yield ""
    yield f"Peers: {sum(map(len, OUT_OF_SCOPE.values()))} rules have none"
    for why, named in OUT_OF_SCOPE.items():
        yield f"  {why}"
        yield f"      {', '.join(named)}"


def _table(table: Sequence[Row]) -> Iterator[str]:
    heads = [_SHORT.get(head, head) for head in _HEAD]
    yield f"{'detection':{_NAME}}  {'  '.join(heads)}"
    sums = [0] * len(heads)
    for row in table:
        numbers = [
            len(row.fired),
            len(row.should),
            len(row.missed),
            len(row.extra),
            len(row.compared),
            sum(item.differs for item in row.compared),
            *(row.bulk[name] for name in BULK),
        ]
        sums = [total + number for total, number in zip(sums, numbers, strict=True)]
        cells = [f"{number or '-':>{len(head)}}" for number, head in zip(numbers, heads, strict=True)]
        note = "  nobody captured this" if row.detection in NOT_CAPTURED else ""
        yield f"{row.detection:{_NAME}}  {'  '.join(cells)}{note}"
    cells = [f"{total:>{len(head)}}" for total, head in zip(sums, heads, strict=True)]
    yield f"{'all':{_NAME}}  {'  '.join(cells)}"


def _reasons(reasons: Reasons) -> Iterator[str]:
    for detection, given in reasons.items():
        for reason in given:
            told = f" (told by {' or '.join(reason.told_by)})" if reason.told_by else ""
            yield f"  {detection}: {reason.why}{told}"
            for label, count in reason.counted.items():
                yield f"      {label}{f', {count} times' if count > 1 else ''}"


def _peers(compared: Sequence[Compared]) -> Iterator[str]:
    for item in compared:
        if item.differs:
            peer, ours = ("fires", "silent") if item.peer_fires else ("silent", " ".join(sorted(item.fired)))
            yield f"  {item.case}: peer {peer}, ours {ours}"
            yield f"      {PEER_DIFFERENCES.get(item.case, 'WITHOUT A REASON')}"


if __name__ == "__main__":
    if not CORPUS.is_dir():
        sys.exit(f"The corpus is not beside this checkout: {CORPUS} is no folder.")
    print("\n".join(lines()))
