"""What the constraints of a table ask of its foreign keys: which need a parent, and another than before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.constraints.links import Link, Links
from loadlab.data.constraints.pairs import Pair
from loadlab.data.constraints.uniqueness import Solution
from loadlab.schema.model import Schema, Table


@dataclass
class Demands:
    """Of one table. `pairs` are links of which a CHECK says whose key is the lower, or that a key takes either way."""

    schema: Schema
    table: Table
    links: Links
    solution: Solution
    facts: TableFacts
    never_null: frozenset[str]
    pairs: Sequence[Pair] = ()

    def in_order(self) -> list[Link]:
        """The links, each after those that it follows; two that are a pair stand together."""
        lead, paired = self.solution.lead, {name for pair in self.pairs for name in pair.names}
        return sorted(
            self.links.links,
            key=lambda link: (link.source is not None, link.name != lead, link.name not in paired),
        )

    def is_ordered(self, link: Link) -> bool:
        """Whether a CHECK compares the keys of two references to the table itself, of which this is the second."""
        for fact in (
            fact for name in link.own for fact in self.facts.of(name).compared if fact.sign not in ("=", "<>")
        ):
            others = [self.links.of_column(name) for name in (fact.column, fact.other) if name not in link.own]
            if any(other and other.target == link.target == self.table.key for other in others):
                return any(other is not None and self.comes_before(other, link) for other in others)
        return False

    def rival(self, link: Link) -> str | None:
        """The link before this one whose parent has to be another row: `CHECK (follower_id <> followed_id)`."""
        if any(link.name in names for names in self.solution.pairs):
            return None
        for known in self.pairs:
            if known.distinct and link.name in known.names:
                partner = self.links.named(next(name for name in known.names if name != link.name))
                return partner.name if self.comes_before(partner, link) else None
        for name in link.own:
            for facts in self.facts.every(name):
                for fact in facts.compared:
                    pair = {fact.column, fact.other}
                    if fact.sign != "<>" or name not in pair or len(pair) < 2:
                        continue
                    other = self.links.of_column((pair - {name}).pop())
                    if other is not None and other.target == link.target and self.comes_before(other, link):
                        return other.name
        return None

    def comes_before(self, first: Link, second: Link) -> bool:
        order = self.in_order()
        return order.index(first) < order.index(second)

    def is_required(self, link: Link) -> bool:
        """Whether every row has a parent; MATCH FULL asks for one where any column must have a value."""
        kept = [self._never_null(name) for name in link.own]
        return any(kept) if link.match_full else all(kept)

    def is_needed(self, link: Link) -> bool:
        """Whether any of its columns has a value in every row."""
        return any(self._never_null(name) for name in link.own)

    def is_generated(self, link: Link) -> bool:
        """Whether the server makes the values that the link references, so that they cannot be foreseen."""
        target = self.schema.table(link.target)
        return any(target.column(name).generated is not None for name in link.target_columns)

    def is_demanded(self, link: Link) -> bool:
        """Whether a CHECK wants the link of some rows."""
        return any(facts.null is False for name in link.own for facts in self.facts.every(name))

    def _never_null(self, name: str) -> bool:
        column = self.table.column(name)
        always = all(facts.null is False for facts in self.facts.every(name))
        return not column.nullable or name in self.never_null or always

    def may_be_first(self, name: str) -> bool:
        """Whether it can be known which child of a link's parent is the first."""
        link = self.links.named(name)
        taken = {n for pair in self.pairs for n in pair.names} | self.solution.one_to_one
        rivals = {self.rival(other) for other in self.links.links}
        slot = self.solution.slot_of(name)
        return name not in taken | rivals and self.rival(link) is None and slot is None
