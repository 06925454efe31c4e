"""Distributions as quantile tables: 1,024 knots, linear between them.

A table is made once from closed formulas and rounded, then evaluated with one multiplication and one addition a
value, both exactly rounded (IEEE 754), so that the same hash gives the same value on every machine.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist
from typing import Protocol

import numpy as np
import numpy.typing as npt

from loadlab.data.core.hashing import Int64s, UInt64s

_BITS = 10
_KNOTS = 1 << _BITS
# Unbounded tails end where one row in a billion lies beyond.
_LEAST = 1e-9


@dataclass(frozen=True, slots=True)
class QuantileTable:
    """`knots[k]` is the quantile at k / 1024; shape (1025,).

    `lower` and `upper`, where there are any, resolve the first and the last step of a long tail.
    """

    knots: npt.NDArray[np.float64]
    lower: QuantileTable | None = None
    upper: QuantileTable | None = None

    @classmethod
    def of(cls, quantile: Callable[[float], float]) -> QuantileTable:
        """From a quantile function on [0, 1]; rounded to 9 significant digits, far above what libraries differ by."""
        return cls(_knots(quantile, 0.0, 1.0))

    @classmethod
    def tailed(cls, quantile: Callable[[float], float]) -> QuantileTable:
        """As `of`, with the first and the last 1/1024 of a long tail resolved as finely again."""
        step = 1 / _KNOTS
        ends = [cls(_knots(quantile, start, step * step)) for start in (0.0, 1.0 - step * step)]
        lower = cls(_knots(quantile, 0.0, step), lower=ends[0])
        upper = cls(_knots(quantile, 1.0 - step, step), upper=ends[1])
        return cls(_knots(quantile, 0.0, 1.0), lower, upper)

    def at(self, bits: UInt64s) -> npt.NDArray[np.float64]:
        """The quantile of each row's 64 uniform bits; shape (n,)."""
        knot = (bits >> np.uint64(64 - _BITS)).astype(np.int64)
        fraction = ((bits << np.uint64(_BITS)) >> np.uint64(11)).astype(np.float64) * 2.0**-53
        low = self.knots[knot]
        step = self.knots[knot + 1] - low
        step *= fraction
        step += low
        for tail, end in ((self.lower, 0), (self.upper, _KNOTS - 1)):
            if tail is not None:
                inside = np.flatnonzero(knot == end)
                step[inside] = tail.at(bits[inside] << np.uint64(_BITS))
        return step

    def scaled(self, factor: float, plus: float = 0.0) -> QuantileTable:
        """Every quantile times `factor`, plus `plus`."""
        lower, upper = (None if tail is None else tail.scaled(factor, plus) for tail in (self.lower, self.upper))
        return QuantileTable(self.knots * factor + plus, lower, upper)


def _knots(quantile: Callable[[float], float], start: float, width: float) -> npt.NDArray[np.float64]:
    return np.array([float(f"{quantile(start + width * (k / _KNOTS)):.9g}") for k in range(_KNOTS + 1)])


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


@cache
def pareto(low: float, high: float) -> QuantileTable:
    """A fifth of the rows has four fifths of the sum: P(X > x) ∝ x ** -1.16 from `low` (at least 1) to `high`."""
    return cut(ParetoLaw(1.16, max(low, 1.0)), low, high)


@cache
def exponential(low: float, high: float) -> QuantileTable:
    """Small distances from `low` are likelier than large ones; the mean lies at a fifth of the way to `high`."""
    return cut(ExponentialLaw(max(high - low, 1e-300) / 5, low), low, high)


NAMED: dict[str, Callable[[float, float], QuantileTable]] = {
    "uniform": uniform,
    "normal": normal,
    "lognormal": lognormal,
    "zipf": zipf,
    "pareto": pareto,
    "exponential": exponential,
}
"""By the name that a scenario uses for a distribution whose only parameters are its bounds."""


class ContinuousLaw(Protocol):
    """A distribution by its distribution function and that function's inverse."""

    def quantile(self, q: float) -> float: ...

    def share_below(self, x: float) -> float: ...


@dataclass(frozen=True, slots=True)
class NormalLaw:
    """The normal distribution."""

    mean: float
    stddev: float

    def quantile(self, q: float) -> float:
        return NormalDist(self.mean, self.stddev).inv_cdf(min(max(q, _LEAST), 1 - _LEAST))

    def share_below(self, x: float) -> float:
        return NormalDist(self.mean, self.stddev).cdf(x)


@dataclass(frozen=True, slots=True)
class LognormalLaw:
    """exp of a normal one with mean log(median) and standard deviation sigma."""

    median: float
    sigma: float

    def quantile(self, q: float) -> float:
        return self.median * math.exp(self.sigma * NormalDist().inv_cdf(min(max(q, _LEAST), 1 - _LEAST)))

    def share_below(self, x: float) -> float:
        return NormalDist().cdf(math.log(x / self.median) / self.sigma) if x > 0 else 0.0


@dataclass(frozen=True, slots=True)
class ParetoLaw:
    """Pareto, type I."""

    alpha: float
    minimum: float

    def quantile(self, q: float) -> float:
        return float(self.minimum * (1 - min(q, 1 - _LEAST)) ** (-1 / self.alpha))

    def share_below(self, x: float) -> float:
        return float(1 - (self.minimum / x) ** self.alpha) if x > self.minimum else 0.0


@dataclass(frozen=True, slots=True)
class ExponentialLaw:
    """Exponential, from `start` on."""

    mean: float
    start: float = 0.0

    def quantile(self, q: float) -> float:
        return self.start - self.mean * math.log1p(-min(q, 1 - _LEAST))

    def share_below(self, x: float) -> float:
        return -math.expm1(-(x - self.start) / self.mean) if x > self.start else 0.0


def cut(law: ContinuousLaw, low: float, high: float) -> QuantileTable:
    """The law under the condition that the value lies in [low, high]; either may be infinite.

    Raises ValueError when the law has next to nothing there.
    """
    bottom = law.share_below(low) if math.isfinite(low) else 0.0
    top = law.share_below(high) if math.isfinite(high) else 1.0
    if top - bottom < 1e-9:
        raise ValueError("holds no part of the distribution")
    return QuantileTable.tailed(lambda q: min(max(law.quantile(bottom + q * (top - bottom)), low), high))


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
