"""Exceptions of Python's sqlite3 driver, translated once into `loadlab.errors`.

SQLite tells what happened by its result code (https://www.sqlite.org/rescode.html); the exception class says less.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    StatementTimeoutError,
    UnreachableError,
)

# By class: what an exception is when its result code says nothing more. A test holds every class of the driver to it.
BY_CLASS: dict[type[Exception], type[DatabaseError]] = {
    sqlite3.Warning: DatabaseError,
    sqlite3.Error: DatabaseError,
    sqlite3.DatabaseError: DatabaseError,
    sqlite3.DataError: DatabaseError,
    sqlite3.IntegrityError: ConstraintError,
    sqlite3.InterfaceError: DatabaseError,
    sqlite3.InternalError: DatabaseError,
    sqlite3.NotSupportedError: DatabaseError,
    sqlite3.OperationalError: DatabaseError,
    sqlite3.ProgrammingError: DatabaseError,
}
# By primary result code, with what the user can do about it.
_BY_CODE: dict[int, tuple[type[DatabaseError], str]] = {
    sqlite3.SQLITE_BUSY: (ConflictError, ""),
    sqlite3.SQLITE_LOCKED: (ConflictError, ""),
    sqlite3.SQLITE_CONSTRAINT: (ConstraintError, ""),
    sqlite3.SQLITE_INTERRUPT: (StatementTimeoutError, "the statement ran into its time limit"),
    sqlite3.SQLITE_FULL: (DatabaseError, "make room on its disk or give a file on another one"),
    sqlite3.SQLITE_READONLY: (DatabaseError, "give a file that may be written to"),
    sqlite3.SQLITE_CANTOPEN: (UnreachableError, "its folder must exist and be writable"),
    sqlite3.SQLITE_PERM: (UnreachableError, "its owner must grant access"),
    sqlite3.SQLITE_AUTH: (DatabaseError, "only tables, indexes, triggers and views can be made"),
    sqlite3.SQLITE_NOTADB: (UnreachableError, "give another file"),
    sqlite3.SQLITE_CORRUPT: (DatabaseError, "restore it, or give another file"),
    sqlite3.SQLITE_IOERR: (ConnectionLostError, ""),
    sqlite3.SQLITE_PROTOCOL: (ConflictError, ""),
}
_PRIMARY_CODE = 0xFF  # extended result codes keep their primary one in the low byte
_CLOSED = "closed database"


def translate_error(error: Exception) -> DatabaseError:
    """The LoadLab error for an exception of the driver; one line, `code` is SQLite's name of the result code."""
    code: int | None = getattr(error, "sqlite_errorcode", None)
    name: str | None = getattr(error, "sqlite_errorname", None)
    kind, remedy = BY_CLASS.get(type(error), DatabaseError), ""
    if code is not None and code & _PRIMARY_CODE in _BY_CODE:
        kind, remedy = _BY_CODE[code & _PRIMARY_CODE]
    elif _CLOSED in str(error):
        kind = ConnectionLostError
    message = " ".join(str(error).split())
    return kind(f"{message}; {remedy}" if remedy else message, code=name)


@contextmanager
def translated(place: str = "") -> Iterator[None]:
    """Turn the driver's exceptions inside into LoadLab's; `place` is put before the message."""
    try:
        yield
    except (sqlite3.Error, sqlite3.Warning) as error:
        found = translate_error(error)
        if not place:
            raise found from error
        raise type(found)(f"{place}: {found}", code=found.code) from error
