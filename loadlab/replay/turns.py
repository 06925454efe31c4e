"""Whose turn it is: sessions by the due time of their next step, over fewer connections than sessions.

A session is in one place at a time: waiting for its next step to be read, in the heap, or with the thread that executes
it. So its statements neither overlap nor change their order. While the server has a transaction open for it, it keeps
its thread, and with it the connection; outside of one it may go on with any.

Sleeping is shared as in a delay queue with a leader (Schmidt and others, "Leader/Followers", 2000): one thread sleeps
until the earliest turn, the others until they are called.
"""

from __future__ import annotations

import heapq
import threading
import time
from collections import deque
from collections.abc import Iterable, Sequence

from loadlab.replay.spool import Step

clock = time.perf_counter
AHEAD = 20_000
"""Steps that are read before they are executed."""
_HORIZON_S = 2.0


class Session:
    """A session of the log under way. `free_s` is when its last statement ended."""

    __slots__ = ("arrived", "free_s", "is_away", "number", "settings", "steps")

    def __init__(self, number: int, lock: threading.Lock) -> None:
        self.number = number
        self.steps: deque[Step] = deque()
        self.settings: dict[str, str] = {}
        self.free_s = 0.0
        self.is_away = False
        """In the heap or with a thread."""
        self.arrived = threading.Condition(lock)


class Turns:
    """Steps of a spool become turns of sessions. `speed` None: nothing waits for its time."""

    def __init__(self, steps: Iterable[Step], last_places: Sequence[int], first_us: int, speed: float | None) -> None:
        self._steps, self._last_places = steps, last_places
        self._first_us, self._speed = first_us, speed
        self._lock = threading.Lock()
        self._changed = threading.Condition(self._lock)
        self._wanted = threading.Condition(self._lock)
        self._sessions: dict[int, Session] = {}
        self._heap: list[tuple[int, int, Session]] = []
        self._leader: int | None = None
        self._unread = 0
        self._idle = self._starving = 0
        self._is_read = False
        self._is_over = False
        self.begun_s = 0.0
        self.broken: BaseException | None = None

    @property
    def is_paced(self) -> bool:
        return self._speed is not None

    def due_s(self, step: Step) -> float:
        """When a step is due, on this process's clock; the beginning when nothing is paced."""
        return self.begun_s + ((step.due_us - self._first_us) / 1e6 / self._speed if self._speed else 0.0)

    def start(self) -> float:
        """Let time begin; the moment."""
        self.begun_s = clock()
        threading.Thread(target=self._read, name="replay-reader", daemon=True).start()
        return self.begun_s

    def stop(self) -> None:
        """No further turn is given."""
        with self._lock:
            self._end()

    # Reading ---------------------------------------------------------------------------------------------------------

    def _read(self) -> None:
        try:
            for step in self._steps:
                with self._lock:
                    while not self._is_over and self._is_enough(step):
                        self._wanted.wait(0.5)
                    if self._is_over:
                        return
                    self._arrive(step)
        except BaseException as error:
            self.broken = error
            self.stop()
            return
        with self._lock:
            self._is_read = True
            self._changed.notify_all()
            for session in self._sessions.values():
                session.arrived.notify_all()

    def _is_enough(self, step: Step) -> bool:
        """Whether reading can wait. Not while a connection has nothing to do that could have: an idle one, or one whose
        transaction waits for a step that lies behind any number of others."""
        if self._unread < AHEAD:
            return False
        if not (self._idle or self._starving):
            return True
        return self._speed is not None and self.due_s(step) > clock() + _HORIZON_S

    def _arrive(self, step: Step) -> None:
        session = self._sessions.get(step.session)
        if session is None:
            session = self._sessions[step.session] = Session(step.session, self._lock)
        session.steps.append(step)
        self._unread += 1
        if session.is_away:
            session.arrived.notify()
        else:
            session.is_away = True
            self._put(session)

    def _put(self, session: Session) -> None:
        first = session.steps[0]
        heapq.heappush(self._heap, (first.due_us, first.place, session))
        if self._heap[0][2] is session:
            # The leader sleeps for another one.
            self._leader = None
            self._changed.notify()

    # Threads ---------------------------------------------------------------------------------------------------------

    def take(self, seat: int) -> tuple[Session, Step] | None:
        """The earliest session whose step is due; sleeps until there is one. None: there will be no more."""
        with self._lock:
            while not self._is_over:
                if not self._heap:
                    if self._is_read and not any(session.is_away for session in self._sessions.values()):
                        self._end()
                        break
                    self._rest(None)
                    continue
                session = self._heap[0][2]
                delay_s = self.due_s(session.steps[0]) - clock() if self._speed else 0.0
                if delay_s <= 0:
                    heapq.heappop(self._heap)
                    if self._heap:
                        self._leader = None
                        self._changed.notify()
                    return session, self._next(session)
                if self._leader is not None:
                    self._rest(None)
                    continue
                self._leader = seat
                self._rest(delay_s)
                if self._leader == seat:
                    self._leader = None
            return None

    def _rest(self, limit_s: float | None) -> None:
        self._idle += 1
        self._wanted.notify()
        self._changed.wait(limit_s)
        self._idle -= 1

    def _next(self, session: Session) -> Step:
        step = session.steps.popleft()
        self._unread -= 1
        if self._unread < AHEAD // 2:
            self._wanted.notify()
        return step

    def hold(self, session: Session) -> Step | None:
        """The session's next step, waited for until it is read and due; None when it has none any more."""
        with self._lock:
            while not self._is_over:
                if session.steps:
                    delay_s = self.due_s(session.steps[0]) - clock() if self._speed else 0.0
                    if delay_s <= 0:
                        return self._next(session)
                    session.arrived.wait(delay_s)
                    continue
                if self._is_read:
                    return None
                self._starving += 1
                self._wanted.notify()
                session.arrived.wait(0.5)
                self._starving -= 1
            return None

    def is_last(self, step: Step) -> bool:
        """Whether its session has no further step."""
        return self._last_places[step.session] == step.place

    def give_back(self, session: Session, step: Step) -> None:
        """Its transaction is over: any connection may go on with it."""
        with self._lock:
            if self.is_last(step):
                del self._sessions[session.number]
            elif session.steps:
                self._put(session)
                return
            else:
                session.is_away = False
            if self._is_read and not self._heap:
                self._changed.notify_all()

    def _end(self) -> None:
        self._is_over = True
        self._changed.notify_all()
        self._wanted.notify_all()
        for session in self._sessions.values():
            session.arrived.notify_all()
