"""Whether a window was in a steady state: nothing grows or falls any more. Pure functions of arrays.

An open loop above what the database takes has no steady state: what is due queues up, and the response time grows for
as long as anybody measures. A percentile of such a window says how long the window was, and nothing of the database.

The trend is Mann and Kendall's (H. B. Mann, "Nonparametric Tests Against Trend", Econometrica 13, 1945; M. G. Kendall,
"Rank Correlation Methods", 4th ed. 1975, with ties), which asks nothing of the values' distribution, and its size the
median of all slopes (P. K. Sen, "Estimates of the Regression Coefficient Based on Kendall's Tau", JASA 63, 1968).
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np

from loadlab.measure.model import Interval, LoadMeasure
from loadlab.units import format_share

LEVEL = 0.025
"""One-sided: of windows in a steady state so many look as if they had a trend."""
GROWTH_MAX = 0.5
"""A trend of the response time over the window that is smaller than this share of its median is none."""
FALL_MAX = 0.1
"""The same of a throughput that falls."""


@dataclass(frozen=True, slots=True)
class Trend:
    """`p_value` of a growth as large by chance (one-sided); `change` over all values as a share of their median."""

    p_value: float
    change: float


def trend_of(values: Sequence[float]) -> Trend:
    """The trend of values at equal distances; none (p = 1) of fewer than three or of equal ones."""
    y = np.array(values, dtype=np.float64)
    count = len(y)
    if count < 3:
        return Trend(1.0, 0.0)
    first, second = np.triu_indices(count, k=1)
    differences = y[second] - y[first]
    score = float(np.sign(differences).sum())
    ties = np.unique(y, return_counts=True)[1].astype(np.float64)
    variance = (count * (count - 1) * (2 * count + 5) - float((ties * (ties - 1) * (2 * ties + 5)).sum())) / 18
    slope, middle = float(np.median(differences / (second - first))), float(np.median(y))
    change = slope * (count - 1) / middle if middle else 0.0
    if variance <= 0:
        return Trend(1.0, change)
    # The correction for continuity: half the distance between two scores.
    z = (score - math.copysign(1, score)) / math.sqrt(variance) if score else 0.0
    return Trend(1 - NormalDist().cdf(z), change)


def unsteady(load: LoadMeasure) -> str | None:
    """What still changed at the end of a window, as a clause for the reason; None in a steady state."""
    intervals = [interval for interval in load.intervals if interval.duration_s > 0]
    response = trend_of([mean for interval in intervals if (mean := _mean_response_us(interval)) is not None])
    if response.p_value < LEVEL and response.change > GROWTH_MAX:
        return f"the response time still grew, by {format_share(round(response.change, 2))} of its median"
    falling = trend_of([-_completions_per_s(interval) for interval in intervals])
    # The median of the negated values is negative, and so is the change of what falls.
    if falling.p_value < LEVEL and -falling.change > FALL_MAX:
        return f"the throughput still fell, by {format_share(round(-falling.change, 2))} of its median"
    return None


def _mean_response_us(interval: Interval) -> float | None:
    count = sum(operation.response.count for operation in interval.operations.values())
    return sum(operation.response.total_us for operation in interval.operations.values()) / count if count else None


def _completions_per_s(interval: Interval) -> float:
    return sum(item.count - item.ended_late for item in interval.operations.values()) / interval.duration_s
