"""Comparisons of arithmetic: brought to a sum of columns against a constant where they are linear."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from loadlab.schema.checks.constants import constant, interval_of
from loadlab.schema.checks.facts import (
    Allowed,
    Bound,
    BoundToNow,
    Compared,
    ComparedToExpression,
    Derived,
    Excluded,
    Fact,
    Linear,
    Number,
    Unit,
)
from loadlab.schema.checks.syntax import bare, column_name, column_names, function

MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "<>": "<>", "=": "="}
_NOW = "\x01"
"""Stands for the server's clock among the terms."""
_CLOCKS = (exp.CurrentTimestamp, exp.CurrentDate, exp.CurrentTime, exp.Localtimestamp)
_CLOCK_FUNCTIONS = {"now", "clock_timestamp", "statement_timestamp", "transaction_timestamp", "localtimestamp"}
_COMPUTABLE = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Neg, exp.Add, exp.Sub, exp.Mul, exp.Div, exp.Mod, exp.Round,
    exp.Abs, exp.Ceil, exp.Floor, exp.DPipe, exp.Concat, exp.Lower, exp.Upper, exp.Trim, exp.Cast, exp.DataType,
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Sum:
    """Factors by column, and a constant that lies between `low` and `high` (they differ for months)."""

    factors: dict[str, Number]
    low: Number = 0
    high: Number = 0
    span: bool = False

    def plus(self, other: _Sum, factor: Number = 1) -> _Sum:
        names = dict.fromkeys((*self.factors, *other.factors))
        factors = {name: self.factors.get(name, 0) + factor * other.factors.get(name, 0) for name in names}
        ends = sorted((factor * other.low, factor * other.high))
        span = self.span or other.span
        return _Sum(
            {name: value for name, value in factors.items() if value}, self.low + ends[0], self.high + ends[1], span
        )


def relation(left: exp.Expr, sign: str, right: exp.Expr) -> Fact | None:
    """The fact that a comparison of two expressions states; None where it is not arithmetic."""
    sides = _linear(left), _linear(right)
    if sign == "=":
        derived = _derived(left, right) or _derived(right, left)
        if derived is not None:
            return derived
    if sides[0] is None or sides[1] is None:
        return _to_expression(left, sign, right)
    return _of_sum(sides[0].plus(sides[1], -1), sign)


def lasting(node: exp.Expr, sign: str, seconds: Number) -> Fact | None:
    """The fact that a difference of moments compares with so many seconds; None where it is none."""
    total, span = _linear(node), int(seconds * 1_000_000)
    return None if total is None else _of_sum(total.plus(_Sum({}, span, span, span=True), -1), sign)


def _derived(left: exp.Expr, right: exp.Expr) -> Derived | None:
    """`column = expression`, unless it is a column plus a constant (which is a comparison)."""
    name, right = column_name(left), bare(right)
    names = column_names(right)
    if name is None or not names or name in names or not _computable(right):
        return None
    total = _linear(right)
    if total is not None and (total.span or _NOW in total.factors or list(total.factors.values()) == [1]):
        return None
    return Derived(name, right, names)


def _to_expression(left: exp.Expr, sign: str, right: exp.Expr) -> Fact | None:
    if column_name(left) is None:
        left, right, sign = right, left, MIRROR[sign]
    name, others = column_name(left), column_names(right)
    if name is None or name in others or not others or sign == "=" or not _computable(right):
        return None
    return ComparedToExpression(name, sign, bare(right), others)


def _computable(node: exp.Expr) -> bool:
    """Whether an expression has only parts that can be computed from a row."""
    return all(isinstance(part, _COMPUTABLE) for part in node.walk()) and not any(
        interval_of(part) for part in node.walk()
    )


def _of_sum(total: _Sum, sign: str) -> Fact | None:
    """`sum sign 0` as a fact."""
    # A constant of uncertain length counts as what makes the comparison hardest.
    if sign in ("=", "<>") and total.low != total.high:
        return None
    constant = -(total.high if sign in ("<", "<=") else total.low)
    unit: Unit = "us" if total.span else "number"
    return _of_terms([(name, factor) for name, factor in total.factors.items()], sign, constant, unit)


def _of_terms(terms: list[tuple[str, Number]], sign: str, constant: Number, unit: Unit) -> Fact | None:
    factors = [factor for _, factor in terms]
    if len(terms) == 2 and factors[0] == -factors[1]:
        return _of_pair(terms, sign, _divided(constant, abs(factors[0])), unit)
    if any(name == _NOW for name, _ in terms) or not terms:
        return None
    return _of_one(*terms[0], sign, constant, unit) if len(terms) == 1 else Linear(tuple(terms), sign, constant, unit)


def _of_one(name: str, factor: Number, sign: str, constant: Number, unit: Unit) -> Fact | None:
    """`factor x column sign constant`."""
    value = _divided(constant, factor)
    if unit == "us":
        return None
    if sign in ("=", "<>"):
        return Allowed(name, (value,)) if sign == "=" else Excluded(name, (value,))
    return Bound(name, sign if factor > 0 else MIRROR[sign], value)


def _divided(constant: Number, factor: Number) -> Number:
    """A quotient, whole where it is."""
    quotient = constant / factor
    return int(constant // factor) if isinstance(constant, int) and constant % factor == 0 else quotient


def _of_pair(terms: list[tuple[str, Number]], sign: str, constant: Number, unit: Unit) -> Fact:
    """`a - b sign constant`."""
    (first, factor), (second, _) = terms
    if factor < 0:
        first, second = second, first
    if first == _NOW:
        # now - b sign k: b mirrored-sign now - k
        first, second, sign, constant = second, first, MIRROR[sign], -constant
    elif factor < 0 and second != _NOW:
        # Said of the column that was named first: b - a sign k is a mirrored-sign b - k.
        first, second, sign, constant = second, first, MIRROR[sign], -constant
    if second == _NOW:
        return BoundToNow(first, sign, constant, unit if constant else "us")
    return Compared(first, sign, second, constant, unit)


def _linear(node: exp.Expr) -> _Sum | None:
    """An expression as a sum; None where it is not linear, or not arithmetic."""
    node = bare(node)
    if isinstance(node, exp.Column):
        return _Sum({node.name: 1})
    if isinstance(node, _CLOCKS) or function(node) in _CLOCK_FUNCTIONS:
        return _Sum({_NOW: 1})
    if isinstance(node, exp.Neg):
        inner = _linear(node.this)
        return None if inner is None else _Sum({}).plus(inner, -1)
    if isinstance(node, (exp.Add, exp.Sub)):
        left, right = _linear(node.this), _linear(node.expression)
        return None if left is None or right is None else left.plus(right, 1 if isinstance(node, exp.Add) else -1)
    if isinstance(node, exp.Mul):
        return _product(node)
    span = interval_of(node)
    if span is not None:
        return _Sum({}, *span, span=True)
    value = constant(node)
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return _Sum({}, value, value) if is_number else None  # type: ignore[arg-type]


def _product(node: exp.Mul) -> _Sum | None:
    for factor, other in _orders(node):
        value, inner = constant(factor), _linear(other)
        if isinstance(value, (int, float)) and inner is not None:
            return _Sum({}, span=inner.span).plus(inner, value)
    return None


def _orders(node: exp.Mul) -> Iterator[tuple[exp.Expr, exp.Expr]]:
    yield node.this, node.expression
    yield node.expression, node.this
