"""Filling answers into a commented TOML file, so that its explanations stay."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Value = str | int | bool | list[str]
Setting = tuple[str, str]  # section, key

_HEADER = re.compile(r"\s*\[([A-Za-z0-9_-]+)\]\s*(?:#.*)?")
_COMMENTED_HEADER = re.compile(r"#\s?\[[A-Za-z0-9_-]+\]\s*")
_COMMENTED = re.compile(r"#\s?([A-Za-z0-9_-]+)\s*=\s*\S.*")


@dataclass(frozen=True, kw_only=True)
class _Block:
    """Some lines of the text: one setting over as many lines as it takes, or one line of anything else."""

    lines: tuple[str, ...]
    section: str = ""  # "" above the first section, and below one that is commented out
    key: str = ""  # of a setting; "" for any other line
    value: Any = None
    is_commented: bool = False  # the setting is only an example


def filled_in(text: str, answers: Mapping[Setting, Value], *, keep: Callable[[str, str, Any], bool]) -> str:
    """The text with each answer in its setting's place: instead of its value, or of a commented example of it.

    A setting that is not among the answers stays where `keep(section, key, value)` says so; else it is commented out.
    An answer that has no place in the text is added at the end, in a section of its own or at the end of its section.
    """
    blocks = list(_blocks(text))
    set_ = {(block.section, block.key) for block in blocks if block.key and not block.is_commented}
    left = dict(answers)
    result: list[str] = []
    ends: dict[str, int] = {}  # section -> the line in the result after its last setting or its heading
    for block in blocks:
        setting = (block.section, block.key)
        if block.key and setting in left and not (block.is_commented and setting in set_):
            result.append(_written(block.key, left.pop(setting)))
        elif block.key and not block.is_commented and not keep(block.section, block.key, block.value):
            result += [f"# {line}" for line in block.lines]
        else:
            result += block.lines
        if block.section and (block.key or _HEADER.fullmatch(block.lines[0])):
            ends[block.section] = len(result)
    return "\n".join(_with_the_rest(result, left, ends)).rstrip("\n") + "\n"


def _with_the_rest(lines: list[str], left: Mapping[Setting, Value], ends: Mapping[str, int]) -> list[str]:
    """The lines and the settings that found no place among them."""
    added: dict[str, list[str]] = {}
    for (section, key), value in left.items():
        added.setdefault(section, []).append(_written(key, value))
    # From the bottom up, so that the places above stay true.
    for section in sorted(added.keys() & ends.keys(), key=lambda name: -ends[name]):
        lines[ends[section] : ends[section]] = added[section]
    for section in sorted(added.keys() - ends.keys()):
        lines += ["", f"[{section}]", *added[section]]
    return lines


def _blocks(text: str) -> Iterator[_Block]:
    """The text in blocks. A setting's lines are those that tomllib takes together, so that lists keep their form."""
    lines = text.split("\n")
    section = ""
    index = 0
    while index < len(lines):
        line = lines[index]
        if header := _HEADER.fullmatch(line):
            section = header[1]
        elif _COMMENTED_HEADER.fullmatch(line):
            section = ""
        elif commented := _COMMENTED.fullmatch(line):
            yield _Block(lines=(line,), section=section, key=commented[1], is_commented=True)
            index += 1
            continue
        elif line.strip() and not line.lstrip().startswith("#"):
            end, parsed = _statement(lines, index)
            ((key, value),) = parsed.items()
            yield _Block(lines=tuple(lines[index:end]), section=section, key=key, value=value)
            index = end
            continue
        yield _Block(lines=(line,), section=section)
        index += 1


def _statement(lines: Sequence[str], start: int) -> tuple[int, dict[str, Any]]:
    """Where the setting that begins at line `start` ends, and what it says. Raises ValueError where it never does."""
    for end in range(start + 1, len(lines) + 1):
        try:
            return end, tomllib.loads("\n".join(lines[start:end]))
        except tomllib.TOMLDecodeError:
            continue
    raise ValueError(f"line {start + 1} begins no setting: {lines[start][:80]!r}")


def _written(key: str, value: Value) -> str:
    return f"{key} = {_toml(value)}"


def _toml(value: Value) -> str:
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if isinstance(value, str):
        # JSON's strings are TOML's, but for DEL, which TOML wants escaped.
        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return json.dumps(value)
