"""Sessions that leave nothing behind on the server: statements are sent whole, with their values beside them.

What goes through a pooler that keeps no prepared statements, and what opens a connection for each operation, has no
use for a name on the server. `PQexecParams` parses, binds and executes in one round trip; the types of the parameters
are asked for once, before the load.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable

from psycopg import pq

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.session import PostgresqlSession, Prepared
from loadlab.engines.protocol import Values
from loadlab.spec.statement import Statement

# How long the process of a connection that is closed may take to hand in its counts, and how often we look.
_LEAVE_LIMIT_S, _LOOK_EVERY_S = 2.0, 0.02
# Sessions that flush at the same time then hold different processes.
_HOLD = "SELECT pg_sleep(0.05), pg_stat_force_next_flush()"
_IS_THERE = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"


class PooledSession(PostgresqlSession):
    """Goes through a pooler that keeps prepared statements."""

    def prepare(self, statement: Statement) -> Prepared:
        """Within a transaction: parsing and the question for the types meet the same server.

        The driver does not let other threads run while it waits for the answer to that question, so it must not be
        put to a pooler that has no server free until one of them goes on.
        """
        if self._pgconn.transaction_status != pq.TransactionStatus.IDLE:
            return super().prepare(statement)
        self.begin()
        try:
            return super().prepare(statement)
        finally:
            self.rollback()

    def flush_counters(self) -> None:
        """Which process hands in its counts is the pooler's choice: we take hold of as many as we have sessions."""
        with translated():
            if Capabilities(self._connection.info.server_version).flushes_counters_on_request:
                self._connection.execute(_HOLD)
            else:
                super().flush_counters()


class UnpreparedSession(PooledSession):
    """Its handles are valid on every connection to the same database."""

    def _new_name(self) -> bytes:
        return b""

    def _send(self, handle: Prepared, values: Values) -> pq.abc.PGresult:
        return self._pgconn.exec_params(handle.text, values, handle.oids, handle.formats)


class DirectSession(UnpreparedSession):
    """See `loadlab.engines.abilities.DirectSession`; `connect` opens each of its connections."""

    def __init__(
        self, connect: Callable[[], Connection], *, enforced_s: float = math.inf, is_pooled: bool = False
    ) -> None:
        self._connect, self._is_pooled = connect, is_pooled
        self._last_pid = 0
        super().__init__(connect(), enforced_s=enforced_s)

    def open(self) -> None:
        if self._connection.closed:
            self._use(self._connect())

    def shut(self) -> None:
        if not self._connection.closed:
            self._last_pid = self._pgconn.backend_pid
            self._connection.close()

    def flush_counters(self) -> None:
        """A process hands in what it counted as it ends, which is soon after its client has left."""
        self.open()
        if self._is_pooled:
            super().flush_counters()
        else:
            self._await_leaving()
        self.shut()

    def _await_leaving(self) -> None:
        ends_s = time.monotonic() + _LEAVE_LIMIT_S
        with translated():
            while self._connection.execute(_IS_THERE, (self._last_pid,)).fetchone() and time.monotonic() < ends_s:
                time.sleep(_LOOK_EVERY_S)
