"""Generators made of others: one for each world of a row, and NULLs on top of any."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, Mask
from loadlab.data.core.worlds import Presence, Worlds
from loadlab.data.frame import Frame, Generator


@dataclass(frozen=True, slots=True)
class Masked:
    """Another generator's cells, NULL where `presence` says so."""

    inner: Generator
    presence: Presence

    def make(self, frame: Frame) -> Cells:
        worlds = self.presence.worlds
        world = frame.world(worlds) if worlds is not None else None
        return self.inner.make(frame).with_nulls(self.presence.valid(frame.rows, world))


@dataclass(frozen=True, slots=True)
class Nulls:
    """NULL everywhere."""

    def make(self, frame: Frame) -> Cells:
        return Cells(pa.nulls(len(frame)))


@dataclass(frozen=True, slots=True, eq=False)
class Switch:
    """One generator for each world."""

    worlds: Worlds
    generators: tuple[Generator, ...]

    def make(self, frame: Frame) -> Cells:
        world = frame.world(self.worlds)
        parts: list[tuple[Mask, Cells]] = []
        by_generator: dict[int, tuple[Generator, Mask]] = {}
        for number, generator in enumerate(self.generators):
            mask = world == number
            before = by_generator.get(id(generator))
            by_generator[id(generator)] = (generator, mask if before is None else before[1] | mask)
        if len(by_generator) == 1:
            return self.generators[0].make(frame)
        for generator, mask in by_generator.values():
            if mask.any():
                parts.append((mask, generator.make(frame.part(mask))))
        return scattered(parts, len(frame))


def scattered(parts: Sequence[tuple[Mask, Cells]], length: int) -> Cells:
    """The cells of several disjoint sets of rows, put together; a part of NULLs alone takes any physical form."""
    valid = np.ones(length, dtype=np.bool_)
    values: Any = None
    for mask, cells in parts:
        absent = isinstance(cells.values, pa.Array) and pa.types.is_null(cells.values.type)
        if absent:
            valid[mask] = False
            continue
        if cells.valid is not None:
            valid[mask] = cells.valid
        if isinstance(cells.values, np.ndarray):
            if values is None:
                values = np.zeros((length, *cells.values.shape[1:]), dtype=cells.values.dtype)
            values[mask] = cells.values
        else:
            values = _placed(values, cells.values, mask, length)
    if values is None:
        return Cells(pa.nulls(length))
    return Cells(values, None if valid.all() else valid)


def _placed(so_far: pa.Array | None, part: pa.Array, mask: Mask, length: int) -> pa.Array:
    part = part.combine_chunks() if isinstance(part, pa.ChunkedArray) else part
    index = np.zeros(length, dtype=np.int64)
    index[mask] = np.arange(int(mask.sum()))
    if so_far is None:
        return part.take(pa.array(index, mask=~mask))
    both = pa.concat_arrays([so_far, part.cast(so_far.type)])
    return both.take(pa.array(np.where(mask, index + length, np.arange(length))))
