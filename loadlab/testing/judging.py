"""From the durations of executions to a verdict on a limit, with the same statistics as every verdict of LoadLab."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from loadlab.measure.histogram import Histogram
from loadlab.testing.limits import LatencyLimit
from loadlab.testing.sampling import needed_for
from loadlab.units import format_duration
from loadlab.validate.extension import LOOK_CONFIDENCE
from loadlab.validate.model import Verdict
from loadlab.validate.statistics import percentile_interval, round_slices
from loadlab.validate.wording import counted, interval_text


@dataclass(frozen=True, slots=True)
class Check:
    """A limit, what was measured, and what follows. `low_s` is 0 and `high_s` infinite where nothing bounds it."""

    limit: LatencyLimit
    verdict: Verdict
    value_s: float
    low_s: float
    high_s: float
    samples: int
    reason: str

    @property
    def interval(self) -> str:
        return interval_text((self.low_s * 1e6, self.high_s * 1e6), "us")


def check(seconds: Sequence[float], limit: LatencyLimit) -> Check:
    """FAIL only where the whole interval lies beyond the limit, PASS only where it lies within.

    The executions are taken in their order, as rounds of neighbours: a slow spell is one event and not many.
    """
    whole_us = np.rint(np.asarray(seconds) * 1e6).astype(np.int64)
    rounds = [_histogram(whole_us[part]) for part in round_slices(len(whole_us))]
    estimate = percentile_interval(_histogram(whole_us), rounds, limit.percentile, confidence=LOOK_CONFIDENCE)
    if estimate is None:
        return Check(limit, Verdict.INCONCLUSIVE, math.nan, 0.0, math.inf, 0, "Nothing was executed.")
    low_s, high_s = estimate.low / 1e6, estimate.high / 1e6
    if limit.holds(high_s):
        verdict, reason = Verdict.PASS, ""
    elif low_s > 0 and not limit.holds(low_s):
        verdict, reason = Verdict.FAIL, ""
    else:
        verdict, reason = Verdict.INCONCLUSIVE, _undecided(estimate.samples, limit, high_s)
    return Check(limit, verdict, estimate.value / 1e6, low_s, high_s, estimate.samples, reason)


def _undecided(samples: int, limit: LatencyLimit, high_s: float) -> str:
    needed = needed_for(limit)
    if samples < needed:
        fitted = f"a p{limit.percentile:g} needs {counted(needed, 'execution')}, and {samples} fitted in the time"
        return f"{fitted} (max_time, or loadlab_max_time)"
    if math.isinf(high_s):
        return "the slow executions came in too few spells to tell how common they are (a longer max_time could)"
    return f"the limit of {format_duration(limit.limit_s)} lies within the interval (a longer max_time could decide)"


def _histogram(values_us: np.ndarray[tuple[int], np.dtype[np.int64]]) -> Histogram:
    histogram = Histogram()
    histogram.add(values_us)
    return histogram
