import re
from datetime import UTC, datetime

import pytest

from audit.engines import EngineError, named, positional
from audit.period import Period, PeriodError
from audit.questions import QuestionError, all_questions, parse, question

NOW = datetime(2026, 11, 24, 17, 30, 12, tzinfo=UTC)
GOOD = "-- title: T\n-- answers: A\nSELECT 1 FROM cloudtrail WHERE eventtime >= :from_time AND eventtime < :to_time\n"


@pytest.mark.parametrize("item", all_questions(), ids=lambda item: item.name)
class TestEveryQuestion:
    def test_speaks_both_languages(self, item):
        assert item.title("ja") != item.title() and item.answers("ja") != item.answers()
        assert item.title("fr") == item.title()

    def test_reads_only_the_folders_of_its_period(self, item):
        """Every time it reads the logs, it bounds day, account and region."""
        reads = item.sql.split("FROM cloudtrail")[1:]
        for read in reads:
            where = read.split("GROUP BY")[0]
            assert "account IN (:account) AND region IN (:region)" in where
            assert re.search(r"day BETWEEN :(from|history)_day AND :to_day", where)
            assert re.search(r"eventtime >= :(from|history)_time AND eventtime < :to_time", where)

    def test_counts_an_event_once(self, item):
        if "cloudtrail" not in item.tables:
            pytest.skip("it does not read the logs")
        rows_of_events = item.sql.count("FROM cloudtrail") == len(
            re.findall(r"SELECT DISTINCT|GROUP BY 1, 2|GROUP BY eventsource|GROUP BY useridentity", item.sql)
        ) - item.sql.count("SELECT DISTINCT\n  concat")
        assert rows_of_events
        assert not re.search(r"count\(\*\)(?! OVER).*?FROM cloudtrail", item.sql.split("WITH")[-1].split("FROM")[0])

    def test_has_its_rows_in_one_order(self, item):
        assert re.search(r"\nORDER BY [a-z_, DESC]+$", item.sql)


def test_there_are_at_least_twenty_questions():
    assert len(all_questions()) >= 20


@pytest.mark.parametrize(
    ("begin", "end", "from_time", "to_time", "to_day"),
    [
        ("2026-10", None, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026/11/01"),
        ("2026", None, "2026-01-01T00:00:00Z", "2027-01-01T00:00:00Z", "2027/01/01"),
        ("2026-Q3", None, "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026/10/01"),
        ("2024-02-29", None, "2024-02-29T00:00:00Z", "2024-03-01T00:00:00Z", "2024/03/01"),
        ("2026-10-01", "2026-10-03", "2026-10-01T00:00:00Z", "2026-10-04T00:00:00Z", "2026/10/04"),
        ("yesterday", None, "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z", "2026/11/24"),
        ("today", None, "2026-11-24T00:00:00Z", "2026-11-25T00:00:00Z", "2026/11/25"),
        ("last 30 days", None, "2026-10-25T00:00:00Z", "2026-11-24T17:30:12Z", "2026/11/25"),
        ("Last  3 Months", None, "2026-08-24T00:00:00Z", "2026-11-24T17:30:12Z", "2026/11/25"),
        ("last month", None, "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z", "2026/11/01"),
        ("last quarter", None, "2026-07-01T00:00:00Z", "2026-10-01T00:00:00Z", "2026/10/01"),
        ("last year", None, "2025-01-01T00:00:00Z", "2026-01-01T00:00:00Z", "2026/01/01"),
        ("last week", None, "2026-11-16T00:00:00Z", "2026-11-23T00:00:00Z", "2026/11/23"),
        ("last 6 hours", None, "2026-11-24T11:30:12Z", "2026-11-24T17:30:12Z", "2026/11/25"),
        ("this month", None, "2026-11-01T00:00:00Z", "2026-12-01T00:00:00Z", "2026/12/01"),
        ("30 days ago", "yesterday", "2026-10-25T00:00:00Z", "2026-11-24T00:00:00Z", "2026/11/24"),
        ("2026-10-31 12:30", "now", "2026-10-31T12:30:00Z", "2026-11-24T17:30:12Z", "2026/11/25"),
        ("2026-10-31T12:30:00+09:00", "2026-10-31 12:30", "2026-10-31T03:30:00Z", "2026-10-31T12:30:00Z", "2026/11/01"),
    ],
)
def test_a_period_is_what_people_mean(begin, end, from_time, to_time, to_day):
    found = Period.of(begin, end, now=NOW)
    assert (found.from_time, found.to_time, found.to_day) == (from_time, to_time, to_day)
    assert found.from_day == from_time[:10].replace("-", "/")


@pytest.mark.parametrize(
    "text", ["", "soon", "2026-13", "2026-02-30", "31.10.2026", "last 0x days", "2026-10-31 25:00"]
)
def test_what_is_no_time_is_refused_with_what_would_be(text):
    with pytest.raises(PeriodError, match="last 30 days"):
        Period.of(text, None, now=NOW)


def test_a_period_that_ends_before_it_begins_is_refused():
    with pytest.raises(PeriodError, match=r"ends .* before it begins"):
        Period.of("2026-10", "2026-09", now=NOW)
    with pytest.raises(PeriodError, match="before"):
        Period.of("now", None, now=NOW)


def test_a_closest_name_is_suggested():
    with pytest.raises(QuestionError, match='Did you mean "root_sign_ins"'):
        question("root_signins")
    with pytest.raises(QuestionError, match="audit list"):
        question("xyzzy")


@pytest.mark.parametrize(
    ("name", "values", "options", "said"),
    [
        ("by_address", {}, {}, "--param address=VALUE"),
        ("by_address", {"address": ""}, {}, 'needs the parameter "address"'),
        ("by_address", {"adress": "x"}, {}, 'Did you mean "address"'),
        ("root_sign_ins", {"zzz": "x"}, {}, "It has: none"),
        ("out_of_hours", {"begins": "eight"}, {}, "a whole number"),
        ("out_of_hours", {"begins": "9999999999"}, {}, "between"),
        ("new_addresses", {"history": "-1"}, {}, "between 0 and 4000"),
        ("by_address", {"address": "x" * 3000}, {}, "longer than"),
        ("root_sign_ins", {}, {"accounts": ["12345"]}, "12 digits"),
        ("root_sign_ins", {}, {"regions": ["us-east-1' OR 1"]}, "a region such as"),
    ],
)
def test_a_question_that_cannot_be_asked_like_this_says_why(october, name, values, options, said):
    with pytest.raises(QuestionError, match=re.escape(said)):
        question(name).bind(october, values, **options)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("SELECT 1", 'no "-- title'),
        (GOOD.replace(":to_time", "'x'"), "not bounded in time"),
        (GOOD.replace("SELECT 1", "SELECT :nope"), "uses :nope"),
        ("-- note: x\n" + GOOD, "q.sql:1"),
    ],
)
def test_a_file_that_is_no_question_says_where(text, said):
    with pytest.raises(QuestionError, match=re.escape(said)):
        parse("q", text)


SQL = "SELECT ':no', \":no\", a::b -- :no\n FROM t /* :no */ WHERE x = :x AND account IN (:account) AND y = :x"


def test_parameters_are_bound_by_name_or_by_place_and_never_pasted():
    evil = "'; DROP TABLE t; --"
    text, values = named(SQL, {"x": evil, "account": ("1", "2"), "unused": 5})
    assert values == {"x": evil, "account_0": "1", "account_1": "2"}
    assert evil not in text and "account IN (:account_0, :account_1)" in text
    text, places = positional(SQL, {"x": evil, "account": "1"})
    assert places == [evil, "1", evil] and text.count("?") == 3
    assert "':no'" in text and '":no"' in text and "-- :no" in text and "/* :no */" in text


def test_no_account_asks_for_all():
    text, values = named(SQL, {"x": "a", "account": ()})
    assert "AND TRUE AND" in text and values == {"x": "a"}


def test_a_parameter_without_a_value_is_named():
    with pytest.raises(EngineError, match=":account"):
        named(SQL, {"x": "a"})
    with pytest.raises(EngineError, match="NoneType"):
        positional(SQL, {"x": None, "account": ()})
