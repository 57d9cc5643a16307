"""Every escaper, against the hostile corpus and against whatever hypothesis thinks of."""

from __future__ import annotations

import csv
import io
import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.adapters import untrusted
from tests.unit.adapters.inspection import check_log, check_mrkdwn, check_visible
from tests.unit.hostile_strings import HOSTILE

_ANYTHING = st.text(st.characters(), max_size=700)
_MARKUP = st.text(st.sampled_from(list("<>&!@#|`*_~:{}$% \n\u200b\u202eab1/.w=+-\u0301\ud800")), max_size=700)
_TEXTS = st.one_of(_ANYTHING, _MARKUP, st.sampled_from(HOSTILE))


def test_the_corpus_is_large_and_has_no_string_twice() -> None:
    assert len(HOSTILE) >= 200
    assert len(set(HOSTILE)) == len(HOSTILE)


@settings(max_examples=1_500, deadline=None)
@given(text=_TEXTS, limit=st.integers(min_value=12, max_value=400))
def test_no_string_gets_a_control_token_through(text: str, limit: int) -> None:
    _check_every_escaper(text, limit)


@pytest.mark.parametrize("text", HOSTILE)
def test_no_string_of_the_corpus_gets_a_control_token_through(text: str) -> None:
    for limit in (12, 40, 300, 100_000):
        _check_every_escaper(text, limit)


def _check_every_escaper(text: str, limit: int) -> None:
    plain = untrusted.plain(text, limit)
    check_visible(f"| {plain}")
    check_visible(f"| {untrusted.literal(text, limit)}")
    check_mrkdwn(f"x {untrusted.mrkdwn(text, limit)} x")
    check_log(f"| {untrusted.log_value(text, limit)}")
    heading = untrusted.slack_plain(text, limit)
    assert "<" not in heading
    assert ">" not in heading
    for shown in (plain, untrusted.literal(text, limit), untrusted.mrkdwn(text, limit), heading):
        assert len(shown) <= limit
    subject = untrusted.ascii_line(text, limit)
    assert len(subject) <= limit
    assert subject == "" or (subject.isascii() and subject.isprintable())
    assert "://" not in untrusted.mail(text, limit)


@pytest.mark.parametrize(
    "text",
    [
        "alice",
        "arn:aws:iam::123456789012:role/path/Admin_role-1",
        "aws-cli/2.15.0 Python/3.11 (Linux; x86_64)",
        "2001:db8:0:1::1",
        "アリス 管理者",
        "Zoë Müller",
        "Nguyễn",
        "a_b *c* `d` <e> & {{f}} :fire:",
    ],
)
def test_an_ordinary_value_can_be_copied_from_rich_text_unchanged(text: str) -> None:
    assert untrusted.literal(text) == text


def test_only_the_bracket_of_a_slack_token_is_replaced_in_rich_text() -> None:
    assert untrusted.literal("<!channel> <@U1> <https://evil.example|x> a < b") == (
        "‹!channel> ‹@U1> ‹https://evil.example|x> a < b"
    )


def test_a_name_with_something_invisible_in_it_does_not_look_like_the_name() -> None:
    for inserted in ("\u200b", "\u202e", "\u00ad", "\U000e0061", "\u3164", "\ud800", "\x00"):
        assert untrusted.plain(f"ali{inserted}ce") == "ali\ufffdce"


def test_line_breaks_and_padding_become_one_space() -> None:
    for gap in ("\n", "\r\n", "\u2028", "\x85", "\t\t", " " * 400, "\u3000\u00a0"):
        assert untrusted.plain(f"alice{gap}Acknowledged by bob") == "alice Acknowledged by bob"


def test_what_is_cut_off_is_counted() -> None:
    shown = untrusted.plain("a" * 1_000, 100)
    kept, _, note = shown.partition("…")
    assert len(shown) == 100
    assert note == f" (+{1_000 - len(kept):,})"


def test_a_text_of_megabytes_costs_no_more_than_one_of_a_few_hundred_characters() -> None:
    began = time.process_time()
    for text in ("a\u0301" * 2_000_000, "\n<" * 2_000_000, ":a_" * 2_000_000):
        for show in (untrusted.plain, untrusted.literal, untrusted.mrkdwn, untrusted.slack_plain, untrusted.log_value):
            show(text)
        untrusted.multiline(text, limit=300, lines=20)
    assert time.process_time() - began < 0.5  # seconds; takes 0.02, and several if all of it were looked at


def test_entities_are_escaped_once_so_that_double_encoding_stays_visible() -> None:
    assert untrusted.mrkdwn("&lt;!here&gt;") == "&amp;lt;!here&amp;gt;"
    assert untrusted.slack_plain("&lt;") == "&amp;lt;"


def test_an_entity_is_never_cut_in_half() -> None:
    for limit in range(12, 60):
        for shown in (untrusted.mrkdwn("&<>" * 50, limit), untrusted.slack_plain("&<>" * 50, limit)):
            rest = shown.replace("&amp;", "").replace("&lt;", "").replace("&gt;", "")
            assert "&" not in rest


def test_emoji_codes_formats_and_addresses_are_shown_as_written_but_do_nothing() -> None:
    assert untrusted.mrkdwn(":fire: *b* _i_ ~s~ `c` a_b https://x www.x") == (
        "꞉fire: ∗b∗ ˍiˍ ∼s∼ ˋcˋ a_b https[:]//x www[.]x"
    )


def test_a_policy_keeps_its_lines_and_its_end_is_counted() -> None:
    assert untrusted.multiline('{\r\n\t"a": 1\n}', limit=100, lines=10) == '{\n    "a": 1\n}'
    assert untrusted.multiline("a\nb\nc\nd", limit=100, lines=2) == "a\nb\n… (+4)"
    assert untrusted.multiline("\x1b[2Jx", limit=100, lines=2) == "\ufffd[2Jx"


@pytest.mark.parametrize("text", HOSTILE)
def test_no_cell_is_a_formula_however_it_is_read_back(text: str) -> None:
    out = io.StringIO()
    csv.writer(out).writerow(["before", untrusted.csv_cell(text), "after"])
    ((before, cell, after),) = csv.reader(io.StringIO(out.getvalue()))
    assert (before, after) == ("before", "after")
    check_visible(f"| {cell}")
    assert not cell.lstrip(' "\ufffd').startswith(("=", "+", "-", "@", "|", "\t", "\r", "\uff1d"))


@pytest.mark.parametrize("text", ["alice", "192.0.2.10", "a=b", "x - y"])
def test_an_ordinary_cell_stays_as_it_is(text: str) -> None:
    assert untrusted.csv_cell(text) == text
