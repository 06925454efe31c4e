"""A copy of a database, beside it on the same server."""

from __future__ import annotations

import itertools
import os
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import psycopg
from psycopg import sql

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.errors import message, translated
from loadlab.errors import DatabaseError

_numbers = itertools.count(1)
_NAME_MAX = 40
# Below this the blocks go through the log, which spares the two checkpoints that a copy of the files takes.
_LOGGED_MAX_BYTES = 128 * 2**20


def clone_database(connection: Connection) -> str:
    """Copy the database of a connection, the only one that it may have; the name of the copy.

    Raises DatabaseError that says what is in the way.
    """
    # The process number keeps the names of processes that test on one server apart.
    name = f"{connection.info.dbname[:_NAME_MAX]}_copy_{os.getpid()}_{next(_numbers)}"
    try:
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}{}").format(
            sql.Identifier(name), sql.Identifier(connection.info.dbname), sql.SQL(_strategy(connection))
        )
        connection.execute(statement)
    except psycopg.errors.InsufficientPrivilege as error:
        role = connection.info.user
        raise DatabaseError(f"{message(error)}; a copy needs it: ALTER ROLE {role} CREATEDB") from error
    except psycopg.errors.ObjectInUse as error:
        raise DatabaseError(f"{message(error)}; close the other connections to what is to be copied") from error
    except psycopg.Error:
        with translated():
            raise
    return name


def drop_clone(connection: Connection, name: str) -> None:
    """Remove a copy, whoever is connected to it."""
    with translated():
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def url_of_database(url: str, name: str) -> str:
    """The URL of another database of the same server."""
    parts = urlsplit(url)
    # To libpq a plus is a plus, and no space.
    given = parse_qsl(parts.query.replace("+", "%2B"), keep_blank_values=True)
    options = [(key, value) for key, value in given if key != "dbname"]
    found = parts._replace(path=f"/{quote(name, safe='')}", query=urlencode(options, quote_via=quote)).geturl()
    # Without a host the two slashes are dropped, and libpq needs them.
    return found if "://" in found else found.replace(":", "://", 1)


def _strategy(connection: Connection) -> str:
    if not Capabilities(connection.info.server_version).chooses_how_to_copy:
        return ""
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return " STRATEGY wal_log" if row[0] <= _LOGGED_MAX_BYTES else " STRATEGY file_copy"
