"""Values that compare with other columns of the row: kept as they are where they fit, else moved between the bounds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells, Mask
from loadlab.data.core.hashing import Int64s, hash_rows, make_key
from loadlab.data.core.quantiles import QuantileTable
from loadlab.data.frame import Frame, Generator
from loadlab.data.values.switch import scattered
from loadlab.data.values.times import within

_FAR = 2**61


class Edge(Protocol):
    """A bound that other columns of the row set: whole cells (or floats) and where there is one."""

    def at(self, frame: Frame) -> tuple[npt.NDArray[Any], Mask | None]: ...


@dataclass(frozen=True, slots=True)
class Sum:
    """constant + Σ numerator/denominator x column, in the cells of the column that is bounded.

    `downwards` rounds to the smaller whole number (an upper bound), else to the greater one.
    """

    terms: tuple[tuple[str, int, int], ...]
    constant: int
    downwards: bool

    def at(self, frame: Frame) -> tuple[npt.NDArray[Any], Mask | None]:
        total: Any = np.full(len(frame), self.constant, dtype=np.int64)
        valid: Mask | None = None
        for name, numerator, denominator in self.terms:
            cells = frame.cells(name)
            if isinstance(cells.values, pa.Array) and pa.types.is_null(cells.values.type):
                return total, np.zeros(len(frame), dtype=np.bool_)
            values = np.asarray(cells.values)
            if values.dtype.kind == "f":
                total = total + values * (numerator / denominator)
            else:
                product = values.astype(np.int64) * numerator
                total = total + (product // denominator if self.downwards else -(-product // denominator))
            if cells.valid is not None:
                valid = cells.valid if valid is None else valid & cells.valid
        return total, valid


@dataclass(frozen=True, slots=True)
class Moved:
    """The cells of another generator (an expression, say) plus `plus`."""

    inner: Generator
    plus: int

    def at(self, frame: Frame) -> tuple[npt.NDArray[Any], Mask | None]:
        cells = self.inner.make(frame)
        return np.asarray(cells.values) + self.plus, cells.valid


@dataclass(frozen=True, slots=True)
class Bounded:
    """`natural` values moved between bounds where they are outside.

    `distances` tells how far from a bound a moved value lies: cells, or with `share` parts of the bound's size.
    `least` and `most` are constant bounds of whole cells.
    """

    key: int
    natural: Generator
    lower: tuple[Edge, ...]
    upper: tuple[Edge, ...]
    distances: QuantileTable
    share: bool = False
    least: int = -_FAR
    most: int = _FAR
    always: bool = False
    """Whether even fitting values are moved: what belongs close to the bound, such as a price before a discount."""
    horizon: int | None = None
    """What is moved from a bound before this cell stays before it."""

    def make(self, frame: Frame) -> Cells:
        cells = self.natural.make(frame)
        values = np.asarray(cells.values)
        low = self._bound(frame, self.lower, values, self.least, np.maximum)
        high = self._bound(frame, self.upper, values, self.most, np.minimum)
        outside = (values < low) | (values > high)
        if self.always:
            outside |= (low > self.least) | (high < self.most)
        moved = self._between(frame, low, high)
        return Cells(np.where(outside, moved, values), cells.valid)

    def _bound(self, frame: Frame, edges: tuple[Edge, ...], like: npt.NDArray[Any], constant: int, tighter: Any) -> Any:
        bound: Any = np.full(len(frame), constant, dtype=like.dtype)
        for edge in edges:
            theirs, valid = edge.at(frame)
            tightened = tighter(bound, theirs)
            bound = tightened if valid is None else np.where(valid, tightened, bound)
        return bound

    def _between(self, frame: Frame, low: Any, high: Any) -> Any:
        bits = hash_rows(make_key(self.key, "distance"), frame.rows)
        distance = self.distances.at(bits)
        has_low, has_high = low > -_FAR, high < _FAR
        if self.share:
            # A part of the bound that another column sets; constants are only its limits.
            from_low = has_low & bool(self.lower)
            distance = distance * np.abs(np.where(from_low, low, np.where(has_high, high, 0)))
            has_low = from_low | ~has_high
        if np.asarray(low).dtype.kind != "f":
            distance = np.floor(distance).astype(np.int64)
        if self.horizon is not None:
            bits = hash_rows(make_key(self.key, "horizon"), frame.rows)
            distance = np.where(has_low, within(distance, self.horizon - low, bits), distance)
        room = np.where((low > -_FAR) & (high < _FAR), high - low, distance)
        distance = np.minimum(distance, np.maximum(room, 0))
        return np.where(has_low, low + distance, high - distance)


@dataclass(frozen=True, slots=True)
class Differing:
    """Another generator's values, another row's where they equal the column `other` of this row."""

    inner: Generator
    other: str
    tries: int = 12

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        theirs = frame.cells(self.other)
        for attempt in range(1, self.tries + 1):
            same = _equal(cells, theirs)
            if not same.any():
                break
            rows = frame.rows[same] + attempt * 1_000_003
            fresh = self.inner.make(frame.with_rows(rows))
            cells = _replaced(cells, same, fresh)
        return cells


@dataclass(frozen=True, slots=True)
class Same:
    """The values of the column `other` of this row; another generator's where that is NULL."""

    inner: Generator
    other: str

    def make(self, frame: Frame) -> Cells:
        cells = frame.cells(self.other)
        if cells.valid is None:
            return cells
        if not cells.valid.any():
            return self.inner.make(frame)
        return scattered(
            [
                (cells.valid, frame.part(cells.valid).cells(self.other)),
                (~cells.valid, self.inner.make(frame.part(~cells.valid))),
            ],
            len(frame),
        )


def _equal(mine: Cells, theirs: Cells) -> Mask:
    both = np.ones(len(mine), dtype=np.bool_)
    for cells in (mine, theirs):
        if cells.valid is not None:
            both &= cells.valid
    if isinstance(mine.values, np.ndarray) and isinstance(theirs.values, np.ndarray):
        same = mine.values == theirs.values
        both &= same.all(axis=1) if same.ndim == 2 else same
        return both
    if isinstance(mine.values, np.ndarray) or isinstance(theirs.values, np.ndarray):
        return np.zeros(len(mine), dtype=np.bool_)
    both &= pc.equal(mine.values, theirs.values).fill_null(False).to_numpy(zero_copy_only=False)
    return both


def _replaced(cells: Cells, where: Mask, fresh: Cells) -> Cells:
    if isinstance(cells.values, np.ndarray):
        values = cells.values.copy()
        values[where] = fresh.values
        return Cells(values, cells.valid)
    index = np.arange(len(cells), dtype=np.int64)
    index[where] = len(cells) + np.arange(int(where.sum()))
    return Cells(pa.concat_arrays([cells.values, fresh.values]).take(pa.array(index)), cells.valid)


@dataclass(frozen=True, slots=True)
class Shifted:
    """The whole cells of the column `other` of this row, `cells` further on: distinct where those are."""

    other: str
    cells: int

    def make(self, frame: Frame) -> Cells:
        theirs = frame.cells(self.other)
        return Cells(np.asarray(theirs.values) + self.cells, theirs.valid)


@dataclass(frozen=True, slots=True)
class Multiples:
    """Another generator's whole cells, brought down to a multiple of `modulo` plus `remainder`, within `least`."""

    inner: Generator
    modulo: int
    remainder: int
    least: int

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        values: Int64s = cells.values - (cells.values - self.remainder) % self.modulo
        return Cells(np.where(values < self.least, values + self.modulo, values), cells.valid)


@dataclass(frozen=True, slots=True)
class Except:
    """Another generator's numbers without a few excluded ones: the next number that is not excluded.

    Where that is above `most`, the next one below. Both bounds are inclusive.
    """

    inner: Generator
    excluded: tuple[int | float, ...]
    least: int = -_FAR
    most: int = _FAR

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        values = cells.values
        for value in sorted(self.excluded):
            values = np.where(values == value, values + 1, values)
        if (values > self.most).any():
            values = np.where(values > self.most, self.most, values)
            for value in sorted(self.excluded, reverse=True):
                values = np.where(values == value, values - 1, values)
        return Cells(values, cells.valid)
