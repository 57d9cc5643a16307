"""`python -m audit docs/audit.md` writes the lists of questions and tables into the page; --check compares."""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator
from pathlib import Path

from audit.questions import Question, all_questions
from audit.tables import TABLES, athena_type

_PART = "<!-- {name}: generated -->\n"
_END = "<!-- end of {name} -->\n"


def questions() -> Iterator[str]:
    """The table of questions, as Markdown."""
    yield "| Question | Asks | Tells | Parameters |"
    yield "|---|---|---|---|"
    for item in all_questions():
        yield f"| `{item.name}` | {item.title()} | {item.answers()} | {_parameters(item)} |"


def _parameters(item: Question) -> str:
    return "<br>".join(
        f"`{parameter.name}` {_default(parameter.default)}: {parameter.comment}" for parameter in item.parameters
    )


def _default(default: str | None) -> str:
    return "(required)" if default is None else f"= `{default}`"


def tables() -> Iterator[str]:
    """The tables with their columns, as Markdown."""
    for table in TABLES.values():
        yield f"### {table.name}"
        yield ""
        yield f"{table.comment} Its objects lie below `{'` or `'.join(table.prefixes)}`."
        yield ""
        yield "| Column | Type | |"
        yield "|---|---|---|"
        for column in table.columns:
            yield f"| `{column.name}` | `{athena_type(column.type)}` | {column.comment} |"
        for partition in table.partitions:
            yield f"| `{partition.name}` | partition | {partition.comment} |"
        yield ""


def page(text: str) -> str:
    """The page with its generated parts made anew.

    Raises:
        ValueError: a part is missing.
    """
    for name, lines in (("questions", questions()), ("tables", tables())):
        begin, end = _PART.format(name=name), _END.format(name=name)
        pattern = re.compile(re.escape(begin) + ".*?" + re.escape(end), re.DOTALL)
        if len(pattern.findall(text)) != 1:
            raise ValueError(f"the page has no part {begin.strip()} ... {end.strip()}")
        made = "\n".join(lines)
        text = pattern.sub(lambda _, part=f"{begin}\n{made}\n\n{end}": part, text)  # type: ignore[misc]
    return text


def main() -> int:
    """Write the page, or say that it is not what it would be."""
    parser = argparse.ArgumentParser(prog="python -m audit", description=__doc__)
    parser.add_argument("page", type=Path)
    parser.add_argument("--check", action="store_true", help="write nothing; exit code 1 where the page is out of date")
    arguments = parser.parse_args()
    known = arguments.page.read_text(encoding="utf-8")
    made = page(known)
    if arguments.check and made != known:
        sys.stderr.write(f"{arguments.page} is out of date: python -m audit {arguments.page}\n")
        return 1
    if made != known:
        arguments.page.write_text(made, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
