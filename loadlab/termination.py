"""What Ctrl-C and SIGTERM, with which CI servers, container platforms and `timeout` stop a command, do to it."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

# `timeout` sends the signal to the command and then to its group: what comes so soon is the same word again.
_SAME_WITHIN_S = 1.0


class Termination:
    """Tells whether SIGTERM has come; each raises KeyboardInterrupt in the main thread, as Ctrl-C does."""

    def __init__(self) -> None:
        self._last_s: float | None = None

    @property
    def has_come(self) -> bool:
        """Whether the command was asked to end."""
        return self._last_s is not None

    def listen(self) -> None:
        """From now on; in the main thread. Whoever has made the process ignore the signal keeps his way."""
        if signal.getsignal(signal.SIGTERM) is signal.SIG_DFL:
            signal.signal(signal.SIGTERM, self._take)

    def close(self) -> None:
        """Before the interpreter ends and takes the handler away: the same word again would change the exit code."""
        if self.has_come:
            signal.signal(signal.SIGTERM, signal.SIG_IGN)

    def _take(self, number: int, frame: FrameType | None) -> None:
        now_s, last_s = time.monotonic(), self._last_s
        self._last_s = now_s
        if last_s is None or now_s - last_s > _SAME_WITHIN_S:
            raise KeyboardInterrupt


@contextmanager
def first_interrupt_waits() -> Iterator[None]:
    """While what was measured is brought home, the first Ctrl-C or SIGTERM changes nothing; the next one ends it.

    The measuring is over, so that nothing is left which the first could have been meant to end. Only the main thread
    is interrupted: in any other this does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came_s: list[float] = []

    def take(number: int, frame: FrameType | None) -> None:
        now_s = time.monotonic()
        came_s.append(now_s)
        if len(came_s) > 1 and now_s - came_s[-2] > _SAME_WITHIN_S:
            raise KeyboardInterrupt

    there = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    # None and the constants of `signal`: not ours to change.
    handlers = {number: handler for number, handler in there.items() if callable(handler)}
    try:
        for number in handlers:
            signal.signal(number, take)
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
