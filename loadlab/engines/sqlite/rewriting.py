"""Rules that put one node of another engine's statement into SQLite's words."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from loadlab.engines.sqlite import full_text, times
from loadlab.engines.translation import (
    INTEGERS,
    KEPT,
    TEXTS,
    TIMES,
    Rule,
    UntranslatableError,
    at_time_zone,
    bare,
    call,
    is_text,
    kept_cast,
    merging,
    plain_text_cast,
    qualified,
    refuse,
    renamed,
    time_literal,
)

NAME = "sqlite"
_FUNCTIONS = {
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
    "json_agg": "json_group_array",
    "jsonb_agg": "json_group_array",
    "jsonb_array_length": "json_array_length",
    "btrim": "trim",
}
UUID_V4 = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
    "substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)


# Casts ---------------------------------------------------------------------------------------------------------------

_REALS = {"DECIMAL", "DOUBLE", "FLOAT", "BIGDECIMAL"}


def _cast(node: exp.Expr) -> exp.Expr:
    inner, to = node.this, node.args["to"].this
    kind = str(getattr(to, "name", to))
    if kind == "INTERVAL" and is_text(inner):
        return exp.Interval(this=inner)
    if kind in KEPT:
        return kept_cast(node, kind)
    if kind in TIMES:
        return time_literal(inner) if is_text(inner) else inner
    if kind == "DATE":
        return inner if is_text(inner) else call("date", inner)
    if kind in TEXTS:
        return plain_text_cast(inner) or exp.cast(inner, "TEXT")
    if kind in INTEGERS:
        return exp.cast(inner, "BIGINT")
    if kind in _REALS:
        is_compared = isinstance(node.parent, exp.Predicate) and isinstance(bare(inner), exp.Literal)
        return bare(inner) if is_compared else exp.cast(inner, "DOUBLE")
    raise UntranslatableError(f"the cast to {node.args['to'].sql()} has no counterpart")


# Everything else -----------------------------------------------------------------------------------------------------


def _equals(node: exp.Expr) -> exp.Expr:
    """`x = ANY (ARRAY[…])` and `x = ANY (:list)`, whose parameter is bound as JSON."""
    right = bare(node.expression)
    if not isinstance(right, exp.Any):
        return node
    items = bare(right.this)
    if isinstance(items, exp.Array):
        return exp.In(this=node.this, expressions=[item.copy() for item in items.expressions])
    if isinstance(items, (exp.Placeholder, exp.Column)):
        return exp.In(this=node.this, query=exp.select("value").from_(call("json_each", items)).subquery())
    return node


def _unlocked(node: exp.Expr) -> exp.Expr:
    node.set("locks", None)
    return node


def _concat(node: exp.Expr) -> exp.Expr:
    """The function concat skips NULLs, the operator does not."""
    parts = [exp.Coalesce(this=part.copy(), expressions=[exp.Literal.string("")]) for part in node.expressions]
    joined: exp.Expr = parts[0]
    for part in parts[1:]:
        joined = exp.DPipe(this=joined, expression=part)
    return exp.paren(joined)


def _new_uuid(_: exp.Expr) -> exp.Expr:
    return exp.paren(sqlglot.parse_one(UUID_V4, dialect=NAME))


RULES: dict[type[exp.Expr], Rule] = {
    exp.Cast: _cast,
    exp.DPipe: merging("json_patch"),
    exp.MatchAgainst: full_text.matched,
    exp.CurrentTimestamp: times.now,
    exp.Localtimestamp: times.now,
    exp.UtcTimestamp: times.now,
    exp.TimestampTrunc: times.truncated,
    exp.DateTrunc: times.truncated,
    exp.Extract: times.extract,
    exp.AtTimeZone: at_time_zone,
    exp.Add: times.shifted_time,
    exp.Sub: times.shifted_time,
    exp.EQ: _equals,
    exp.Select: _unlocked,
    exp.Table: qualified,
    exp.Anonymous: renamed(_FUNCTIONS),
    exp.JSONObjectAgg: refuse("json_object_agg"),
    exp.Concat: _concat,
    exp.Uuid: _new_uuid,
    exp.ArrayAgg: lambda node: call("json_group_array", node.this),
    exp.Left: lambda node: call("substr", node.this, exp.Literal.number(1), node.expression),
    exp.Right: lambda node: call("substr", node.this, exp.Neg(this=exp.paren(node.expression.copy()))),
    exp.Bracket: refuse("the element of an array"),
    exp.Overlaps: refuse("OVERLAPS"),
}
