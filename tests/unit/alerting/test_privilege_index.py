"""The index from actions to escalation paths gives what looking at each path gives."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from handlers.alerting.privilege.tables import Needs, numbers, table

_FACTS = table()
_BITS = [1 << number for number in numbers(_FACTS.everything)]
_ALLOWED = st.sets(st.sampled_from(_BITS), max_size=12) | st.sets(st.sampled_from(_BITS), min_size=len(_BITS) // 2)
_PATHS = st.integers(0, (1 << len(_FACTS.paths)) - 1)


def _one_by_one(needs: Needs, among: int, allowed: int) -> int:
    for path in _FACTS.paths:
        if needs is _FACTS.needs_anywhere:
            steps = [step.actions for step in path.steps]
        else:
            steps = [step.actions for step in path.all_steps if step.where == needs.where]
        if not all(allowed & actions for actions in steps):
            among &= ~path.bit
    return among


@given(_PATHS, _ALLOWED)
def test_the_paths_that_are_left_are_those_of_which_every_step_is_allowed(among: int, allowed: set[int]) -> None:
    for needs in (_FACTS.needs_anywhere, *_FACTS.needs):
        assert needs.met(among, sum(allowed)) == _one_by_one(needs, among, sum(allowed))


def test_nothing_allowed_and_everything_allowed_decide_at_once() -> None:
    everything = (1 << len(_FACTS.paths)) - 1
    for needs in (_FACTS.needs_anywhere, *_FACTS.needs):
        assert needs.met(everything, 0) == everything & ~needs.paths
        assert needs.met(everything, _FACTS.everything) == everything


def test_kinds_that_are_alike_need_all_that_each_of_them_needs() -> None:
    some, anything = _FACTS.needs_where_kinds_are_alike
    assert (some.where, anything.where) == ("some", "anything")
    assert some.paths | anything.paths == (1 << len(_FACTS.paths)) - 1
    for bit in _BITS:
        left = some.met(anything.met(_FACTS.paths_at_large, bit), bit)
        by_kind = _FACTS.paths_at_large
        for needs in _FACTS.needs:
            by_kind = needs.met(by_kind, bit)
        assert left == by_kind


def test_a_set_of_bits_gives_their_numbers_in_order() -> None:
    assert list(numbers(0b1010_0001)) == [0, 5, 7]
    assert list(numbers(0)) == []
