"""A detection that others build upon is asked several times about one event, and works its answer out once."""

from __future__ import annotations

import functools
from collections.abc import Callable

from handlers.alerting.detection import Concern, Pass
from handlers.alerting.event import Event
from handlers.alerting.ports import Lookups

_Assess = Callable[[Event, Lookups], Concern | Pass]


def once_an_event(assess: _Assess) -> _Assess:
    """Keep the last answer, for the catalogue and for each detection that asks "is it told by this one?".

    Only the last, and only for the very same event and lookups: both are held with the answer, so nothing else can come
    to have their identity, and no sender of events can make it grow. A crash is no answer and is not kept.
    """
    last: tuple[Event, Lookups, Concern | Pass] | None = None

    @functools.wraps(assess)
    def assess_once(event: Event, lookups: Lookups) -> Concern | Pass:
        nonlocal last
        known = last  # read once: another thread may put its own in place
        if known is not None and known[0] is event and known[1] is lookups:
            return known[2]
        verdict = assess(event, lookups)
        last = (event, lookups, verdict)
        return verdict

    return assess_once
