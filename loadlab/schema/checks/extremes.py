"""GREATEST and LEAST in comparisons, as comparisons of each of their arguments.

Some servers pass over arguments that are NULL, some have no value then: what is read here holds on both.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR
from loadlab.schema.checks.branches import Branches, all_of, both, either
from loadlab.schema.checks.syntax import is_null
from loadlab.schema.checks.truth import FALSE, OPPOSITE, TRUE, UNKNOWN, Read, Truth, compared, paren

_GREATEST, _LEAST = (exp.Greatest, exp.Max), (exp.Least, exp.Min)


def extreme(read: Read, left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    """`greatest(...) sign right` or `least(...) sign right`, either way round; None for any other comparison."""
    if not _is_extreme(left):
        left, right, sign = right, left, MIRROR[sign]
    if not _is_extreme(left) or _is_extreme(right):
        return None
    items = [left.this, *left.expressions]
    absent = [read(is_null(paren(item)), TRUE) for item in items]
    idle = [all_of(absent), read(is_null(paren(right)), TRUE)]
    if want == UNKNOWN:
        return either(*idle)
    sign, nulls = sign if TRUE in want else OPPOSITE[sign], want & UNKNOWN
    every, some = ("<", ">") if isinstance(left, _GREATEST) else (">", "<")
    if sign in (every, every + "="):
        return _all(read, items, sign, right, nulls)
    found = idle if nulls else []
    if sign == "=":
        return either(*found, *_one_equal(read, items, every, right, nulls))
    if sign == "<>":
        found, sign = [*found, _all(read, items, every, right, nulls)], some
    return either(*found, *_one_beyond(read, items, sign, right, nulls))


def _one_equal(read: Read, items: list[exp.Expr], every: str, right: exp.Expr, nulls: Truth) -> Iterator[Branches]:
    """One argument is equal, and none is beyond it."""
    for item in items:
        rest = _all(read, _without(items, item), every + "=", right, nulls)
        yield both(read(compared(item, "=", right), TRUE), rest)


def _one_beyond(read: Read, items: list[exp.Expr], sign: str, right: exp.Expr, nulls: Truth) -> Iterator[Branches]:
    """One argument compares so; where NULL is not as good, the others have values."""
    for item in items:
        known = [] if nulls else [read(is_null(paren(other)), FALSE) for other in _without(items, item)]
        yield all_of([read(compared(item, sign, right), TRUE), *known])


def _all(read: Read, items: list[exp.Expr], sign: str, right: exp.Expr, nulls: Truth) -> Branches:
    """Every argument compares so, or is NULL where that is as good."""
    return all_of(read(compared(item, sign, right), TRUE | nulls) for item in items)


def _without(items: list[exp.Expr], item: exp.Expr) -> list[exp.Expr]:
    return [other for other in items if other is not item]


def _is_extreme(node: exp.Expr) -> bool:
    return isinstance(node, (*_GREATEST, *_LEAST)) and bool(node.expressions)
