"""Colour, width and progress: only where a person is looking."""

import io

import pytest

from cli.terminal import Paint, Progress, columns, counted, is_watched, table, width_of, wrapped


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.mark.parametrize(
    ("stream", "environment", "coloured"),
    [
        (Terminal(), {"TERM": "xterm"}, True),
        (Terminal(), {"TERM": "xterm", "NO_COLOR": ""}, True),  # no-color.org: only when not empty
        (Terminal(), {"TERM": "xterm", "NO_COLOR": "1"}, False),
        (Terminal(), {"TERM": "dumb"}, False),
        (io.StringIO(), {"TERM": "xterm"}, False),
    ],
)
def test_colour_is_for_terminals_that_want_it(monkeypatch, stream, environment, coloured):
    monkeypatch.delenv("NO_COLOR", raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert ("\x1b[" in Paint.of(stream).bold("x")) is coloured


def test_progress_is_silent_where_nobody_looks():
    stream = io.StringIO()
    progress = Progress(stream)
    progress.show("1 event")
    progress.clear()
    assert stream.getvalue() == ""


def test_progress_leaves_nothing_behind(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    stream = Terminal()
    progress = Progress(stream)
    progress.show("100 events")
    progress.show("101 events")  # too soon: not shown
    progress.clear()
    assert stream.getvalue() == "\r100 events\r          \r"


def test_a_pipe_gets_unwrapped_lines(monkeypatch):
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "61")
    assert width_of(io.StringIO()) is None
    assert width_of(Terminal()) == 60
    assert wrapped("a b", first="- ", rest="  ", width=None) == "- a b"
    assert not is_watched(io.StringIO())


def test_an_empty_text_keeps_its_beginning():
    assert wrapped("", first="- ", rest="  ", width=40) == "-"


def test_columns_of_a_table_are_aligned_for_wide_letters_too():
    assert list(table([("a", "b"), ("実行者", "c")])) == ["a       b", "実行者  c"]
    assert columns("実e\u0301") == 3


def test_one_is_singular():
    assert [counted(number, "alert") for number in (0, 1, 2_900)] == ["0 alerts", "1 alert", "2,900 alerts"]
