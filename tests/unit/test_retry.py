"""Operations that run again: the same picks, every attempt counted, pauses in the response time alone."""

from __future__ import annotations

import itertools
import time
from typing import Any

import numpy as np
import pytest

from loadlab.errors import ConflictError, ConstraintError
from loadlab.measure.recorder import tally
from loadlab.spec.workload import Retry, Workload
from loadlab.workload.flow import Picks
from loadlab.workload.loop import Loop, Seat
from loadlab.workload.retry import Retrying, RetryingFlow, pauses
from loadlab.workload.schedule import ThinkingUsers
from tests.timing import timed

CONFLICT = ConflictError("could not serialize access", code="40001")


class Counting:
    """Keys whose every pick is another number."""

    def __init__(self) -> None:
        self._numbers = itertools.count()

    def new(self, table: str, **_: object) -> int:
        return next(self._numbers)

    random = between = pick = row = new


class Session:
    kept = 0


def failing(times: int, error: Exception = CONFLICT) -> Any:
    left = itertools.count()

    def call(_: object) -> str:
        if next(left) < times:
            raise error
        return "done"

    return call


def retrying(call: Any, attempts: int = 4, pause_s: float = 0.0) -> tuple[Retrying, Seat]:
    seat = Seat(0)
    policy = Retry(attempts=attempts)
    return Retrying(call, 0, seat, policy, lambda _: pause_s), seat


def attempts_of(seat: Seat) -> dict[str, int]:
    tallied = tally([seat.recorder.take()]).operations[0].attempts
    return {outcome: histogram.count for outcome, histogram in tallied.items()}


def test_a_conflict_is_tried_again_and_every_attempt_counted():
    call, seat = retrying(failing(2))
    assert call(None) == "done"
    assert attempts_of(seat) == {"ConflictError 40001": 2, "ok": 1}


def test_the_last_attempt_fails_for_good():
    call, seat = retrying(failing(9), attempts=3)
    with pytest.raises(ConflictError):
        call(None)
    assert attempts_of(seat) == {"ConflictError 40001": 3}


def test_what_is_no_ones_conflict_is_not_tried_again():
    call, seat = retrying(failing(1, ConstraintError("duplicate key", code="23505")))
    with pytest.raises(ConstraintError):
        call(None)
    assert attempts_of(seat) == {"ConstraintError 23505": 1}


@timed
def test_pauses_are_in_the_response_time_and_in_no_service_time():
    def open_hands(seat: Seat) -> Any:
        calls = itertools.cycle([failing(2)])
        call = Retrying(lambda v: (time.sleep(0.005), next(calls)(v)), 0, seat, Retry(attempts=4), lambda _: 0.05)
        return type("Hands", (), {"calls": [call], "flush": lambda self: None, "close": lambda self: None})()

    users = ThinkingUsers(itertools.repeat(5.0).__next__)
    loop = Loop(open_hands, [lambda: None], itertools.repeat(0).__next__, users, connections=1)
    loop.start(limit_s=5)
    loop.set_users(1)
    loop.resume()
    time.sleep(2.9)
    loop.pause(limit_s=5)
    one = tally([recorder.take() for recorder in loop.recorders]).operations[0]
    loop.stop(limit_s=5)
    # Three attempts of 5 ms, two pauses of 50 ms; a busy machine makes each longer, not shorter.
    assert one.service.count == 1
    assert 15_000 <= one.service.max_us < 90_000
    assert one.response.max_us - one.service.max_us == pytest.approx(100_000, rel=0.3)


def test_a_flow_is_repeated_with_the_same_picks_and_the_next_one_has_others():
    seen: list[tuple[int, int]] = []

    def flow(db: Session, pick: Picks) -> None:
        seen.append((pick.new("a"), pick.row("b")))
        if len(seen) < 3:
            raise CONFLICT

    call = RetryingFlow(flow, Session(), Picks(Counting()), 0, Seat(0), Retry(attempts=5), lambda _: 0.0)  # type: ignore[arg-type]
    call(None)
    call(None)
    assert seen == [(0, 1), (0, 1), (0, 1), (2, 3)]


def test_a_flow_that_has_committed_something_is_not_repeated():
    def flow(db: Session, pick: Picks) -> None:
        db.kept += 1
        raise CONFLICT

    seat = Seat(0)
    call = RetryingFlow(flow, Session(), Picks(Counting()), 0, seat, Retry(attempts=5), lambda _: 0.0)  # type: ignore[arg-type]
    with pytest.raises(ConflictError):
        call(None)
    assert attempts_of(seat) == {"ConflictError 40001": 1}


def test_pauses_grow_up_to_a_bound_and_differ():
    pause_s = pauses(Retry(attempts=9, backoff=0.01, backoff_max=0.05), np.random.default_rng(1))
    for repeat, most in ((1, 0.01), (2, 0.02), (3, 0.04), (4, 0.05), (9, 0.05)):
        drawn = [pause_s(repeat) for _ in range(500)]
        assert 0 <= min(drawn) < most * 0.1
        assert most * 0.9 < max(drawn) <= most


@pytest.mark.parametrize(
    "retry, words", [({"attempts": 1}, "greater than or equal to 2"), ({"backoff": "5 apples"}, "unit")]
)
def test_a_policy_that_is_none(retry, words):
    operation = {"kind": "write", "weight": 1, "sql": "SELECT 1", "retry": retry}
    with pytest.raises(ValueError, match=words):
        Workload.model_validate({"operations": {"one": operation}})
