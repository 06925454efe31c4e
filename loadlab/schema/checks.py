"""What CHECK constraints say, as facts that data can be made true to.

An expression is parsed by sqlglot in the words of the schema's dialect and read as a conjunction of facts. A part
that is not understood is kept as text, so that it can be named before anything is written.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import sqlglot
from sqlglot import exp
from sqlglot.dialects.dialect import Dialects
from sqlglot.errors import SqlglotError

Scalar = str | int | float | bool


@dataclass(frozen=True, slots=True)
class Allowed:
    """The column holds one of `values`."""

    column: str
    values: tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Bound:
    """The column compares with a constant; `sign` is one of < <= > >= <>."""

    column: str
    sign: str
    value: float


@dataclass(frozen=True, slots=True)
class Compared:
    """The column compares with another column of the row."""

    column: str
    sign: str
    other: str


@dataclass(frozen=True, slots=True)
class Derived:
    """The column equals an arithmetic expression of others; `expression` is the parsed form."""

    column: str
    expression: exp.Expr
    columns: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Matches:
    """The column matches a regular expression (anywhere in it, as the server's operator does)."""

    column: str
    pattern: str
    ignore_case: bool


@dataclass(frozen=True, slots=True)
class Length:
    """The column's length in characters compares with a constant."""

    column: str
    sign: str
    value: int


@dataclass(frozen=True, slots=True)
class JsonType:
    """The document's top level is of the named JSON type."""

    column: str
    type: str


@dataclass(frozen=True, slots=True)
class NullsAgree:
    """`column` is NULL exactly where `other` compares with a constant: `(parent IS NULL) = (level = 0)`."""

    column: str
    other: str
    value: float


@dataclass(frozen=True, slots=True)
class NotUnderstood:
    """A condition nobody here can read."""

    text: str


Fact = Allowed | Bound | Compared | Derived | Matches | Length | JsonType | NullsAgree | NotUnderstood

_SIGNS: dict[type[exp.Expr], str] = {exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.NEQ: "<>"}
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>"}


@cache
def parser_dialect(dialect: str) -> str | None:
    """sqlglot's name for an engine's language: the one that the engine's name begins with, None for standard SQL."""
    names = [item.value for item in Dialects if item.value and dialect.startswith(item.value)]
    return max(names, key=len, default=None)


def read_check(expression: str, dialect: str) -> tuple[Fact, ...]:
    """The facts of one CHECK expression; never raises: what cannot be parsed is NotUnderstood."""
    try:
        tree = sqlglot.parse_one(expression, dialect=parser_dialect(dialect), into=exp.Condition)
    except SqlglotError:
        return (NotUnderstood(expression),)
    return tuple(_facts(_bare(tree)))


def _facts(node: exp.Expr) -> Iterator[Fact]:
    """Conjunctions one by one; `column IS NULL OR fact` is `fact`, since a CHECK holds where it is unknown."""
    node = _bare(node)
    if isinstance(node, exp.And):
        yield from _facts(node.left)
        yield from _facts(node.right)
    elif isinstance(node, exp.Between):
        yield _comparison(exp.GTE(this=node.this, expression=node.args["low"]), ">=")
        yield _comparison(exp.LTE(this=node.this, expression=node.args["high"]), "<=")
    elif isinstance(node, exp.Or):
        yield _disjunction(node)
    else:
        yield _fact(node)


def _disjunction(node: exp.Or) -> Fact:
    parts = [_bare(part) for part in node.flatten()]
    nulls = {_column(_bare(part.this)) for part in parts if _is_null_test(part)}
    rest = [part for part in parts if not _is_null_test(part)]
    if len(rest) == 1 and nulls:
        fact = _fact(rest[0])
        if getattr(fact, "column", None) in nulls or getattr(fact, "other", None) in nulls:
            return fact
    allowed = [_fact(part) for part in rest]
    if not nulls and all(isinstance(fact, Allowed) for fact in allowed):
        names = {fact.column for fact in allowed if isinstance(fact, Allowed)}
        if len(names) == 1:
            values = [value for fact in allowed if isinstance(fact, Allowed) for value in fact.values]
            return Allowed(names.pop(), tuple(values))
    return NotUnderstood(node.sql())


def _is_null_test(node: exp.Expr) -> bool:
    return isinstance(node, exp.Is) and isinstance(node.expression, exp.Null)


def _fact(node: exp.Expr) -> Fact:
    if isinstance(node, exp.In):
        column, values = _column(_bare(node.this)), [_constant(item) for item in node.expressions]
        if column and values and None not in values:
            return Allowed(column, tuple(value for value in values if value is not None))
    if isinstance(node, exp.EQ):
        return _equality(node)
    if isinstance(node, (exp.RegexpLike, exp.RegexpILike)):
        column, pattern = _column(_bare(node.this)), _constant(_bare(node.expression))
        if column and isinstance(pattern, str):
            return Matches(column, pattern, isinstance(node, exp.RegexpILike))
    if type(node) in _SIGNS:
        return _comparison(node, _SIGNS[type(node)])
    if isinstance(node, exp.Column):
        return Allowed(node.name, (True,))
    return NotUnderstood(node.sql())


def _equality(node: exp.EQ) -> Fact:
    left, right = _bare(node.left), _bare(node.right)
    if isinstance(right, exp.Any):
        column, values = _column(left), _array_constants(right)
        if column and values:
            return Allowed(column, values)
    if _is_null_test(left) and isinstance(right, exp.EQ):
        column, other, value = _column(_bare(left.this)), _column(_bare(right.left)), _constant(_bare(right.right))
        if column and other and isinstance(value, (int, float)):
            return NullsAgree(column, other, value)
    if _function_name(left) in ("JSONB_TYPEOF", "JSON_TYPEOF"):
        argument = left.expressions[0] if isinstance(left, exp.Anonymous) else left.this
        column, kind = _column(_bare(argument)), _constant(right)
        if column and isinstance(kind, str):
            return JsonType(column, kind)
    column, value = _column(left), _constant(right)
    if column and value is not None:
        return Allowed(column, (value,))
    if column and _is_arithmetic(right):
        return Derived(column, right, tuple(dict.fromkeys(item.name for item in right.find_all(exp.Column))))
    return NotUnderstood(node.sql())


def _comparison(node: exp.Expr, sign: str) -> Fact:
    left, right = _bare(node.this), _bare(node.expression)
    if _constant(left) is not None:
        left, right, sign = right, left, _MIRROR[sign]
    constant = _constant(right)
    if isinstance(left, exp.Length):
        column = _column(_bare(left.this))
        if column and isinstance(constant, int):
            return Length(column, sign, constant)
    column, other = _column(left), _column(right)
    if column and isinstance(constant, (int, float)):
        return Bound(column, sign, constant)
    if column and isinstance(constant, str) and sign == "<>":
        return Length(column, ">", 0) if constant == "" else NotUnderstood(node.sql())
    if column and other:
        return Compared(column, sign, other)
    return NotUnderstood(node.sql())


def _is_arithmetic(node: exp.Expr) -> bool:
    node = _bare(node)
    if isinstance(node, (exp.Add, exp.Sub, exp.Mul)):
        return _is_arithmetic(node.left) and _is_arithmetic(node.right)
    return isinstance(node, exp.Column) or isinstance(_constant(node), (int, float))


def _bare(node: exp.Expr) -> exp.Expr:
    """Without parentheses and casts, which servers add when they print an expression."""
    while isinstance(node, (exp.Paren, exp.Cast)) and not isinstance(node, exp.TryCast):
        node = node.this
    return node


def _column(node: exp.Expr) -> str | None:
    return node.name if isinstance(node, exp.Column) else None


def _function_name(node: exp.Expr) -> str:
    if isinstance(node, exp.Anonymous):
        return node.name.upper()
    return node.sql_name().upper() if isinstance(node, exp.Func) else ""


def _constant(node: exp.Expr) -> Scalar | None:
    node = _bare(node)
    if isinstance(node, exp.Boolean):
        return bool(node.this)
    if isinstance(node, exp.Neg):
        inner = _constant(node.this)
        return -inner if isinstance(inner, (int, float)) else None
    if not isinstance(node, exp.Literal):
        return None
    if node.is_string:
        return str(node.this)
    return float(node.this) if "." in node.this or "e" in node.this.lower() else int(node.this)


def _array_constants(node: exp.Any) -> tuple[Scalar, ...]:
    array = _bare(node.this)
    values = [_constant(item) for item in array.expressions] if isinstance(array, exp.Array) else []
    return tuple(value for value in values if value is not None) if None not in values else ()
