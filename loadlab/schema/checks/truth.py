"""SQL's three values of a condition, and what the readers of conditions share."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import Flag, auto

from sqlglot import exp

from loadlab.schema.checks.branches import ALWAYS, NEVER, Branches, either, one, with_facts
from loadlab.schema.checks.comparisons import always_known_when_set
from loadlab.schema.checks.facts import IsNull, NotNull
from loadlab.schema.checks.syntax import column_names, function


class Truth(Flag):
    """The values of a condition."""

    TRUE = auto()
    FALSE = auto()
    UNKNOWN = auto()

    @property
    def opposite(self) -> Truth:
        """The values that NOT makes of these."""
        swapped = self & Truth.UNKNOWN
        if Truth.TRUE in self:
            swapped |= Truth.FALSE
        if Truth.FALSE in self:
            swapped |= Truth.TRUE
        return swapped


TRUE, FALSE, UNKNOWN = Truth.TRUE, Truth.FALSE, Truth.UNKNOWN
Read = Callable[[exp.Expr, Truth], Branches]
"""The alternatives under which a condition has one of the wanted values; readers get it to read what is inside."""
SIGNS: dict[type[exp.Expr], str] = {
    exp.LT: "<", exp.LTE: "<=", exp.GT: ">", exp.GTE: ">=", exp.EQ: "=", exp.NEQ: "<>",
}  # fmt: skip
NODES = {sign: kind for kind, sign in SIGNS.items()}
OPPOSITE = {"<": ">=", "<=": ">", ">": "<=", ">=": "<", "=": "<>", "<>": "="}
CHOICES = (exp.Case, exp.Coalesce, exp.Nullif, exp.If)
_KNOWN_WITHOUT = (exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Connector)
"""Conditions that can be known although a column in them is NULL; here they are parts of arithmetic."""


def fixed(value: bool | None, want: Truth) -> Branches:
    """A condition whose value is known."""
    found = UNKNOWN if value is None else TRUE if value else FALSE
    return ALWAYS if found in want else NEVER


def some_null(node: exp.Expr) -> Branches | None:
    """One of the columns is NULL, where that leaves the expression without a value."""
    if always_known_when_set(node) is None or any(node.find_all(*CHOICES, *_KNOWN_WITHOUT)):
        return None
    return either(*(one(IsNull(name)) for name in column_names(node)))


def known(found: Branches | None, node: exp.Expr, want: Truth) -> Branches | None:
    """Alternatives for a value or NULL; where NULL is not wanted, with columns that are not NULL."""
    if found is None or UNKNOWN in want:
        return found
    needs = always_known_when_set(node)
    return None if needs is None else with_facts(found, (*map(NotNull, column_names(node)), *needs))


def paren(node: exp.Expr) -> exp.Expr:
    """A copy in parentheses."""
    return exp.Paren(this=node.copy())


def compared(left: exp.Expr, sign: str, right: exp.Expr) -> exp.Expr:
    """`left sign right`."""
    return NODES[sign](this=left.copy(), expression=right.copy())


def conjunction(parts: Iterable[exp.Expr]) -> exp.Expr:
    """The parts joined by AND."""
    return exp.and_(*parts, copy=False)


def disjunction(parts: Iterable[exp.Expr]) -> exp.Expr:
    """The parts joined by OR."""
    return exp.or_(*parts, copy=False)


def row_members(node: exp.Expr) -> list[exp.Expr] | None:
    """The members of a row value."""
    is_row = isinstance(node, exp.Tuple) or function(node) == "row"
    return list(node.expressions) if is_row else None
