"""Which of the values that are there already the facts of a column let pass: those of keys that are referenced."""

from __future__ import annotations

from dataclasses import dataclass
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.choose.texts import admits
from loadlab.data.choose.times import constant_bounds
from loadlab.data.constraints.facts import ColumnFacts
from loadlab.data.core.cells import Cells, to_arrow
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator
from loadlab.schema.model import Column

Passes = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Passing:
    """The keys that a foreign key takes, NULL where the conditions of its column do not let one pass."""

    inner: Generator
    column: Column
    facts: ColumnFacts

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        return cells.with_nulls(fitting(self.column, to_arrow(cells, self.column.type), self.facts))


def has_limits(facts: ColumnFacts) -> bool:
    """Whether anything is said of the values that `fitting` looks at."""
    bounds = (facts.low, facts.high, facts.low_text, facts.high_text, facts.length_max, facts.allowed, facts.multiple)
    others = facts.excluded or facts.patterns or facts.casing or facts.length_min
    return bool(others) or any(bound is not None for bound in bounds)


def fitting(column: Column, values: pa.Array, facts: ColumnFacts) -> Passes:
    """Where a value of a column is one that its facts let pass, as far as they can be read; shape of `values`.

    NULL passes as in a CHECK.
    """
    texts = _texts(values)
    passes = np.ones(len(values), dtype=np.bool_)
    if facts.allowed is not None:
        passes &= _is_in(texts, facts.allowed)
    if facts.excluded:
        passes &= ~_is_in(texts, facts.excluded)
    if column.type.kind == "text" and (
        facts.patterns or facts.casing or facts.length_min or facts.length_max is not None
    ):
        passes &= _is_in(
            texts, tuple(text for text in pc.drop_null(texts.unique()).to_pylist() if admits(column, facts, text))
        )
    if column.type.kind in ("date", "timestamp"):
        low, high = constant_bounds(column, facts)
        cells = _wholes(values, pa.int32() if column.type.kind == "date" else pa.int64())
        passes &= (cells >= low) & (cells <= high)
    if facts.multiple is not None and pa.types.is_integer(values.type):
        passes &= _wholes(values, pa.int64()) % facts.multiple.modulo == facts.multiple.remainder
    if pa.types.is_integer(values.type) or pa.types.is_floating(values.type) or pa.types.is_decimal(values.type):
        numbers = values.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        if facts.low is not None:
            passes &= (numbers > facts.low) if facts.low_strict else (numbers >= facts.low)
        if facts.high is not None:
            passes &= (numbers < facts.high) if facts.high_strict else (numbers <= facts.high)
    passes |= values.is_null().to_numpy(zero_copy_only=False)
    return passes


def _wholes(values: pa.Array, type: pa.DataType) -> Int64s:
    found: Int64s = values.cast(type).cast(pa.int64()).fill_null(0).to_numpy()
    return found


def _texts(values: pa.Array) -> pa.Array:
    if pa.types.is_fixed_size_binary(values.type):
        return pa.array(
            [None if value is None else str(UUID(bytes=value)) for value in values.to_pylist()], pa.string()
        )
    return values.cast(pa.string())


def _is_in(texts: pa.Array, listed: tuple[object, ...]) -> Passes:
    found = pc.is_in(texts, value_set=pa.array([str(value) for value in listed], pa.string()))
    passes: Passes = found.to_numpy(zero_copy_only=False)
    return passes
