"""How sure a measured value is. Pure functions of arrays and histograms.

Requests of one run are correlated: a checkpoint slows a thousand neighbours at once. An interval that takes them for
independent draws is too narrow, and a gate built on it cries wolf. So a window is cut into rounds (method of batch
means: Schmeiser, "Batch Size Effects in the Analysis of Simulation Output", Operations Research 30(3), 1982) and what
the rounds disagree by tells how many independent requests the window is worth: the effective sample size (Kish, "Survey
Sampling", 1965), with Student's t in place of the normal for the few rounds (Korn and Graubard, "Confidence Intervals
for Proportions with Small Expected Number of Positive Counts", Survey Methodology 24(2), 1998). The exact intervals for
independent draws are then taken at the effective sample size, never above the real one; so the result is the wider of
the interval for independent requests and the interval over the rounds.

Disturbances longer than a round make neighbouring rounds resemble each other, and what they disagree by too small. So
the rounds are also joined to ten and to six longer batches, and the widest of the three intervals counts: a batch size
that is large enough shows itself by no longer matter (Fishman, "Grouping Observations in Digital Simulation",
Management Science 24(5), 1978), and Student's t over a handful of long batches keeps its level under dependence of
nearly any form (Ibragimov and Mueller, "t-Statistic Based Correlation and Heterogeneity Robust Inference", Journal of
Business and Economic Statistics 28(4), 2010).

For a percentile the rounds' values are the shares of answers at or below the estimate (Woodruff, "Confidence Intervals
for Medians and Other Position Measures", JASA 47, 1952). The mean of the rounds' own percentiles would be the plainer
choice, but they are biased and skewed: with a true percentile exactly at the limit, windows of 15 s with slow spells
of a second would pass in one case of six. Shares alone, however, bound nothing from above once a few slow spells hold
all the slow answers, however far those stay below the limit; there the rounds' own percentiles come in
(`_own_percentiles_bound`).

Few slow spells say little of how slow spells are spread. So an upper end has to hold as a bound on the share of answers
beyond it, too, with no more degrees of freedom than there are rounds in which one lies beyond it (`_beyond_bound`).

No interval knows of what did not happen: of a disturbance that comes fewer than `SPELLS_MIN` times in a window of this
length, a window may by chance hold none. `tests/property/test_calibration.py` shows for what processes the level holds.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from statistics import NormalDist

import numpy as np
import numpy.typing as npt

from loadlab.measure.histogram import Histogram
from loadlab.validate.distributions import beta_cdf, beta_quantile, binomial_quantile, t_quantile

Floats = npt.NDArray[np.float64]

CONFIDENCE = 0.95
ROUNDS = 20
"""Of so many rounds few enough answers are neighbours across an edge, and Student's t costs 7 % over the normal."""
ROUNDS_MIN = 5
"""With fewer rounds nothing can be said about what the rounds disagree by."""
SPELLS_MIN = 8
"""A window speaks of disturbances that come at least so many times in it."""
# How many longer batches the rounds are joined to; the fewest are taken to be independent of each other.
_BATCHES = (10, 6)
_SERIAL_MAX = 0.7


@dataclass(frozen=True, slots=True)
class Estimate:
    """A value, its interval and what it rests on.

    `low` is 0 and `high` infinite where the samples do not bound the value on that side. `effective` is the number of
    independent samples that the `samples` are worth.
    """

    value: float
    low: float
    high: float
    samples: int
    effective: float

    @property
    def interval(self) -> tuple[float, float]:
        return self.low, self.high

    @property
    def is_bounded(self) -> bool:
        """Whether the samples say anything about where the value lies."""
        return self.low > 0 or math.isfinite(self.high)


def round_slices(intervals: int, rounds: int = ROUNDS) -> list[slice]:
    """Cut a window of so many intervals into at most `rounds` runs of neighbours of (nearly) the same length."""
    rounds = min(rounds, intervals)
    edges = [position * intervals // rounds for position in range(rounds + 1)] if rounds else []
    return [slice(start, stop) for start, stop in pairwise(edges)]


def sum_rounds(values: Sequence[float] | Floats, rounds: int = ROUNDS) -> Floats:
    """Per-interval values, shape (intervals,), added up by round, shape (rounds,)."""
    return np.array([math.fsum(values[part]) for part in round_slices(len(values), rounds)], dtype=np.float64)


def samples_needed(share: float, confidence: float = CONFIDENCE) -> int:
    """Fewest independent samples whose two-sided interval for the `share` quantile has an upper end.

    Among n samples the largest lies above the quantile with probability 1 - share**n (Conover, "Practical
    Nonparametric Statistics", 3rd ed. 1999, section 3.3; Hahn and Meeker, "Statistical Intervals", 1991, section 5.3).
    """
    return math.ceil(math.log((1 - confidence) / 2) / math.log(share))


def order_statistic_ranks(samples: int, share: float, confidence: float = CONFIDENCE) -> tuple[int, int]:
    """Ranks, from 1, of the two order statistics between which the `share` quantile lies with `confidence`.

    Binomial quantiles (Conover 1999, section 3.2; Hahn and Meeker 1991, section 5.2). 0 or `samples` + 1: no order
    statistic bounds it on that side.
    """
    tail = (1 - confidence) / 2
    return binomial_quantile(tail, samples, share), binomial_quantile(1 - tail, samples, share) + 1


def clopper_pearson(hits: float, trials: float, confidence: float = CONFIDENCE) -> tuple[float, float]:
    """Exact interval of a share (Clopper and Pearson, Biometrika 26, 1934); both counts may be effective ones."""
    tail = (1 - confidence) / 2
    low = beta_quantile(tail, hits, trials - hits + 1) if hits > 0 else 0.0
    if hits >= trials:
        return low, 1.0
    # Closed form for no hits at all: exact, and quick for the millions of trials that an error-free run has.
    high = beta_quantile(1 - tail, hits + 1, trials - hits) if hits > 0 else -math.expm1(math.log(tail) / trials)
    return low, high


def ratio_error(numerators: Floats, denominators: Floats, *, is_serial: bool = True) -> tuple[float, int] | None:
    """Standard error of sum(numerators) / sum(denominators) over rounds, and the rounds that it rests on.

    The ratio estimator's (Cochran, "Sampling Techniques", 3rd ed. 1977, section 6.3), times the factor by which
    neighbouring rounds that resemble each other widen it (where `is_serial`). None with fewer than `ROUNDS_MIN` rounds
    that hold anything.
    """
    used = int(np.count_nonzero(denominators))
    if used < ROUNDS_MIN:
        return None
    total = float(denominators.sum())
    residuals = numerators - float(numerators.sum()) / total * denominators
    variance = used / (used - 1) * float(residuals @ residuals) / total**2
    return math.sqrt(variance * (_serial_factor(residuals) if is_serial else 1.0)), used


def _half_width(numerators: Floats, denominators: Floats, confidence: float, *, few_hits: bool = False) -> float | None:
    """Half of the t interval of a ratio of sums: the widest over the rounds and over longer batches of them.

    `few_hits`: no more degrees of freedom than there are rounds with anything in the numerator.
    """
    widths = []
    for batches in (len(numerators), *(size for size in _BATCHES if size < len(numerators))):
        parts, wholes = sum_rounds(numerators, batches), sum_rounds(denominators, batches)
        error = ratio_error(parts, wholes, is_serial=batches > min(_BATCHES) or batches == len(numerators))
        if error is None:
            continue
        standard_error, used = error
        degrees = min(used - 1, max(1, int(np.count_nonzero(parts)))) if few_hits else used - 1
        widths.append(t_quantile((1 + confidence) / 2, degrees) * standard_error)
    return max(widths, default=None)


def _serial_factor(residuals: Floats) -> float:
    """(1 + r) / (1 - r) for the correlation r of neighbours (Bayley and Hammersley, JRSS Supplement 8, 1946).

    The plain estimate of r is too small by about one in the number of rounds (Marriott and Pope, Biometrika 41,
    1954), which is put back; rounds that alternate do not narrow an interval.
    """
    square = float(residuals @ residuals)
    if square == 0:
        return 1.0
    r = float(residuals[1:] @ residuals[:-1]) / square + 1 / len(residuals)
    r = min(max(r, 0.0), _SERIAL_MAX)
    return (1 + r) / (1 - r)


def ratio_interval(numerators: Floats, denominators: Floats, confidence: float = CONFIDENCE) -> Estimate | None:
    """Student-t interval of a ratio of sums over rounds: a rate (counts by seconds), a utilisation (busy by available).

    None with too few rounds. `samples` are the rounds.
    """
    half = _half_width(numerators, denominators, confidence)
    if half is None:
        return None
    used = int(np.count_nonzero(denominators))
    value = float(numerators.sum()) / float(denominators.sum())
    return Estimate(value, max(0.0, value - half), value + half, used, used)


def effective_samples(
    hits: Floats, totals: Floats, confidence: float = CONFIDENCE, *, few_hits: bool = False
) -> float | None:
    """How many independent trials the trials of correlated rounds are worth; never more than there are.

    `hits` of `totals` by round. None with too few rounds. `few_hits`: see `_half_width`.
    """
    half = _half_width(hits, totals, confidence, few_hits=few_hits)
    if half is None:
        return None
    trials = float(totals.sum())
    share = float(hits.sum()) / trials
    if half == 0 or not 0 < share < 1:
        return trials
    standard_error = half / NormalDist().inv_cdf((1 + confidence) / 2)
    return min(trials, share * (1 - share) / standard_error**2)


def share_interval(hits: Floats, totals: Floats, confidence: float = CONFIDENCE) -> Estimate | None:
    """Clopper-Pearson interval of a share at the effective sample size of the rounds; None with too few rounds."""
    effective = effective_samples(hits, totals, confidence)
    if effective is None:
        return None
    share = float(hits.sum()) / float(totals.sum())
    low, high = clopper_pearson(share * effective, effective, confidence)
    return Estimate(share, low, high, round(float(totals.sum())), effective)


def percentile_interval(
    whole: Histogram,
    rounds: Sequence[Histogram],
    percentile: float,
    *,
    failed: Sequence[float] | None = None,
    confidence: float = CONFIDENCE,
) -> Estimate | None:
    """A percentile of `whole` (µs) with the wider of two intervals: for independent answers, and over the rounds.

    `failed` executions, by round, have no response time: for the upper end they count as slower than every answer, so
    that an operation that fails instead of answering late cannot pass. None when nothing was recorded; no bound on
    either side with too few rounds.
    """
    count = whole.count
    if not count:
        return None
    value, share = whole.percentile_us(percentile), percentile / 100
    effective = effective_samples(*_at_or_below(rounds, value), confidence) if rounds else None
    if effective is None:
        return Estimate(value, 0.0, math.inf, count, 0.0)
    failures = failed if failed is not None else [0.0] * len(rounds)
    lost, worth = round(sum(failures)), max(1, int(effective))
    low, correlated_high = _order_statistics(whole, lost, worth, share, confidence)
    _, independent_high = _order_statistics(whole, lost, count, share, confidence)
    rounds_high = min(correlated_high, _own_percentiles_bound(rounds, failures, value, share, confidence))
    high = max(independent_high, rounds_high)
    if math.isfinite(high):
        high = max(high, _beyond_bound(whole, rounds, np.array(failures), high, share, confidence))
    return Estimate(value, low, high, count, effective)


def _order_statistics(
    whole: Histogram, failed: int, worth: int, share: float, confidence: float
) -> tuple[float, float]:
    """The order statistics that bracket a quantile of answers that are worth so many independent ones.

    Rank r of `worth` virtual answers stands for the real ranks from (r - 1) / worth to r / worth of all, rounded
    outwards. The failed ones lie beyond every answer.
    """
    count = whole.count
    lower, upper = order_statistic_ranks(worth, share, confidence)
    low = whole.value_at_rank_us((lower - 1) * count // worth + 1) if lower else 0.0
    upper_rank = -(-upper * (count + failed) // worth)
    return low, whole.value_at_rank_us(upper_rank) if upper <= worth and upper_rank <= count else math.inf


def _own_percentiles_bound(
    rounds: Sequence[Histogram], failed: Sequence[float], value_us: float, share: float, confidence: float
) -> float:
    """An upper bound (µs) of the percentile from the rounds' own ones: no round exceeded it, nor does their t interval.

    Student's t over the logarithms' distances from the estimate over all rounds (sectioning: Asmussen and Glynn,
    "Stochastic Simulation", 2007, chapter III.5), widened for neighbours that resemble each other; the largest of the
    rounds besides, because what is bounded has a long tail.
    """
    own = [_own_percentile(part, lost, share) for part, lost in zip(rounds, failed, strict=True) if part.count + lost]
    if not all(map(math.isfinite, own)):
        return math.inf
    distances = np.log(np.maximum(own, 1.0)) - math.log(max(value_us, 1.0))
    variance = float(distances @ distances) / (len(own) - 1) / len(own) * _serial_factor(distances)
    half = t_quantile((1 + confidence) / 2, len(own) - 1) * math.sqrt(variance)
    return max(*own, max(value_us, 1.0) * math.exp(half))


def _beyond_bound(
    whole: Histogram, rounds: Sequence[Histogram], failed: Floats, from_us: float, share: float, confidence: float
) -> float:
    """The lowest value (µs, from `from_us` on) beyond which certainly fewer answers lie than the percentile leaves."""
    totals = np.array([part.count for part in rounds], dtype=np.float64) + failed

    def is_bound(value_us: float) -> bool:
        beyond = totals - np.array([part.count_up_to(value_us) for part in rounds], dtype=np.float64)
        worth = effective_samples(beyond, totals, confidence, few_hits=True)
        if worth is None:
            return False
        hits = float(beyond.sum() / totals.sum()) * worth
        # The upper end of Clopper and Pearson's interval, without the search for where it is.
        return beta_cdf(1 - share, hits + 1, worth - hits) >= (1 + confidence) / 2

    if is_bound(from_us):
        return from_us
    low, high = whole.count_up_to(from_us) + 1, whole.count
    if low > high or not is_bound(whole.max_us):
        return math.inf
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if is_bound(whole.value_at_rank_us(middle)) else (middle + 1, high)
    return whole.value_at_rank_us(low)


def _own_percentile(part: Histogram, failed: float, share: float) -> float:
    rank = max(1, math.ceil(share * (part.count + failed) - 1e-9))
    return part.value_at_rank_us(rank) if rank <= part.count else math.inf


def _at_or_below(rounds: Sequence[Histogram], value_us: float) -> tuple[Floats, Floats]:
    """Answers at or below a value, and all answers, by round."""
    hits = np.array([histogram.count_up_to(value_us) for histogram in rounds], dtype=np.float64)
    return hits, np.array([histogram.count for histogram in rounds], dtype=np.float64)
