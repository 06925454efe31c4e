"""Ranges whose ends are other columns of the row or that hold those, and columns that are the end of a range."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, Mask, scale_of, to_arrow
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator
from loadlab.schema.model import LogicalType

_Edge = tuple[Int64s, Mask]
"""Cells in the unit of the range's bounds, and where there is one."""


@dataclass(frozen=True, slots=True)
class EndColumn:
    """A column whose values are ends; `factor` brings its cells to the unit of the range's bounds."""

    name: str
    factor: int = 1

    def edge(self, frame: Frame) -> _Edge:
        """Its cells."""
        cells = frame.cells(self.name)
        if isinstance(cells.values, (pa.Array, pa.ChunkedArray)):
            return np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=np.bool_)
        valid = np.ones(len(frame), dtype=np.bool_) if cells.valid is None else cells.valid
        return np.asarray(cells.values).astype(np.int64) * np.int64(self.factor), valid

    @classmethod
    def of(cls, name: str, type: LogicalType, element: LogicalType) -> EndColumn:
        """A column as an end of a range."""
        return cls(name, int(10 ** (scale_of(element) - scale_of(type))))


@dataclass(frozen=True, slots=True)
class Between:
    """Ranges [lower, upper): each end the first of its columns that is not NULL, without one of them unbounded.

    An end without columns is a width from the other one. `around` are columns whose values lie within.
    """

    lower: tuple[EndColumn, ...]
    upper: tuple[EndColumn, ...]
    around: tuple[EndColumn, ...]
    natural: Generator
    width: Generator
    element: LogicalType

    def make(self, frame: Frame) -> Cells:
        wide = self.width.make(frame).values
        natural = np.asarray(self.natural.make(frame).values).astype(np.int64)
        low, high = _first(frame, self.lower), _first(frame, self.upper)
        if self.around:
            low, high = _hull(frame, self.around)
            # The upper end is not one of the range's values.
            low, high = _filled(low, natural), (np.where(high[1], high[0], natural) + wide, np.ones_like(high[1]))
        elif not self.upper:
            high = low[0] + wide, low[1]
        elif not self.lower:
            low = high[0] - wide, high[1]
        bounds = [to_arrow(Cells(values, valid), self.element) for values, valid in (low, high)]
        return Cells(pa.StructArray.from_arrays(bounds, ["lower", "upper"]))


def _first(frame: Frame, columns: Sequence[EndColumn]) -> _Edge:
    values, valid = np.zeros(len(frame), dtype=np.int64), np.zeros(len(frame), dtype=np.bool_)
    for column in columns:
        theirs, there = column.edge(frame)
        values, valid = np.where(valid, values, theirs), valid | there
    return values, valid


def _filled(edge: _Edge, natural: Int64s) -> _Edge:
    return np.where(edge[1], edge[0], natural), np.ones_like(edge[1])


def _hull(frame: Frame, columns: Sequence[EndColumn]) -> tuple[_Edge, _Edge]:
    """The least and the greatest of some columns, NULLs left out."""
    far = np.int64(2**62)
    edges = [column.edge(frame) for column in columns]
    valid = np.logical_or.reduce([there for _, there in edges])
    low = np.minimum.reduce([np.where(there, values, far) for values, there in edges])
    high = np.maximum.reduce([np.where(there, values, -far) for values, there in edges])
    return (low, valid), (high, valid)


@dataclass(frozen=True, slots=True)
class Sized:
    """Another generator's ranges, at least and at most so many cells wide, without a limit at the ends that are `open`.

    `apart` is how many times as far from `first` they begin, so that wider ones do not overlap.
    """

    inner: Generator
    element: LogicalType
    least: int
    most: int
    open: tuple[str, ...] = ()
    apart: int = 1
    first: int = 0

    def make(self, frame: Frame) -> Cells:
        found = self.inner.make(frame)
        lower, upper = to_arrow(Cells(found.values), LogicalType("range", element=self.element)).flatten()
        (low, has_low), (high, has_high) = (whole_cells(array, self.element) for array in (lower, upper))
        wide = np.clip(high - low, self.least, self.most)
        low = (low - self.first) * np.int64(self.apart) + self.first
        high = np.where(has_low & has_high, low + wide, high)
        ends = [
            to_arrow(Cells(values, valid & (end not in self.open)), self.element)
            for end, values, valid in (("lower", low, has_low), ("upper", high, has_high))
        ]
        return Cells(pa.StructArray.from_arrays(ends, ["lower", "upper"]), found.valid)


def whole_cells(array: pa.Array, type: LogicalType) -> tuple[Int64s, Mask]:
    """Whole cells of an array of numbers or moments, and where there is a value."""
    valid: Mask = array.is_valid().to_numpy(zero_copy_only=False)
    if pa.types.is_decimal(array.type):
        scaled = [0 if value is None else int(value.scaleb(scale_of(type))) for value in array.to_pylist()]
        return np.array(scaled, dtype=np.int64), valid
    stored = pa.int32() if pa.types.is_date32(array.type) else pa.int64()
    whole = array.view(stored) if pa.types.is_temporal(array.type) else array
    return whole.cast(pa.int64()).fill_null(0).to_numpy(), valid


@dataclass(frozen=True, slots=True)
class EndOf:
    """The lower or upper end of the range in another column of the row; NULL where it has none."""

    range: str
    end: Literal["lower", "upper"]

    def make(self, frame: Frame) -> Cells:
        found = frame.cells(self.range)
        lower, upper = to_arrow(found, frame.plan.type_of(self.range)).flatten()
        array = lower if self.end == "lower" else upper
        values, valid = whole_cells(array, frame.plan.type_of(self.range).element or LogicalType("integer"))
        return Cells(values, None if valid.all() else valid)
