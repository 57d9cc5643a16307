"""A report's values as text, in the reader's language and time zone; strings of events are made visible here."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, datetime, timedelta

from audit.report.document import Cell, Missing, Title, Word
from audit.report.month import Month
from audit.report.words import Language, said
from handlers.adapters.untrusted import plain
from handlers.adapters.wording import words_for
from handlers.alerting.text import Text

_TEXT = 500  # characters of one cell in the page; the CSV has more
_UNITS = (("unit.days", 86_400), ("unit.hours", 3_600), ("unit.minutes", 60))


@dataclass(frozen=True, kw_only=True)
class Shower:
    """Says values."""

    language: Language
    month: Month

    def word(self, key: str, **values: object) -> str:
        return said(key, self.language, **values)

    def text(self, value: Cell) -> str:
        """One line for any cell, safe against what hides or reorders text; not escaped for any markup."""
        match value:
            case None:
                return ""
            case Missing():
                return self.missing(value)
            case Word(key, values):
                return plain(said(key, self.language, **values), _TEXT)
            case Title(en, ja):
                return plain(ja if self.language == "ja" else en, _TEXT)
            case bool():
                return self.word("yes" if value else "no")
            case int():
                return f"{value:,}"
            case float():
                return f"{value:,.2f}".rstrip("0").rstrip(".")
            case datetime():
                # A time without its zone is an engine's, which speaks UTC.
                return f"{value:%Y-%m-%d %H:%M:%S} UTC" if value.tzinfo is None else self.time(value)
            case date():
                return value.isoformat()
            case timedelta():
                return self.length(value)
            case Text():  # what a finding says
                return plain(words_for(self.language).say(value), _TEXT)
        return plain(value, _TEXT)

    def missing(self, value: Missing) -> str:
        """ "not measured: AWS did not answer (AccessDenied)"."""
        return f"{self.word('not_measured')}: {self.why(value)}"

    def why(self, value: Missing) -> str:
        """ "AWS did not answer (AccessDenied)"."""
        reason = said(value.why.key, self.language, **value.why.values)
        return f"{reason} ({plain(value.detail, _TEXT)})" if value.detail else reason

    def time(self, moment: datetime) -> str:
        return f"{self.month.local(moment):%Y-%m-%d %H:%M}"

    def length(self, length: timedelta) -> str:
        """The two greatest units: "2 d 4 h"; seconds below a minute."""
        seconds = int(length.total_seconds())
        if abs(seconds) < 60:
            return self.word("unit.seconds", count=seconds)
        parts = []
        for unit, size in _UNITS:
            count, seconds = divmod(seconds, size)
            if count:
                parts.append(self.word(unit, count=f"{count:,}"))
        return " ".join(parts[:2])

    def short_day(self, value: Cell) -> str:
        """A chart's label: of a day its number."""
        return str(value.day) if isinstance(value, date) else self.text(value)
