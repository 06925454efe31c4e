"""Sleepers that wake when they are due."""

from __future__ import annotations

import ctypes
import sys

_PR_SET_TIMERSLACK = 29
_SLACK_NS = 1


def wake_on_time() -> bool:
    """Have the kernel wake this thread, and those that it starts, without the delay that saves power; whether it will.

    Linux gathers the timers of ordinary threads within 50 µs (prctl(2), PR_SET_TIMERSLACK), which every operation
    that is due by the clock would be late by. Other systems have no such knob.
    """
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None).prctl(_PR_SET_TIMERSLACK, ctypes.c_ulong(_SLACK_NS), 0, 0, 0) == 0)
