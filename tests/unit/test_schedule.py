"""The open loop: arrivals by the clock, whatever the database does, each of them accounted for."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np
import pytest

from loadlab.measure.recorder import Tally, tally
from loadlab.spec.arrivals import Shape, level_at, mean_level
from loadlab.spec.workload import Workload
from loadlab.workload.loop import DROPPED, Loop, Seat
from loadlab.workload.schedule import Arrivals
from loadlab.workload.stage import gaps
from tests.timing import timed

LIMIT_S = 5.0


class Hands:
    def __init__(self, call: Callable[[object], object]) -> None:
        self.calls = [call]

    def flush(self) -> None: ...

    def close(self) -> None: ...


class Open:
    """A loop of one operation with so many arrivals a second."""

    def __init__(self, call: Callable[[object], object], rate_per_s: float, connections: int, give_up_s: float) -> None:
        self.schedule = Arrivals(itertools.repeat(1.0), 1.0, give_up_s=give_up_s)
        self.loop = Loop(
            lambda _: Hands(call),
            [itertools.count().__next__],
            itertools.repeat(0).__next__,
            self.schedule,
            connections=connections,
        )
        self.loop.set_users(int(rate_per_s))

    def run(self, seconds: float) -> tuple[Tally, float]:
        began_s = self.loop.resume()
        time.sleep(seconds)
        ended_s = self.loop.pause(limit_s=LIMIT_S)
        return tally([r.take() for r in self.loop.recorders], until_s=ended_s), ended_s - began_s


@contextmanager
def opened(
    call: Callable[[object], object], rate_per_s: float, *, connections: int, give_up_s: float = 10.0
) -> Iterator[Open]:
    made = Open(call, rate_per_s, connections, give_up_s)
    made.loop.start(limit_s=LIMIT_S)
    try:
        yield made
    finally:
        made.loop.stop(limit_s=LIMIT_S)


def sleeping(seconds: float) -> Callable[[object], object]:
    return lambda _: time.sleep(seconds)


@timed
def test_as_many_as_the_clock_says_over_several_windows():
    with opened(sleeping(0.001), 400, connections=4) as made:
        for _ in range(3):
            result, seconds = made.run(0.5)
            assert result.operations[0].service.count == pytest.approx(400 * seconds, abs=2)
            time.sleep(0.2)


@timed
def test_a_stall_is_in_the_response_times_of_all_that_became_due_meanwhile():
    """Constant arrivals, one stall of D: those due in it wait what is left of it, as queueing theory has it."""
    stalls = itertools.count()
    lock = threading.Lock()

    def call(_: object) -> None:
        with lock:  # A database that does one thing at a time.
            if next(stalls) == 150:
                time.sleep(0.4)

    with opened(call, 500, connections=2) as made:
        result, seconds = made.run(1.2)
    one = result.operations[0]
    assert one.response.count == pytest.approx(500 * seconds, abs=2)
    # 200 of 600 became due within the stall and waited 0 to 0.4 s.
    slow = one.response.count - one.response.count_up_to(100_000)
    assert slow == pytest.approx(150, rel=0.1)
    assert one.response.max_us == pytest.approx(400_000, rel=0.1)
    # Only as many as there are connections were under way: a recorder from the send on would show two.
    assert one.service.count - one.service.count_up_to(100_000) <= 2
    assert result.wait.count - result.wait.count_up_to(100_000) == pytest.approx(150, abs=20)


@timed
def test_what_the_database_does_not_reach_is_executed_late_and_is_none_of_the_windows_throughput():
    with opened(sleeping(0.01), 300, connections=1) as made:
        result, seconds = made.run(1.0)
    one = result.operations[0]
    assert one.service.count == pytest.approx(300 * seconds, abs=2)
    assert one.service.count - one.ended_late == pytest.approx(seconds / 0.0101, rel=0.1)
    # The last one waits for 200 others.
    assert one.response.max_us > 1_800_000


@timed
def test_what_nobody_could_begin_in_time_is_dropped_and_counted():
    with opened(sleeping(0.02), 200, connections=1, give_up_s=0.3) as made:
        result, seconds = made.run(1.5)
    one = result.operations[0]
    dropped = one.errors[DROPPED]
    assert one.service.count + dropped == pytest.approx(200 * seconds, abs=2)
    assert one.response.max_us < 420_000
    assert dropped > 100
    assert "every connection was busy" in (one.first_error or "")


@timed
def test_a_rate_that_changes_wakes_who_sleeps_on_a_far_arrival():
    with opened(lambda _: None, 1, connections=3) as made:
        made.loop.resume()
        time.sleep(0.3)
        made.loop.set_users(200)
        time.sleep(0.5)
        made.loop.set_users(0)
        time.sleep(0.3)
        ended_s = made.loop.pause(limit_s=LIMIT_S)
        result = tally([r.take() for r in made.loop.recorders], until_s=ended_s)
    assert result.operations[0].service.count == pytest.approx(101, abs=6)
    assert result.lag.percentile_us(50) < 2_000


def test_positions_are_poisson_under_a_rate_that_changes():
    """Counts in windows of equal expectation have a variance equal to their mean, before and after the change."""
    workload = Workload.model_validate({"rate": 1})
    schedule = Arrivals(gaps(workload, np.random.default_rng(1)), 1.0, give_up_s=9)
    seat = Seat(0)
    schedule.set_users(1000, 0.0)
    schedule.resume(0.0)
    first = [schedule.after(seat, 0.0) for _ in range(50_000)]
    # At 60 s everything handed out before is over.
    schedule.set_users(250, 60.0)
    before = next(due for due in iter(lambda: schedule.after(seat, 0.0), None) if due >= 60.0)
    second = [before, *(schedule.after(seat, 0.0) for _ in range(20_000))]
    for dues, rate in ((first, 1000), (second, 250)):
        counts = np.histogram(dues, bins=np.arange(dues[0], dues[-1], 100 / rate))[0]
        assert counts.mean() == pytest.approx(100, rel=0.02)
        assert counts.var() == pytest.approx(100, rel=0.25)


@pytest.mark.parametrize(
    "shape, moments",
    [
        ({"stages": [{"duration": "9s", "target": 280}, {"duration": "5s", "target": 280}]}, {0: 100, 5: 200, 12: 280}),
        ({"stages": [{"duration": "0s", "target": "300/s"}, {"duration": "20s", "target": 0}]}, {0: 300, 10: 150}),
        ({"steps": {"first": 100, "last": 300, "by": 100, "every": "4s"}}, {0: 100, 4: 200, 7.9: 200, 8: 300, 19: 300}),
        ({"spike": {"base": 50, "peak": 500, "at": "5s", "length": "2s"}}, {4.9: 50, 5: 500, 6.9: 500, 7: 50}),
        ({"day": {"low": 10, "high": 110}}, {20 * 4 / 24: 10, 20 * 16 / 24: 110, 20 * 10 / 24: 60}),
    ],
)  # fmt: skip
def test_levels(shape, moments):
    points = Shape.model_validate(shape).points(20.0, 100.0)
    for at_s, level in moments.items():
        assert level_at(points, at_s) == pytest.approx(level, abs=0.5)
    fine = np.mean([level_at(points, (k + 0.5) / 1000 * 20) for k in range(1000)])
    assert mean_level(points, 20.0) == pytest.approx(fine, rel=0.01)


@pytest.mark.parametrize(
    "text, words",
    [
        ({"rate": 100, "users": 5}, "rate and users, which exclude each other"),
        ({"arrivals": "constant"}, "arrivals without rate"),
        ({"rate": "5 apples"}, "must be a rate"),
        ({"rate": 10, "shape": {"stages": [], "day": {"low": 1, "high": 2}}}, "at least 1"),
        ({"rate": 10, "shape": {"day": {"low": 3, "high": 2}}}, "wrong order"),
        ({"users": 10, "shape": {"day": {"low": 3, "high": 90_000}}}, "at most 50,000"),
    ],
)
def test_words_that_contradict_each_other(text, words):
    with pytest.raises(ValueError, match=words):
        Workload.model_validate(text)


def test_an_open_loop_is_shared_out_in_parts_of_its_highest_rate():
    spike = {"base": 100, "peak": 400, "at": 1, "length": 1}
    workload = Workload.model_validate({"rate": "100/s", "shape": {"spike": spike}})
    assert [workload.population(level) for level in (100, 400)] == [50, 200]
    assert workload.asked_rate_per_s == pytest.approx(100 + 300 / 15)


def test_a_rate_that_is_set_between_two_windows_holds_from_the_next_one_on():
    with opened(sleeping(0.001), 100, connections=4) as it:
        for part_rate, expected in ((1.0, 60), (4.0, 240), (0.5, 30)):
            it.loop.reschedule(lambda now_s, part=part_rate: it.schedule.set_part_rate(part, now_s))
            result, span_s = it.run(0.6)
            assert result.operations[0].service.count == pytest.approx(expected / 0.6 * span_s, abs=3)


def test_a_thread_that_is_late_drops_nothing_that_came_due_after_the_pause():
    def slow_to_return(_: object) -> None:
        time.sleep(0.3)

    # Whoever is back 0.3 s after the pause finds what is due by then overdue as well: all of it comes after the end.
    with opened(slow_to_return, 100, connections=1, give_up_s=0.05) as made:
        result, seconds = made.run(0.5)
    one = result.operations[0]
    assert one.service.count + sum(one.errors.values()) == pytest.approx(100 * seconds, abs=2)
