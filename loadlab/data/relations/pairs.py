"""Two foreign keys of a row to the same table, of which a CHECK says which key is the lower: friends, matches, edges.

`Ordered` takes the parents that the two relations have by themselves and exchanges them where their keys stand the
other way round. Where no two rows may have the same two parents, `Pairs` unranks the row: k -> (i < j), no pair twice.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadlab.data.core.cells import Mask
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key

if TYPE_CHECKING:
    from loadlab.data.relations.relation import Relation

# Primes above every possible j, hence coprime to it: t * prime mod j visits every residue once.
_PRIMES = np.array([4294967311, 4294967357, 4294967371, 4294967377], dtype=np.uint64)
# parents * (children / parents) may end just below the whole number that it is.
_LITTLE = 1e-6


@dataclass(frozen=True, slots=True)
class Pairs:
    """Unordered pairs of `parents` rows, none twice; `mean` (above 0) is pairs per parent at full volume.

    Parent j comes with pairs of it and older ones: as many as `mean` says, all of them while it has fewer. So a pair
    is as old as its younger parent, and more parents change no pair that was there before.
    """

    key: int
    mean: float
    parents: int

    @property
    def room(self) -> int:
        """All the pairs that there are."""
        return self.parents * (self.parents - 1) // 2

    def digits(self, rows: Int64s) -> tuple[Int64s, Int64s]:
        """The older and the younger parent of each row, i < j; shape of `rows`. Needs two parents at least."""
        rows = rows % max(self.room, 1)
        planned = int(self._before(np.array([self.parents], dtype=np.int64))[0])
        late = rows >= planned
        younger = np.where(late, 0, self._younger(np.minimum(rows, max(planned - 1, 0))))
        number = rows - self._before(younger)
        if late.any():
            # What the load inserts: pairs that were left out, the youngest parents first.
            left = rows - planned
            behind = np.where(late, self._late(left), younger)
            kept = self._before(behind + 1) - self._before(behind)
            number = np.where(late, kept + left - self._left(behind + 1), number)
            younger = behind
        younger = np.maximum(younger, 1)
        return self._older(younger, number), younger

    def _before(self, parents: Int64s) -> Int64s:
        """How many rows have only parents before each of these."""
        planned = np.floor(parents.astype(np.float64) * self.mean + _LITTLE).astype(np.int64)
        found: Int64s = np.minimum(parents * (parents - 1) // 2, planned)
        return found

    def _left(self, parents: Int64s) -> Int64s:
        """The pairs that no row has and whose younger parent is one of these or after them."""
        end = np.array([self.parents], dtype=np.int64)
        all_of_them = self.room - parents * (parents - 1) // 2
        left: Int64s = all_of_them - self._before(end) + self._before(parents)
        return left

    def _younger(self, rows: Int64s) -> Int64s:
        """The greatest j with no more rows before it than these."""
        linear = np.ceil((rows + 1 - _LITTLE) / self.mean).astype(np.int64) - 1
        triangular = np.floor((1 + np.sqrt(1 + 8 * rows.astype(np.float64))) / 2).astype(np.int64)
        found: Int64s = np.maximum(linear, triangular)
        for _ in range(3):
            found = np.where(self._before(found) > rows, found - 1, found)
        for _ in range(3):
            found = np.where(self._before(found + 1) <= rows, found + 1, found)
        return found

    def _late(self, left: Int64s) -> Int64s:
        """The parent j of the left-over pairs, counted from the youngest."""
        low, high = np.zeros_like(left), np.full_like(left, self.parents)
        for _ in range(max(self.parents, 1).bit_length() + 1):
            middle = (low + high) // 2
            enough = self._left(middle) > left
            low, high = np.where(enough, middle, low), np.where(enough, high, middle)
        return low

    def _older(self, younger: Int64s, number: Int64s) -> Int64s:
        """The number-th of the parents before `younger`, in an order of its own."""
        size = younger.astype(np.uint64)
        bits = hash_rows(make_key(self.key, "prime"), younger)
        prime = _PRIMES[(bits >> np.uint64(62)).astype(np.int64)]
        offset = below(hash_rows(make_key(self.key, "offset"), younger), younger).astype(np.uint64)
        moved = number.astype(np.uint64) % size * (prime % size) % size
        return ((moved + offset) % size).astype(np.int64)


@dataclass(frozen=True, slots=True, eq=False)
class Ordered:
    """The two relations as they would be by themselves; the one that has this takes the lower key (or the upper).

    `ranks` are the places of the target's rows in the order of their keys (None: they stand in it); shape (rows,).
    """

    mine: Relation
    other: Relation
    takes_lower: bool
    ranks: Int64s | None

    def parent_rows(self, rows: Int64s) -> tuple[Int64s, Mask | None]:
        """As `Relation.parent_rows`. Where either is NULL nothing is compared, and nothing exchanged."""
        mine, valid = self.mine.parent_rows(rows)
        other, others = self.other.parent_rows(rows)
        first, second = (mine, other) if self.ranks is None else (self.ranks[mine], self.ranks[other])
        wrong = first > second if self.takes_lower else first < second
        for each in (valid, others):
            wrong = wrong if each is None else wrong & each
        return np.where(wrong, other, mine), valid
