"""Generators of dates, times and timestamps (µs since 1970; dates in days)."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from loadlab.data.cells import Cells
from loadlab.data.frame import Frame
from loadlab.data.hashing import hash_rows
from loadlab.data.quantiles import QuantileTable

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """When the row was written (`created_at`)."""

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.moment_us())


@dataclass(frozen=True, slots=True)
class Later:
    """Some time after the row was written; `delays` are microseconds (negative ones lie before)."""

    key: int
    delays: QuantileTable

    def make(self, frame: Frame) -> Cells:
        delay = np.floor(self.delays.at(hash_rows(self.key, frame.rows))).astype(np.int64)
        return Cells(frame.moment_us() + delay)


@dataclass(frozen=True, slots=True)
class FromColumn:
    """Some time after (or before) another column of the row of the same kind: timestamps, or dates in days.

    `delays` are microseconds and `unit_us` the column's unit; the distance is at least `least` units.
    """

    key: int
    other: str
    delays: QuantileTable
    unit_us: int
    least: int
    later: bool

    def make(self, frame: Frame) -> Cells:
        other = frame.cells(self.other)
        delay = np.floor(self.delays.at(hash_rows(self.key, frame.rows))).astype(np.int64) // self.unit_us
        distance = np.maximum(delay, self.least)
        return Cells(other.values + distance if self.later else other.values - distance, other.valid)


@dataclass(frozen=True, slots=True)
class Days:
    """The day (since 1970) of another generator's moment."""

    inner: Written | Later

    def make(self, frame: Frame) -> Cells:
        return Cells(self.inner.make(frame).values // DAY_US)


@dataclass(frozen=True, slots=True)
class TimesOfDay:
    """Microseconds since midnight, uniform."""

    key: int

    def make(self, frame: Frame) -> Cells:
        return Cells((hash_rows(self.key, frame.rows) % np.uint64(DAY_US)).astype(np.int64))
