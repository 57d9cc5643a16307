"""How a command says that it cannot go on: what happened, where, why, and what to do."""

from __future__ import annotations

from pathlib import Path

FAILED = 1
USAGE = 2
INTERRUPTED = 130


class CommandError(Exception):
    """A command cannot go on; shown as two lines, without a traceback."""

    def __init__(self, what: str, *, fix: str = "", code: int = FAILED) -> None:
        """`what` names the place and the cause, `fix` is what the reader can do, where `what` does not say so."""
        super().__init__(f"{what}\n  Fix: {fix}" if fix else what)
        self.code = code


def reason_of(error: OSError) -> str:
    """Why a file could not be opened, read or written, in plain words."""
    match error:
        case FileNotFoundError():
            return "there is no such file or folder"
        case PermissionError():
            return "you have no permission"
        case IsADirectoryError():
            return "it is a folder"
        case NotADirectoryError():
            return "a part of the path is not a folder"
        case FileExistsError():
            return "it exists already"
    return (error.strerror or type(error).__name__).lower()


def project_file(name: str, purpose: str) -> str:
    """The text of a file that belongs to the project, such as rootwatch.example.toml.

    Raises:
        CommandError: it is not beside the program; says what it is for.
    """
    path = Path(__file__).resolve().parent.parent / name
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"{path}: {reason_of(error)}; {purpose}.",
            fix="run Rootwatch from a complete checkout of its repository (git status shows what is missing).",
        ) from error
