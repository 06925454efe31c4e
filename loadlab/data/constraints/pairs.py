"""Two foreign keys to the same table whose keys a CHECK puts in order, or a unique key takes in either order."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link, Links
from loadlab.data.constraints.uniqueness import Key

_SIGNS = {"<": (True, True), "<=": (True, False), ">": (False, True), ">=": (False, False)}
"""Sign → whether the first is the lower, whether they differ."""


@dataclass(frozen=True, slots=True)
class Pair:
    """The links by name: the one whose key is the lower, and the other. `column` is the target's that is compared.

    `distinct`: they are two rows. `ordered`: a CHECK asks for the order, not only a key for the two of them.
    """

    lower: str
    upper: str
    column: str
    distinct: bool
    ordered: bool

    @property
    def names(self) -> tuple[str, str]:
        return (self.lower, self.upper)


def pairs_of(links: Links, facts: TableFacts, keys: Sequence[Key], table: str) -> tuple[Pair, ...]:
    """The pairs of a table's links; a link is in one of them at most."""
    found: list[Pair] = []
    for pair in (*_compared(links, facts, table), *_unordered(links, keys, table)):
        if not any(set(pair.names) & set(known.names) for known in found):
            found.append(pair)
    return tuple(found)


def _compared(links: Links, facts: TableFacts, table: str) -> Iterator[Pair]:
    for link in links.links:
        for name in link.own:
            for fact in facts.of(name).compared:
                other = links.of_column(fact.other)
                if fact.column != name or other is None or fact.sign not in _SIGNS or fact.plus:
                    continue
                if _are_alike(link, name, other, fact.other, table):
                    is_lower, distinct = _SIGNS[fact.sign]
                    lower, upper = (link, other) if is_lower else (other, link)
                    yield Pair(lower.name, upper.name, link.target_of(name), distinct, True)


def _unordered(links: Links, keys: Sequence[Key], table: str) -> Iterator[Pair]:
    """`UNIQUE (least(a, b), greatest(a, b))`."""
    for key in keys:
        one, two = (links.of_column(name) for name in key.either_way) if key.either_way else (None, None)
        if one is not None and two is not None and _are_alike(one, key.either_way[0], two, key.either_way[1], table):
            yield Pair(one.name, two.name, one.target_of(key.either_way[0]), False, False)


def _are_alike(one: Link, mine: str, two: Link, theirs: str, table: str) -> bool:
    """Whether both reference the same column of the same table, and agree in whatever else they reference."""
    if one is two or one.target != two.target or one.target == table:
        return False
    if any(link.wish.pattern or link.wish.children is not None or link.wish.is_nested for link in (one, two)):
        return False  # The scenario says how the rows relate.
    rest = ({(c, link.target_of(c)) for c in link.columns if c not in (mine, theirs)} for link in (one, two))
    return one.target_of(mine) == two.target_of(theirs) and next(rest) == next(rest)
