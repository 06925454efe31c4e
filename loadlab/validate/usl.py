"""The Universal Scalability Law over measured (concurrency, throughput) points. Pure functions of arrays.

X(N) = λN / (1 + σ(N - 1) + κN(N - 1)): N. J. Gunther, "Guerrilla Capacity Planning", Springer 2007, chapters 4 to 6.
λ is the throughput of one, σ the share that contention makes serial, κ what coherence (everybody's agreement with
everybody) costs. With κ > 0 the throughput has a peak at N* = √((1 - σ) / κ), beyond which more concurrency gives less.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

POINTS_MIN = 5
"""Three coefficients through fewer points say nothing."""
_ROUNDS_MAX = 200
_HALVINGS_MAX = 30
# What arithmetic leaves of a sum of squares.
_ROUNDING = 1e-18
# Of the denominator's terms (1, N - 1, N (N - 1)) the first is always there; the others may turn out to be nothing.
_TERMS = ((0, 1, 2), (0, 1), (0, 2), (0,))


@dataclass(frozen=True, slots=True)
class ScalabilityLaw:
    """`throughput_per_s` is λ, `contention` σ and `coherence` κ; `r_squared` the share of variance explained."""

    throughput_per_s: float
    contention: float
    coherence: float
    points: int
    r_squared: float

    def throughput_at(self, concurrency: float) -> float:
        """X(N), operations per second."""
        slowed = 1 + self.contention * (concurrency - 1) + self.coherence * concurrency * (concurrency - 1)
        return self.throughput_per_s * concurrency / slowed

    @property
    def peak_concurrency(self) -> float | None:
        """N*; None where the throughput never falls."""
        if self.coherence <= 0 or self.contention >= 1:
            return None
        return math.sqrt((1 - self.contention) / self.coherence)


def fit_scalability(concurrency: Sequence[float], throughput_per_s: Sequence[float]) -> ScalabilityLaw | None:
    """The law with the least squared error in throughput, σ and κ not negative.

    None with fewer than `POINTS_MIN` points of different concurrency, or where no law of this form fits.
    """
    n, x = np.array(concurrency, dtype=np.float64), np.array(throughput_per_s, dtype=np.float64)
    usable = (n > 0) & (x > 0)
    n, x = n[usable], x[usable]
    if len(np.unique(n)) < POINTS_MIN:
        return None
    fits = [fit for terms in _TERMS if (fit := _fit(n, x, terms)) is not None]
    if not fits:
        return None
    # A term that does not lessen the error is not there: the last fit is the one with the fewest.
    best = min(error for error, _ in fits) + _ROUNDING * float((x**2).sum())
    error, denominator = [fit for fit in fits if fit[0] <= best][-1]
    base, serial, crosstalk = denominator
    spread = float(((x - x.mean()) ** 2).sum())
    return ScalabilityLaw(1 / base, serial / base, crosstalk / base, len(n), 1 - error / spread if spread else 1.0)


def _fit(n: Floats, x: Floats, terms: tuple[int, ...]) -> tuple[float, tuple[float, float, float]] | None:
    """Squared error and (1 / λ, σ / λ, κ / λ) with only these terms free; None when one comes out negative."""
    design = np.stack([np.ones_like(n), n - 1, n * (n - 1)], axis=1)[:, terms]
    # N / X is linear in the coefficients; weighed so that its error is that of X to first order.
    weight = x**2 / n
    guess: Floats = np.linalg.lstsq(design * weight[:, None], n / x * weight, rcond=None)[0].astype(np.float64)
    found = _refined(n, x, design, guess)
    if found is None or found[0] <= 0 or (found < 0).any():
        return None
    full = np.zeros(3)
    full[list(terms)] = found
    return _squared_error(n, x, design, found), (float(full[0]), float(full[1]), float(full[2]))


def _squared_error(n: Floats, x: Floats, design: Floats, found: Floats) -> float:
    denominator = design @ found
    return float(((x - n / denominator) ** 2).sum()) if (denominator > 0).all() else math.inf


def _refined(n: Floats, x: Floats, design: Floats, found: Floats) -> Floats | None:
    """Gauss and Newton's steps, halved until each of them lessens the error."""
    error = _squared_error(n, x, design, found)
    if not math.isfinite(error):
        return None
    for _ in range(_ROUNDS_MAX):
        modelled = n / (design @ found)
        slope = -(modelled**2 / n)[:, None] * design
        step = np.linalg.lstsq(slope, x - modelled, rcond=None)[0]
        size = 1.0
        for _ in range(_HALVINGS_MAX):
            better = _squared_error(n, x, design, found + size * step)
            if better < error:
                break
            size /= 2
        else:
            return found
        gain, found, error = error - better, found + size * step, better
        if gain <= 1e-12 * error:
            return found
    return found
