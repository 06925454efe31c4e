"""The load loop: operations as they become due, over a pool of one operating-system thread a connection.

What is due when is the schedule's matter (`schedule.py`): users who think, or a clock. A thread takes the earliest,
sleeps until it is due, executes one operation and takes the next. Users may outnumber connections a thousandfold; what
is due while every connection is busy waits, and its response time tells.

Only a change of the population or of the phase has to wake sleepers. The hot path needs no lock of its own.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from loadlab.errors import ConnectionLostError, DatabaseError, LoadLabError, UnreachableError
from loadlab.measure.recorder import Recorder, pack_record
from loadlab.workload.schedule import Schedule

clock = time.perf_counter
DROPPED = "Dropped"
"""The outcome of what nobody could begin in time."""
# Sleepers look around at least this often, so that a missed wake-up can never become a hang.
_LOOK_AROUND_S = 0.5
_BACK_OFF_S = (0.05, 2.0)

Call = Callable[[Any], object]


class Hands(Protocol):
    """What one thread executes with: a connection with every operation prepared on it."""

    @property
    def calls(self) -> Sequence[Call]:
        """One for each operation; called with what the operation's source yields."""
        ...

    def flush(self) -> None:
        """Have the server publish its counters."""
        ...

    def close(self) -> None: ...


class Seat:
    """One thread's own things. `mark` is the schedule's; `idle_s` what the operation under way spent in pauses."""

    def __init__(self, index: int) -> None:
        self.index = index
        self.recorder = Recorder()
        self.mark = 0.0
        self.idle_s = 0.0
        self.gate = threading.Lock()
        self.gate.acquire()
        self.hands: Hands | None = None
        self.calls: Sequence[Call] = ()
        self.back_off_s = _BACK_OFF_S[0]

    def wake(self) -> None:
        with suppress(RuntimeError):  # It was awake.
            self.gate.release()

    def take(self, hands: Hands) -> None:
        self.hands, self.calls = hands, hands.calls
        self.back_off_s = _BACK_OFF_S[0]


class Loop:
    """A schedule over `connections` threads.

    `open_hands` is called in the thread that will use them; `sources[k]` yields the values of operation k and `choose`
    the next operation: both cheap, callable from any thread. `give_up_s[k]` is how late operation k may begin, where
    the schedule's own word does not hold for all. It starts paused and without users.
    """

    def __init__(
        self,
        open_hands: Callable[[Seat], Hands],
        sources: Sequence[Callable[[], Any]],
        choose: Callable[[], int],
        schedule: Schedule,
        *,
        connections: int,
        give_up_s: Sequence[float] | None = None,
    ) -> None:
        self._give_up_s = [schedule.give_up_s] * len(sources) if give_up_s is None else list(give_up_s)
        self._open_hands, self._sources, self._choose, self._schedule = open_hands, sources, choose, schedule
        self._seats = [Seat(index) for index in range(connections)]
        self._threads: list[threading.Thread] = []
        self._users = 0
        self._changed = threading.Condition()
        self._alive = self._parked = 0
        self._paused, self._stopping = True, False
        self._paused_at_s = 0.0
        # True: every thread asks the schedule anew before it executes anything more.
        self._attention = True
        self.broken: BaseException | None = None

    @property
    def recorders(self) -> Sequence[Recorder]:
        return [seat.recorder for seat in self._seats]

    @property
    def users(self) -> int:
        return self._users

    def start(self, *, limit_s: float) -> None:
        """Open every connection. Raises what opening one of them raised, TimeoutError after `limit_s`."""
        for seat in self._seats:
            thread = threading.Thread(target=self._live, args=(seat,), name=f"load-{seat.index}", daemon=True)
            self._threads.append(thread)
            self._alive += 1
            thread.start()
        self._await_parked(limit_s)

    def set_users(self, users: int) -> None:
        """Grow or shrink the population."""
        with self._changed:
            self._users = users
            self._schedule.set_users(users, clock())
            self._attention = self._attention or self._schedule.surplus > 0
        self._wake()

    def reschedule(self, change: Callable[[float], None]) -> None:
        """Have the schedule changed, at the moment (s) that `change` is called with."""
        with self._changed:
            change(clock())
        self._wake()

    def resume(self) -> float:
        """Start handing out; due times move by the length of the pause. Returns the moment (s)."""
        with self._changed:
            now_s = clock()
            if self._paused:
                self._schedule.resume(now_s)
                self._paused = self._attention = False
                self._changed.notify_all()
            return now_s

    def pause(self, *, limit_s: float) -> float:
        """Stop handing out, wait until nothing is executed and counters are flushed.

        Returns the moment from which nothing more became due. Raises TimeoutError after `limit_s`, and what broke a
        thread.
        """
        with self._changed:
            if not self._paused:
                self._paused_at_s = clock()
                self._schedule.pause(self._paused_at_s)
                self._paused = self._attention = True
        self._wake()
        self._await_parked(limit_s)
        return self._paused_at_s

    def stop(self, *, limit_s: float) -> None:
        """End the threads, those that a statement holds up excepted: they end with the process."""
        with self._changed:
            self._stopping = self._attention = True
            self._changed.notify_all()
        self._wake()
        ends_s = clock() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, ends_s - clock()))

    def _wake(self) -> None:
        for seat in self._seats:
            seat.wake()

    def _await_parked(self, limit_s: float) -> None:
        with self._changed:
            drained = self._changed.wait_for(lambda: self._parked >= self._alive, limit_s)
        if self.broken is not None:
            raise self.broken
        if not drained:
            raise TimeoutError(f"{self._alive - self._parked} operations did not end within {limit_s:g} s")

    # What follows runs in the threads.

    def _live(self, seat: Seat) -> None:
        try:
            seat.take(self._open_hands(seat))
            while not self._stopping:
                if self._attention:
                    self._attend()
                due_s = self._schedule.take(seat)
                if due_s is not None:
                    self._serve(seat, due_s)
                elif self._paused:
                    self._flush(seat)
                    self._park()
                else:
                    seat.gate.acquire(True, _LOOK_AROUND_S)
        except BaseException as error:
            self.broken = error
        finally:
            if seat.hands is not None:
                with suppress(Exception):
                    seat.hands.close()
            with self._changed:
                self._alive -= 1
                self._changed.notify_all()

    def _attend(self) -> None:
        with self._changed:
            self._attention = self._paused or self._stopping or self._schedule.surplus > 0

    def _park(self) -> None:
        with self._changed:
            self._parked += 1
            self._changed.notify_all()
            while self._paused and not self._stopping:
                self._changed.wait(_LOOK_AROUND_S)
            self._parked -= 1

    def _flush(self, seat: Seat) -> None:
        if seat.hands is not None:
            try:
                seat.hands.flush()
            except DatabaseError:
                self._lose(seat)

    def _serve(self, seat: Seat, due_s: float) -> None:
        """The hot path: operation after operation, until woken, asked for attention, or failed."""
        sources, choose, after, give_up_s = self._sources, self._choose, self._schedule.after, self._give_up_s
        write, gate = seat.recorder.write, seat.gate
        while True:
            delay_s = due_s - clock()
            if delay_s > 0:
                woken = gate.acquire(True, min(delay_s, _LOOK_AROUND_S))
                if woken or self._attention:
                    self._schedule.give_back(seat, due_s)
                    return
                continue
            operation = choose()
            if delay_s < -give_up_s[operation]:
                due_s = self._drop(seat, operation, due_s)
            else:
                values = sources[operation]()
                sent_s = clock()
                try:
                    seat.calls[operation](values)
                except Exception as error:
                    self._fail(seat, operation, due_s, sent_s, error)
                    return
                ended_s = clock()
                write(pack_record(operation, due_s, sent_s, ended_s, seat.idle_s))
                if seat.idle_s:
                    seat.idle_s = 0.0
                due_s = after(seat, ended_s)
            # After a drop as well: what comes due after a pause began is none of the phase, however late this is.
            if self._attention:
                self._schedule.give_back(seat, due_s)
                return

    def _drop(self, seat: Seat, operation: int, due_s: float) -> float:
        """Nobody waits for it any more: counted, not executed. Returns the next due time."""
        now_s = clock()
        limit_s = self._give_up_s[operation]
        message = f"was not begun within {limit_s:g} s of the moment it was due: every connection was busy"
        seat.recorder.write_failure(operation, due_s, now_s, now_s, 0.0, outcome=DROPPED, message=message)
        return self._schedule.after(seat, now_s)

    def _fail(self, seat: Seat, operation: int, due_s: float, sent_s: float, error: Exception) -> None:
        ended_s = clock()
        outcome, message = describe(error)
        seat.recorder.write_failure(operation, due_s, sent_s, ended_s, seat.idle_s, outcome=outcome, message=message)
        seat.idle_s = 0.0
        self._schedule.ended_with(seat, ended_s)
        if isinstance(error, ConnectionLostError):
            self._lose(seat)
        if seat.hands is None:
            self._back_off(seat, seat.back_off_s)
            seat.back_off_s = min(seat.back_off_s * 2, _BACK_OFF_S[1])
        elif isinstance(error, UnreachableError):
            # The connection was to be the operation's own: that it is refused says nothing of the next one.
            self._back_off(seat, _BACK_OFF_S[0])

    def _back_off(self, seat: Seat, seconds: float) -> None:
        """Let those that have a connection serve the users meanwhile; with everybody down, nobody spins."""
        for other in self._seats:
            if other.hands is not None:
                other.wake()
        ends_s = clock() + seconds
        while not self._attention and (remaining_s := ends_s - clock()) > 0:
            seat.gate.acquire(True, remaining_s)

    def _lose(self, seat: Seat) -> None:
        """Give the connection up; the next operation opens another one, or fails."""
        if seat.hands is not None:
            with suppress(Exception):
                seat.hands.close()
        seat.hands = None

        def reconnect_for(operation: int) -> Call:
            def reconnect(values: Any) -> object:
                seat.take(self._open_hands(seat))
                return seat.calls[operation](values)

            return reconnect

        seat.calls = [reconnect_for(operation) for operation in range(len(self._sources))]


def describe(error: BaseException) -> tuple[str, str]:
    """The outcome (`ConflictError 40001`, `KeyError`) and the message, one line, of a failed operation."""
    name = type(error).__name__
    text = " ".join(str(error).split())
    if isinstance(error, DatabaseError):
        return (f"{name} {error.code}" if error.code else name), text
    if isinstance(error, LoadLabError):
        return name, text
    frames = traceback.extract_tb(error.__traceback__)
    place = f"{frames[-1].filename.rpartition('/')[2]}: line {frames[-1].lineno}: " if frames else ""
    return name, f"{place}{name}: {text}"
