"""Exceptions of mysqlclient, translated once into `loadlab.errors`.

The server tells what happened by its error number (https://mariadb.com/kb/en/mariadb-error-codes/,
https://dev.mysql.com/doc/mysql-errors/8.0/en/server-error-reference.html), the client library by numbers from 2000 on;
the exception class says less.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import MySQLdb

from loadlab.errors import (
    ConflictError,
    ConnectionLostError,
    ConstraintError,
    DatabaseError,
    StatementTimeoutError,
    UnreachableError,
)

# By class: what an exception is when its number says nothing more. A test holds every class of the driver to it.
BY_CLASS: dict[type[BaseException], type[DatabaseError]] = {
    MySQLdb.Warning: DatabaseError,
    MySQLdb.MySQLError: DatabaseError,
    MySQLdb.Error: DatabaseError,
    MySQLdb.DatabaseError: DatabaseError,
    MySQLdb.DataError: DatabaseError,
    MySQLdb.IntegrityError: ConstraintError,
    MySQLdb.InterfaceError: DatabaseError,
    MySQLdb.InternalError: DatabaseError,
    MySQLdb.NotSupportedError: DatabaseError,
    MySQLdb.OperationalError: DatabaseError,
    MySQLdb.ProgrammingError: DatabaseError,
}
_START = "start the server, or correct host, port or socket"
_LOG_IN = "correct user and password"
_GRANT = "grant the user that privilege"
_ROOM = "make room on the server's disk"
_READ_ONLY = "give a server that may be written to"
# By number, with what the user can do about it.
_BY_NUMBER: dict[int, tuple[type[DatabaseError], str]] = {
    **dict.fromkeys((2002, 2003, 2005), (UnreachableError, _START)),
    **dict.fromkeys((1045, 1698, 1130, 1524), (UnreachableError, _LOG_IN)),
    1044: (UnreachableError, "grant the user the database"),
    1049: (UnreachableError, "create the database first"),
    1040: (UnreachableError, "close other connections, or raise max_connections"),
    1203: (UnreachableError, "close other connections, or raise max_user_connections"),
    1129: (UnreachableError, "FLUSH HOSTS on the server"),
    **dict.fromkeys((1251, 2054, 2059, 2061), (UnreachableError, "the client does not know this way of logging in")),
    2026: (UnreachableError, "correct the ssl_… options"),
    **dict.fromkeys((1048, 1062, 1169, 1216, 1217, 1364, 1451, 1452, 1526, 1557, 1586), (ConstraintError, "")),
    **dict.fromkeys((1761, 1762, 1859, 3819, 4025), (ConstraintError, "")),
    **dict.fromkeys((1020, 1205, 1206, 1213, 1614, 3058, 3572), (ConflictError, "")),
    **dict.fromkeys((1317, 1969, 3024), (StatementTimeoutError, "the statement ran into its time limit")),
    **dict.fromkeys((1053, 1077, 1152, 1158, 1159, 1160, 1161, 1184), (ConnectionLostError, "")),
    **dict.fromkeys((1927, 2006, 2013, 2048, 2055, 3169, 4031), (ConnectionLostError, "")),
    **dict.fromkeys((1142, 1143, 1227, 1370, 1410), (DatabaseError, _GRANT)),
    **dict.fromkeys((1290, 1792, 1836, 3100), (DatabaseError, _READ_ONLY)),
    **dict.fromkeys((1021, 1041, 1114), (DatabaseError, _ROOM)),
    # What a column's character set does not hold, which MariaDB's default of old, latin1, is for most of Unicode.
    1366: (DatabaseError, "if it is a text, its column needs a character set that holds it, as utf8mb4 does"),
    1153: (DatabaseError, "raise max_allowed_packet"),
}
_DISK_FULL = re.compile(r"errno:? 28\b|error 28\b|No space left")
_CONSTRAINT = re.compile(
    r"for key '(?:[^'.]+\.)?(?P<key>[^']+)'|CONSTRAINT `(?:[^`.]+`?\.`?)?(?P<check>[^`]+)` failed"
    r"|Check constraint '(?P<named>[^']+)'|CONSTRAINT `(?P<foreign>[^`]+)` FOREIGN KEY"
)
# https://mariadb.com/kb/en/mariadb-error-codes/: an option of the server that does not stand in the way of reading.
_OPTION_IN_THE_WAY = 1290


def translate_error(error: BaseException) -> DatabaseError:
    """The LoadLab error for an exception of the driver; one line, `code` is the server's number."""
    number, message = _parts(error)
    return error_of(number, message, BY_CLASS.get(type(error), DatabaseError))


def error_of(number: int | None, message: str, kind: type[DatabaseError] = DatabaseError) -> DatabaseError:
    """The LoadLab error for a number and a message of the server."""
    message, remedy = " ".join(message.split()), ""
    if number is not None and number in _BY_NUMBER:
        kind, remedy = _BY_NUMBER[number]
    if number == _OPTION_IN_THE_WAY and "read" not in message.lower():
        remedy = ""
    if _DISK_FULL.search(message):
        kind, remedy = DatabaseError, _ROOM
    found = _CONSTRAINT.search(message)
    constraint = next((name for name in found.groups() if name), None) if found else None
    text = f"{message}; {remedy}" if remedy else message
    return kind(text, code=None if number is None else str(number), constraint=constraint)


def _parts(error: BaseException) -> tuple[int | None, str]:
    match error.args:
        case (int(number), str(message), *_):
            return number, message
        case (int(number), bytes(message), *_):
            return number, message.decode(errors="replace")
        case _:
            return None, str(error)


@contextmanager
def translated(place: str = "") -> Iterator[None]:
    """Turn the driver's exceptions inside into LoadLab's; `place` is put before the message."""
    try:
        yield
    except (MySQLdb.Error, MySQLdb.Warning, MySQLdb.MySQLError) as error:
        found = translate_error(error)
        if not place:
            raise found from error
        raise type(found)(f"{place}: {found}", code=found.code, constraint=found.constraint) from error
