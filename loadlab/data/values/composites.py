"""Generators of values that are made of other values: lists, ranges, records, maps."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells, arrow_type, to_arrow, unit_us
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.frame import Frame, Generator
from loadlab.data.texts import pools
from loadlab.data.values.times import DAY_US
from loadlab.schema.model import LogicalType

_MAP_KEYS = ("color", "size", "brand", "material")


def offsets_of(lengths: Int64s) -> pa.Array:
    """Where lists of some lengths begin and end; shape (n + 1,)."""
    return pa.array(np.concatenate(([0], np.cumsum(lengths))).astype(np.int32))


def gathered(parts: list[pa.Array], lengths: Int64s) -> pa.Array:
    """Row by row, the first `lengths[row]` of the parts; every part is of shape (n,)."""
    rows = len(lengths)
    starts = np.cumsum(lengths) - lengths
    position = np.arange(int(lengths.sum()), dtype=np.int64) - np.repeat(starts, lengths)
    return pa.concat_arrays(parts).take(pa.array(position * rows + np.repeat(np.arange(rows), lengths)))


@dataclass(frozen=True, slots=True)
class ListOf:
    """Arrays of `least` elements to as many as there are generators; the k-th element is the k-th generator's."""

    key: int
    inners: tuple[Generator, ...]
    element: LogicalType
    least: int = 0

    def make(self, frame: Frame) -> Cells:
        most = len(self.inners)
        lengths = below(hash_rows(make_key(self.key, "length"), frame.rows), most - self.least + 1) + self.least
        parts = [to_arrow(inner.make(frame), self.element) for inner in self.inners]
        return Cells(pa.ListArray.from_arrays(offsets_of(lengths), gathered(parts, lengths)))


@dataclass(frozen=True, slots=True)
class Just:
    """In place of a width, of values that cannot be added to: hardly more than the lower bound.

    No other bound lies between, if the first 8 bytes of two UUIDs differ, and two texts of one length.
    """

    element: LogicalType

    def above(self, lower: Cells) -> pa.Array:
        """A value above each lower bound."""
        if self.element.kind == "uuid":
            values = lower.values.copy()
            values[:, 8:] = 255
            return to_arrow(Cells(values), self.element)
        return pc.binary_join_element_wise(to_arrow(lower, self.element), "0", "")


@dataclass(frozen=True, slots=True)
class RangeOf:
    """Ranges [lower, lower + width); without a width they have no upper bound."""

    lower: Generator
    width: Generator | Just | None
    element: LogicalType

    def make(self, frame: Frame) -> Cells:
        lower = self.lower.make(frame)
        if self.width is None:
            missing = pa.nulls(len(frame), arrow_type(self.element))
            return Cells(_bounds(to_arrow(lower, self.element), missing))
        if isinstance(self.width, Just):
            return Cells(_bounds(to_arrow(lower, self.element), self.width.above(lower)))
        return Cells(_between(lower.values, lower.values + self.width.make(frame).values, self.element))


@dataclass(frozen=True, slots=True)
class RangesOf:
    """Multiranges of one or two ranges, with a gap as wide as the first between them."""

    key: int
    lower: Generator
    width: Generator | Just | None
    element: LogicalType
    most: int = 2

    def make(self, frame: Frame) -> Cells:
        if self.width is None or isinstance(self.width, Just):
            first = RangeOf(self.lower, self.width, self.element).make(frame).values
            return Cells(pa.ListArray.from_arrays(offsets_of(np.ones(len(frame), np.int64)), first))
        low, wide = self.lower.make(frame).values, self.width.make(frame).values
        lengths = below(hash_rows(make_key(self.key, "length"), frame.rows), self.most) + 1
        parts = [_between(low + 2 * k * wide, low + (2 * k + 1) * wide, self.element) for k in range(self.most)]
        return Cells(pa.ListArray.from_arrays(offsets_of(lengths), gathered(parts, lengths)))


def _between(lower: Int64s, upper: Int64s, element: LogicalType) -> pa.Array:
    return _bounds(to_arrow(Cells(lower), element), to_arrow(Cells(upper), element))


def _bounds(lower: pa.Array, upper: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([lower, upper], ["lower", "upper"])


@dataclass(frozen=True, slots=True)
class RecordOf:
    """Records, a generator for each field."""

    inners: tuple[Generator, ...]
    fields: tuple[tuple[str, LogicalType], ...]

    def make(self, frame: Frame) -> Cells:
        made = [to_arrow(inner.make(frame), field) for inner, (_, field) in zip(self.inners, self.fields, strict=True)]
        return Cells(pa.StructArray.from_arrays(made, [name for name, _ in self.fields]))


@dataclass(frozen=True, slots=True)
class Properties:
    """Maps of one to four properties of a thing."""

    key: int
    locale: str

    @property
    def pools(self) -> tuple[str, ...]:
        return ("word",)

    def make(self, frame: Frame) -> Cells:
        count = below(hash_rows(make_key(self.key, "count"), frame.rows), len(_MAP_KEYS)) + 1
        size = pools.pool_size("word", self.locale)
        rows = frame.rows
        words = [
            pools.take("word", self.locale, below(hash_rows(make_key(self.key, name), rows), size))
            for name in _MAP_KEYS
        ]
        names = [pa.array([name] * len(rows), pa.string()) for name in _MAP_KEYS]
        items = [gathered(parts, count).cast(pa.string()) for parts in (names, words)]
        return Cells(pa.MapArray.from_arrays(offsets_of(count), *items))


@dataclass(frozen=True, slots=True)
class Slots:
    """The k-th slot of a width, of a bijection of the row: what no two rows share, and what does not overlap.

    `inner` yields whole numbers; slot k begins at `first + k * step` in the unit of the bounds' cells.
    """

    inner: Generator
    first: int
    step: int

    def make(self, frame: Frame) -> Cells:
        return Cells(self.inner.make(frame).values * np.int64(self.step) + np.int64(self.first))


@dataclass(frozen=True, slots=True)
class Constant:
    """The same number in every row."""

    value: int

    def make(self, frame: Frame) -> Cells:
        return Cells(np.full(len(frame), self.value, dtype=np.int64))


@dataclass(frozen=True, slots=True)
class Steps:
    """`low` to `high` times `unit`, uniform: widths of ranges, whole so that they are what the type can hold."""

    key: int
    low: int
    high: int
    unit: int = 1

    def make(self, frame: Frame) -> Cells:
        bits = hash_rows(self.key, frame.rows)
        span = self.high - self.low + 1
        picks = below(bits, span) if span < 2**32 else (bits % np.uint64(span)).astype(np.int64)
        return Cells((picks + self.low) * np.int64(self.unit))


@dataclass(frozen=True, slots=True)
class AroundMoment:
    """A moment up to `span_us` before or after the row was written, on the type's steps; dates in days."""

    key: int
    span_us: int
    element: LogicalType

    def make(self, frame: Frame) -> Cells:
        bits = hash_rows(self.key, frame.rows) % np.uint64(2 * self.span_us)
        moment = frame.moment_us() + bits.astype(np.int64) - self.span_us
        step = DAY_US if self.element.kind == "date" else unit_us(self.element)
        moment = moment - moment % step
        return Cells(moment // DAY_US if self.element.kind == "date" else moment)
