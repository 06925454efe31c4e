"""The intervals on every input; how often they miss is in `test_calibration.py`."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.measure.histogram import Histogram
from loadlab.validate.statistics import (
    clopper_pearson,
    order_statistic_ranks,
    percentile_interval,
    ratio_interval,
    samples_needed,
    share_interval,
)

percentiles = st.sampled_from([50.0, 90.0, 95.0, 99.0, 99.9])
rounds_of_values = st.lists(st.lists(st.integers(0, 10_000_000), min_size=0, max_size=40), min_size=1, max_size=12)


def histogram(values_us: list[int]) -> Histogram:
    result = Histogram()
    result.add(np.asarray(values_us, dtype=np.int64))
    return result


@settings(deadline=None)
@given(rounds_of_values, percentiles, st.integers(0, 50))
def test_a_percentile_lies_in_its_interval(rounds: list[list[int]], percentile: float, failed: int) -> None:
    parts = [histogram(values) for values in rounds]
    estimate = percentile_interval(Histogram.merged(parts), parts, percentile, failed=[failed] * len(parts))
    if not any(rounds):
        assert estimate is None
        return
    assert estimate is not None
    assert estimate.low <= estimate.value <= estimate.high
    assert 0 <= estimate.effective <= estimate.samples == sum(map(len, rounds))


@settings(deadline=None)
@given(
    st.lists(st.lists(st.integers(0, 100_000), min_size=10, max_size=40), min_size=5, max_size=10),
    st.sampled_from([50.0, 90.0]),
)
def test_the_same_answers_many_times_over_narrow_the_interval(rounds: list[list[int]], percentile: float) -> None:
    once = [histogram(values) for values in rounds]
    often = [histogram(values * 20) for values in rounds]
    # Rounds that agree: dealt out again, so that only the number of answers differs.
    few = percentile_interval(Histogram.merged(once), [Histogram.merged(once)] * 5, percentile)
    many = percentile_interval(Histogram.merged(often), [Histogram.merged(often)] * 5, percentile)
    assert few is not None
    assert many is not None
    assert few.value == many.value
    assert few.low <= many.low
    assert many.high <= few.high


@settings(deadline=None)
@given(st.integers(0, 5000), st.integers(1, 5000))
def test_a_share_lies_in_its_interval(hits: int, misses: int) -> None:
    low, high = clopper_pearson(hits, hits + misses)
    assert 0 <= low <= hits / (hits + misses) <= high <= 1
    wider_low, wider_high = clopper_pearson(hits, hits + misses, 0.99)
    assert wider_low <= low
    assert high <= wider_high


@settings(deadline=None)
@given(st.integers(1, 2000), st.integers(1, 1999))
def test_more_trials_narrow_a_share(trials: int, hits: int) -> None:
    hits = min(hits, trials)
    few, many = clopper_pearson(hits, trials), clopper_pearson(4 * hits, 4 * trials)
    assert many[1] - many[0] < few[1] - few[0]


@settings(deadline=None)
@given(st.lists(st.tuples(st.integers(0, 100), st.integers(1, 100)), min_size=5, max_size=10))
def test_correlated_trials_are_never_worth_more_than_independent_ones(counts: list[tuple[int, int]]) -> None:
    hits = np.array([min(hit, total) for hit, total in counts], dtype=np.float64)
    totals = np.array([total for _, total in counts], dtype=np.float64)
    estimate = share_interval(hits, totals)
    assert estimate is not None
    low, high = clopper_pearson(float(hits.sum()), float(totals.sum()))
    assert estimate.low <= low + 1e-9
    assert high <= estimate.high + 1e-9


@settings(deadline=None)
@given(st.lists(st.floats(0, 1e6), min_size=5, max_size=10))
def test_a_rate_lies_in_its_interval(counts: list[float]) -> None:
    estimate = ratio_interval(np.array(counts), np.ones(len(counts)))
    assert estimate is not None
    assert 0 <= estimate.low <= estimate.value <= estimate.high


@settings(deadline=None)
@given(st.integers(1, 3000), st.sampled_from([0.5, 0.9, 0.95, 0.99]))
def test_an_upper_end_exists_from_the_needed_samples_on(samples: int, share: float) -> None:
    _, upper = order_statistic_ranks(samples, share)
    assert (upper <= samples) == (samples >= samples_needed(share))
