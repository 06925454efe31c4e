"""Supplies of prepared values: filled before the load, handed out without a thought, topped up beside it."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from itertools import cycle
from typing import Any

from loadlab.errors import LoadLabError

# New rows that are made at a time: the interpreter's lock is not to be held for long beside the load.
_STEP = 256


class Supply:
    """What threads take the values of one operation from: `next()`, from any thread.

    Reusable values go round in a ring; others, rows from beyond the dataset, are handed out once. `size` values are
    made at first; `refills` counts how often a thread found none.
    """

    def __init__(self, make: Callable[[int], Sequence[Any]], size: int, *, reusable: bool) -> None:
        self._make = make
        self._size = max(2, size)
        self.reusable = reusable
        self._ready: deque[Any] = deque()
        self._more = threading.Condition()
        self._failure: BaseException | None = None
        self.refills = 0
        self.next: Callable[[], Any] = self._next_new

    def fill(self) -> None:
        """Make the first values."""
        values = self._make(self._size)
        if self.reusable:
            # One step in C, so that any thread may call it.
            self.next = cycle(values).__next__
        else:
            self._ready.extend(values)

    def top_up(self, step: int) -> bool:
        """Make more if less than half is left; whether there was anything to do."""
        if self.reusable or len(self._ready) >= self._size // 2:
            return False
        try:
            self._ready.extend(self._make(step))
        except BaseException as error:
            self._failure = error
            raise
        finally:
            with self._more:
                self._more.notify_all()
        return True

    def _next_new(self) -> Any:
        try:
            return self._ready.popleft()
        except IndexError:
            return self._wait_for_more()

    def _wait_for_more(self) -> Any:
        self.refills += 1
        for _ in range(600):
            with self._more:
                self._more.wait(0.05)
            if self._ready:
                try:
                    return self._ready.popleft()
                except IndexError:  # Another thread was quicker.
                    continue
            if self._failure is not None:
                raise self._failure
        raise LoadLabError("no new rows could be prepared for 30 s")


class Provisioner:
    """The thread that makes values: all of them before the load, new rows while it lasts.

    `open_supplies` runs in this thread (a connection stays with the thread that opened it) and yields the supplies
    and what to call at the end.
    """

    def __init__(self, open_supplies: Callable[[], tuple[Sequence[Supply], Callable[[], None]]]) -> None:
        self._open = open_supplies
        self._filled = threading.Event()
        self._ended = threading.Event()
        self._failure: BaseException | None = None
        self._extra: list[Supply] = []
        self.supplies: Sequence[Supply] = ()
        self._thread = threading.Thread(target=self._run, name="provisioner", daemon=True)

    def start(self, *, limit_s: float) -> None:
        """Returns when every supply is filled. Raises what filling raised, TimeoutError after `limit_s`."""
        self._thread.start()
        if not self._filled.wait(limit_s):
            raise TimeoutError(f"the values were not prepared within {limit_s:g} s")
        if self._failure is not None:
            raise self._failure

    def add(self, supply: Supply) -> None:
        """Keep one more supply topped up."""
        self._extra.append(supply)

    @property
    def refills(self) -> int:
        return sum(supply.refills for supply in (*self.supplies, *self._extra))

    def stop(self) -> None:
        self._ended.set()

    def _run(self) -> None:
        close: Callable[[], None] = _nothing
        try:
            self.supplies, close = self._open()
            for supply in self.supplies:
                supply.fill()
            if all(supply.reusable for supply in self.supplies):
                close()
                close = _nothing
            self._filled.set()
            while not self._ended.wait(0.02):
                self._top_up((*self.supplies, *self._extra))
        except BaseException as error:
            self._failure = error
        finally:
            self._filled.set()
            close()

    def _top_up(self, supplies: Iterable[Supply]) -> None:
        for supply in supplies:
            while supply.top_up(_STEP) and not self._ended.is_set():
                pass


def _nothing() -> None:
    pass
