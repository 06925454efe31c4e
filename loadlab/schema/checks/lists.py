"""IN, ANY and ALL: a value against a list, or against the elements of an array."""

from __future__ import annotations

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR
from loadlab.schema.checks.branches import ALWAYS, Branches, one
from loadlab.schema.checks.comparisons import column_comparison
from loadlab.schema.checks.constants import array_constants, constant
from loadlab.schema.checks.facts import Allowed, Contains, Elements, Excluded, Fact, IsNull, NotNull, Scalar
from loadlab.schema.checks.syntax import bare, column_name, function
from loadlab.schema.checks.truth import (
    OPPOSITE,
    TRUE,
    UNKNOWN,
    Read,
    Truth,
    compared,
    disjunction,
    fixed,
    paren,
)


def in_list(read: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """IN of a list: of constants, of columns, of rows."""
    if node.args.get("query") or node.args.get("unnest") or not node.expressions:
        return None
    return any_of(read, node.this, "=", list(node.expressions), want)


def any_of(read: Read, left: exp.Expr, sign: str, items: list[exp.Expr], want: Truth) -> Branches:
    """`left sign ANY (items)`."""
    values = [constant(item) for item in items if not isinstance(bare(item), exp.Null)]
    name, nulls = column_name(left), len(values) < len(items)
    if nulls and UNKNOWN in want and TRUE in want:
        return ALWAYS
    if name is None or sign != "=" or None in values or nulls:
        parts = [compared(left, sign, paren(item)) for item in items]
        return read(disjunction(parts), want) if parts else fixed(False, want)
    if want == UNKNOWN:
        return one(IsNull(name))
    listed = tuple(dict.fromkeys(value for value in values if value is not None))
    fact: Fact = Allowed(name, listed) if TRUE in want else Excluded(name, listed)
    return one(fact) if UNKNOWN in want else one(fact, NotNull(name))


def quantified(read: Read, subject: exp.Expr, sign: str, quantifier: exp.Expr, want: Truth) -> Branches | None:
    """`subject sign ANY (array)` or ALL."""
    everything = isinstance(quantifier, exp.All) or function(quantifier) == "all"
    array = quantifier.expressions[0] if isinstance(quantifier, exp.Anonymous) else quantifier.this
    array = bare(array)
    column = column_name(array)
    if column is not None:
        return _of_elements(subject, sign, column, everything, want)
    items = array_items(array)
    if items is None:
        return None
    if not items:
        # Whatever the subject is, NULL too (PostgreSQL documentation, "Row and Array Comparisons").
        return fixed(everything, want)
    if everything:
        return any_of(read, subject, OPPOSITE[sign], items, want.opposite)
    return any_of(read, subject, sign, items, want)


def array_items(array: exp.Expr) -> list[exp.Expr] | None:
    """The elements of an array that is written out; None for any other expression."""
    values = array_constants(array)
    if values is not None:
        return [exp.Null() if value is None else _literal(value) for value in values]
    array = bare(array.this) if isinstance(array, exp.Cast) else array
    return list(array.expressions) if isinstance(array, (exp.Array, exp.Tuple)) else None


def _literal(value: Scalar) -> exp.Expr:
    if isinstance(value, bool):
        return exp.Boolean(this=value)
    return exp.Literal.string(value) if isinstance(value, str) else exp.convert(value)


def _of_elements(subject: exp.Expr, sign: str, column: str, everything: bool, want: Truth) -> Branches | None:
    """A constant against the elements of an array column."""
    value = constant(subject)
    if value is None or want == UNKNOWN:
        return None
    needs = () if UNKNOWN in want else (NotNull(column),)
    if (TRUE in want) == everything:
        wanted = MIRROR[sign] if everything else OPPOSITE[MIRROR[sign]]
        found = column_comparison(column, wanted, value)
        if found is None or len(found) != 1:
            return None
        inner = (NotNull(column),) if needs else ()
        return one(*(Elements(column, fact) for fact in (*found[0].facts, *inner)), *needs)
    return one(Contains(column, (value,)), *needs) if sign == "=" and not everything else None
