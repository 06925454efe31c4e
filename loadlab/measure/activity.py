"""What a server was doing over a window: samples of its sessions, and the processor time of its processes."""

from __future__ import annotations

import math
import threading
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

from loadlab.engines.abilities import ActivitySampler, Doing, EventKind, EventSampler, ServerEvent
from loadlab.errors import DatabaseError

SAMPLE_EVERY_S = 0.1
_EVENTS_EVERY_S = 0.5


@dataclass(frozen=True, slots=True)
class WindowEvent:
    """A piece of work that the server did by itself; seconds from the window's start, negative before it.

    `began_s` is None where nobody saw the beginning, `ended_s` where it went on beyond the window.
    """

    kind: EventKind
    subject: str
    began_s: float | None
    ended_s: float | None


@dataclass(frozen=True, slots=True)
class Activity:
    """`sessions` counts sessions by what they did, added up over `samples` looks at them.

    `server_cores` is the processor time of the server's processes per second of the window; None for a server on
    another machine. `server_events` are what the server did by itself, in the order in which it ended.
    """

    samples: int
    sessions: Mapping[tuple[Doing, str], int] = field(default_factory=dict)
    server_cores: float | None = None
    server_events: tuple[WindowEvent, ...] = ()

    def shares(self) -> dict[Doing, float]:
        """The share of the sessions' time by what they did; empty when none was seen doing anything."""
        total, found = sum(self.sessions.values()), Counter[Doing]()
        for (doing, _), count in self.sessions.items():
            found[doing] += count
        return {doing: count / total for doing, count in found.most_common()}

    def events(self) -> dict[str, float]:
        """The share of the sessions' time by the server's own word for what they waited for, most first."""
        total = sum(self.sessions.values())
        named = Counter({event: count for (_, event), count in self.sessions.items() if event})
        return {event: count / total for event, count in named.most_common()}


class ActivityWatch:
    """Samples in a thread of its own while it is entered. What stopped it early is in `failure`."""

    def __init__(self, sampler: ActivitySampler, every_s: float = SAMPLE_EVERY_S) -> None:
        self._sampler, self._every_s = sampler, every_s
        self._sessions: Counter[tuple[Doing, str]] = Counter()
        self._samples = 0
        self._events: list[WindowEvent] = []
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True, name="activity")
        self._span_s = 0.0
        self._cpu_s: float | None = None
        self.failure: str | None = None

    def __enter__(self) -> Self:
        self._began_at_s = time.time()
        self._began_s, self._began_cpu_s = time.monotonic(), self._sampler.cpu_s()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        ended_cpu_s = self._sampler.cpu_s()
        self._span_s = time.monotonic() - self._began_s
        if ended_cpu_s is not None and self._began_cpu_s is not None:
            # A process that has ended and is not reaped yet is counted nowhere.
            self._cpu_s = max(0.0, ended_cpu_s - self._began_cpu_s)

    def seen(self) -> Activity:
        """What was seen until it was left."""
        cores = self._cpu_s / self._span_s if self._cpu_s is not None and self._span_s else None
        events = sorted(self._events, key=lambda event: math.inf if event.ended_s is None else event.ended_s)
        return Activity(self._samples, dict(self._sessions), cores, tuple(events))

    def _watch(self) -> None:
        ask_s = time.monotonic() + _EVENTS_EVERY_S
        try:
            while not self._stopping.wait(self._every_s):
                self._sessions.update(self._sampler.sample())
                self._samples += 1
                if time.monotonic() >= ask_s:
                    self._look_for_events()
                    ask_s = time.monotonic() + _EVENTS_EVERY_S
            self._look_for_events(last=True)
        except DatabaseError as error:
            self.failure = str(error)

    def _look_for_events(self, *, last: bool = False) -> None:
        if isinstance(self._sampler, EventSampler):
            found = [self._in_window(event) for event in self._sampler.events(last=last)]
            # A sampler may be older than the window, and tell of what was before it.
            self._events += [event for event in found if event.ended_s is None or event.ended_s >= 0]

    def _in_window(self, event: ServerEvent) -> WindowEvent:
        began_s, ended_s = (None if s is None else s - self._began_at_s for s in (event.began_s, event.ended_s))
        return WindowEvent(event.kind, event.subject, began_s, ended_s)
