"""Rules that put one node of another engine's statement into SQLite's words."""

from __future__ import annotations

from collections.abc import Callable

import sqlglot
from sqlglot import exp

from loadlab.engines.sqlite import times
from loadlab.engines.sqlite.trees import UntranslatableError, bare, call, is_text

NAME = "sqlite"
DEFAULT_NAMESPACE = "public"
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


def rewritten(tree: exp.Expr) -> exp.Expr:
    """The tree in SQLite's words: leaves first, so that every rule sees children that are done."""
    tree = tree.copy()
    for node in reversed(list(tree.walk())):
        rule = _RULES.get(type(node))
        replacement = rule(node) if rule is not None else node
        if replacement is node:
            continue
        if node is tree:
            tree = replacement
            tree.pop()
        else:
            node.replace(replacement)
    return tree


def _refuse(what: str) -> Callable[[exp.Expr], exp.Expr]:
    def rule(node: exp.Expr) -> exp.Expr:
        raise UntranslatableError(f"{what} has no counterpart: {node.sql()}")

    return rule


# Casts ---------------------------------------------------------------------------------------------------------------

_KEPT = {"UUID", "JSON", "JSONB", "INET", "CIDR", "USERDEFINED", "ENUM", "ARRAY", "LIST", "TIME", "BOOLEAN"}
_TIMES = {"TIMESTAMP", "TIMESTAMPTZ", "TIMESTAMPNTZ", "TIMESTAMPLTZ", "DATETIME"}
_TEXTS = {"TEXT", "VARCHAR", "CHAR", "NCHAR", "NVARCHAR", "NAME", "BPCHAR"}
_INTEGERS = {"INT", "BIGINT", "SMALLINT", "TINYINT", "MEDIUMINT", "UINT", "UBIGINT"}
_REALS = {"DECIMAL", "DOUBLE", "FLOAT", "BIGDECIMAL"}


def _cast(node: exp.Expr) -> exp.Expr:
    inner, to = node.this, node.args["to"].this
    kind = str(getattr(to, "name", to))
    if kind == "INTERVAL" and is_text(inner):
        return exp.Interval(this=inner)
    if kind in _KEPT:
        return _json_cast_kept_for_merge(node) if kind in ("JSON", "JSONB") else inner
    if kind in _TIMES:
        return times.time_literal(inner) if is_text(inner) else inner
    if kind == "DATE":
        return inner if is_text(inner) else call("date", inner)
    if kind in _TEXTS:
        # A cast of what is text already would hide an index on the column.
        is_plain = isinstance(bare(inner), (exp.Column, exp.Placeholder)) or is_text(bare(inner))
        return bare(inner) if is_plain else exp.cast(inner, "TEXT")
    if kind in _INTEGERS:
        return exp.cast(inner, "BIGINT")
    if kind in _REALS:
        is_compared = isinstance(node.parent, exp.Predicate) and isinstance(bare(inner), exp.Literal)
        return bare(inner) if is_compared else exp.cast(inner, "DOUBLE")
    raise UntranslatableError(f"the cast to {node.args['to'].sql()} has no counterpart")


def _json_cast_kept_for_merge(node: exp.Expr) -> exp.Expr:
    """`document || part::jsonb` merges; only the cast tells it from a concatenation: `_concatenation` must see it."""
    parent = node.parent
    while isinstance(parent, exp.Paren):
        parent = parent.parent
    return node if isinstance(parent, exp.DPipe) else node.this


def _concatenation(node: exp.Expr) -> exp.Expr:
    sides = [bare(node.this), bare(node.expression)]
    if not any(isinstance(side, exp.Cast) and side.args["to"].this.name in ("JSON", "JSONB") for side in sides):
        return node
    return call("json_patch", *(side.this if isinstance(side, exp.Cast) else side for side in sides))


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


def _qualified(node: exp.Expr) -> exp.Expr:
    """A table outside the default namespace is one whose name holds both."""
    namespace = node.args.get("db")
    if namespace is not None:
        if namespace.name != DEFAULT_NAMESPACE:
            node.set("this", exp.to_identifier(f"{namespace.name}.{node.name}", quoted=True))
        node.set("db", None)
    return node


def _function(node: exp.Expr) -> exp.Expr:
    node.set("this", _FUNCTIONS.get(node.name.lower(), node.this))
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


_RULES: dict[type[exp.Expr], Callable[[exp.Expr], exp.Expr]] = {
    exp.Cast: _cast,
    exp.DPipe: _concatenation,
    exp.CurrentTimestamp: times.now,
    exp.Localtimestamp: times.now,
    exp.UtcTimestamp: times.now,
    exp.TimestampTrunc: times.truncated,
    exp.DateTrunc: times.truncated,
    exp.Extract: times.extract,
    exp.AtTimeZone: times.at_time_zone,
    exp.Add: times.shifted_time,
    exp.Sub: times.shifted_time,
    exp.EQ: _equals,
    exp.Select: _unlocked,
    exp.Table: _qualified,
    exp.Anonymous: _function,
    exp.JSONObjectAgg: _refuse("json_object_agg"),
    exp.Concat: _concat,
    exp.Uuid: _new_uuid,
    exp.ArrayAgg: lambda node: call("json_group_array", node.this),
    exp.Left: lambda node: call("substr", node.this, exp.Literal.number(1), node.expression),
    exp.Right: lambda node: call("substr", node.this, exp.Neg(this=exp.paren(node.expression.copy()))),
    exp.Bracket: _refuse("the element of an array"),
    exp.Overlaps: _refuse("OVERLAPS"),
}
