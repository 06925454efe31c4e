"""Conditions in disjunctive normal form: which alternatives make one true, false or unknown, SQL's three values."""

from __future__ import annotations

from collections.abc import Callable

from sqlglot import exp

from loadlab.schema.checks.branches import ALWAYS, Branch, Branches, all_of, either, one
from loadlab.schema.checks.choices import chosen
from loadlab.schema.checks.containment import contained, overlapping
from loadlab.schema.checks.facts import Allowed, IsNull, NotNull
from loadlab.schema.checks.lists import in_list
from loadlab.schema.checks.nulls import is_test
from loadlab.schema.checks.predicates import document_keys, pattern, truth_function, within
from loadlab.schema.checks.relations import between, comparison, differing, distinct, same
from loadlab.schema.checks.syntax import bare, negated, sql_of
from loadlab.schema.checks.truth import CHOICES, FALSE, SIGNS, TRUE, UNKNOWN, Read, Truth, fixed
from loadlab.schema.checks.work import spend

_Reader = Callable[[Read, exp.Expr, Truth], Branches | None]
_NODE_STEPS = 20
"""What looking at a node costs, in comparisons of two branches."""


def branches(node: exp.Expr, want: Truth, dialect: str) -> Branches:
    """The alternatives under which a condition has one of the wanted values; raises TooMuchWorkError."""
    return _Reading(dialect).read(node, want)


class _Reading:
    """One condition being read. What was read of a part is kept: a part can be asked for more than once."""

    def __init__(self, dialect: str) -> None:
        self._dialect = dialect
        # The node is kept with what it says, so that its id stays its own.
        self._known: dict[tuple[int, Truth], tuple[exp.Expr, Branches]] = {}

    def read(self, node: exp.Expr, want: Truth) -> Branches:
        """The alternatives of a part of the condition."""
        node = bare(node)
        known = self._known.get((id(node), want))
        if known is None:
            spend(_NODE_STEPS)
            known = node, self._branches(node, want)
            self._known[id(node), want] = known
        return known[1]

    def _branches(self, node: exp.Expr, want: Truth) -> Branches:
        if want == TRUE | FALSE | UNKNOWN:
            return ALWAYS
        if TRUE in want and FALSE in want:
            return either(self.read(node, TRUE), self.read(node, FALSE))
        reader = next((reader for kind, reader in _READERS.items() if isinstance(node, kind)), None)
        found = None if reader is None else reader(self.read, node, want)
        return found if found is not None else self._opaque(node, want)

    def _opaque(self, node: exp.Expr, want: Truth) -> Branches:
        return (Branch((), (sql_of(node if TRUE in want else negated(node), self._dialect),)),)


def _and(read: Read, node: exp.Expr, want: Truth) -> Branches:
    parts = list(node.flatten())
    if want == UNKNOWN:
        # None is false, and one is unknown.
        return all_of([either(*(read(part, UNKNOWN) for part in parts)), *(read(p, TRUE | UNKNOWN) for p in parts)])
    found = (read(part, want) for part in parts)
    return all_of(found) if TRUE in want else either(*found)


def _or(read: Read, node: exp.Expr, want: Truth) -> Branches:
    parts = list(node.flatten())
    if want == UNKNOWN:
        # None is true, and one is unknown.
        return all_of([either(*(read(part, UNKNOWN) for part in parts)), *(read(p, FALSE | UNKNOWN) for p in parts)])
    found = (read(part, want) for part in parts)
    return either(*found) if TRUE in want else all_of(found)


def _not(read: Read, node: exp.Expr, want: Truth) -> Branches:
    return read(node.this, want.opposite)


def _boolean(_: Read, node: exp.Expr, want: Truth) -> Branches:
    return fixed(bool(node.this), want)


def _null(_: Read, __: exp.Expr, want: Truth) -> Branches:
    return fixed(None, want)


def _column(_: Read, node: exp.Expr, want: Truth) -> Branches:
    """A boolean column."""
    if want == UNKNOWN:
        return one(IsNull(node.name))
    fact = Allowed(node.name, (TRUE in want,))
    return one(fact) if UNKNOWN in want else one(fact, NotNull(node.name))


_PATTERNS = (
    exp.Like, exp.ILike, exp.Escape, exp.RegexpLike, exp.RegexpILike, exp.SimilarTo, exp.StartsWith, exp.Glob,
)  # fmt: skip
_READERS: dict[type[exp.Expr] | tuple[type[exp.Expr], ...], _Reader] = {
    exp.And: _and,
    exp.Or: _or,
    exp.Xor: differing,
    exp.Not: _not,
    exp.Boolean: _boolean,
    exp.Null: _null,
    exp.Column: _column,
    exp.Between: between,
    exp.Is: is_test,
    exp.In: in_list,
    CHOICES: chosen,
    exp.NullSafeEQ: same,
    exp.NullSafeNEQ: distinct,
    _PATTERNS: pattern,
    tuple(SIGNS): comparison,
    (exp.ArrayContainsAll, exp.ArrayContainedBy): contained,
    (exp.JSONBContains, exp.JSONBContainsTopKey, exp.JSONBContainsAllTopKeys, exp.JSONBContainsAnyTopKeys): (
        document_keys
    ),
    exp.ArrayOverlaps: overlapping,
    exp.BitwiseLeftShift: within,
    exp.Anonymous: truth_function,
}
