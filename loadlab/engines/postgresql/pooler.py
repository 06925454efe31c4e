"""A connection pooler between us and the server, such as PgBouncer in transaction mode.

Two transactions of one client may be executed by two server processes, and two clients share one: what a session sets
or prepares is somebody else's a moment later. A pooler is noticed by the process number that it tells its client,
which is not that of the process that answers; whether it takes care of prepared statements (PgBouncer does from 1.21
on, with `max_prepared_statements`) by the name that one has on the server, which is then the pooler's. Neither asks for
a right on the pooler.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any

import psycopg
from psycopg import pq, sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from loadlab.engines.abilities import PoolerState
from loadlab.engines.postgresql.connection import DEFAULTS, Connection, is_pooled, libpq_url
from loadlab.engines.postgresql.errors import message, translated
from loadlab.errors import DatabaseError, UnreachableError

_CONSOLE = "pgbouncer"
_UNNAMED = "a connection pooler"
_STATEMENTS = b"SELECT name FROM pg_prepared_statements"
# From SHOW STATS and SHOW POOLS (PgBouncer documentation, "usage"): what counts up, and what stands. Its times are µs.
_COUNTERS = {
    "transactions": "total_xact_count",
    "queries": "total_query_count",
    "transaction_us": "total_xact_time",
    "query_us": "total_query_time",
    "wait_us": "total_wait_time",
}
_GAUGES = {
    "clients_active": "cl_active",
    "clients_waiting": "cl_waiting",
    "servers_active": "sv_active",
    "servers_idle": "sv_idle",
}


@dataclass(frozen=True, slots=True)
class PostgresqlPooler:
    """See `loadlab.engines.abilities.Pooler`. `url` leads through it and may hold a secret."""

    url: str = field(repr=False)
    product: str
    keeps_prepared: bool

    @property
    def manner(self) -> str:
        how = "prepared through it" if self.keeps_prepared else "sent whole each time, as it keeps no prepared ones"
        return f"statements are {how}; time limits are kept by requests to cancel"

    def console(self) -> PgbouncerConsole:
        """Raises DatabaseError for a pooler without PgBouncer's console, or a user who may not see it."""
        return PgbouncerConsole(self.url)


def find_pooler(connection: Connection, url: str) -> PostgresqlPooler | None:
    """The pooler that an idle connection goes through; None when it leads to the server itself."""
    if not is_pooled(connection):
        return None
    return PostgresqlPooler(url, _product(url), _keeps_prepared(connection))


def _product(url: str) -> str:
    try:
        console = PgbouncerConsole(url)
    except DatabaseError:
        return _UNNAMED
    try:
        return console.version()
    except DatabaseError:
        return _UNNAMED
    finally:
        console.close()


def _keeps_prepared(connection: Connection) -> bool:
    """Prepare a statement that looks for itself; in one transaction, hence on one server process."""
    name = f"loadlab_{secrets.token_hex(8)}"
    pgconn = connection.pgconn
    with translated(), connection.transaction():
        for result in (pgconn.prepare(name.encode(), _STATEMENTS), found := pgconn.exec_prepared(name.encode(), ())):
            if result.status not in (pq.ExecStatus.COMMAND_OK, pq.ExecStatus.TUPLES_OK):
                return False
        names = {found.get_value(row, 0) for row in range(found.ntuples)}
        if name.encode() in names:
            connection.execute(sql.SQL("DEALLOCATE {}").format(sql.Identifier(name)))
            return False
        return bool(names)


class PgbouncerConsole:
    """See `loadlab.engines.abilities.PoolerConsole`: the database `pgbouncer`, which is PgBouncer itself."""

    def __init__(self, url: str) -> None:
        given: dict[str, Any] = {**DEFAULTS, **conninfo_to_dict(libpq_url(url))}
        self._database = given.get("dbname") or given.get("user")
        given["dbname"] = _CONSOLE
        try:
            self._connection = psycopg.connect(
                make_conninfo(**given), autocommit=True, prepare_threshold=None, row_factory=dict_row
            )
        except psycopg.Error as error:
            # The message of the client library may quote the address: only the pooler's own word is shown.
            said = error.diag.message_primary or "the log-in is refused"
            raise UnreachableError(f"its console tells us nothing: {said}; see stats_users of PgBouncer") from None

    def version(self) -> str:
        """E.g. `PgBouncer 1.18.0`."""
        return str(self._show("VERSION")[0]["version"])

    def state(self) -> PoolerState:
        """Of the pools of our database, whoever their users are; the time that it waits for a server is in them."""
        stats = [row for row in self._show("STATS") if row["database"] == self._database]
        pools = [row for row in self._show("POOLS") if row["database"] == self._database]
        longest_us = [float(row.get("maxwait", 0)) * 1e6 + float(row.get("maxwait_us", 0)) for row in pools]
        return PoolerState(
            {name: _sum(stats, column) for name, column in _COUNTERS.items()},
            {
                **{name: _sum(pools, column) for name, column in _GAUGES.items()},
                "longest_wait_us": max(longest_us, default=0.0),
            },
        )

    def close(self) -> None:
        self._connection.close()

    def _show(self, what: str) -> list[dict[str, Any]]:
        try:
            return self._connection.execute(sql.SQL("SHOW {}").format(sql.SQL(what))).fetchall()
        except psycopg.Error as error:
            raise DatabaseError(f"its console does not answer: {message(error)}", code=error.sqlstate) from None


def _sum(rows: list[dict[str, Any]], name: str) -> float:
    return float(sum(row.get(name) or 0 for row in rows))
