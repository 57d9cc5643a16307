"""What it costs to hold one event against the catalogue: our look-up, a loop over every pattern, and moto's engine."""

from __future__ import annotations

import dataclasses
import gc
import json
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from moto.events.models import EventPattern

from handlers.adapters.memory import MemoryLookups
from handlers.alerting.catalogue import Catalogue
from handlers.alerting.detection import Concern
from handlers.alerting.event import Event
from handlers.alerting.pattern import compile_pattern
from handlers.detections import CATALOGUE
from tests.building import envelope, record

EXAMPLES = Path(__file__).parents[2] / "handlers" / "detections"
ROUNDS = 7
REPEAT = 20
GOAL = 100.0  # microseconds, for every event that fires
SHOWN = 5


def per_call(work: Callable[[], object], repeat: int) -> float:
    """Microseconds of one call: the median of several rounds."""
    rounds = []
    for _ in range(ROUNDS):
        begun = time.thread_time()  # of the processor: others may be at work on this machine
        for _ in range(repeat):
            work()
        rounds.append((time.thread_time() - begun) / repeat * 1e6)
    return statistics.median(rounds)


def firing_costs(catalogue: Catalogue) -> Iterator[tuple[float, str]]:
    """What each firing example costs, in microseconds, with its name; lookups answer at once, from memory.

    Each time it is another Event: what one keeps to itself - its actor, a detection's answer - is worked out again.
    """
    for path in sorted(EXAMPLES.glob("*/examples.json")):
        for example in json.loads(path.read_text())["fires"]:
            lookups = MemoryLookups(answers=example.get("lookups", {}))
            outcomes = list(catalogue.outcomes(Event.parse(example["event"]), lookups))
            if any(isinstance(outcome.verdict, Concern) for outcome in outcomes):
                yield _cost(catalogue, example["event"], lookups), f"{path.parent.name}: {example['name']}"


def _cost(catalogue: Catalogue, raw: dict[str, object], lookups: MemoryLookups) -> float:
    events = iter([Event.parse(raw) for _ in range(ROUNDS * REPEAT)])
    return per_call(lambda: list(catalogue.outcomes(next(events), lookups)), REPEAT)


def main() -> None:
    gc.disable()  # as timeit does: whose rubbish it takes away is chance
    try:
        _print_costs()
    finally:
        gc.enable()


def _print_costs() -> None:
    catalogue, lookups = Catalogue(CATALOGUE), MemoryLookups()
    quiet = Event.parse(envelope(record(eventName="DescribeInstances", eventSource="ec2.amazonaws.com", readOnly=True)))
    padded = [dataclasses.replace(d, id=f"{d.id}-{n}") for n in range(200 // len(CATALOGUE) + 1) for d in CATALOGUE][
        :200
    ]
    padded = [
        d if index < len(CATALOGUE) else dataclasses.replace(d, pattern=_renamed(d.pattern, index))
        for index, d in enumerate(padded)
    ]
    wide = Catalogue(padded)
    matchers = [compile_pattern(d.pattern) for d in CATALOGUE]
    moto = [EventPattern.load(json.dumps(d.pattern)) for d in CATALOGUE]

    looked_up = per_call(lambda: list(catalogue.outcomes(quiet, lookups)), 20_000)
    at_200 = per_call(lambda: list(wide.outcomes(quiet, lookups)), 20_000)
    looped = per_call(lambda: [m(quiet.envelope) for m in matchers], 2_000)
    by_moto = per_call(lambda: [p.matches_event(quiet.envelope) for p in moto], 20)
    costs = sorted(firing_costs(catalogue))
    at = {percent: costs[min(len(costs) - 1, len(costs) * percent // 100)][0] for percent in (50, 95, 99)}

    print(f"One event against the catalogue of {len(CATALOGUE)} detections (microseconds, and times our look-up):")
    for name, value in (
        ("an event nobody wants, looked up", looked_up),
        ("the same with 200 detections", at_200),
        ("a loop over every pattern", looped),
        ("moto's pattern engine", by_moto),
        *((f"an event that fires, p{percent} of {len(costs)}", value) for percent, value in at.items()),
        ("an event that fires, max", costs[-1][0]),
    ):
        print(f"  {name:44} {value:9.2f}  x {value / looked_up:8.2f}")
    above = sum(cost > GOAL for cost, _ in costs)
    print(f"Of the {len(costs)} that fire, {above} take more than {GOAL:.0f} microseconds. The worst:")
    for cost, name in reversed(costs[-SHOWN:]):
        print(f"  {cost:9.2f}  {name}")


def _renamed(pattern: object, index: int) -> dict[str, object]:
    """The same pattern for other event names, so that 200 detections are not 200 times the same."""
    value = json.loads(json.dumps(pattern))
    names = value.get("detail", {}).get("eventName")
    if isinstance(names, list):
        value["detail"]["eventName"] = [f"{name}{index}" if isinstance(name, str) else name for name in names]
    return value


if __name__ == "__main__":
    main()
