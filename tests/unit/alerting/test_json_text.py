"""Indented JSON is what json.dumps writes, to the character."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from handlers.alerting.json_text import indented

_PLAIN = st.none() | st.booleans() | st.integers() | st.floats() | st.text()
_JSON = st.recursive(
    _PLAIN, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4), max_leaves=12
)


def _by_json(value: Any, *, sort_keys: bool) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False, default=str, sort_keys=sort_keys)


@given(_JSON, st.booleans())
def test_any_json_is_written_as_json_dumps_writes_it(value: Any, sort_keys: bool) -> None:
    assert indented(value, sort_keys=sort_keys) == _by_json(value, sort_keys=sort_keys)


class _Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "value",
    [
        {},
        [],
        {"a": {}, "b": []},
        {2: "a number for a key", None: "and null", True: "and true"},
        {"a": (1, 2), "b": {3}, "c": b"bytes", "d": object},
        {_Text("key"): _Text("a text of a class of its own")},
        [float("nan"), float("inf"), 1e300, 0.1],
        ["\ud800 half a character", "\x00\x1f\x7f\u2028\U0001f600", '"\\/'],
        10**4000,
    ],
)
@pytest.mark.parametrize("levels", [0, 18, 19, 20, 21, 60])
def test_what_is_no_plain_json_and_what_is_deep_is_left_to_json_dumps(value: Any, levels: int) -> None:
    for level in range(levels):
        value = {"in": value} if level % 2 else [value, level]
    assert indented(value) == _by_json(value, sort_keys=False)


def test_what_json_dumps_refuses_is_refused() -> None:
    circle: list[Any] = []
    circle.append(circle)
    with pytest.raises(ValueError, match="Circular"):
        indented(circle)
    with pytest.raises(TypeError):
        indented({"a": 1, 2: "b"}, sort_keys=True)
