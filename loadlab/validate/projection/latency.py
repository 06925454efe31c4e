"""Latency at a larger volume: a projection along the law that the plan's shape tells, never a measurement."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from loadlab.validate.projection.growth_law import Law
from loadlab.validate.projection.regression import Projected, fit
from loadlab.validate.statistics import CONFIDENCE, Estimate, Floats

# An interval of a histogram's single bucket has no width; its buckets are about so wide.
_RESOLUTION = 0.01


@dataclass(frozen=True, slots=True)
class LatencyPoint:
    """A percentile (µs) that was measured where the law's tables held so many rows."""

    rows: float
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class ProjectedLatency:
    """A percentile (µs) with its interval; `high_us` is infinite where nothing bounds it.

    `growth_us` is the law's slope: µs for each row (linear), or for each e-fold of the rows (log).
    """

    value_us: float
    low_us: float
    high_us: float
    base_us: float
    growth_us: float


def project_latency(points: Sequence[LatencyPoint], law: Law, rows: float) -> ProjectedLatency:
    """At `rows` rows, from points in ascending order, of which there are more than the law has coefficients.

    More data never answers faster: a slope below zero is taken for none, and the interval begins no lower than that of
    the largest volume that was measured. The points are weighted by what their own intervals are worth.
    """
    values = np.array([point.estimate.value for point in points])
    errors = _errors(points)
    found = _fitted(points, values, errors, law, rows)
    base, slope = found[1]
    if slope < 0:
        flat = _fitted(points, values, errors, "constant", rows)
        high = max(flat[0].interval()[1], found[0].interval()[1])
        projected, base, slope = flat[0], flat[1][0], 0.0
    else:
        projected, high = found[0], found[0].interval()[1]
    low = max(projected.interval()[0], points[-1].estimate.low)
    is_bounded = all(math.isfinite(point.estimate.high) for point in points)
    value = max(projected.value, low)
    return ProjectedLatency(value, low, max(high, value) if is_bounded else math.inf, base, slope)


def _errors(points: Sequence[LatencyPoint]) -> Floats:
    """Standard errors of the points, from their intervals."""
    normal = NormalDist().inv_cdf((1 + CONFIDENCE) / 2)
    widths = []
    for point in points:
        estimate = point.estimate
        high = estimate.high if math.isfinite(estimate.high) else 2 * estimate.value - estimate.low
        widths.append(max((high - estimate.low) / 2 / normal, _RESOLUTION * estimate.value, 1e-9))
    return np.array(widths)


def _fitted(
    points: Sequence[LatencyPoint], values: Floats, errors: Floats, law: Law, rows: float
) -> tuple[Projected, tuple[float, float]]:
    """The projection, and the law's base and slope."""
    if law == "constant":
        found = fit(np.ones((len(points), 1)), values, 1 / errors**2)
        return found.project((1.0,), errors), (float(found.coefficients[0]), 0.0)
    at = [point.rows for point in points]
    x = np.log(np.maximum(at, 1.0)) if law == "log" else np.array(at)
    found = fit(np.stack([np.ones_like(x), x], axis=1), values, 1 / errors**2)
    base, slope = map(float, found.coefficients)
    return found.project((1.0, math.log(max(rows, 1.0)) if law == "log" else rows), errors), (base, slope)
