"""The ratio of two sides over paired rounds, with an interval that a noisy machine does not fool.

A pair holds both sides' figures of the same seconds, so that what slows the machine slows both. Its log ratio is one
value; a machine that others use makes a few of these wild. So the estimate is the 20 % trimmed mean of the log ratios,
and its error that of Yuen (Yuen, "The two-sample trimmed t for unequal population variances", Biometrika 61, 1974;
Tukey and McLaughlin, Sankhya A 25, 1963). The interval is the symmetric bootstrap-t over the pairs (Wilcox,
"Introduction to Robust Estimation and Hypothesis Testing", 3rd ed. 2012, section 4.4; Hall, "On Symmetric Bootstrap
Confidence Intervals", JRSS B 50, 1988), never narrower than Yuen's Student-t interval: a bootstrap of few pairs cannot
see beyond them.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt

from loadlab.validate.distributions import t_quantile

Floats = npt.NDArray[np.float64]

PAIRS_MIN = 8
OWN_CONFIDENCE = 0.95
TRIM = 0.2
_RESAMPLES = 9_999
# Below it the logarithms of equal ratios differ by rounding alone.
_EXACT = 1e-12
# A ratio with such a logarithm (2e-9, 5e8) bounds nothing.
_LOG_MOST = 20.0


@dataclass(frozen=True, slots=True)
class Halved:
    """One side's positive figures by pair, shape (pairs,) each: of the whole round and of its two halves."""

    whole: Floats
    first: Floats
    second: Floats


@dataclass(frozen=True, slots=True)
class PairedEstimate:
    """A ratio of B to A over `pairs`.

    `interval` has the confidence of the whole family of comparisons, `own_interval` 95 % for this one alone. `noise`
    is by how much (0.05: 5 %) a side could seem to differ from itself, with the family's confidence.
    """

    ratio: float
    interval: tuple[float, float]
    own_interval: tuple[float, float]
    noise: float
    pairs: int

    def is_beyond(self, effect: float) -> bool:
        """Whether the interval leaves out "no difference" and the estimate is an effect (0.05: 5 %) or more."""
        return not self.interval[0] <= 1 <= self.interval[1] and abs(math.log(self.ratio)) >= math.log1p(effect)

    def is_within(self, effect: float) -> bool:
        """Whether the difference is certainly below an effect."""
        low, high = self.own_interval
        return -math.log1p(effect) < math.log(low) and math.log(high) < math.log1p(effect)


def estimate_pairs(a: Halved, b: Halved, *, confidence: float, seed: int = 1) -> PairedEstimate | None:
    """Of positive figures by pair, in the order of measurement.

    `confidence` is that of this interval within its family. None with fewer than `PAIRS_MIN` pairs.
    """
    if len(a.whole) < PAIRS_MIN:
        return None
    ratios = np.log(b.whole) - np.log(a.whole)
    centre, error = trimmed_mean(ratios)
    drawn = _studentised(ratios, centre, error, seed) if error > _EXACT else ratios
    half, own_half = (
        min(_LOG_MOST, _half_width(drawn, error, len(ratios), share)) for share in (confidence, OWN_CONFIDENCE)
    )
    return PairedEstimate(
        math.exp(centre),
        (math.exp(centre - half), math.exp(centre + half)),
        (math.exp(centre - own_half), math.exp(centre + own_half)),
        same_side_noise(a, b, confidence=confidence),
        len(ratios),
    )


def same_side_noise(a: Halved, b: Halved, *, confidence: float) -> float:
    """By how much (0.05: 5 %) a comparison of a side with itself could seem to differ in as many pairs.

    From the two halves of each side's rounds, which took turns as the sides do and differ by noise alone; the root mean
    square of the two sides' errors. A half has half of the answers, so that the error of whole rounds is smaller by the
    root of two.
    """
    degrees = _kept(len(a.whole)) - 1
    squares = [trimmed_mean(np.log(side.second) - np.log(side.first))[1] ** 2 for side in (a, b)]
    error = math.sqrt(sum(squares) / 2) / math.sqrt(2)
    return math.expm1(min(_LOG_MOST, t_quantile((1 + confidence) / 2, degrees) * error))


def trimmed_mean(values: Floats) -> tuple[float, float]:
    """The 20 % trimmed mean, and its standard error by the winsorised variance."""
    means, errors = _trimmed(values[None, :])
    return float(means[0]), float(errors[0])


def _trimmed(rows: Floats) -> tuple[Floats, Floats]:
    """Of each row; shape (samples, values) to (samples,) twice."""
    size = rows.shape[1]
    cut, kept = _cut(size), _kept(size)
    ordered = np.sort(rows, axis=1)
    inner = ordered[:, cut : size - cut]
    low, high = inner[:, 0], inner[:, -1]
    means = inner.mean(axis=1)
    winsorised_mean = (inner.sum(axis=1) + cut * (low + high)) / size
    squares = ((inner - winsorised_mean[:, None]) ** 2).sum(axis=1)
    squares += cut * ((low - winsorised_mean) ** 2 + (high - winsorised_mean) ** 2)
    return means, np.sqrt(squares / (kept * (kept - 1)))


def _cut(size: int) -> int:
    return int(TRIM * size)


def _kept(size: int) -> int:
    return size - 2 * _cut(size)


def _studentised(ratios: Floats, centre: float, error: float, seed: int) -> Floats:
    """|T*| of the resamples, ascending; a resample (nearly) without spread is taken to have a tenth of the pairs'."""
    means, errors = _trimmed((ratios - centre)[_draws(len(ratios), seed)])
    return np.sort(np.abs(means) / np.maximum(errors, error / 10))


@cache
def _draws(size: int, seed: int) -> npt.NDArray[np.int64]:
    """Which pairs each resample holds, the same for every metric; shape (resamples, pairs)."""
    return np.random.default_rng(seed).integers(0, size, (_RESAMPLES, size))


def _half_width(drawn: Floats, error: float, pairs: int, confidence: float) -> float:
    if error <= _EXACT:
        return 0.0
    rank = min(math.ceil(confidence * (len(drawn) + 1)), len(drawn))
    student = t_quantile((1 + confidence) / 2, _kept(pairs) - 1)
    return max(float(drawn[rank - 1]), student) * error
