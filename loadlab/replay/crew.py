"""The parent's side of the workers: start them, let them go together, merge what they measured."""

from __future__ import annotations

import json
import queue
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from functools import partial
from types import TracebackType
from typing import Any, Self

from loadlab.errors import LoadLabError
from loadlab.measure.model import Interval
from loadlab.replay.collect import ReplayCollector
from loadlab.replay.worker import Task
from loadlab.workload.hub import START_LIMIT_S, Child

_WORKER = (sys.executable, "-m", "loadlab.replay.worker")
_STOP_LIMIT_S = 20.0


class Crew:
    """Workers as one. Raises LoadLabError on entering when one of them cannot begin."""

    def __init__(self, tasks: Sequence[Task], collector: ReplayCollector) -> None:
        self._tasks, self._collector = tasks, collector
        self._messages: queue.SimpleQueue[tuple[int, dict[str, Any] | None]] = queue.SimpleQueue()
        self._children: dict[int, Child] = {}
        self._stack = ExitStack()
        self._working: set[int] = set()
        self.interrupted = False
        self.failure: str | None = None
        """What ended the replay early, in one line; what was measured before is kept."""

    def __enter__(self) -> Self:
        try:
            for task in self._tasks:
                put = partial(self._put, task.worker)
                child = self._children[task.worker] = Child(_WORKER, put)
                self._stack.callback(child.end, limit_s=_STOP_LIMIT_S)
                child.write_line(task.to_json())
            self._await_ready()
        except BaseException:
            self._stack.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()

    def _put(self, worker: int, message: Any) -> None:
        self._messages.put((worker, message))

    def _await_ready(self) -> None:
        ends_s = time.monotonic() + START_LIMIT_S
        waiting = set(self._children)
        while waiting:
            if time.monotonic() > ends_s:
                raise LoadLabError(f"the replay's workers were not ready within {START_LIMIT_S:g} s")
            for worker, message in self._taken(0.5):
                if message is None or message["type"] == "failed":
                    words = self._children[worker].last_words if message is None else message["message"]
                    raise LoadLabError(f"the replay cannot begin: {words}")
                waiting.discard(worker)

    def run(self, on_interval: Callable[[Interval], None]) -> None:
        """To the end of the last session. Ctrl-C and a worker that breaks down end it early."""
        self._working = set(self._children)
        self._tell("go")
        try:
            while self._working:
                for interval in self._step():
                    on_interval(interval)
        except KeyboardInterrupt:
            self.interrupted = True
            self._stop()

    def _stop(self) -> None:
        self._tell("stop")
        ends_s = time.monotonic() + _STOP_LIMIT_S
        while self._working and time.monotonic() < ends_s:
            self._step()

    def _step(self) -> list[Interval]:
        intervals = []
        for worker, message in self._taken(0.5):
            if message is None:
                if worker in self._working:
                    self._fail(worker, f"a worker {self._children[worker].last_words}")
            elif message["type"] == "failed":
                self._fail(worker, message["message"])
            else:
                interval = self._collector.add(message)
                if interval is not None:
                    intervals.append(interval)
                if message["type"] == "final":
                    self._working.discard(worker)
        return intervals

    def _fail(self, worker: int, words: str) -> None:
        """The others stop too: a part of a replay is none."""
        self._working.discard(worker)
        if self.failure is None:
            self.failure = words
            self._tell("stop")

    def _taken(self, limit_s: float) -> list[tuple[int, dict[str, Any] | None]]:
        try:
            return [self._messages.get(timeout=limit_s)]
        except queue.Empty:
            return []

    def _tell(self, command: str) -> None:
        for child in self._children.values():
            child.write_line(json.dumps({"cmd": command}))
