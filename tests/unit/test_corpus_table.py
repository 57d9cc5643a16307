"""The table of how good each detection is on what others captured: it is right or explained, and can look wrong.

`python -m tests.corpus_table` prints it; pytest does with -s, or where something is wrong.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import pytest

from handlers.alerting.detection import Concern, Detection, Pass
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from tests.corpus_table import judged, lines
from tests.unit.corpus_definitions import DEFINITIONS
from tests.unit.corpus_differences import EXTRA, MISSED, NOT_CAPTURED, Reason
from tests.unit.corpus_judged import (
    Reasons,
    Row,
    compare,
    faults_of_captures,
    faults_of_peers,
    faults_of_rows,
    rows,
)
from tests.unit.corpus_peers import OUT_OF_SCOPE, PEER_DIFFERENCES, PEERS
from tests.unit.corpus_records import CORPUS, Hit, Record, hits, hits_of, labelled_cases, records
from tests.unit.detections.examples import FIRING

needs_corpus = pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")

_IDS = [detection.id for detection in CATALOGUE]
_RULES = [case["rule"] for case in labelled_cases() if case["kind"] == "rule_test"] if CORPUS.is_dir() else []
_FIRES_NOWHERE = {"macie-disabled", "cis-console-login-without-mfa"}  # what was captured of these has a reason, each
_EXPLAINED = [
    pytest.param(which, detection, number, label, id=f"{which}: {detection}: {label}")
    for which, reasons in (("missed", MISSED), ("extra", EXTRA))
    for detection, given in reasons.items()
    for number, reason in enumerate(given)
    for label in reason.counted
]
_THAT_SAY_WHO_TELLS = [
    (name, index) for name, given in MISSED.items() for index, reason in enumerate(given) if reason.told_by
]


def _faults(table: tuple[Row, ...], missed: Reasons = MISSED, extra: Reasons = EXTRA) -> list[str]:
    return list(faults_of_rows(table, hits(), missed, extra))


def _peer_faults() -> list[str]:
    _, compared = judged()
    return list(faults_of_peers(_RULES, compared, PEERS, OUT_OF_SCOPE, PEER_DIFFERENCES))


def _more(missed: Reasons = MISSED, extra: Reasons = EXTRA) -> list[str]:
    """What these reasons leave wrong that was not wrong before: one fault fails one test, not all of them."""
    table, _ = judged()
    before = set(_faults(table))
    return [fault for fault in _faults(table, missed, extra) if fault not in before]


@needs_corpus
def test_each_detection_fires_on_what_it_should_or_the_difference_has_a_reason() -> None:
    print("\n".join(lines()))
    table, _ = judged()
    assert [row.detection for row in table] == _IDS
    assert _faults(table) == []
    assert list(faults_of_captures(table, NOT_CAPTURED)) == []


@needs_corpus
def test_each_rule_of_a_peer_is_agreed_with_or_the_difference_has_a_reason() -> None:
    assert {name for ours in PEERS.values() for name in ours} <= set(_IDS)
    assert _peer_faults() == []


def test_each_detection_has_a_definition_that_its_own_examples_meet() -> None:
    """So that one whose like nobody captured is not defined by a name that does not exist."""
    met = set()
    for example in FIRING:
        detail = example.raw.get("detail", example.raw)
        record = Record(label=example.name, part="", text="", envelope=example.raw, detail=detail)
        if DEFINITIONS[example.detection.id](record):
            met.add(example.detection.id)
    assert set(DEFINITIONS) == set(_IDS)
    assert set(_IDS) - met == set()


# The table has to be able to look wrong.


def _silent(detection: Detection) -> Detection:
    return dataclasses.replace(detection, assess=lambda _event, _lookups: Pass(reason="broken"))


def _eager(detection: Detection) -> Detection:
    concern = Concern(summary="Broken.", subject="all", severity=Severity.LOW, group="broken")
    return dataclasses.replace(
        detection, pattern={"source": [{"prefix": "aws."}]}, assess=lambda _event, _lookups: concern
    )


def _judged_with(broken: Detection) -> list[str]:
    raised: list[Hit] = [hit for hit in hits() if hit.detection != broken.id]
    table = rows([broken.id], records(), (*raised, *hits_of((broken,), records())), DEFINITIONS)
    own = ({broken.id: reasons.get(broken.id, ())} for reasons in (MISSED, EXTRA))
    return _faults(table, *own)


@needs_corpus
@pytest.mark.parametrize("detection", CATALOGUE, ids=_IDS)
def test_a_detection_that_fires_on_everything_is_noticed(detection: Detection) -> None:
    assert set(_judged_with(_eager(detection))) - set(_judged_with(detection))


@needs_corpus
@pytest.mark.parametrize("detection", [d for d in CATALOGUE if d.id not in NOT_CAPTURED], ids=lambda d: d.id)
def test_a_detection_that_has_gone_silent_is_noticed(detection: Detection) -> None:
    noticed = set(_judged_with(_silent(detection))) - set(_judged_with(detection))
    assert bool(noticed) == (detection.id not in _FIRES_NOWHERE)


def _without(reasons: Reasons, detection: str, number: int, label: str) -> Reasons:
    def left(reason: Reason) -> Reason:
        cases = tuple(case for case in reason.cases if label not in (case, case[0]))
        return dataclasses.replace(reason, cases=cases)

    given = reasons[detection]
    kept = (left(reason) if index == number else reason for index, reason in enumerate(given))
    return {**reasons, detection: tuple(kept)}


@needs_corpus
@pytest.mark.parametrize(("which", "detection", "number", "label"), _EXPLAINED)
def test_a_difference_that_loses_its_reason_is_noticed(which: str, detection: str, number: int, label: str) -> None:
    missed = _without(MISSED, detection, number, label) if which == "missed" else MISSED
    extra = _without(EXTRA, detection, number, label) if which == "extra" else EXTRA
    faults = _more(missed, extra)
    assert len(faults) == 1
    assert f"{label} (" in faults[0]
    assert "without a reason" in faults[0]


@needs_corpus
def test_a_reason_for_what_no_longer_differs_is_noticed() -> None:
    stale = Reason(why="it was so once", cases=("panther-analysis:AWS.Console.RootLogin:1",))
    twice = Reason(why="and again", cases=(("invictus AssociateRouteTable", 1),))
    assert _more({**MISSED, "root-console-login": (stale,)}) == [
        "root-console-login misses panther-analysis:AWS.Console.RootLogin:1: explained, and no longer so (1)"
    ]
    assert _more(extra={**EXTRA, "cis-route-table-changed": (*EXTRA["cis-route-table-changed"], twice)}) == [
        "cis-route-table-changed fires on invictus AssociateRouteTable: explained, and no longer so (1)"
    ]
    assert _more({**MISSED, "root-consolelogin": ()}) == ["root-consolelogin is explained, and is no detection"]


@needs_corpus
@pytest.mark.parametrize(("detection", "number"), _THAT_SAY_WHO_TELLS)
def test_a_reason_that_says_who_tells_it_instead_is_held_to_it(detection: str, number: int) -> None:
    claim = dataclasses.replace(MISSED[detection][number], told_by=("inspector-disabled",))
    given = tuple(claim if index == number else reason for index, reason in enumerate(MISSED[detection]))
    faults = _more({**MISSED, detection: given})
    assert len(faults) == sum(claim.counted.values())
    assert all("none of inspector-disabled tells it" in fault for fault in faults)


@needs_corpus
def test_a_capture_that_turns_up_or_goes_is_noticed() -> None:
    table, _ = judged()
    assert list(faults_of_captures(table, NOT_CAPTURED - {"trail-key-changed"})) == [
        "trail-key-changed: no record meets its definition, and nothing says so"
    ]
    assert list(faults_of_captures(table, NOT_CAPTURED | {"trail-tampered"})) == [
        "trail-tampered is said to be captured by nobody, and it is"
    ]


def _peers_with(
    peers: Mapping[str, tuple[str, ...]] = PEERS,
    out_of_scope: Mapping[str, tuple[str, ...]] = OUT_OF_SCOPE,
    differences: Mapping[str, str] = PEER_DIFFERENCES,
) -> list[str]:
    """What is wrong with these that was not wrong before."""
    compared = tuple(compare(records(), hits(), peers))
    before = set(_peer_faults())
    faults = faults_of_peers(_RULES, compared, peers, out_of_scope, differences)
    return [fault for fault in faults if fault not in before]


@needs_corpus
@pytest.mark.parametrize("case", PEER_DIFFERENCES)
def test_a_difference_from_a_peer_that_loses_its_reason_is_noticed(case: str) -> None:
    left = {other: why for other, why in PEER_DIFFERENCES.items() if other != case}
    faults = _peers_with(differences=left)
    assert len(faults) == 1
    assert faults[0].startswith(f"{case}: the peer ")


@needs_corpus
@pytest.mark.parametrize("rule", sorted({*PEERS, *(rule for named in OUT_OF_SCOPE.values() for rule in named)}))
def test_a_rule_of_a_peer_that_nobody_places_is_noticed(rule: str) -> None:
    peers = {other: ours for other, ours in PEERS.items() if other != rule}
    out = {why: tuple(other for other in named if other != rule) for why, named in OUT_OF_SCOPE.items()}
    assert f"{rule}: neither ours nor out of scope" in _peers_with(peers, out)


@needs_corpus
def test_what_is_said_of_a_peer_and_is_not_so_is_noticed() -> None:
    agreed = "panther-analysis:AWS.Console.RootLogin:1"
    assert _peers_with(differences={**PEER_DIFFERENCES, agreed: "?"}) == [f"{agreed}: explained, and no longer differs"]
    assert _peers_with(out_of_scope={**OUT_OF_SCOPE, "?": ("AWS.Console.RootLogin",)}) == [
        "AWS.Console.RootLogin: placed 2 times"
    ]
    assert _peers_with(out_of_scope={**OUT_OF_SCOPE, "?": ("AWS.No.Rule",)}) == [
        "AWS.No.Rule: the labels have no such rule"
    ]
    wrong = {**PEERS, "AWS.Console.RootLogin": ("root-login-failed",)}
    assert _peers_with(wrong) == [f"{agreed}: the peer fires, of root-login-failed none fires, without a reason"]
