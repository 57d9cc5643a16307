"""Patterns as SQL: which rows of a table may match, for engines that look at columns rather than at records.

Like the quick look it is derived from the patterns and asks less than they do: what a pattern asks of a field that is
no column, or in a way that is not translated, is left out, so that no row that matches is left out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

Column = Callable[[tuple[str, ...]], str | None]  # the SQL of a field of the record, None where it is no column

TRUE = "TRUE"


def condition(patterns: Sequence[Mapping[str, Any]], column: Column) -> str:
    """The rows that some pattern may match."""
    alternatives = [one_condition(pattern, column) for pattern in patterns]
    if TRUE in alternatives:
        return TRUE
    return f"({' OR '.join(dict.fromkeys(alternatives))})" if alternatives else "FALSE"


def one_condition(pattern: Mapping[str, Any], column: Column) -> str:
    """The rows that one pattern may match. A pattern for events that are no CloudTrail records matches none."""
    detail = pattern.get("detail")
    kinds = pattern.get("detail-type")
    if isinstance(kinds, list) and not any(isinstance(kind, str) and kind.endswith("via CloudTrail") for kind in kinds):
        return "FALSE"
    parts = []
    if isinstance(detail, Mapping):
        parts = list(_parts(detail, (), column))
    if not any(part.startswith(f"{column(('eventSource',))} ") for part in parts):
        parts += _source(pattern.get("source"), column)
    return f"({' AND '.join(parts)})" if parts else TRUE


def _source(conditions: object, column: Column) -> list[str]:
    """EventBridge's source is the record's eventSource, written otherwise."""
    name = column(("eventSource",))
    if name is None or not isinstance(conditions, list) or not all(isinstance(item, str) for item in conditions):
        return []
    services = [item.removeprefix("aws.") for item in conditions]
    return [f"{name} IN ({_texts([text for item in services for text in (item, f'{item}.amazonaws.com')])})"]


def _parts(pattern: Mapping[str, Any], path: tuple[str, ...], column: Column) -> list[str]:
    parts: list[str] = []
    for key, value in pattern.items():
        here = (*path, key)
        if isinstance(value, Mapping):
            parts += _parts(value, here, column)
        elif isinstance(value, list) and key != "$or":
            name = column(here)
            alternatives = [] if name is None else [_leaf(item, name, value) for item in value]
            if alternatives and None not in alternatives:
                words = [item for item in value if isinstance(item, str)]
                listed = [f"{name} IN ({_texts(words)})"] if words else []
                others = [text for item, text in zip(value, alternatives, strict=True) if not isinstance(item, str)]
                parts.append(_any_of([*listed, *(text for text in others if text)]))
    return parts


def _any_of(alternatives: Sequence[str]) -> str:
    return alternatives[0] if len(alternatives) == 1 else f"({' OR '.join(alternatives)})"


def _leaf(item: object, name: str, _all: list[Any]) -> str | None:
    """None: not translated."""
    if isinstance(item, str):
        return f"{name} = {_texts([item])}"
    if not isinstance(item, Mapping) or len(item) != 1:
        return None
    ((operator, operand),) = item.items()
    if not isinstance(operand, str) or set(operand) & set("%_\\"):
        return None
    match operator:
        case "prefix":
            return f"{name} LIKE {_texts([operand + '%'])}"
        case "suffix":
            return f"{name} LIKE {_texts(['%' + operand])}"
        case "wildcard":
            return f"{name} LIKE {_texts([operand.replace('*', '%')])}"
    return None


def _texts(words: Sequence[str]) -> str:
    return ", ".join("'" + word.replace("'", "''") + "'" for word in words)
