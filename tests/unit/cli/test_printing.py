"""An alert in a terminal: complete, aligned, and inert whatever an event says."""

import json
import re

import pytest

from cli.printing import as_json, as_text
from cli.replay import Raised
from cli.terminal import Paint
from handlers.adapters.story import MessageSettings
from tests.unit.adapters.inspection import check_visible
from tests.unit.adapters.samples import alert, envelope_with, finding, parsed, shown_in_full, string_paths
from tests.unit.hostile_strings import HOSTILE

PLAIN = Paint(enabled=False)


def shown(raised, *, width=None, paint=PLAIN, **settings):
    return as_text(raised, settings=MessageSettings(**settings), paint=paint, width=width)


def raised(headline=None, **changes):
    headline = headline or finding(**changes)
    return Raised(alert=alert(headline), findings=(headline,))


def test_an_alert_says_how_bad_what_who_where_when_why_and_what_to_do():
    one = finding(account_name="production")
    text = shown(raised(one))
    first, second = text.split("\n")[:2]
    assert first == f"{one.severity.name}  {one.title}"
    assert second.strip() == one.summary
    for expected in (
        one.actor,
        one.account,
        "production",
        one.region,
        one.source_ip,
        one.why,
        *one.respond,
        one.event_id,
    ):
        assert expected in text


def test_values_stand_in_one_column():
    labels = re.findall(r"(?m)^ {4}(\S[^:]*?) {2,}(?=\S)", shown(raised()))
    lines = [line for line in shown(raised()).split("\n") if re.match(r" {4}(Who|Account|Region|When|From) ", line)]
    assert len(labels) >= 5
    assert len({re.match(r" {4}\S+( \S+)* {2,}", line).end() for line in lines}) == 1


def test_a_terminal_gets_lines_within_its_width_and_a_pipe_whole_ones():
    long = "word " * 100
    narrow = shown(raised(summary=long), width=60)
    assert max(len(line) for line in narrow.split("\n")[1:-1] if "handlers/" not in line) <= 60
    assert any(line.count("word") > 50 for line in shown(raised(summary=long)).split("\n"))


def test_colour_is_only_where_it_is_asked_for():
    assert "\x1b" not in shown(raised())
    coloured = shown(raised(), paint=Paint(enabled=True))
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == shown(raised())
    assert coloured != shown(raised())


def test_japanese_labels_are_aligned_by_their_width():
    text = shown(raised(), language="ja", time_zone="Asia/Tokyo")
    assert "実行者" in text
    assert "Asia/Tokyo" in text


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_no_string_of_an_event_reaches_the_terminal_as_more_than_visible_text(text):
    found = shown_in_full(parsed(envelope_with(text, *string_paths())))
    for width in (None, 80):
        printed = shown(raised(found), width=width)
        check_visible(printed, lines=True)
        assert len(printed) < 30_000


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_json_is_one_line_of_ascii_and_says_what_the_event_said(text):
    found = shown_in_full(parsed(envelope_with(text, *string_paths())))
    line = as_json(raised(found))
    assert line.isascii()
    assert line.isprintable()
    assert json.loads(line)["headline"]["user_agent"] == found.user_agent


def test_a_printer_that_forgets_to_make_a_value_plain_is_caught(monkeypatch):
    monkeypatch.setattr("cli.printing.plain", lambda text, limit=300: text)
    with pytest.raises(AssertionError):
        check_visible(shown(raised(finding(actor="alice\x1b[2J"))), lines=True)


def test_markup_of_a_terminal_library_stays_text():
    assert "[bold]alice[/bold] [link=https://192.0.2.1]" in shown(
        raised(finding(actor="[bold]alice[/bold] [link=https://192.0.2.1]"))
    )


def test_json_names_every_finding():
    one, two = finding(), finding(id="other#1", detection_id="other", event_id="e2")
    values = json.loads(as_json(Raised(alert=alert(one), findings=(one, two))))
    assert values["detections"] == sorted({one.detection_id, "other"})
    assert [item["event"] for item in values["findings"]] == [one.event_id, "e2"]
    assert values["first_time"] == one.time.isoformat()
