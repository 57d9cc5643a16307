"""Every example fires, or stops, exactly where it says."""

from __future__ import annotations

import re

import pytest

from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern, Detection
from handlers.alerting.severity import Severity
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import EXAMPLES, FIRING, NEAR_MISSES, Example, read_examples

_CATALOGUE = Catalogue(CATALOGUE)


@pytest.mark.parametrize("example", FIRING, ids=lambda example: example.id)
def test_an_example_fires_with_the_severity_and_the_words_it_names(example: Example) -> None:
    outcome = _CATALOGUE.outcome(example.detection, example.event, example.lookups)
    assert outcome.error is None
    assert isinstance(outcome.verdict, Concern), f"stopped at {outcome.stopped_at}: {outcome.verdict}"
    assert example.expect is not None
    assert outcome.verdict.severity is Severity[example.expect["severity"]], outcome.verdict
    for words in example.expect["says"]:
        assert words in outcome.verdict.summary
    for field in ("group", "subject", "title"):
        if field in example.expect:
            assert getattr(outcome.verdict, field) == example.expect[field]


@pytest.mark.parametrize("example", NEAR_MISSES, ids=lambda example: example.id)
def test_a_near_miss_stops_where_it_says(example: Example) -> None:
    outcome = _CATALOGUE.outcome(example.detection, example.event, example.lookups)
    assert outcome.error is None
    assert outcome.stopped_at == example.stops_at, outcome.verdict


@pytest.mark.parametrize("example", FIRING, ids=lambda example: example.id)
def test_a_summary_is_a_sentence_that_can_be_read_aloud(example: Example) -> None:
    concern = example.detection.assess(example.event, example.lookups)
    assert isinstance(concern, Concern)
    assert concern.summary[-1] == "."
    assert not re.search(r"None|null|\{\}|  |\.\.|HIDDEN_DUE|: \.", concern.summary), concern.summary
    assert len(concern.summary) <= 500
    assert concern.subject
    assert concern.group


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_a_detection_has_enough_examples_of_both_kinds(detection: Detection) -> None:
    examples = read_examples(detection)
    firing = [example for example in examples if example.expect is not None]
    near = [example for example in examples if example.expect is None]
    assert len(firing) >= 3
    assert len(near) >= 5
    assert len({example.name for example in examples}) == len(examples)
    assert {example.stops_at for example in near} <= {"pattern", "assess"}
    assert any(example.expect["severity"] == detection.severity.name for example in firing if example.expect)


def test_every_way_to_get_an_event_wrong_has_its_example() -> None:
    events = [example.event for example in EXAMPLES]
    assert any(event.error for event in events)
    assert any(event.dig("requestParameters", default="null") == "null" for event in events)
    assert any(event.request_omitted for event in events)
    assert any(event.text("userIdentity", "invokedBy") == "signin.amazonaws.com" for event in events)
    assert any(event.actor.kind == "AWS acting for the account" for event in events)
    assert any(event.actor.kind == "IAM user" and event.actor.name == "root" for event in events)
    assert any(":aws-cn:" in str(event.detail) or "aws-us-gov" in str(event.detail) for event in events)
    assert any(event.is_read for event in events)
    assert any(isinstance(event.dig("readOnly"), str) for event in events)


def test_example_data_is_synthetic() -> None:
    text = "\n".join(str(example.raw) for example in EXAMPLES)
    accounts = set(re.findall(r"(?<![\w-])\d{12}(?![\w-])", text))
    assert accounts <= {"123456789012", "210987654321", "111122223333"}
    addresses = set(re.findall(r"(?<![\w.])\d{1,3}\.\d{1,3}\.\d{1,3}\.\d{1,3}(?![\w.])", text)) - {
        "133.0.0.0",
        "0.0.0.0",
    }  # a browser's version, everybody
    assert all(address.startswith("192.0.2.") for address in addresses)
    keys = set(re.findall(r"(?:AKIA|ASIA)[A-Z0-9]{16}", text))
    assert all("EXAMPLE" in key for key in keys)
