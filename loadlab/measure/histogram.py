"""Latency histograms in whole microseconds, three significant digits, from 1 µs to one hour.

A value is counted where HdrHistogram (Gil Tene) counts it, so that exports to its formats are exact. Only counts above
zero are kept: a second of one operation fills some dozens of the 23,552 counts, and a run has many such seconds.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

import numpy as np
import numpy.typing as npt

Int64s = npt.NDArray[np.int64]

HIGHEST_US = 3_600_000_000
SIGNIFICANT_DIGITS = 3
# HdrHistogram: the sub-buckets needed for 3 digits at unit magnitude 0 are 2 * 10**3 rounded up to a power of two.
_HALF_MAGNITUDE = 10
_HALF = 1 << _HALF_MAGNITUDE
SUB_BUCKETS = 2 * _HALF
_BUCKETS = math.ceil(math.log2(HIGHEST_US / (2 * _HALF - 1))) + 1
LENGTH = (_BUCKETS + 1) * _HALF
"""How many counts HdrHistogram keeps for this range."""

_NOTHING: Int64s = np.zeros(0, dtype=np.int64)


class Histogram:
    """Counts by value. Values above one hour are counted at one hour; below 1 µs at 0.

    `indices` are the places with counts, ascending, and `counts` what is counted there; both of shape (k,).
    """

    __slots__ = ("_extremes", "counts", "indices", "total_us")

    def __init__(self) -> None:
        self.indices: Int64s = _NOTHING
        self.counts: Int64s = _NOTHING
        self.total_us = 0.0
        self._extremes: tuple[int, int] | None = None

    def add(self, values_us: Int64s) -> None:
        """Record values (µs); shape (n,)."""
        if not len(values_us):
            return
        clipped = np.clip(values_us, 0, HIGHEST_US)
        indices, counts = np.unique(indices_of(clipped), return_counts=True)
        self._join([self.indices, indices], [self.counts, counts.astype(np.int64)])
        self.total_us += float(clipped.sum())
        self._widen((int(clipped.min()), int(clipped.max())))

    def merge(self, other: Histogram) -> None:
        """Add another histogram's counts; exact."""
        if len(other.counts):
            self._take([self, other])

    def _take(self, histograms: list[Histogram]) -> None:
        """Become the sum of these, which may hold itself."""
        self._join([h.indices for h in histograms], [h.counts for h in histograms])
        self.total_us = sum(h.total_us for h in histograms)
        for histogram in histograms:
            self._widen(histogram._extremes)

    def _join(self, indices: list[Int64s], counts: list[Int64s]) -> None:
        places, position = np.unique(np.concatenate(indices), return_inverse=True)
        sums = np.zeros(len(places), dtype=np.int64)
        np.add.at(sums, position, np.concatenate(counts))
        self.indices, self.counts = places, sums

    def _widen(self, extremes: tuple[int, int] | None) -> None:
        if extremes is None:
            return
        low, high = extremes
        if self._extremes is not None:
            low, high = min(low, self._extremes[0]), max(high, self._extremes[1])
        self._extremes = (low, high)

    @property
    def count(self) -> int:
        """How many values were recorded."""
        return int(self.counts.sum())

    @property
    def max_us(self) -> float:
        """Largest recorded value, exact; NaN when empty."""
        return float(self._extremes[1]) if self._extremes else math.nan

    @property
    def mean_us(self) -> float:
        """Mean of the recorded values, exact; NaN when empty."""
        return self.total_us / self.count if self.count else math.nan

    def percentile_us(self, percentile: float) -> float:
        """Smallest value (to 3 digits) that at least `percentile` % of the values do not exceed; NaN when empty."""
        count = self.count
        if not count:
            return math.nan
        return self.value_at_rank_us(max(1, math.ceil(percentile / 100 * count - 1e-9)))

    def value_at_rank_us(self, rank: int) -> float:
        """The value (µs) of the rank-th smallest observation, ranks from 1."""
        place = int(np.searchsorted(np.cumsum(self.counts), rank))
        assert self._extremes is not None
        return float(min(highest_equivalent_us(int(self.indices[place])), self._extremes[1]))

    def count_up_to(self, value_us: float) -> int:
        """How many values are counted at or below the place of `value_us`."""
        edge = indices_of(np.array([min(max(int(value_us), 0), HIGHEST_US)], dtype=np.int64))[0]
        return int(self.counts[: np.searchsorted(self.indices, edge, side="right")].sum())

    def to_sparse(self) -> dict[str, object]:
        """JSON-serialisable form; `from_sparse` is its inverse."""
        return {
            "index": self.indices.tolist(),
            "count": self.counts.tolist(),
            "total_us": self.total_us,
            "extremes": list(self._extremes) if self._extremes else None,
        }

    @classmethod
    def from_sparse(cls, data: Mapping[str, object]) -> Histogram:
        """The inverse of `to_sparse`."""
        histogram = cls()
        histogram.indices = np.asarray(data["index"], dtype=np.int64)
        histogram.counts = np.asarray(data["count"], dtype=np.int64)
        histogram.total_us = float(data["total_us"])  # type: ignore[arg-type]
        extremes = data["extremes"]
        histogram._extremes = (extremes[0], extremes[1]) if extremes else None  # type: ignore[index]
        return histogram

    @classmethod
    def merged(cls, histograms: Iterable[Histogram]) -> Histogram:
        """The sum of histograms."""
        result, parts = cls(), list(histograms)
        if parts:
            result._take(parts)
        return result

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Histogram)
            and self._extremes == other._extremes
            and np.array_equal(self.indices, other.indices)
            and np.array_equal(self.counts, other.counts)
        )

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return f"Histogram(count={self.count}, p50={self.percentile_us(50):g} µs, max={self.max_us:g} µs)"


def indices_of(values_us: Int64s) -> Int64s:
    """The index of each value's count; values within 0..HIGHEST_US."""
    # The bucket is the position of the highest bit above the sub-buckets' range; frexp gives bit lengths exactly
    # for integers below 2**53.
    bit_length = np.frexp((values_us | (2 * _HALF - 1)).astype(np.float64))[1].astype(np.int64)
    bucket = bit_length - (_HALF_MAGNITUDE + 1)
    sub_bucket = values_us >> bucket
    return ((bucket + 1) << _HALF_MAGNITUDE) + sub_bucket - _HALF


def highest_equivalent_us(index: int) -> int:
    """The largest value that is counted at `index`."""
    bucket = (index >> _HALF_MAGNITUDE) - 1
    sub_bucket = (index & (_HALF - 1)) + _HALF
    if bucket < 0:
        return sub_bucket - _HALF
    return ((sub_bucket + 1) << bucket) - 1


def lowest_equivalent_us(index: int) -> int:
    """The smallest value that is counted at `index`."""
    return highest_equivalent_us(index - 1) + 1 if index else 0
