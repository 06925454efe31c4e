"""Rules that put one node of another engine's statement into SQLite's words."""

from __future__ import annotations

import sqlglot
from sqlglot import exp

from loadlab.engines.common_rules import FUNCTIONS, casts, common_rules, equals_any
from loadlab.engines.sqlite import full_text, times
from loadlab.engines.translation import INTEGERS, Rule, bare, call, merging, refuse, renamed

NAME = "sqlite"
_FUNCTIONS = FUNCTIONS | {
    "json_agg": "json_group_array",
    "jsonb_agg": "json_group_array",
    "jsonb_array_length": "json_array_length",
}
UUID_V4 = (
    "lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-' || "
    "substr('89AB', 1 + (random() & 3), 1) || substr(hex(randomblob(2)), 2) || '-' || hex(randomblob(6)))"
)


# Casts ---------------------------------------------------------------------------------------------------------------

_REALS = {"DECIMAL", "DOUBLE", "FLOAT", "BIGDECIMAL"}


def _number(node: exp.Expr, kind: str) -> exp.Expr | None:
    inner: exp.Expr = node.this
    if kind in INTEGERS:
        return exp.cast(inner, "BIGINT")
    if kind in _REALS:
        is_compared = isinstance(node.parent, exp.Predicate) and isinstance(bare(inner), exp.Literal)
        return bare(inner) if is_compared else exp.cast(inner, "DOUBLE")
    return None


# Everything else -----------------------------------------------------------------------------------------------------


def _any_of(node: exp.Expr, items: exp.Expr) -> exp.Expr:
    """A list is bound as JSON."""
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


RULES: dict[type[exp.Expr], Rule] = common_rules(times) | {
    exp.Cast: casts("TEXT", _number),
    exp.DPipe: merging("json_patch"),
    exp.MatchAgainst: full_text.matched,
    exp.UtcTimestamp: times.now,
    exp.EQ: equals_any(_any_of),
    exp.Select: _unlocked,
    exp.Anonymous: renamed(_FUNCTIONS),
    exp.JSONObjectAgg: refuse("json_object_agg"),
    exp.Concat: _concat,
    exp.Uuid: _new_uuid,
    exp.ArrayAgg: lambda node: call("json_group_array", node.this),
    exp.Left: lambda node: call("substr", node.this, exp.Literal.number(1), node.expression),
    exp.Right: lambda node: call("substr", node.this, exp.Neg(this=exp.paren(node.expression.copy()))),
}
