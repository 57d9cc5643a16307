"""A detection that others build upon answers once an event, and never with another event's answer."""

from __future__ import annotations

import pytest

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups
from handlers.detections import CATALOGUE
from handlers.detections.once import once_an_event
from tests.building import envelope, record

_LOOKUPS = MemoryLookups()


def _event(name: str) -> Event:
    return Event.parse(envelope(record(eventName=name)))


def test_an_answer_is_worked_out_once_for_one_event_and_its_lookups() -> None:
    asked: list[str] = []

    @once_an_event
    def assess(event: Event, lookups: Lookups) -> Concern | Pass:
        asked.append(event.name)
        return Pass(reason=event.name)

    first, second = _event("First"), _event("Second")
    assert assess(first, _LOOKUPS) is assess(first, _LOOKUPS)
    assert assess(second, _LOOKUPS) == Pass(reason="Second")
    assert assess(first, _LOOKUPS) == Pass(reason="First")
    assert asked == ["First", "Second", "First"]
    assess(first, MemoryLookups())  # equal, but who knows whether they answer the same
    assess(_event("First"), _LOOKUPS)  # the same words in another event
    assert asked[3:] == ["First", "First"]


def test_a_crash_is_no_answer_and_is_tried_again() -> None:
    answers = iter([RuntimeError("the table was busy"), Pass(reason="nothing")])

    @once_an_event
    def assess(event: Event, lookups: Lookups) -> Concern | Pass:
        answer = next(answers)
        if isinstance(answer, Exception):
            raise answer
        return answer

    event = _event("First")
    with pytest.raises(RuntimeError):
        assess(event, _LOOKUPS)
    assert assess(event, _LOOKUPS) == Pass(reason="nothing")


def test_every_detection_that_another_asks_answers_once() -> None:
    asked = {
        other.id
        for detection in CATALOGUE
        for value in vars(__import__(detection.assess.__module__, fromlist=["assess"])).values()
        for other in (value if isinstance(value, tuple) else (value,))
        if other in CATALOGUE and other is not detection and detection.pack == "cis"
    }
    once = {detection.id for detection in CATALOGUE if hasattr(detection.assess, "__wrapped__")}
    assert asked
    assert asked <= once
