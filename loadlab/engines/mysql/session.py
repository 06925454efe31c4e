"""One connection as the load uses it.

Values are bound by the driver on the client's side, as most MySQL clients do: `prepare` finds where they stand,
`encode` has the driver make literals of them, and what is timed is to send one text and to read its answer.
"""

from __future__ import annotations

import datetime as dt
import math
import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.dialect import render
from loadlab.engines.mysql.errors import translated
from loadlab.engines.mysql.explain import plan_of_text
from loadlab.engines.mysql.ledger import StandIn
from loadlab.engines.mysql.script import REMEDY
from loadlab.engines.mysql.text_form import document, is_bare, is_octets, text_column
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Values
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import DatabaseError, InputError
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

_LEVELS = {"read uncommitted", "read committed", "repeatable read", "serializable"}
_NULL = b"NULL"


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement taken apart: `parts` has room for values at `slots`, which are filled with those of the numbers in
    `places`; `lists` are the numbers of names that take several values.
    """

    parts: tuple[bytes, ...]
    slots: tuple[int, ...]
    places: tuple[int, ...]
    names: tuple[str, ...]
    lists: frozenset[int]

    def text(self, values: Values) -> bytes:
        """The statement with its values."""
        if not self.slots:
            return self.parts[0]
        parts = list(self.parts)
        for slot, place in zip(self.slots, self.places, strict=True):
            parts[slot] = values[place]
        return b"".join(parts)


def prepared(statement: Statement, stand_ins: tuple[StandIn, ...] = ()) -> Prepared:
    """Raises InputError for a statement in another engine's words that has no counterpart here."""
    try:
        rendered = render(statement, stand_ins)
    except UntranslatableError as error:
        raise InputError(str(statement), f"{error}; {REMEDY}") from None
    parts: list[bytes] = []
    for piece in rendered.pieces:
        parts += [piece.encode(), b""]
    slots = tuple(range(1, 2 * len(rendered.places), 2))
    return Prepared(tuple(parts[:-1]), slots, rendered.places, statement.names, rendered.lists)


class MysqlSession:
    """A `DirectSession`; also CanCancel and CanPlanValues."""

    def __init__(self, address: Address, stand_ins: tuple[StandIn, ...], *, timeout_s: float) -> None:
        self._address, self._stand_ins, self._timeout_s = address, stand_ins, timeout_s
        self.enforced_s = math.inf
        self._connection: Connection | None = None
        self.open()

    @property
    def connection(self) -> Connection:
        """The connection that is open."""
        assert self._connection is not None, "the session is shut"
        return self._connection

    def open(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        if self._connection is not None:
            return
        connection = Connection(self._address, for_load=True)
        try:
            self._limit(connection)
        except BaseException:
            connection.close()
            raise
        self._connection, self._driver = connection, connection.driver

    def _limit(self, connection: Connection) -> None:
        lock_s = max(1, math.ceil(self._timeout_s))
        connection.run(f"SET SESSION innodb_lock_wait_timeout = {lock_s}, SESSION lock_wait_timeout = {lock_s}")
        if connection.product.limits_every_statement:
            connection.run(f"SET SESSION max_statement_time = {self._timeout_s:.6f}")
            self.enforced_s = self._timeout_s
        else:
            connection.run(f"SET SESSION max_execution_time = {math.ceil(self._timeout_s * 1000)}")

    def shut(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None

    def cancel(self) -> None:
        """By KILL QUERY from a connection of its own."""
        connection = self._connection
        if connection is None:
            return
        with suppress(DatabaseError):
            other = Connection(self._address, with_database=False)
            try:
                other.run(f"KILL QUERY {connection.number}")
            finally:
                other.close()

    def abandon(self) -> None:
        """Cut the connection under whoever waits for an answer on it."""
        connection = self._connection
        if connection is None:
            return
        with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno)) as cut:
            cut.shutdown(socket.SHUT_RDWR)

    def prepare(self, statement: Statement) -> Prepared:
        """Raises InputError for a statement in another engine's words that has no counterpart here."""
        return prepared(statement, self._stand_ins)

    def encode(self, handle: Prepared, columns: Mapping[str, pa.Array]) -> list[Values]:
        """Tuples of literals, in the order of the handle's names."""
        made = [self._literals(columns[name], place in handle.lists) for place, name in enumerate(handle.names)]
        return list(zip(*made, strict=True))

    def _literals(self, array: pa.Array, is_list: bool) -> list[bytes]:
        import pyarrow as pa

        if is_list and pa.types.is_nested(array.type):
            return [self._literal(item, True) for item in array.to_pylist()]
        kind = array.type
        if pa.types.is_floating(kind):
            return [self._literal(item, False) for item in array.to_pylist()]
        texts: list[bytes | None] = text_column(array).cast(pa.binary()).to_pylist()
        if is_bare(kind):
            return [_NULL if text is None else text for text in texts]
        if is_octets(kind):
            return [_NULL if text is None else b"X'" + text + b"'" for text in texts]
        quote = self._driver.string_literal
        return [_NULL if text is None else quote(text) for text in texts]

    def encode_row(self, handle: Prepared, values: Mapping[str, Any]) -> Values:
        """A tuple of literals in the order of the handle's names."""
        return tuple(self._literal(values[name], place in handle.lists) for place, name in enumerate(handle.names))

    def _literal(self, value: Any, is_list: bool) -> bytes:
        if is_list and isinstance(value, (list, tuple)):
            return b", ".join(self._literal(item, False) for item in value) or _NULL
        match value:
            case None:
                return _NULL
            case bool() | int():
                return str(int(value)).encode()
            case float():
                text = repr(value)
                return text.encode() if "e" in text or not math.isfinite(value) else f"{text}e0".encode()
            case Decimal():
                return format(value, "f").encode()
            case bytes() | bytearray() | memoryview():
                return b"X'" + bytes(value).hex().encode() + b"'"
            case dt.timedelta():
                return str(value // dt.timedelta(microseconds=1)).encode()
        text = _text(value)
        found: bytes = self._driver.string_literal(text.encode())
        return found

    def execute(self, handle: Prepared, values: Values) -> int:
        """Run it and read all of the answer; rows returned, else rows affected."""
        with translated():
            return self.connection.drain(handle.text(values))

    def query(self, handle: Prepared, values: Values) -> list[tuple[Any, ...]]:
        """Run it and return the rows as Python values."""
        return self.connection.rows(handle.text(values))

    def begin(self, isolation: str | None = None) -> None:
        """Raises InputError for a level that there is not."""
        if isolation is not None:
            if isolation.lower() not in _LEVELS:
                raise InputError("isolation", f"must be one of {', '.join(sorted(_LEVELS))}", value=isolation)
            self.connection.run(f"SET TRANSACTION ISOLATION LEVEL {isolation}")
        self.connection.run("START TRANSACTION")

    def commit(self) -> None:
        """Commit, as durably as the server is set to (`innodb_flush_log_at_trx_commit`)."""
        self.connection.run("COMMIT")

    def rollback(self) -> None:
        """Undo; nothing happens outside a transaction."""
        self.connection.run("ROLLBACK")

    def plan_of(self, statement: Statement, values: Values, *, execute: bool) -> Plan | None:
        """See `loadlab.engines.abilities.CanPlanValues`."""
        handle = self.prepare(statement)
        rendered = render(statement, self._stand_ins)
        with self._undone():
            return plan_of_text(self.connection, handle.text(values), rendered, execute=execute)

    @contextmanager
    def _undone(self) -> Iterator[None]:
        """What is executed within it is undone."""
        self.connection.run("SAVEPOINT loadlab_plan")
        try:
            yield
        except BaseException:
            # A deadlock has undone all of the transaction, the savepoint included: that is what is to be told.
            with suppress(DatabaseError):
                self._undo()
            raise
        self._undo()

    def _undo(self) -> None:
        self.connection.run("ROLLBACK TO SAVEPOINT loadlab_plan")
        self.connection.run("RELEASE SAVEPOINT loadlab_plan")

    def flush_counters(self) -> None:
        """The server counts at once."""

    def close(self) -> None:
        """Close it; an open transaction is rolled back."""
        self.shut()


def _text(value: object) -> str:
    match value:
        case str():
            return value
        case UUID():
            return str(value)
        case dt.datetime():
            moment = value.astimezone(dt.UTC) if value.tzinfo else value
            return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
        case dt.date():
            return value.isoformat()
        case dt.time():
            return value.isoformat("microseconds")
        case dict() | list() | tuple():
            return document(value)
    return str(value)
