"""For every system and every law: the search ends at its capacity, the fit at its coefficients."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from loadlab.validate.search import SearchPlan, Seen, bracket_of, next_rate
from loadlab.validate.usl import ScalabilityLaw, fit_scalability


@given(
    capacity=st.floats(0.5, 1e5),
    first=st.floats(0.5, 1e4),
    within=st.floats(0.01, 0.5),
    repeats=st.integers(1, 5),
)
def test_a_search_ends_with_the_capacity_in_its_bracket(capacity, first, within, repeats):
    assume(first / 2**10 < capacity < first * 2**20)
    plan = SearchPlan(first, within=within, repeats=repeats, windows_max=200)
    tried: dict[float, list[Seen]] = {}
    while (rate := next_rate(tried, plan)) is not None:
        tried.setdefault(rate, []).append(Seen(rate <= capacity))
    bracket = bracket_of(tried)
    assert bracket.held is not None
    assert bracket.broke is not None
    assert bracket.held <= capacity < bracket.broke
    # A rate has three digits: neighbours may be a hundredth apart.
    assert bracket.broke / bracket.held <= 1 + max(within, 0.0101) + 1e-6
    assert len(tried[bracket.held]) == len(tried[bracket.broke]) == repeats


@given(
    answers=st.lists(st.tuples(st.booleans(), st.booleans()), min_size=60, max_size=60),
    first=st.floats(1, 1e4),
    highest=st.floats(1, 1e6),
)
def test_a_search_ends_whatever_the_windows_say(answers, first, highest):
    plan = SearchPlan(first, highest=highest)
    tried: dict[float, list[Seen]] = {}
    number = 0
    while (rate := next_rate(tried, plan)) is not None:
        assert 0 < rate <= highest
        tried.setdefault(rate, []).append(Seen(*answers[number]))
        number += 1
    assert number <= plan.windows_max


@given(
    throughput=st.floats(0.1, 1e5),
    contention=st.floats(0.001, 0.5),
    coherence=st.floats(1e-5, 0.1),
    start=st.floats(0.2, 3),
)
def test_the_fit_finds_the_law_that_made_the_points(throughput, contention, coherence, start):
    law = ScalabilityLaw(throughput, contention, coherence, 9, 1.0)
    places = [start * 1.7**position for position in range(9)]
    fitted = fit_scalability(places, [law.throughput_at(place) for place in places])
    assert fitted is not None
    assert fitted.throughput_per_s == pytest.approx(throughput, rel=1e-4)
    assert fitted.contention == pytest.approx(contention, rel=1e-3, abs=1e-5)
    assert fitted.coherence == pytest.approx(coherence, rel=1e-3, abs=1e-7)
