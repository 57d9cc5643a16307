"""EventBridge's pattern language, as far as detections use it, compiled once into plain functions.

Semantics after the EventBridge user guide, "Operators for use in event patterns": a field matches when any of its
values satisfies any of the listed conditions; a field that is an array matches by any element, and paths lead through
arrays of objects. What we do not evaluate is refused when the pattern is compiled, never silently passed.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from handlers.alerting.errors import UnknownOperatorError

Matcher = Callable[[Mapping[str, Any]], bool]
_Test = Callable[[Any], bool]
_ABSENT = object()
_ON_TEXTS = frozenset({"prefix", "suffix", "wildcard", "equals-ignore-case"})  # what is absent satisfies none of these
_SIGNS: Mapping[str, Callable[[float, float], bool]] = {
    "=": lambda left, right: left == right,
    "<": lambda left, right: left < right,
    "<=": lambda left, right: left <= right,
    ">": lambda left, right: left > right,
    ">=": lambda left, right: left >= right,
}


def compile_pattern(pattern: Mapping[str, Any]) -> Matcher:
    """Turn a pattern into a function of an envelope that says whether it matches; it never raises on any envelope.

    Raises:
        UnknownOperatorError: the pattern uses an operator or a form that is not evaluated here; names the path.
    """
    return _object_matcher(pattern, "")


def literals_at(pattern: Mapping[str, Any], *path: str) -> frozenset[str] | None:
    """The strings this pattern admits at a path, where it lists plain strings there and nothing else; else None."""
    value: Any = pattern
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    if isinstance(value, list) and value and all(isinstance(item, str) for item in value):
        return frozenset(value)
    return None


def needs_value_at(pattern: Mapping[str, Any], *path: str) -> bool:
    """Whether the pattern asks for a text at a path, so that it matches nothing that has no such field.

    False wherever that is not plain to see: for what only its absence, an object or a number would answer.
    """
    value: Any = pattern
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return (
        isinstance(value, list)
        and bool(value)
        and all(isinstance(item, str) or (isinstance(item, Mapping) and set(item) <= _ON_TEXTS) for item in value)
    )


def _object_matcher(pattern: Mapping[str, Any], path: str) -> Matcher:
    if not pattern:
        raise UnknownOperatorError(f"the pattern at {path or 'the top'} is empty: EventBridge refuses it")
    parts = [_entry_matcher(key, value, path) for key, value in pattern.items()]
    if len(parts) == 1:
        return parts[0]

    def matches(value: Mapping[str, Any]) -> bool:
        for part in parts:  # noqa: SIM110 - every event goes through here, and all() of a generator takes twice as long
            if not part(value):
                return False
        return True

    return matches


def _entry_matcher(key: str, value: Any, path: str) -> Matcher:
    here = f"{path}.{key}" if path else key
    if key == "$or":
        if not isinstance(value, Sequence) or isinstance(value, str) or len(value) < 2:
            raise UnknownOperatorError(f"{here} needs a list of at least two patterns")
        branches = [_object_matcher(branch, f"{here}[{index}]") for index, branch in enumerate(value)]
        return lambda holder: any(branch(holder) for branch in branches)
    if isinstance(value, Mapping):
        return _nested_matcher(key, _object_matcher(value, here), asks_absence=_asks_absence(value))
    if isinstance(value, list) and value:
        return _leaf_matcher(key, list(_tests(value, here)))
    raise UnknownOperatorError(f"{here} is {value!r}: a pattern has lists of conditions, or objects, at its fields")


def _nested_matcher(key: str, inner: Matcher, *, asks_absence: bool) -> Matcher:
    def matches(holder: Mapping[str, Any]) -> bool:
        child = holder.get(key)
        if type(child) is dict:  # nearly always: an object, and no array of them
            return inner(child)
        children = [item for item in _values(child) if isinstance(item, Mapping)]
        if children:
            return any(inner(child) for child in children)
        return asks_absence and inner({})  # {"exists": false} holds below a parent that is not there

    return matches


def _asks_absence(pattern: Mapping[str, Any]) -> bool:
    return any(
        _asks_absence(value)
        if isinstance(value, Mapping)
        else isinstance(value, list)
        and any(isinstance(item, Mapping) and item.get("exists") is False for item in value)
        for value in pattern.values()
    )


def _leaf_matcher(key: str, tests: Sequence[_Test]) -> Matcher:
    if len(tests) == 1:
        (only,) = tests
        return lambda holder: only(holder.get(key, _ABSENT))
    return lambda holder: any(test(holder.get(key, _ABSENT)) for test in tests)


def _values(value: Any) -> Iterator[Any]:
    """The value itself, or the elements of an array however nested, without recursion."""
    stack = [value]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        else:
            yield item


def _any(test: _Test) -> _Test:
    def holds(value: Any) -> bool:
        if type(value) is str:
            return test(value)
        return value is not _ABSENT and any(test(item) for item in _values(value))

    return holds


def _tests(conditions: Sequence[Any], path: str) -> Iterator[_Test]:
    """A test for each condition; plain words, of which a pattern may list dozens, are one test, wildcards another."""
    words = frozenset(item for item in conditions if isinstance(item, str))
    if words:
        yield _one_of(words)
    wildcards = [item for item in conditions if isinstance(item, Mapping) and set(item) == {"wildcard"}]
    if wildcards:
        yield _wildcard([word for item in wildcards for word in _texts(item["wildcard"], path, "wildcard")], path)
    yield from (_condition(item, path) for item in conditions if not isinstance(item, str) and item not in wildcards)


def _one_of(words: frozenset[str]) -> _Test:
    def holds(value: Any) -> bool:
        if type(value) is str:
            return value in words
        return value is not _ABSENT and any(type(item) is str and item in words for item in _values(value))

    return holds


def _condition(item: Any, path: str) -> _Test:
    if item is None or isinstance(item, (bool, int, float)):
        return _any(lambda value: _equal(value, item))
    if isinstance(item, Mapping) and len(item) == 1:
        ((operator, operand),) = item.items()
        build = _OPERATORS.get(operator)
        if build is not None:
            return build(operand, path)
        raise UnknownOperatorError(f"{path}: the operator {operator!r} is not evaluated here")
    raise UnknownOperatorError(f"{path}: {item!r} is not a condition")


def _equal(value: Any, wanted: Any) -> bool:
    if isinstance(value, bool) or isinstance(wanted, bool) or value is None or wanted is None:
        return value is wanted
    return type(value) in (str, int, float) and isinstance(value, str) == isinstance(wanted, str) and value == wanted


def _exists(operand: Any, path: str) -> _Test:
    if not isinstance(operand, bool):
        raise UnknownOperatorError(f"{path}: exists takes true or false")
    # A field that holds an object does not count as a leaf; EventBridge looks at leaf nodes only.
    return lambda value: (
        (value is not _ABSENT and any(not isinstance(item, Mapping) for item in _values(value))) == operand
    )


def _texts(operand: Any, path: str, operator: str) -> tuple[str, ...]:
    words = tuple(operand) if isinstance(operand, list) else (operand,)
    if not words or not all(isinstance(word, str) and word for word in words):
        raise UnknownOperatorError(f"{path}: {operator} takes a non-empty string")
    return words


def _affix(name: str, holds: Callable[[str, tuple[str, ...]], bool]) -> Callable[[Any, str], _Test]:
    """The operator for one end of a string: words as they are, or {"equals-ignore-case": words}."""

    def build(operand: Any, path: str) -> _Test:
        if isinstance(operand, Mapping) and set(operand) == {"equals-ignore-case"}:
            folded = tuple(word.casefold() for word in _texts(operand["equals-ignore-case"], path, name))
            return _any(lambda value: isinstance(value, str) and holds(value.casefold(), folded))
        words = _texts(operand, path, name)
        return _any(lambda value: isinstance(value, str) and holds(value, words))

    return build


def _ignoring_case(operand: Any, path: str) -> _Test:
    folded = {word.casefold() for word in _texts(operand, path, "equals-ignore-case")}
    return _any(lambda value: isinstance(value, str) and value.casefold() in folded)


def _wildcard(operand: Any, path: str) -> _Test:
    globs = [word.split("*") for word in _texts(operand, path, "wildcard")]
    if any("\\" in part for parts in globs for part in parts):
        raise UnknownOperatorError(f"{path}: an escaped wildcard is not evaluated here")
    within = [parts[1] for parts in globs if len(parts) == 3 and not (parts[0] or parts[2])]  # "*Admin*"
    others = [parts for parts in globs if len(parts) != 3 or parts[0] or parts[2]]

    def holds(value: Any) -> bool:
        if not isinstance(value, str):
            return False
        for word in within:
            if word in value:
                return True
        return any(_glob(parts, value) for parts in others)

    return _any(holds)


def matches_glob(glob: str, text: str) -> bool:
    """Whether the text is the glob, in which `*` stands for any characters, also none or `/`. Case counts."""
    return _glob(glob.split("*"), text)


def matches_arn(pattern: str, arn: str) -> bool:
    """Segment by segment: a `*` for a part of a name does not reach into a path, where anybody's names may be."""
    wanted, found = pattern.split("/"), arn.split("/")
    return len(wanted) == len(found) and all(map(matches_glob, wanted, found))


def _glob(parts: Sequence[str], text: str) -> bool:
    """Match the parts between asterisks in one pass, leftmost first: no backtracking."""
    if len(parts) == 1:
        return text == parts[0]
    first, *middle, last = parts
    if len(text) < len(first) + len(last) or not text.startswith(first) or not text.endswith(last):
        return False
    position, end = len(first), len(text) - len(last)
    for part in middle:
        found = text.find(part, position, end)
        if found < 0:
            return False
        position = found + len(part)
    return True


def _anything_but(operand: Any, path: str) -> _Test:
    """Some value of the field differs from all that are named; a field that is absent does not match."""
    inner = _condition(operand, path) if isinstance(operand, Mapping) else None
    if inner is None:
        unwanted = operand if isinstance(operand, list) else [operand]
        if not unwanted or not all(isinstance(word, (str, int, float, bool)) or word is None for word in unwanted):
            raise UnknownOperatorError(f"{path}: anything-but takes plain values")
        inner = _any(lambda value: any(_equal(value, word) for word in unwanted))
    test = inner
    return lambda value: (
        value is not _ABSENT and any(not isinstance(item, Mapping) and not test(item) for item in _values(value))
    )


def _numeric(operand: Any, path: str) -> _Test:
    if not isinstance(operand, list) or not operand or len(operand) % 2:
        raise UnknownOperatorError(f"{path}: numeric takes pairs of a sign and a number")
    pairs = list(zip(operand[::2], operand[1::2], strict=True))
    if not all(sign in _SIGNS and isinstance(bound, (int, float)) for sign, bound in pairs):
        raise UnknownOperatorError(f"{path}: numeric takes pairs of a sign and a number")
    return _any(
        lambda value: (
            isinstance(value, (int, float))
            and not isinstance(value, bool)
            and all(_SIGNS[sign](value, bound) for sign, bound in pairs)
        )
    )


def _cidr(operand: Any, path: str) -> _Test:
    try:
        networks = [ipaddress.ip_network(word) for word in _texts(operand, path, "cidr")]
    except ValueError as error:
        raise UnknownOperatorError(f"{path}: {error}") from error

    def inside(value: Any) -> bool:
        try:
            address = ipaddress.ip_address(value) if isinstance(value, str) else None
        except ValueError:
            return False
        return address is not None and any(address in network for network in networks)

    return _any(inside)


_OPERATORS: Mapping[str, Callable[[Any, str], _Test]] = {
    "exists": _exists,
    "prefix": _affix("prefix", str.startswith),
    "suffix": _affix("suffix", str.endswith),
    "equals-ignore-case": _ignoring_case,
    "wildcard": _wildcard,
    "anything-but": _anything_but,
    "numeric": _numeric,
    "cidr": _cidr,
}
