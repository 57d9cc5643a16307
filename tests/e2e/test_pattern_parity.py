"""Our pattern engine and the emulator's, which is an independent one, say the same."""

import json
import random
import subprocess
from pathlib import Path

import pytest

from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern
from handlers.detections import CATALOGUE
from tests.building import envelope, record
from tests.unit.alerting.test_pattern import CASES

ROOT = Path(__file__).parents[2]
PYTHON = ROOT / ".emulator" / "bin" / "python"
DETECTIONS = ROOT / "handlers" / "detections"


def emulator_says(pairs):
    if not PYTHON.exists():
        pytest.fail("the emulator is not set up: run `make setup`")
    lines = "\n".join(json.dumps(pair) for pair in pairs)
    script = Path(__file__).with_name("emulator_engine.py")
    done = subprocess.run([PYTHON, script], input=lines, capture_output=True, text=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def differences(pairs):
    said = emulator_says(pairs)
    assert len(said) == len(pairs)
    return [
        (pattern, event, theirs)
        for (pattern, event), theirs in zip(pairs, said, strict=True)
        if compile_pattern(pattern)(event) is not theirs
    ]


def example_envelopes():
    for path in sorted(DETECTIONS.glob("*/examples.json")):
        examples = json.loads(path.read_text())
        for example in examples["fires"] + examples["near_misses"]:
            yield dict(Event.parse(example["event"]).envelope)


def test_the_engines_agree_on_every_example_of_every_detection():
    pairs = [(dict(d.pattern), event) for event in example_envelopes() for d in CATALOGUE]
    assert len(pairs) >= 7 * 8 * 7
    assert differences(pairs) == []


def test_the_engines_agree_on_the_documented_operators():
    pairs = [({"detail": pattern}, envelope(detail)) for pattern, detail, _ in CASES]
    assert differences(pairs) == []


def test_the_engines_agree_on_random_patterns():
    dice = random.Random(20261102)
    pairs = [({"detail": some_pattern(dice)}, envelope(some_value(dice, {}))) for _ in range(3_000)]
    found = differences(pairs)
    matched = sum(compile_pattern(pattern)(event) for pattern, event in pairs)
    assert found == []
    assert 200 < matched < 2_800, "the dice should give matches and misses"


def some_pattern(dice, depth=0):
    keys = dice.sample("abc", dice.randint(1, 2))
    return {
        key: some_pattern(dice, depth + 1)
        if depth < 2 and dice.random() < 0.3
        else [some_condition(dice) for _ in range(dice.randint(1, 2))]
        for key in keys
    }


def some_condition(dice):
    word = dice.choice(["x", "xy", "yx", "Xy"])
    return dice.choice(
        [
            word,
            dice.choice([1, 2.5, True, False, None]),
            {"prefix": word},
            {"suffix": word},
            {"equals-ignore-case": word},
            {"wildcard": dice.choice(["x*", "*y", "x*y*", "*"])},
            {"exists": dice.choice([True, False])},
            {"anything-but": dice.choice([word, [word, "y"], {"prefix": word}, {"suffix": word}])},
            {"numeric": dice.choice([[">", 1], [">=", 1, "<", 3], ["=", 2.5]])},
        ]
    )


def some_value(dice, kind=None):
    if kind == {} or (kind is None and dice.random() < 0.25):
        return {key: some_value(dice) for key in dice.sample("abc", dice.randint(0, 3))}
    if dice.random() < 0.2:
        return [some_value(dice, "leaf" if dice.random() < 0.7 else None) for _ in range(dice.randint(0, 3))]
    return dice.choice(["x", "xy", "yx", "Xy", "", 1, 2, 2.5, True, False, None])


def test_the_emulator_can_say_no():
    pair = ({"detail": {"eventName": ["DeleteUser"]}}, envelope(record()))
    assert emulator_says([pair]) == [False]
