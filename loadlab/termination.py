"""SIGTERM, with which CI servers, container platforms and `timeout` stop a command, does what Ctrl-C does."""

from __future__ import annotations

import signal
import time
from types import FrameType

# `timeout` sends the signal to the command and then to its group: what comes so soon is the same word again.
_SAME_WITHIN_S = 1.0


class Termination:
    """Tells whether SIGTERM has come; each raises KeyboardInterrupt in the main thread."""

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

    def _take(self, number: int, frame: FrameType | None) -> None:
        now_s, last_s = time.monotonic(), self._last_s
        self._last_s = now_s
        if last_s is None or now_s - last_s > _SAME_WITHIN_S:
            raise KeyboardInterrupt
