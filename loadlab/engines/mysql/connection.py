"""Connections: the driver's low-level one with what every connection of LoadLab is set to.

Rows come without the driver's cursors, whose Python code would be measured with the database.
"""

from __future__ import annotations

import datetime as dt
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from decimal import Decimal
from typing import Any

from MySQLdb import _mysql
from MySQLdb.constants import CLIENT, FIELD_TYPE, FLAG

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.errors import translated
from loadlab.engines.mysql.product import Product

# Strict, as both products are by default; said here, so that a server's own setting changes no outcome.
SQL_MODE = (
    "STRICT_TRANS_TABLES,NO_ZERO_IN_DATE,NO_ZERO_DATE,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "NO_AUTO_VALUE_ON_ZERO"
)
# Tables of old may have a default of '0000-00-00', with which they could not be altered.
_MODE_FOR_TABLES = SQL_MODE.replace("NO_ZERO_IN_DATE,NO_ZERO_DATE,", "")
_SETTINGS = "SET NAMES utf8mb4, time_zone = '+00:00', sql_mode = '{mode}'"
_DAY_S = 86_400

Row = tuple[Any, ...]


def _date(text: str) -> object:
    """The text itself of a day that is none, as some modes of the server keep: `0000-00-00`, `2024-02-30`."""
    try:
        return dt.date.fromisoformat(text)
    except ValueError:
        return text


def _moment(text: str) -> object:
    """See `_date`."""
    try:
        return dt.datetime.fromisoformat(text)
    except ValueError:
        return text


def _time(text: str) -> object:
    """A time of day; a duration where it is none, since TIME takes ±838 hours."""
    sign, hours, minutes, seconds = text[:1] == "-", *text.removeprefix("-").split(":")
    micros = round(float(seconds) * 1_000_000)
    span = dt.timedelta(hours=int(hours), minutes=int(minutes), microseconds=micros)
    if sign or span.total_seconds() >= _DAY_S:
        return -span if sign else span
    return (dt.datetime.min + span).time()


def _bits(raw: bytes) -> int:
    return int.from_bytes(raw, "big")


_TEXT = [(FLAG.BINARY, bytes), (None, str)]
_CONVERTERS: Mapping[int, Any] = {
    **dict.fromkeys((FIELD_TYPE.TINY, FIELD_TYPE.SHORT, FIELD_TYPE.INT24, FIELD_TYPE.LONG, FIELD_TYPE.LONGLONG), int),
    **dict.fromkeys((FIELD_TYPE.FLOAT, FIELD_TYPE.DOUBLE), float),
    **dict.fromkeys((FIELD_TYPE.DECIMAL, FIELD_TYPE.NEWDECIMAL), Decimal),
    FIELD_TYPE.YEAR: int,
    FIELD_TYPE.DATE: _date,
    FIELD_TYPE.TIME: _time,
    FIELD_TYPE.DATETIME: _moment,
    FIELD_TYPE.TIMESTAMP: _moment,
    FIELD_TYPE.BIT: _bits,
    FIELD_TYPE.JSON: str,
    FIELD_TYPE.GEOMETRY: bytes,
    **dict.fromkeys(
        (FIELD_TYPE.STRING, FIELD_TYPE.VAR_STRING, FIELD_TYPE.VARCHAR, FIELD_TYPE.TINY_BLOB, FIELD_TYPE.MEDIUM_BLOB,
         FIELD_TYPE.LONG_BLOB, FIELD_TYPE.BLOB, FIELD_TYPE.ENUM, FIELD_TYPE.SET),
        _TEXT,
    ),
}  # fmt: skip


class Connection:
    """One connection, in autocommit mode. One thread at a time; raises DatabaseErrors."""

    def __init__(
        self, address: Address, *, with_database: bool = True, place: str = "", for_load: bool = False
    ) -> None:
        """`for_load`: in the mode that MySQL has by default; else tables may hold defaults that are no dates."""
        self._place = place
        mode = SQL_MODE if for_load else _MODE_FOR_TABLES
        with translated(place):
            self.driver = _mysql.connect(
                conv=_CONVERTERS, client_flag=CLIENT.FOUND_ROWS, **address.arguments(with_database=with_database)
            )
            self.driver.set_character_set("utf8mb4")
            self.driver.autocommit(True)
            self.driver.query(_SETTINGS.format(mode=mode).encode())
            self.product = Product.of(self.driver.get_server_info())
            # The driver lets other threads ask for nothing. With its number another connection can stop its statement.
            self._lock = threading.RLock()
            self.number: int = self.driver.thread_id()
            self.fileno: int = self.driver.fileno()

    def run(self, sql: str | bytes) -> int:
        """Execute a statement and drain its result; rows returned, or affected when none are returned."""
        with self._lock, translated(self._place):
            return self.drain(sql.encode() if isinstance(sql, str) else sql)

    def drain(self, sql: bytes) -> int:
        """As `run`, with the driver's own exceptions."""
        driver = self.driver
        driver.query(sql)
        result = driver.store_result()
        count: int = driver.affected_rows() if result is None else result.num_rows()
        return count

    def rows(self, sql: str | bytes) -> list[Row]:
        """The rows of a statement as Python values."""
        with self._lock, translated(self._place):
            self.driver.query(sql.encode() if isinstance(sql, str) else sql)
            result = self.driver.store_result()
            return [] if result is None else list(result.fetch_row(0, 0))

    def records(self, sql: str) -> list[dict[str, Any]]:
        """The rows by the names of their columns, in lower case: the two products write those differently."""
        with self._lock, translated(self._place):
            self.driver.query(sql.encode())
            result = self.driver.store_result()
            found = result.fetch_row(0, 1) if result is not None else ()
        return [{name.lower(): value for name, value in row.items()} for row in found]

    def value(self, sql: str | bytes) -> Any:
        """The first column of the first row, None without one."""
        found = self.rows(sql)
        return found[0][0] if found else None

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """All of it or nothing. A DDL statement inside would commit it."""
        self.run("START TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            self._roll_back()
            raise

    def _roll_back(self) -> None:
        """What is lost with the connection is rolled back by the server."""
        from loadlab.errors import DatabaseError

        try:
            self.run("ROLLBACK")
        except DatabaseError:
            self.close()

    @contextmanager
    def setting(self, name: str, value: str, after: str) -> Iterator[None]:
        """A variable of the session inside, and what it is set to afterwards."""
        self.run(f"SET SESSION {name} = {value}")
        try:
            yield
        finally:
            self.run(f"SET SESSION {name} = {after}")

    def close(self) -> None:
        """Close it; an open transaction is rolled back."""
        if self.driver.open:
            self.driver.close()


Opener = Callable[[], Connection]
