"""How much work one reading may take: conditions can have more alternatives than anyone could wait for."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass

WORK_MAX = 14_000
"""Steps of a few microseconds; counted, not timed, so that the same text reads the same on every machine."""


class TooMuchWorkError(Exception):
    """The condition has too many alternatives; caught where the reading began."""


@dataclass
class Work:
    """The steps of a reading so far, and whether alternatives were dropped on the way."""

    steps: int = 0
    shortened: bool = False


_WORK: ContextVar[Work | None] = ContextVar("work", default=None)


@contextmanager
def limited() -> Iterator[Work]:
    """Count the steps of what is done inside."""
    work = Work()
    token = _WORK.set(work)
    try:
        yield work
    finally:
        _WORK.reset(token)


def spend(steps: int) -> None:
    """Count steps; raises TooMuchWorkError beyond the most that a reading may take."""
    work = _WORK.get()
    if work is not None:
        work.steps += steps
        if work.steps > WORK_MAX:
            raise TooMuchWorkError


def shortened() -> None:
    """Note that alternatives were dropped: those that are left are true, but none left is no contradiction."""
    work = _WORK.get()
    if work is not None:
        work.shortened = True
