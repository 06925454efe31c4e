"""What the sessions of the load are doing, as `pg_stat_activity` tells it, and the processor time of a server here.

A session without a wait event is running, or ready to; the classes of events are those of the server's documentation
("Wait Event Types"). Whoever waits for another session to write the WAL out waits for the disk, though the server has
a lightweight lock for it.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from loadlab.engines.abilities import Doing, ServerEvent
from loadlab.engines.postgresql.connection import connect
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.events import Events
from loadlab.errors import DatabaseError

_SESSIONS = b"""
    SELECT wait_event_type, wait_event, state = 'active', count(*)
    FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid()
      AND backend_type IN ('client backend', 'parallel worker')
      AND state IN ('active', 'idle in transaction')
    GROUP BY 1, 2, 3
"""
_KINDS: Mapping[str, Doing] = {"Lock": "lock", "LWLock": "lock", "BufferPin": "lock", "IO": "io", "Client": "client"}
_WAITS_FOR_DISK = {"WALWrite"}
_PROC = Path("/proc")


class PostgresqlSampler:
    """An `ActivitySampler` and an `EventSampler`. Raises UnreachableError when it cannot connect."""

    def __init__(self, url: str) -> None:
        self._connection = connect(url, statement_timeout_s=5.0)
        info = self._connection.info
        # A server's number may be that of another process where it is not on this machine, or in a container.
        is_near = info.host.startswith("/") or info.hostaddr in ("127.0.0.1", "::1")
        self._postmaster = _parent_of(info.backend_pid) if is_near else None
        try:
            with translated():
                self._events = Events(self._connection)
        except DatabaseError:
            self._connection.close()
            raise

    def sample(self) -> Mapping[tuple[Doing, str], int]:
        with translated():
            rows = self._connection.execute(_SESSIONS).fetchall()
        found: Counter[tuple[Doing, str]] = Counter()
        for wait_type, event, is_active, count in rows:
            found[_doing(wait_type, event, is_active)] += count
        return found

    def events(self, *, last: bool = False) -> Sequence[ServerEvent]:
        with translated():
            return self._events.look(last=last)

    def cpu_s(self) -> float | None:
        return None if self._postmaster is None else _cpu_s(self._postmaster)

    def close(self) -> None:
        self._connection.close()


def _doing(wait_type: str | None, event: str | None, is_active: bool) -> tuple[Doing, str]:
    if not is_active:
        return "client", "idle in transaction"
    if wait_type is None:
        return "running", ""
    kind: Doing = "io" if event in _WAITS_FOR_DISK else _KINDS.get(wait_type, "other")
    return kind, f"{wait_type}:{event}"


class _Process(NamedTuple):
    """What `/proc/PID/stat` tells (proc(5)); times in clock ticks, `reaped` those of children that have ended."""

    name: str
    parent: int
    own: int
    reaped: int


def _process(pid: int | str) -> _Process | None:
    try:
        text = (_PROC / str(pid) / "stat").read_text(errors="replace")
    except OSError:  # It has ended, or this platform has no /proc.
        return None
    # The name is in parentheses and may hold anything, parentheses included.
    head, _, tail = text.rpartition(")")
    fields = tail.split()
    return _Process(
        head.partition("(")[2], int(fields[1]), int(fields[11]) + int(fields[12]), int(fields[13]) + int(fields[14])
    )


def _parent_of(backend: int) -> int | None:
    """The process that a server's session was started by; None when there is no such server process here."""
    process = _process(backend)
    return process.parent if process is not None and process.name.startswith("postgres") else None


def _cpu_s(postmaster: int) -> float | None:
    """The postmaster's processor time with that of its children, those that have ended included."""
    server = _process(postmaster)
    if server is None:
        return None
    ticks = server.own + server.reaped + sum(child.own for child in _children(postmaster).values())
    return ticks / os.sysconf("SC_CLK_TCK")


def _children(postmaster: int) -> dict[str, _Process]:
    """The server's live processes by number."""
    found = {entry.name: _process(entry.name) for entry in _PROC.iterdir() if entry.name.isdigit()}
    return {pid: child for pid, child in found.items() if child is not None and child.parent == postmaster}
