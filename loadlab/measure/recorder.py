"""What a driver thread writes down of each operation, and what becomes of it once a second.

The hot path packs five numbers into a buffer of the thread's own: no lock, no lookup, no histogram. The
reporter cuts the buffer off about once a second and does everything else in bulk. Times are seconds of one
monotonic clock.
"""

from __future__ import annotations

import struct
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import numpy.typing as npt

from loadlab.measure.histogram import Histogram

Float64s = npt.NDArray[np.float64]

pack_record = struct.Struct("=qdddd").pack
"""Bytes of one record: operation (`failed(operation)` for a failure), due, sent, ended, idle.

Idle is the time between sent and ended in which nothing was asked of the database: the pauses before retries.
"""
RECORD = np.dtype([("operation", "<i8"), ("due_s", "<f8"), ("sent_s", "<f8"), ("ended_s", "<f8"), ("idle_s", "<f8")])
Records = npt.NDArray[np.void]
"""Shape (n,), of dtype `RECORD`."""


def failed(operation: int) -> int:
    """How a failure of an operation is recorded; its own inverse."""
    return -1 - operation


class Recorder:
    """The records of one thread. One thread writes, one other thread takes.

    A thread on the hot path binds `write` and `pack_record` to local names and calls
    `write(pack_record(operation, due_s, sent_s, ended_s, idle_s))`.
    """

    __slots__ = ("_attempts", "_buffer", "_connects", "_failures", "_last_ended_s", "write")

    def __init__(self) -> None:
        self._buffer = bytearray()
        self._failures: deque[tuple[str, str]] = deque()
        self._attempts: deque[tuple[int, str, float]] = deque()
        self._connects: deque[float] = deque()
        self._last_ended_s = -np.inf
        self.write = self._buffer.extend

    def write_failure(
        self, operation: int, due_s: float, sent_s: float, ended_s: float, idle_s: float, *, outcome: str, message: str
    ) -> None:
        """Record a failed operation; the outcome is its error name, with the SQLSTATE if there is one."""
        # Before the record itself: whoever takes the record finds its outcome.
        self._failures.append((outcome, message))
        self.write(pack_record(failed(operation), due_s, sent_s, ended_s, idle_s))

    def write_attempt(self, operation: int, outcome: str, duration_s: float) -> None:
        """Record one attempt of an operation that may be retried: its outcome and how long the database took."""
        self._attempts.append((operation, outcome, duration_s))

    def write_connect(self, duration_s: float) -> None:
        """Record how long an operation that opens its own connection took to have it."""
        self._connects.append(duration_s)

    def take(self) -> Taken:
        """Everything recorded since the last call; nothing is lost to a thread that writes meanwhile."""
        # Each step is one call into C, and the writer only ever appends: the first `size` bytes stand still.
        size = len(self._buffer)
        records = np.frombuffer(bytes(self._buffer[:size]), dtype=RECORD)
        del self._buffer[:size]
        failures = [self._failures.popleft() for _ in range(int(np.count_nonzero(records["operation"] < 0)))]
        free_since_s = np.concatenate(([self._last_ended_s], records["ended_s"][:-1]))[: len(records)]
        if len(records):
            self._last_ended_s = float(records["ended_s"][-1])
        attempts = [self._attempts.popleft() for _ in range(len(self._attempts))]
        connects = [self._connects.popleft() for _ in range(len(self._connects))]
        return Taken(records, failures, free_since_s, attempts, connects)


@dataclass(frozen=True, slots=True)
class Taken:
    """Records of one thread in the order of their ends.

    `free_since_s` is when its connection became free before each of them, `failures` (outcome, message) of
    the failed ones, in order, `attempts` (operation, outcome, seconds) of operations that may be retried, `connects`
    (seconds) of connections that operations opened.
    """

    records: Records
    failures: Sequence[tuple[str, str]]
    free_since_s: Float64s
    attempts: Sequence[tuple[int, str, float]] = ()
    connects: Sequence[float] = ()


@dataclass(slots=True)
class OperationTally:
    """One operation in one interval. The histograms hold successes only; `attempts` is by outcome.

    `ended_late` counts the successes that were due in the window and ended after it.
    """

    errors: dict[str, int] = field(default_factory=dict)
    first_error: str | None = None
    service: Histogram = field(default_factory=Histogram)
    response: Histogram = field(default_factory=Histogram)
    attempts: dict[str, Histogram] = field(default_factory=dict)
    ended_late: int = 0


@dataclass(slots=True)
class Tally:
    """All threads' records of one interval, added up.

    `busy_s` is the time that connections spent executing (failures included), `peak` the most that executed
    at once, among what ended in the interval. What lies between due and sent is told apart: `wait` is how long
    an operation waited for a connection, which is the pool's doing, `lag` how late a free connection started it,
    which is the generator's. `connect` is how long connections that operations opened took to open.
    """

    operations: dict[int, OperationTally]
    busy_s: float
    peak: int
    lag: Histogram = field(default_factory=Histogram)
    wait: Histogram = field(default_factory=Histogram)
    connect: Histogram = field(default_factory=Histogram)


def tally(taken: Sequence[Taken], *, until_s: float = np.inf) -> Tally:
    """Add up what the threads recorded. Time after `until_s`, the end of the window, is not busy time."""
    records = np.concatenate([item.records for item in taken]) if taken else np.empty(0, dtype=RECORD)
    due, sent, ended = records["due_s"], records["sent_s"], records["ended_s"]
    busy_s = float(np.maximum(np.minimum(ended, until_s) - sent, 0).sum())
    result = Tally({}, busy_s, _peak(sent, ended))
    if len(records):
        ready = np.maximum(due, np.concatenate([item.free_since_s for item in taken]))
        result.lag.add(_microseconds(sent - ready))
        result.wait.add(_microseconds(ready - due))
    _add_successes(result, records, until_s)
    _add_failures(result, taken)
    _add_attempts(result, taken)
    result.connect.add(_microseconds(np.array([seconds for item in taken for seconds in item.connects], np.float64)))
    return result


def _add_successes(result: Tally, records: Records, until_s: float) -> None:
    operations = records["operation"]
    order = np.argsort(operations, kind="stable")
    names, starts = np.unique(operations[order], return_index=True)
    for name, chosen in zip(names.tolist(), np.split(order, starts[1:]), strict=False):
        if name >= 0:
            ended = records["ended_s"][chosen]
            one = result.operations.setdefault(name, OperationTally())
            one.service.add(_microseconds(ended - records["sent_s"][chosen] - records["idle_s"][chosen]))
            one.response.add(_microseconds(ended - records["due_s"][chosen]))
            one.ended_late += int(np.count_nonzero(ended > until_s))


def _add_failures(result: Tally, taken: Sequence[Taken]) -> None:
    for item in taken:
        operations = item.records["operation"]
        for name, (outcome, message) in zip(operations[operations < 0].tolist(), item.failures, strict=True):
            one = result.operations.setdefault(failed(name), OperationTally())
            one.errors[outcome] = one.errors.get(outcome, 0) + 1
            one.first_error = one.first_error or message


def _add_attempts(result: Tally, taken: Sequence[Taken]) -> None:
    durations: dict[tuple[int, str], list[float]] = {}
    for item in taken:
        for operation, outcome, duration_s in item.attempts:
            durations.setdefault((operation, outcome), []).append(duration_s)
    for (operation, outcome), seconds in durations.items():
        one = result.operations.setdefault(operation, OperationTally())
        one.attempts.setdefault(outcome, Histogram()).add(_microseconds(np.array(seconds)))


def _microseconds(seconds: Float64s) -> npt.NDArray[np.int64]:
    return np.rint(seconds * 1e6).astype(np.int64)


def _peak(starts: Float64s, ends: Float64s) -> int:
    """The most intervals [start, end) that overlap: at each start, those started less those ended by then."""
    if not len(starts):
        return 0
    starts, ends = np.sort(starts), np.sort(ends)
    return int((np.arange(1, len(starts) + 1) - np.searchsorted(ends, starts, side="right")).max())
