"""The intervals against published tables, hand calculation and an independent library."""

from __future__ import annotations

import math
import random
from collections.abc import Sequence

import numpy as np
import pytest

from loadlab.measure.histogram import Histogram
from loadlab.validate import distributions
from loadlab.validate.statistics import (
    clopper_pearson,
    effective_samples,
    order_statistic_ranks,
    percentile_interval,
    ratio_interval,
    round_slices,
    samples_needed,
    share_interval,
    sum_rounds,
)


def histogram(values_us: Sequence[int]) -> Histogram:
    result = Histogram()
    result.add(np.asarray(values_us, dtype=np.int64))
    return result


def dealt(values_us: Sequence[int], rounds: int = 10) -> list[Histogram]:
    """The values dealt out like cards: sorted ones give rounds that agree with each other."""
    return [histogram(values_us[start::rounds]) for start in range(rounds)]


@pytest.mark.parametrize(
    "level, degrees, expected",
    [(0.975, 1, 12.706), (0.975, 4, 2.776), (0.975, 9, 2.262), (0.95, 9, 1.833), (0.975, 120, 1.980)],
)
def test_student_t_as_tabulated(level: float, degrees: int, expected: float) -> None:
    assert distributions.t_quantile(level, degrees) == pytest.approx(expected, abs=5e-4)


def test_binomial_by_hand() -> None:
    # Ten fair coins: 1/1024, 11/1024 and 56/1024 for at most 0, 1 and 2 heads.
    assert distributions.binomial_cdf(0, 10, 0.5) == pytest.approx(1 / 1024)
    assert distributions.binomial_cdf(1, 10, 0.5) == pytest.approx(11 / 1024)
    assert distributions.binomial_cdf(2, 10, 0.5) == pytest.approx(56 / 1024)
    assert [distributions.binomial_quantile(level, 10, 0.5) for level in (0.0005, 0.01, 0.05)] == [0, 1, 2]


def test_distributions_agree_with_a_library() -> None:
    stats = pytest.importorskip("scipy.stats")
    source = random.Random(5)
    for _ in range(300):
        a, b = 10 ** source.uniform(-0.5, 5), 10 ** source.uniform(-0.5, 5)
        x = source.betavariate(a, b)
        assert distributions.beta_cdf(x, a, b) == pytest.approx(stats.beta.cdf(x, a, b), abs=1e-8)
        n, p = int(10 ** source.uniform(0, 6)), source.choice([0.5, 0.9, 0.95, 0.99, 0.999])
        level = source.choice([0.025, 0.975])
        assert distributions.binomial_quantile(level, n, p) == stats.binom.ppf(level, n, p)


@pytest.mark.parametrize(
    "samples, share, ranks",
    # The median's ranks are those of the tables for the sign test.
    [(10, 0.5, (2, 9)), (20, 0.5, (6, 15)), (50, 0.5, (18, 33)), (71, 0.95, (63, 72)), (72, 0.95, (64, 72))],
)
def test_order_statistic_ranks(samples: int, share: float, ranks: tuple[int, int]) -> None:
    assert order_statistic_ranks(samples, share) == ranks


def test_samples_needed() -> None:
    # Wilks' 59 and 299 bound a p95 and a p99 from above with 95 % on that one side, which is 90 % on two.
    assert (samples_needed(0.95, 0.9), samples_needed(0.99, 0.9)) == (59, 299)
    # The two-sided 95 % interval has its upper end from 72 on: the ranks above say the same.
    assert (samples_needed(0.95), samples_needed(0.99)) == (72, 368)


@pytest.mark.parametrize(
    "hits, trials, expected",
    [
        (0, 10, (0.0, 0.3085)),
        (1, 10, (0.0025, 0.4450)),
        (5, 10, (0.1871, 0.8129)),
        (10, 10, (0.6915, 1.0)),
        (0, 1_000_000, (0.0, 3.689e-6)),
    ],
)
def test_clopper_pearson_as_tabulated(hits: int, trials: int, expected: tuple[float, float]) -> None:
    assert clopper_pearson(hits, trials) == pytest.approx(expected, abs=5e-5 if trials == 10 else 1e-9)


def test_rounds_are_neighbours_of_equal_length() -> None:
    assert round_slices(0) == []
    assert round_slices(3) == [slice(0, 1), slice(1, 2), slice(2, 3)]
    lengths = [cut.stop - cut.start for cut in round_slices(50)]
    assert sum(lengths) == 50
    assert len(lengths) == 20
    assert set(lengths) == {2, 3}
    assert sum_rounds([1.0] * 40).tolist() == [2.0] * 20


def test_rate_interval_by_hand() -> None:
    # Residuals -1, 1, 0, 2, -2: variance of the mean 10 / (4 * 5) = 0.5; neighbours do not resemble each other
    # (r = -0.5 + 0.2 < 0); Student's t with four degrees is 2.776.
    estimate = ratio_interval(np.array([9.0, 11, 10, 12, 8]), np.ones(5))
    assert estimate is not None
    assert estimate.value == 10
    assert estimate.interval == pytest.approx((10 - 2.776 * math.sqrt(0.5), 10 + 2.776 * math.sqrt(0.5)), abs=1e-3)


def test_rounds_that_resemble_their_neighbours_widen_the_interval() -> None:
    trend = np.array([8.0, 9, 10, 11, 12])
    shuffled = ratio_interval(trend[[1, 3, 2, 4, 0]], np.ones(5))
    sorted_ = ratio_interval(trend, np.ones(5))
    assert shuffled is not None
    assert sorted_ is not None
    # r = 4 / 10 + 1 / 5 = 0.6, hence a variance of 1.6 / 0.4 = 4 times as much.
    assert sorted_.high - sorted_.value == pytest.approx(2 * (shuffled.high - shuffled.value))


def test_four_rounds_say_nothing_about_their_differences() -> None:
    assert ratio_interval(np.ones(4), np.ones(4)) is None
    assert ratio_interval(np.ones(6), np.array([1.0, 1, 1, 1, 0, 0])) is None
    assert effective_samples(np.ones(4), np.ones(4)) is None
    assert share_interval(np.zeros(0), np.zeros(0)) is None


def test_failures_in_one_round_are_worth_less_than_failures_spread_out() -> None:
    totals = np.full(10, 1000.0)
    spread = share_interval(np.full(10, 10.0), totals)
    clustered = share_interval(np.array([0.0, 0, 0, 0, 100, 0, 0, 0, 0, 0]), totals)
    assert spread is not None
    assert clustered is not None
    assert spread.interval == pytest.approx(clopper_pearson(100, 10_000))
    assert clustered.value == spread.value == 0.01
    assert clustered.low < spread.low < spread.high < clustered.high
    assert clustered.effective < 200


def test_percentile_of_agreeing_rounds_is_the_order_statistic_interval() -> None:
    # 1..1000 µs, exact in the histogram; Bin(1000, 0.95) has its 2.5 % and 97.5 % quantiles at 936 and 963.
    values = range(1, 1001)
    estimate = percentile_interval(histogram(values), dealt(values), 95)
    assert estimate is not None
    assert (estimate.value, estimate.low, estimate.high) == (950, 936, 964)
    assert (estimate.samples, estimate.effective) == (1000, 1000)


def test_percentile_of_disagreeing_rounds_is_wider() -> None:
    values = range(1, 1001)
    rounds = [histogram(values[start : start + 100]) for start in range(0, 1000, 100)]
    agreeing = percentile_interval(histogram(values), dealt(values), 95)
    estimate = percentile_interval(histogram(values), rounds, 95)
    assert agreeing is not None
    assert estimate is not None
    assert estimate.effective < 100
    assert estimate.low < agreeing.low
    assert estimate.high > agreeing.high


def test_too_few_answers_have_no_upper_end() -> None:
    values = range(1, 72)
    estimate = percentile_interval(histogram(values), dealt(values), 95)
    assert estimate is not None
    assert math.isinf(estimate.high)
    assert estimate.low > 0


def test_failed_executions_count_as_slower_than_every_answer() -> None:
    values = range(1, 1001)
    whole, rounds = histogram(values), dealt(values)
    without = percentile_interval(whole, rounds, 95)
    some = percentile_interval(whole, rounds, 95, failed=[1] * 10)
    many = percentile_interval(whole, rounds, 95, failed=[6] * 10)
    assert without is not None
    assert some is not None
    assert many is not None
    assert without.low == some.low == many.low
    assert without.high < some.high < math.inf == many.high


def test_one_slow_spell_far_below_the_limit_still_has_an_upper_end() -> None:
    # All slow answers in one of twenty rounds: the shares alone are worth about twenty answers and bound nothing.
    rounds = [histogram([100] * 50)] * 19 + [histogram([400] * 50)]
    estimate = percentile_interval(Histogram.merged(rounds), rounds, 95)
    assert estimate is not None
    assert estimate.effective < samples_needed(0.95)
    # The largest round's own percentile, or Student's t over the rounds' logarithms where that is more.
    assert 400 <= estimate.high < 2000


def test_nothing_recorded_has_no_percentile() -> None:
    assert percentile_interval(Histogram(), [Histogram()] * 10, 95) is None
    unbounded = percentile_interval(histogram([5] * 1000), [histogram([5] * 500)] * 2, 95)
    assert unbounded is not None
    assert not unbounded.is_bounded
