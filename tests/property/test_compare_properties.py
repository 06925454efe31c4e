"""How often a comparison is wrong: simulated rounds with noise that resembles its neighbours, drifts and spells."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import lfilter

from loadlab.validate.comparison.pairs import (
    PAIRS_MIN,
    Floats,
    Halved,
    PairedEstimate,
    estimate_pairs,
    same_side_noise,
    trimmed_mean,
)

PAIRS, SLICES = 24, 12
METRICS = 10
CONFIDENCE = 1 - 0.01 / METRICS
RUNS = 120
MIN_EFFECT = 0.05

Noise = Callable[[np.random.Generator, int], Floats]


def white(random: np.random.Generator, count: int) -> Floats:
    return 0.2 * random.normal(size=count)


def slow(random: np.random.Generator, count: int) -> Floats:
    """An AR(1) process with a memory of a pair's length, above what each slice has of its own."""
    shared = lfilter([math.sqrt(1 - 0.97**2)], [1, -0.97], random.normal(size=count))
    return np.asarray(0.5 * shared + 0.15 * random.normal(size=count))


def heavy(random: np.random.Generator, count: int) -> Floats:
    """Student's t with two degrees of freedom: no variance at all."""
    return 0.15 * random.standard_t(2, size=count)


def drifting(random: np.random.Generator, count: int) -> Floats:
    """Slower and slower, with spells in which everything takes three times as long."""
    spells = np.repeat(random.random(count // 40 + 1) < 0.1, 40)[:count]
    return 0.15 * random.normal(size=count) + np.linspace(0, 1, count) + math.log(3) * spells


def rounds(noise: Floats, effect: float) -> tuple[Halved, Halved]:
    """Slices in turns, as `compare.rounds` takes them; a round's figure is the median of its slices'."""
    turns = noise.reshape(PAIRS, SLICES, 2)
    swapped = (np.arange(PAIRS)[:, None] + np.arange(SLICES)[None, :]) % 2 == 1
    a = np.where(swapped, turns[:, :, 1], turns[:, :, 0])
    b = np.where(swapped, turns[:, :, 0], turns[:, :, 1]) + math.log1p(effect)
    half = np.isin(np.arange(SLICES) % 4, (1, 2))
    sides = [
        Halved(*(np.exp(np.median(part, axis=1)) for part in (side, side[:, ~half], side[:, half]))) for side in (a, b)
    ]
    return sides[0], sides[1]


def simulated(noise: Noise, effect: float) -> list[PairedEstimate]:
    random = np.random.default_rng(11)
    found = [
        estimate_pairs(*rounds(noise(random, 2 * PAIRS * SLICES), effect), confidence=CONFIDENCE) for _ in range(RUNS)
    ]
    assert all(found)
    return [item for item in found if item is not None]


def called(estimates: list[PairedEstimate]) -> int:
    return sum(item.is_beyond(max(MIN_EFFECT, item.noise)) for item in estimates)


@pytest.mark.parametrize("noise", [white, slow, heavy, drifting])
def test_a_side_is_not_told_from_itself(noise):
    estimates = simulated(noise, 0.0)
    assert called(estimates) == 0
    # Each interval leaves the truth out in one case of a thousand; three of these are rarer than one in five thousand.
    assert sum(not item.interval[0] <= 1 <= item.interval[1] for item in estimates) < 3
    # The truth is outside of an interval of its own in one case of twenty at most; 14 of 120 is a chance of 1 in 200.
    assert sum(not item.own_interval[0] <= 1 <= item.own_interval[1] for item in estimates) < 14


@pytest.mark.parametrize("noise", [white, slow, heavy, drifting])
def test_a_fifth_is_found(noise):
    estimates = simulated(noise, 0.2)
    assert called(estimates) >= 0.9 * RUNS
    assert all(item.ratio > 1 for item in estimates if item.is_beyond(MIN_EFFECT))


def test_a_fifth_is_not_called_in_noise_that_hides_it():
    estimates = simulated(lambda random, count: 8 * white(random, count), 0.2)
    assert called(estimates) < 0.2 * RUNS
    assert all(item.noise > 0.2 for item in estimates)


figures = st.lists(st.floats(1e-3, 1e6), min_size=PAIRS_MIN, max_size=30)


@given(figures, st.floats(0.01, 100))
def test_a_constant_factor_is_told_exactly(values, factor):
    a = np.array(values)
    estimate = estimate_pairs(Halved(a, a, a), Halved(factor * a, a, a), confidence=CONFIDENCE)
    assert estimate is not None
    assert estimate.ratio == pytest.approx(factor)
    assert estimate.interval == pytest.approx((factor, factor), rel=1e-6)
    assert estimate.noise == pytest.approx(0, abs=1e-9)


@given(figures, figures)
def test_exchanging_the_sides_inverts_the_ratio(first, second):
    size = min(len(first), len(second))
    a, b = (np.array(values[:size]) for values in (first, second))
    sides = Halved(a, a, a), Halved(b, b, b)
    there, back = (estimate_pairs(*order, confidence=CONFIDENCE) for order in (sides, sides[::-1]))
    assert there is not None
    assert back is not None
    assert math.log(there.ratio) == pytest.approx(-math.log(back.ratio), abs=1e-9)
    assert math.log(there.interval[0]) == pytest.approx(-math.log(back.interval[1]), rel=1e-6, abs=1e-6)


def test_the_trimmed_mean_is_that_of_a_published_example():
    """Wilcox 2012, section 3.3: self-awareness data; 20 % trimmed mean 283, its standard error 56.1.

    The book divides the winsorised squares by (0.6)² n (n - 1) where Yuen does by h (h - 1), h of n being left.
    """
    values = [77, 87, 88, 114, 151, 210, 219, 246, 253, 262, 296, 299, 306, 376, 428, 515, 666, 1310, 2611]
    mean, error = trimmed_mean(np.array(values, dtype=np.float64))
    assert mean == pytest.approx(282.7, abs=0.05)
    n, h = 19, 13
    assert error * math.sqrt(h * (h - 1) / (0.6**2 * n * (n - 1))) == pytest.approx(56.1, abs=0.1)


def test_a_few_wild_pairs_do_not_widen_the_interval_without_end():
    random = np.random.default_rng(3)
    a = np.exp(0.02 * random.normal(size=PAIRS))
    b = np.exp(0.02 * random.normal(size=PAIRS))
    b[[3, 11, 17]] *= 50
    estimate = estimate_pairs(Halved(a, a, a), Halved(b, b, b), confidence=CONFIDENCE)
    assert estimate is not None
    assert estimate.interval[1] < 1.1


def test_too_few_pairs_say_nothing():
    values = np.ones(PAIRS_MIN - 1)
    assert estimate_pairs(Halved(values, values, values), Halved(values, values, values), confidence=0.99) is None


def test_halves_that_differ_are_noise():
    random = np.random.default_rng(4)
    quiet, loud = (Halved(np.ones(PAIRS), *np.exp(s * random.normal(size=(2, PAIRS)))) for s in (0.01, 0.3))
    assert same_side_noise(quiet, quiet, confidence=CONFIDENCE) < 0.03
    assert same_side_noise(quiet, loud, confidence=CONFIDENCE) > 0.2
