"""Every question is one that Athena takes: it names what the Glue tables have, with types as Trino wants them."""

import pytest

from audit.engines import EngineError
from audit.questions import all_questions
from audit.saved import saved_query
from audit.tables import TABLES, athena_type
from audit.translation import translated
from tests.unit.audit.athena_types import Analyser, WrongTypeError

# What infra makes of the same description: tests/infra/test_audit_queries.py holds the template against it.
GLUE = {
    name: {
        **{column.name: athena_type(column.type) for column in table.columns},
        **dict.fromkeys(table.partition_names, "string"),
    }
    for name, table in TABLES.items()
}
COMMON = dict.fromkeys(
    ("from_time", "to_time", "from_day", "to_day", "account", "region", "history_time", "history_day"), "varchar"
)


def analyse(sql, **parameters):
    return Analyser(GLUE, {**COMMON, **parameters}).analyse(sql)


@pytest.mark.parametrize("question", all_questions(), ids=lambda item: item.name)
def test_each_question_is_what_athenas_tables_and_types_allow(question):
    columns = analyse(question.sql, **{item.name: item.type for item in question.parameters})
    assert len(columns) >= 4
    # Athena's results are read as texts, numbers and truth values; a struct's text would differ between the engines.
    assert set(map(str, columns.values())) <= {"varchar", "bigint", "double", "boolean"}


@pytest.mark.parametrize("question", all_questions(), ids=lambda item: item.name)
def test_each_question_is_also_in_the_subset_that_gives_the_same_in_duckdb(question):
    assert translated(question.sql).tables == frozenset(question.tables)


@pytest.mark.parametrize("question", all_questions(), ids=lambda item: item.name)
@pytest.mark.parametrize("account", ["", "123456789012"])
def test_each_saved_query_is_text_that_athena_reads(question, account):
    import sqlglot

    (tree,) = sqlglot.parse(saved_query(question, account=account), dialect="athena")
    assert not list(tree.find_all(sqlglot.exp.Placeholder))


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("SELECT eventtyme FROM cloudtrail", "no column eventtyme"),
        ("SELECT useridentity.user FROM cloudtrail", "no field user"),
        ("SELECT eventid.x FROM cloudtrail", "no field x"),
        ("SELECT eventid FROM logs", "no table logs"),
        ("SELECT eventid FROM cloudtrail WHERE eventid = 7", "varchar and bigint"),
        ("SELECT eventid FROM cloudtrail WHERE readonly", "where boolean is needed"),
        ("SELECT eventid FROM cloudtrail WHERE readonly = true", "varchar and boolean"),
        ("SELECT eventid FROM cloudtrail WHERE eventid IN (SELECT version FROM transitions)", "varchar and bigint"),
        ("SELECT coalesce(eventid, 0) FROM cloudtrail", "varchar and bigint"),
        ("SELECT CASE WHEN eventid = 'a' THEN 1 ELSE 'b' END FROM cloudtrail", "bigint and varchar"),
        ("SELECT concat(eventid, 1) FROM cloudtrail", "where varchar is needed"),
        ("SELECT sum(eventid) FROM cloudtrail", "sums varchar"),
        ("SELECT hour(eventtime) FROM cloudtrail", "where timestamp is needed"),
        ("SELECT json_extract_scalar(useridentity, '$.a') FROM cloudtrail", "where varchar is needed"),
        ("SELECT json_extract_scalar(resources, '$.a') FROM cloudtrail", "where varchar is needed"),
        ("SELECT array_join(array_agg(version), ',') FROM transitions", "joins"),
        ("SELECT eventid, count(*) FROM cloudtrail", "neither aggregated nor grouped by"),
        ("SELECT eventid, eventname FROM cloudtrail GROUP BY eventid", "eventname is neither aggregated"),
        ("SELECT eventid AS e, count(*) FROM cloudtrail GROUP BY e", "no column e"),
        ("SELECT DISTINCT eventid FROM cloudtrail ORDER BY eventname", "of SELECT DISTINCT"),
        ("SELECT array_agg(DISTINCT eventid ORDER BY eventname) FROM cloudtrail", "same expression"),
        ("SELECT account FROM cloudtrail, findings", "account is ambiguous"),
        ("SELECT eventid FROM cloudtrail UNION ALL SELECT version FROM transitions", "varchar and bigint"),
        ("SELECT eventid FROM cloudtrail WHERE day BETWEEN :from_day AND 20261031", "varchar and bigint"),
    ],
)
def test_what_athena_would_refuse_is_refused_here(sql, said):
    with pytest.raises(WrongTypeError, match=said):
        analyse(sql)


def test_what_is_no_select_is_in_no_subset():
    with pytest.raises(EngineError, match="one SELECT"):
        translated("DROP TABLE cloudtrail")
