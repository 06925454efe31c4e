"""Weighted least squares through a few points, and the interval of what is projected from them.

Draper and Smith, "Applied Regression Analysis", 3rd ed. 1998, chapters 1.4, 3.1 and 9.2: with weights w the
coefficients are linear in the observations, and so is a projection; its variance is that of the observations carried
through these factors. How large the observations' errors are is told by the residuals (Student's t with as many degrees
of freedom as there are points beyond the coefficients, which is what makes the interval of three points as wide as it
is), and by what is known of them beforehand: a page is not divisible, a percentile has an interval of its own.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import NormalDist

import numpy as np

from loadlab.validate.distributions import t_quantile
from loadlab.validate.statistics import CONFIDENCE, Floats

_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Projected:
    """A projected value with the two parts of its error, as standard errors.

    `residual_error` is what the points disagree with the law by, on `degrees` degrees of freedom; `known_error` is what
    each point was known not to be exact by. `model_low` and `model_high` are what other laws that fit as well project.
    `least` is what it cannot be below, whatever the points say.
    """

    value: float
    residual_error: float = 0.0
    degrees: float = math.inf
    known_error: float = 0.0
    model_low: float = math.inf
    model_high: float = -math.inf
    least: float = 0.0

    def half_width(self, confidence: float = CONFIDENCE) -> float:
        """Of the interval from the points alone: Student's t for the one part, the normal for the other."""
        level = (1 + confidence) / 2
        normal = _NORMAL.inv_cdf(level)
        student = t_quantile(level, self.degrees) if math.isfinite(self.degrees) else normal
        return math.hypot(student * self.residual_error, normal * self.known_error)

    def at_least(self, least: float) -> Projected:
        """The same where it is possible, else what cannot be less."""
        return replace(self, value=max(self.value, least), least=max(self.least, least))

    def interval(self, confidence: float = CONFIDENCE) -> tuple[float, float]:
        """Where the value lies with this confidence, other laws included; never below `least`."""
        half = self.half_width(confidence)
        return max(self.least, min(self.value - half, self.model_low)), max(self.value + half, self.model_high)


def total(parts: Iterable[Projected]) -> Projected:
    """The sum of values that were projected independently of each other.

    Degrees of freedom by Welch ("The generalization of Student's problem", Biometrika 34, 1947) and Satterthwaite
    (Biometrics Bulletin 2, 1946), as in the GUM (JCGM 100:2008, G.4).
    """
    parts = list(parts)
    residual = math.sqrt(math.fsum(part.residual_error**2 for part in parts))
    fourth = math.fsum(part.residual_error**4 / part.degrees for part in parts if math.isfinite(part.degrees))
    value = math.fsum(part.value for part in parts)
    known = math.sqrt(math.fsum(part.known_error**2 for part in parts))
    # What the law is taken to be is no chance, so those distances add up.
    low = math.fsum(max(0.0, part.value - part.model_low) for part in parts)
    high = math.fsum(max(0.0, part.model_high - part.value) for part in parts)
    return Projected(
        value,
        residual,
        residual**4 / fourth if fourth > 0 else math.inf,
        known,
        value - low if low else math.inf,
        value + high if high else -math.inf,
        math.fsum(part.least for part in parts),
    )


@dataclass(frozen=True, slots=True)
class Fit:
    """Coefficients of a design, shape (k,), with the sum of weighted squared residuals on `degrees` degrees."""

    coefficients: Floats
    factors: Floats
    """How each observation goes into each coefficient, shape (k, n)."""
    weights: Floats
    squared_error: float
    degrees: int

    def project(self, at: Sequence[float], known_errors: Floats) -> Projected:
        """The law's value for a row of the design, shape (k,); `known_errors` are the observations', shape (n,)."""
        row = np.asarray(at, dtype=np.float64)
        by_observation = row @ self.factors
        value = float(row @ self.coefficients)
        known = float(np.sqrt(np.sum((by_observation * known_errors) ** 2)))
        if not self.degrees:
            return Projected(value, known_error=known)
        spread = self.squared_error / self.degrees
        residual = math.sqrt(spread * float(np.sum(by_observation**2 / self.weights)))
        return Projected(value, residual, float(self.degrees), known)


def fit(design: Floats, observed: Floats, weights: Floats) -> Fit:
    """The coefficients with the least weighted squared error; `design` has shape (n, k), n at least k."""
    roots = np.sqrt(weights)
    factors: Floats = (np.linalg.pinv(design * roots[:, None]) * roots).astype(np.float64)
    coefficients = factors @ observed
    residuals = observed - design @ coefficients
    # What arithmetic leaves of an exact fit is no residual.
    residuals[np.abs(residuals) <= 1e-12 * np.abs(observed)] = 0.0
    error = float(np.sum(weights * residuals**2))
    return Fit(coefficients, factors, weights, error, len(observed) - design.shape[1])
