"""Golden results: what Trino answers, from DuckDB. The values are those of Trino's documented behaviour."""

import duckdb
import pytest

from audit.engines import EngineError
from audit.questions import all_questions
from audit.translation import MACROS, translated

DOCUMENT = """'{"a":{"b":"c"},"n":12,"t":true,"z":null,"l":[1,"x"],"s":"text"}'"""


@pytest.fixture(scope="module")
def value():
    with duckdb.connect() as connection:
        for macro in MACROS:
            connection.execute(macro)

        def ask(expression):
            return connection.execute(translated(f"SELECT {expression} AS x").sql).fetchone()[0]

        yield ask


@pytest.mark.parametrize(
    ("expression", "golden"),
    [
        # The two differ here when left alone.
        ("CAST(5 AS double) / nullif(2, 0)", 2.5),
        ("CAST(5 AS double) / nullif(0, 0)", None),
        (
            "date_diff('day', from_iso8601_timestamp('2026-01-01T23:00:00Z'), "
            "from_iso8601_timestamp('2026-01-02T01:00:00Z'))",
            0,
        ),
        (
            "date_diff('minute', from_iso8601_timestamp('2026-01-01T23:00:59Z'), "
            "from_iso8601_timestamp('2026-01-01T23:02:00Z'))",
            1,
        ),
        (
            "date_diff('hour', from_iso8601_timestamp('2026-01-02T01:30:00Z'), "
            "from_iso8601_timestamp('2026-01-01T23:00:00+09:00'))",
            -11,
        ),
        ("split_part('a/b/c', '/', 2)", "b"),
        ("split_part('a/b/c', '/', 4)", None),
        ("split_part('', '/', 1)", ""),
        (f"json_extract_scalar({DOCUMENT}, '$.a')", None),
        (f"json_extract_scalar({DOCUMENT}, '$.l')", None),
        (f"json_extract_scalar({DOCUMENT}, '$.a.b')", "c"),
        (f"json_extract_scalar({DOCUMENT}, '$.n')", "12"),
        (f"json_extract_scalar({DOCUMENT}, '$.t')", "true"),
        (f"json_extract_scalar({DOCUMENT}, '$.z')", None),
        (f"json_extract_scalar({DOCUMENT}, '$.l[1]')", "x"),
        (f"json_extract_scalar({DOCUMENT}, '$.absent')", None),
        ("json_extract_scalar('half {', '$.a')", None),
        ("json_extract_scalar('', '$.a')", None),
        ("json_extract_scalar('null', '$.a')", None),
        ("try(from_iso8601_timestamp('yesterday'))", None),
        ("concat('a', NULL, 'b')", None),
        ("concat('a', 'b', 'c')", "abc"),
        # And not here.
        ("substr('abc', 2)", "bc"),
        ("substr('abc', 1, 2)", "ab"),
        ("length('日本語')", 3),
        (r"'a_b' LIKE 'a\_b'", False),
        (r"'a_b' LIKE 'a\_b' ESCAPE '\'", True),
        ("'Abc' LIKE 'abc'", False),
        ("hour(date_add('hour', 9, from_iso8601_timestamp('2026-01-02T20:30:00Z')))", 5),
        ("day_of_week(from_iso8601_timestamp('2026-11-22T20:30:00Z'))", 7),
        ("regexp_like('abc', 'b')", True),
        ("nullif('', '')", None),
        ("coalesce(NULL, 'x')", "x"),
        ("strpos('abc', 'c')", 3),
        ("CASE WHEN NULL THEN 1 ELSE 2 END", 2),
    ],
)
def test_a_value_is_what_athena_gives(value, expression, golden):
    assert value(expression) == golden


def test_an_aggregate_is_what_athena_gives():
    rows = "(SELECT 'b' AS x UNION ALL SELECT NULL UNION ALL SELECT 'a' UNION ALL SELECT 'a') AS t"
    with duckdb.connect() as connection:
        for expression, golden in (
            ("array_join(array_agg(DISTINCT x ORDER BY x), ', ')", "a, b"),
            ("count(DISTINCT x)", 2),
            ("count(*)", 4),
            ("max(x)", "b"),
        ):
            found = connection.execute(translated(f"SELECT {expression} AS x FROM {rows}").sql).fetchone()
            assert found == (golden,), expression
        ordered = connection.execute(translated(f"SELECT x FROM {rows} ORDER BY x DESC").sql).fetchall()
        assert ordered == [("b",), ("a",), ("a",), (None,)]


@pytest.mark.parametrize(
    "expression",
    [
        "5 / 2",
        "count(*) / 2",
        "CAST(5 AS double) / 0.0 / x",
        "regexp_extract('a', 'b')",
        "substr('abc', 0)",
        "substr('abc', -1)",
        "substr('abc', n)",
        "try(CAST('x' AS double))",
        "try(1 / 0)",
        "json_extract('{}', '$.a')",
        "json_extract_scalar('{}', '$[*]')",
        "json_extract_scalar('{}', path)",
        "split_part('a', 'b', 0)",
        "greatest(1, NULL)",
        "least(1, NULL)",
        "max_by(a, b)",
        "max(a, 2)",
        "arbitrary(a)",
        "approx_distinct(a)",
        "CAST('1.5' AS bigint)",
        "CAST(1 AS varchar)",
        "date_diff('month', a, b)",
        "date_add('month', 1, a)",
        "date_trunc('day', a)",
        "regexp_like('a', '(?=b)')",
        "regexp_like('a', pattern)",
        "upper('ß')",
        "a[1]",
        "element_at(a, 1)",
        "transform(a, x -> x)",
        "now()",
        "current_date",
        "random()",
        "1 % 2",
        "x AT TIME ZONE 'UTC'",
        "getenv('HOME')",
        "read_text('/etc/passwd')",
        "* FROM read_csv('/etc/passwd')",
        "* FROM 'x.json'",
        '* FROM "x.json"',
        "* FROM information_schema.tables",
        "* FROM other.cloudtrail",
        "* FROM cloudtrail NATURAL JOIN findings",
        "* FROM cloudtrail CROSS JOIN UNNEST(resources) AS r (arn)",
        "* FROM cloudtrail TABLESAMPLE BERNOULLI (10)",
    ],
)
def test_what_may_differ_is_refused_by_name(expression):
    with pytest.raises(EngineError) as caught:
        translated(f"SELECT {expression}")
    assert "`" in str(caught.value) or "table" in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM cloudtrail",
        "COPY cloudtrail TO 'x'",
        "SELECT 1; SELECT 2",
        "CREATE TABLE x AS SELECT 1",
        "PRAGMA database_list",
        "SELECT 1 FROM",
        "",
        "SELECT " + "(" * 3_000 + "1" + ")" * 3_000,
        "SELECT '" + "x" * 100_000 + "'",
    ],
)
def test_what_is_no_single_select_is_refused(sql):
    with pytest.raises(EngineError, match="SQL"):
        translated(sql)


def test_only_the_columns_a_question_uses_are_named():
    found = translated("SELECT useridentity.arn FROM cloudtrail WHERE eventtime >= :from_time")
    assert found.tables == {"cloudtrail"}
    assert found.names is not None and {"useridentity", "arn", "eventtime"} <= found.names
    assert "requestparameters" not in found.names
    assert translated("SELECT * FROM cloudtrail").names is None
    assert "$from_time" in found.sql


@pytest.mark.parametrize("item", all_questions(), ids=lambda item: item.name)
def test_every_question_is_in_the_subset(item):
    sql = item.sql.replace("IN (:account)", "IN (:a)").replace("IN (:region)", "IN (:r)")
    assert translated(sql).tables == set(item.tables)
