"""From the driver's exceptions to LoadLab's: the one table, and the one-line message.

PostgreSQL says what went wrong by a five-character SQLSTATE whose first two characters are its class (PostgreSQL
documentation, appendix "PostgreSQL Error Codes"). The table is by code where a class holds different things, else by
class; what the client library reports without a code goes by the exception's own class.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors as pg

from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    StatementTimeoutError,
    UnreachableError,
)

# Classes whose errors tell the load nothing but that a statement failed.
_NOTHING_SPECIAL = re.findall(
    r"\w\w",
    "02 03 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 24 25 26 27 2B 2D 2F 34 38 39 3B 3F 42 53 54 55 57 58 72 F0 HV P0 XX",
)
_BY_CODE: dict[str, type[DatabaseError]] = {
    "08P01": DatabaseError,  # protocol_violation: what was sent cannot be read; the connection stands
    "25P03": ConnectionLostError,  # idle_in_transaction_session_timeout
    "25P04": StatementTimeoutError,  # transaction_timeout
    "40002": ConstraintError,  # transaction_integrity_constraint_violation
    "53300": UnreachableError,  # too_many_connections
    "55P03": ConflictError,  # lock_not_available
    "57014": StatementTimeoutError,  # query_canceled, which statement_timeout uses too
    "57P01": ConnectionLostError,  # admin_shutdown
    "57P02": ConnectionLostError,  # crash_shutdown
    "57P03": UnreachableError,  # cannot_connect_now
    "57P04": ConnectionLostError,  # database_dropped
    "57P05": ConnectionLostError,  # idle_session_timeout
}
_BY_CLASS: dict[str, type[DatabaseError]] = {
    "08": ConnectionLostError,  # connection exception
    "23": ConstraintError,  # integrity constraint violation
    "28": UnreachableError,  # invalid authorization specification
    "3D": UnreachableError,  # invalid catalog name: the database does not exist
    "40": ConflictError,  # transaction rollback: serialization failure, deadlock
    "44": ConstraintError,  # WITH CHECK OPTION violation
} | dict.fromkeys(_NOTHING_SPECIAL, DatabaseError)
_WITHOUT_CODE: dict[type[psycopg.Error], type[DatabaseError]] = {
    pg.ConnectionTimeout: UnreachableError,
    pg.CancellationTimeout: ConnectionLostError,
    pg.PipelineAborted: DatabaseError,
    psycopg.OperationalError: ConnectionLostError,
    psycopg.InterfaceError: DatabaseError,
    psycopg.DatabaseError: DatabaseError,
    psycopg.DataError: DatabaseError,
    psycopg.IntegrityError: DatabaseError,
    psycopg.InternalError: DatabaseError,
    psycopg.ProgrammingError: DatabaseError,
    psycopg.NotSupportedError: DatabaseError,
    psycopg.Error: DatabaseError,
}


# What the user can do about it. These are about the server, and not about what it was told.
_OF_THE_SERVER = {
    "25006": "give a server that may be written to",  # read_only_sql_transaction
    "42501": "grant the role that privilege",  # insufficient_privilege
    "53100": "make room on the server's disk",  # disk_full
    "53200": "give the server more memory",  # out_of_memory
    "53300": "close other connections, or raise max_connections",  # too_many_connections
}
# Before there is a session, the client library tells no code.
_OF_CONNECTING = (
    (re.compile(r"authentication failed|no password supplied|role .* does not exist"), "correct user and password"),
    (re.compile(r"database .* does not exist"), "create the database first"),
    (re.compile(r"permission denied for database"), "grant the role CONNECT on it"),
    (re.compile(r"no pg_hba.conf entry"), "let the server's pg_hba.conf take this client"),
    (re.compile(r"too many (clients|connections)|remaining connection slots"), _OF_THE_SERVER["53300"]),
    (
        re.compile(r"refused|timeout|timed out|translate host name|No such file|unreachable"),
        "start the server, or correct host and port",
    ),
)


def is_of_the_server(error: psycopg.Error) -> bool:
    """Whether an error is about rights, disk, memory or mode of the server, whatever statement meets it."""
    return error.sqlstate in _OF_THE_SERVER


def how_to_connect(text: str) -> str:
    """What to do about a connection that failed with this message; "" where nobody knows."""
    return next((remedy for pattern, remedy in _OF_CONNECTING if pattern.search(text)), "")


def error_class(sqlstate: str | None, exception: type[psycopg.Error]) -> type[DatabaseError] | None:
    """LoadLab's class for an error with this SQLSTATE, or an exception without one; None if not in the table."""
    if sqlstate is None:
        return _WITHOUT_CODE.get(exception)
    return _BY_CODE.get(sqlstate) or _BY_CLASS.get(sqlstate[:2])


def message(error: psycopg.Error) -> str:
    """What the server (or the client library) said, with detail and hint, in one line."""
    primary = error.diag.message_primary
    if primary is None:
        return _one_line(str(error)) or type(error).__name__
    context = error.diag.context or ""
    where = context if context.startswith("COPY ") else ""
    told = (error.diag.message_detail, error.diag.message_hint, where, _OF_THE_SERVER.get(error.sqlstate or ""))
    parts = [primary, *(part for part in told if part)]
    return _one_line("; ".join(part.rstrip(".") for part in parts))


def translate(error: psycopg.Error) -> DatabaseError:
    """LoadLab's form of a driver exception."""
    found = error_class(error.sqlstate, type(error)) or DatabaseError
    return found(message(error), code=error.sqlstate, constraint=error.diag.constraint_name)


@contextmanager
def translated() -> Iterator[None]:
    """Driver exceptions leave the block as LoadLab's."""
    try:
        yield
    except psycopg.Error as error:
        raise translate(error) from error


def _one_line(text: str) -> str:
    return " ".join(text.split())
