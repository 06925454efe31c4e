"""Which parent a child row has: a pure function of the row, so that a foreign key is recomputed, never looked up.

Every pattern keeps history: the parents of row i existed when row i was written, and growing the tables changes no
row that was there before.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadlab.data.cells import Mask
from loadlab.data.hashing import Int64s, below, hash_rows, make_key, unit_interval

Pattern = Literal["spread", "nested", "one_to_one", "tree", "paired"]
# Parents are ranked within blocks of so many neighbours; the hottest of a block draws this much more than the mean:
# rank = block * u**power has density ∝ rank ** (1 / power - 1), a Zipf law with exponent 1 - 1 / power.
_BLOCK = 1024
_POWER = {"none": 1, "mild": 2, "strong": 4}
_MAX_RUN_FACTOR = 4


@dataclass(frozen=True, slots=True)
class Relation:
    """One foreign key of a child table.

    `ratio` is parents per child at full volume; `parents` and `children` are the rows there are now. `reference` marks
    a parent table that was filled before the history began. `first` is, for a paired relation (the second half of
    a junction), the nested relation whose runs it must not repeat itself in.
    """

    columns: tuple[str, ...]
    target: str
    target_columns: tuple[str, ...]
    pattern: Pattern
    key: int
    ratio: float
    parents: int
    children: int
    reference: bool = False
    skew: Literal["none", "mild", "strong"] = "mild"
    min_children: int = 0
    roots: int = 1
    fan_out: int = 8
    null_share: float = 0.0
    self_reference: bool = False
    first: Relation | None = None

    @property
    def name(self) -> str:
        return ",".join(self.columns)

    def parent_rows(self, rows: Int64s) -> tuple[Int64s, Mask | None]:
        """The parent of each child row, and where there is one (None: everywhere)."""
        if self.pattern == "tree":
            parents = (rows - self.roots) // self.fan_out
            return np.maximum(parents, 0), rows >= self.roots
        parents = self._any_parent(rows)
        valid: Mask | None = None
        if self.null_share:
            valid = unit_interval(hash_rows(make_key(self.key, "null"), rows)) >= self.null_share
        if self.self_reference:
            # Row 0 has nobody before it.
            valid = (rows > 0) if valid is None else valid & (rows > 0)
        return parents, valid

    def _any_parent(self, rows: Int64s) -> Int64s:
        if self.pattern == "one_to_one":
            return _floor_multiple(rows, self.ratio)
        if self.pattern == "nested":
            return self._nested(rows)
        if self.pattern == "paired":
            return self._paired(rows)
        return self._spread(rows)

    def existing(self, rows: Int64s) -> Int64s:
        """How many parents exist when each child row is written; at least 1."""
        if self.reference:
            return np.full(len(rows), self.parents, dtype=np.int64)
        if self.self_reference:
            return np.clip(rows, 1, max(self.parents, 1))
        return np.clip(_floor_multiple(rows, self.ratio), 1, max(self.parents, 1))

    def _spread(self, rows: Int64s) -> Int64s:
        count = self.existing(rows)
        bits = hash_rows(self.key, rows)
        parent = below(bits, count)
        power = _POWER[self.skew]
        if power == 1:
            return parent
        block = parent // _BLOCK
        u = unit_interval(hash_rows(make_key(self.key, "rank"), rows))
        for _ in range(power.bit_length() - 1):
            u = u * u
        rank = (u * float(_BLOCK)).astype(np.int64)
        # Which neighbour has which rank is a bijection of its own in each block.
        block_bits = hash_rows(make_key(self.key, "block"), block)
        odd = (block_bits >> np.uint64(40)).astype(np.int64) | 1
        place = (rank * odd + (block_bits & np.uint64(_BLOCK - 1)).astype(np.int64)) % _BLOCK
        hot = block * _BLOCK + place
        return np.where(hot < count, hot, parent)

    # -- nested: the children of a parent are a run of neighbours -------------------------------------------------

    @property
    def _fan_out_mean(self) -> float:
        return 1.0 / self.ratio

    @property
    def _varying(self) -> float:
        """Mean number of children beyond the guaranteed minimum."""
        return max(self._fan_out_mean - self.min_children, 0.0)

    def run_start(self, parents: Int64s) -> Int64s:
        """The first child row of each parent: p * min + ceil((p + h(p)) * rest), which grows with p."""
        h = unit_interval(hash_rows(make_key(self.key, "run"), parents))
        varying = np.ceil((parents.astype(np.float64) + h) * self._varying).astype(np.int64)
        return np.where(parents <= 0, 0, parents * self.min_children + varying)

    @property
    def longest_run(self) -> int:
        """No parent has more children than this."""
        return self.min_children + int(2 * self._varying) + 2

    def _nested(self, rows: Int64s) -> Int64s:
        parents = _floor_multiple(rows, self.ratio) + 1
        for _ in range(3):
            parents = np.where(self.run_start(parents) > rows, parents - 1, parents)
        parents = np.clip(parents, 0, max(self.parents - 1, 0))
        beyond = rows >= self.children
        if beyond.any():
            parents = np.where(beyond, self._late_parent(rows), parents)
        return parents

    def _late_parent(self, rows: Int64s) -> Int64s:
        """Rows that the load inserts go to the newest parents first, one each, so that no pair comes twice."""
        return (self.parents - 1 - (rows - self.children) % max(self.parents, 1)).astype(np.int64)

    def ordinals(self, rows: Int64s, parents: Int64s) -> Int64s:
        """Which child of its parent a row is, from 0; distinct among the children of a parent."""
        ordinal = rows - self.run_start(parents)
        late = self.longest_run + (rows - self.children) // max(self.parents, 1)
        return np.where(rows >= self.children, late, ordinal)

    # -- paired: the other half of a junction --------------------------------------------------------------------

    def _paired(self, rows: Int64s) -> Int64s:
        """The k-th partner of a parent is off + (k * odd mod 2**m) mod P: distinct for distinct k, without a retry."""
        assert self.first is not None
        parents, _ = self.first.parent_rows(rows)
        ordinal = self.first.ordinals(rows, parents)
        floor = min(self.parents, 1 << (_MAX_RUN_FACTOR * self.first.longest_run).bit_length())
        count = np.maximum(self.existing(np.maximum(self.first.run_start(parents), 0)), floor)
        # The largest power of two that is not above the count; frexp is exact for integers.
        domain = np.int64(1) << (np.frexp(count.astype(np.float64))[1].astype(np.int64) - 1)
        bits = hash_rows(make_key(self.key, "pair"), parents)
        odd = (bits >> np.uint64(33)).astype(np.int64) | 1
        offset = below(hash_rows(make_key(self.key, "offset"), parents), count)
        partner: Int64s = (offset + (ordinal * odd) % domain) % count
        return partner

    def pair_capacity(self) -> int:
        """How many partners a parent can have without repetition."""
        return 1 << (max(self.parents, 1).bit_length() - 1)


def _floor_multiple(rows: Int64s, ratio: float) -> Int64s:
    if ratio == int(ratio):
        return rows * int(ratio)
    return np.floor(rows.astype(np.float64) * ratio).astype(np.int64)
