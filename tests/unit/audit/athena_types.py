"""What Athena's analyser would say of a question: every column is there, and every operator gets types that it takes.

There is no Athena to ask offline. So a statement is read with sqlglot's dialect of it, and its types are worked out
from the Glue tables, strictly as Trino does: a varchar is never compared with a bigint, a struct's field has to be
declared, a function takes what its documentation says (Trino documentation, "Functions and operators").
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp

VARCHAR, BIGINT, DOUBLE, BOOLEAN, MOMENT, NULL = "varchar", "bigint", "double", "boolean", "timestamp", "unknown"
Type = Any  # one of these names, ("array", item), ("map", key, value), or ("row", {field: type})
Columns = dict[str, Type]


class WrongTypeError(Exception):
    """Athena would refuse it; says what."""


def glue_type(text: str) -> Type:
    """A type as Glue's schema writes it: "array<struct<arn:string>>"."""
    text = text.strip()
    simple = {"string": VARCHAR, "bigint": BIGINT, "int": BIGINT, "boolean": BOOLEAN, "double": DOUBLE}
    if text in simple:
        return simple[text]
    found = re.fullmatch(r"(array|map|struct)<(.*)>", text)
    if not found:
        raise WrongTypeError(f"{text} is no type")
    parts = _split(found[2])
    if found[1] == "array":
        return ("array", glue_type(parts[0]))
    if found[1] == "map":
        return ("map", glue_type(parts[0]), glue_type(parts[1]))
    return ("row", {part.partition(":")[0]: glue_type(part.partition(":")[2]) for part in parts})


def _split(text: str) -> list[str]:
    parts, depth, start = [], 0, 0
    for place, mark in enumerate(text):
        depth += {"<": 1, ">": -1}.get(mark, 0)
        if mark == "," and not depth:
            parts.append(text[start:place])
            start = place + 1
    return [*parts, text[start:]]


@dataclass
class Scope:
    """What a SELECT can name."""

    sources: dict[str, Columns]
    outer: Scope | None = None
    aliases: Columns = field(default_factory=dict)  # of its own result, for ORDER BY

    def find(self, parts: list[str]) -> Type:
        """The type of a.b.c: a column of any source, or a source and its column, and fields below."""
        name, *rest = parts
        if rest and name in self.sources:
            columns = self.sources[name]
            if rest[0] not in columns:
                raise WrongTypeError(f"{name} has no column {rest[0]}")
            return _below(columns[rest[0]], rest[1:], parts)
        holders = [columns for columns in self.sources.values() if name in columns]
        if len(holders) > 1:
            raise WrongTypeError(f"{name} is ambiguous")
        if holders:
            return _below(holders[0][name], rest, parts)
        if self.outer is not None:
            return self.outer.find(parts)
        raise WrongTypeError(f"there is no column {'.'.join(parts)}")


def _below(kind: Type, fields: list[str], parts: list[str]) -> Type:
    for name in fields:
        if not isinstance(kind, tuple) or kind[0] != "row" or name not in kind[1]:
            raise WrongTypeError(f"{'.'.join(parts)}: there is no field {name}")
        kind = kind[1][name]
    return kind


class Analyser:
    """Of one statement. `tables` are Glue's: name -> column -> its type's text; `parameters`: name -> type."""

    def __init__(self, tables: Mapping[str, Mapping[str, str]], parameters: Mapping[str, str]) -> None:
        self.tables = {
            name: {column: glue_type(text) for column, text in columns.items()} for name, columns in tables.items()
        }
        self.parameters = dict(parameters)

    def analyse(self, sql: str) -> Columns:
        """The columns of the answer with their types. Raises WrongTypeError."""
        (tree,) = sqlglot.parse(sql, dialect="athena")
        return self.query(tree, {}, None)

    def query(self, node: Any, known: Mapping[str, Columns], outer: Scope | None) -> Columns:
        known = dict(known)
        for cte in node.ctes:
            known[cte.alias] = self.query(cte.this, known, None)
        if isinstance(node, exp.SetOperation):
            left, right = (self.query(side, known, outer) for side in (node.this, node.expression))
            if len(left) != len(right):
                raise WrongTypeError("the sides have different numbers of columns")
            for one, two in zip(left.values(), right.values(), strict=True):
                self.same(one, two, node)
            result = {name: self.same(left[name], two, node) for name, two in zip(left, right.values(), strict=True)}
            for item in (node.args.get("order") or exp.Order(expressions=[])).expressions:
                self.kind(item.this, Scope({"": result}))
            return result
        if isinstance(node, exp.Subquery):
            return self.query(node.this, known, outer)
        if not isinstance(node, exp.Select):
            raise WrongTypeError(f"{type(node).__name__} is no query")
        return self.select(node, known, outer)

    def select(self, node: exp.Select, known: Mapping[str, Columns], outer: Scope | None) -> Columns:
        scope = Scope({}, outer)
        self.known = known  # for subqueries below
        origin = node.args.get("from_") or node.args.get("from")
        joins = node.args.get("joins") or []
        for source in [*([origin.this] if origin else []), *(join.this for join in joins)]:
            if isinstance(source, exp.Table):
                columns = known.get(source.name) or self.tables.get(source.name)
                if columns is None:
                    raise WrongTypeError(f"there is no table {source.name}")
            else:
                columns = self.query(source, known, None)
            scope.sources[source.alias_or_name] = columns
        for join in joins:
            if join.args.get("on"):
                self.is_a(BOOLEAN, join.args["on"], scope)
        if node.args.get("where"):
            if list(node.args["where"].find_all(exp.AggFunc)) and not node.args["where"].find(exp.Subquery):
                raise WrongTypeError("WHERE holds an aggregate")
            self.is_a(BOOLEAN, node.args["where"].this, scope)
        grouped = []
        if node.args.get("group"):
            for item in node.args["group"].expressions:
                if isinstance(item, exp.Literal):  # the number of one of its columns
                    chosen = node.expressions[int(item.this) - 1]
                    by = chosen.this if isinstance(chosen, exp.Alias) else chosen
                else:
                    by = item
                self.kind(by, scope)  # of the sources: Trino knows no alias here
                grouped.append(by.sql())
        if node.args.get("having"):
            self.is_a(BOOLEAN, node.args["having"].this, scope)
        result: Columns = {}
        aggregates = bool(grouped) or any(_aggregates(item) for item in node.expressions)
        for item in node.expressions:
            if isinstance(item, exp.Star):
                for columns in scope.sources.values():
                    result |= columns
                continue
            inner = item.this if isinstance(item, exp.Alias) else item
            if aggregates:
                _needs_grouping(inner, grouped)
            result[item.alias_or_name] = self.kind(inner, scope)
        scope.aliases = result
        for item in (node.args.get("order") or exp.Order(expressions=[])).expressions:
            name = item.this.name if isinstance(item.this, exp.Column) and not item.this.table else ""
            if name in result:
                self.orderable(result[name], item)
            elif node.args.get("distinct"):
                raise WrongTypeError(f"ORDER BY {item.sql()}: of SELECT DISTINCT it has to be among its columns")
            else:
                self.orderable(self.kind(item.this, scope), item)
        if node.args.get("distinct"):
            for kind in result.values():
                self.orderable(kind, node)
        return result

    # Types

    def same(self, one: Type, two: Type, node: Any) -> Type:
        if one == NULL or two == NULL:
            return two if one == NULL else one
        if {one, two} == {BIGINT, DOUBLE} if isinstance(one, str) and isinstance(two, str) else False:
            return DOUBLE
        if one != two:
            raise WrongTypeError(f"{node.sql(dialect='athena')[:120]}: {one} and {two}")
        return one

    def is_a(self, wanted: Type, node: Any, scope: Scope) -> Type:
        found = self.kind(node, scope)
        if found not in (wanted, NULL) and not (wanted == DOUBLE and found == BIGINT):
            raise WrongTypeError(f"{node.sql(dialect='athena')[:120]} is {found}, where {wanted} is needed")
        return wanted

    def orderable(self, kind: Type, node: Any) -> Type:
        if isinstance(kind, tuple) and kind[0] == "map":
            raise WrongTypeError(f"{node.sql(dialect='athena')[:120]}: {kind} cannot be put in order")
        return kind

    def kind(self, node: Any, scope: Scope) -> Type:
        match node:
            case exp.Paren() | exp.Alias() | exp.Ordered():
                return self.kind(node.this, scope)
            case exp.Column() | exp.Dot():
                return scope.find([part.name for part in node.parts])
            case exp.Placeholder():
                return self.parameters[str(node.this)]
            case exp.Literal():
                return VARCHAR if node.is_string else DOUBLE if "." in str(node.this) else BIGINT
            case exp.Boolean():
                return BOOLEAN
            case exp.Null():
                return NULL
            case exp.And() | exp.Or():
                self.is_a(BOOLEAN, node.left, scope)
                return self.is_a(BOOLEAN, node.right, scope)
            case exp.Not():
                return self.is_a(BOOLEAN, node.this, scope)
            case exp.EQ() | exp.NEQ() | exp.LT() | exp.LTE() | exp.GT() | exp.GTE():
                self.orderable(self.same(self.kind(node.left, scope), self.kind(node.right, scope), node), node)
                return BOOLEAN
            case exp.Is():
                self.kind(node.this, scope)
                if not isinstance(node.expression, exp.Null | exp.Not):
                    raise WrongTypeError(f"{node.sql()}: IS takes NULL")
                return BOOLEAN
            case exp.In():
                kind = self.kind(node.this, scope)
                if node.args.get("query"):
                    (found,) = self.query(node.args["query"], self.known, scope).values()
                    self.same(kind, found, node)
                for item in node.expressions:
                    self.same(kind, self.kind(item, scope), node)
                return BOOLEAN
            case exp.Between():
                kind = self.kind(node.this, scope)
                for key in ("low", "high"):
                    self.same(kind, self.kind(node.args[key], scope), node)
                return BOOLEAN
            case exp.Escape():
                self.is_a(VARCHAR, node.expression, scope)
                return self.kind(node.this, scope)
            case exp.Like() | exp.RegexpLike() | exp.StartsWith():
                self.is_a(VARCHAR, node.this, scope)
                self.is_a(VARCHAR, node.expression, scope)
                return BOOLEAN
            case exp.Exists():
                known = self.known
                self.query(node.this, known, scope)
                self.known = known
                return BOOLEAN
            case exp.Subquery():
                known = self.known
                (found,) = self.query(node.this, known, scope).values()
                self.known = known
                return found
            case exp.Coalesce():
                kind = self.kind(node.this, scope)
                for item in node.expressions:
                    kind = self.same(kind, self.kind(item, scope), node)
                return kind
            case exp.Nullif():
                kind = self.kind(node.this, scope)
                self.same(kind, self.kind(node.expression, scope), node)
                return kind
            case exp.Case():
                kind = NULL
                subject = self.kind(node.this, scope) if node.this else BOOLEAN
                for item in node.args["ifs"]:
                    self.same(subject, self.kind(item.this, scope), node)
                    kind = self.same(kind, self.kind(item.args["true"], scope), node)
                return (
                    self.same(kind, self.kind(node.args["default"], scope), node) if node.args.get("default") else kind
                )
            case exp.If():
                self.is_a(BOOLEAN, node.this, scope)
                kind = self.kind(node.args["true"], scope)
                return self.same(kind, self.kind(node.args["false"], scope), node) if node.args.get("false") else kind
            case exp.Add() | exp.Sub() | exp.Mul() | exp.Div():
                kind = self.same(self.kind(node.left, scope), self.kind(node.right, scope), node)
                if kind not in (BIGINT, DOUBLE):
                    raise WrongTypeError(f"{node.sql(dialect='athena')[:120]} counts with {kind}")
                return kind
            case exp.Neg():
                return self.kind(node.this, scope)
            case exp.Cast():
                self.kind(node.this, scope)
                return {"DOUBLE": DOUBLE, "BIGINT": BIGINT, "VARCHAR": VARCHAR}[node.to.this.name]
            case exp.Try():
                return self.kind(node.this, scope)
            case exp.DPipe():
                self.is_a(VARCHAR, node.left, scope)
                return self.is_a(VARCHAR, node.right, scope)
            case exp.Concat() | exp.ConcatWs():
                for item in node.expressions:
                    self.is_a(VARCHAR, item, scope)
                return VARCHAR
            case exp.JSONExtractScalar() | exp.JSONExtract() | exp.Lower():
                return self.is_a(VARCHAR, node.this, scope)
            case exp.Length():
                self.is_a(VARCHAR, node.this, scope)
                return BIGINT
            case exp.StrPosition():
                self.is_a(VARCHAR, node.this, scope)
                self.is_a(VARCHAR, node.args["substr"], scope)
                return BIGINT
            case exp.Replace() | exp.SplitPart() | exp.Substring():
                for key, wanted in (
                    ("expression", VARCHAR), ("replacement", VARCHAR), ("delimiter", VARCHAR),
                    ("part_index", BIGINT), ("start", BIGINT), ("length", BIGINT),
                ):  # fmt: skip
                    if node.args.get(key) is not None:
                        self.is_a(wanted, node.args[key], scope)
                return self.is_a(VARCHAR, node.this, scope)
            case exp.FromISO8601Timestamp():
                self.is_a(VARCHAR, node.this, scope)
                return MOMENT
            case exp.Hour() | exp.DayOfWeekIso():
                self.is_a(MOMENT, node.this, scope)
                return BIGINT
            case exp.DateDiff():
                self.is_a(MOMENT, node.this, scope)
                self.is_a(MOMENT, node.expression, scope)
                return BIGINT
            case exp.DateAdd():
                self.is_a(BIGINT, node.expression, scope)
                return self.is_a(MOMENT, node.this, scope)
            case exp.Window():
                for item in node.args.get("partition_by") or []:
                    self.orderable(self.kind(item, scope), node)
                for item in (node.args.get("order") or exp.Order(expressions=[])).expressions:
                    self.orderable(self.kind(item, scope), node)
                return self.kind(node.this, scope)
            case exp.RowNumber() | exp.Rank() | exp.DenseRank():
                return BIGINT
            case exp.Lag() | exp.Lead() | exp.Filter():
                if isinstance(node, exp.Filter):
                    self.is_a(BOOLEAN, node.expression.this, scope)
                return self.kind(node.this, scope)
            case exp.Count():
                for item in [node.this] if not isinstance(node.this, exp.Distinct) else node.this.expressions:
                    if not isinstance(item, exp.Star):
                        self.kind(item, scope)
                return BIGINT
            case exp.Sum():
                kind = self.kind(node.this, scope)
                if kind not in (BIGINT, DOUBLE):
                    raise WrongTypeError(f"{node.sql()} sums {kind}")
                return kind
            case exp.Min() | exp.Max():
                return self.orderable(self.kind(node.this, scope), node)
            case exp.ArrayAgg():
                return ("array", self.kind(node.this, scope))
            case exp.Distinct():
                (item,) = node.expressions
                return self.orderable(self.kind(item, scope), node)
            case exp.Order():
                kind = self.kind(node.this, scope)
                distinct = node.this.expressions[0].sql() if isinstance(node.this, exp.Distinct) else None
                for item in node.expressions:
                    self.orderable(self.kind(item.this, scope), node)
                    if distinct is not None and item.this.sql() != distinct:
                        raise WrongTypeError(f"{node.sql()}: of DISTINCT, ORDER BY has to be the same expression")
                return kind
            case exp.ArrayToString():
                found = self.kind(node.this, scope)
                if found != ("array", VARCHAR):
                    raise WrongTypeError(f"{node.sql()} joins {found}")
                return self.is_a(VARCHAR, node.expression, scope)
        raise WrongTypeError(f"{node.sql(dialect='athena')[:120]} ({type(node).__name__}) is not known here")


def _aggregates(node: Any) -> bool:
    """Whether it aggregates the rows of its own SELECT: not of a window, nor of a subquery."""
    if isinstance(node, exp.Subquery | exp.Exists):
        return False
    if isinstance(node, exp.Window):
        return any(_aggregates(item) for item in node.this.iter_expressions())
    if isinstance(node, exp.AggFunc):
        return True
    return any(_aggregates(item) for item in node.iter_expressions())


def _needs_grouping(node: Any, grouped: list[str]) -> None:
    """Raise where a column stands outside of every aggregate and is not grouped by."""
    if node.sql() in grouped or isinstance(node, exp.AggFunc | exp.Subquery | exp.Exists | exp.Filter):
        return
    if isinstance(node, exp.Column | exp.Dot):
        raise WrongTypeError(f"{node.sql(dialect='athena')} is neither aggregated nor grouped by")
    for item in node.iter_expressions():
        _needs_grouping(item, grouped)
