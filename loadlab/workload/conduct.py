"""The pipeline's side of the load: one child process that runs Locust, which owns the driver processes.

    with Conductor(plans) as conductor:
        conductor.warm_up(4, show)
        conductor.pause()            # nothing is executed now: look at the server's counters
        conductor.measure(20, show)
        conductor.pause()
        measure = conductor.collect()

An open loop goes on at another rate after `set_rate`; `measured` tells of each window without an end of the load.

What the drivers report is passed on as it comes, so that it is kept even when the child dies.
"""

from __future__ import annotations

import queue
import sys
import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Final, Self

from loadlab.errors import LoadLabError
from loadlab.measure.integrity import IntegrityCheck
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.workload.collect import MEASURE, Collector, Message
from loadlab.workload.conducting import ALONE, Conducting
from loadlab.workload.hub import ANSWER_LIMIT_S, START_LIMIT_S, VERIFY_LIMIT_S, Child, OnInterval
from loadlab.workload.plan import LoadPlan

_CONDUCTOR: Final = (sys.executable, "-m", "loadlab.workload.locust_user")
# Locust itself takes a moment to import and to spawn thousands of users.
_LOCUST_LIMIT_S = 30.0


class Conductor:
    """A load from warm-up to its measure. Raises LoadLabError on entering when the load cannot begin."""

    def __init__(self, plans: Sequence[LoadPlan], conducting: Conducting = ALONE) -> None:
        self._plans, self._conducting = plans, conducting
        self._collector = Collector(plans)
        self._messages: queue.SimpleQueue[Message | None] = queue.SimpleQueue()
        self._interrupted = False
        self._phase: str | None = None
        self._is_dead = False
        self.failure: str | None = None
        """What ended the load early, in one line; what was measured before is kept."""
        self.notes: list[str] = []
        """What else is worth knowing of how the load was made."""

    def __enter__(self) -> Self:
        self._child = Child(_CONDUCTOR, self._messages.put)
        try:
            plans = [plan.to_json() for plan in self._plans]
            self._child.send({"plans": plans, "conducting": self._conducting.to_json()})
            master = self._conducting.master
            self._await("ready", START_LIMIT_S + _LOCUST_LIMIT_S + (master.wait_s if master is not None else 0.0))
            if self.failure is not None:
                raise LoadLabError(self.failure)
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def warm_up(self, seconds: float, on_interval: OnInterval | None = None) -> None:
        """Let the users arrive and load the database for a while. Raises LoadLabError when the load breaks down."""
        self._run("warmup", seconds, on_interval)
        if self.failure is not None:
            raise LoadLabError(self.failure)

    def measure(self, seconds: float, on_interval: OnInterval | None = None) -> None:
        """The measured window; Ctrl-C and a load that breaks down end it early and keep what was measured."""
        try:
            self._run(MEASURE, seconds, on_interval)
        except KeyboardInterrupt:
            self._interrupted = True

    def go_on(self, seconds: float, on_interval: OnInterval | None = None) -> None:
        """The measured window goes on without a break; call it instead of `pause`, after `so_far`."""
        try:
            self._listen(seconds, on_interval)
        except KeyboardInterrupt:
            self._interrupted = True

    def so_far(self) -> LoadMeasure:
        """While the window goes on: what its complete intervals tell."""
        return self._collector.so_far(interrupted=self.interrupted)

    def pause(self) -> None:
        """Returns when nothing is executed any more and the server's counters are flushed."""
        if self._phase is not None:
            self._phase = None
            self._ask("pause", "paused")
            self._collector.end()

    def verify(self) -> tuple[IntegrityCheck, ...]:
        """What the drivers' checks of the data found; call it while nothing is executed."""
        if not self._plans[0].workload.verify:
            return ()
        self._child.send({"cmd": "verify"})
        self._await("verified", VERIFY_LIMIT_S + ANSWER_LIMIT_S)
        return self._collector.integrity()

    def set_rate(self, rate_per_s: float) -> None:
        """While an open loop without a shape is paused: its rate from now on.

        What was measured before is forgotten: `measured` comes first.
        """
        self._collector = self._collector.following(rate_per_s)
        self._child.send({"cmd": "rate", "per_s": rate_per_s})

    def start_over(self) -> None:
        """While it is paused: forget what was measured, for another window of the same load."""
        self._collector = self._collector.following(self._collector.rate_per_s)

    def measured(self) -> LoadMeasure:
        """While it is paused: everything measured since the rate was set or it started over; the load can go on."""
        return self._collector.measure(interrupted=self.interrupted)

    def collect(self) -> LoadMeasure:
        """End the load; everything measured. `failure` tells what ended it early, if anything did."""
        self.pause()
        self._ask("stop", "final")
        return self._collector.measure(interrupted=self.interrupted)

    @property
    def interrupted(self) -> bool:
        """Whether Ctrl-C or a failure has cut the load short."""
        return self._interrupted or self.failure is not None

    def tell(self, figures: Mapping[str, str]) -> None:
        """What the server is doing, for the web UI."""
        self._child.send({"cmd": "server", "figures": dict(figures)})

    @property
    def new_rows_end(self) -> int:
        """What the next load on the same database passes to `load_plans` as `new_rows_start`."""
        return self._collector.new_rows_end

    def close(self) -> None:
        """End the children, whatever they are doing."""
        self._child.end(limit_s=10.0)

    def _run(self, phase: str, seconds: float, on_interval: OnInterval | None) -> None:
        self._phase = phase
        self._collector.begin(phase)
        self._child.send({"cmd": phase})
        self._listen(seconds, on_interval)

    def _listen(self, seconds: float, on_interval: OnInterval | None) -> None:
        ends_s = time.monotonic() + seconds
        while self.failure is None and (remaining_s := ends_s - time.monotonic()) > 0:
            self._take(min(remaining_s, 0.5), on_interval)

    def _ask(self, command: str, answer: str) -> None:
        """What is left of the load answers, although a part of it may have failed."""
        self._child.send({"cmd": command})
        self._await(answer, self._plans[0].workload.drain_limit_s + ANSWER_LIMIT_S + _LOCUST_LIMIT_S)

    def _await(self, answer: str, limit_s: float) -> None:
        """Until the child has answered; sets `failure` when it does not. Ctrl-C is noted, the load ends soon anyway."""
        ends_s = time.monotonic() + limit_s
        while not self._is_dead:
            if time.monotonic() > ends_s:
                self._fail(f"the load generator did not answer within {limit_s:g} s ({answer})")
                return
            try:
                message = self._take(0.5, None)
            except KeyboardInterrupt:
                if answer == "ready":
                    raise
                self._interrupted = True
                continue
            if message is not None and message["type"] == f"all {answer}":
                self._collector.loop_lag_p99_us = message.get("loop_lag_p99_us", self._collector.loop_lag_p99_us)
                return

    def _take(self, limit_s: float, on_interval: OnInterval | None) -> Message | None:
        try:
            message = self._messages.get(timeout=max(limit_s, 0.001))
        except queue.Empty:
            return None
        if message is None:
            self._is_dead = True
            self._fail(f"the load generator {self._child.last_words}")
        elif message["type"] == "failed":
            self._fail(message["message"])
            if "worker" in message:
                self._collector.lose(message["worker"])
        elif message["type"] == "note":
            self.notes.append(message["message"])
        elif "worker" in message:
            for interval in self._collected(message):
                if on_interval is not None:
                    on_interval(interval)
        return message

    def _collected(self, message: Message) -> Sequence[Interval]:
        try:
            return self._collector.add(message)
        except LoadLabError as error:
            # Nothing of the load is certain then, and all of it is kept.
            self._fail(str(error))
            return ()

    def _fail(self, message: str) -> None:
        self.failure = self.failure or message
