"""The search for the highest rate, on systems whose capacity is known: no database, no clock, no chance."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from loadlab.validate.search import Bracket, SearchPlan, Seen, bracket_of, next_rate

Holds = Callable[[float, int], bool]
YES, NO = Seen(True), Seen(False)


def searched(
    holds: Holds, plan: SearchPlan, is_clear: Callable[[float], bool] = lambda _: True
) -> tuple[dict[float, list[Seen]], list[float]]:
    """Every window until the search asks for no more; `holds` gets the rate and how often it was tried before."""
    tried: dict[float, list[Seen]] = {}
    order: list[float] = []
    while (rate := next_rate(tried, plan)) is not None:
        windows = tried.setdefault(rate, [])
        windows.append(Seen(holds(rate, len(windows)), is_clear(rate)))
        order.append(rate)
        assert len(order) <= plan.windows_max, "the search must end"
    return tried, order


def up_to(capacity: float) -> Holds:
    return lambda rate, _: rate <= capacity


@pytest.mark.parametrize("capacity", [17.0, 100.0, 101.0, 412.0, 6400.0, 90_000.0])
@pytest.mark.parametrize("within", [0.01, 0.05, 0.2])
def test_the_bracket_holds_the_capacity_and_is_as_narrow_as_asked(capacity, within):
    tried, _ = searched(up_to(capacity), SearchPlan(first=10, within=within))
    bracket = bracket_of(tried)
    assert bracket.held is not None
    assert bracket.broke is not None
    assert bracket.held <= capacity < bracket.broke
    assert bracket.broke / bracket.held - 1 <= within + 1e-9
    assert len(tried[bracket.held]) == len(tried[bracket.broke]) == 3


def test_doubling_then_halving_the_distance_then_repeats():
    _, order = searched(up_to(100.0), SearchPlan(first=20, within=0.1, repeats=2))
    assert order == [20, 40, 80, 160, 113, 95.1, 104, 95.1, 104]


def test_a_start_that_breaks_is_halved():
    tried, order = searched(up_to(9.0), SearchPlan(first=64, within=0.05))
    assert order[:4] == [64, 32, 16, 8]
    assert bracket_of(tried).held == pytest.approx(9, rel=0.05)


def test_what_never_holds_is_given_up():
    tried, order = searched(lambda *_: False, SearchPlan(first=64))
    assert len(order) == 11
    assert bracket_of(tried) == Bracket(None, min(tried))


def test_no_rate_above_the_highest_is_tried():
    plan = SearchPlan(first=30, highest=100, repeats=2)
    tried, order = searched(up_to(1e9), plan)
    assert order == [30, 60, 100, 100]
    assert bracket_of(tried) == Bracket(100, None)
    assert next_rate({}, SearchPlan(first=300, highest=100)) == 100


def test_the_majority_of_repeats_decides_and_a_turned_verdict_goes_on_searching():
    def moody(rate: float, before: int) -> bool:
        # At 113 the first window breaks by chance, the next two hold.
        return before > 0 if rate == 113 else rate <= 120

    tried, order = searched(moody, SearchPlan(first=20, within=0.1))
    bracket = bracket_of(tried)
    assert [seen.holds for seen in tried[113]] == [False, True, True]
    assert order.count(113) == 3
    assert bracket.held is not None
    assert bracket.held >= 113
    assert bracket.broke is not None
    assert bracket.broke > 120


def test_a_tie_is_not_held():
    assert bracket_of({10: [YES], 20: [YES, NO]}) == Bracket(10, 20)


def test_above_a_rate_that_broke_nothing_counts_as_held():
    assert bracket_of({10: [YES], 20: [NO], 40: [YES]}) == Bracket(10, 20)


def test_a_rate_that_breaks_without_certainty_is_repeated_first():
    _, order = searched(up_to(100.0), SearchPlan(first=20, within=0.1), is_clear=lambda rate: rate != 160)
    assert order[:7] == [20, 40, 80, 160, 160, 160, 113]


def test_a_start_that_breaks_without_certainty_is_no_reason_to_go_lower():
    tried, order = searched(up_to(9.0), SearchPlan(first=64), is_clear=lambda _: False)
    assert order == [64, 64, 64]
    assert bracket_of(tried) == Bracket(None, 64)


def test_windows_are_bounded_whatever_they_say():
    _, order = searched(lambda rate, before: (int(rate) + before) % 2 == 0, SearchPlan(first=10, windows_max=25))
    assert len(order) <= 25
