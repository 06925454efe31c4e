"""The parent's side of the driver processes: start them, tell them all the same, merge what they answer.

Plain threads, pipes and conditions: under gevent's monkey patching they become greenlets and work alike. Every wait is
bounded, and a driver that dies is an error while what it measured before is kept.
"""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import partial
from typing import IO

from loadlab.errors import LoadLabError
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.spec.workload import RATE_PARTS
from loadlab.workload.collect import Collector, Message
from loadlab.workload.plan import LoadPlan, share

START_LIMIT_S = 90.0
# What a driver needs beyond a statement's time limit to drain, flush and answer.
ANSWER_LIMIT_S = 15.0
# Each acknowledged write is looked up by its key.
VERIFY_LIMIT_S = 600.0
_DRIVER = (sys.executable, "-m", "loadlab.workload.driver")

OnInterval = Callable[[Interval], None]


class Child:
    """A process that speaks JSON lines; `on_message` is called in a thread of its own, with None at the end."""

    def __init__(self, command: Sequence[str], on_message: Callable[[Message | None], None]) -> None:
        # A session of its own: the terminal's Ctrl-C is for the parent, which ends the child in good order.
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
        self._on_message = on_message
        self._lines: deque[str] = deque(maxlen=20)
        self._write_lock = threading.Lock()
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._threads = [
            threading.Thread(target=self._read_messages, args=(self._process.stdout,), daemon=True),
            threading.Thread(target=self._read_errors, args=(self._process.stderr,), daemon=True),
        ]
        for thread in self._threads:
            thread.start()

    def send(self, message: Message) -> None:
        """One command."""
        self.write_line(json.dumps(message))

    def write_line(self, line: str) -> None:
        """One line as it is."""
        assert self._process.stdin is not None
        # A child that is gone is reported by its reader.
        with self._write_lock, suppress(OSError, ValueError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()

    def end(self, *, limit_s: float) -> None:
        """Close its input, which ends it; kill it when it does not end in time."""
        assert self._process.stdin is not None
        with suppress(OSError, ValueError):
            self._process.stdin.close()
        try:
            self._process.wait(limit_s)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(ANSWER_LIMIT_S)
        for thread in self._threads:
            thread.join(1.0)
        for stream in (self._process.stdout, self._process.stderr):
            if stream is not None:
                with suppress(OSError, ValueError):
                    stream.close()

    @property
    def last_words(self) -> str:
        """How it ended, with the last line of its standard error."""
        code = self._process.poll()
        how = "was killed" if code is not None and code < 0 else f"ended with code {code}"
        return f"{how}: {self._lines[-1]}" if self._lines else how

    def _read_messages(self, stream: IO[bytes]) -> None:
        try:
            for line in stream:
                self._on_message(json.loads(line))
        finally:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(ANSWER_LIMIT_S)
            self._threads[1].join(1.0)
            self._on_message(None)

    def _read_errors(self, stream: IO[bytes]) -> None:
        for line in stream:
            text = line.decode(errors="replace").strip()
            if text:
                self._lines.append(text)


class Hub:
    """Driver processes as one.

    `on_message` is called with each message of a driver, a `failed` for one that died included, `on_interval` with each
    merged interval, both in a reader's thread.
    """

    def __init__(
        self,
        plans: Sequence[LoadPlan],
        *,
        on_message: Callable[[Message], None] | None = None,
        on_interval: OnInterval | None = None,
    ) -> None:
        self._plans = plans
        self._on_message, self._on_interval = on_message, on_interval
        self._collector = Collector(plans)
        self._children: dict[int, Child] = {}
        self._changed = threading.Condition()
        self._answers: dict[str, set[int]] = {}
        self._gone: set[int] = set()
        self._stopping = False
        self._limit_s = plans[0].workload.drain_limit_s + ANSWER_LIMIT_S
        self.failure: str | None = None
        """What went wrong first, in one line; what was measured before is kept."""

    def start(self) -> None:
        """Start the drivers; returns when all are ready. Raises LoadLabError when one is not."""
        for plan in self._plans:
            self._children[plan.worker] = Child(_DRIVER, partial(self._receive, plan.worker))
            self._children[plan.worker].write_line(plan.to_json())
        self._await("ready", START_LIMIT_S)
        if self.failure is not None:
            self.close()
            raise LoadLabError(self.failure)

    def set_users(self, users: int) -> None:
        """The population, shared out over the drivers."""
        for number, child in enumerate(self._children.values()):
            child.send({"cmd": "users", "n": share(users, number, len(self._children))})

    def set_rate(self, rate_per_s: float) -> None:
        """Between two windows of an open loop without a shape: its rate from now on, measured anew."""
        with self._changed:
            self._collector = self._collector.following(rate_per_s)
        for child in self._children.values():
            child.send({"cmd": "rate", "part_per_s": rate_per_s / RATE_PARTS})

    def begin(self, phase: str) -> None:
        """Start handing out operations in a phase (`warmup` or `measure`)."""
        with self._changed:
            self._collector.begin(phase)
        self._send_phase(phase)

    def pause(self) -> None:
        """Returns when no driver executes anything and the counters are flushed; `failure` tells if one did not."""
        with self._changed:
            self._answers["paused"] = set()
        self._send_phase("pause")
        self._await("paused", self._limit_s)
        with self._changed:
            self._collector.end()

    def verify(self) -> None:
        """Returns when the drivers have looked at what they kept."""
        with self._changed:
            self._answers["verified"] = set()
        for child in self._children.values():
            child.send({"cmd": "verify"})
        self._await("verified", VERIFY_LIMIT_S)

    def stop(self) -> LoadMeasure:
        """End the drivers; everything measured."""
        with self._changed:
            self._stopping = True
        self._send_phase("stop")
        self._await("final", self._limit_s)
        self.close()
        return self.measure()

    def measure(self) -> LoadMeasure:
        """Everything measured so far."""
        with self._changed:
            return self._collector.measure(interrupted=self.failure is not None)

    def close(self) -> None:
        """End the drivers, whatever they are doing."""
        with self._changed:
            self._stopping = True
        for child in self._children.values():
            child.end(limit_s=5.0)
        self._children.clear()

    def _send_phase(self, name: str) -> None:
        for child in self._children.values():
            child.send({"cmd": "phase", "name": name})

    def _await(self, answer: str, limit_s: float) -> None:
        """Until every driver that is left has answered; sets `failure` when it takes too long."""
        ends_s = time.monotonic() + limit_s
        with self._changed:
            while len(self._answers.get(answer, set()) | self._gone) < len(self._plans):
                remaining_s = ends_s - time.monotonic()
                if remaining_s <= 0:
                    self._fail(f"the load generator did not answer within {limit_s:g} s ({answer})")
                    return
                self._changed.wait(min(remaining_s, 1.0))

    def _receive(self, worker: int, message: Message | None) -> None:
        complete: list[Interval] = []
        with self._changed:
            if message is None:
                message = self._death_of(worker)
            if message["type"] == "failed":
                self._lose(worker, message["message"])
            elif message["type"] != "ended":
                complete = self._collect(message)
                self._answers.setdefault(message["type"], set()).add(worker)
            self._changed.notify_all()
        if self._on_message is not None and message["type"] != "ended":
            self._on_message(message)
        if self._on_interval is not None:
            for interval in complete:
                self._on_interval(interval)

    def _collect(self, message: Message) -> list[Interval]:
        try:
            return self._collector.add(message)
        except LoadLabError as error:
            self._fail(str(error))
            return []

    def _death_of(self, worker: int) -> Message:
        if self._stopping or worker in self._gone:
            self._gone.add(worker)
            return {"type": "ended", "worker": worker}
        child = self._children.get(worker)
        text = f"load driver {worker} {child.last_words if child else 'ended'}"
        return {"type": "failed", "worker": worker, "message": text}

    def _lose(self, worker: int, message: str) -> None:
        self._gone.add(worker)
        self._collector.lose(worker)
        self._fail(message)

    def _fail(self, message: str) -> None:
        self.failure = self.failure or message
