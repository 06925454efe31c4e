"""Distributions as quantile tables: 1,024 knots, linear between them.

A table is made once from closed formulas and rounded, then evaluated with one multiplication and one addition a
value, both exactly rounded (IEEE 754), so that the same hash gives the same value on every machine.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from loadlab.data.hashing import Int64s, UInt64s

_BITS = 10
_KNOTS = 1 << _BITS


@dataclass(frozen=True, slots=True)
class QuantileTable:
    """`knots[k]` is the quantile at k / 1024; shape (1025,)."""

    knots: npt.NDArray[np.float64]

    @classmethod
    def of(cls, quantile: Callable[[float], float]) -> QuantileTable:
        """From a quantile function on [0, 1]; rounded to 9 significant digits, far above what libraries differ by."""
        return cls(np.array([float(f"{quantile(k / _KNOTS):.9g}") for k in range(_KNOTS + 1)]))

    def at(self, bits: UInt64s) -> npt.NDArray[np.float64]:
        """The quantile of each row's 64 uniform bits; shape (n,)."""
        knot = (bits >> np.uint64(64 - _BITS)).astype(np.int64)
        fraction = ((bits << np.uint64(_BITS)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        low = self.knots[knot]
        step = self.knots[knot + 1] - low
        step *= fraction
        step += low
        return step


@cache
def uniform(low: float, high: float) -> QuantileTable:
    """Every value equally likely."""
    return QuantileTable.of(lambda q: low + (high - low) * q)


@cache
def normal(low: float, high: float) -> QuantileTable:
    """A bell over [low, high]: the middle is the mean, the bounds lie three standard deviations away and cut it off."""
    return _fitted(lambda q: NormalDist().inv_cdf(q), low, high, 0.00135)


@cache
def lognormal(low: float, high: float) -> QuantileTable:
    """Most values near `low`, a long tail to `high`: the logarithm (of the distance from low, plus one) is normal."""
    span = high - low
    return QuantileTable.of(lambda q: low + min(span, (1 + span) ** _bell(q) - 1))


@cache
def zipf(low: float, high: float) -> QuantileTable:
    """Few small values take most of the weight: density falls with the power -3/4 of the distance from `low`."""
    return QuantileTable.of(lambda q: low + (high - low) * q**4)


def _bell(q: float) -> float:
    """A standard normal quantile squeezed into [0, 1] at plus and minus three standard deviations."""
    z = NormalDist().inv_cdf(min(max(q, 0.00135), 0.99865))
    return min(max((z + 3) / 6, 0.0), 1.0)


def _fitted(quantile: Callable[[float], float], low: float, high: float, cut: float) -> QuantileTable:
    bottom, top = quantile(cut), quantile(1 - cut)
    return QuantileTable.of(
        lambda q: low + (high - low) * (quantile(min(max(q, cut), 1 - cut)) - bottom) / (top - bottom)
    )


@dataclass(frozen=True, slots=True)
class Categories:
    """A weighted choice among k categories, by thresholds on 32 bits; shape (k,)."""

    thresholds: npt.NDArray[np.uint64]

    @classmethod
    def of(cls, weights: Sequence[float]) -> Categories:
        """Raises ValueError when no weight is positive."""
        total = float(sum(weights))
        if total <= 0:
            raise ValueError("needs at least one weight above 0")
        bounds, so_far = [], 0.0
        for weight in weights:
            so_far += weight
            bounds.append(round(so_far / total * 2**32))
        bounds[-1] = 2**32
        return cls(np.array(bounds, dtype=np.uint64))

    def at(self, bits: UInt64s) -> Int64s:
        """The category (0..k-1) of each row's bits."""
        return np.searchsorted(self.thresholds, bits >> np.uint64(32), side="right").astype(np.int64)
