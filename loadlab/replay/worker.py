"""A worker: the process that replays its share of a log, in threads, far from gevent.

`python -m loadlab.replay.worker` reads one line of JSON, the task, from standard input (no secret is in argv), then one
command a line: `{"cmd": "go"}`, `{"cmd": "stop"}`. It answers on standard output, one line of JSON each:

| type | when | holds |
| --- | --- | --- |
| ready | connections are open | |
| interval | about every second | counts, errors and histograms of each shape, how late statements were |
| final | every session has come to its end, or after `stop` | rows by shape, seconds of lateness by cause |
| failed | it cannot go on | `error`, `message` in one line |

The end of standard input, which is also the end of its parent, ends it.
"""

from __future__ import annotations

import gc
import json
import queue
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

from loadlab.engines import open_database
from loadlab.engines.abilities import CanReplay
from loadlab.measure.recorder import OperationTally, tally
from loadlab.replay.loop import ReplayLoop, rows_by_operation
from loadlab.replay.spool import steps_of
from loadlab.replay.turns import Turns, clock
from loadlab.workload.pipes import Commands, serve, write_message

INTERVAL_S = 1.0
START_LIMIT_S = 60.0
# What still runs then is given up: the server ends it when it finds the connection closed.
_GRACE_S = 5.0


@dataclass(frozen=True, slots=True)
class Task:
    """What one worker does. `speed` None is as fast as possible; `last_places` is a file (see `ReplayPlan`)."""

    worker: int
    url: str
    spool: str
    last_places: str
    first_us: int
    speed: float | None
    connections: int
    operations: int
    timeout_s: float
    read_only: bool

    def to_json(self) -> str:
        """One line."""
        return json.dumps(asdict(self))

    @classmethod
    def from_json(cls, line: str) -> Task:
        """The inverse of `to_json`."""
        return cls(**json.loads(line))


class Worker:
    """The life of one worker process."""

    def __init__(self, task: Task, emit: IO[str]) -> None:
        self._task, self._out = task, emit

    @property
    def worker(self) -> int:
        return self._task.worker

    def prepare(self) -> None:
        """Open the connections. Raises what stands in the way."""
        task = self._task
        engine = open_database(task.url)
        assert isinstance(engine, CanReplay)
        last_places = json.loads(Path(task.last_places).read_text(encoding="ascii"))
        turns = Turns(steps_of(Path(task.spool)), last_places, task.first_us, task.speed)
        self._loop = ReplayLoop(
            turns,
            lambda: engine.replay_session(timeout_s=task.timeout_s, read_only=task.read_only),
            connections=task.connections,
            operations=task.operations,
        )
        self._loop.open(limit_s=START_LIMIT_S)
        gc.collect()
        gc.freeze()
        self._emit("ready")

    def run(self, commands: Commands) -> None:
        """From `go` to the end of the last session, or to `stop`. Raises what broke the replay."""
        command = commands.get()
        if command is None or command["cmd"] == "stop":
            self._loop.stop()
            return
        self._cpu_s = time.process_time()
        begun_s = self._at_s = self._loop.start()
        while not self._loop.is_over:
            try:
                command = commands.get(timeout=min(0.05, INTERVAL_S))
            except queue.Empty:
                if clock() - self._at_s >= INTERVAL_S:
                    self._report(begun_s)
                continue
            self._loop.stop()
            self._loop.join(_GRACE_S if command is not None else 1.0)
            break
        self._report(begun_s)
        self._finish(begun_s)

    def _finish(self, begun_s: float) -> None:
        seats = self._loop.seats
        if (failure := self._loop.failure) is not None:
            raise failure
        self._emit(
            "final",
            rows={str(operation): rows for operation, rows in rows_by_operation(seats).items()},
            late_s=[sum(column) for column in zip(*(seat.late_s for seat in seats), strict=True)],
            begun_s=max(0.0, max(seat.begun_s for seat in seats) - begun_s),
            duration_s=max(0.0, max(seat.free_s for seat in seats) - begun_s),
        )

    def _report(self, begun_s: float) -> None:
        now_s, cpu_s = clock(), time.process_time()
        found = tally([seat.recorder.take() for seat in self._loop.seats])
        late = tally([seat.late.take() for seat in self._loop.seats]).operations.get(0, OperationTally())
        self._emit(
            "interval",
            start_s=self._at_s - begun_s,
            duration_s=now_s - self._at_s,
            busy_s=found.busy_s,
            cpu_s=cpu_s - self._cpu_s,
            lag=late.response.to_sparse(),
            operations={str(number): _plain(one) for number, one in sorted(found.operations.items())},
        )
        self._at_s, self._cpu_s = now_s, cpu_s

    def _emit(self, kind: str, **fields: object) -> None:
        write_message(self._out, {"type": kind, "worker": self._task.worker, **fields})


def _plain(one: OperationTally) -> dict[str, object]:
    return {
        "errors": one.errors,
        "first_error": one.first_error,
        "service": one.service.to_sparse(),
        "response": one.response.to_sparse(),
    }


if __name__ == "__main__":
    serve(lambda line, out: Worker(Task.from_json(line), out))
