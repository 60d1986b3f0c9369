"""
BigQuery's SQL as DuckDB runs it.

sqlglot translates; here is what it leaves, each with its reason. NUMERIC must not be DuckDB's
default decimal, which has three places, nor a product in floating point on its way; products, quotients and means of NUMERIC are NUMERIC again;
a date plus days, and one cut to its month, is a date; a parsed or counted timestamp is in UTC unless
it says where; LEFT JOIN UNNEST needs a condition; and a column without a name is ``f0_``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final

import duckdb
import sqlglot
from sqlglot import exp
from sqlglot.errors import ParseError, SqlglotError

from ogfd_sandbox.bigquery.errors import QueryError

TO_NUMERIC: Final = "bigquery_numeric"
"""The macro that the database must have, of one argument: CAST(x AS NUMERIC), exactly."""

_NUMERIC: Final = exp.DataType.build("DECIMAL(38, 9)", dialect="duckdb")
# BIGNUMERIC has 38 places before and after the point; DuckDB has 38 in all
_BIGNUMERIC: Final = exp.DataType.build("DECIMAL(38, 18)", dialect="duckdb")
_DECIMALS: Final = {
    exp.DataType.Type.DECIMAL: _NUMERIC,
    exp.DataType.Type.BIGDECIMAL: _BIGNUMERIC,
}
_UTC: Final = exp.DataType.build("TIMESTAMPTZ", dialect="duckdb")
_DATE: Final = exp.DataType.build("DATE", dialect="duckdb")
_NAMED: Final = (exp.Alias, exp.Column, exp.Dot, exp.Star)
_OF_OPERANDS: Final = (
    exp.Paren,
    exp.Neg,
    exp.Add,
    exp.Sub,
    exp.Mul,
    exp.Div,
    exp.Sum,
    exp.Max,
    exp.Min,
    exp.Avg,
    exp.AnyValue,
    exp.Abs,
    exp.Round,
    exp.Coalesce,
    exp.Case,
    exp.If,
    exp.Subquery,
)
_SCALARS: Final = {
    "STRING": "VARCHAR",
    "INT64": "BIGINT",
    "FLOAT64": "DOUBLE",
    "BOOL": "BOOLEAN",
    "NUMERIC": "DECIMAL(38, 9)",
    "BIGNUMERIC": "DECIMAL(38, 18)",
    "DATE": "DATE",
    "DATETIME": "TIMESTAMP",
    "TIMESTAMP": "TIMESTAMPTZ",
}
_UNKNOWN_COLUMN: Final = re.compile(r'column "([^"]+)" not found', re.IGNORECASE)
_UNKNOWN_FIELD: Final = re.compile(r'Could not find key "([^"]+)" in struct', re.IGNORECASE)
_UNKNOWN_FUNCTION: Final = re.compile(r"Function with name (\S+) does not exist")


def parse(sql: str) -> exp.Query:
    """
    Return the query that *sql* is.

    Raises:
        QueryError: if it is not one query, or refers to a past state of a table.
    """
    return _parsed(sql).copy()


@lru_cache(maxsize=256)
def _parsed(sql: str) -> exp.Query:
    try:
        found = [one for one in sqlglot.parse(sql, read="bigquery") if one is not None]
    except ParseError as exc:
        at = exc.errors[0]
        message = f"Syntax error: {at['description']} at [{at['line']}:{at['col']}]"
        raise QueryError("invalidQuery", message) from None
    except SqlglotError as exc:
        raise QueryError("invalidQuery", f"Syntax error: {_first_line(exc)}") from None
    if len(found) != 1 or not isinstance(found[0], exp.Query):
        message = "The stand-in runs one SELECT statement a job, and nothing else."
        raise QueryError("invalidQuery", message)
    if found[0].find(exp.Version):
        raise QueryError("invalidQuery", "The stand-in has no FOR SYSTEM_TIME AS OF.")
    return found[0]


def bind(query: exp.Query, parameters: Sequence[Mapping[str, Any]]) -> exp.Query:
    """
    Return *query* with values in place of its named parameters.

    Args:
        query: what `parse` returned; is changed.
        parameters: as a job has them in ``queryParameters``.

    Raises:
        QueryError: if a parameter is missing or of a type that the stand-in does not know.
    """
    known = {one.get("name", "").lower(): one for one in parameters}

    def bound(node: exp.Expr) -> exp.Expr:
        if not isinstance(node, exp.Parameter):
            return node
        name = node.name
        if name.lower() not in known:
            raise QueryError("invalidQuery", f"Query parameter '{name}' not found at [1:1]")
        one = known[name.lower()]
        return _literal(name, one["parameterType"], one.get("parameterValue", {}))

    new = query.transform(bound, copy=False)
    if not isinstance(new, exp.Query):  # never so: a parameter is no query
        raise QueryError("invalidQuery", "A parameter stands in place of the query.")
    return new


def plain_value(value: Mapping[str, Any]) -> Any:
    """Return a ``parameterValue`` as text, None or a list of those."""
    if "arrayValues" in value:
        return [plain_value(one) for one in value["arrayValues"]]
    return value.get("value")


def duckdb_sql(query: exp.Query) -> str:
    """Return *query*, whose tables DuckDB knows already, in DuckDB's SQL."""
    # bottom up, so that what an operand becomes is seen from above
    for node in list(query.walk(bfs=False))[::-1]:
        new = _translated(node)
        if new is not node:
            node.replace(new)
    for place, unnamed in enumerate(one for one in query.selects if not isinstance(one, _NAMED)):
        unnamed.replace(exp.alias_(unnamed.copy(), f"f{place}_"))
    return condition_sql(query)


def condition_sql(node: exp.Expr) -> str:
    """
    Return *node*, which is of no use afterwards, in DuckDB's SQL, types as they are.

    Raises:
        QueryError: if sqlglot has no words for it.
    """
    try:
        return node.sql(dialect="duckdb", copy=False)  # which is most of the time it takes
    except SqlglotError as exc:
        raise QueryError("invalidQuery", f"Not supported: {_first_line(exc)}") from None


def query_error(exc: duckdb.Error) -> QueryError:
    """Return DuckDB's error as BigQuery would put it."""
    text = str(exc)
    for pattern, wording in (
        (_UNKNOWN_COLUMN, "Unrecognized name: {} at [1:1]"),
        (_UNKNOWN_FIELD, "Field name {} does not exist in STRUCT at [1:1]"),
        (_UNKNOWN_FUNCTION, "Function not found: {} at [1:1]"),
    ):
        found = pattern.search(text)
        if found is not None:
            return QueryError("invalidQuery", wording.format(found[1]))
    return QueryError("invalidQuery", text.partition("\n")[0])


def _translated(node: exp.Expr) -> exp.Expr:
    match node:
        case exp.DataType() if not node.expressions and node.this in _DECIMALS:
            return _DECIMALS[node.this].copy()
        case exp.Cast() if type(node) is exp.Cast and node.to == _NUMERIC:
            return _to_numeric(node)
        case exp.Mul() | exp.Div() | exp.Avg() if _numeric(node):
            return _cast(node, _NUMERIC)
        case exp.TimeToStr() if node.args.get("zone") is not None:
            zone, moment = node.args["zone"].pop(), node.this
            if isinstance(moment, exp.TsOrDsToTimestamp):  # would make it local to nowhere
                moment = moment.this
            node.set("this", exp.AtTimeZone(this=_cast(moment, _UTC).copy(), zone=zone))
        case exp.DateAdd() | exp.DateSub() | exp.DateTrunc():
            return _cast(node, _DATE)
        case exp.StrToTime() | exp.UnixToTime():
            return _moment(node)
        case exp.Join() if _unconditional_unnest(node):
            node.set("on", exp.true())
        case _:
            pass
    return node


def _to_numeric(node: exp.Cast) -> exp.Expr:
    """Return an exact cast; DuckDB cannot choose a macro's overload by what a macro returns."""
    if any(one.name == TO_NUMERIC for one in node.this.find_all(exp.Anonymous)):
        return node
    return exp.Anonymous(this=TO_NUMERIC, expressions=[node.this.copy()])


def _moment(node: exp.Expr) -> exp.Expr:
    """Return a timestamp in UTC of one that has no zone: it is of UTC unless it says where."""
    zone = node.args.get("zone")
    if zone is None:
        return _cast(node, _UTC)
    zone.pop()
    return exp.AtTimeZone(this=node.copy(), zone=zone)


def _numeric(node: exp.Expr | None) -> bool:
    """Tell whether a value is NUMERIC, as far as its own expression says."""
    match node:
        case exp.Anonymous():
            return node.name == TO_NUMERIC
        case exp.Cast():
            return node.to == _NUMERIC
        case exp.Subquery() | exp.Select():
            return any(_numeric(one.unalias()) for one in _selects(node)[:1])
        case exp.If():
            return _numeric(node.args.get("true")) or _numeric(node.args.get("false"))
        case _ if isinstance(node, _OF_OPERANDS):
            return any(_numeric(one) for one in node.iter_expressions())
        case _:
            return False


def _selects(node: exp.Expr) -> list[exp.Expr]:
    inner = node.unnest()
    return inner.selects if isinstance(inner, exp.Select) else []


def _cast(node: exp.Expr, kind: exp.DataType) -> exp.Expr:
    if isinstance(node.parent, exp.Cast) and node.parent.to == kind:
        return node
    return exp.Cast(this=node.copy(), to=kind.copy())


def _unconditional_unnest(join: exp.Join) -> bool:
    return join.side == "LEFT" and isinstance(join.this, exp.Unnest) and join.args.get("on") is None


def _literal(name: str, kind: Mapping[str, Any], value: Mapping[str, Any]) -> exp.Expr:
    if kind["type"] == "ARRAY":
        element = _scalar(name, kind["arrayType"]["type"])
        parts = [_literal(name, kind["arrayType"], one) for one in value.get("arrayValues", [])]
        array = exp.DataType.build(f"{element}[]", dialect="duckdb")
        return exp.Cast(this=exp.Array(expressions=parts), to=array)
    scalar = exp.DataType.build(_scalar(name, kind["type"]), dialect="duckdb")
    text = value.get("value")
    literal = exp.null() if text is None else exp.Literal.string(str(text))
    return exp.Cast(this=literal, to=scalar)


def _scalar(name: str, kind: str) -> str:
    if kind not in _SCALARS:
        message = f"The stand-in has no parameters of type {kind}, as '{name}' is."
        raise QueryError("invalidQuery", message)
    return _SCALARS[kind]


def _first_line(exc: Exception) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", str(exc)).partition("\n")[0]
