"""Databases of a moment beside the user's, on the same server: for texts to be tried out."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal, quoted
from loadlab.errors import DatabaseError, UnreachableError

PREFIX = "_loadlab_scratch_"


@contextmanager
def scratch_connection(address: Address) -> Iterator[Connection]:
    """A connection to a new empty database like the address's own, which is dropped afterwards.

    Raises DatabaseError saying what is needed.
    """
    name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
    connection = Connection(address, with_database=False)
    try:
        try:
            connection.run(f"CREATE DATABASE {quoted(name)} COLLATE {_collation(connection, address.database)}")
        except UnreachableError as error:
            raise DatabaseError(
                f"a schema is tried out in a database of its own, which this user may not make ({error}); "
                f"GRANT ALL ON `\\_loadlab\\_scratch\\_%`.* TO the user",
                code=error.code,
            ) from None
        try:
            connection.run(f"USE {quoted(name)}")
            yield connection
        finally:
            connection.run(f"DROP DATABASE IF EXISTS {quoted(name)}")
    finally:
        connection.close()


def _collation(connection: Connection, database: str) -> str:
    """The database's default, by which tables compare that say nothing of it."""
    sql = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name ="
    return str(connection.value(f"{sql} {literal(database)}") or "DEFAULT")
