"""Projections hold what they say: laws of known truth are found again, intervals cover it as often as they claim."""

from __future__ import annotations

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from loadlab.validate.projection.latency import LatencyPoint, project_latency
from loadlab.validate.projection.size_law import fit_size
from loadlab.validate.statistics import Estimate

PAGE = 8192.0
TIMES = 1_000


@given(
    width=st.floats(16, 5_000),
    base_pages=st.integers(0, 200),
    rows=st.integers(2_000, 1_000_000),
    times=st.floats(10, 1_000),
)
def test_whole_pages_of_a_line_are_projected_within_the_interval(width, base_pages, rows, times):
    """However far: rounding to pages is covered by the interval at more than its nominal confidence."""
    counts = [rows, 2 * rows, 4 * rows]
    sizes = [base_pages * PAGE + math.ceil(width * n / PAGE) * PAGE for n in counts]
    found = fit_size(counts, sizes, [PAGE] * 3, adds_up=True)
    assert found.form == "linear"
    wanted = base_pages * PAGE + width * 4 * rows * times
    projected = found.project(4 * rows * times)
    # The largest error that rounding can make, through the factors of the projection.
    factors = np.abs(np.array([1.0, 4 * rows * times]) @ found.fitted.factors).sum()
    assert abs(projected.value - wanted) <= factors * PAGE + 1e-6 * wanted


@given(exponent=st.floats(0.3, 0.9), level=st.floats(2_000, 20_000), times=st.floats(10, 1_000))
def test_a_power_is_found_again(exponent, level, times):
    counts = [10_000, 20_000, 40_000, 80_000]
    sizes = [level * n**exponent for n in counts]
    found = fit_size(counts, sizes, [PAGE] * 4, adds_up=False)
    assert found.form == "power"
    assert math.isclose(found.project(80_000 * times).value, level * (80_000 * times) ** exponent, rel_tol=1e-6)


def test_the_interval_of_a_noisy_size_covers_the_truth_as_often_as_it_says():
    """Sizes are sums over rows, and the larger volume holds the smaller: increments are independent."""
    random = np.random.default_rng(7)
    counts = np.array([10_000, 20_000, 40_000])
    hits = 0
    for _ in range(TIMES):
        increments = random.normal(155 * np.diff(counts, prepend=0), 60 * np.sqrt(np.diff(counts, prepend=0)))
        slack = random.uniform(0, 1, 3) * PAGE
        found = fit_size(counts, np.cumsum(increments) + slack, [PAGE] * 3, adds_up=True).project(400_000)
        low, high = found.interval()
        hits += low <= 155 * 400_000 <= high
    assert hits / TIMES > 0.93


def test_the_interval_of_a_latency_covers_the_truth_as_often_as_it_says():
    random = np.random.default_rng(11)
    rows, hits = (1_000, 2_000, 4_000), 0
    for _ in range(TIMES):
        measured = [100 + 0.05 * n + random.normal(0, 10) for n in rows]
        points = [
            LatencyPoint(n, Estimate(value, value - 19.6, value + 19.6, 500, 500))
            for n, value in zip(rows, measured, strict=True)
        ]
        found = project_latency(points, "linear", 400_000)
        hits += found.low_us <= 100 + 0.05 * 400_000 <= found.high_us
    assert hits / TIMES > 0.95
