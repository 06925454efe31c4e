"""What a connection pooler between load and server says of itself over a window: differences, and peaks of samples."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from loadlab.engines.abilities import Pooler, PoolerConsole, PoolerState
from loadlab.errors import DatabaseError

SAMPLE_EVERY_S = 0.5
# A pooler that has stopped answering must not hold up the report.
_ANSWER_LIMIT_S = 3.0


@dataclass(frozen=True, slots=True)
class PoolerEvidence:
    """`counters` are differences over the window, `peaks` the largest of the gauges' samples (see `PoolerState`).

    `missing` says why there are none.
    """

    product: str
    manner: str
    counters: Mapping[str, float] = field(default_factory=dict)
    peaks: Mapping[str, float] = field(default_factory=dict)
    missing: str | None = None


class PoolerWatch:
    """Samples a pooler's state in a thread of its own while it is entered; without a pooler it does nothing."""

    def __init__(self, pooler: Pooler | None) -> None:
        self._pooler = pooler
        self._first: PoolerState | None = None
        self._last: PoolerState | None = None
        self._peaks: dict[str, float] = {}
        self._missing: str | None = None
        self._began, self._stopping = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="pooler")

    def __enter__(self) -> Self:
        if self._pooler is not None:
            self._thread.start()
            self._began.wait(_ANSWER_LIMIT_S)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        if self._pooler is not None:
            self._thread.join(_ANSWER_LIMIT_S)

    def seen(self) -> PoolerEvidence | None:
        """What was seen until it was left; None without a pooler."""
        if self._pooler is None:
            return None
        product, manner = self._pooler.product, self._pooler.manner
        missing = "its console has stopped answering" if self._thread.is_alive() else self._missing
        if missing is not None or self._first is None or self._last is None:
            return PoolerEvidence(product, manner, missing=missing)
        before = self._first.counters
        counters = {name: value - before.get(name, 0.0) for name, value in self._last.counters.items()}
        if any(value < 0 for value in counters.values()):
            return PoolerEvidence(product, manner, missing="its counters began anew within the window")
        return PoolerEvidence(product, manner, counters, dict(self._peaks))

    def _watch(self) -> None:
        assert self._pooler is not None
        try:
            console = self._pooler.console()
            try:
                self._sample_until_left(console)
            finally:
                console.close()
        except DatabaseError as error:
            self._missing = str(error)
        finally:
            self._began.set()

    def _sample_until_left(self, console: PoolerConsole) -> None:
        """The last sample is taken after the end."""
        has_ended = False
        while not has_ended:
            self._stopping.wait(SAMPLE_EVERY_S if self._first is not None else 0)
            has_ended = self._stopping.is_set()
            self._last = console.state()
            self._first = self._first or self._last
            for name, value in self._last.gauges.items():
                self._peaks[name] = max(self._peaks.get(name, 0.0), value)
            self._began.set()
