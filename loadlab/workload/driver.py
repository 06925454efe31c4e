"""A driver: the process that executes the load, in threads, far from gevent.

`python -m loadlab.workload.driver` reads one line of JSON, the plan, from standard input (no secret is in argv), then
one command a line: `{"cmd": "users", "n": 20}`, `{"cmd": "phase", "name": "warmup" | "measure" | "pause" | "stop"}`;
for an open loop also `{"cmd": "rate", "part_per_s": 10}`: what one user stands for from now on.
It answers on standard output, one line of JSON each:

| type | when | holds |
| --- | --- | --- |
| ready | connections open, statements prepared, values encoded | `connections`, `calibration` |
| interval | about every second of a phase, and at its end | counts, errors, histograms of each operation |
| paused | nothing is executed any more, the server's counters are flushed | `duration_s`, `statements` |
| verified | after `verify` | what the checks beside the load found |
| final | after `stop` | counts of the measured phase, to be checked against the intervals |
| failed | it cannot go on | `error`, `message` in one line |

The end of standard input, which is also the end of its parent, ends it.
"""

from __future__ import annotations

import gc
import queue
import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import IO, Final

from loadlab.errors import DatabaseError
from loadlab.measure.recorder import OperationTally, Tally, tally
from loadlab.workload.loop import Loop, clock
from loadlab.workload.pipes import Commands, serve, write_message
from loadlab.workload.plan import LoadPlan
from loadlab.workload.stage import Stage

INTERVAL_S: Final = 1.0
START_LIMIT_S: Final = 60.0
# A statement is cut off by the server at its time limit; what then still runs hangs on a dead connection.
_GRACE_S = 5.0


class Driver:
    """The phases of one driver process. `emit` writes one message."""

    def __init__(self, plan: LoadPlan, emit: IO[str]) -> None:
        self._plan, self._out = plan, emit
        self._stage = Stage(plan)
        self._phase: str | None = None
        self._began_s = self._interval_began_s = clock()
        self._cpu_s = 0.0
        self._refills = 0
        self._statements: Mapping[str, int] = {}
        self._totals: dict[str, dict[str, int]] = {}

    @property
    def worker(self) -> int:
        return self._plan.worker

    def prepare(self) -> None:
        """Everything that must not happen under load. Raises what stands in the way."""
        self._stage.open(limit_s=START_LIMIT_S)
        self._loop: Loop = self._stage.loop
        # What lives as long as the process is not looked at again by the garbage collector, nor stalls the threads.
        gc.collect()
        gc.freeze()
        self._emit("ready", connections=self._plan.connections, calibration=asdict(self._stage.calibration))

    def run(self, commands: Commands) -> None:
        """Obey until `stop` or the end of the commands (None)."""
        while True:
            try:
                command = commands.get(timeout=self._until_interval_s())
            except queue.Empty:
                self._report(clock())
                continue
            if command is None:
                self._loop.stop(limit_s=1.0)
                return
            if command["cmd"] == "verify":
                self._verify()
            elif command["cmd"] == "users":
                self._loop.set_users(command["n"])
            elif command["cmd"] == "rate":
                self._stage.set_part_rate(command["part_per_s"])
            elif command["name"] == "stop":
                self._stop()
                return
            else:
                self._change_phase(command["name"])

    def _until_interval_s(self) -> float:
        if self._phase is None:
            return 3600.0
        if self._loop.broken is not None:
            raise self._loop.broken
        return max(0.0, self._interval_began_s + INTERVAL_S - clock())

    def _change_phase(self, name: str) -> None:
        self._pause(answer=name == "pause")
        if name == "pause":
            return
        self._phase = name
        self._cpu_s, self._refills = time.process_time(), self._stage.refills
        self._statements = self._stage.statement_counts()
        self._began_s = self._interval_began_s = self._loop.resume()

    def _pause(self, *, answer: bool) -> None:
        """Drain; the last interval of the phase ends when the handing out ended."""
        phase, duration_s = self._phase, 0.0
        if phase is not None:
            ended_s = self._drain()
            duration_s = ended_s - self._began_s
            self._report(ended_s)
            self._phase = None
        if answer:
            counts = self._stage.statement_counts()
            executed = {name: count - self._statements.get(name, 0) for name, count in counts.items()}
            self._emit(
                "paused",
                phase=phase,
                duration_s=duration_s,
                statements=executed,
                texts=self._stage.statement_texts(),
                new_rows_end=self._stage.new_rows.end,
            )

    def _drain(self) -> float:
        try:
            return self._loop.pause(limit_s=self._plan.workload.drain_limit_s + _GRACE_S)
        except BaseException:
            self._report(clock())
            raise

    def _verify(self) -> None:
        try:
            found, failure = self._stage.verify(), None
        except DatabaseError as error:
            found, failure = {}, str(error)
        self._emit("verified", found=found, failure=failure)

    def _stop(self) -> None:
        self._pause(answer=False)
        self._emit("final", totals=self._totals, new_rows_end=self._stage.new_rows.end)
        self._loop.stop(limit_s=2.0)

    def _report(self, until_s: float) -> None:
        """One interval: what has been recorded since the last one."""
        assert self._phase is not None
        result = tally([recorder.take() for recorder in self._loop.recorders], until_s=until_s)
        cpu_s, refills = time.process_time(), self._stage.refills
        self._emit(
            "interval",
            phase=self._phase,
            start_s=self._interval_began_s - self._began_s,
            duration_s=until_s - self._interval_began_s,
            users=self._loop.users,
            busy_s=result.busy_s,
            peak=result.peak,
            cpu_s=cpu_s - self._cpu_s,
            refills=refills - self._refills,
            lag=result.lag.to_sparse(),
            wait=result.wait.to_sparse(),
            connect=result.connect.to_sparse(),
            operations=self._operations(result),
        )
        self._interval_began_s, self._cpu_s, self._refills = until_s, cpu_s, refills

    def _operations(self, result: Tally) -> dict[str, object]:
        names = list(self._plan.workload.operations)
        for index, one in result.operations.items():
            if self._phase == "measure":
                self._add_total(names[index], one)
        return {names[index]: _plain(one) for index, one in sorted(result.operations.items())}

    def _add_total(self, name: str, one: OperationTally) -> None:
        total = self._totals.setdefault(name, {"count": 0, "errors": 0})
        total["count"] += one.service.count
        total["errors"] += sum(one.errors.values())

    def _emit(self, kind: str, **fields: object) -> None:
        write_message(self._out, {"type": kind, "worker": self._plan.worker, **fields})


def _plain(one: OperationTally) -> dict[str, object]:
    return {
        "errors": one.errors,
        "ended_late": one.ended_late,
        "first_error": one.first_error,
        "service": one.service.to_sparse(),
        "response": one.response.to_sparse(),
        "attempts": {outcome: histogram.to_sparse() for outcome, histogram in one.attempts.items()},
    }


if __name__ == "__main__":
    serve(lambda line, out: Driver(LoadPlan.from_json(line), out))
