"""The quick look never lets go what a pattern matches, and is made of the patterns alone."""

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.alerting.catalogue import Catalogue
from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern
from handlers.alerting.quick_look import Interest, QuickLook
from handlers.detections import CATALOGUE
from tests.building import record, root_record
from tests.unit.corpus_records import CORPUS, records

EXAMPLES = sorted((Path(__file__).parents[3] / "handlers" / "detections").glob("*/examples.json"))
LOOK, OURS = QuickLook.of(CATALOGUE), Catalogue(CATALOGUE)
MATCHERS = [compile_pattern(detection.pattern) for detection in CATALOGUE]


def narrowed(body):
    """What a reader would know of the record at a glance."""
    known = {key: body[key] for key in ("eventName", "eventSource", "eventType", "errorCode") if key in body}
    identity = body.get("userIdentity")
    if isinstance(identity, dict):
        known["userIdentity"] = {"type": identity["type"]} if "type" in identity else {}
    elif "userIdentity" in body:
        known["userIdentity"] = identity
    return known


def agrees(body):
    """Whether some pattern matches the record; asserts that the looks say so too."""
    matches = any(matcher(Event.parse(body).envelope) for matcher in MATCHERS)
    glance = LOOK.glance(narrowed(body))
    if matches:
        assert glance is not Interest.NONE
        assert LOOK.closer(body)
        if glance is Interest.OPEN:
            assert LOOK.question(narrowed(body))({"detail": body})
    if glance is Interest.NONE:
        assert not LOOK.closer(body)
    return matches


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.parent.name)
def test_whatever_an_example_matches_is_kept(path):
    examples = json.loads(path.read_text())
    for example in [case for cases in examples.values() if isinstance(cases, list) for case in cases]:
        event = Event.parse(example["event"])
        assert LOOK.closer(example["event"]) or not any(matcher(event.envelope) for matcher in MATCHERS)
        if "eventSource" in event.detail:
            agrees(event.detail)


@pytest.mark.skipif(not CORPUS.is_dir(), reason="the corpus is not beside this checkout")
def test_whatever_a_captured_record_matches_is_kept():
    bodies = [item.detail for item in records()]
    bodies = [body for body in bodies if isinstance(body.get("eventSource"), str)]
    assert sum(agrees(body) for body in bodies) > 500


def _words():
    names, sources, types, errors = set(), set(), set(), set()
    for detection in CATALOGUE:
        detail = detection.pattern.get("detail", {})
        names |= {word for word in detail.get("eventName", ()) if isinstance(word, str)}
        sources |= {word for word in detail.get("eventSource", ()) if isinstance(word, str)}
    types = {"Root", "IAMUser", "AssumedRole", "FederatedUser", "AWSService", "root"}
    errors = {"AccessDenied", "Client.UnauthorizedOperation", "NoSuchEntity", "", "AuthorizationErrorException"}
    return [sorted(words) for words in (names | {"UpdateFunctionCode20150331v2"}, sources, types, errors)]


NAMES, SOURCES, TYPES, ERRORS = _words()
TEXT = st.text("Raeo*.", max_size=5)
ODD = st.one_of(st.none(), st.booleans(), st.integers(), TEXT, st.lists(TEXT, max_size=2))


def field(words):
    return st.one_of(st.sampled_from(words), st.sampled_from(words).map(lambda word: [word]), ODD)


RECORDS = st.fixed_dictionaries(
    {"eventSource": st.sampled_from(SOURCES)},
    optional={
        "eventName": field(NAMES),
        "eventType": field(["AwsApiCall", "AwsConsoleSignIn", "AwsServiceEvent", "AwsCloudTrailInsight"]),
        "errorCode": field(ERRORS),
        "userIdentity": st.one_of(
            ODD,
            st.fixed_dictionaries(
                {},
                optional={
                    "type": field(TYPES),
                    "sessionContext": st.one_of(
                        ODD,
                        st.fixed_dictionaries(
                            {},
                            optional={
                                "sessionIssuer": st.one_of(
                                    ODD, st.fixed_dictionaries({}, optional={"type": field(TYPES)})
                                )
                            },
                        ),
                    ),
                },
            ),
        ),
        "requestParameters": st.one_of(
            ODD,
            st.fixed_dictionaries(
                {}, optional={"roleArn": field(["arn:aws:iam::123456789012:role/Admin", "arn:aws:iam::1:role/Reader"])}
            ),
        ),
    },
)


@settings(max_examples=500)
@given(RECORDS)
def test_whatever_a_pattern_matches_is_kept(body):
    agrees(body)


def test_a_record_is_let_go_by_what_it_says_of_itself():
    plain = record(eventName="DescribeInstances", eventSource="ec2.amazonaws.com")
    assert LOOK.glance(plain) is Interest.NONE
    assert LOOK.glance(root_record(eventName="DescribeInstances", eventSource="ec2.amazonaws.com")) is Interest.LIKELY
    role = record(eventName="AssumeRole", eventSource="sts.amazonaws.com")
    assert LOOK.glance(role) is Interest.OPEN
    assert not LOOK.closer({**role, "requestParameters": {"roleArn": "arn:aws:iam::123456789012:role/Reader"}})
    assert LOOK.closer({**role, "requestParameters": {"roleArn": "arn:aws:iam::123456789012:role/Administrator"}})


@pytest.mark.parametrize("body", [{}, {"eventName": 7}, {"detail-type": "x", "eventName": "y"}])
def test_what_is_no_record_is_kept_so_that_whoever_reads_it_says_why(body):
    assert LOOK.glance(body) is Interest.LIKELY
    assert LOOK.closer(body)


def test_conditions_on_what_is_not_known_are_left_out_and_not_taken_for_true():
    look = QuickLook([{"detail": {"eventName": ["A"], "vpcEndpointId": ["v"]}}])
    assert look.glance({"eventName": "A"}) is Interest.LIKELY
    assert look.glance({"eventName": "B"}) is Interest.NONE


def test_a_pattern_of_which_nothing_is_known_keeps_everything():
    look = QuickLook([{"detail": {"vpcEndpointId": ["v"]}}])
    assert look.glance({"eventName": "B"}) is Interest.LIKELY


def test_a_branch_of_which_nothing_is_known_may_be_true():
    look = QuickLook([{"$or": [{"detail": {"eventName": ["A"]}}, {"detail": {"vpcEndpointId": ["v"]}}]}])
    assert look.glance({"eventName": "B"}) is Interest.LIKELY
    look = QuickLook([{"detail": {"$or": [{"eventName": ["A"]}, {"errorCode": ["E"]}]}}])
    assert (look.glance({"eventName": "B"}), look.glance({"eventName": "B", "errorCode": "E"})) == (0, 2)


def test_no_patterns_want_nothing():
    assert QuickLook([]).glance(record()) is Interest.NONE
