"""Work on several connections at once: what has to wait for what, and what must not meet on one table."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence, Set
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextlib import suppress
from dataclasses import dataclass, field

import psycopg

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.protocol import Progress


@dataclass(frozen=True, slots=True, eq=False)
class Task:
    """A piece of work for one connection.

    It begins when everything in `after` is done and no running task uses a table that it wants `alone`, or wants
    alone one that it uses (`tables`). Of those that may begin, the one with the greatest `weight` does.
    """

    label: str
    run: Callable[[Connection], None]
    tables: frozenset[int]
    alone: bool
    weight: float
    after: frozenset[Task] = field(default=frozenset())

    def meets(self, other: Task) -> bool:
        """Whether the two must not run side by side."""
        return (self.alone or other.alone) and not self.tables.isdisjoint(other.tables)


def carry_out(tasks: Iterable[Task], connections: Sequence[Connection], progress: Progress) -> None:
    """Carry out all tasks, as many at a time as there are connections; at the first error the others are stopped."""
    waiting = sorted(tasks, key=lambda task: -task.weight)
    free, total = list(connections), len(waiting)
    done: set[Task] = set()
    running: dict[Future[None], tuple[Task, Connection]] = {}
    with ThreadPoolExecutor(len(connections)) as threads:
        try:
            while waiting or running:
                while free and (task := _next(waiting, done, [task for task, _ in running.values()])) is not None:
                    waiting.remove(task)
                    progress(f"{task.label} ({total - len(waiting)} of {total})")
                    connection = free.pop()
                    running[threads.submit(task.run, connection)] = task, connection
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    task, connection = running.pop(future)
                    future.result()
                    done.add(task)
                    free.append(connection)
        except BaseException:
            for _, connection in running.values():
                # One that cannot be told to stop must not keep the others from being told, nor hide the error.
                with suppress(psycopg.Error):
                    connection.cancel_safe()
            raise


def _next(waiting: Sequence[Task], done: Set[Task], running: Sequence[Task]) -> Task | None:
    for task in waiting:
        if task.after <= done and not any(task.meets(other) for other in running):
            return task
    return None
