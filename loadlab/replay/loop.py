"""The replay's threads: one blocking connection each, executing whose turn it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from loadlab.engines.abilities import ReplaySession
from loadlab.errors import ConnectionLostError, DatabaseError
from loadlab.measure.recorder import Recorder, pack_record
from loadlab.measure.replay import STAGES
from loadlab.replay.spool import Step
from loadlab.replay.turns import Session, Turns, clock

_REOPEN_TRIES = 8
_REOPEN_PAUSE_S = 0.25


class Seat:
    """One thread's own things.

    `recorder` has each statement: due, sent, ended. `late` has how late it was, in the same form: due, when it could
    have begun, sent. `late_s` adds that up by what was waited for, in the order of `STAGES`; `rows` by operation.
    """

    def __init__(self, index: int, operations: int) -> None:
        self.index = index
        self.recorder, self.late = Recorder(), Recorder()
        self.late_s = [0.0] * len(STAGES)
        self.rows = [0] * operations
        self.free_s = 0.0
        self.begun_s = 0.0


class ReplayLoop:
    """Turns over connections. `open_session` is called in the thread that uses what it returns."""

    def __init__(self, turns: Turns, open_session: Callable[[], ReplaySession], *, connections: int, operations: int):
        self._turns, self._open = turns, open_session
        self.seats = [Seat(index, operations) for index in range(connections)]
        self._threads = [threading.Thread(target=self._live, args=(seat,), daemon=True) for seat in self.seats]
        self._ready = threading.Barrier(connections + 1)
        self.broken: BaseException | None = None

    def open(self, *, limit_s: float) -> None:
        """Open every connection. Raises what opening one of them raised, TimeoutError after `limit_s`."""
        for thread in self._threads:
            thread.start()
        try:
            self._ready.wait(limit_s)
        except threading.BrokenBarrierError:
            raise self.broken or TimeoutError(f"connections were not open within {limit_s:g} s") from None

    def start(self) -> float:
        """Begin; the moment."""
        begun_s = self._turns.start()
        for seat in self.seats:
            seat.free_s = begun_s
        self._ready.wait()
        return begun_s

    @property
    def is_over(self) -> bool:
        """Whether every thread has come to its end."""
        return not any(thread.is_alive() for thread in self._threads)

    @property
    def failure(self) -> BaseException | None:
        """What broke the replay, if anything did."""
        return self.broken or self._turns.broken

    def stop(self) -> None:
        """Let nothing more begin."""
        self._turns.stop()

    def join(self, limit_s: float) -> None:
        """Wait for the threads' ends, which may not come where a server is dead."""
        ends_s = clock() + limit_s
        for thread in self._threads:
            thread.join(max(0.0, ends_s - clock()))

    # In the threads --------------------------------------------------------------------------------------------------

    def _live(self, seat: Seat) -> None:
        try:
            hands = self._open()
        except BaseException as error:
            self.broken = self.broken or error
            self._ready.abort()
            return
        try:
            self._ready.wait()
            self._ready.wait()
            while (turn := self._turns.take(seat.index)) is not None:
                hands = self._serve(seat, hands, *turn)
        except threading.BrokenBarrierError:
            pass
        except BaseException as error:
            self.broken = self.broken or error
            self._turns.stop()
        finally:
            with suppress(DatabaseError):
                hands.close()

    def _serve(self, seat: Seat, hands: ReplaySession, session: Session, step: Step) -> ReplaySession:
        """The steps of a session for as long as the server has a transaction open for it."""
        current: Step | None = step
        while current is not None:
            step = current
            hands = self._do(seat, hands, session, step)
            if not hands.in_transaction or self._turns.is_last(step):
                break
            current = self._turns.hold(session)
        if hands.in_transaction:
            # The log ends within it, or it was interrupted.
            hands = self._unless_lost(hands, hands.rollback)
        self._turns.give_back(session, step)
        return hands

    def _do(self, seat: Seat, hands: ReplaySession, session: Session, step: Step) -> ReplaySession:
        if step.does == "set":
            _change(session.settings, step)
            return hands
        due_s = self._turns.due_s(step)
        ready_s = sent_s = clock()
        failure: DatabaseError | None = None
        rows = 0
        try:
            hands.set(session.settings)
            if step.is_prepared:
                hands.prepare(step.text)
            sent_s = clock()
            rows = hands.execute(step.text, step.values, is_prepared=step.is_prepared)
        except DatabaseError as error:
            failure = error
            sent_s = max(sent_s, ready_s)
        ended_s = clock()
        if not self._turns.is_paced:
            due_s = ready_s
        self._record(seat, session, step, (due_s, sent_s, ended_s), failure)
        seat.rows[step.operation] += rows
        seat.free_s = session.free_s = ended_s
        return self._reopened(hands) if isinstance(failure, ConnectionLostError) else hands

    def _record(
        self, seat: Seat, session: Session, step: Step, times: tuple[float, float, float], failure: DatabaseError | None
    ) -> None:
        due_s, sent_s, ended_s = times
        if failure is None:
            seat.recorder.write(pack_record(step.operation, due_s, sent_s, ended_s, 0.0))
        else:
            outcome = failure.code or type(failure).__name__.removesuffix("Error")
            seat.recorder.write_failure(step.operation, *times, 0.0, outcome=outcome, message=str(failure))
        seat.begun_s = max(seat.begun_s, sent_s)
        if self._turns.is_paced:
            in_session_s = max(due_s, session.free_s)
            ready_s = max(in_session_s, seat.free_s)
            seat.late.write(pack_record(0, due_s, ready_s, sent_s, 0.0))
            for stage, waited_s in enumerate((in_session_s - due_s, ready_s - in_session_s, sent_s - ready_s)):
                seat.late_s[stage] += waited_s

    def _unless_lost(self, hands: ReplaySession, call: Callable[[], None]) -> ReplaySession:
        try:
            call()
        except DatabaseError:
            return self._reopened(hands)
        return hands

    def _reopened(self, hands: ReplaySession) -> ReplaySession:
        """Another connection for one that broke. Raises DatabaseError when there is none to be had."""
        with suppress(DatabaseError):
            hands.close()
        for _ in range(_REOPEN_TRIES - 1):
            try:
                return self._open()
            except DatabaseError:
                threading.Event().wait(_REOPEN_PAUSE_S)
        return self._open()


def _change(settings: dict[str, str], step: Step) -> None:
    if step.setting:
        settings[step.setting] = step.text
    else:
        settings.clear()


def rows_by_operation(seats: Sequence[Seat]) -> Mapping[int, int]:
    """Rows that were returned or changed, of those operations that had any."""
    sums = [sum(column) for column in zip(*(seat.rows for seat in seats), strict=True)]
    return {operation: rows for operation, rows in enumerate(sums) if rows}
