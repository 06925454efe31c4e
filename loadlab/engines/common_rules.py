"""Rules that every engine has that takes texts in another one's words: what differs is handed in."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from sqlglot import exp

from loadlab.engines.translation import (
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
    plain_text_cast,
    qualified,
    refuse,
    time_literal,
)

FUNCTIONS = {
    "json_build_object": "json_object",
    "jsonb_build_object": "json_object",
    "json_build_array": "json_array",
    "jsonb_build_array": "json_array",
    "btrim": "trim",
}
"""Functions that are called the same in the engines that translate."""


class TimeRules(Protocol):
    """An engine's module of rules for times, dates and intervals."""

    def now(self, _: exp.Expr, /) -> exp.Expr: ...

    def truncated(self, node: exp.Expr, /) -> exp.Expr: ...

    def extract(self, node: exp.Expr, /) -> exp.Expr: ...

    def shifted_time(self, node: exp.Expr, /) -> exp.Expr: ...


def common_rules(times: TimeRules) -> dict[type[exp.Expr], Rule]:
    """By node type; an engine's own stand beside them."""
    return {
        exp.CurrentTimestamp: times.now,
        exp.Localtimestamp: times.now,
        exp.TimestampTrunc: times.truncated,
        exp.DateTrunc: times.truncated,
        exp.Extract: times.extract,
        exp.Add: times.shifted_time,
        exp.Sub: times.shifted_time,
        exp.AtTimeZone: at_time_zone,
        exp.Table: qualified,
        exp.Bracket: refuse("the element of an array"),
        exp.Overlaps: refuse("OVERLAPS"),
    }


def casts(text: str, number: Callable[[exp.Expr, str], exp.Expr | None]) -> Rule:
    """Casts, `text` being the engine's type for a text; those to numbers are `number`'s, None for what has none."""

    def rule(node: exp.Expr) -> exp.Expr:
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
            return plain_text_cast(inner) or exp.cast(inner, text)
        found = number(node, kind)
        if found is None:
            raise UntranslatableError(f"the cast to {node.args['to'].sql()} has no counterpart")
        return found

    return rule


def equals_any(of: Callable[[exp.Expr, exp.Expr], exp.Expr]) -> Rule:
    """`x = ANY (ARRAY[…])` is an IN; any other list that x is compared with is `of`'s, which gets the node and it."""

    def rule(node: exp.Expr) -> exp.Expr:
        right = bare(node.expression)
        if not isinstance(right, exp.Any):
            return node
        items = bare(right.this)
        if isinstance(items, exp.Array):
            return exp.In(this=node.this, expressions=[item.copy() for item in items.expressions])
        return of(node, items)

    return rule
