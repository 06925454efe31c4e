"""Partitions as what they ask of data: every row needs one that takes it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.constraints.facts import TableFacts
from loadlab.data.core.cells import Cells
from loadlab.data.core.constants import WHOLE_KINDS, constant
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.frame import Frame, Generator
from loadlab.errors import InputError
from loadlab.schema.checks.bounds import DefaultBound, Edge, HashBound, ListBound, RangeBound, read_bound
from loadlab.schema.model import LogicalType, Partitioning, Table

# What stands for "no end" among whole numbers: far outside every column, far inside 64 bits.
_FAR = 2**61


@dataclass(frozen=True, slots=True, eq=False)
class Coverage:
    """The values of a partition key that have a partition: texts or numbers, or ranges [low, high) of whole cells."""

    values: tuple[Any, ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()
    modulo: int = 1
    remainder: int = 0
    """Of the ranges only the cells that leave this remainder are allowed."""

    @property
    def count(self) -> int:
        """How many values there are."""
        return len(self.values) or min(sum(self.count_in(low, high) for low, high in self.ranges), 2**62)

    def first_in(self, low: int) -> int:
        """The first allowed cell from `low` on."""
        return low + (self.remainder - low) % self.modulo

    def count_in(self, low: int, high: int) -> int:
        """The allowed cells of [low, high)."""
        return max((high - 1 - self.first_in(low)) // self.modulo + 1, 0)


def has_room(partitioning: Partitioning | None) -> bool:
    """Whether a partitioned table has any partition (in turn with partitions) that takes rows."""
    if partitioning is None:
        return True
    return any(has_room(part.partitioning) for part in partitioning.partitions)


def keys_without_null(table: Table) -> frozenset[str]:
    """The columns in which NULL has no partition."""
    return frozenset() if table.partitioning is None else frozenset(_without_null(table.partitioning))


def _without_null(partitioning: Partitioning) -> Iterator[str]:
    rooms = [part for part in partitioning.partitions if has_room(part.partitioning)]
    bounds = [read_bound(partitioning.strategy, partitioning.keys, part.bound) for part in rooms]
    if not any(isinstance(b, (DefaultBound, HashBound)) or (isinstance(b, ListBound) and b.null) for b in bounds):
        yield from partitioning.keys
    for part in rooms:
        if part.partitioning is not None:
            yield from _without_null(part.partitioning)


def listed_values(table: Table, facts: TableFacts) -> dict[str, Coverage]:
    """By column, the values that a CHECK leaves to it in every row."""
    found = {name: facts.of(name).allowed for name in table.column_names if facts.component_of(name) is None}
    return {name: Coverage(values=values) for name, values in found.items() if values}


def coverage_of(table: Table) -> dict[str, Coverage]:
    """By column, the values that have a partition; columns whose every value has one are left out.

    Of a key of several columns the first one is looked at: the others follow within its bounds where those are whole.
    """
    found: dict[str, Coverage] = {}
    if table.partitioning is not None:
        _cover(table, table.partitioning, found)
    return found


def _cover(table: Table, partitioning: Partitioning, found: dict[str, Coverage]) -> None:
    rooms = [part for part in partitioning.partitions if has_room(part.partitioning)]
    bounds = [read_bound(partitioning.strategy, partitioning.keys, part.bound) for part in rooms]
    column = partitioning.keys[0]
    if column in table.column_names and not any(isinstance(b, (DefaultBound, HashBound)) for b in bounds):
        made = _coverage(table.column(column).type, bounds)
        if made is not None:
            found.setdefault(column, made)
    # What every sub-partitioned table lacks is lacking; they are mostly divided alike.
    for part in rooms:
        if part.partitioning is not None:
            _cover(table, part.partitioning, found)


def _coverage(type: LogicalType, bounds: Sequence[object]) -> Coverage | None:
    listed = [value for bound in bounds if isinstance(bound, ListBound) for value in bound.values]
    if listed:
        return Coverage(values=tuple(listed))
    ranges = []
    for bound in bounds:
        if not isinstance(bound, RangeBound) or type.kind not in WHOLE_KINDS:
            return None
        low, high = _cell(bound.low[0], type, -_FAR), _cell(bound.high[0], type, _FAR)
        if low is None or high is None:
            return None
        # With several key columns a bound may begin inside a value; what is left of it is not used.
        low += 1 if len(bound.low) > 1 and low == high else 0
        if low < high:
            ranges.append((low, high))
    return Coverage(ranges=tuple(_joined(sorted(ranges)))) if ranges else None


def _cell(value: object, type: LogicalType, far: int) -> int | None:
    if isinstance(value, Edge):
        return far
    try:
        return int(constant(value, type, "partition"))
    except InputError:
        return None


def _joined(ranges: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    joined: list[tuple[int, int]] = []
    for low, high in ranges:
        if joined and joined[-1][1] >= low:
            joined[-1] = (joined[-1][0], max(joined[-1][1], high))
        else:
            joined.append((low, high))
    return joined


@dataclass(frozen=True, slots=True, eq=False)
class Covered:
    """Another generator's whole cells, moved into a range that has a partition where they lie outside."""

    inner: Generator
    key: int
    coverage: Coverage
    reach: int = 10_000
    """How far from the one bound of a range that has no other."""

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        lows = np.array([low for low, _ in self.coverage.ranges], dtype=np.int64)
        highs = np.array([high for _, high in self.coverage.ranges], dtype=np.int64)
        values = np.asarray(cells.values, dtype=np.int64)
        place = np.searchsorted(lows, values, side="right") - 1
        inside = (place >= 0) & (values < highs[np.maximum(place, 0)])
        if inside.all():
            return Cells(self._aligned(values, lows), cells.valid)
        pick = below(hash_rows(make_key(self.key, "range"), frame.rows), len(lows))
        first = np.where(lows == -_FAR, highs - self.reach, lows)[pick]
        last = np.where(highs == _FAR, lows + self.reach, highs)[pick]
        width = np.minimum(last - first, 2**32 - 1)
        # Whole steps of the range's 32-bit share: a month in microseconds is longer than 32 bits.
        step = np.maximum((last - first) // (2**32), 1)
        moved = first + below(hash_rows(make_key(self.key, "moved"), frame.rows), width) * step
        return Cells(self._aligned(np.where(inside, values, moved), lows), cells.valid)

    def _aligned(self, values: Int64s, lows: Int64s) -> Int64s:
        """The nearest allowed cell of the value's range."""
        modulo, remainder = self.coverage.modulo, self.coverage.remainder
        if modulo == 1:
            return values
        least = lows[np.searchsorted(lows, values, side="right") - 1]
        below_it = values - (values - remainder) % modulo
        return np.where(below_it < least, below_it + modulo, below_it)


@dataclass(frozen=True, slots=True, eq=False)
class NumberedIn:
    """The row-th whole number of some ranges: distinct, and every one has a partition.

    With a `relation` it is the row's number among the children of its parent that counts.
    """

    coverage: Coverage
    relation: str | None = None

    def make(self, frame: Frame) -> Cells:
        values = np.zeros(len(frame), dtype=np.int64)
        left = frame.rows.copy() if self.relation is None else frame.relation(self.relation).ordinals(frame.rows)
        done = np.zeros(len(frame), dtype=np.bool_)
        for low, high in self.coverage.ranges:
            low = 1 if low == -_FAR and high > 1 else high - 2**40 if low == -_FAR else low
            first, count = self.coverage.first_in(low), self.coverage.count_in(low, high)
            here = ~done & (left < count)
            values = np.where(here, first + left * self.coverage.modulo, values)
            done |= here
            left = np.where(done, left, left - count)
        return Cells(values)


def fitting_rows(values: pa.Array, coverage: Coverage, type: LogicalType) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """The rows whose value has a partition; ascending."""
    if coverage.values:
        known = pc.is_in(values.cast(pa.string()), value_set=pa.array([str(v) for v in coverage.values], pa.string()))
        return np.flatnonzero(known.to_numpy(zero_copy_only=False)).astype(np.int64)
    numbers = values.cast(pa.int64()).fill_null(-_FAR * 2).to_numpy()
    inside = np.zeros(len(numbers), dtype=np.bool_)
    for low, high in coverage.ranges:
        inside |= (numbers >= low) & (numbers < high)
    return np.flatnonzero(inside).astype(np.int64)
