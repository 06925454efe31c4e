"""Time limits that are kept from the client's side: who is cancelled, when, and what is never hit."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

from loadlab.errors import ConflictError, ConnectionLostError, StatementTimeoutError, UnansweredError
from loadlab.spec.workload import Workload
from loadlab.workload import limits
from loadlab.workload.limits import Watch, limited
from tests.timing import timed


class Waiting:
    """What a session looks like to the watch; `execute` waits until somebody ends it.

    `heeds_from`: the first request to cancel that it heeds, counted from 1; None: not even one.
    """

    enforced_s = float("inf")

    def __init__(self, heeds_from: int | None = 1) -> None:
        self._heeds_from = heeds_from
        self.cancels = self.abandons = 0
        self._ended = threading.Event()
        self._error: Exception | None = None

    def cancel(self) -> None:
        self.cancels += 1
        if self._heeds_from is not None and self.cancels >= self._heeds_from:
            self._end(StatementTimeoutError("canceling statement due to user request", code="57014"))

    def abandon(self) -> None:
        self.abandons += 1
        self._end(ConnectionLostError("server closed the connection unexpectedly"))

    def _end(self, error: Exception) -> None:
        self._error = error
        self._ended.set()

    def execute(self, seconds: float) -> str:
        self._error = None
        self._ended.clear()
        self._ended.wait(seconds)
        if self._error is not None:
            raise self._error
        return "done"


def guarded(session: Waiting, limit_s: float) -> Callable[[Any], object]:
    return limited(session.execute, Watch().guard(session, limit_s), limit_s)


@timed
def test_what_ends_in_time_is_left_alone_and_the_rest_is_cut_off():
    session = Waiting()
    call = guarded(session, 0.1)
    for _ in range(50):
        assert call(0.002) == "done"
    assert session.cancels == 0
    began_s = time.perf_counter()
    with pytest.raises(StatementTimeoutError, match=r"limit of 100 ms, and the server cancelled it") as caught:
        call(30)
    assert 0.09 < time.perf_counter() - began_s < 0.3
    assert caught.value.code == "57014"
    # The next one has its own time, and no request left over from the last one.
    assert call(0.05) == "done"
    assert (session.cancels, session.abandons) == (1, 0)


def test_a_request_that_stopped_nothing_is_repeated():
    session = Waiting(heeds_from=3)
    with pytest.raises(StatementTimeoutError):
        guarded(session, 0.05)(30)
    assert (session.cancels, session.abandons) == (3, 0)


def test_a_connection_without_an_answer_is_given_up(monkeypatch):
    monkeypatch.setattr(limits, "_HEED_S", 0.3)
    session = Waiting(heeds_from=None)
    with pytest.raises(UnansweredError, match="limit of 50 ms, nor 300 ms after"):
        guarded(session, 0.05)(30)
    assert session.cancels >= 1
    assert session.abandons == 1


@timed
def test_a_silent_server_keeps_no_other_connection_waiting():
    class Silent(Waiting):
        def cancel(self) -> None:
            time.sleep(1.0)

    silent, watch, session = Silent(), Watch(), Waiting()
    held = threading.Thread(target=lambda: limited(silent.execute, watch.guard(silent, 0.05), 0.05)(0.5))
    held.start()
    time.sleep(0.1)
    began_s = time.perf_counter()
    with pytest.raises(StatementTimeoutError):
        limited(session.execute, watch.guard(session, 0.05), 0.05)(30)
    assert time.perf_counter() - began_s < 0.5
    held.join()


def test_other_errors_keep_their_own_word():
    session = Waiting()
    watch = Watch()

    def conflict(_: object) -> None:
        raise ConflictError("deadlock detected", code="40P01")

    def cancelled_by_somebody(_: object) -> None:
        raise StatementTimeoutError("canceling statement due to user request", code="57014")

    guard = watch.guard(session, 5.0)
    with pytest.raises(ConflictError, match="deadlock"):
        limited(conflict, guard, 5.0)(None)
    with pytest.raises(StatementTimeoutError, match="user request"):
        limited(cancelled_by_somebody, guard, 5.0)(None)
    assert session.cancels == 0


def test_a_guard_that_has_left_is_not_looked_after():
    session, watch = Waiting(), Watch()
    guard = watch.guard(session, 0.02)
    guard.begin(0.02)
    watch.leave(guard)
    time.sleep(0.1)
    assert session.cancels == 0


def test_an_operations_own_limit_goes_before_the_workloads():
    read = {"kind": "simple", "weight": 1, "sql": "SELECT 1"}
    workload = Workload.model_validate(
        {
            "timeout": "2s",
            "operations": {"a": read, "b": {**read, "timeout": "250ms"}, "c": {**read, "timeout": "1min"}},
        }
    )
    assert workload.timeouts_s == [2.0, 0.25, 60.0]
    assert workload.longest_timeout_s == workload.drain_limit_s == 60.0
    assert Workload(timeout=3).longest_timeout_s == 3.0
