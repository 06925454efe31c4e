"""Reading a CHECK, or the condition of a partial index."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from functools import lru_cache

from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.schema.checks.branches import BRANCHES_MAX, Branch, Branches, simplified
from loadlab.schema.checks.conditions import branches
from loadlab.schema.checks.facts import (
    Allowed,
    Bound,
    Compared,
    ComparedToExpression,
    ContainedIn,
    Derived,
    Elements,
    Excluded,
    Fact,
    InPart,
    Inside,
    IsNull,
    JsonKeys,
    Linear,
    Member,
    NotNull,
    RangeEnd,
    RangeEndIs,
    Segment,
    TreeLevel,
)
from loadlab.schema.checks.syntax import column_name, member_path, parse
from loadlab.schema.checks.truth import Truth
from loadlab.schema.checks.work import TooMuchWorkError, limited

_LEVEL_NAME = re.compile(r"(^|_)(level|lvl|depth|tier|generation)($|_)", re.I)


@dataclass(frozen=True, slots=True)
class Reading:
    """A condition in disjunctive normal form.

    All facts of a branch hold together, and a row may take any branch; no branch at all means that no row can fulfil
    the condition. `not_understood` has the parts that each branch leaves open. `left_out` has the parts that only
    alternatives without a branch here would need: the branches are enough without them.
    """

    branches: tuple[tuple[Fact, ...], ...]
    not_understood: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()

    def of_values(self, ranges: Collection[str]) -> Reading:
        """The same where `ranges` alone hold ranges.

        What lies inside of one keeps its bounds, and lower() and upper() of one are its ends.
        """
        found = tuple(tuple(fact for each in branch for fact in _bounds(each, ranges)) for branch in self.branches)
        return replace(self, branches=found)


def _bounds(fact: Fact, ranges: Collection[str]) -> tuple[Fact, ...]:
    if isinstance(fact, Inside) and fact.column not in ranges:
        return fact.bounds
    if isinstance(fact, RangeEnd) and fact.column not in ranges:
        return ()
    if isinstance(fact, Derived) and isinstance(fact.expression, (exp.Lower, exp.Upper)):
        name = column_name(fact.expression.this)
        if name is not None and name in ranges:
            return (RangeEndIs(name, "lower" if isinstance(fact.expression, exp.Lower) else "upper", fact.column),)
    return (fact,)


def read_check(expression: str, dialect: str) -> Reading:
    """A CHECK, which passes unless it is FALSE; never raises: what cannot be parsed is not understood."""
    return _read(expression, dialect, Truth.TRUE | Truth.UNKNOWN)


def read_condition(expression: str, dialect: str, *, holds: bool = True) -> Reading:
    """What makes a condition TRUE (`holds`), or anything but TRUE: FALSE or unknown.

    A partial index has the rows for which its predicate is TRUE, so with `holds` the branches say NotNull of what is
    compared; without, a branch's facts are those of the negation, and hold as ever where a column is NULL.
    """
    return _read(expression, dialect, Truth.TRUE if holds else Truth.FALSE | Truth.UNKNOWN)


@lru_cache(maxsize=4096)
def _read(expression: str, dialect: str, want: Truth) -> Reading:
    """Planning asks for the same condition several times."""
    with limited() as work:
        try:
            found = branches(parse(expression, dialect), want, dialect)
            found = simplified(_with_members(branch) for branch in found)
        except (SqlglotError, RecursionError, TooMuchWorkError):
            return Reading(((),), (expression,))
    if not found and work.shortened:
        # What was dropped may have had the alternatives that there are.
        return Reading(((),), (expression,))
    return _reading(found)


def _reading(found: Branches) -> Reading:
    clear = tuple(branch for branch in found if not branch.opaque)
    opaque = tuple(dict.fromkeys(text for branch in found for text in branch.opaque))
    if clear or not found:
        return Reading(_with_levels(tuple(branch.facts for branch in clear[:BRANCHES_MAX])), (), opaque)
    kept = simplified(Branch(branch.facts) for branch in found)
    return Reading(tuple(branch.facts for branch in kept[:BRANCHES_MAX]), opaque)


def _with_members(branch: Branch) -> Branch:
    """The columns that stand for members of documents as what they are."""
    facts: list[Fact] = []
    opaque = list(branch.opaque)
    for fact in branch.facts:
        paths = [member_path(name) for name in fact.columns]
        if all(not path for _, path in paths):
            facts.append(fact)
        elif len(paths) == 1:
            facts += _member_facts(fact, *paths[0])
        else:
            opaque.append("a comparison of members of documents: " + ", ".join(".".join((c, *p)) for c, p in paths))
    return Branch(tuple(dict.fromkeys(facts)), tuple(opaque))


def _member_facts(fact: Fact, column: str, path: tuple[str, ...]) -> tuple[Fact, ...]:
    if isinstance(fact, NotNull):
        present = JsonKeys(column, path) if len(path) == 1 else Member(column, path, NotNull(column))
        return (present, NotNull(column))
    return (Member(column, path, _of(column, fact)),)


def _of(column: str, fact: Fact) -> Fact:
    """A fact about one column, as one about another."""
    if isinstance(
        fact, (Compared, ContainedIn, Linear, Derived, ComparedToExpression, RangeEndIs, Segment, TreeLevel, InPart)
    ):
        return fact
    if isinstance(fact, (Elements, Member)):
        fact = replace(fact, fact=_of(column, fact.fact))
    if isinstance(fact, Inside):
        fact = replace(fact, bounds=tuple(replace(bound, column=column) for bound in fact.bounds))
    return replace(fact, column=column)


def _with_levels(found: tuple[tuple[Fact, ...], ...]) -> tuple[tuple[Fact, ...], ...]:
    """The two alternatives of a tree's level, at its root and below, as the one fact that they are."""
    if len(found) == 2:
        for root, below in (found, found[::-1]):
            level = _tree_level(root, below)
            if level is not None:
                return ((level,),)
    return found


def _tree_level(root: tuple[Fact, ...], below: tuple[Fact, ...]) -> TreeLevel | None:
    nulls = [fact for fact in root if isinstance(fact, IsNull)]
    levels = [fact for fact in root if isinstance(fact, Allowed) and len(fact.values) == 1]
    if len(root) != 2 or len(below) != 2 or not nulls or not levels or NotNull(nulls[0].column) not in below:
        return None
    parent, level, value = nulls[0].column, levels[0].column, levels[0].values[0]
    rest = next(fact for fact in below if fact != NotNull(parent))
    if not _LEVEL_NAME.search(level) or isinstance(value, (str, bool)):
        return None
    if rest == Excluded(level, (value,)):
        return TreeLevel(parent, level, value)
    rising = rest in (Bound(level, ">", value), Bound(level, ">=", value + 1))
    return TreeLevel(parent, level, value, True) if rising else None
