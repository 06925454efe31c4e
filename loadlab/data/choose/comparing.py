"""What conditions say of a number or a moment by other columns of its row: the bounds that those set."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction

from sqlglot import exp

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.core.cells import scale_of
from loadlab.data.values.bounded import Edge, Moved, Sum
from loadlab.data.values.numbers import Computed
from loadlab.schema.checks import Compared, ComparedToExpression, Linear
from loadlab.schema.model import Column

_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_DAY_US = 86_400_000_000
_READABLE = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Add, exp.Sub,
    exp.Mul, exp.Neg, exp.Round,
)  # fmt: skip
EdgeMaker = Callable[[int, bool], Edge]
"""Makes a bound from what strictness adds (-1, 0, 1) and whether it is rounded downwards."""


def is_whole_arithmetic(context: TableContext, expression: exp.Expr) -> bool:
    """Whether an expression computes with whole numbers of the table alone, in words that are read here."""
    names = [node.name for node in expression.find_all(exp.Column)]
    if not set(names) <= set(context.table.column_names):
        return False
    whole = all(context.table.column(name).type.kind in ("integer", "numeric") for name in names)
    return whole and all(isinstance(node, _READABLE) for node in expression.walk())


def edges(context: TableContext, column: Column, facts: ColumnFacts) -> tuple[list[Edge], list[Edge]]:
    """The bounds that columns before this one set: lower ones, upper ones."""
    lower: list[Edge] = []
    upper: list[Edge] = []
    for sign, edge_of in _comparisons(context, column, facts):
        strict = 1 if sign in ("<", ">") else 0
        if sign in (">", ">=", "="):
            lower.append(edge_of(strict, False))
        if sign in ("<", "<=", "="):
            upper.append(edge_of(-strict, True))
    return lower, upper


def _comparisons(context: TableContext, column: Column, facts: ColumnFacts) -> Iterator[tuple[str, EdgeMaker]]:
    """(sign, maker of the edge) of every comparison with columns that come before."""
    name = column.name
    for fact in of_pairs(context, name, facts):
        other = fact.other
        if fact.sign != "<>" and context.comes_before(other, name) and _same_kind(context, column, other):
            yield fact.sign, _edge(context, column, ((other, 1.0),), float(fact.plus), fact.unit)
    for linear in facts.linear:
        found = _linear(context, column, linear)
        if found is not None:
            yield found
    for expression in facts.expressions:
        made = _expression(context, column, expression)
        if made is not None:
            yield made


def of_pairs(context: TableContext, name: str, facts: ColumnFacts) -> list[Compared]:
    """Comparisons (any sign) of the column with others, turned round where the other one is named first."""
    found = []
    for fact in facts.compared:
        if fact.column == name:
            found.append(fact)
        elif fact.other == name:
            found.append(Compared(name, _MIRROR[fact.sign], fact.column, -fact.plus, fact.unit))
    return found


def _same_kind(context: TableContext, column: Column, other: str) -> bool:
    kinds = {column.type.kind, context.table.column(other).type.kind}
    return len(kinds) == 1 or kinds <= {"integer", "numeric", "float"} or kinds == {"date", "timestamp"}


def _edge(
    context: TableContext, column: Column, terms: tuple[tuple[str, float], ...], plus: float, unit_name: str
) -> EdgeMaker:
    def make(strict: int, downwards: bool) -> Edge:
        mine = scale_of(column.type) if column.type.kind in ("integer", "numeric") else 0
        scaled = []
        for name, factor in terms:
            theirs = context.table.column(name).type
            power = mine - (scale_of(theirs) if theirs.kind in ("integer", "numeric") else 0)
            top, bottom = _fraction(factor)
            top *= _DAY_US if (column.type.kind, theirs.kind) == ("timestamp", "date") else 1
            bottom *= _DAY_US if (column.type.kind, theirs.kind) == ("date", "timestamp") else 1
            scaled.append((name, top * 10 ** max(power, 0), bottom * 10 ** max(-power, 0)))
        constant = plus
        if column.type.kind in ("integer", "numeric"):
            constant = plus * 10**mine
        elif column.type.kind == "date" and unit_name == "us":
            constant = plus / _DAY_US
        return Sum(tuple(scaled), round(constant) + strict, downwards)

    return make


def _fraction(value: float) -> tuple[int, int]:
    found = Fraction(str(value)).limit_denominator(10**6)
    return found.numerator, found.denominator


def _linear(context: TableContext, column: Column, fact: Linear) -> tuple[str, EdgeMaker] | None:
    """factor * x + Σ others sign constant, solved for x; others that come later stand for their least."""
    mine = dict(fact.terms).get(column.name)
    if not mine or any(name not in context.table.column_names for name, _ in fact.terms):
        return None
    sign = fact.sign if mine > 0 else _MIRROR[fact.sign]
    terms: list[tuple[str, float]] = []
    constant = float(fact.constant)
    later = False
    for name, factor in fact.terms:
        if name == column.name:
            continue
        if context.comes_before(name, column.name):
            terms.append((name, -factor / mine))
        else:
            later = True
            low = context.of(name).low
            constant -= factor * (low if low is not None else 0)
    if later and fact.sign not in ("<", "<="):
        return None
    return sign, _edge(context, column, tuple(terms), constant / mine, fact.unit)


def _expression(context: TableContext, column: Column, fact: ComparedToExpression) -> tuple[str, EdgeMaker] | None:
    if fact.column != column.name or column.type.kind not in ("integer", "numeric"):
        return None
    if not is_whole_arithmetic(context, fact.expression):
        return None
    if not all(context.comes_before(name, column.name) for name in fact.others):
        return None
    computed = Computed(fact.expression, scale_of(column.type))
    return fact.sign, lambda strict, downwards: Moved(computed, strict)
