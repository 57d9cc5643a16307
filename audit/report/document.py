"""A report as values, in no language: figures, tables and plots, each with the query that gives it again.

What was not measured is `Missing`, with its reason, and never a number.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from enum import StrEnum

from audit.report.month import Month


@dataclass(frozen=True)
class Word:
    """A word of the report's own, to be said in the reader's language: a key of `words`."""

    key: str
    values: Mapping[str, str | int] = field(default_factory=dict, hash=False)


@dataclass(frozen=True)
class Missing:
    """Not measured, and why: in our words, or as somebody else said it ("AccessDenied")."""

    why: Word
    detail: str = ""


@dataclass(frozen=True)
class Title:
    """A text that is there in both languages already: a question's title."""

    en: str
    ja: str


Cell = str | int | float | bool | date | datetime | timedelta | Word | Title | Missing | None


class Tone(StrEnum):
    """How a figure is to be read; said in words beside it, never by colour alone."""

    PLAIN = "plain"
    GOOD = "good"
    WATCH = "watch"
    BAD = "bad"


@dataclass(frozen=True, kw_only=True)
class Source:
    """Where numbers come from, and what a reader types to have them again."""

    id: str
    title: Word | Title
    command: str  # "" where there is none: `where` says what was asked
    where: str = ""  # the table, or the API calls
    sql: str = ""
    parameters: Mapping[str, str] = field(default_factory=dict)
    scanned_bytes: int | None = None


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One number with its name. `source` is the id of a Source."""

    key: str
    value: Cell
    source: str
    tone: Tone = Tone.PLAIN


@dataclass(frozen=True, kw_only=True)
class Table:
    """Rows below named columns. A column's name is a key of `words`, or somebody else's name where `foreign`."""

    id: str  # unique in a report: also the name of its CSV file
    caption: Word | Title
    columns: tuple[str, ...]
    rows: Sequence[tuple[Cell, ...]]
    source: str
    foreign: bool = False
    below: tuple[str, ...] = ()  # columns whose texts are long: on a page they stand below their row
    partial: tuple[Missing, ...] = ()  # why rows may be missing


class Plot(StrEnum):
    """How numbers are drawn."""

    STACKED = "stacked"  # a bar for each label, a part of it for each series
    BARS = "bars"
    HEAT = "heat"  # a row for each series


@dataclass(frozen=True, kw_only=True)
class Series:
    """One number for each label."""

    name: Cell
    style: str  # of its colour: "CRITICAL", "plain"
    values: tuple[int, ...]


@dataclass(frozen=True, kw_only=True)
class Chart:
    """Numbers to be looked at; a table says the same."""

    id: str
    caption: Word
    plot: Plot
    label: Word  # what the labels are
    labels: tuple[Cell, ...]
    series: tuple[Series, ...]
    source: str


@dataclass(frozen=True, kw_only=True)
class Section:
    """A part of the report. `missing`: nothing of it could be measured."""

    key: str
    figures: tuple[Figure, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    notes: tuple[Word, ...] = ()
    missing: Missing | None = None

    @property
    def partial(self) -> tuple[Missing, ...]:
        """Why something in it may be missing, each reason once."""
        return tuple(dict.fromkeys(reason for table in self.tables for reason in table.partial))


@dataclass(frozen=True, kw_only=True)
class Report:
    """All of it."""

    month: Month
    made_at: datetime
    is_over: bool  # False: the month still goes on
    is_example: bool
    deployment: str
    account: str
    account_name: str
    version: str
    sections: tuple[Section, ...]
    sources: tuple[Source, ...]
    lines: tuple[Word, ...]  # three, for a message

    @property
    def partial(self) -> tuple[tuple[str, Missing], ...]:
        """What is missing or partial in it: the section, and why."""
        found = []
        for section in self.sections:
            reasons = [*([section.missing] if section.missing else []), *section.partial]
            reasons += [item.value for item in section.figures if isinstance(item.value, Missing)]
            found += [(section.key, reason) for reason in dict.fromkeys(reasons)]
        return tuple(found)
