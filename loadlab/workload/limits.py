"""Time limits of operations that the server does not keep by itself, and connections that operations open.

The server's own limit is one for a whole session, and a pooler's clients cannot set any. What is shorter than that is
kept from here: one thread looks after all connections of a driver and, when an operation's time is up, asks the server
to cancel what the operation executes; again while that goes on, since a request that comes between two statements
stops nothing. A server that does not heed it in time loses the connection, so that nothing hangs.

The thread needs no signal for each operation: what begins after it has looked cannot be due before the shortest limit
has passed, and it looks again by then.
"""

from __future__ import annotations

import math
import threading
from collections.abc import Callable
from typing import Any

from loadlab.engines.abilities import CanCancel, DirectSession
from loadlab.errors import ConnectionLostError, StatementTimeoutError, UnansweredError
from loadlab.units import format_duration
from loadlab.workload.loop import Call, clock

TIMED_OUT = frozenset({StatementTimeoutError.__name__, UnansweredError.__name__})
"""The errors that an operation beyond its limit ends with; an outcome may have the server's code behind it."""
_AGAIN_S = 0.1
_HEED_S = 2.0
_PAUSE_MIN_S = 0.001


class Guard:
    """One connection's: until when what it executes may take. Its own thread begins and ends, the watch acts."""

    __slots__ = ("_acted", "_lock", "_session", "_until_s", "due_s", "is_asking", "was_abandoned")

    def __init__(self, session: CanCancel) -> None:
        self._session = session
        self._lock = threading.Lock()
        self.due_s = self._until_s = math.inf
        self._acted = self.is_asking = self.was_abandoned = False

    def begin(self, limit_s: float) -> None:
        """What is executed from now on has so long."""
        self._acted = self.was_abandoned = False
        until_s = clock() + limit_s
        self._until_s = until_s
        self.due_s = until_s

    def end(self) -> bool:
        """It has ended; whether it had to be cut off. Nothing that comes next is hit by a request for it."""
        with self._lock:
            self.due_s = math.inf
        return self._acted

    def cut_off(self) -> None:
        """Stop what is overdue; nothing when it has ended meanwhile. A silent server lets this wait."""
        with self._lock:
            try:
                now_s = clock()
                if self.due_s <= now_s:
                    self._act(now_s)
            finally:
                self.is_asking = False

    def _act(self, now_s: float) -> None:
        self._acted = True
        if now_s < self._until_s + _HEED_S:
            self._session.cancel()
            self.due_s = clock() + _AGAIN_S
        else:
            self.was_abandoned = True
            self._session.abandon()
            self.due_s = math.inf


class Watch:
    """Looks after guards in a thread of its own, for as long as the process lives."""

    def __init__(self) -> None:
        self._guards: list[Guard] = []
        self._shortest_s = math.inf
        self._lock = threading.Lock()
        self._changed = threading.Event()
        self._thread: threading.Thread | None = None

    def guard(self, session: CanCancel, shortest_s: float) -> Guard:
        """A guard for a connection whose shortest limit is this; `leave` lets it go."""
        made = Guard(session)
        with self._lock:
            self._guards = [*self._guards, made]
            self._shortest_s = min(self._shortest_s, shortest_s)
            if self._thread is None:
                self._thread = threading.Thread(target=self._watch, daemon=True, name="limits")
                self._thread.start()
        self._changed.set()
        return made

    def leave(self, guard: Guard) -> None:
        """The connection is closed."""
        with self._lock:
            self._guards = [one for one in self._guards if one is not guard]

    def _watch(self) -> None:
        while True:
            now_s, next_s = clock(), math.inf
            for guard in self._guards:
                if guard.due_s > now_s:
                    next_s = min(next_s, guard.due_s)
                elif not guard.is_asking:
                    # A server that is silent for one connection must not keep the others waiting.
                    guard.is_asking = True
                    threading.Thread(target=guard.cut_off, daemon=True, name="limit").start()
            self._changed.wait(max(_PAUSE_MIN_S, min(next_s - clock(), self._shortest_s, _AGAIN_S)))
            self._changed.clear()


def limited(call: Call, guard: Guard, limit_s: float) -> Call:
    """The call, cut off after `limit_s`; it then raises StatementTimeoutError or UnansweredError."""

    def run(values: Any) -> object:
        guard.begin(limit_s)
        try:
            result = call(values)
        except (StatementTimeoutError, ConnectionLostError) as error:
            if not guard.end():
                raise
            raise _timed_out(error, guard, limit_s) from error
        except BaseException:
            guard.end()
            raise
        guard.end()
        return result

    return run


def _timed_out(error: StatementTimeoutError | ConnectionLostError, guard: Guard, limit_s: float) -> Exception:
    what = f"did not end within its limit of {format_duration(limit_s)}"
    if isinstance(error, StatementTimeoutError):
        return StatementTimeoutError(f"{what}, and the server cancelled it", code=error.code)
    if guard.was_abandoned:
        return UnansweredError(f"{what}, nor {format_duration(_HEED_S)} after the server was asked to cancel it")
    return error


def connecting(call: Call, session: DirectSession, record: Callable[[float], None]) -> Call:
    """The call over a connection of its own, whose opening (s) is recorded."""

    def run(values: Any) -> object:
        began_s = clock()
        session.open()
        record(clock() - began_s)
        try:
            return call(values)
        finally:
            session.shut()

    return run
