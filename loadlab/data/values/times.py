"""Generators of dates, times and timestamps (µs since 1970; dates in days)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s, UInt64s, below, hash_rows, make_key, unit_interval
from loadlab.data.core.quantiles import QuantileTable
from loadlab.data.frame import Frame, Generator

DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True)
class Written:
    """When the row was written (`created_at`)."""

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.moment_us())


@dataclass(frozen=True, slots=True)
class Later:
    """Some time after the row was written; `delays` are microseconds (negative ones lie before).

    What has happened to a row did so before `horizon_us`, the end of the history, if the row was written before it.
    """

    key: int
    delays: QuantileTable
    horizon_us: int | None = None

    def make(self, frame: Frame) -> Cells:
        delay = np.floor(self.delays.at(hash_rows(self.key, frame.rows))).astype(np.int64)
        moments = frame.moment_us()
        if self.horizon_us is not None:
            delay = within(delay, self.horizon_us - moments, hash_rows(make_key(self.key, "horizon"), frame.rows))
        return Cells(moments + delay)


def within(distances: Any, room: Any, bits: UInt64s) -> Int64s:
    """Distances that are longer than the room, where there is any, somewhere inside of it instead; shape (n,)."""
    shorter = np.floor(unit_interval(bits) * np.maximum(room, 0)).astype(np.int64)
    found: Int64s = np.where((distances > room) & (room > 0), shorter, distances)
    return found


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


@dataclass(frozen=True, slots=True)
class DistinctTimesOfDay:
    """Times of day that differ from row to row: a bijection of the steps of a day."""

    key: int
    step_us: int

    def make(self, frame: Frame) -> Cells:
        steps = DAY_US // self.step_us
        prime = 2_147_483_647 if steps > 100_000 else 99_991
        start = make_key(self.key, "start") % steps
        return Cells((frame.rows % steps * (prime % steps) + start) % steps * self.step_us)


@dataclass(frozen=True, slots=True)
class DistinctMoments:
    """first + row * pause, µs: no two rows agree."""

    first_us: int
    pause_us: int

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.rows * self.pause_us + self.first_us)


@dataclass(frozen=True, slots=True)
class RowDays:
    """A day for each row, from `first` (days since 1970)."""

    first: int

    def make(self, frame: Frame) -> Cells:
        return Cells(frame.rows + self.first)


@dataclass(frozen=True, slots=True)
class OrdinalDays:
    """The day of the parent's moment plus the row's number among its siblings: a daily series for each parent."""

    relation: str

    def make(self, frame: Frame) -> Cells:
        relation = frame.relation(self.relation)
        parents, _ = frame.parent(relation)
        return Cells(parents.moment_us() // DAY_US + relation.ordinals(frame.rows))


@dataclass(frozen=True, slots=True)
class AfterParents:
    """Another generator's moments; those that would lie before the row's parents lie up to `pause_us` behind these.

    `parents` are relations and the column of their target that has its moment. `frames` bounds the frames that a row's
    moment takes: those of parents have parents of their own.
    """

    key: int
    parents: tuple[tuple[str, str], ...]
    frames: int
    is_date: bool
    inner: Generator
    pause_us: int

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        values = np.asarray(cells.values, dtype=np.int64)
        pause = np.zeros(len(frame), dtype=np.int64)
        if self.pause_us and not self.is_date:
            pause += below(hash_rows(make_key(self.key, "pause"), frame.rows), self.pause_us)
        for name, column in self.parents:
            parents, valid = frame.parent(frame.relation(name))
            theirs = parents.cells(column)
            per_cell = DAY_US if parents.plan.type_of(column).kind == "date" else 1
            moments = np.asarray(theirs.values, dtype=np.int64) * per_cell // (DAY_US if self.is_date else 1) + pause
            for known in (valid, theirs.valid):
                moments = moments if known is None else np.where(known, moments, values)
            values = np.maximum(values, moments)
        return Cells(values, cells.valid)


_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_UNITS_US = {"second": 1_000_000, "minute": 60_000_000, "hour": 3_600_000_000, "day": DAY_US}
_MONDAY = 3  # 1970-01-01 was a Thursday


@dataclass(frozen=True, slots=True)
class CutTo:
    """Another generator's moments, cut to the first one of their unit (second … day, week, month, quarter, year)."""

    inner: Generator
    unit: str
    is_date: bool

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        values = np.asarray(cells.values, dtype=np.int64)
        if self.unit in _UNITS_US:
            size = _UNITS_US[self.unit]
            return Cells(values if self.is_date else values // size * size, cells.valid)
        days = values if self.is_date else values // DAY_US
        if self.unit == "week":
            days = days - (days + _MONDAY) % 7
        else:
            size = _MONTHS.get(self.unit, 12)
            months = days.astype("datetime64[D]").astype("datetime64[M]").astype(np.int64)
            days = (months // size * size).astype("datetime64[M]").astype("datetime64[D]").astype(np.int64)
        return Cells(days if self.is_date else days * DAY_US, cells.valid)
