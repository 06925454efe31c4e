"""Which parent a child row has: a pure function of the row, so that a foreign key is recomputed, never looked up.

Every pattern keeps history: the parents of row i existed when row i was written, and growing the tables changes no
row that was there before.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np

from loadlab.data.core.cells import Mask
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key, unit_interval
from loadlab.data.core.worlds import Presence
from loadlab.data.relations.agreement import Partners
from loadlab.data.relations.pairs import Ordered, Pairs
from loadlab.data.relations.runs import Runs
from loadlab.data.relations.slots import Population, Slots, floor_multiple

Pattern = Literal["spread", "nested", "one_to_one", "tree", "chain", "slotted", "agreeing", "paired", "itself"]
# Parents are ranked within blocks of so many neighbours; the hottest of a block draws this much more than the mean:
# rank = block * u**power has density ∝ rank ** (1 / power - 1), a Zipf law with exponent 1 - 1 / power.
_BLOCK = 1024
_POWER = {"none": 1, "mild": 2, "strong": 4}


@dataclass(frozen=True, slots=True)
class Relation:
    """One foreign key of a child table.

    `ratio` is parents per child at full volume; `parents` and `children` are the rows there are now. `reference` marks
    a parent table that was filled before the history began.

    Patterns: `spread`, any parent that exists by then; `nested`, the children of a parent are neighbours (`even`: as
    many for each, up to one; `runs`: by a distribution); `one_to_one`; `tree` and `chain`, self references to an older
    row, `itself` to the row; `slotted`, the digit at `position` of `slots`; `agreeing`, a parent that has the same
    values in the columns shared with `first`; `paired`, the older (`position` 0) or the younger of `pairs`.

    `chosen` restricts the parents to these rows (ascending), of which `parents` counts. `required` marks a foreign key
    that is never NULL. `future` marks a parent table that is planned after the child, in a cycle. `lenient` marks an
    agreement that no constraint asks for. `differs_from` is a relation to the same table whose parent must be another
    one; `parents` then counts one less. `ordered` takes the parent or that of another relation, by their keys.
    With `half`, of two rows that agree one alone is the other's partner.
    `births` is how many rows of the target (chosen or not) come to a child row: where one comes, the row is its.
    `returns` are columns in which the row has to agree with a row of the target that has them from it.
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
    even: bool = False
    runs: Runs | None = None
    roots: int = 1
    fan_out: int = 8
    presence: Presence | None = None
    required: bool = False
    self_reference: bool = False
    future: bool = False
    slots: Slots | None = None
    position: int = 0
    first: Relation | None = None
    partners: Partners | None = None
    chosen: Int64s | None = None
    lenient: bool = False
    differs_from: Relation | None = None
    pairs: Pairs | None = None
    ordered: Ordered | None = None
    half: bool = False
    births: float | None = None
    returns: tuple[str, ...] = ()
    name: str = ""

    @property
    def population(self) -> Population:
        """The parents that a child row can choose from."""
        return Population(self.parents, self.ratio, fixed=self.reference or self.future)

    def parent_rows(self, rows: Int64s) -> tuple[Int64s, Mask | None]:
        """The parent of each child row, and where there is one (None: everywhere)."""
        if self.parents == 0:
            return np.zeros_like(rows), np.zeros(len(rows), dtype=np.bool_)
        if self.ordered is not None:
            return self.ordered.parent_rows(rows)
        parents, valid = self._with_validity(rows)
        if self.differs_from is not None and self.pattern != "agreeing":
            theirs, _ = self.differs_from.parent_rows(rows)
            parents = parents + (parents >= theirs)
        if self.chosen is not None:
            parents = self.chosen[np.minimum(parents, len(self.chosen) - 1)]
        if self.births is not None:
            born, is_birth = self._born(rows)
            parents = np.where(is_birth, born, parents)
        if self.presence is not None:
            wanted = self.presence.valid(rows)
            if valid is not None and self.self_reference:
                # Nobody before it, and a CHECK wants somebody: the row is its own parent.
                alone = ~valid & self.presence.is_certain(rows)
                parents, valid = np.where(alone, rows, parents), valid | alone
            valid = wanted if valid is None else valid & wanted
        if self.required and valid is not None:
            # Nobody before it: a row that must have a parent is its own.
            return np.where(valid, parents, rows if self.self_reference else parents), None
        return parents, valid

    def _with_validity(self, rows: Int64s) -> tuple[Int64s, Mask | None]:
        if self.pattern == "tree":
            return np.maximum((rows - self.roots) // self.fan_out, 0), rows >= self.roots
        if self.pattern == "chain":
            return np.maximum(rows - 1, 0), rows > 0
        if self.pattern == "itself":
            return rows, None
        if self.pattern == "agreeing":
            assert self.first is not None
            assert self.partners is not None
            theirs, valid = self.first.parent_rows(rows)
            older = rows if self.self_reference else self.population.existing(rows)
            bits = hash_rows(self.key, rows)
            but = None if self.differs_from is None else self.differs_from.parent_rows(rows)[0]
            if self.slots is not None:
                alone = len(self.slots.sizes) == 1
                ordinals = self.first.ordinals(rows) if alone else self.slots.digit(rows, self.position)
                parents, found = self.partners.numbered(theirs, ordinals, self.key, but=but, half=self.half)
            else:
                parents, found = self.partners.of(theirs, older, bits, only_older=self.self_reference, but=but)
            if self.lenient:
                return np.where(found, parents, self._spread(rows)), valid
            return parents, found if valid is None else found & valid
        parents = self._any_parent(rows)
        # A self reference points to an older row; row 0 has nobody before it. Unranked, any row is somebody's digit:
        # were row 0 to take another parent than its own digit, two rows might have the same.
        return parents, (rows > 0) if self.self_reference and self.pattern != "slotted" else None

    def _any_parent(self, rows: Int64s) -> Int64s:
        if self.pattern == "one_to_one":
            return floor_multiple(rows, self.ratio)
        if self.pattern == "nested":
            return self._nested(rows)
        if self.pattern == "slotted":
            assert self.slots is not None
            return self.slots.digit(rows, self.position)
        if self.pattern == "paired":
            assert self.pairs is not None
            return self.pairs.digits(rows)[self.position]
        return self._spread(rows)

    def is_first(self, rows: Int64s) -> Mask:
        """Whether a row is the first child of its parent; of parents that are spread, the one that came with it."""
        if self.births is not None:
            return self._born(rows)[1]
        found: Mask = (self.places(rows)[1] == 0) & (rows < self.children)
        return found

    def _born(self, rows: Int64s) -> tuple[Int64s, Mask]:
        """The newest parent when a row is written, and whether the row is the first one since that came."""
        assert self.births is not None
        # Where few children come to a parent, only some parents have one for sure: others would have none left.
        step = max(1, math.ceil(2 * self.births))
        groups = floor_multiple(rows, self.births / step)
        is_birth = (rows < self.children) & ((rows == 0) | (groups > floor_multiple(rows - 1, self.births / step)))
        newest = groups * step
        if self.chosen is None:
            return newest, is_birth & (newest < self.parents)
        place = np.minimum(np.searchsorted(self.chosen, newest), len(self.chosen) - 1)
        return newest, is_birth & (self.chosen[place] == newest)

    def existing(self, rows: Int64s) -> Int64s:
        """How many parents exist when each child row is written; at least 1."""
        if self.self_reference and not self.reference:
            return np.clip(rows, 1, max(self.parents, 1))
        return self.population.existing(rows)

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
        # 1 / (1 / 49) is a little above 49: rounded, so that even runs are as long as they can be and no longer.
        return float(f"{1.0 / self.ratio:.12g}")

    @property
    def _varying(self) -> float:
        """Mean number of children beyond the guaranteed minimum."""
        return max(self._fan_out_mean - self.min_children, 0.0)

    def run_start(self, parents: Int64s) -> Int64s:
        """The first child row of each parent: p * min + ceil((p + h(p)) * rest), which grows with p."""
        if self.runs is not None:
            return self.runs.start(np.maximum(parents, 0))
        if self.even:
            return np.ceil(parents.astype(np.float64) * self._fan_out_mean).astype(np.int64)
        h = unit_interval(hash_rows(make_key(self.key, "run"), parents))
        varying = np.ceil((parents.astype(np.float64) + h) * self._varying).astype(np.int64)
        return np.where(parents <= 0, 0, parents * self.min_children + varying)

    @property
    def longest_run(self) -> int:
        """No parent has more children than this."""
        if self.runs is not None:
            return self.runs.most
        if self.even:
            return int(-(-self._fan_out_mean // 1))
        return self.min_children + int(2 * self._varying) + 2

    def _nested(self, rows: Int64s) -> Int64s:
        if self.runs is not None:
            parents = self.runs.parent(rows)
        else:
            parents = floor_multiple(rows, self.ratio) + 1
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

    def places(self, rows: Int64s) -> tuple[Int64s, Int64s]:
        """The parent of each row (its number among the chosen ones) and which child of it the row is, from 0."""
        parents = self._nested(rows)
        late = self.longest_run + (rows - self.children) // max(self.parents, 1)
        return parents, np.where(rows >= self.children, late, rows - self.run_start(parents))

    def ordinals(self, rows: Int64s) -> Int64s:
        """Which child of its parent a row is, from 0; distinct among the children of a parent."""
        return self.places(rows)[1]
