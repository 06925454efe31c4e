"""Foreign keys that share columns: both parents of a row must agree in what they share (the same tenant, say).

The value of a shared column comes from the first relation's parent; the other relation then chooses among the rows
of its own target that have that value. Which these are is an array made once for each plan, from the key columns of
the target: the one place where keys are kept and not recomputed, because "all users of a tenant" has no closed form.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Mask
from loadlab.data.core.hashing import Int64s, UInt64s, below, hash_rows, make_key

MOST_ROWS = 4_000_000
"""Rows of a parent table that take part; later ones are left without such children. 8 bytes each, twice."""


@dataclass(frozen=True, slots=True, eq=False)
class Partners:
    """The rows of a target table, grouped by the value of the shared columns.

    `codes` tells for each parent row of the first relation which group fits it (-1: none); `keyed` is
    code * span + row, ascending, over the rows of the target; shape (rows,). `starts` and `counts` are by code.
    """

    codes: Int64s
    keyed: Int64s
    starts: Int64s
    counts: Int64s
    span: int

    @classmethod
    def of_values(cls, first: Sequence[pa.Array], target: Sequence[pa.Array]) -> Partners:
        """From the shared columns of the first relation's parents and of the target, in the same order."""
        codes, target_codes, groups = _codes(first, target)
        return cls.of_codes(codes, target_codes, groups)

    @classmethod
    def of_codes(cls, codes: Int64s, target_codes: Int64s, groups: int) -> Partners:
        """From group numbers (-1: in no group): of the first relation's parents, and of the target's rows."""
        span = max(len(target_codes), 1)
        rows = np.flatnonzero(target_codes >= 0)
        keyed = np.sort(target_codes[rows] * span + rows)
        counts = np.bincount(target_codes[rows], minlength=groups).astype(np.int64)
        return cls(codes, keyed, np.cumsum(counts) - counts, counts, span)

    def fitting(self, least: int = 1) -> Int64s:
        """The parent rows of the first relation that have so many partners; ascending."""
        has = np.append(self.counts, 0) >= least
        return np.flatnonzero(has[self.codes])

    def of(
        self, parents: Int64s, older: Int64s, bits: UInt64s, *, only_older: bool, but: Int64s | None = None
    ) -> tuple[Int64s, Mask]:
        """For each row the partner and whether there is one.

        Of the group's rows one below `older` is drawn by `bits`; where there is none below it, the group's first.
        With `only_older` there is then no partner. The rows `but` are nobody's partner.
        """
        if not len(self.keyed) or not len(self.codes):
            return np.zeros_like(parents), np.zeros(len(parents), dtype=np.bool_)
        code = self.codes[np.minimum(parents, len(self.codes) - 1)]
        known = code >= 0
        safe = np.where(known, code, 0)
        start, size = self.starts[safe], self.counts[safe]
        born = np.searchsorted(self.keyed, safe * self.span + np.minimum(older, self.span)) - start
        if but is None:
            drawn = below(bits, np.maximum(born, 1))
        else:
            theirs, is_in = self._place(safe, start, size, but)
            size, born = size - is_in, born - (is_in & (theirs < born))
            drawn = below(bits, np.maximum(born, 1))
            drawn = drawn + (is_in & (drawn >= theirs))
        found = known & ((born > 0) if only_older else (size > 0))
        partners: Int64s = self.keyed[np.where(found, start + drawn, 0)] % self.span
        return partners, found

    def _place(self, code: Int64s, start: Int64s, size: Int64s, rows: Int64s) -> tuple[Int64s, Mask]:
        """Where rows of the target stand in a group, and whether they do."""
        wanted = code * self.span + np.minimum(rows, self.span - 1)
        place = np.searchsorted(self.keyed, wanted)
        is_in: Mask = self.keyed[np.minimum(place, len(self.keyed) - 1)] == wanted
        return np.where(is_in, place - start, size), is_in

    def numbered(
        self, parents: Int64s, ordinals: Int64s, key: int, *, but: Int64s | None = None, half: bool = False
    ) -> tuple[Int64s, Mask]:
        """The partner of the k-th child of a parent: distinct for distinct k below the size of the group.

        The rows `but` are nobody's partner. With `half` they are members of the group, and of two of them one alone
        has the other as a partner: those that follow it in a circle, as far as its middle.
        """
        if not len(self.keyed) or not len(self.codes):
            return np.zeros_like(parents), np.zeros(len(parents), dtype=np.bool_)
        code = self.codes[np.minimum(parents, len(self.codes) - 1)]
        safe = np.where(code >= 0, code, 0)
        start, size = self.starts[safe], np.maximum(self.counts[safe], 1)
        first, room = below(hash_rows(make_key(key, "offset"), parents), size), size
        place = (first + ordinals) % size
        if but is not None:
            theirs, is_in = self._place(safe, start, size, but)
            room = np.maximum((size - 1) // 2 if half else size - is_in, 0)
            turn = 0 if half else first
            behind = (theirs + 1 + (turn + ordinals) % np.maximum(size - 1, 1)) % size
            place = np.where(is_in, behind, place)
        found = (code >= 0) & (ordinals < room)
        return self.keyed[np.minimum(start + place, len(self.keyed) - 1)] % self.span, found


def _codes(first: Sequence[pa.Array], target: Sequence[pa.Array]) -> tuple[Int64s, Int64s, int]:
    """Numbers of the distinct tuples of the target, for both sides; -1 for NULL and for what the target lacks."""
    mine = np.zeros(len(first[0]), dtype=np.int64)
    theirs = np.zeros(len(target[0]), dtype=np.int64)
    for left, right in zip(first, target, strict=True):
        if left.type != right.type:
            left = left.cast(right.type)
        values = pc.drop_null(right.unique())
        mine = _combined(mine, pc.index_in(left, value_set=values), len(values))
        theirs = _combined(theirs, pc.index_in(right, value_set=values), len(values))
    known, dense = np.unique(theirs[theirs >= 0], return_inverse=True)
    codes = np.full(len(theirs), -1, dtype=np.int64)
    codes[theirs >= 0] = dense
    place = np.minimum(np.searchsorted(known, mine), max(len(known) - 1, 0))
    found = (mine >= 0) & (known[place] == mine) if len(known) else np.zeros(len(mine), dtype=np.bool_)
    return np.where(found, place, -1), codes, len(known)


def _combined(code: Int64s, index: pa.Array, size: int) -> Int64s:
    position: npt.NDArray[np.int64] = index.fill_null(-1).to_numpy().astype(np.int64)
    return np.where((code >= 0) & (position >= 0), code * max(size, 1) + position, -1)
