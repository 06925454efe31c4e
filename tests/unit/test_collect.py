"""Merging what drivers report: exact sums, intervals side by side, nothing lost with a driver that dies."""

from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pytest

from loadlab.engines.protocol import Manifest
from loadlab.errors import LoadLabError
from loadlab.measure.histogram import Histogram
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement
from loadlab.spec.workload import Operation, Workload
from loadlab.workload import collect
from loadlab.workload.collect import Collector
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import LoadPlan

WORKLOAD = Workload(
    users=10,
    think_time=0.5,
    operations={
        "read": Operation(kind="simple", weight=1, sql="SELECT 1"),
        "pay": Operation(kind="write", weight=1, flow="pay"),
    },
)


def plans(workers: int) -> list[LoadPlan]:
    manifest = Manifest("f", {}, Schema((), "any"), True, True)
    statements = {"read": Statement.parse("SELECT 1"), "pay/1": Statement.parse("SELECT 2")}
    return [LoadPlan("u", manifest, WORKLOAD, statements, "flows.py", w, workers, 4, 5, 1) for w in range(workers)]


def collector(workers: int = 2) -> Collector:
    return Collector(plans(workers))


def histogram(values_us: list[int]) -> Histogram:
    result = Histogram()
    result.add(np.array(values_us, dtype=np.int64))
    return result


def interval(worker: int, start_s: float, *values_us: int, phase: str = "measure", **more: Any) -> dict[str, Any]:
    sparse = histogram(list(values_us)).to_sparse()
    part = {"errors": {}, "ended_late": 0, "first_error": None, "service": sparse, "response": sparse, "attempts": {}}
    base = {"type": "interval", "worker": worker, "phase": phase, "start_s": start_s, "duration_s": 1.0, "users": 5}
    lag, wait = histogram([10]).to_sparse(), histogram([]).to_sparse()
    health = {"busy_s": 0.5, "peak": 2, "cpu_s": 0.1, "refills": 1, "lag": lag, "wait": wait, "connect": wait}
    return base | health | {"operations": {"read": part}} | more


def failing(worker: int, start_s: float, errors: dict[str, int], first: str) -> dict[str, Any]:
    message = interval(worker, start_s)
    message["operations"] = {"pay": message["operations"]["read"] | {"errors": errors, "first_error": first}}
    return message


def paused(worker: int, statements: dict[str, int], texts: dict[str, str] | None = None) -> dict[str, Any]:
    return {
        "type": "paused",
        "worker": worker,
        "phase": "measure",
        "duration_s": 2.0,
        "statements": statements,
        "texts": texts or {"pay/1": "SELECT 2"},
        "new_rows_end": 100 * (worker + 1),
    }


def test_intervals_of_all_drivers_become_one():
    it = collector()
    assert it.add(interval(0, 0.0, 100, 200)) == []
    assert it.add(interval(0, 1.0, 300)) == []
    (first,) = it.add(interval(1, 0.0, 400))
    assert (first.start_s, first.users, first.busy_s) == (0.0, 10, 1.0)
    assert first.operations["read"].count == 3
    assert first.operations["read"].service == histogram([100, 200, 400])
    (second,) = it.add(interval(1, 1.0, 500))
    assert second.operations["read"].service == histogram([300, 500])
    measure = it.measure()
    assert [one.start_s for one in measure.intervals] == [0.0, 1.0]
    assert measure.operations[0].service == histogram([100, 200, 300, 400, 500])
    assert measure.connections_peak == 4
    assert measure.asked_rate_per_s == 20
    assert not measure.interrupted


def test_the_warm_up_is_seen_and_not_measured():
    it = collector(1)
    (seen,) = it.add(interval(0, 0.0, 100, phase="warmup"))
    assert seen.operations["read"].count == 1
    assert it.measure().operations[0].count == 0
    assert it.measure().intervals == ()


def test_a_short_tail_belongs_to_the_interval_before_it():
    it = collector(1)
    it.add(interval(0, 0.0, 100))
    it.add(interval(0, 1.0, 200, duration_s=0.02))
    (only,) = it.measure().intervals
    assert only.duration_s == pytest.approx(1.02)
    assert only.operations["read"].count == 2


def test_a_window_that_ends_between_two_ticks_loses_nothing():
    """One driver was just past its tick when the window ended, the other just before it."""
    it = collector()
    it.add(interval(0, 0.0, 100))
    it.add(interval(1, 0.0, 200, duration_s=0.99))
    it.add(interval(0, 1.0, 300, duration_s=0.01))
    assert it.measure().operations[0].count == 3


def test_what_a_dead_driver_measured_is_kept():
    it = collector()
    it.add(interval(0, 0.0, 100))
    it.add(interval(1, 0.0, 200))
    it.add(interval(0, 1.0, 300))
    it.lose(1)
    (third,) = it.add(interval(0, 2.0, 400))
    assert third.operations["read"].count == 1
    measure = it.measure()
    assert measure.interrupted
    assert [one.start_s for one in measure.intervals] == [0.0, 1.0, 2.0]
    assert measure.operations[0].service == histogram([100, 200, 300, 400])


def test_errors_and_first_messages():
    it = collector(1)
    it.add(failing(0, 0.0, {"ConflictError 40001": 2}, "first"))
    it.add(failing(0, 1.0, {"ConflictError 40001": 1, "KeyError": 1}, "second"))
    measure = it.measure()
    assert measure.operations[1].errors == {"ConflictError 40001": 3, "KeyError": 1}
    assert measure.first_errors == {"pay": "first"}


def test_health_is_that_of_the_busiest_driver():
    it = collector()
    for worker, cpu_s in ((0, 0.2), (1, 0.9)):
        it.add(interval(worker, 0.0, 100, cpu_s=cpu_s))
        it.add(paused(worker, {}))
    health = it.measure().generator
    assert health.cpu_share == pytest.approx(0.45)
    assert health.refills == 2
    assert health.lag_p99_us == 10


def test_statements_of_flows_are_added_up_by_their_text():
    it = collector()
    it.add(interval(0, 0.0, 100))
    it.add(interval(1, 0.0, 200))
    it.add(paused(0, {"pay/1": 5, "pay/2": 2}, {"pay/1": "SELECT 2", "pay/2": "SELECT a", "pay/3": "SELECT b"}))
    it.add(
        paused(1, {"pay/1": 4, "pay/2": 7, "pay/3": 1}, {"pay/1": "SELECT 2", "pay/2": "SELECT b", "pay/3": "SELECT a"})
    )
    assert it.measure().statements == {"read": 2, "pay/1": 9, "pay/2": 3, "pay/3": 7}
    assert it.new_rows_end == 200


def test_a_final_count_that_differs_is_an_error():
    it = collector(1)
    it.add(interval(0, 0.0, 100, 200))
    it.add({"type": "final", "worker": 0, "totals": {"read": {"count": 2, "errors": 0}}, "new_rows_end": 0})
    with pytest.raises(LoadLabError, match="driver 0 executed read 3 times with 0 errors, but reported 2 and 0"):
        it.add({"type": "final", "worker": 0, "totals": {"read": {"count": 3, "errors": 0}}, "new_rows_end": 0})


def test_a_final_count_that_differs_ends_the_load_and_what_was_measured_is_kept():
    conductor = Conductor(plans(1))
    final = {"type": "final", "worker": 0, "totals": {"read": {"count": 3, "errors": 0}}, "new_rows_end": 0}
    for message in (interval(0, 0.0, 100, 200), final):
        conductor._messages.put(message)
        conductor._take(1.0, None)
    assert "but reported 2 and 0" in (conductor.failure or "")
    measure = conductor.measured()
    assert measure.interrupted
    assert [item.count for item in measure.operations] == [2, 0]


def test_a_run_of_days_keeps_a_bounded_number_of_intervals(monkeypatch):
    monkeypatch.setattr(collect, "_INTERVALS_MAX", 8)
    it = collector(1)
    for second in range(100):
        it.add(interval(0, float(second), 100 + second))
    measure = it.measure()
    assert 4 <= len(measure.intervals) <= 8
    assert measure.operations[0].count == 100
    assert sum(one.duration_s for one in measure.intervals) == pytest.approx(100)
    assert len({one.duration_s for one in measure.intervals[:-1]}) == 1, "one length, so that they can be compared"
    assert [one.start_s for one in measure.intervals] == sorted(one.start_s for one in measure.intervals)


@pytest.mark.slow
def test_a_days_messages_take_no_more_memory_than_an_hours():
    it = collector(1)
    it.begin("measure")
    nothing = histogram([]).to_sparse()
    busy = interval(0, 0.0, 100, 200, 5_000, lag=nothing)
    idle = busy | {"operations": {}}
    sizes = {}
    for second in range(86_400):
        it.add((idle if second % 10 else busy) | {"start_s": float(second)})
        if (second + 1) % 1_800 == 0:
            sizes[(second + 1) / 3_600] = len(pickle.dumps(it))
    # It goes up and down as intervals are added and joined.
    assert max(sizes.values()) < 1.5 * max(size for hour, size in sizes.items() if hour <= 2)
    measure = it.measure()
    assert 300 <= len(measure.intervals) <= 600
    assert measure.operations[0].count == 3 * 8_640
    assert sum(one.operations["read"].count for one in measure.intervals if one.operations) == 3 * 8_640
    assert measure.duration_s == 86_400


def test_nothing_measured_is_a_measure_too():
    measure = collector().measure()
    assert measure.duration_s == 0
    assert measure.achieved_rate_per_s == 0
    assert [item.count for item in measure.operations] == [0, 0]


def test_a_window_at_another_rate_begins_empty_and_ends_with_the_drivers_own_counts():
    workload = Workload(rate=100, operations={"read": WORKLOAD.operations["read"]})
    plan = LoadPlan("u", Manifest("f", {}, Schema((), "any"), True, True), workload, {}, "flows.py", 0, 1, 4, 200, 1)
    first = Collector([plan])
    first.add(interval(0, 0.0, 100, 200))
    first.add(paused(0, {}))
    second = first.following(250.0)
    assert second.measure().operations[0].count == 0
    assert second.new_rows_end == 100
    second.add(interval(0, 0.0, 300))
    second.add(paused(0, {}))
    measure = second.measure()
    assert (measure.asked_rate_per_s, measure.operations[0].count, measure.duration_s) == (250, 1, 2.0)
    # The driver counts over both windows; a third operation would be one that nobody reported.
    second.add({"type": "final", "worker": 0, "totals": {"read": {"count": 3, "errors": 0}}})
    with pytest.raises(LoadLabError, match="executed read 4 times"):
        second.add({"type": "final", "worker": 0, "totals": {"read": {"count": 4, "errors": 0}}})
