"""The records of all the files a command was given, with what cannot be read reported as it is met."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

from cli.records import Broken, Record, records_of, sources
from cli.terminal import Progress
from handlers.adapters.untrusted import plain

_LINE = 600  # characters of one report
_EACH = 10  # problems named of one file: a file of something else would fill the screen


class Reading:
    """Iterates over records; counts files and problems, and says each problem on stderr, one line each."""

    def __init__(self, names: Sequence[str], line: Progress) -> None:
        """`names` as `records.sources` takes them; `line` is taken away before a report."""
        self.files = 0
        self.problems = 0
        self._names = names
        self._line = line
        self._of_file = 0  # problems of the file being read

    def __iter__(self) -> Iterator[Record]:
        for source in sources(self._names):
            if isinstance(source, Broken):
                self._of_file = 0
                self.report(source)
                continue
            self.files += 1
            self._of_file = 0
            for record in records_of(source, stdin=sys.stdin.buffer):
                if isinstance(record, Broken):
                    self.report(record)
                else:
                    yield record
            if self._of_file > _EACH:
                self._say(f"{source.name}: {self._of_file - _EACH:,} more problems like these")

    def report(self, broken: Broken) -> None:
        """One line on stderr for each of a file's first problems; the others are counted."""
        self.problems += 1
        self._of_file += 1
        if self._of_file <= _EACH:
            self._say(str(broken))

    def _say(self, text: str) -> None:
        """Made plain: a file's name and a cause may hold anything."""
        self._line.clear()
        print(f"rootwatch: {plain(text, _LINE)}", file=sys.stderr)
