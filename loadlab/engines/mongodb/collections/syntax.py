"""Trees of conditions in SQL, and their constants as BSON has them."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal
from typing import Any

from bson.decimal128 import Decimal128
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.engines.translation import UntranslatableError, bare, is_text
from loadlab.schema.checks.syntax import parse

_MOMENTS = ("DATE", "TIMESTAMP")
_INT64_END = 2**63


def parsed(expression: str, dialect: str) -> exp.Expr:
    """The tree of an expression. Raises UntranslatableError."""
    try:
        holder = exp.Paren(this=parse(expression, dialect))
    except SqlglotError as error:
        raise UntranslatableError(" ".join(str(error).split())) from None
    for node in [*holder.find_all(exp.EQ, exp.NEQ)]:
        listed = _membership(node)
        if listed is not None:
            node.replace(listed)
    found: exp.Expr = holder.this
    return found


def _membership(node: exp.Expr) -> exp.Expr | None:
    """`x = ANY (ARRAY[…])` as `x IN (…)`, `x <> ALL (ARRAY[…])` as its negation; None for anything else."""
    right = bare(node.expression)
    if isinstance(right, exp.Anonymous) and right.name.upper() == "ALL" and isinstance(node, exp.NEQ):
        (items,) = map(bare, right.expressions)
    elif isinstance(right, exp.Any) and isinstance(node, exp.EQ):
        items = bare(right.this)
    else:
        return None
    items = bare(items.this) if isinstance(items, exp.Cast) else items
    if not isinstance(items, exp.Array):
        return None
    listed = exp.In(this=node.this.copy(), expressions=[item.copy() for item in items.expressions])
    return listed if isinstance(node, exp.EQ) else exp.Not(this=listed)


def is_constant(node: exp.Expr) -> bool:
    """Whether it is a literal, a negative one, TRUE, FALSE or NULL."""
    node = bare(node)
    inner = bare(node.this) if isinstance(node, exp.Neg) else node
    return isinstance(inner, (exp.Literal, exp.Boolean, exp.Null))


def constant(node: exp.Expr, kind: str = "") -> Any:
    """A constant as BSON has it, beside values of a kind. Raises UntranslatableError for what is none."""
    node = bare(node)
    match node:
        case exp.Null():
            return None
        case exp.Boolean():
            return bool(node.this)
        case exp.Cast() if is_text(bare(node.this)):
            to = str(getattr(node.to.this, "name", ""))
            return _moment(bare(node.this).name) if to.startswith(_MOMENTS) else constant(node.this, kind)
        case exp.Cast():
            return constant(node.this, kind)
        case exp.Neg() if is_constant(node):
            return _number(f"-{bare(node.this).name}", kind)
        case exp.Literal() if node.is_string:
            return _moment(node.name) if kind in ("date", "timestamp") else node.name
        case exp.Literal():
            return _number(node.name, kind)
    raise UntranslatableError(f"{node.sql()} is no constant")


def _number(text: str, kind: str) -> int | float | Decimal128:
    """Whole ones as such; others are exact beside exact numbers, since 0.1 is not the double that is closest to it."""
    number = Decimal(text)
    if number == number.to_integral_value() and abs(number) < _INT64_END:
        return int(number)
    return Decimal128(number) if kind == "numeric" else float(number)


def _moment(text: str) -> dt.datetime:
    try:
        moment = dt.datetime.fromisoformat(text)
    except ValueError:
        raise UntranslatableError(f"the time '{text}' has no counterpart") from None
    return moment.astimezone(dt.UTC) if moment.tzinfo else moment.replace(tzinfo=dt.UTC)
