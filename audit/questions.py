"""Auditors' questions: a file each in audit/queries, in Athena's SQL, with named parameters and always bounded in time.

A file begins with comments - title, answers (what it tells), parameters - and holds one SELECT after them. Every
question knows the parameters of COMMON without declaring them.
"""

from __future__ import annotations

import difflib
import functools
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from audit.engines import used_parameters
from audit.period import Period

FOLDER = Path(__file__).parent / "queries"

# Of every question. The times are the period asked about; the days are the folders in which its log files lie;
# account and region are sequences, where none means all.
COMMON = frozenset({"from_time", "to_time", "from_day", "to_day", "account", "region"})
HISTORY = frozenset({"history_time", "history_day"})  # of a question with a parameter "history": days before the period

_HEADER = re.compile(r"--\s*(title|answers)(?:\.([a-z]{2}))?:\s*(.+)")
_PARAMETER = re.compile(r'--\s*parameter:\s*([a-z_]+)\s+(varchar|bigint)\s+(?:"([^"]*)"|(required))\s+(.+)')
_ACCOUNT = re.compile(r"\d{12}")
_REGION = re.compile(r"[a-z0-9-]{2,30}")
_LONGEST = 2_000  # characters of a parameter


class QuestionError(ValueError):
    """There is no such question, or it cannot be asked like this; says what, and what to do."""


@dataclass(frozen=True, kw_only=True)
class Parameter:
    """What a question can be asked with; `default` None: it has to be."""

    name: str
    type: str  # varchar, bigint
    default: str | None
    comment: str

    def value(self, text: str) -> str | int:
        """Raises QuestionError: it is no value of this type."""
        if len(text) > _LONGEST:
            raise QuestionError(f'the parameter "{self.name}" is longer than {_LONGEST:,} characters.')
        if self.type == "varchar":
            return text
        try:
            number = int(text)
        except ValueError:
            raise QuestionError(f'the parameter "{self.name}" is a whole number; {text[:60]!a} is none.') from None
        if abs(number) > 1_000_000:
            raise QuestionError(f'the parameter "{self.name}" is between -1,000,000 and 1,000,000; it is {number}.')
        return number


@dataclass(frozen=True, kw_only=True)
class Question:
    """One file of audit/queries."""

    name: str
    titles: Mapping[str, str] = field(repr=False)  # by language
    told: Mapping[str, str] = field(repr=False)
    parameters: tuple[Parameter, ...]
    sql: str = field(repr=False)  # without the comments at its head

    def title(self, language: str = "en") -> str:
        """Where the language has none, the English one."""
        return self.titles.get(language, self.titles["en"])

    def answers(self, language: str = "en") -> str:
        """What the question tells, in a sentence."""
        return self.told.get(language, self.told["en"])

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that it asks, in the order of their description."""
        names = ("cloudtrail", "findings", "transitions", "windows")
        return tuple(name for name in names if re.search(rf"\b(?:FROM|JOIN)\s+{name}\b", self.sql))

    def bind(
        self,
        period: Period,
        values: Mapping[str, str] | None = None,
        *,
        accounts: Sequence[str] = (),
        regions: Sequence[str] = (),
    ) -> dict[str, object]:
        """Every parameter's value: of the period, the accounts and regions, those given, and the defaults.

        Raises:
            QuestionError: an unknown or missing parameter, or a value that is none.
        """
        values = dict(values or {})
        known = {parameter.name: parameter for parameter in self.parameters}
        for name in values:
            if name not in known:
                raise QuestionError(f'the question "{self.name}" has no parameter {_closest(name, known)}')
        bound: dict[str, object] = {
            "from_time": period.from_time,
            "to_time": period.to_time,
            "from_day": period.from_day,
            "to_day": period.to_day,
            "account": tuple(_checked(accounts, _ACCOUNT, "an account id: it has 12 digits")),
            "region": tuple(_checked(regions, _REGION, 'a region such as "eu-central-1"')),
        }
        for parameter in self.parameters:
            text = values.get(parameter.name, parameter.default)
            if text is None or (parameter.default is None and not text):
                raise QuestionError(
                    f'the question "{self.name}" needs the parameter "{parameter.name}": {parameter.comment}. '
                    f"Give it with --param {parameter.name}=VALUE."
                )
            bound[parameter.name] = parameter.value(text)
        if "history" in known:
            days = bound["history"]
            if not isinstance(days, int) or not 0 <= days <= 4_000:
                raise QuestionError('the parameter "history" is a number of days between 0 and 4000.')
            before = period.before(days)
            bound |= {"history_time": before.from_time, "history_day": before.from_day}
        return bound


def _checked(values: Iterable[str], form: re.Pattern[str], what: str) -> list[str]:
    for value in values:
        if not form.fullmatch(value):
            raise QuestionError(f"{value[:60]!a} is not {what}.")
    return list(dict.fromkeys(values))


def _closest(name: str, known: Iterable[str]) -> str:
    """'"adress". Did you mean "address"?'"""
    names = sorted(known)
    near = difflib.get_close_matches(name, names, n=1)
    listed = ", ".join(names) or "none"
    return f'"{name[:60]}". ' + (f'Did you mean "{near[0]}"?' if near else f"It has: {listed}.")


@functools.cache
def all_questions(folder: Path = FOLDER) -> tuple[Question, ...]:
    """Every question, by name.

    Raises:
        QuestionError: a file is not as it has to be; says which, and what is wrong.
    """
    return tuple(_read(path) for path in sorted(folder.glob("*.sql")))


def question(name: str) -> Question:
    """Raises QuestionError: there is none of this name; says which is close."""
    known = {item.name: item for item in all_questions()}
    if name not in known:
        near = difflib.get_close_matches(name, known, n=1)
        hint = f'Did you mean "{near[0]}"?' if near else "`rootwatch audit list` shows all."
        raise QuestionError(f"there is no question {name[:60]!a}. {hint}")
    return known[name]


def parse(name: str, text: str) -> Question:
    """The question that a file's text describes.

    Raises:
        QuestionError: it is not as it has to be.
    """
    titles: dict[str, str] = {}
    told: dict[str, str] = {}
    parameters = []
    lines = text.splitlines()
    head = 0
    for head, line in enumerate(lines):
        if not line.startswith("--"):
            break
        if found := _PARAMETER.fullmatch(line.strip()):
            default = None if found[4] else found[3]
            parameters.append(Parameter(name=found[1], type=found[2], default=default, comment=found[5]))
        elif found := _HEADER.fullmatch(line.strip()):
            (titles if found[1] == "title" else told)[found[2] or "en"] = found[3]
        else:
            raise QuestionError(f"{name}.sql:{head + 1}: a comment at its head that is no title, answers or parameter.")
    sql = "\n".join(lines[head:]).strip().rstrip(";")
    if "en" not in titles or "en" not in told:
        raise QuestionError(f'{name}.sql: has no "-- title: ..." or no "-- answers: ..." at its head.')
    known = COMMON | {parameter.name for parameter in parameters}
    known |= HISTORY if "history" in known else set()
    used = used_parameters(sql)
    if unknown := used - known:
        raise QuestionError(f"{name}.sql: uses :{min(unknown)}, which it does not declare.")
    if not {"from_time", "to_time"} <= used:
        raise QuestionError(f"{name}.sql: is not bounded in time: it has to use :from_time and :to_time.")
    return Question(name=name, titles=titles, told=told, parameters=tuple(parameters), sql=sql)


def _read(path: Path) -> Question:
    return parse(path.stem, path.read_text(encoding="utf-8"))
