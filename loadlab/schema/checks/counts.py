"""How many of several conditions hold: num_nonnulls(...) = 1, a sum of CASEs or of casts of conditions."""

from __future__ import annotations

import itertools

from sqlglot import exp

from loadlab.schema.checks.arithmetic import MIRROR
from loadlab.schema.checks.branches import ALWAYS, NEVER, Branches, all_of, compare, either
from loadlab.schema.checks.choices import choice
from loadlab.schema.checks.constants import constant
from loadlab.schema.checks.syntax import bare, function, is_null, negated
from loadlab.schema.checks.truth import FALSE, OPPOSITE, TRUE, UNKNOWN, Read, Truth, paren
from loadlab.schema.checks.work import shortened

_COMBINATIONS_MAX = 128
_Counted = tuple[exp.Expr, bool]
"""A condition that counts as one where it holds, and whether it is cast (no number where it is unknown)."""


def counted(read: Read, left: exp.Expr, sign: str, right: exp.Expr, want: Truth) -> Branches | None:
    """How many of several conditions hold: num_nonnulls(...) = 1, a sum of CASEs or casts of conditions."""
    if constant(left) is not None:
        left, right, sign = right, left, MIRROR[sign]
    number, terms = constant(right), _indicators(left)
    if terms is None or not isinstance(number, (int, float)):
        return None
    conditions, offset = terms
    if want == UNKNOWN:
        return NEVER
    wanted = sign if TRUE in want else OPPOSITE[sign]
    counts = [n for n in range(len(conditions) + 1) if compare(n + offset, wanted, number)]
    return _exactly(read, conditions, counts)


def _exactly(read: Read, conditions: list[_Counted], counts: list[int]) -> Branches:
    """One of these numbers of the conditions hold.

    A condition that is cast is a number only where it is not unknown, so it must then be either true or false.
    """
    size, cast = len(conditions), any(is_cast for _, is_cast in conditions)
    if not counts or (len(counts) == size + 1 and not cast):
        return ALWAYS if counts else NEVER
    yes = [read(condition, TRUE) for condition, _ in conditions]
    no = [read(condition, FALSE if is_cast else FALSE | UNKNOWN) for condition, is_cast in conditions]
    # With one end open it is enough to say which must hold, or which must not.
    at_least, at_most = counts == list(range(size + 1))[-len(counts) :], counts == list(range(len(counts)))
    at_least, at_most = at_least and not cast, at_most and not cast
    chosen = counts if not (at_least or at_most) else [counts[0]] if at_least else [counts[-1]]
    picks = itertools.chain.from_iterable(itertools.combinations(range(size), count) for count in chosen)
    parts = []
    for number, pick in enumerate(picks):
        if number == _COMBINATIONS_MAX:
            shortened()
            break
        held = [yes[n] if n in pick else no[n] for n in range(size)]
        needed = [held[n] for n in range(size) if (n in pick or not at_least) and (n not in pick or not at_most)]
        parts.append(all_of(needed))
    return either(*parts)


def _indicators(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """The conditions that a sum of zeros and ones counts, and what else is added."""
    node = bare(node)
    if isinstance(node, exp.Add):
        left, right = (
            _indicators(node.this) or _whole(node.this),
            _indicators(node.expression) or _whole(node.expression),
        )
        return None if left is None or right is None else (left[0] + right[0], left[1] + right[1])
    if function(node) in ("num_nonnulls", "num_nulls"):
        wanted = negated if function(node) == "num_nonnulls" else _same_node
        return [(wanted(is_null(paren(item))), False) for item in _arguments(node)], 0
    if isinstance(node, exp.ArraySize) or function(node) == "cardinality":
        return _array_without_nulls(node)
    return _indicator(node) if isinstance(node, (exp.Case, exp.If)) else None


def _same_node(node: exp.Expr) -> exp.Expr:
    return node


def _arguments(node: exp.Expr) -> list[exp.Expr]:
    """The arguments of a function, those of VARIADIC ARRAY[...] included."""
    first = bare(node.expressions[0]) if node.expressions else None
    if isinstance(first, exp.Variadic):
        array = bare(first.this)
        return list(array.expressions)
    return list(node.expressions)


def _array_without_nulls(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """`cardinality(array_remove(ARRAY[a, b], NULL))` counts what is not NULL."""
    inner = bare(node.expressions[0] if isinstance(node, exp.Anonymous) else node.this)
    if not isinstance(inner, exp.ArrayRemove) or not isinstance(bare(inner.expression), exp.Null):
        return None
    array = bare(inner.this)
    if not isinstance(array, exp.Array):
        return None
    return [(negated(is_null(paren(item))), False) for item in array.expressions], 0


def _whole(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    value = constant(node)
    return ([], value) if isinstance(value, int) else None


def _indicator(node: exp.Expr) -> tuple[list[_Counted], int] | None:
    """A CASE of one condition whose results are 1 and 0."""
    pairs, default = choice(node)
    results = [constant(result) for _, result in pairs]
    if results == [1, 0] and isinstance(default, exp.Null):
        return [(pairs[0][0], True)], 0
    if len(results) != 1 or {results[0], constant(default)} != {0, 1}:
        return None
    condition = pairs[0][0]
    if results[0] == 0:
        condition = negated(exp.Paren(this=exp.Is(this=paren(condition), expression=exp.Boolean(this=True))))
    return [(condition, False)], 0
