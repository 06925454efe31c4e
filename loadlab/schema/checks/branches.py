"""Branches: the alternatives of a condition, each a conjunction of facts. Combining and simplifying them."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar

from loadlab.schema.checks.facts import Allowed, Bound, Casing, Excluded, Fact, IsNull, NotNull, Scalar, spoken_of
from loadlab.schema.checks.syntax import member_path
from loadlab.schema.checks.work import shortened, spend

_T = TypeVar("_T")
BRANCHES_MAX = 64
_WORKING_MAX = 128
"""Alternatives kept while a condition is being read."""
_TIDYING_STEPS = 5
"""What tidying a branch costs, in comparisons of two; each fact is one more."""


@dataclass(frozen=True, slots=True)
class Branch:
    """Facts that hold together, and the parts of the conjunction that were not understood."""

    facts: tuple[Fact, ...] = ()
    opaque: tuple[str, ...] = ()


Branches = tuple[Branch, ...]
ALWAYS: Branches = (Branch(),)
NEVER: Branches = ()


def one(*facts: Fact) -> Branches:
    """A single alternative."""
    return (Branch(facts),)


def both(left: Branches, right: Branches) -> Branches:
    """Conjunction."""
    pairs = itertools.product(left, right)
    if _columns(left).isdisjoint(_columns(right)):
        # What is said of different columns neither contradicts nor includes anything.
        found = tuple(_joined(a, b) for a, b in itertools.islice(pairs, _WORKING_MAX))
        spend(len(found) * _TIDYING_STEPS)
        if len(found) < len(left) * len(right):
            shortened()
        return found
    return simplified(_joined(a, b) for a, b in pairs)


def _columns(branches: Branches) -> set[str]:
    return {name for branch in branches for fact in branch.facts for name in (fact.column, *fact.columns)}


def either(*parts: Branches) -> Branches:
    """Disjunction."""
    return simplified(itertools.chain.from_iterable(parts))


def all_of(parts: Iterable[Branches]) -> Branches:
    """Conjunction of any number."""
    found = ALWAYS
    for single, group in itertools.groupby(parts, lambda part: len(part) == 1):
        # Most parts have one branch: those that follow each other are joined at once.
        if single:
            found = both(found, _concatenated([part[0] for part in group]))
        else:
            found = reduce(both, group, found)
    return found


def _concatenated(parts: Sequence[Branch]) -> Branches:
    facts = dict.fromkeys(fact for part in parts for fact in part.facts)
    return simplified([Branch(tuple(facts), tuple(dict.fromkeys(text for part in parts for text in part.opaque)))])


def with_facts(branches: Branches, facts: Iterable[Fact]) -> Branches:
    """Every alternative with further facts."""
    return both(branches, (Branch(tuple(facts)),))


def simplified(branches: Iterable[Branch]) -> Branches:
    """The same alternatives without contradictions, repetitions and those that others include; not all of too many."""
    kept: list[_Known] = []
    for branch in branches:
        if len(kept) >= _WORKING_MAX:
            shortened()
            break
        spend(_TIDYING_STEPS + len(branch.facts))
        tidy = _tidied(branch)
        if tidy is not None:
            _add(kept, _Known(tidy))
    return tuple(known.branch for known in kept)


@dataclass(slots=True, eq=False)
class _Known:
    """A branch with the sets that comparing it with others needs."""

    branch: Branch
    facts: frozenset[Fact] = field(init=False)
    opaque: frozenset[str] = field(init=False)
    nulls: frozenset[str] = field(init=False)
    present: frozenset[str] = field(init=False)
    allowed: dict[str, Allowed] = field(init=False)

    def __post_init__(self) -> None:
        self.facts, self.opaque = frozenset(self.branch.facts), frozenset(self.branch.opaque)
        self.nulls = frozenset(fact.column for fact in self.facts if isinstance(fact, IsNull))
        self.present = frozenset(fact.column for fact in self.facts if isinstance(fact, NotNull))
        # A tidy branch has one list a column.
        self.allowed = {fact.column: fact for fact in self.branch.facts if isinstance(fact, Allowed)}


def _add(kept: list[_Known], new: _Known) -> None:
    """Add an alternative unless another includes it; merge it with one from which it differs in a single fact."""
    spend(len(kept))
    for index, old in enumerate(kept):
        if _includes(old, new):
            return
        union = _union(old, new)
        if union is not None:
            del kept[index]
            _add(kept, _Known(union))
            return
    kept[:] = [old for old in kept if not _includes(new, old)]
    kept.append(new)


def _joined(left: Branch, right: Branch) -> Branch:
    return Branch(_merged(left.facts, right.facts), _merged(left.opaque, right.opaque))


def _merged(left: tuple[_T, ...], right: tuple[_T, ...]) -> tuple[_T, ...]:
    return left + tuple(item for item in right if item not in left) if left else right


def _includes(wide: _Known, narrow: _Known) -> bool:
    """Whether every row of `narrow` is one of `wide`."""
    if not wide.opaque <= narrow.opaque:
        return False
    missing = wide.facts - narrow.facts
    return not missing or all(_implied(fact, narrow) for fact in missing)


def _implied(fact: Fact, branch: _Known) -> bool:
    """Whether a fact that the branch does not state holds in its rows."""
    if isinstance(fact, (IsNull, NotNull)):
        return False
    if branch.nulls and not branch.nulls.isdisjoint(spoken_of(fact)):
        return True
    known = branch.allowed.get(fact.column)
    return known is not None and _narrower(known, fact)


def _narrower(fact: Allowed, wide: Fact) -> bool:
    """Whether a list of values says another fact of its column."""
    if isinstance(wide, Allowed):
        return set(fact.values) <= set(wide.values)
    if isinstance(wide, Excluded):
        return _comparable((*fact.values, *wide.values)) and set(fact.values).isdisjoint(wide.values)
    return isinstance(wide, Bound) and all(_keeps(value, wide) is True for value in fact.values)


def _union(left: _Known, right: _Known) -> Branch | None:
    """One alternative for two, where there is one."""
    if left.opaque != right.opaque:
        return None
    return _union_of_lists(left, right) or _without_null_test(left, right) or _without_null_test(right, left)


def _union_of_lists(left: _Known, right: _Known) -> Branch | None:
    """`x = 1 and f` or `x = 2 and f` is `x in (1, 2) and f`."""
    mine, theirs = left.facts - right.facts, right.facts - left.facts
    if len(mine) != 1 or len(theirs) != 1:
        return None
    (a,), (b,) = mine, theirs
    if not isinstance(a, Allowed) or not isinstance(b, Allowed) or a.column != b.column:
        return None
    merged = Allowed(a.column, _merged(a.values, b.values))
    return replace(left.branch, facts=tuple(merged if fact == a else fact for fact in left.branch.facts))


def _without_null_test(present: _Known, absent: _Known) -> Branch | None:
    """`x is not null and f` or `x is null` is `f`, where f says nothing of a row whose x is NULL."""
    missing = absent.facts - present.facts
    if len(missing) != 1:
        return None
    (null,) = missing
    if not isinstance(null, IsNull) or null.column not in present.present:
        return None
    known = NotNull(null.column)
    rest = replace(present.branch, facts=tuple(item for item in present.branch.facts if item != known))
    return rest if _includes(_Known(rest), absent) else None


def _tidied(branch: Branch) -> Branch | None:
    """One branch without what its own NULLs make idle; None where it contradicts itself.

    What no value fulfils holds where the column is NULL.
    """
    nulls = {fact.column for fact in branch.facts if isinstance(fact, IsNull)}
    present = {fact.column for fact in branch.facts if isinstance(fact, NotNull)}
    if present & nulls:
        return None
    facts = [fact for fact in branch.facts if isinstance(fact, IsNull) or nulls.isdisjoint(spoken_of(fact))]
    lists = {fact.column for fact in facts if isinstance(fact, (Allowed, Excluded))}
    clashing = _bounds_clash(facts)
    for column in lists:
        listed = _listed(column, facts)
        if listed is None:
            clashing.add(column)
        else:
            facts = listed
    if not clashing:
        return replace(branch, facts=tuple(facts))
    if clashing & present or any(member_path(column)[1] for column in clashing):
        return None
    return _tidied(replace(branch, facts=(*facts, *(IsNull(column) for column in sorted(clashing)))))


def _listed(column: str, facts: list[Fact]) -> list[Fact] | None:
    """The column's lists made one, in the place of the first; None where no value is left."""
    about = [fact for fact in facts if fact.column == column and isinstance(fact, (Allowed, Excluded))]
    allowed = [fact.values for fact in about if isinstance(fact, Allowed)]
    excluded = [value for fact in about if isinstance(fact, Excluded) for value in fact.values]
    others = [fact for fact in facts if fact.column == column and isinstance(fact, (Bound, Casing))]
    new: Fact
    if allowed:
        values = [v for v in dict.fromkeys(allowed[0]) if all(_within(v, known) for known in allowed[1:])]
        values = [v for v in values if v not in excluded and all(_keeps(v, fact) is not False for fact in others)]
        if not values:
            return None
        new = Allowed(column, tuple(values))
    else:
        new = Excluded(column, tuple(dict.fromkeys(excluded)))
    if about == [new]:
        return facts
    first = facts.index(about[0])
    return [new if index == first else fact for index, fact in enumerate(facts) if index == first or fact not in about]


def _within(value: Scalar, known: tuple[Scalar, ...]) -> bool:
    return value in known


def _comparable(values: Iterable[Scalar]) -> bool:
    """Whether equality in Python is equality on the server: all numbers, or all texts."""
    values = list(values)
    return all(isinstance(value, str) for value in values) or all(isinstance(value, (int, float)) for value in values)


def _keeps(value: Scalar, fact: Fact) -> bool | None:
    """Whether a listed value fulfils another fact of its column; None where that is not known."""
    if isinstance(fact, Casing) and isinstance(value, str):
        forms = {"lower": value.lower(), "upper": value.upper(), "trimmed": value.strip()}
        return forms[fact.form] == value
    if not isinstance(fact, Bound) or isinstance(value, (str, bool)) or isinstance(fact.value, str):
        return None
    return compare(value, fact.sign, fact.value)


def compare(left: Scalar, sign: str, right: Scalar) -> bool | None:
    """A comparison of constants; None where only the server knows (texts have collations, dates are texts here)."""
    if isinstance(left, str) != isinstance(right, str):
        return None
    if isinstance(left, str) or isinstance(right, str):
        return None if sign not in ("=", "<>") else (left == right) == (sign == "=")
    outcomes = {"<": left < right, "=": left == right, ">": left > right}
    return any(outcomes[part] for part in ("<>" if sign == "<>" else sign))


def _bounds_clash(facts: Sequence[Fact]) -> set[str]:
    """The columns to whose bounds no number is true."""
    found = set()
    bounds = [fact for fact in facts if isinstance(fact, Bound) and not isinstance(fact.value, str)]
    for low, high in itertools.product(bounds, bounds):
        if low.column == high.column and low.sign[0] == ">" and high.sign[0] == "<":
            strict = low.sign == ">" or high.sign == "<"
            if low.value > high.value or (strict and low.value == high.value):  # type: ignore[operator]
                found.add(low.column)
    return found
