"""When operations are due: users who think (closed loop), or a clock that waits for nobody (open loop).

A thread `take`s a due time, sleeps until then, executes, and asks for the one `after`. One that is woken before its
time `give_back`s what it holds. The hot path needs no lock of its own: `heapq`, `list` and iterators of `itertools`
work in single steps under the interpreter's lock.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import suppress
from heapq import heappop, heappush, heappushpop
from itertools import accumulate, chain
from typing import Protocol

# With nobody asking for anything the next arrival is so far away (s) that it is not worth a case of its own.
_NEVER_GAP_S = 1e9


class Holder(Protocol):
    """A thread, which remembers what it holds: the position of an arrival on the schedule's own scale."""

    mark: float


class Schedule(Protocol):
    """Due times in seconds of the loop's clock; paused at 0 to begin with.

    What is not on the hot path is called under the loop's lock.
    """

    give_up_s: float
    """How late an operation may begin before nobody waits for it any more."""
    surplus: int
    """Users who are to leave, and do as soon as they are back from what they execute."""

    def take(self, holder: Holder) -> float | None:
        """The earliest due time; None: nothing is due until something changes."""
        ...

    def after(self, holder: Holder, ended_s: float) -> float:
        """The operation that the holder took has ended; the next due time for it."""
        ...

    def give_back(self, holder: Holder, due_s: float) -> None:
        """What was taken is not executed now."""
        ...

    def ended_with(self, holder: Holder, ended_s: float) -> None:
        """As `after`, without taking another one."""
        ...

    def set_users(self, users: int, now_s: float) -> None:
        """The population. Whoever sleeps on a due time is woken afterwards."""
        ...

    def pause(self, now_s: float) -> None:
        """From now on nothing more is due, except what was due before and has to be executed still."""
        ...

    def resume(self, now_s: float) -> None:
        """The clock goes on where it was paused."""
        ...


class ThinkingUsers:
    """The closed loop: a user is nothing but a due time in one heap, back in it after each operation and think time.

    While nothing is executed the threads hold the earliest due times of all: a thread that puts one back takes the
    earliest at the same step, so what it leaves in the heap is never earlier than what others sleep on.
    """

    give_up_s = math.inf

    def __init__(self, think_s: Callable[[], float]) -> None:
        self._think_s = think_s
        self._due: list[float] = []
        self._users = self.surplus = 0
        self._paused_at_s: float | None = 0.0

    def take(self, holder: Holder) -> float | None:
        if self.surplus:
            self._drop_surplus()
        if self._paused_at_s is not None:
            return None
        try:
            return heappop(self._due)
        except IndexError:
            return None

    def after(self, holder: Holder, ended_s: float) -> float:
        return heappushpop(self._due, ended_s + self._think_s())

    def give_back(self, holder: Holder, due_s: float) -> None:
        heappush(self._due, due_s)

    def ended_with(self, holder: Holder, ended_s: float) -> None:
        heappush(self._due, ended_s + self._think_s())

    def set_users(self, users: int, now_s: float) -> None:
        """New users arrive spread over one think time."""
        more = users - self._users
        self._users = users
        kept = min(max(more, 0), self.surplus)
        self.surplus += max(-more, 0) - kept
        base_s = self._paused_at_s if self._paused_at_s is not None else now_s
        for number in range(max(more, 0) - kept):
            heappush(self._due, base_s + self._think_s() * (number + 0.5) / more)

    def pause(self, now_s: float) -> None:
        self._paused_at_s = now_s

    def resume(self, now_s: float) -> None:
        assert self._paused_at_s is not None
        shift_s = now_s - self._paused_at_s
        self._due[:] = [due_s + shift_s for due_s in self._due]
        self._paused_at_s = None

    def _drop_surplus(self) -> None:
        # The last item is a leaf: without it the list is still a heap.
        while self.surplus and self._due:
            with suppress(IndexError):
                self._due.pop()
                self.surplus -= 1


class Arrivals:
    """The open loop: arrivals on a scale of their own, on which one is due per unit, stretched by the rate.

    `gaps` are the distances on that scale (all 1, or exponential with mean 1): by the time-rescaling theorem (Brown,
    Barbieri, Ventura, Kass and Frank, "The time-rescaling theorem and its application to neural spike train data
    analysis", Neural Computation 14, 2002) a rate that changes keeps the arrivals Poisson. `part_rate_per_s` is what
    one Locust user stands for, `offset` where the first arrival of a constant rate lies in the first unit.

    What was due before a pause is executed after it began, so that no late answer goes uncounted; what nobody could
    begin within `give_up_s` is dropped by the loop, and counted as such.
    """

    surplus = 0

    def __init__(self, gaps: Iterator[float], part_rate_per_s: float, *, give_up_s: float, offset: float = 0.0) -> None:
        self._next: Callable[[], float] = accumulate(chain((offset,), gaps)).__next__
        self._users, self._part_rate_per_s = 0, part_rate_per_s
        self.give_up_s = give_up_s
        self._returned: list[float] = []
        # (moment, position at that moment, seconds a unit): one tuple, so that a reader never sees half of a change.
        self._line = (0.0, 0.0, _NEVER_GAP_S)
        self._closed_at_s = 0.0

    def take(self, holder: Holder) -> float | None:
        due_s = self._take(holder)
        if due_s >= self._closed_at_s:
            self.give_back(holder, due_s)
            return None
        return due_s

    def after(self, holder: Holder, ended_s: float) -> float:
        return self._take(holder)

    def _take(self, holder: Holder) -> float:
        position = self._next() if not self._returned else self._earliest()
        holder.mark = position
        moment_s, base, gap_s = self._line
        return moment_s + (position - base) * gap_s

    def _earliest(self) -> float:
        try:
            return heappop(self._returned)
        except IndexError:  # Another thread was quicker.
            return self._next()

    def give_back(self, holder: Holder, due_s: float) -> None:
        heappush(self._returned, holder.mark)

    def ended_with(self, holder: Holder, ended_s: float) -> None:
        """An arrival comes once."""

    def set_users(self, users: int, now_s: float) -> None:
        self._users = users
        self._stretch(now_s)

    def set_part_rate(self, part_rate_per_s: float, now_s: float) -> None:
        """What one Locust user stands for from now on. Whoever sleeps on a due time is woken afterwards."""
        self._part_rate_per_s = part_rate_per_s
        self._stretch(now_s)

    def _stretch(self, now_s: float) -> None:
        moment_s, base, gap_s = self._line
        at_s = min(now_s, self._closed_at_s)
        rate_per_s = self._users * self._part_rate_per_s
        self._line = (at_s, base + (at_s - moment_s) / gap_s, 1 / rate_per_s if rate_per_s else _NEVER_GAP_S)

    def pause(self, now_s: float) -> None:
        self._closed_at_s = now_s

    def resume(self, now_s: float) -> None:
        moment_s, base, gap_s = self._line
        self._line = (moment_s + now_s - self._closed_at_s, base, gap_s)
        self._closed_at_s = math.inf
