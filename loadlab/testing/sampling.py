"""Executing something again and again, and how long each execution took."""

from __future__ import annotations

import gc
import math
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from loadlab.testing.limits import LatencyLimit
from loadlab.testing.subjects import Subject
from loadlab.validate.extension import LOOK_CONFIDENCE
from loadlab.validate.statistics import ROUNDS_MIN, samples_needed

# An error is shown at the line of the test that asked (pytest --full-trace shows all).
__tracebackhide__ = True

# A server takes to the plan that it keeps within five executions, and to warm caches within about as many.
_WARMUP_MIN = 10
_WARMUP_SHARE = 0.2
# Twice the fewest that bound a percentile: an interval that one slow answer does not move to the limit.
_NEEDED_FACTOR = 2
_SAMPLES_MIN = 200
# Shorter looks see one moment of the machine.
_LOOK_MIN_S = 0.5
_SAMPLES_MAX = 20_000

Observe = Callable[[float], None]


@dataclass(slots=True)
class Samples:
    """Seconds of each execution in their order, rows where they were counted, and how many came before as warm-up."""

    seconds: list[float] = field(default_factory=list)
    rows: set[int] = field(default_factory=set)
    warmup: int = 0

    @property
    def slowest(self) -> int:
        """The number of the slowest execution, warm-up counted in."""
        return self.warmup + self.seconds.index(max(self.seconds))


class Sampler:
    """Executes a subject; the numbers of its executions go on from look to look."""

    def __init__(self, subject: Subject, limits: Sequence[LatencyLimit], max_time_s: float) -> None:
        self.samples = Samples()
        self._subject, self._max_time_s = subject, max_time_s
        self._asked = max(_SAMPLES_MIN, *(_NEEDED_FACTOR * needed_for(limit) for limit in limits))

    def warm_up(self) -> None:
        """Until caches and plans have settled, or a fifth of a look's time is over."""
        until = time.perf_counter() + _WARMUP_SHARE * self._max_time_s
        seconds: list[float] = []
        with undisturbed():
            while len(seconds) < _WARMUP_MIN and (not seconds or time.perf_counter() < until):
                seconds.append(self._one(len(seconds)))
        self.samples.warmup = len(seconds)
        usual = max(sorted(seconds)[len(seconds) // 2], 1e-6)
        self._asked = min(max(self._asked, math.ceil(_LOOK_MIN_S / usual)), max(self._asked, _SAMPLES_MAX))

    def look(self, observe: Observe, *, first: float | None = None) -> None:
        """As many executions as the limits need, or as fit in a look's time, and a handful in any case.

        `first`: seconds of an execution that somebody else has timed.
        """
        if first is not None:
            self.samples.seconds.append(first)
        goal = len(self.samples.seconds) + self._asked - (first is not None)
        until = time.perf_counter() + self._max_time_s
        with undisturbed():
            while len(self.samples.seconds) < goal:
                enough = len(self.samples.seconds) >= ROUNDS_MIN
                if enough and time.perf_counter() >= until:
                    break
                seconds = self._one(self.samples.warmup + len(self.samples.seconds))
                self.samples.seconds.append(seconds)
                observe(seconds)

    def untimed(self) -> object:
        """The next execution, for somebody else's clock."""
        return self._subject.prepare(self.samples.warmup)()

    def _one(self, index: int) -> float:
        call = self._subject.prepare(index)
        begin = time.perf_counter_ns()
        rows = call()
        end = time.perf_counter_ns()
        if rows is not None:
            self.samples.rows.add(rows)
        return (end - begin) / 1e9


def needed_for(limit: LatencyLimit) -> int:
    """Fewest executions that bound the percentile from above."""
    return samples_needed(limit.share, LOOK_CONFIDENCE)


@contextmanager
def undisturbed() -> Iterator[None]:
    """Without Python's collector, and without what traces each line (coverage, a debugger)."""
    collects, tracer, profiler = gc.isenabled(), sys.gettrace(), sys.getprofile()
    gc.disable()
    sys.settrace(None)
    sys.setprofile(None)
    try:
        yield
    finally:
        sys.setprofile(profiler)
        sys.settrace(tracer)
        if collects:
            gc.enable()
