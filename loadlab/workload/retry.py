"""Operations that the database turns away because of others, and that then run again.

What an application does on a serialization failure or a deadlock. Every attempt is recorded under its own outcome;
the pauses between them are in the response time, since the user waits, and in no service time, since the database
rests.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import cycle
from typing import Any, Protocol

import numpy as np

from loadlab.errors import ConflictError
from loadlab.spec.workload import Retry
from loadlab.workload.flow import FlowSession, Picks
from loadlab.workload.loop import Call, Seat, clock, describe

OK = "ok"
"""The outcome of an attempt that succeeded."""
_DRAWS = 4_093


class Pauses(Protocol):
    """How long to wait before the k-th repeat, from 1 (s)."""

    def __call__(self, repeat: int) -> float: ...


def pauses(policy: Retry, random: np.random.Generator) -> Pauses:
    """Exponential back-off with full jitter (see `Retry`)."""
    draw: Callable[[], float] = cycle(random.random(_DRAWS).tolist()).__next__

    def pause_s(repeat: int) -> float:
        return draw() * min(policy.backoff_max, policy.backoff * 2.0 ** (repeat - 1))

    return pause_s


class Retrying:
    """A call that is repeated as its policy says. One thread's; `operation` is its number."""

    def __init__(self, call: Call, operation: int, seat: Seat, policy: Retry, pause_s: Pauses) -> None:
        self._call, self._operation, self._seat, self._policy, self._pause_s = call, operation, seat, policy, pause_s

    def __call__(self, values: Any) -> object:
        """Raises what the last attempt raised."""
        record = self._seat.recorder.write_attempt
        attempt = 1
        while True:
            began_s = clock()
            try:
                result = self._call(values)
            except Exception as error:
                record(self._operation, describe(error)[0], clock() - began_s)
                if not isinstance(error, ConflictError) or attempt >= self._policy.attempts or not self._can_repeat():
                    raise
            else:
                record(self._operation, OK, clock() - began_s)
                return result
            paused_at_s = clock()
            time.sleep(self._pause_s(attempt))
            self._seat.idle_s += clock() - paused_at_s
            attempt += 1

    def _can_repeat(self) -> bool:
        """A statement or transaction that failed has left nothing behind."""
        return True


class RetryingFlow(Retrying):
    """A flow that is repeated with the same picks, as long as nothing of it stays in the database."""

    def __init__(
        self,
        function: Callable[[Any, Any], object],
        db: FlowSession,
        picks: Picks,
        operation: int,
        seat: Seat,
        policy: Retry,
        pause_s: Pauses,
    ) -> None:
        super().__init__(self._run, operation, seat, policy, pause_s)
        self._function, self._db, self._picks = function, db, picks

    def __call__(self, values: Any) -> object:
        self._picks.forget()
        self._db.kept = 0
        return super().__call__(values)

    def _run(self, _: Any) -> None:
        self._picks.begin()
        self._function(self._db, self._picks)

    def _can_repeat(self) -> bool:
        return not self._db.kept
