"""Whatever an event holds, parsing and assessing it end in a decision."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.catalogue import assessed
from handlers.alerting.detection import Concern, Pass
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.ports import Unknown
from handlers.detections import CATALOGUE
from tests.unit.detections.examples import EXAMPLES


def _deep(depth: int) -> Any:
    value: Any = "x"
    for level in range(depth):
        value = {"Statement": value} if level % 2 else [value]
    return value


_DEEP = json.dumps(_deep(500))
_LONG = "A" * 100_000
_VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True),
    st.text(max_size=20),
    st.sampled_from(
        [
            _LONG,
            "\ud800",
            "\udfff\ud800",
            "HIDDEN_DUE_TO_SECURITY_REASONS",
            "null",
            "%ZZ%7B",
            "{",
            "[[[",
            "\x00",
            "v9" * 50,
            "arn:aws:iam::aws:policy/",
            "arn:::::",
            "v²",
            "٣",
            "true",
            "omitted",
        ]
    ),
    # Made anew each time: a later change may go into one.
    st.sampled_from(
        ["{}", "[]", "[null]", '{"": null}', '{"omitted": true}', '{"omitted": "true"}', _DEEP, "[{}]"]
    ).map(json.loads),
    st.recursive(
        st.none() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=2)
            | st.dictionaries(
                st.sampled_from(["Statement", "Effect", "Action", "Resource", "Principal", "AWS", "field", "equals"]),
                inner,
                max_size=3,
            )
        ),
        max_leaves=6,
    ),
)


class _HostileLookups(MemoryLookups):
    """Answers with whatever it is given, to every question."""

    def _answer(self, *question: str) -> Any:
        assert all(isinstance(part, str) for part in question), "a question is made of texts"
        return self.answers.get("*", Unknown(reason="x" * 5_000))


def _paths(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    found = [path] if path else []
    items = value.items() if isinstance(value, Mapping) else enumerate(value) if isinstance(value, list) else ()
    for key, child in items:
        found += _paths(child, (*path, key))
    return found


_PATHS = {example.id: _paths(example.raw) for example in EXAMPLES}


@st.composite
def _mutated(draw: st.DrawFn) -> tuple[dict[str, Any], Any]:
    example = draw(st.sampled_from(EXAMPLES))
    raw = copy.deepcopy(dict(example.raw))
    for path in draw(st.lists(st.sampled_from(_PATHS[example.id]), min_size=1, max_size=4)):
        holder: Any = raw
        try:
            for step in path[:-1]:
                holder = holder[step]
            if draw(st.booleans()):
                del holder[path[-1]]
            else:
                holder[path[-1]] = draw(_VALUES)
        except (KeyError, IndexError, TypeError):
            continue  # an earlier change took this place away
    return raw, draw(_VALUES)


@given(_mutated())
@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])
def test_no_mutation_of_an_example_makes_parse_or_assess_crash(case: tuple[dict[str, Any], Any]) -> None:
    raw, answer = case
    lookups = _HostileLookups(answers={"*": answer} if isinstance(answer, dict) else {})
    try:
        event = Event.parse(json.dumps(raw))
    except UnreadableEventError:
        return  # announced as such
    for detection in CATALOGUE:
        outcome = assessed(detection, event, lookups)
        if outcome.error is not None:
            raise outcome.error
        assert isinstance(outcome.verdict, (Concern, Pass))
        if isinstance(outcome.verdict, Concern):
            for text in (outcome.verdict.summary, outcome.verdict.group):
                assert len(text) < 1_500, f"{detection.id}: an attacker's text must not swell the sentence"
            outcome.verdict.summary.encode()


def test_an_event_that_is_nothing_but_its_envelope_is_no_concern() -> None:
    for detail_type in ("AWS API Call via CloudTrail", "AWS Console Sign In via CloudTrail"):
        event = Event.parse({"detail-type": detail_type, "source": "aws.iam", "detail": {}})
        for detection in CATALOGUE:
            assert isinstance(detection.assess(event, MemoryLookups()), Pass)


def test_a_text_of_100_kb_anywhere_swells_no_sentence() -> None:
    for example in EXAMPLES:
        for path in _PATHS[example.id]:
            raw = json.loads(json.dumps(example.raw))
            holder: Any = raw
            for step in path[:-1]:
                holder = holder[step]
            if not isinstance(holder[path[-1]], str) or path[-1] in ("eventName", "eventSource", "detail-type", "type"):
                continue
            holder[path[-1]] = _LONG
            event = Event.parse(raw)
            verdict = example.detection.assess(event, example.lookups)
            if isinstance(verdict, Concern):
                assert len(verdict.summary) < 1_500, (example.id, path)
                assert len(verdict.group) < 500, (example.id, path)
