"""How the monthly report looks as a page, as CSV and as JSON, in both languages."""

import csv
import dataclasses
import io
import itertools
import json
import re
import string
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path

import pytest

from audit.report import colours, words
from audit.report.building import report_of
from audit.report.charts import heat_step, top_of_axis
from audit.report.document import Missing, Section, Source, Table, Title, Word
from audit.report.example import HOSTILE_AGENT, example_facts
from audit.report.files import csv_files, json_text
from audit.report.month import Month
from audit.report.page import html_of
from audit.report.showing import Shower
from audit.report.words import LANGUAGES, WORDS, said
from handlers.adapters.wording import words_for
from handlers.alerting.life import State
from handlers.alerting.severity import Severity
from handlers.alerting.text import phrase
from tests.unit.hostile_strings import HOSTILE

MONTH = Month.parse("2026-10", "Asia/Tokyo")
REPORT = report_of(example_facts(MONTH, version="1.2.3"))
FOLDER = Path(words.__file__).parent


class _Page(HTMLParser):
    """What a page holds: elements with their attributes, ids, links and text."""

    def __init__(self, text):
        super().__init__()
        self.elements, self.text, self._open = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        self._open.append(tag)

    def handle_endtag(self, tag):
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data):
        if "style" not in self._open[-1:]:
            self.text.append(data)

    def of(self, tag):
        return [attrs for name, attrs in self.elements if name == tag]


@pytest.fixture(scope="module", params=LANGUAGES)
def page(request):
    return _Page(html_of(REPORT, request.param))


def test_every_word_is_there_in_both_languages_with_the_same_blanks_to_fill():
    def blanks(text):
        return sorted(name for _, name, _, _ in string.Formatter().parse(text) if name)

    for key, (english, japanese) in WORDS.items():
        assert english.strip(), key
        assert japanese.strip(), key
        assert blanks(english) == blanks(japanese), key
        assert not re.search(r"[\u3000-\u30ff\u4e00-\u9fff]", english), key


def test_every_word_that_the_code_names_exists_and_every_word_is_named():
    code = "\n".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*") if path.suffix in (".py", ".html"))
    code = code.replace((FOLDER / "words.py").read_text(encoding="utf-8"), "")
    code += (Path(__file__).parents[3] / "cli" / "report.py").read_text(encoding="utf-8")
    named = set(re.findall(r'Word\(\s*"([a-z_.A-Z0-9]+)"', code)) | set(re.findall(r'\.word\("([a-z_.]+)"[,)]', code))
    assert named <= set(WORDS)
    prefixes = {"severity.", "state.", "window_state.", "standing.", "kept.", "whole.", "access.", "practice.", "mfa."}
    prefixes |= {
        "section.",
        "lead.",
        "figure.",
        "column.",
        "tone.",
        "weekday.",
        "unit.",
        "band.",
        "line.",
        "kind.",
        "source.",
    }
    prefixes |= {"missing."}
    unused = [
        key
        for key in WORDS
        if f'"{key}"' not in code and f"'{key}'" not in code and not key.startswith(tuple(prefixes))
    ]
    assert unused == []


def test_every_column_figure_and_section_has_its_name():
    for part in REPORT.sections:
        assert f"section.{part.key}" in WORDS
        assert f"lead.{part.key}" in WORDS
        for item in part.figures:
            assert f"figure.{item.key}" in WORDS
        for item in part.tables:
            assert item.foreign or all(f"column.{name}" in WORDS for name in item.columns), item.id
            assert set(item.below) <= set(item.columns)
            assert all(len(row) == len(item.columns) for row in item.rows)


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_hostile_user_agent_stays_text(language):
    text = html_of(REPORT, language)
    found = _Page(text)
    assert not found.of("script")
    assert not found.of("img")
    assert HOSTILE_AGENT in "".join(found.text)
    assert "<script" not in text


def _everywhere(texts):
    """A report that shows each of these texts in every way that a text can be shown."""
    rows = [(text, Missing(Word("missing.failed"), text), Word("approved.alone", {"who": text})) for text in texts]
    tables = tuple(
        Table(
            id=f"x{place}",
            caption=Title(text, text),
            columns=(text, "b", "c"),
            below=("c",),
            rows=[row],
            source="",
            foreign=True,
            partial=(Missing(Word("missing.engine"), text),),
        )
        for place, (text, row) in enumerate(zip(texts, rows, strict=True))
    )
    sources = tuple(
        Source(id=f"s{place}", title=Title(text, text), command=text, where=text, sql=text, parameters={text: text})
        for place, text in enumerate(texts)
    )
    return dataclasses.replace(REPORT, sections=(Section(key="questions", tables=tables),), sources=sources)


def test_no_string_of_an_event_becomes_markup_or_a_formula():
    texts = [text for text in HOSTILE if text]
    hostile = _everywhere(texts)
    harmless = _everywhere(["a"] * len(texts))
    tags = [tag for tag, _ in _Page(html_of(hostile, "en")).elements]
    assert tags == [tag for tag, _ in _Page(html_of(harmless, "en")).elements]
    json.loads(json_text(hostile, "en"))
    for content in csv_files(hostile, "en").values():
        for row in csv.reader(io.StringIO(content.decode("utf-8-sig"))):
            assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row)


def test_the_page_loads_nothing_and_runs_nothing(page):
    assert {tag for tag, _ in page.elements} & {"script", "img", "iframe", "object", "link", "form", "video"} == set()
    for tag, attributes in page.elements:
        assert not [name for name in attributes if name.startswith("on")], tag
        assert str(attributes.get("href") or "#").startswith("#"), tag
        assert "src" not in attributes
    style = html_of(REPORT, "en").partition("<style>")[2].partition("</style>")[0]
    assert "url(" not in style
    assert "@import" not in style


def test_every_link_leads_somewhere_on_the_page(page):
    ids = [attributes["id"] for _, attributes in page.elements if attributes.get("id")]
    assert len(ids) == len(set(ids))
    assert {attributes["href"][1:] for attributes in page.of("a")} <= set(ids)
    for _, attributes in page.elements:
        assert set((attributes.get("aria-labelledby") or "").split()) <= set(ids)


def test_every_number_of_a_figure_is_a_link(page):
    numbers = [attributes for attributes in page.of("a") if attributes.get("class") == "number"]
    wanted = sum(not isinstance(item.value, Missing) for part in REPORT.sections for item in part.figures)
    assert len(numbers) == wanted > 30


def test_headings_go_down_one_by_one_and_tables_have_captions(page):
    levels = [int(tag[1]) for tag, _ in page.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after - before <= 1 for before, after in itertools.pairwise(levels))
    assert len(page.of("caption")) == len(page.of("table"))
    assert all(attributes.get("scope") in ("col", "row") for attributes in page.of("th"))


def test_every_plot_has_a_title_and_a_table_beside_it(page):
    plots = page.of("svg")
    assert len(plots) == 3
    assert all(attributes["role"] == "img" and attributes["aria-labelledby"] for attributes in plots)
    assert len(page.of("details")) == len(plots)


def test_the_page_says_its_language():
    assert 'lang="ja"' in html_of(REPORT, "ja")[:200]
    assert "ルートユーザーと管理者のセッション" in html_of(REPORT, "ja")
    assert "Root and administrator sessions" in html_of(REPORT, "en")


@pytest.mark.parametrize("palette", [colours.LIGHT, colours.DARK], ids=["light", "dark"])
def test_every_text_is_read_easily_on_its_ground(palette):
    for text, ground in colours.TEXT_ON_GROUND:
        assert colours.contrast(palette[text], palette[ground]) >= 4.5, (text, ground)
    for drawn, ground in colours.DRAWN_ON_GROUND:
        assert colours.contrast(palette[drawn], palette[ground]) >= 3, (drawn, ground)


def test_contrast_is_as_wcag_counts_it():
    assert colours.contrast("#ffffff", "#000000") == 21
    assert colours.contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.01)
    assert set(colours.LIGHT) == set(colours.DARK)


@pytest.mark.parametrize(
    ("greatest", "expected"),
    [(0, (1, 1)), (1, (1, 1)), (4, (4, 1)), (5, (6, 2)), (7, (8, 2)), (9, (10, 5)), (1000, (1000, 500))],
)
def test_an_axis_ends_at_a_round_number(greatest, expected):
    assert top_of_axis(greatest) == expected


def test_a_shade_is_nothing_for_nothing_and_the_darkest_for_the_most():
    assert [heat_step(count, 10) for count in (0, 1, 2, 3, 10)] == [0, 1, 1, 2, 5]
    assert heat_step(0, 0) == 0


def test_the_json_has_everything_and_no_number_for_what_is_not_known():
    facts = dataclasses.replace(example_facts(MONTH), work=Missing(Word("missing.no_logs")))
    plain = json.loads(json_text(report_of(facts), "en"))
    assert plain["report"] == "rootwatch-monthly"
    assert [part["key"] for part in plain["sections"]][:2] == ["summary", "sessions"]
    found = next(part for part in plain["sections"] if part["key"] == "sessions")["tables"][0]
    writes = found["columns"].index("writes")
    assert {json.dumps(row[writes]) for row in found["rows"]} == {
        '{"missing": "no logs were given to read (--logs, or --engine athena)"}'
    }
    assert plain["missing"]
    assert json_text(report_of(facts), "ja").isascii()


def test_a_csv_has_a_row_for_each_of_the_table_and_empty_cells_for_what_is_not_known():
    files = csv_files(REPORT, "ja")
    for part in REPORT.sections:
        for item in part.tables:
            name = re.sub(r"[^a-z0-9-]+", "-", item.id.lower()) + ".csv"
            rows = list(csv.reader(io.StringIO(files[name].decode("utf-8-sig"))))
            assert len(rows) == len(item.rows) + 1
    assert len(files) == sum(len(part.tables) for part in REPORT.sections)  # no two of one name
    waits = list(csv.DictReader(io.StringIO(files["alerts.csv"].decode("utf-8-sig"))))
    assert any(row["wait"].isdigit() for row in waits)


def test_a_long_table_is_cut_on_the_page_and_whole_in_its_file():
    long = Table(
        id="x", caption=Word("table.alerts"), columns=("alert",), rows=[(f"A{n}",) for n in range(500)], source=""
    )
    report = dataclasses.replace(REPORT, sections=(Section(key="alerts", tables=(long,)),))
    text = html_of(report, "en")
    assert "300 more rows are in csv/x.csv" in text
    assert "A199<" in text
    assert "A200<" not in text
    assert csv_files(report, "en")["x.csv"].count(b"\r\n") == 501


@pytest.mark.parametrize(
    ("length", "english", "japanese"),
    [
        (timedelta(seconds=7), "7 s", "7 秒"),
        (timedelta(minutes=5, seconds=59), "5 min", "5 分"),
        (timedelta(hours=3, minutes=20), "3 h 20 min", "3 時間 20 分"),
        (timedelta(days=2, hours=4, minutes=9), "2 d 4 h", "2 日 4 時間"),
        (timedelta(days=1200), "1,200 d", "1,200 日"),
    ],
)
def test_lengths_are_said_in_two_units(length, english, japanese):
    assert Shower(language="en", month=MONTH).text(length) == english
    assert Shower(language="ja", month=MONTH).text(length) == japanese


def test_values_of_an_engine_are_shown_as_they_are():
    show = Shower(language="en", month=MONTH).text
    assert show(1.50) == "1.5"
    assert show(True) == "yes"
    assert show(None) == ""
    assert show(datetime(2026, 10, 1, 0, 30, tzinfo=UTC)) == "2026-10-01 09:30"
    assert show(datetime(2026, 10, 1, 0, 30)) == "2026-10-01 00:30:00 UTC"
    assert show("alice\u202eecila") != "alice\u202eecila"


def test_what_findings_say_is_said_in_the_language_of_the_report():
    shower = Shower(language="ja", month=Month.parse("2026-10", "UTC"))
    title = phrase("Expected: {title}", title=phrase("Root signed in to the console"))
    assert shower.text(title) == "想定内: ルートユーザーがコンソールにサインインしました"
    assert Shower(language="en", month=shower.month).text(title) == "Expected: Root signed in to the console"
    assert shower.text("Root signed in to the console") == "Root signed in to the console", "data stays as it is"


@pytest.mark.parametrize("language", ["en", "ja"])
def test_severities_and_states_are_called_as_in_the_messages(language):
    words = words_for(language)
    for severity in Severity:
        assert said(f"severity.{severity.name}", language) == words.severities[severity]
    if language == "ja":
        for state in (State.OPEN, State.ACKNOWLEDGED, State.EXPECTED, State.CLOSED):
            assert said(f"state.{state.value}", language) == words.states[state]
