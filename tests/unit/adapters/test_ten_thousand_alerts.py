"""Ten thousand generated alerts: every detection's messages, in every language, within Slack's limits."""

from __future__ import annotations

import copy
import dataclasses
import json
import random
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from handlers.adapters.slack_message import BUDGET, announcement, follow_up
from handlers.adapters.wording import LANGUAGES
from handlers.alerting.detection import Concern, Detection, Exhibit, Fact
from handlers.alerting.errors import UnreadableEventError
from handlers.alerting.event import Event
from handlers.alerting.finding import Finding
from handlers.detections import CATALOGUE
from tests.unit.adapters.inspection import check_limits
from tests.unit.adapters.samples import NOW, SETTINGS, alert, told
from tests.unit.detections.examples import FIRING, Example
from tests.unit.hostile_strings import HOSTILE, SHAPES

ALERTS = 10_000
_EACH = -(-ALERTS // len(CATALOGUE))  # of each detection
_CHOICES = (*HOSTILE, *SHAPES)


def _leaves(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """Where the texts of a record are."""
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if isinstance(item, str):
            yield (*path, key)
        else:
            yield from _leaves(item, (*path, key))


def _spoilt(example: Example, chance: random.Random) -> Finding:
    """The finding of an example in which an attacker chose some of the texts; as it is where that does not fire."""
    raw = copy.deepcopy(dict(example.raw))
    body = raw.get("detail", raw)
    for path in chance.sample(leaves := list(_leaves(body)), k=min(len(leaves), chance.randint(1, 6))):
        place = body
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = chance.choice(_CHOICES)
    for candidate in (raw, example.raw):
        try:
            event = Event.parse(json.dumps(candidate))
        except UnreadableEventError:  # announced as such
            continue
        concern = example.detection.assess(event, example.lookups)
        if isinstance(concern, Concern):
            return Finding.of(example.detection, event, concern, now=NOW)
    raise AssertionError(example.id)


@pytest.mark.parametrize("detection", CATALOGUE, ids=lambda detection: detection.id)
def test_every_message_of_a_detection_keeps_slacks_limits_in_every_language(detection: Detection) -> None:
    chance, languages = random.Random(detection.id), tuple(LANGUAGES)
    examples = [example for example in FIRING if example.detection is detection]
    for number in range(_EACH):
        finding = _spoilt(examples[number % len(examples)], chance)
        if number % 3 == 0:
            more = [chance.choice(_CHOICES) for _ in range(8)]
            finding = dataclasses.replace(
                finding,
                account_name=more[0],
                error=more[1] or None,
                user_agent=more[2],
                facts=(*finding.facts, *(Fact(label="Seen before", value=text[:2_000]) for text in more[3:])),
                exhibits=(*finding.exhibits, Exhibit(title="What changed", text=more[4][:20_000])),
            )
        raised = alert(finding, loud=number + 1, count=number + 2)
        worse = dataclasses.replace(finding, id=f"{finding.id}-2", received=NOW + timedelta(minutes=1))
        # Each alert in one language: every other one of a detection's is in the same.
        settings = dataclasses.replace(SETTINGS, language=languages[number % len(languages)], reacts=True)
        blocks = announcement(raised, settings=settings).blocks
        assert len(json.dumps(blocks, ensure_ascii=False, separators=(",", ":")).encode()) <= BUDGET
        check_limits([block for block in blocks if block["type"] not in ("actions", "section")])
        if number % 5 == 0:
            news = follow_up(raised, told(), [finding, worse], settings=settings, broadcast=number % 2 == 0)
            check_limits(news.blocks)
