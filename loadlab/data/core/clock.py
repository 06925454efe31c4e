"""Row order is history: when row i of a table was written.

The full volume spans `start` to `end`; row i of n is written at the moment when a share i / n of all rows exists.
That moment does not depend on how many rows are really made, so growing the scale only appends.
"""

from __future__ import annotations

import datetime as dt
from dataclasses import dataclass

import numpy as np

from loadlab.data.core.hashing import Int64s, hash_rows, make_key, unit_interval
from loadlab.data.core.seasons import Season
from loadlab.spec.shapes import TimeShape

# rows so far ∝ time ** power: the inverse is a number of square roots, which IEEE 754 rounds exactly everywhere.
_SQUARE_ROOTS = {"constant": 0, "accelerating": 1, "steep": 2}
_REFERENCE_US = 30 * 86_400_000_000


@dataclass(frozen=True, slots=True)
class Clock:
    """Times in microseconds since 1970 (UTC)."""

    start_us: int
    span_us: int
    square_roots: int
    season: Season

    @classmethod
    def of(cls, shape: TimeShape) -> Clock:
        assert not isinstance(shape.end, str), "today is settled before anything is planned"
        start = _midnight_us(shape.start)
        end = _midnight_us(shape.end)
        return cls(start, end - start, _SQUARE_ROOTS[shape.growth], Season.of(shape.seasonality, start, end))

    @property
    def end_us(self) -> int:
        """The end of the full volume's history."""
        return self.start_us + self.span_us

    def moment_us(self, share: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Int64s:
        """When a share of the full volume's rows exists; shape (n,). Shares beyond 1 lie after the end."""
        for _ in range(self.square_roots):
            share = np.sqrt(share)
        return self.season.seasonal((share * float(self.span_us)).astype(np.int64) + self.start_us)

    def row_us(self, rows: Int64s, full_rows: float, key: int) -> Int64s:
        """When each row is written: in its own slot, in row order. `full_rows` is the table's count at full volume."""
        position = rows.astype(np.float64)
        jitter = unit_interval(hash_rows(make_key(key, "moment"), rows))
        jitter[rows == 0] = 0.0
        return self.moment_us((position + jitter) / full_rows)

    def reference_us(self, rows: Int64s, row_count: int) -> Int64s:
        """When rows of reference data, which does not grow, were written: in the thirty days before the start."""
        share = rows.astype(np.float64) / max(row_count, 1)
        return self.start_us - _REFERENCE_US + (share * float(_REFERENCE_US)).astype(np.int64)


def _midnight_us(day: dt.date) -> int:
    moment = dt.datetime(day.year, day.month, day.day, tzinfo=dt.UTC)
    return int(moment.timestamp()) * 1_000_000
