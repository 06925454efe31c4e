"""Comparisons in all their uses: of values, of rows, of truth values, with NULL as a value or without."""

from __future__ import annotations

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR
from loadlab.schema.checks.branches import NEVER, Branches, both, either
from loadlab.schema.checks.choices import lifted
from loadlab.schema.checks.comparisons import read_comparison
from loadlab.schema.checks.constants import constant
from loadlab.schema.checks.counts import counted
from loadlab.schema.checks.extremes import extreme
from loadlab.schema.checks.lists import quantified
from loadlab.schema.checks.syntax import bare, function, is_condition, is_null
from loadlab.schema.checks.truth import (
    CHOICES,
    FALSE,
    NODES,
    OPPOSITE,
    SIGNS,
    TRUE,
    UNKNOWN,
    Read,
    Truth,
    compared,
    conjunction,
    fixed,
    known,
    paren,
    row_members,
    some_null,
)


def between(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """BETWEEN, which may be SYMMETRIC."""
    value, low, high = node.this, node.args["low"], node.args["high"]
    inside = conjunction([compared(value, ">=", low), compared(value, "<=", high)])
    if node.args.get("symmetric"):
        other = conjunction([compared(value, ">=", high), compared(value, "<=", low)])
        inside = exp.Or(this=paren(inside), expression=paren(other))
    return read(inside, want)


def comparison(read: Read, node: exp.Expr, want: Truth) -> Branches | None:
    """< <= > >= = <> in all their uses."""
    return _compare(read, bare(node.this), SIGNS[type(node)], bare(node.expression), want)


def _compare(read: Read, left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    if isinstance(left, exp.Null) or isinstance(right, exp.Null):
        return fixed(None, want)
    for subject, its_sign, list_ in ((left, sign, right), (right, MIRROR[sign], left)):
        if isinstance(list_, (exp.Any, exp.All)) or function(list_) in ("any", "all", "some"):
            return quantified(read, subject, its_sign, list_, want)
    rows = row_members(left), row_members(right)
    if rows[0] is not None and rows[1] is not None:
        return _compare_rows(read, rows[0], sign, rows[1], want)
    found = extreme(read, left, sign, right, want)
    if found is not None:
        return found
    number = counted(read, left, sign, right, want)
    if number is not None:
        return number
    left, right = _as_truth(left, right), _as_truth(right, left)
    if sign in ("=", "<>") and _are_conditions(left, right):
        return _agreement(read, left, right, want if sign == "=" else want.opposite)
    if any(part for side in (left, right) for part in side.walk() if isinstance(part, CHOICES)):
        return lifted(read, compared(left, sign, right), want)
    return _plain(left, sign, right, want)


def _plain(left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    """A comparison without conditions inside."""
    pair = exp.Tuple(expressions=[left.copy(), right.copy()])
    if want == UNKNOWN:
        return some_null(pair)
    found = read_comparison(left, sign if TRUE in want else OPPOSITE[sign], right)
    return known(found, pair, want)


def _compare_rows(read: Read, left: list[exp.Expr], sign: str, right: list[exp.Expr], want: Truth) -> Branches | None:
    """Row values compare member by member, from the first."""
    if len(left) != len(right) or not left:
        return None
    pairs = list(zip(left, right, strict=True))
    if sign in ("=", "<>"):
        equal = conjunction(compared(a, "=", b) for a, b in pairs)
        return read(equal, want if sign == "=" else want.opposite)
    (a, b), rest = pairs[0], pairs[1:]
    if not rest:
        return read(compared(a, sign, b), want)
    later = NODES[sign](
        this=exp.Tuple(expressions=[x.copy() for x, _ in rest]),
        expression=exp.Tuple(expressions=[y.copy() for _, y in rest]),
    )
    ahead = compared(a, sign[0], b)
    tied = conjunction([compared(a, "=", b), later])
    return read(exp.Or(this=paren(ahead), expression=paren(tied)), want)


def _as_truth(node: exp.Expr, other: exp.Expr) -> exp.Expr:
    """0 and 1 beside a condition, where conditions are numbers (MariaDB, MySQL, SQLite)."""
    value = constant(node)
    is_number = isinstance(node, exp.Literal) and not node.is_string and value in (0, 1)
    return exp.Boolean(this=bool(value)) if is_number and is_condition(other) else node


def _are_conditions(left: exp.Expr, right: exp.Expr) -> bool:
    """Whether a comparison is one of truth values."""
    kinds = [is_condition(side) or isinstance(side, exp.Column) for side in (left, right)]
    return all(kinds) and (is_condition(left) or is_condition(right))


def _agreement(read: Read, left: exp.Expr, right: exp.Expr, want: Truth) -> Branches:
    """Two conditions have the same value (or not, or one of them none)."""
    if want == UNKNOWN:
        return either(read(left, UNKNOWN), read(right, UNKNOWN))
    nulls = want & UNKNOWN
    pairs = ((TRUE, TRUE), (FALSE, FALSE)) if TRUE in want else ((TRUE, FALSE), (FALSE, TRUE))
    return either(*(both(read(left, a | nulls), read(right, b | nulls)) for a, b in pairs))


def differing(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """XOR of two conditions."""
    return _agreement(read, node.this, node.expression, want.opposite)


def same(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """IS NOT DISTINCT FROM: NULL is a value like another, and the outcome is never unknown."""
    if want == UNKNOWN:
        return NEVER
    left, right = node.this, node.expression
    if _are_conditions(bare(left), bare(right)):
        values = (TRUE, FALSE, UNKNOWN)
        pairs = [(a, b) for a in values for b in values if (a == b) == (TRUE in want)]
        return either(*(both(read(left, a), read(right, b)) for a, b in pairs))
    if TRUE in want:
        absent = [read(is_null(paren(side)), TRUE) for side in (left, right)]
        return either(both(*absent), read(compared(left, "=", right), TRUE))
    # One of them has a value, and they are not known to be equal: a plain fact where one always has a value.
    present = [read(is_null(paren(side)), FALSE) for side in (left, right)]
    return both(either(*present), read(compared(left, "=", right), FALSE | UNKNOWN))


def distinct(read: Read, node: exp.Expr, want: Truth) -> Branches:
    """IS DISTINCT FROM."""
    return same(read, node, want.opposite)
