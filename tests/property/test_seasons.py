"""The rhythm of the week: order is kept, every moment stays in its week and history, the hours are as asked."""

from __future__ import annotations

import datetime as dt
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from loadlab.data.core.seasons import HOUR_US, WEEK_HOURS, Season, Seasonality, week_weights

DAY_US = 24 * HOUR_US
WEEK_US = WEEK_HOURS * HOUR_US
MONDAY_US = 4 * DAY_US
NAMES: tuple[Seasonality, ...] = ("office", "consumer")


def micros(year: int, month: int, day: int) -> int:
    return int(dt.datetime(year, month, day, tzinfo=dt.UTC).timestamp()) * 1_000_000


START, END = micros(2024, 1, 3), micros(2026, 1, 1)


@pytest.mark.parametrize("name", NAMES)
@given(st.lists(st.integers(START - 3 * WEEK_US, END + 3 * WEEK_US), min_size=2, max_size=60))
def test_order_week_and_history_are_kept(name: Seasonality, moments: list[int]) -> None:
    uniform = np.array(sorted(moments), dtype=np.int64)
    moved = Season.of(name, START, END).seasonal(uniform)
    assert (np.diff(moved) >= 0).all()
    assert ((moved - MONDAY_US) // WEEK_US == (uniform - MONDAY_US) // WEEK_US).all()
    assert ((moved >= START) == (uniform >= START)).all()
    assert ((moved >= END) == (uniform >= END)).all()


@pytest.mark.parametrize("name", NAMES)
def test_the_hours_have_the_weights_that_are_asked(name: Seasonality) -> None:
    first = MONDAY_US + 2800 * WEEK_US
    random = np.random.default_rng(5)
    uniform = np.sort(first + random.integers(0, 20 * WEEK_US, 200_000))
    moved = Season.of(name, first, first + 20 * WEEK_US).seasonal(uniform)
    counts = np.bincount((moved - MONDAY_US) % WEEK_US // HOUR_US, minlength=WEEK_HOURS)
    weights = np.array(week_weights(name), dtype=np.float64)
    assert stats.chisquare(counts, weights / weights.sum() * len(uniform)).pvalue > 0.001
    within = (moved % HOUR_US) / HOUR_US
    assert stats.kstest(within[::20], "uniform").pvalue > 0.001
    assert stats.chisquare(counts).pvalue < 1e-9, "the rhythm is visible"


def test_none_moves_nothing() -> None:
    uniform = np.arange(START, END, 977 * HOUR_US, dtype=np.int64)
    assert (Season.of("none", START, END).seasonal(uniform) == uniform).all()


@given(st.integers(MONDAY_US, MONDAY_US + WEEK_US - 1))
def test_the_warp_is_the_quantile_function_in_exact_arithmetic(moment: int) -> None:
    weights = week_weights("office")
    mass = Fraction(moment - MONDAY_US, WEEK_US) * sum(weights)
    hour = next(h for h in range(WEEK_HOURS) if sum(weights[: h + 1]) > mass)
    exact = MONDAY_US + (hour + (mass - sum(weights[:hour])) / weights[hour]) * HOUR_US
    season = Season.of("office", MONDAY_US - WEEK_US, MONDAY_US + 9 * WEEK_US)
    assert abs(int(season.seasonal(np.array([moment], dtype=np.int64))[0]) - exact) <= 2
