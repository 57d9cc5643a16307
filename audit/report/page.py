"""The report as one HTML file: nothing is loaded from elsewhere, nothing runs in it, every text is escaped."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

from markupsafe import Markup

from audit.pages import templates
from audit.report import colours
from audit.report.charts import svg_of
from audit.report.document import Cell, Figure, Missing, Report, Table, Word
from audit.report.files import name_of
from audit.report.showing import Shower
from audit.report.words import Language

_TEMPLATES = Path(__file__).parent / "templates"
ROWS_SHOWN = 200  # of a table; all are in its CSV file
_ROWS_OF_A_QUESTION = 25
_SHORT = 26  # characters that stay on a line
_UNITS = ("B", "KB", "MB", "GB", "TB")


def html_of(report: Report, language: Language) -> str:
    """The whole page."""
    shower = Shower(language=language, month=report.month)
    return (
        templates(_TEMPLATES)
        .get_template("report.html")
        .render(
            report=report,
            show=shower,
            style=_style(report, shower),
            svg=lambda chart: svg_of(chart, shower),
            number=lambda figure: _number(figure, shower),
            column=lambda table, name: shower.text(name) if table.foreign else shower.word(f"column.{name}"),
            file_of=name_of,
            limit=lambda table: _ROWS_OF_A_QUESTION if table.foreign else ROWS_SHOWN,
            beside=lambda table: _places(table, below=False),
            below=lambda table: _places(table, below=True),
            is_missing=lambda value: isinstance(value, Missing),
            is_number=_is_number,
            class_of=lambda value: _class(value, shower),
            severity=_severity,
            bytes=_bytes,
        )
    )


def _style(report: Report, shower: Shower) -> Markup:
    """The style sheet with its colours and the page's foot; all of it ours but the names, which CSS may not end."""
    sheet = (_TEMPLATES / "report.css").read_text(encoding="utf-8")
    light, dark = colours.css(colours.LIGHT), colours.css(colours.DARK)
    left = _quoted(f"{shower.word('report')} {report.month} · {report.deployment} · {report.account}")
    right = _quoted(shower.time(report.made_at))
    foot = "font: 8pt sans-serif; color: #4a5766;"
    return Markup(  # noqa: S704 - constants of ours, and two quoted strings
        f":root {{ color-scheme: light dark; {light} }}\n"
        f"@media screen and (prefers-color-scheme: dark) {{ :root {{ {dark} }} }}\n"
        f"@page {{ size: A4 landscape; margin: 16mm 12mm;\n"
        f"  @top-left {{ content: {left}; {foot} }}\n"
        f"  @top-right {{ content: {right}; {foot} }}\n"
        f'  @bottom-right {{ content: "{shower.word("page")} " counter(page) " / " counter(pages); {foot} }} }}\n'
        f"{sheet}"
    )


def _quoted(text: str) -> str:
    """A CSS string: whatever is no letter, digit, blank or simple sign is written as its number."""
    safe = "".join(
        character if character.isalnum() or character in " -.:·" else f"\\{ord(character):x} " for character in text
    )
    return f'"{safe}"'


def _number(figure: Figure, shower: Shower) -> str:
    text = shower.text(figure.value)
    return shower.word("unit.percent", count=text) if figure.key == "uptime" else text


def _is_number(value: Cell) -> bool:
    return isinstance(value, int | float | timedelta) and not isinstance(value, bool)


def _class(value: Cell, shower: Shower) -> Markup:
    """How a cell is set: numbers to the right, and what is short on one line."""
    if _is_number(value):
        return Markup(' class="n"')
    short = not isinstance(value, Missing) and len(shower.text(value)) <= _SHORT
    return Markup(' class="short"') if short else Markup("")


def _places(table: Table, *, below: bool) -> list[int]:
    return [place for place, name in enumerate(table.columns) if (name in table.below) is below]


def _severity(value: Cell) -> str:
    """ "HIGH" for the word of a severity; "" for anything else."""
    if isinstance(value, Word) and value.key.startswith("severity."):
        return value.key.removeprefix("severity.")
    return ""


def _bytes(count: int) -> str:
    """ "1.5 GB", in steps of 1,000."""
    number, place = float(count), 0
    while number >= 1000 and place < len(_UNITS) - 1:
        number, place = number / 1000, place + 1
    return f"{number:,.1f} {_UNITS[place]}" if place else f"{count} B"
