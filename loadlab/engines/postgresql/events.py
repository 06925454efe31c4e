"""When the server made checkpoints and cleaned tables up by itself: its statistics, looked at again and again.

- A checkpoint's counters move when it is over: the time that it took writing and syncing tells when it began
  (`pg_stat_checkpointer`; `pg_stat_bgwriter` before 17). While one goes on, the checkpointer waits for something other
  than its next task.
- A table knows when autovacuum last ended there (`pg_stat_get_last_autovacuum_time`); `pg_stat_progress_vacuum` and
  `pg_stat_progress_analyze` tell what its workers do now, and since when.

Who may not see the other processes (`pg_read_all_stats`) learns of ends alone.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

from loadlab.engines.abilities import EventKind, ServerEvent
from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.catalog import IS_USERS_NAMESPACE, KEY
from loadlab.engines.postgresql.connection import Connection

_COUNTERS = {
    "pg_stat_bgwriter": "checkpoints_timed, checkpoints_req, NULL, checkpoint_write_time + checkpoint_sync_time",
    "pg_stat_checkpointer": "num_timed, num_requested, {done}, write_time + sync_time",
}
_IS_WORKING = "(SELECT wait_event_type IS DISTINCT FROM 'Activity' FROM pg_stat_activity"
_IS_WORKING += " WHERE backend_type = 'checkpointer')"
_RUNNING = """
    SELECT p.kind, p.relid, extract(epoch FROM a.xact_start)::float8
    FROM (
        SELECT 'autovacuum', pid, relid FROM pg_stat_progress_vacuum WHERE datname = current_database()
        UNION ALL
        SELECT 'autoanalyze', pid, relid FROM pg_stat_progress_analyze WHERE datname = current_database()
    ) AS p (kind, pid, relid)
    JOIN pg_stat_activity AS a ON a.pid = p.pid
    WHERE a.backend_type = 'autovacuum worker' AND p.relid IS NOT NULL AND a.xact_start IS NOT NULL
"""
_ENDED = f"""
    SELECT done.kind, c.oid, extract(epoch FROM done.at)::float8
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    CROSS JOIN LATERAL (
        VALUES ('autovacuum', pg_stat_get_last_autovacuum_time(c.oid)),
               ('autoanalyze', pg_stat_get_last_autoanalyze_time(c.oid))
    ) AS done (kind, at)
    WHERE c.relkind IN ('r', 'm') AND {IS_USERS_NAMESPACE} AND done.at > to_timestamp(%s)
"""
_NAME = f"SELECT {KEY} FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = %s"
# Asking every table may take up to this share of the time: with thousands of tables they are asked more rarely.
_SHARE_MAX = 0.02

_Task = tuple[EventKind, int]
"""What is done, and the table's object identifier."""


class Events:
    """Remembers what it has told. Errors are psycopg's."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._query = _checkpoints_query(Capabilities(connection.info.server_version))
        first = self._reading()
        self._checkpoints = Checkpoints(first)
        self._since_s = first.at_s - first.ahead_s
        self._began: dict[_Task, float] = {}
        self._told: dict[_Task, float] = {}
        self._ask_tables_at_s = 0.0

    def look(self, *, last: bool) -> Sequence[ServerEvent]:
        """See `loadlab.engines.abilities.EventSampler`."""
        reading = self._reading()
        found = list(self._checkpoints.events(reading))
        running = {
            (cast(EventKind, kind), oid): began_s + reading.ahead_s
            for kind, oid, began_s in self._connection.execute(_RUNNING.encode()).fetchall()
        }
        self._began |= running
        if last or time.monotonic() >= self._ask_tables_at_s:
            found += self._ended(reading.ahead_s)
        if last:
            found += self._checkpoints.running()
            found += [ServerEvent(task[0], self._name(task[1]), began_s, None) for task, began_s in running.items()]
        return found

    def _reading(self) -> CheckpointReading:
        row = self._connection.execute(self._query).fetchone()
        assert row is not None
        now_s, timed, requested, done, spent_ms, is_working = row
        at_s = time.time()
        return CheckpointReading(at_s, at_s - now_s, timed, requested, done, spent_ms / 1000, is_working)

    def _ended(self, ahead_s: float) -> list[ServerEvent]:
        began_s = time.monotonic()
        rows = self._connection.execute(_ENDED.encode(), (self._since_s,)).fetchall()
        ended_s = time.monotonic()
        self._ask_tables_at_s = ended_s + (ended_s - began_s) / _SHARE_MAX
        found = []
        for kind, oid, at_s in rows:
            task = (kind, oid)
            if self._told.get(task) != at_s:
                self._told[task] = at_s
                found.append(ServerEvent(kind, self._name(oid), self._began.pop(task, None), at_s + ahead_s))
        return found

    def _name(self, oid: int) -> str:
        row = self._connection.execute(_NAME.encode(), (oid,)).fetchone()
        return row[0] if row is not None else f"table {oid}"


def _checkpoints_query(capabilities: Capabilities) -> bytes:
    view = "pg_stat_checkpointer" if capabilities.has_checkpointer_counters else "pg_stat_bgwriter"
    columns = _COUNTERS[view].format(done="num_done" if capabilities.counts_checkpoints_done else "NULL")
    return f"SELECT extract(epoch FROM clock_timestamp())::float8, {columns}, {_IS_WORKING} FROM {view}".encode()


@dataclass(frozen=True, slots=True)
class CheckpointReading:
    """The server's counters of checkpoints at `at_s`, with which our clock is `ahead_s` of the server's.

    `spent_s` is the time of all checkpoints that are over; `done` and `is_working` are None where nobody tells.
    """

    at_s: float
    ahead_s: float
    timed: int
    requested: int
    done: int | None
    spent_s: float
    is_working: bool | None


class Checkpoints:
    """Tells checkpoints from one reading to the next."""

    def __init__(self, first: CheckpointReading) -> None:
        self._last_end = first
        self._running_since_s = first.at_s if first.is_working else None
        self._last = first

    def events(self, reading: CheckpointReading) -> Iterator[ServerEvent]:
        """The checkpoint that is over since the reading before, if one is."""
        if self._is_over(reading):
            took_s = reading.spent_s - self._last_end.spent_s
            yield ServerEvent("checkpoint", self._cause(reading), reading.at_s - took_s, reading.at_s)
            self._last_end, self._running_since_s = reading, None
        elif reading.is_working and self._running_since_s is None:
            self._running_since_s = reading.at_s
        elif reading.is_working is False:
            self._running_since_s = None
        self._last = reading

    def running(self) -> Iterator[ServerEvent]:
        """The checkpoint that goes on, if one does."""
        if self._running_since_s is not None:
            yield ServerEvent("checkpoint", self._cause(self._last), self._running_since_s, None)

    def _is_over(self, reading: CheckpointReading) -> bool:
        if reading.done is not None and self._last_end.done is not None:
            return reading.done > self._last_end.done
        if reading.spent_s > self._last_end.spent_s:
            return True
        # Nothing was written, or it took less than the millisecond that is counted.
        return _begun(reading) > _begun(self._last_end) and reading.is_working is False

    def _cause(self, reading: CheckpointReading) -> str:
        """Of the two counters the one that has moved; both of a spread checkpoint's move when it begins."""
        if reading.requested > self._last_end.requested:
            return "requested"
        return "timed" if reading.timed > self._last_end.timed else ""


def _begun(reading: CheckpointReading) -> int:
    return reading.timed + reading.requested
