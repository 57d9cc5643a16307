"""The cloud's filter and our decision agree: a pattern narrower than its assess is a missed alert."""

from __future__ import annotations

import copy
import json
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection, Regions
from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern, literals_at
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import EXAMPLES, Example

_CATALOGUE = Catalogue(CATALOGUE)
# One entry is 2,048 characters at most (EventBridge quotas, event pattern size).
_MAXIMUM_PATTERN = 2_048


_DROP = object()
_CHANGES = (_DROP, None, "", "HIDDEN_DUE_TO_SECURITY_REASONS", {}, [], 0, True)
# What no decision rests on: a change there is a change of decoration.
_DECORATION = {"eventVersion", "requestID", "eventID", "userAgent", "sourceIPAddress", "eventTime", "eventCategory"}


def _paths(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    if isinstance(value, Mapping):
        for key, child in value.items():
            if key not in _DECORATION:
                yield (*path, key)
                yield from _paths(child, (*path, key))


def _changed(holder: Mapping[str, Any], path: tuple[str, ...], change: Any) -> dict[str, Any]:
    """A copy that differs at one place and shares the rest."""
    first, *rest = path
    changed = dict(holder)
    if rest:
        changed[first] = _changed(holder[first], tuple(rest), change)
    elif change is _DROP:
        del changed[first]
    else:
        changed[first] = change
    return changed


def _mutants(example: Example) -> Iterator[Event]:
    envelope = example.event.envelope
    for path in _paths(envelope["detail"]):
        for change in _CHANGES:
            yield Event(envelope={**envelope, "detail": _changed(envelope["detail"], path, change)})


def _genuine(example: Example) -> bool:
    """A source that only AWS can send: what a custom event says is not asked of assess."""
    return str(example.event.envelope["source"]).startswith("aws.")


def test_whatever_assess_would_raise_is_matched_by_the_pattern() -> None:
    matchers = [(detection, compile_pattern(detection.pattern)) for detection in CATALOGUE]
    raised: Counter[str] = Counter()
    for example in filter(_genuine, EXAMPLES):
        for event in (example.event, *_mutants(example)):
            for detection, matches in matchers:
                if isinstance(detection.assess(event, example.lookups), Concern):
                    raised[detection.id] += 1
                    assert matches(event.envelope), (detection.id, example.id, json.dumps(event.envelope)[:2_000])
    assert all(raised[detection.id] >= 20 for detection in CATALOGUE), raised


def test_the_look_up_finds_what_trying_every_pattern_finds() -> None:
    matchers = [(detection.id, compile_pattern(detection.pattern)) for detection in CATALOGUE]
    for example in EXAMPLES:
        for event in (example.event, *_mutants(example)):
            tried = sorted(id_ for id_, matches in matchers if matches(event.envelope))
            assert sorted(detection.id for detection in _CATALOGUE.matching(event)) == tried, example.id


def _literals(detection: Detection) -> Iterator[tuple[tuple[str, ...], str]]:
    """Each plain word of the pattern, with its place."""
    for path in (("source",), ("detail-type",), ("detail", "eventSource"), ("detail", "eventName")):
        for word in literals_at(detection.pattern, *path) or ():
            yield path, word


def _raised_with_every_word(detection: Detection) -> list[Event]:
    """The firing examples with every name, source and detail-type of the pattern put in, where they still fire."""
    found = []
    names = literals_at(detection.pattern, "detail", "eventName")
    sources = literals_at(detection.pattern, "source")
    for example in (e for e in EXAMPLES if e.detection is detection and e.expect is not None):
        envelope = example.event.envelope
        for name in names or [example.event.name]:
            for source in sources or [str(envelope["source"])]:
                detail = {**envelope["detail"], "eventName": name}
                if "eventSource" in detail:
                    detail["eventSource"] = f"{source.removeprefix('aws.')}.amazonaws.com"
                for detail_type in detection.pattern.get("detail-type") or [envelope["detail-type"]]:
                    event = Event(envelope={**envelope, "source": source, "detail-type": detail_type, "detail": detail})
                    if isinstance(detection.assess(event, example.lookups), Concern):
                        found.append(event)
    return found


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_each_word_of_a_pattern_is_needed_and_its_loss_would_be_noticed(detection: Detection) -> None:
    raised = _raised_with_every_word(detection)
    assert all(map(compile_pattern(detection.pattern), (event.envelope for event in raised)))
    for path, word in _literals(detection):
        narrowed = copy.deepcopy(dict(detection.pattern))
        holder: Any = narrowed
        for step in path[:-1]:
            holder = holder[step]
        holder[path[-1]] = [item for item in holder[path[-1]] if item != word] or ["nothing has this name"]
        matches = compile_pattern(narrowed)
        assert not all(matches(event.envelope) for event in raised), f"{word} could go from {'.'.join(path)}"


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_a_pattern_pins_a_source_that_nobody_but_aws_can_send(detection: Detection) -> None:
    sources = detection.pattern["source"]
    assert sources
    for source in sources:
        literal = source["prefix"] if isinstance(source, Mapping) else source
        assert literal.startswith("aws.")


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_a_pattern_fits_into_a_rule_and_filters_on_no_region(detection: Detection) -> None:
    assert len(json.dumps(detection.pattern, separators=(",", ":"))) < _MAXIMUM_PATTERN
    assert "awsRegion" not in json.dumps(detection.pattern)


def test_a_custom_event_matches_no_pattern() -> None:
    for example in EXAMPLES:
        forged = Event(envelope={**example.event.envelope, "source": "custom.app"})
        assert list(_CATALOGUE.matching(forged)) == [], example.id


def test_sign_in_detections_match_all_three_spellings() -> None:
    spellings = {
        "AWS Console Sign In via CloudTrail",
        "AWS Console Signin via CloudTrail",
        "AWS API Call via CloudTrail",
    }
    sign_ins = [d for d in CATALOGUE if "signin.amazonaws.com" in json.dumps(d.pattern)]
    assert sign_ins
    for detection in sign_ins:
        assert "detail-type" not in detection.pattern or spellings <= set(detection.pattern["detail-type"])


def test_what_is_recorded_in_the_global_region_only_asks_for_no_other() -> None:
    for detection in CATALOGUE:
        if detection.pattern["source"] in (["aws.iam"], ["aws.organizations"], ["aws.account"]):
            assert detection.regions is Regions.GLOBAL, detection.id
