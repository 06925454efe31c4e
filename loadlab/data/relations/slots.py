"""Distinct combinations without a retry: the k-th of a group is unranked in mixed radix.

A unique key over columns of few values each (two foreign keys of a junction, a user and a kind) has no column that
could be distinct by itself. Its rows are numbered instead (within the parent that leads, else over the table), the
number goes through a bijection of [0, C), C being the number of combinations, and the digits of the result in mixed
radix choose the value of each column.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key

if TYPE_CHECKING:
    from loadlab.data.relations.relation import Relation

MOST_COMBINATIONS = 2**32 - 1
# Primes above every possible C, hence coprime to it: k * prime mod C visits every residue once.
_PRIMES = np.array(
    [4294967311, 4294967357, 4294967371, 4294967377, 4294967387, 4294967389, 4294967459, 4294967477], dtype=np.uint64
)


@dataclass(frozen=True, slots=True)
class Population:
    """How many rows of a parent table there are when a child row is written.

    `ratio` is parents per child at full volume, `rows` the parents that there are now. `fixed` marks a table that does
    not grow with the child: reference data, and parents that history is not asked about.
    """

    rows: int
    ratio: float
    fixed: bool = False

    def existing(self, children: Int64s) -> Int64s:
        """At least 1; shape of `children`."""
        if self.fixed:
            return np.full(len(children), max(self.rows, 1), dtype=np.int64)
        return np.clip(floor_multiple(children, self.ratio), 1, max(self.rows, 1))


@dataclass(frozen=True, slots=True)
class Slots:
    """The columns of one unique key, by position: the size of each, and the relation whose children are numbered.

    `room` is the least number of combinations that a group must have, however young its partners are.
    """

    key: int
    lead: Relation | None
    sizes: tuple[int | Population, ...]
    room: int

    def digit(self, rows: Int64s, position: int) -> Int64s:
        """The value (0 .. size - 1) of the column at a position; shape of `rows`."""
        if self.lead is None:
            number, group, birth = rows, np.zeros_like(rows), np.zeros_like(rows)
        else:
            group, number = self.lead.places(rows)
            birth = np.maximum(self.lead.run_start(group), 0)
        sizes = self._sizes(birth)
        index = self._index(number, group, np.minimum(_product(sizes), MOST_COMBINATIONS))
        for size in sizes[:position]:
            index = index // size
        digit: Int64s = index % sizes[position]
        return digit

    def _index(self, number: Int64s, group: Int64s, combinations: Int64s) -> Int64s:
        total = combinations.astype(np.uint64)
        prime = _PRIMES[(hash_rows(make_key(self.key, "prime"), group) >> np.uint64(61)).astype(np.int64)]
        offset = below(hash_rows(make_key(self.key, "offset"), group), combinations).astype(np.uint64)
        moved = (number.astype(np.uint64) % total) * (prime % total) % total
        return ((moved + offset) % total).astype(np.int64)

    def _sizes(self, birth: Int64s) -> list[Int64s]:
        fixed = 1
        for size in self.sizes:
            fixed *= size if isinstance(size, int) else 1
        young = sum(not isinstance(size, int) for size in self.sizes)
        found = []
        for size in self.sizes:
            if isinstance(size, int):
                found.append(np.full(len(birth), size, dtype=np.int64))
            else:
                # With one population the rest of the room tells its least number; several are taken whole.
                least = size.rows if young > 1 else min(size.rows, -(-self.room // fixed))
                found.append(np.maximum(size.existing(birth), max(least, 1)))
        return found

    def capacity(self) -> int:
        """Combinations of a group once every partner exists."""
        total = 1
        for size in self.sizes:
            total *= size if isinstance(size, int) else max(size.rows, 1)
        return min(total, MOST_COMBINATIONS)


def floor_multiple(rows: Int64s, ratio: float) -> Int64s:
    """floor(rows * ratio), exact where the ratio is whole."""
    if ratio == int(ratio):
        return rows * int(ratio)
    return np.floor(rows.astype(np.float64) * ratio).astype(np.int64)


def _product(sizes: list[Int64s]) -> Int64s:
    total = np.ones_like(sizes[0])
    for size in sizes:
        # Kept below 2**62 whatever the sizes: beyond MOST_COMBINATIONS nothing changes any more.
        total = np.minimum(total, MOST_COMBINATIONS) * np.minimum(size, 2**30)
    return total
