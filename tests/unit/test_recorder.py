"""The recorder: nothing is lost, percentiles are those of what was written, and it costs next to nothing."""

from __future__ import annotations

import threading
import time

import numpy as np
import pytest

from loadlab.measure.recorder import Recorder, pack_record, tally


def test_service_counts_from_sending_and_response_from_the_due_time():
    recorder = Recorder()
    recorder.write(pack_record(2, 10.0, 10.003, 10.004, 0.0))
    one = tally([recorder.take()]).operations[2]
    assert one.service.max_us == 1000
    assert one.response.max_us == 4000


def test_percentiles_are_those_of_the_values():
    values_us = np.random.default_rng(1).lognormal(6, 1, 20_000).astype(np.int64)
    recorder = Recorder()
    for value in values_us.tolist():
        recorder.write(pack_record(0, 5.0, 5.0, 5.0 + value / 1e6, 0.0))
    service = tally([recorder.take()]).operations[0].service
    in_order = np.sort(values_us)
    for per_mille in (500, 950, 990, 999):
        exact = in_order[per_mille * len(in_order) // 1000 - 1]
        assert service.percentile_us(per_mille / 10) == pytest.approx(exact, rel=1e-3)


def test_failures_are_counted_by_outcome_and_stay_out_of_the_histograms():
    recorder = Recorder()
    recorder.write(pack_record(0, 0, 0, 0.5, 0.0))
    recorder.write_failure(0, 1, 1, 2, 0.0, outcome="ConflictError 40001", message="first")
    recorder.write_failure(0, 2, 2, 3, 0.0, outcome="ConflictError 40001", message="second")
    recorder.write_failure(1, 3, 3, 4, 0.0, outcome="KeyError", message="third")
    result = tally([recorder.take()])
    assert result.operations[0].errors == {"ConflictError 40001": 2}
    assert result.operations[0].first_error == "first"
    assert result.operations[0].service.count == 1
    assert result.operations[1].errors == {"KeyError": 1}
    assert result.busy_s == pytest.approx(3.5)


def test_lag_is_the_delay_of_a_free_connection_not_the_wait_for_a_busy_one():
    waited, late = Recorder(), Recorder()
    waited.write(pack_record(0, 0.0, 0.0, 5.0, 0.0))
    # Due at 1, but the connection was busy until 5: 2 ms of lag, 4 s of waiting.
    waited.write(pack_record(0, 1.0, 5.002, 5.1, 0.0))
    # Free all the time and due at 3: 7 ms of lag.
    late.write(pack_record(0, 3.0, 3.007, 3.1, 0.0))
    lag = tally([waited.take(), late.take()]).lag
    assert lag.count == 3
    assert [round(lag.percentile_us(p), -2) for p in (1, 50, 100)] == [0, 2000, 7000]


def test_the_last_end_is_remembered_between_takes():
    recorder = Recorder()
    recorder.write(pack_record(0, 0.0, 0.0, 5.0, 0.0))
    recorder.take()
    recorder.write(pack_record(0, 1.0, 5.001, 5.1, 0.0))
    assert tally([recorder.take()]).lag.max_us == 1000


def test_time_after_the_window_is_not_busy_time():
    recorder = Recorder()
    recorder.write(pack_record(0, 0.0, 0.0, 5.0, 0.0))
    assert tally([recorder.take()], until_s=2.0).busy_s == 2.0


def test_peak_counts_what_executes_at_once():
    taken = []
    for start, end in [(0, 10), (1, 2), (2, 3), (2.5, 4), (20, 21)]:
        recorder = Recorder()
        recorder.write(pack_record(0, start, start, end, 0.0))
        taken.append(recorder.take())
    assert tally(taken).peak == 3


def test_an_empty_interval():
    result = tally([Recorder().take(), Recorder().take()])
    assert not result.operations
    assert (result.busy_s, result.peak, result.lag.count) == (0, 0, 0)
    assert tally([]).peak == 0


def test_nothing_is_lost_while_one_thread_writes_and_another_takes():
    recorder, ended = Recorder(), threading.Event()
    total = 100_000

    def write() -> None:
        for number in range(total):
            recorder.write(pack_record(number % 3, number, number, number, 0.0))
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    seen: list[np.ndarray] = []
    while not ended.is_set():
        seen.append(recorder.take().records)
    writer.join()
    seen.append(recorder.take().records)
    assert np.concatenate(seen)["due_s"].tolist() == list(range(total))


def test_writing_costs_less_than_two_microseconds():
    recorder, rounds = Recorder(), 50_000
    write, pack = recorder.write, pack_record

    def once() -> float:
        started = time.perf_counter()
        for _ in range(rounds):
            write(pack(1, 1.0, 2.0, 3.0, 0.0))
        took = time.perf_counter() - started
        recorder.take()
        return took / rounds

    assert min(once() for _ in range(7)) < 2e-6
