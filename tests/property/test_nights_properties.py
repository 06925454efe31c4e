"""Steps over nights: how often one is found, when, and how often one is called that is none.

The rates are measured on series from seeds, so that they are the same in every run; the bounds leave room for nothing
but another choice of seeds.
"""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.validate.model import Verdict
from loadlab.validate.nights.energy import divergences
from loadlab.validate.nights.gaps import find_gaps
from loadlab.validate.nights.judge import compare_night
from loadlab.validate.nights.model import Direction
from loadlab.validate.nights.steps import EFFECT_MIN, Step, drift_of, find_steps
from tests.nights import Story, nights_of, samples, values

SEEDS = range(300)


def steps_of(story: Story, seed: int, half_width: float = 0.03) -> list[Step]:
    return find_steps(samples(values(story, seed), half_width))


def share(found: list[bool]) -> float:
    return sum(found) / len(found)


@pytest.mark.parametrize("noise, most", [(0.01, 0.005), (0.02, 0.005), (0.03, 0.02), (0.05, 0.06)])
def test_spikes_and_drift_are_no_steps(noise, most):
    """False alarms per 60 nights, with a drift of 5 % and four spikes."""
    assert share([bool(steps_of(Story(noise=noise), seed)) for seed in SEEDS]) <= most


def test_a_drift_of_a_third_is_no_step():
    assert share([bool(steps_of(Story(drift=0.3, spikes=0), seed)) for seed in SEEDS]) <= 0.01


@pytest.mark.parametrize("step", [0.15, -0.15, 0.3])
def test_a_step_is_reported_once_on_its_second_night(step):
    """Of 300 histories each with drift and spikes beside one step; noise of 2 %."""
    right = []
    for seed in SEEDS:
        story = Story(step=step, at=20 + seed % 35)
        found = steps_of(story, seed)
        right.append([(item.first, item.reported) for item in found] == [(story.at, story.at + 1)])
    assert share(right) >= 0.97


def test_a_small_step_is_found_later_rather_than_wrongly():
    """8 % in a noise of 3 % takes more nights or is not told at all; what is told is no fiction."""
    told = [steps_of(Story(noise=0.03, step=0.08, drift=0, spikes=0), seed) for seed in SEEDS]
    assert share([all(abs(item.first - 40) <= 2 for item in found) for found in told]) >= 0.97
    assert all(item.reported > item.first for found in told for item in found)


def test_an_improvement_is_one():
    found = [item for seed in SEEDS for item in steps_of(Story(step=-0.15, drift=0), seed) if item.first == 40]
    assert found
    assert {item.direction for item in found} == {Direction.BETTER}


def test_below_the_least_effect_nothing_is_reported():
    quiet = Story(noise=0.002, drift=0, spikes=0, step=EFFECT_MIN * 0.8)
    assert not any(steps_of(quiet, seed) for seed in SEEDS)


def test_within_its_own_interval_nothing_is_reported():
    """A value that is known to a quarter cannot have changed by 15 %."""
    assert not any(steps_of(Story(step=0.15), seed, half_width=0.25) for seed in SEEDS[:100])


def test_without_an_interval_nothing_is_reported():
    numbers = values(Story(noise=0.005, step=0.5, spikes=0), 1)
    unknown = [type(sample)(sample.value) for sample in samples(numbers)]
    assert find_steps(samples(numbers))
    assert not find_steps(unknown)


def test_a_step_back_is_reported_too():
    numbers = values(Story(noise=0.01, drift=0, spikes=0), 3)
    numbers[30:36] *= 1.3
    found = find_steps(samples(numbers))
    assert [(item.first, item.direction) for item in found] == [(30, Direction.WORSE), (36, Direction.BETTER)]


@given(st.integers(0, 10_000), st.integers(8, 60))
def test_what_was_reported_stays_reported(seed, length):
    """Later nights change nothing of what earlier ones said: so each step is reported exactly once."""
    series = samples(values(Story(step=0.2, at=30), seed))
    before = find_steps(series[:length])
    assert find_steps(series)[: len(before)] == before
    assert all(item.reported - item.first >= 1 for item in before)


def test_drift_is_told_apart_from_noise():
    assert share([drift_of(samples(values(Story(drift=0.1), seed))) is not None for seed in SEEDS]) >= 0.95
    assert share([drift_of(samples(values(Story(drift=0), seed))) is not None for seed in SEEDS]) <= 0.01


@given(st.lists(st.floats(-10, 10), min_size=6, max_size=30), st.integers(2, 4))
def test_the_divergence_is_that_of_the_definition(numbers, size):
    """Matteson and James 2014, equation 5, summed pair by pair."""
    array = np.array(numbers)
    left, right = array[:-size], array[-size:]
    m, n = len(left), len(right)

    def within(part: np.ndarray) -> float:
        return float(np.mean([abs(a - b) for i, a in enumerate(part) for b in part[i + 1 :]]))

    between = float(np.mean([abs(a - b) for a in left for b in right]))
    expected = m * n / (m + n) * (2 * between - within(left) - within(right))
    assert divergences(array, np.array([size]))[0] == pytest.approx(expected, abs=1e-9)


def test_sixty_nights_with_everything():
    """Drift, spikes, a missing week and one step of 15 %: exactly the step, once, on its second night."""
    story = Story(step=0.15, at=40)
    nights = nights_of(values(story, 4), missing=range(20, 27))
    told = {number: compare_night(night, nights[:number]) for number, night in enumerate(nights)}
    assert told[0].verdict is Verdict.SKIPPED
    assert [number for number, item in told.items() if item.verdict is Verdict.FAIL] == [41]
    (change,) = told[41].changes
    assert (change.metric, change.direction, change.since) == ("p95", Direction.WORSE, nights[40].started_at)
    assert change.after / change.before == pytest.approx(1.15, abs=0.04)
    assert all(not item.changes for number, item in told.items() if number != 41)
    assert [(number, item.gap.missing) for number, item in told.items() if item.gap] == [(20, 7)]
    assert [gap.missing for gap in find_gaps([night.at for night in nights])] == [7]


def test_sixty_nights_with_an_improvement():
    nights = nights_of(values(Story(step=-0.15, at=40), 4))
    told = [compare_night(night, nights[:number]) for number, night in enumerate(nights)]
    found = [(number, change.direction, change.gates) for number, item in enumerate(told) for change in item.changes]
    assert found == [(41, Direction.BETTER, False)]
    assert told[41].verdict is Verdict.PASS
    assert "1 improvement" in told[41].reason
