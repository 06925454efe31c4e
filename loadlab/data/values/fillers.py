"""Generators whose values differ from row to row, and the digits of unranked keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells
from loadlab.data.frame import Frame, Generator
from loadlab.data.relations.slots import Slots


@dataclass(frozen=True, slots=True, eq=False)
class SlotTexts:
    """The digit of an unranked key as one of some texts."""

    slots: Slots
    position: int
    values: pa.Array

    def make(self, frame: Frame) -> Cells:
        return Cells(self.values.take(pa.array(self.slots.digit(frame.rows, self.position))))


@dataclass(frozen=True, slots=True, eq=False)
class SlotNumbers:
    """The digit of an unranked key as one of some numbers or booleans, or low + digit * unit."""

    slots: Slots
    position: int
    values: Any = None
    low: int = 0
    unit: int = 1

    def make(self, frame: Frame) -> Cells:
        digit = self.slots.digit(frame.rows, self.position)
        return Cells(self.low + digit * self.unit if self.values is None else self.values[digit])


@dataclass(frozen=True, slots=True, eq=False)
class SlotValues:
    """The digit of an unranked key as the row number of a generator of distinct values."""

    slots: Slots
    position: int
    distinct: Generator

    def make(self, frame: Frame) -> Cells:
        return self.distinct.make(frame.with_rows(self.slots.digit(frame.rows, self.position)))


@dataclass(frozen=True, slots=True, eq=False)
class EachOnce:
    """Every text of a list once."""

    values: pa.Array

    def make(self, frame: Frame) -> Cells:
        return Cells(self.values.take(pa.array(frame.rows % len(self.values))))


@dataclass(frozen=True, slots=True, eq=False)
class EachNumberOnce:
    """Every number or boolean of a list once."""

    values: Any

    def make(self, frame: Frame) -> Cells:
        return Cells(self.values[frame.rows % len(self.values)])


@dataclass(frozen=True, slots=True)
class Numbered:
    """first + row * step, in the column's smallest unit."""

    first: int
    step: int

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.rows * self.step + self.first)


@dataclass(frozen=True, slots=True)
class DistinctFloats:
    """(low + 1 + row) steps: multiples of a power of two are exact as far as 2**24 and 2**53 of them.

    A negative step counts down from `low`, by its size.
    """

    low: int
    step: float = 1.0

    def make(self, frame: Frame) -> Cells:
        if self.step < 0:
            return Cells((frame.rows * self.step + self.low).astype(np.float64))
        return Cells((frame.rows + (self.low + 1)).astype(np.float64) * self.step)
