"""A long window for the eye: a bounded number of slots, in which no extreme is lost."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from loadlab.report.model import SeriesPoint

POINTS_DRAWN = 240


@dataclass(frozen=True, slots=True)
class Slot:
    """One or more intervals that follow each other, as one point: from `t_s` on.

    `rate_per_s` is the mean between the lowest and the highest of them, `p50_us` the median of theirs; errors, p95 (by
    kind) and p99 are the highest.
    """

    t_s: float
    rate_per_s: float
    rate_low_per_s: float
    rate_high_per_s: float
    errors_per_s: float
    p50_us: float | None
    p99_us: float | None
    p95_us: dict[str, float | None]


def thin(series: Sequence[SeriesPoint], most: int = POINTS_DRAWN) -> tuple[list[Slot], int]:
    """At most about `most` slots, and how many intervals each one stands for."""
    size = max(1, math.ceil(len(series) / most))
    return [_slot(series[at : at + size]) for at in range(0, len(series), size)], size


def _slot(points: Sequence[SeriesPoint]) -> Slot:
    rates = [point.rate_per_s for point in points]
    kinds = dict.fromkeys(kind for point in points for kind in point.p95_us)
    return Slot(
        t_s=points[0].t_s,
        rate_per_s=statistics.fmean(rates),
        rate_low_per_s=min(rates),
        rate_high_per_s=max(rates),
        errors_per_s=max(point.errors_per_s for point in points),
        p50_us=_aggregate(statistics.median, [point.p50_us for point in points]),
        p99_us=_aggregate(max, [point.p99_us for point in points]),
        p95_us={kind: _aggregate(max, [point.p95_us.get(kind) for point in points]) for kind in kinds},
    )


def _aggregate(how: Callable[[list[float]], float], values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return how(known) if known else None
