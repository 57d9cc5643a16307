"""SQL of Athena's, translated for DuckDB: a tested subset, and everything else refused by name.

sqlglot turns most Trino SQL into DuckDB SQL that runs, and some of it into SQL that runs and answers something else.
So a statement may only use what is listed here, and where the two differ in a value, the translation is written out:

    construct                         Trino                        DuckDB, left alone            here
    a / b of whole numbers            whole number                 2.5                           refused
    date_diff(unit, a, b)             whole units                  boundaries crossed            date_sub
    regexp_extract without a match    NULL                         ''                            refused
    split_part beyond the parts       NULL                         ''                            an element, or NULL
    json_extract_scalar of an object  NULL                         its text                      NULL
    json_extract_scalar of no JSON    NULL                         an error                      NULL
    substr(s, 0)                      ''                           the whole text                refused
    try(1 / 0)                        NULL                         infinity                      refused
    concat(a, NULL)                   NULL                         a                             a || b
    greatest(a, NULL), max_by         NULL                         the other one                 refused
    cast of text to a whole number    an error for '1.5'           2                             refused
    text with an offset, to a time    in UTC                       the offset left aside         in UTC
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from audit.engines import EngineError
from audit.tables import TABLES, Table

_PATH = re.compile(r"\$(?:\.[A-Za-z_][A-Za-z0-9_]*|\[[0-9]{1,4}\])+")
_PATTERN = re.compile(
    r"""(?:\(\?i\))?(?:[A-Za-z0-9 _:/@,="\-^$.|*+?\[\])]|\[\^[}\]]\]|\((?!\?)|\\[.\-/$^|*+()\[\]dws])*"""
)
_UNITS = frozenset({"SECOND", "MINUTE", "HOUR", "DAY"})
_LONGEST = 100_000  # characters of a statement

# What takes part in a statement without a difference between the two, by sqlglot's name for it.
_SAME = (
    exp.Select, exp.From, exp.Where, exp.Group, exp.Having, exp.Order, exp.Ordered, exp.Limit, exp.Distinct,
    exp.With, exp.CTE, exp.Subquery, exp.Union, exp.Except, exp.Intersect, exp.Join, exp.Table, exp.TableAlias,
    exp.Alias, exp.Identifier, exp.Column, exp.Dot, exp.Star, exp.Placeholder, exp.Literal, exp.Null, exp.Boolean,
    exp.And, exp.Or, exp.Not, exp.Paren, exp.EQ, exp.NEQ, exp.LT, exp.LTE, exp.GT, exp.GTE, exp.Is, exp.In,
    exp.Between, exp.Like, exp.Exists, exp.Case, exp.If, exp.Coalesce, exp.Nullif, exp.Add, exp.Sub, exp.Mul, exp.Neg,
    exp.DPipe, exp.Lower, exp.Length, exp.StartsWith, exp.Count, exp.Sum, exp.Min, exp.Max,
    exp.Filter, exp.Window, exp.WindowSpec, exp.RowNumber, exp.Rank, exp.DenseRank, exp.Lag, exp.Lead, exp.ArrayAgg,
    exp.Var, exp.DataType, exp.JSONPath, exp.JSONPathRoot, exp.JSONPathKey, exp.JSONPathSubscript, exp.ConcatWs,
    exp.Escape, exp.Replace,
)  # fmt: skip

# Macros of the connection: what needs more than an expression.
MACROS = (
    # Reading what is no JSON is an error in DuckDB: it is read as NULL instead.
    "CREATE OR REPLACE TEMP MACRO rootwatch_json(document) AS CASE WHEN json_valid(document) THEN document END",
    "CREATE OR REPLACE TEMP MACRO rootwatch_json_scalar(document, path) AS "
    "CASE WHEN json_type(rootwatch_json(document), path) NOT IN ('OBJECT', 'ARRAY') "
    "THEN json_extract_string(rootwatch_json(document), path) END",
)


@dataclass(frozen=True, kw_only=True)
class Translation:
    """A statement for DuckDB, with what it asks."""

    sql: str  # named parameters as $name
    tables: frozenset[str]
    names: frozenset[str] | None  # of columns and fields that it uses; None: all, by an asterisk


def translated(sql: str) -> Translation:
    """Translate one SELECT of Athena's; its named parameters stay.

    Raises:
        EngineError: it is no SELECT, or uses something that is not in the tested subset; names that.
    """
    if len(sql) > _LONGEST:
        raise EngineError(f"the SQL is longer than {_LONGEST:,} characters.")
    try:
        statements = sqlglot.parse(sql, dialect="athena")
    except ParseError as error:
        found = error.errors[0] if error.errors else {}
        where = f"line {found.get('line')}, column {found.get('col')}"
        near = str(found.get("highlight") or "its end").strip()
        raise EngineError(f"the SQL cannot be read as Athena's: {where}, at {near[:60]}.") from error
    except SqlglotError as error:
        raise EngineError(f"the SQL cannot be read as Athena's: {_without_colour(str(error))[:200]}") from error
    except RecursionError as error:
        raise EngineError("the SQL is nested too deeply.") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise EngineError("the SQL has to be one SELECT statement: questions read, they change nothing.")
    tree = statements[0]
    tables = _tables(tree)
    names = _names(tree)
    # From the inside out, so that what is written for a part stays.
    for node in reversed(list(tree.walk())):
        change = _changed(node)
        if change is not node:
            node.replace(change)
    try:
        text = tree.sql(dialect="duckdb", unsupported_level=sqlglot.ErrorLevel.RAISE)
    except SqlglotError as error:
        raise EngineError(f"the SQL cannot be asked of DuckDB: {_without_colour(str(error))}") from error
    return Translation(sql=text, tables=tables, names=names)


def _without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def _tables(tree: exp.Query) -> frozenset[str]:
    of_statement = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    found = set()
    for table in tree.find_all(exp.Table):
        name = table.name.lower()
        if table.args.get("db") or table.args.get("catalog") or not isinstance(table.this, exp.Identifier):
            raise EngineError(f'"{table.sql(dialect="athena")[:80]}" is no table here: name {_listed(TABLES)}.')
        if name in of_statement:
            continue
        if name not in TABLES:
            raise EngineError(f'there is no table "{name[:60]}": there are {_listed(TABLES)}.')
        found.add(name)
    return frozenset(found)


def _listed(tables: dict[str, Table]) -> str:
    return ", ".join(tables)


def _names(tree: exp.Query) -> frozenset[str] | None:
    for star in tree.find_all(exp.Star):
        if not isinstance(star.parent, exp.Count):
            return None
    return frozenset(identifier.name.lower() for identifier in tree.find_all(exp.Identifier))


def _refused(node: exp.Expr, why: str = "") -> EngineError:
    try:
        text = node.sql(dialect="athena")
    except ValueError:  # a part that is never written by itself
        text = type(node).__name__
    what = f"{text[:77]}..." if len(text) > 80 else text
    return EngineError(
        f"`{what}` is not in the part of Athena's SQL that gives the same values on this machine"
        f"{f': {why}' if why else ''}. Write it differently, or ask Athena (--engine athena)."
    )


def _changed(node: exp.Expr) -> exp.Expr:
    for kind, change in _CHANGES.items():
        if type(node) is kind:
            return change(node)
    if not isinstance(node, _SAME):
        raise _refused(node)
    if isinstance(node, exp.Min | exp.Max) and node.expressions:
        raise _refused(node, "of one value")
    if isinstance(node, exp.Join) and node.args.get("method"):
        raise _refused(node, "join ON a condition")
    return node


def _scalar(node: exp.Expr) -> exp.Expr:
    if not node.args.get("scalar_only") and not isinstance(node, exp.JSONExtractScalar):
        raise _refused(node, "json_extract_scalar is")
    path = node.expression
    text = path.sql(dialect="athena").strip("'") if isinstance(path, exp.JSONPath | exp.Literal) else ""
    if not _PATH.fullmatch(text):
        raise _refused(node, "its path has to be a literal such as '$.a.b' or '$.a[0]'")
    return exp.Anonymous(this="rootwatch_json_scalar", expressions=[node.this, exp.Literal.string(text)])


def _split_part(node: exp.Expr) -> exp.Expr:
    part = node.args.get("part_index")
    delimiter = node.args.get("delimiter")
    if not isinstance(part, exp.Literal) or part.is_string or int(part.this) < 1:
        raise _refused(node, "the number of the part has to be written out, from 1 on")
    if not isinstance(delimiter, exp.Literal) or not delimiter.is_string or not delimiter.this:
        raise _refused(node, "the delimiter has to be written out")
    parts = exp.Anonymous(this="string_split", expressions=[node.this, delimiter])
    return exp.Anonymous(this="list_extract", expressions=[parts, part])


def _substring(node: exp.Expr) -> exp.Expr:
    start, length = node.args.get("start"), node.args.get("length")
    if not isinstance(start, exp.Literal) or start.is_string or int(start.this) < 1:
        raise _refused(node, "the start has to be written out, from 1 on")
    if length is not None and (not isinstance(length, exp.Literal) or length.is_string):
        raise _refused(node, "the length has to be written out")
    return node


def _cast(node: exp.Expr) -> exp.Expr:
    kind = node.args.get("to")
    if not isinstance(kind, exp.DataType) or kind.this is not exp.DataType.Type.DOUBLE:
        raise _refused(node, "only a cast to double gives the same")
    return node


def _division(node: exp.Expr) -> exp.Expr:
    sides = [side.unnest() for side in (node.this, node.expression)]
    if not any(isinstance(side, exp.Cast) and side.to.this is exp.DataType.Type.DOUBLE for side in sides):
        raise _refused(node, "of whole numbers Trino keeps the whole part; cast one to double")
    if not isinstance(sides[1], exp.Nullif | exp.Literal):
        raise _refused(node, "divide by nullif(x, 0), so that dividing by nothing gives NULL")
    # A double divided is a double in both; sqlglot would cast once more.
    return exp.Div(this=node.this, expression=node.expression, typed=False, safe=False)


def _moment(node: exp.Expr) -> exp.Expr:
    return _in_utc(exp.Cast(this=node.this, to=exp.DataType.build("timestamptz", dialect="duckdb")))


def _try(node: exp.Expr) -> exp.Expr:
    # What _moment made of it: a statement's own cast can only be one to double.
    cast = node.find(exp.Cast)
    if not isinstance(node.this, exp.Anonymous) or node.this.name != "make_timestamp" or cast is None:
        raise _refused(node, "only try(from_iso8601_timestamp(x)) is")
    return _in_utc(exp.TryCast(this=cast.this, to=cast.to))


def _in_utc(moment: exp.Expr) -> exp.Expr:
    """A moment without a time zone, in UTC: a cast to one would leave an offset aside, and ask a session's zone."""
    microseconds = exp.Anonymous(this="epoch_us", expressions=[moment])
    return exp.Anonymous(this="make_timestamp", expressions=[microseconds])


def _date_diff(node: exp.Expr) -> exp.Expr:
    unit = node.args.get("unit")
    name = unit.name.upper() if unit is not None else ""
    if name not in _UNITS:
        raise _refused(node, "the unit is 'second', 'minute', 'hour' or 'day'")
    # sqlglot turns Trino's (unit, from, to) into this=to, expression=from.
    return exp.Anonymous(this="date_sub", expressions=[exp.Literal.string(name.lower()), node.expression, node.this])


def _date_add(node: exp.Expr) -> exp.Expr:
    unit = node.args.get("unit")
    name = unit.name.upper() if unit is not None else ""
    if name not in _UNITS:
        raise _refused(node, "the unit is 'second', 'minute', 'hour' or 'day'")
    count = exp.Cast(this=node.expression, to=exp.DataType.build("bigint", dialect="duckdb"))
    step = exp.Anonymous(this=f"to_{name.lower()}s", expressions=[count])
    return exp.Paren(this=exp.Add(this=node.this, expression=step))


def _part_of_time(name: str) -> Callable[[exp.Expr], exp.Expr]:
    return lambda node: exp.Anonymous(this=name, expressions=[node.this])


def _concat(node: exp.Expr) -> exp.Expr:
    first, *others = node.expressions
    joined = first
    for other in others:
        joined = exp.DPipe(this=joined, expression=other, safe=False)
    return exp.Paren(this=joined)


def _like_pattern(node: exp.Expr) -> exp.Expr:
    pattern = node.expression
    if not isinstance(pattern, exp.Literal) or not pattern.is_string or not _PATTERN.fullmatch(pattern.this):
        raise _refused(node, "the pattern has to be written out, of what the two kinds of expressions share")
    return exp.Anonymous(this="regexp_matches", expressions=[node.this, pattern])


def _joined(node: exp.Expr) -> exp.Expr:
    if node.args.get("null") is not None:
        raise _refused(node, "array_join(array, delimiter) is")
    return exp.Anonymous(this="array_to_string", expressions=[node.this, node.expression])


def _position(node: exp.Expr) -> exp.Expr:
    if node.args.get("position") or node.args.get("occurrence"):
        raise _refused(node, "strpos(text, part) is")
    return exp.Anonymous(this="strpos", expressions=[node.this, node.args["substr"]])


_CHANGES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.JSONExtractScalar: _scalar,
    exp.JSONExtract: _scalar,
    exp.SplitPart: _split_part,
    exp.Substring: _substring,
    exp.Cast: _cast,
    exp.Div: _division,
    exp.FromISO8601Timestamp: _moment,
    exp.Try: _try,
    exp.DateDiff: _date_diff,
    exp.DateAdd: _date_add,
    exp.Hour: _part_of_time("hour"),
    exp.DayOfWeekIso: _part_of_time("isodow"),
    exp.Concat: _concat,
    exp.RegexpLike: _like_pattern,
    exp.ArrayToString: _joined,
    exp.StrPosition: _position,
}


def known_functions() -> Iterator[str]:
    """What a statement may call, by the names that Athena has for it; for the documentation."""
    yield from (
        "array_agg, array_join, coalesce, concat, concat_ws, count, date_add, date_diff, day_of_week, dense_rank",
        "from_iso8601_timestamp, hour, json_extract_scalar, lag, lead, length, lower, max, min, nullif, rank",
        "regexp_like, replace, row_number, split_part, starts_with, strpos, substr, sum, try",
    )
