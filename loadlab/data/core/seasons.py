"""The rhythm of a week: when within it the rows are written.

The growth curve says which week a row belongs to; the season says at which hour of that week. It is a monotone warp of
each week onto itself, so row order stays history and no row leaves its week. The curve is a quantile table: the hours
of the week by weight, linear within an hour. Only + - * / on floats and integers are used, each rounded as IEEE 754
says, so every machine finds the same microsecond.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import numpy.typing as npt

from loadlab.data.core.hashing import Int64s

Seasonality = Literal["none", "office", "consumer"]

HOUR_US = 3_600_000_000
WEEK_HOURS = 168
_WEEK_US = WEEK_HOURS * HOUR_US
# 1970-01-01 was a Thursday: weeks are counted from the Monday after.
_MONDAY_US = 4 * 24 * HOUR_US

# Weights of the 24 hours of a day (UTC), from midnight. Every weight is above 0: no hour is without any row.
_OFFICE_DAY = (1, 1, 1, 1, 1, 2, 6, 20, 60, 90, 100, 95, 60, 85, 100, 95, 80, 50, 20, 10, 6, 4, 2, 1)
_OFFICE_WEEKEND = (1, 1, 1, 1, 1, 1, 1, 2, 3, 5, 6, 6, 5, 5, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1)
_CONSUMER_DAY = (22, 12, 8, 6, 6, 10, 20, 36, 48, 56, 62, 68, 74, 70, 64, 62, 66, 74, 86, 98, 100, 90, 64, 38)
_CONSUMER_WEEKEND = (30, 20, 13, 9, 7, 8, 12, 20, 34, 50, 64, 74, 78, 76, 74, 72, 72, 74, 78, 82, 82, 74, 56, 38)
_WEEKS: Mapping[Seasonality, tuple[int, ...]] = {
    "office": _OFFICE_DAY * 5 + _OFFICE_WEEKEND * 2,
    "consumer": _CONSUMER_DAY * 5 + _CONSUMER_WEEKEND * 2,
}


@dataclass(frozen=True, slots=True)
class Season:
    """A week's rhythm over a history from `start_us` to `end_us` (µs since 1970, UTC).

    `weights` are those of the week's hours from Monday 0:00, shape (168,); None: every moment stays where it is. The
    parts of a week before and after the start and the end of the history are warped within themselves, so that
    neither is crossed.
    """

    weights: npt.NDArray[np.int64] | None
    start_us: int
    end_us: int

    @classmethod
    def of(cls, name: Seasonality, start_us: int, end_us: int) -> Season:
        """One of the known rhythms."""
        weights = None if name == "none" else np.array(_WEEKS[name], dtype=np.int64)
        return cls(weights, start_us, end_us)

    def seasonal(self, moments_us: Int64s) -> Int64s:
        """Each moment where the rhythm puts it: never before that of an earlier one, in its own week. Shape (n,)."""
        if self.weights is None:
            return moments_us
        week_us = _week_us(moments_us)
        weights, before = self._table()
        total = float(before[-1] + weights[-1] * HOUR_US)
        moved = self._at((moments_us - week_us).astype(np.float64) * (total / _WEEK_US))
        moved += week_us
        cut = ((week_us < self.start_us) & (week_us > self.start_us - _WEEK_US)) | (
            (week_us < self.end_us) & (week_us > self.end_us - _WEEK_US)
        )
        if cut.any():
            moved[cut] = self._in_cut_week(moments_us[cut], week_us[cut])
        return moved

    def _in_cut_week(self, moments_us: Int64s, week_us: Int64s) -> Int64s:
        """The same in a week that holds the history's start or end: each part of it is warped onto itself."""
        first, last = week_us, week_us + _WEEK_US
        for cut_us in (self.start_us, self.end_us):
            first = np.where(moments_us >= cut_us, np.maximum(first, cut_us), first)
            last = np.where(moments_us < cut_us, np.minimum(last, cut_us), last)
        low, high = self._mass(first - week_us), self._mass(last - week_us)
        share = (moments_us - first).astype(np.float64) / (last - first).astype(np.float64)
        moved: Int64s = np.clip(self._at(low + share * (high - low)) + week_us, first, last - 1)
        return moved

    def _mass(self, place_us: Int64s) -> npt.NDArray[np.float64]:
        """Weight (times µs) of a week's part before a place in it."""
        weights, before = self._table()
        hour = np.minimum(place_us // HOUR_US, WEEK_HOURS - 1)
        mass: npt.NDArray[np.float64] = before[hour] + weights[hour] * (place_us - hour * HOUR_US).astype(np.float64)
        return mass

    def _at(self, mass: npt.NDArray[np.float64]) -> Int64s:
        """The place in the week before which a weight lies: the inverse of `_mass`."""
        weights, before = self._table()
        hour = np.clip(np.searchsorted(before, mass, side="right") - 1, 0, WEEK_HOURS - 1)
        within = np.floor((mass - before[hour]) / weights[hour]).astype(np.int64)
        return np.asarray(hour * HOUR_US + np.minimum(within, HOUR_US - 1), dtype=np.int64)

    def _table(self) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.float64]]:
        assert self.weights is not None
        weights = self.weights.astype(np.float64)
        before = np.concatenate(([0.0], np.cumsum(weights)[:-1])) * float(HOUR_US)
        return weights, before


def _week_us(moments_us: Int64s) -> Int64s:
    """The Monday 0:00 before each moment."""
    return (moments_us - _MONDAY_US) // _WEEK_US * _WEEK_US + _MONDAY_US


def week_weights(name: Seasonality) -> tuple[int, ...]:
    """The weights of the week's hours from Monday 0:00 UTC; all alike for `none`."""
    return (1,) * WEEK_HOURS if name == "none" else _WEEKS[name]
