"""What the load generator itself costs, measured before each run with nothing to measure.

The same steps that the hot path takes around a call, a call that does nothing, a round trip that asks for nothing, and
a sleep: what is found in a run is to be read against these.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any

import numpy as np

from loadlab.engines.abilities import CanIdle
from loadlab.engines.protocol import Engine
from loadlab.errors import LoadLabError
from loadlab.measure.model import Calibration
from loadlab.measure.recorder import Recorder, pack_record
from loadlab.spec.statement import Statement
from loadlab.workload.loop import clock

_STEPS = 20_000
_ROUND_TRIPS = 200
_SLEEPS = 40
_SLEEP_S = 0.001


def calibrate(engine: Engine, choose: Callable[[], int], *, timeout_s: float) -> Calibration:
    """About a quarter of a second. `choose` is the workload's own."""
    trips = _round_trips_us(engine, timeout_s)
    sleeps = _sleep_lags_us()
    return Calibration(
        overhead_us=_overhead_us(choose),
        round_trip_p50_us=float(np.percentile(trips, 50)) if trips else None,
        round_trip_p99_us=float(np.percentile(trips, 99)) if trips else None,
        timer_lag_p50_us=float(np.percentile(sleeps, 50)),
        timer_lag_p99_us=float(np.percentile(sleeps, 99)),
    )


def _overhead_us(choose: Callable[[], int]) -> float:
    """Of one operation that does nothing: choosing, both clocks, the call, the record."""
    recorder = Recorder()
    write = recorder.write

    def call(_: Any) -> int:
        return 0

    calls = [call]
    began_s = clock()
    for _ in range(_STEPS):
        choose()
        sent_s = clock()
        calls[0](None)
        write(pack_record(0, sent_s, sent_s, clock(), 0.0))
    return (clock() - began_s) / _STEPS * 1e6


def _round_trips_us(engine: Engine, timeout_s: float) -> list[float]:
    """Of what asks for nothing; empty where the database has no such thing."""
    session = engine.connect(timeout_s=timeout_s)
    try:
        idle = engine.idle_statement() if isinstance(engine, CanIdle) else Statement.parse("SELECT 1")
        handle = session.prepare(idle)
        values = session.encode_row(handle, {})
        found = []
        for _ in range(_ROUND_TRIPS):
            sent_s = clock()
            session.execute(handle, values)
            found.append((clock() - sent_s) * 1e6)
        return found
    except LoadLabError:
        return []
    finally:
        session.close()


def _sleep_lags_us() -> list[float]:
    """How late a thread wakes that sleeps as the loop's threads do."""
    gate = threading.Lock()
    gate.acquire()
    found = []
    for _ in range(_SLEEPS):
        due_s = clock() + _SLEEP_S
        gate.acquire(True, _SLEEP_S)
        found.append((clock() - due_s) * 1e6)
    return found
