"""The closed loop against queueing theory, with operations whose duration is known: they sleep."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from loadlab.errors import ConflictError, ConnectionLostError, UnreachableError
from loadlab.measure.recorder import Tally, tally
from loadlab.workload.loop import Loop, clock, describe
from loadlab.workload.schedule import ThinkingUsers
from tests.timing import timed

LIMIT_S = 5.0


class Hands:
    """A connection that answers after a while, and counts what it did."""

    def __init__(self, calls: list[Callable[[object], object]]) -> None:
        self.calls = calls
        self.flushes = self.closes = 0

    def flush(self) -> None:
        self.flushes += 1

    def close(self) -> None:
        self.closes += 1


class Bench:
    """A loop over one operation, and what its threads have done."""

    def __init__(self, operation: Callable[[object], object], *, connections: int, think_s: float = 0.0) -> None:
        self.hands: list[Hands] = []
        self.executions = 0
        self.executing = 0
        self.refuse: Exception | None = None
        self._operation = operation
        self._lock = threading.Lock()
        self.loop = Loop(
            self.open,
            [itertools.count().__next__],
            itertools.repeat(0).__next__,
            ThinkingUsers(itertools.repeat(think_s).__next__),
            connections=connections,
        )

    def open(self, _: object) -> Hands:
        if self.refuse is not None:
            raise self.refuse
        hands = Hands([self._execute])
        self.hands.append(hands)
        return hands

    def _execute(self, value: object) -> None:
        with self._lock:
            self.executing += 1
        try:
            self._operation(value)
        finally:
            with self._lock:
                self.executing -= 1
                self.executions += 1

    def run(self, users: int, seconds: float) -> tuple[Tally, float]:
        """One phase: what was recorded in it, and its length."""
        self.loop.set_users(users)
        began_s = self.loop.resume()
        time.sleep(seconds)
        ended_s = self.loop.pause(limit_s=LIMIT_S)
        return self.take(ended_s), ended_s - began_s

    def take(self, until_s: float = float("inf")) -> Tally:
        return tally([recorder.take() for recorder in self.loop.recorders], until_s=until_s)


@contextmanager
def bench(operation: Callable[[object], object], *, connections: int, think_s: float = 0.0) -> Iterator[Bench]:
    made = Bench(operation, connections=connections, think_s=think_s)
    made.loop.start(limit_s=LIMIT_S)
    try:
        yield made
    finally:
        made.loop.stop(limit_s=LIMIT_S)


def sleeping(seconds: float) -> Callable[[object], object]:
    return lambda _: time.sleep(seconds)


@timed
def test_as_many_users_as_connections_never_wait():
    with bench(sleeping(0.02), connections=4) as made:
        result, seconds = made.run(users=4, seconds=1.0)
    one = result.operations[0]
    assert one.service.percentile_us(50) == pytest.approx(20_000, rel=0.15)
    assert one.response.percentile_us(50) == pytest.approx(one.service.percentile_us(50), rel=0.02)
    assert one.service.count == pytest.approx(4 * seconds / 0.02, rel=0.15)
    assert result.busy_s / seconds == pytest.approx(4, rel=0.05)
    assert result.peak == 4


@timed
def test_users_beyond_the_connections_wait_and_their_response_time_tells():
    """Closed loop without think time: N users over c connections respond in N / c services (Little's law)."""
    with bench(sleeping(0.01), connections=4) as made:
        made.run(users=24, seconds=0.5)
        result, _ = made.run(users=24, seconds=1.5)
    one = result.operations[0]
    assert one.response.percentile_us(50) == pytest.approx(6 * one.service.percentile_us(50), rel=0.1)
    # Waiting for a connection is the database's doing, not the generator's.
    assert result.lag.percentile_us(50) < 1_000


@timed
def test_the_interactive_response_time_law_holds():
    """Throughput of N users with think time Z and response time R is N / (R + Z)."""
    with bench(sleeping(0.005), connections=8, think_s=0.1) as made:
        made.run(users=40, seconds=0.3)
        result, seconds = made.run(users=40, seconds=1.5)
    response_s = result.operations[0].response.mean_us / 1e6
    assert result.operations[0].service.count / seconds == pytest.approx(40 / (response_s + 0.1), rel=0.05)
    assert response_s < 0.03


def test_nothing_is_lost_over_pauses():
    with bench(lambda _: None, connections=3) as made:
        counted = 0
        for _ in range(5):
            result, _ = made.run(users=7, seconds=0.05)
            assert made.executing == 0
            counted += result.operations[0].service.count
            executed = made.executions
            time.sleep(0.05)
            assert made.executions == executed
    assert counted == made.executions > 100


def test_counters_are_flushed_by_every_thread_at_each_pause():
    with bench(sleeping(0.001), connections=3) as made:
        before = [hands.flushes for hands in made.hands]
        made.run(users=3, seconds=0.1)
        assert [hands.flushes for hands in made.hands] == [count + 1 for count in before]


@timed
def test_a_pause_is_in_no_response_time():
    with bench(sleeping(0.005), connections=2, think_s=0.02) as made:
        made.run(users=20, seconds=0.3)
        time.sleep(1.0)
        result, _ = made.run(users=20, seconds=0.3)
    assert result.operations[0].response.max_us < 500_000


@timed
def test_a_pause_waits_for_what_is_executed():
    with bench(sleeping(0.4), connections=2) as made:
        made.loop.set_users(2)
        made.loop.resume()
        time.sleep(0.1)
        asked_s = clock()
        handed_out_until_s = made.loop.pause(limit_s=LIMIT_S)
        assert clock() - asked_s == pytest.approx(0.3, abs=0.15)
        assert handed_out_until_s == pytest.approx(asked_s, abs=0.05)
        assert made.take().operations[0].service.count == 2


def test_a_pause_that_takes_too_long_is_an_error():
    with bench(sleeping(0.6), connections=1) as made:
        made.loop.set_users(1)
        made.loop.resume()
        time.sleep(0.1)
        with pytest.raises(TimeoutError, match=r"did not end within 0\.1 s"):
            made.loop.pause(limit_s=0.1)


@timed
def test_users_can_grow_and_shrink_under_load():
    with bench(sleeping(0.005), connections=4, think_s=0.05) as made:
        made.loop.set_users(2)
        made.loop.resume()
        rates = []
        for users in (2, 40, 5, 0, 10):
            made.loop.set_users(users)
            time.sleep(0.2)
            before = made.executions
            time.sleep(0.6)
            rates.append((made.executions - before) / 0.6)
            assert made.loop.users == users
        made.loop.pause(limit_s=LIMIT_S)
    few, many, fewer, none, again = rates
    assert none == 0
    assert few == pytest.approx(2 / 0.055, rel=0.3)
    assert many == pytest.approx(40 / 0.055, rel=0.3)
    assert fewer == pytest.approx(5 / 0.055, rel=0.3)
    assert again == pytest.approx(10 / 0.055, rel=0.3)


@timed
def test_a_new_user_does_not_wait_for_sleepers():
    """All threads sleep on users that are due far in the future; one more user must be served at once."""
    with bench(lambda _: None, connections=2, think_s=30.0) as made:
        made.loop.set_users(2)
        made.loop.resume()
        time.sleep(0.3)
        made.loop.pause(limit_s=LIMIT_S)
        made.take()
        # Users that are already there come at 7.5 s and 22.5 s, a third one after half a think time.
        made.loop.resume()
        made.loop.set_users(2000)
        time.sleep(0.5)
        made.loop.pause(limit_s=LIMIT_S)
        # 1998 users, spread over 30 s: 33 in half a second.
        assert made.take().operations[0].service.count == pytest.approx(33, abs=6)


@timed
def test_ten_thousand_users_over_fifty_connections():
    with bench(sleeping(0.002), connections=50, think_s=5.0) as made:
        result, seconds = made.run(users=10_000, seconds=2.0)
    rate_per_s = result.operations[0].service.count / seconds
    assert rate_per_s == pytest.approx(2_000, rel=0.05)
    assert result.operations[0].response.percentile_us(50) < 20_000


def test_failures_are_outcomes_and_the_users_go_on():
    def fail(value: object) -> None:
        if value % 2:  # type: ignore[operator]
            raise ConflictError("could not serialize access\ndue to concurrent update", code="40001")

    with bench(fail, connections=2) as made:
        result, _ = made.run(users=4, seconds=0.2)
    one = result.operations[0]
    assert set(one.errors) == {"ConflictError 40001"}
    assert one.first_error == "could not serialize access due to concurrent update"
    assert one.errors["ConflictError 40001"] == pytest.approx(one.service.count, abs=4)
    assert one.service.count + one.errors["ConflictError 40001"] == made.executions


def test_a_lost_connection_is_opened_anew():
    def break_at_ten(value: object) -> None:
        if value == 10:
            raise ConnectionLostError("server closed the connection unexpectedly", code="57P01")

    with bench(break_at_ten, connections=1) as made:
        result, _ = made.run(users=2, seconds=0.4)
        assert len(made.hands) == 2
        assert made.hands[0].closes == 1
    assert result.operations[0].errors == {"ConnectionLostError 57P01": 1}
    assert result.operations[0].service.count > 100


@timed
def test_a_database_that_stays_away_is_asked_with_growing_pauses():
    def lose(_: object) -> None:
        raise ConnectionLostError("gone")

    with bench(lose, connections=2) as made:
        made.refuse = UnreachableError("nobody answers")
        result, _ = made.run(users=10, seconds=1.2)
        refused = result.operations[0].errors
        assert refused["ConnectionLostError"] == 2
        # 0.05 s, doubled each time: four or five attempts a connection in 1.2 s.
        assert 4 <= refused["UnreachableError"] <= 12
        made.refuse = None
        made._operation = lambda _: None
        result, _ = made.run(users=10, seconds=1.5)
        assert result.operations[0].service.count > 100


def test_a_connection_that_cannot_be_opened_ends_the_start():
    made = Bench(lambda _: None, connections=2)
    made.refuse = UnreachableError("nobody answers")
    with pytest.raises(UnreachableError, match="nobody answers"):
        made.loop.start(limit_s=LIMIT_S)
    made.loop.stop(limit_s=LIMIT_S)


def test_stop_closes_every_connection():
    with bench(sleeping(0.001), connections=3) as made:
        made.loop.set_users(3)
        made.loop.resume()
        time.sleep(0.05)
    assert [hands.closes for hands in made.hands] == [1, 1, 1]


def test_an_outcome_names_the_error_and_where_a_flow_broke():
    try:
        {}["missing"]
    except KeyError as error:
        outcome, message = describe(error)
    assert outcome == "KeyError"
    assert message.startswith("test_closed_loop.py: line ")
    assert message.endswith("KeyError: 'missing'")
