"""What answers a question: an engine takes SQL of Athena's with named parameters, and returns rows."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol


@dataclass(frozen=True, kw_only=True)
class Answer:
    """Rows, and how far they can be trusted. Every string of a row may be an attacker's."""

    columns: tuple[str, ...]
    rows: Sequence[tuple[Any, ...]]
    scanned_bytes: int  # of logs or of the Parquet copy, as they lie in store
    partial: tuple[str, ...] = ()  # why rows may be missing, a sentence each; (): nothing was left out


class EngineError(Exception):
    """A question was not answered. The text says what, where, why, and what to do."""


class Engine(Protocol):
    """DuckDB on this machine, or Athena."""

    def run(self, sql: str, parameters: Mapping[str, object]) -> Answer:
        """Answer SQL of Athena's; parameters are bound, never pasted into the text.

        A parameter is a string, a whole number, or a sequence of strings: `region IN (:region)` then has a place for
        each, and is true where the sequence is empty.

        Raises:
            EngineError: it was not answered.
        """


# Strings, quoted names and comments pass as they are; "::" is no parameter.
_TOKEN = re.compile(
    r"""('(?:[^']|'')*'|"(?:[^"]|"")*"|--[^\n]*|/\*.*?\*/|::)"""
    r"""|((?:\w+\.)*\w+)\s+IN\s*\(\s*:([A-Za-z_]\w*)\s*\)|:([A-Za-z_]\w*)""",
    re.DOTALL | re.IGNORECASE,
)


def named(sql: str, parameters: Mapping[str, object]) -> tuple[str, dict[str, str | int]]:
    """The SQL with a named parameter for every single value, and those values by name; only what it uses.

    Raises:
        EngineError: it uses a parameter that has no value.
    """
    values: dict[str, str | int] = {}

    def place(name: str, value: object) -> str:
        if not isinstance(value, str | int):
            raise EngineError(f'the parameter ":{name}" is a {type(value).__name__}; it can be a text or a number.')
        values[name] = value
        return f":{name}"

    return _placed(sql, parameters, place), values


def positional(sql: str, parameters: Mapping[str, object]) -> tuple[str, list[str | int]]:
    """The SQL with a `?` for every value, and the values in that order: as Athena's execution parameters are.

    Raises:
        EngineError: it uses a parameter that has no value.
    """
    values: list[str | int] = []

    def place(name: str, value: object) -> str:
        if not isinstance(value, str | int):
            raise EngineError(f'the parameter ":{name}" is a {type(value).__name__}; it can be a text or a number.')
        values.append(value)
        return "?"

    return _placed(sql, parameters, place), values


def used_parameters(sql: str) -> frozenset[str]:
    """The names of the parameters that the SQL uses."""
    return frozenset(found[3] or found[4] for found in _TOKEN.finditer(sql) if found[3] or found[4])


def _placed(sql: str, parameters: Mapping[str, object], place: Callable[[str, object], str]) -> str:
    def replaced(found: re.Match[str]) -> str:
        if found[1] is not None:
            return found[1]
        name = found[3] or found[4]
        if name not in parameters:
            raise EngineError(f'the SQL uses the parameter ":{name}", which has no value.')
        value = parameters[name]
        if found[3] is None:
            return place(name, value)
        items = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else [value]
        if not items:
            return "TRUE"
        places = ", ".join(
            place(f"{name}_{number}" if len(items) > 1 else name, item) for number, item in enumerate(items)
        )
        return f"{found[2]} IN ({places})"

    return _TOKEN.sub(replaced, sql)


def written_out(sql: str, texts: Mapping[str, object]) -> str:
    """The SQL with SQL text in place of each parameter, which is pasted as it is: for texts of our own alone.

    Raises:
        EngineError: it uses a parameter that has no text.
    """
    return _placed(sql, texts, lambda _name, text: str(text))
