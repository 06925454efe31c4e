"""Databases of a moment beside the user's, on the same server: for texts to be tried out."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import listed, literal, quoted
from loadlab.errors import DatabaseError, UnreachableError

PREFIX = "_loadlab_scratch_"
_TABLES = "SELECT table_name FROM information_schema.tables WHERE table_type = 'BASE TABLE' AND table_schema ="
_STORED = "SELECT column_name FROM information_schema.columns WHERE COALESCE(generation_expression, '') = '' AND"


@contextmanager
def scratch_connection(address: Address) -> Iterator[Connection]:
    """A connection to a new empty database like the address's own, which is dropped afterwards.

    Raises DatabaseError saying what is needed.
    """
    connection = Connection(address, with_database=False)
    try:
        name = _new_database(connection, address)
        try:
            connection.run(f"USE {quoted(name)}")
            yield connection
        finally:
            connection.run(f"DROP DATABASE IF EXISTS {quoted(name)}")
    finally:
        connection.close()


def copy_of(address: Address, texts: Callable[[Connection], Iterable[str]]) -> Address:
    """A copy of the database with its tables' rows, LoadLab's ledger too; `texts` make what does not hold rows.

    Raises DatabaseError saying what is needed.
    """
    connection, source = Connection(address, with_database=False), address.database
    try:
        name = _new_database(connection, address)
        try:
            connection.run(f"USE {quoted(name)}")
            with connection.setting("foreign_key_checks", "0", "1"):
                for (table,) in connection.rows(f"{_TABLES} {literal(source)}"):
                    _copy_table(connection, source, str(table))
            for text in texts(connection):
                connection.run(text)
        except BaseException:
            connection.run(f"DROP DATABASE {quoted(name)}")
            raise
    finally:
        connection.close()
    return address.of(name)


def _copy_table(connection: Connection, source: str, table: str) -> None:
    connection.run(str(connection.rows(f"SHOW CREATE TABLE {quoted(source)}.{quoted(table)}")[0][1]))
    sql = f"{_STORED} table_schema = {literal(source)} AND table_name = {literal(table)}"
    columns = listed([str(name) for (name,) in connection.rows(sql)])
    rows = f"SELECT {columns} FROM {quoted(source)}.{quoted(table)}"
    connection.run(f"INSERT INTO {quoted(table)} ({columns}) {rows}")


def _new_database(connection: Connection, address: Address) -> str:
    name = f"{PREFIX}{os.getpid()}_{secrets.token_hex(4)}"
    try:
        connection.run(f"CREATE DATABASE {quoted(name)} COLLATE {_collation(connection, address.database)}")
    except UnreachableError as error:
        raise DatabaseError(
            f"LoadLab needs a database for a moment, which this user may not make ({error}); "
            "GRANT ALL ON `\\_loadlab\\_scratch\\_%`.* TO the user",
            code=error.code,
        ) from None
    return name


def _collation(connection: Connection, database: str) -> str:
    """The database's default, by which tables compare that say nothing of it."""
    sql = "SELECT default_collation_name FROM information_schema.schemata WHERE schema_name ="
    return str(connection.value(f"{sql} {literal(database)}") or "DEFAULT")
