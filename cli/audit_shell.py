"""A prompt for SQL over the logs of one period, for questions that nobody wrote down."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Mapping
from typing import TYPE_CHECKING, TextIO

from audit.engines import EngineError
from audit.tables import TABLES
from cli.audit_asking import as_table
from cli.errors import FAILED
from cli.terminal import Paint, is_watched, table, width_of
from handlers.adapters.untrusted import plain

if TYPE_CHECKING:
    from audit.duckdb_engine import DuckDBEngine

_PROMPT, _MORE = "rootwatch> ", "      ...> "
_HELP = """\
SQL of DuckDB's over the tables of the period, each statement ended by a semicolon.
  .tables            the tables
  .columns TABLE     the columns of one, with their types
  .questions         the questions that have a name (rootwatch audit run NAME)
  .sql NAME          the SQL of one, to start from
  .quit              leave; so does the end of the input
Two trails in one bucket write every record twice: SELECT DISTINCT eventid ..."""


class Shell:
    """Reads statements and answers them, until the input ends."""

    def __init__(self, engine: DuckDBEngine, bounds: Mapping[str, object], *, stdin: TextIO, stdout: TextIO) -> None:
        self._engine = engine
        self._bounds = bounds
        self._stdin = stdin
        self._out = stdout
        self._watched = stdin.isatty() and is_watched(stdout)

    def talk(self) -> int:
        """Returns the exit code: 1 where a statement of a pipe failed."""
        if self._watched:
            print(f"Logs from {self._bounds['from_time']} to {self._bounds['to_time']}. .help tells what can be asked.")
            with contextlib.suppress(ImportError):
                import readline  # noqa: F401 - arrows and history in input()
        failed = False
        waiting = ""
        while (line := self._line(_MORE if waiting else _PROMPT)) is not None:
            if not waiting and line.strip().startswith("."):
                if line.strip() in (".quit", ".exit"):
                    break
                self._command(line.strip())
                continue
            waiting += line + "\n"
            if not line.rstrip().endswith(";"):
                continue
            failed = not self._answered(waiting) or failed
            waiting = ""
        if waiting.strip():
            failed = not self._answered(waiting) or failed
        return FAILED if failed and not self._watched else 0

    def _line(self, prompt: str) -> str | None:
        """The next line; None at the end of the input."""
        if not self._watched:
            return self._stdin.readline() or None
        try:
            return input(prompt)
        except EOFError:
            print()
            return None

    def _answered(self, statement: str) -> bool:
        try:
            answer = self._engine.run_own(statement, self._bounds)
        except EngineError as error:
            print(f"rootwatch: {plain(str(error), 1_000)}", file=sys.stderr)
            return False
        if answer.columns:
            for line in as_table(answer, Paint.of(self._out), width_of(self._out)):
                print(line, file=self._out)
        for reason in answer.partial:
            print(f"rootwatch: PARTIAL: {plain(reason, 1_000)}", file=sys.stderr)
        return True

    def _command(self, line: str) -> None:
        from audit.duckdb_engine import described_columns
        from audit.questions import QuestionError, all_questions, question

        word, _, rest = line.partition(" ")
        rest = rest.strip().rstrip(";")
        match word:
            case ".tables":
                print("\n".join(table([(item.name, item.comment) for item in TABLES.values()])))
            case ".columns" if rest in TABLES:
                print("\n".join(table(list(described_columns(TABLES[rest])))))
            case ".columns":
                print(f"Name one of {', '.join(TABLES)}.")
            case ".questions":
                print("\n".join(table([(item.name, item.title()) for item in all_questions()])))
            case ".sql":
                try:
                    print(question(rest).sql)
                except QuestionError as error:
                    print(plain(str(error)))
            case _:
                print(_HELP)
