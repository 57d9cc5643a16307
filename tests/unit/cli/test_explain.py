"""Why a detection fired or where it stopped, told from the same catalogue that decides."""

import json

import pytest

from cli.explain import Explainer, as_json, as_text, unmet
from cli.terminal import Paint
from handlers.alerting.detection import Pass
from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern
from handlers.detections import CATALOGUE
from tests.building import detection, envelope, record
from tests.unit.adapters.inspection import check_visible
from tests.unit.adapters.samples import envelope_with, parsed, string_paths
from tests.unit.hostile_strings import HOSTILE

EVENT = Event.parse(envelope(record()))


def explained(*detections, event=EVENT):
    return {item.detection.id: item for item in Explainer(detections).explain(event)}


def crash(_event, _lookups):
    raise KeyError("policyArn")


def test_each_detection_says_how_far_the_event_got():
    found = explained(
        detection("other-call", event_names=["DeleteUser"]),
        detection("passes", assess=lambda *_: Pass(reason="alice may do that")),
        detection("fires"),
        detection("crashes", assess=crash),
    )
    assert list(found) == ["fires", "crashes", "passes", "other-call"]
    assert [item.result for item in found.values()] == ["fired", "failed", "assess", "pattern"]
    assert found["fires"].reason == "alice created a user."
    assert found["crashes"].reason == "its assessment failed: KeyError: 'policyArn'"
    assert found["passes"].reason == "alice may do that"
    assert found["other-call"].reason == 'detail.eventName is "CreateUser", wanted "DeleteUser"'


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ({"source": ["aws.sts"]}, 'source is "aws.iam", wanted "aws.sts"'),
        ({"detail": {"errorCode": [{"exists": True}]}}, 'detail.errorCode is absent, wanted {"exists": true}'),
        ({"detail": {"userIdentity": ["x"]}}, 'detail.userIdentity is an object, wanted "x"'),
        ({"detail": {"readOnly": [True]}}, "detail.readOnly is false, wanted true"),
        (
            {"detail": {"eventName": ["A", "B", "C", "D", "E", "F"]}},
            'detail.eventName is "CreateUser", wanted "A" or "B" or "C" or "D" or 2 more',
        ),
        (
            {"source": ["aws.iam"], "detail": {"$or": [{"eventName": ["A"]}, {"eventName": ["B"]}]}},
            "none of the 2 alternatives at detail holds",
        ),
        ({"$or": [{"source": ["a"]}, {"source": ["b"]}]}, "none of the 2 alternatives holds"),
    ],
)
def test_a_pattern_that_does_not_match_names_the_first_field_that_differs(pattern, reason):
    assert unmet(pattern, EVENT.envelope) == reason


def test_fields_that_match_only_in_different_elements_are_said_to():
    pattern = {"detail": {"items": {"a": [1], "b": [2]}}}
    body = envelope(record(items=[{"a": 1, "b": 0}, {"a": 0, "b": 2}]))
    assert not compile_pattern(pattern)(body)
    assert unmet(pattern, body) == "each field matches by itself, but not all in the same element of a list"


def test_a_reason_is_found_for_every_detection_and_never_for_one_that_matches():
    for item in Explainer(CATALOGUE).explain(EVENT):
        assert item.reason
        assert (item.result == "pattern") is not compile_pattern(item.detection.pattern)(EVENT.envelope)


def test_a_detection_in_staging_says_that_nobody_is_told():
    explanation = explained(detection(staging=True)).values()
    text = "\n".join(as_text(EVENT, list(explanation), paint=Paint(enabled=False), width=None))
    assert "It records without telling people (staging)." in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_string_of_an_event_reaches_the_terminal_as_more_than_visible_text(text):
    event = parsed(envelope_with(text, *string_paths()))
    found = Explainer([*CATALOGUE, detection("fires")]).explain(event)
    for width in (None, 80):
        check_visible("\n".join(as_text(event, found, paint=Paint(enabled=False), width=width)), lines=True)
    line = as_json(event, found, file="f", place="record 1")
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["name"] == event.name
