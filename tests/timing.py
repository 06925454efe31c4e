"""Laws of time, and waiting for a state, on a machine that may be busy with something else."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable
from typing import Any

TRIES = 3


def eventually(condition: Callable[[], bool], limit_s: float = 20) -> bool:
    """Whether it becomes so: waiting for the state holds on a slow machine, where a fixed pause does not."""
    deadline_s = time.monotonic() + limit_s
    while not condition():
        if time.monotonic() > deadline_s:
            return False
        time.sleep(0.02)
    return True


def timed(test: Callable[..., None]) -> Callable[..., None]:
    """The law holds when it holds in one of three tries: another process may have the processor meanwhile.

    What is wrong in the code under test is wrong in each of them.
    """

    @functools.wraps(test)
    def tried(*arguments: Any, **named: Any) -> None:
        for remaining in reversed(range(TRIES)):
            try:
                test(*arguments, **named)
            except AssertionError:
                if not remaining:
                    raise
                time.sleep(0.5)
            else:
                return

    return tried
