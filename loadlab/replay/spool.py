"""What is to be executed, on disk: sorted by due time, one share for each worker.

A log has its statements in the order of their ends; a replay needs them in the order of their beginnings. Runs of
steps are sorted in memory, written to files of their own, and merged when they are read (external merge sort), so that
neither side ever holds more than a run. The files hold the log's values: they are readable by their owner alone and go
with their folder.
"""

from __future__ import annotations

import heapq
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Literal, NamedTuple

_RUN_STEPS = 50_000
# As many files are open at once while they are merged; beyond it they are merged in stages.
_FAN_IN = 64


class Step(NamedTuple):
    """One thing that a session does. Sorts by its due time on the log's clock (µs), then by its place in the log.

    `operation` is the number of its shape. A `set` changes the session's settings and is not measured: `setting` has
    the statement `text`, or none any more when that is empty; all of them are gone when both are.
    """

    due_us: int
    place: int
    session: int
    does: Literal["execute", "set"]
    operation: int
    text: str
    values: list[str | None] | None = None
    is_prepared: bool = False
    setting: str = ""


class SpoolWriter:
    """Takes steps in any order; `close` writes what is left."""

    def __init__(self, folder: Path, *, run_steps: int = _RUN_STEPS) -> None:
        folder.mkdir(mode=0o700)
        self._folder, self._run_steps = folder, run_steps
        self._steps: list[Step] = []
        self._runs: list[Path] = []
        self._made = 0

    def add(self, step: Step) -> None:
        """A full run is written."""
        self._steps.append(step)
        if len(self._steps) >= self._run_steps:
            self._flush()

    def close(self) -> None:
        """Leave at most as many runs as a reader opens at once."""
        self._flush()
        while len(self._runs) > _FAN_IN:
            some, self._runs = self._runs[:_FAN_IN], self._runs[_FAN_IN:]
            self._write(heapq.merge(*map(_read, some)))
            for path in some:
                path.unlink()

    def _flush(self) -> None:
        if self._steps:
            self._steps.sort()
            self._write(self._steps)
            self._steps = []

    def _write(self, steps: Iterable[Step]) -> None:
        self._made += 1
        path = self._folder / f"{self._made:06}.run"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
            file.writelines(json.dumps(step, separators=(",", ":")) + "\n" for step in steps)
        self._runs.append(path)


def steps_of(folder: Path) -> Iterator[Step]:
    """What a writer has put there, in order."""
    yield from heapq.merge(*map(_read, sorted(folder.glob("*.run"))))


def _read(path: Path) -> Iterator[Step]:
    with path.open(encoding="ascii") as file:
        for line in file:
            yield Step(*json.loads(line))
