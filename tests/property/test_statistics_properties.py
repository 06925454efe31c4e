"""The intervals on every input, and the share of wrong verdicts over many simulated runs."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationInterval, OperationMeasure
from loadlab.spec.targets import Target
from loadlab.validate.facts import Facts
from loadlab.validate.judge import judge
from loadlab.validate.model import Verdict
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


# Calibration. Response times are lognormal; a part of each comes from a slow wave that neighbours share
# (Ornstein-Uhlenbeck), the rest is its own, so that the marginal distribution, hence the true p95, is known exactly.

RUNS = 200
WINDOW_S = 60
RATE_PER_S = 500
SIGMA = 0.3
MEDIAN_US = 1_000.0
TRUE_P95_US = MEDIAN_US * math.exp(SIGMA * 1.6448536269514722)
_STEP_S = 0.02


def waves(memory_s: float, random: np.random.Generator) -> npt.NDArray[np.float64]:
    """Unit-variance waves, shape (steps, runs), with correlation exp(-lag / memory_s)."""
    steps, keep = int(WINDOW_S / _STEP_S), math.exp(-_STEP_S / memory_s)
    shocks = random.standard_normal((steps, RUNS))
    for step in range(1, steps):
        shocks[step] = keep * shocks[step - 1] + math.sqrt(1 - keep * keep) * shocks[step]
    return shocks


def simulated(wave: npt.NDArray[np.float64], shared: float, random: np.random.Generator) -> Facts:
    counts = random.poisson(RATE_PER_S * _STEP_S, len(wave))
    own = random.standard_normal(int(counts.sum()))
    level = math.sqrt(shared) * np.repeat(wave, counts) + math.sqrt(1 - shared) * own
    values = np.rint(MEDIAN_US * np.exp(SIGMA * level)).astype(np.int64)
    second = (np.repeat(np.arange(len(wave)), counts) * _STEP_S).astype(np.int64)
    parts = []
    for position in range(WINDOW_S):
        part = Histogram()
        part.add(values[second == position])
        parts.append(part)
    intervals = tuple(
        Interval(float(position), 1.0, 10, 1.0, {"read": OperationInterval(part.count, {}, part, part)})
        for position, part in enumerate(parts)
    )
    whole = Histogram.merged(parts)
    load = LoadMeasure(
        started_at="2026-01-01T00:00:00+00:00",
        duration_s=float(WINDOW_S),
        users=10,
        connections=8,
        connections_peak=8,
        workers=1,
        asked_rate_per_s=None,
        operations=(OperationMeasure("read", "simple", whole.count, {}, whole, whole),),
        intervals=intervals,
        generator=GeneratorHealth(cpu_share=0.2, lag_p99_us=0.0),
    )
    return Facts(load, {"read": "simple"}, {"read": 1.0}, 1.0, {"t": 1})


FACTORS = (1.0, 1.1, 0.9, 0.5)
"""The true p95 as a multiple of the limit."""


@dataclass(frozen=True)
class Outcomes:
    """Over all runs: how often which verdict is given, by factor; how often the naive interval misses the truth."""

    verdicts: Mapping[float, Counter[Verdict]]
    naive_misses: int


@cache
def outcomes(memory_s: float, shared: float) -> Outcomes:
    random = np.random.default_rng(2024)
    targets = [
        Target("simple_queries", "latency", "<", TRUE_P95_US / factor, "us", "brief", "simple", 95.0)
        for factor in FACTORS
    ]
    every = waves(memory_s, random)
    verdicts: dict[float, Counter[Verdict]] = {factor: Counter() for factor in FACTORS}
    naive_misses = 0
    for run in range(RUNS):
        facts = simulated(every[:, run], shared, random)
        for factor, verdict in zip(FACTORS, judge(targets, facts), strict=True):
            verdicts[factor][verdict.verdict] += 1
        whole = facts.load.operations[0].response
        lower, upper = order_statistic_ranks(whole.count, 0.95)
        naive_misses += not whole.value_at_rank_us(lower) <= TRUE_P95_US <= whole.value_at_rank_us(upper)
    return Outcomes(verdicts, naive_misses)


SPELLS = [(0.2, 0.3), (0.5, 0.3), (2.0, 0.3), (0.5, 0.7)]
"""(how long a slow spell lasts, its share of the variance)"""


@pytest.mark.slow
@pytest.mark.parametrize("memory_s, shared", SPELLS)
def test_at_the_limit_a_verdict_is_rarely_given(memory_s: float, shared: float) -> None:
    given_ = outcomes(memory_s, shared).verdicts[1.0]
    assert given_[Verdict.FAIL] <= 0.05 * RUNS
    assert given_[Verdict.PASS] <= 0.05 * RUNS


@pytest.mark.slow
def test_ten_percent_beyond_or_within_the_limit_is_found() -> None:
    given_ = outcomes(0.2, 0.3).verdicts
    assert given_[1.1][Verdict.FAIL] >= 0.95 * RUNS
    assert given_[1.1][Verdict.PASS] == 0
    assert given_[0.9][Verdict.PASS] >= 0.95 * RUNS
    assert given_[0.9][Verdict.FAIL] == 0


@pytest.mark.slow
@pytest.mark.parametrize("memory_s, shared", SPELLS)
def test_half_the_limit_passes_however_slow_answers_come_together(memory_s: float, shared: float) -> None:
    assert outcomes(memory_s, shared).verdicts[0.5][Verdict.PASS] >= 0.95 * RUNS


@pytest.mark.slow
def test_an_interval_for_independent_requests_would_not_do() -> None:
    """The simulation can fail: an interval without regard to correlation misses the truth in most runs."""
    assert outcomes(0.5, 0.3).naive_misses > 0.5 * RUNS
