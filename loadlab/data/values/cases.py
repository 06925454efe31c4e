"""Conditional tables: a column's generator by the value of another column of the row."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells, Mask, arrow_type
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator
from loadlab.data.values.bounded import Bounded
from loadlab.data.values.numbered import Distinct
from loadlab.data.values.times import AfterParents
from loadlab.errors import InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.shapes import ColumnShape


@dataclass(frozen=True, slots=True)
class Conditional:
    """The generator of the case that another column's value names; `otherwise` for any other value and NULL."""

    column: str
    cases: tuple[tuple[Any, Generator], ...]
    """(value as the other column's cells have it, generator)."""
    otherwise: Generator

    def make(self, frame: Frame) -> Cells:
        other = frame.cells(self.column)
        case = np.full(len(frame), len(self.cases), dtype=np.int64)
        for number, (value, _) in enumerate(self.cases):
            case[_equal(other.values, value)] = number
        if other.valid is not None:
            case[~other.valid] = len(self.cases)
        parts, rows = [], []
        for number, generator in enumerate((*(made for _, made in self.cases), self.otherwise)):
            mine = case == number
            if mine.any():
                rows.append(np.flatnonzero(mine))
                parts.append(generator.make(frame.part(mine)))
        return _joined(parts, rows, len(frame)) if parts else self.otherwise.make(frame)


def _equal(values: Any, value: Any) -> Mask:
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        same = pc.fill_null(pc.equal(values, pa.scalar(value, values.type)), False)
        found: Mask = (same.combine_chunks() if isinstance(same, pa.ChunkedArray) else same).to_numpy(
            zero_copy_only=False
        )
        return found
    equal: Mask = np.asarray(values == value)
    return equal if equal.ndim == 1 else np.logical_and.reduce(equal, axis=1)


def _joined(parts: list[Cells], rows: list[Int64s], count: int) -> Cells:
    """The parts' cells in the order of the rows that they belong to."""
    order = np.empty(count, dtype=np.int64)
    order[np.concatenate(rows)] = np.arange(count)
    valid = None
    if any(part.valid is not None for part in parts):
        masks = [np.ones(len(part), dtype=np.bool_) if part.valid is None else part.valid for part in parts]
        valid = np.concatenate(masks)[order]
    first = parts[0].values
    if isinstance(first, (pa.Array, pa.ChunkedArray)):
        chunks = pa.chunked_array([part.values for part in parts])
        return Cells(chunks.combine_chunks().take(pa.array(order)), valid)
    return Cells(np.concatenate([part.values for part in parts])[order], valid)


@dataclass(frozen=True, slots=True)
class Blank:
    """NULL in every row, in the physical form of the column's other generators."""

    type: LogicalType

    def make(self, frame: Frame) -> Cells:
        count, valid = len(frame), np.zeros(len(frame), dtype=np.bool_)
        physical = arrow_type(self.type)
        if self.type.kind in ("integer", "numeric", "date", "time", "timestamp", "interval"):
            return Cells(np.zeros(count, dtype=np.int64), valid)
        if self.type.kind in ("float", "boolean"):
            return Cells(np.zeros(count, dtype=np.float64 if self.type.kind == "float" else np.bool_), valid)
        if self.type.kind == "uuid":
            return Cells(np.zeros((count, 16), dtype=np.uint8), valid)
        return Cells(pa.nulls(count, physical), valid)


def makes_nulls(generator: Generator) -> bool:
    """Whether the generator already makes the NULLs that the scenario asks for, so that none are put on top."""
    if isinstance(generator, Bounded):
        return makes_nulls(generator.natural)
    if isinstance(generator, AfterParents):
        return makes_nulls(generator.inner)
    return isinstance(generator, (Conditional, Distinct, Blank))


def check_dependencies(shapes: Mapping[str, ColumnShape], place: str) -> None:
    """Raises InputError when columns are given each other in a circle. `place` is the table's."""
    needs = {name: _named(shape) for name, shape in shapes.items()}
    for start in needs:
        path, current = [start], needs.get(start)
        while current is not None:
            if current in path:
                circle = " → ".join([*path[path.index(current) :], current])
                raise InputError(f"{place}.columns.{start}", f"depends on itself: {circle}; take one of them out")
            path.append(current)
            current = needs.get(current)


def _named(shape: ColumnShape) -> str | None:
    if shape.given is not None:
        return shape.given.column
    return shape.correlates_with.column if shape.correlates_with is not None else None
