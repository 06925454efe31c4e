"""Values by their number: a stated number of different ones, with stated shares of the most frequent."""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, hash_rows, make_key, unit_interval
from loadlab.data.frame import Frame, Generator
from loadlab.data.values.laws import Correlated, Law, Ranks, to_bits

Float64s = npt.NDArray[np.float64]

_BLOCK_BITS = 10
_BLOCK = 1 << _BLOCK_BITS
# Rows of a generator that are looked at for each different value that is needed of it.
_TRIES, _TRIES_MAX = 8, 1_000_000


@dataclass(frozen=True, slots=True)
class ByNumber:
    """The value of each of `count` different values, by its number (the frame's rows), spread over a law.

    Whole numbers of [low, low + span) are kept apart: value i is low + i + floor((Q(i) - low) * (1 - count / span)),
    which grows by at least 1 from one i to the next and never leaves the range.
    """

    key: int
    law: Law
    count: int
    whole: tuple[int, int] | None
    """(low, span) of whole numbers."""
    mixed: bool = True

    def make(self, frame: Frame) -> Cells:
        number = frame.rows % self.count
        place = _scattered(number, self.count, self.key) if self.mixed else number
        bits = to_bits((place.astype(np.float64) + 0.5) / self.count)
        values = self.law.at(bits)
        if self.whole is None:
            return Cells(values)
        low, span = self.whole
        room = np.floor((values - low).astype(np.float64) * ((span - self.count) / span)).astype(np.int64)
        return Cells(low + place + room)


@dataclass(frozen=True, slots=True)
class FirstOf:
    """The first `count` different values of a generator, by number; fewer, over and over, where it has no more.

    What a generator makes of its first rows is the same whatever the table's size, so the list never changes.
    """

    inner: Generator
    count: int
    found: dict[int, Any] = field(default_factory=dict, compare=False, repr=False)

    def make(self, frame: Frame) -> Cells:
        if self.count not in self.found:
            tries = np.arange(min(self.count * _TRIES + 64, _TRIES_MAX), dtype=np.int64)
            self.found[self.count] = _different(self.inner.make(frame.with_rows(tries)).values, self.count)
        values = self.found[self.count]
        place = frame.rows % len(values)
        return Cells(values.take(pa.array(place)) if isinstance(values, pa.Array) else values[place])


def _different(values: Any, count: int) -> Any:
    """The different values in the order of their first appearance, `count` at most."""
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        return pc.drop_null(pc.unique(values)).slice(0, count)
    _, first = np.unique(values, axis=0, return_index=True)
    return values[np.sort(first)[:count]]


def _scattered(numbers: Int64s, count: int, key: int) -> Int64s:
    """A bijection on [0, count): a multiplication with a number that shares no factor with `count`."""
    if not 2 < count < 2**31:
        return numbers
    factor = make_key(key, "factor") % count
    while math.gcd(factor, count) != 1:
        factor = factor + 1 if factor + 1 < count else 1
    return (numbers * factor + make_key(key, "plus") % count) % count


@dataclass(frozen=True, slots=True)
class Along:
    """Numbers below `count` in the order of another column's values, so that what has low values there has them here.

    So a moment that a profile describes follows the one before it. Rows draw their numbers with repetition.
    """

    source: Correlated
    count: int
    bounds: Float64s | None = None
    """Cumulated shares of the numbers, where some are more frequent than others; shape (count,)."""

    @classmethod
    def of(cls, source: Correlated, count: int, shares: Float64s) -> Along:
        """With these shares of the most frequent numbers, which lie anywhere."""
        if not len(shares):
            return cls(source, count)
        order = np.argsort(hash_rows(make_key(source.key, "frequent"), np.arange(count, dtype=np.int64)), kind="stable")
        weights = np.full(count, max(1.0 - float(shares.sum()), 0.0) / max(count - len(shares), 1))
        weights[order[: len(shares)]] = shares[:count]
        return cls(source, count, np.cumsum(weights) / weights.sum())

    def numbers(self, frame: Frame) -> Int64s:
        """The number of each row."""
        u = unit_interval(self.source.bits(frame))
        if self.bounds is not None:
            return np.minimum(np.searchsorted(self.bounds, u, side="right"), self.count - 1).astype(np.int64)
        return np.minimum((u * self.count).astype(np.int64), self.count - 1)


def drawn_of(rows: float, different: float) -> int:
    """Of how many values `rows` draws meet `different` ones on average: n with n (1 - exp(-rows / n)) = different."""
    low, high = different, 64.0 * max(rows, different)
    for _ in range(80):
        middle = (low + high) / 2
        met = middle * -math.expm1(-rows / middle)
        low, high = (middle, high) if met < different else (low, middle)
    return max(round(high), 1)


@dataclass(frozen=True, slots=True)
class Distinct:
    """A stated number of different values with stated shares of the most frequent ones, NULLs included.

    Rows take their places in a block of 1,024 by a permutation of the block, so that every share is met in each block
    as nearly as whole rows can, and the values behind the most frequent ones come one after the other: as many
    different ones appear as are asked for, which independent draws would miss. Growing the table changes no row.

    `tops` are cumulated shares among the rows that have a value; `inner` makes value number i in row i.
    """

    key: int
    inner: Generator
    count: int | None
    share: float | None
    tops: Float64s
    listed: Any = None
    """Values of the most frequent ones, where they are known; as `Cells.values`."""
    ranks: Ranks | None = None
    null_share: float = 0.0
    order: str = "random"
    along: Along | None = None
    """The other column whose ranks the values take, where there are no most frequent ones."""

    def make(self, frame: Frame) -> Cells:
        place, block = self._places(frame.rows)
        valid = place >= self.null_share if self.null_share else None
        place = np.clip((place - self.null_share) / max(1.0 - self.null_share, 2.0**-53), 0.0, 1.0)
        number = self._numbers(frame, place, block)
        values = self.inner.make(frame.with_rows(number)).values
        return Cells(values if self.listed is None else self._with_listed(values, number), valid)

    def _places(self, rows: Int64s) -> tuple[Float64s, Int64s]:
        """Each row's place in [0, 1) within its block, the places of a block being evenly spaced."""
        block = rows >> _BLOCK_BITS
        mask = np.uint64(_BLOCK - 1)
        x = (rows & (_BLOCK - 1)).astype(np.uint64)
        for round_number in range(3):
            bits = hash_rows(make_key(self.key, "place", round_number), block)
            x = (x * (bits | np.uint64(1)) + (bits >> np.uint64(32))) & mask
            x ^= x >> np.uint64(_BLOCK_BITS // 2 + 1)
        shift = unit_interval(hash_rows(make_key(self.key, "shift"), block))
        return (x.astype(np.float64) + shift) / _BLOCK, block

    def _numbers(self, frame: Frame, place: Float64s, block: Int64s) -> Int64s:
        if self.along is not None:
            return self.along.numbers(frame)
        if self.ranks is not None:
            return self.ranks.at(to_bits(place))
        count = len(self.tops)
        top = float(self.tops[-1]) if count else 0.0
        number = np.searchsorted(self.tops, place, side="right").astype(np.int64)
        if self.count is not None and count >= self.count:
            return np.minimum(number, count - 1)
        per_block = _BLOCK * (1.0 - self.null_share) * (1.0 - top)
        behind = np.clip((place - top) / max(1.0 - top, 2.0**-53), 0.0, 1.0)
        turn = np.floor((block + behind) * per_block).astype(np.int64)
        if self.order != "random" and self.count is not None:
            turn = np.floor(frame.rows * ((self.count - count) / max(frame.plan.full_rows, 1.0))).astype(np.int64)
            turn = np.clip(turn, 0, self.count - count - 1)
        elif self.count is not None:
            turn = turn % (self.count - count)
        else:
            assert self.share is not None
            turn = np.floor(turn * min(self.share / max(1.0 - top, 2.0**-53), 1.0)).astype(np.int64)
        return np.where(number < count, number, count + turn)

    def _with_listed(self, values: Any, number: Int64s) -> Any:
        known = number < len(self.listed)
        picks = np.minimum(number, len(self.listed) - 1)
        if isinstance(values, (pa.Array, pa.ChunkedArray)):
            return pc.if_else(pa.array(known), self.listed.take(pa.array(picks)), values)
        listed = self.listed[picks]
        return np.where(known.reshape(-1, *[1] * (listed.ndim - 1)), listed, values)
