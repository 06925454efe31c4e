"""One session as the load uses it: commands are made before the clock, then sent, and their cursors read to the end.

A command is sent once. What the driver would repeat by itself (retryable reads and writes) fails here, and is counted:
a repeat that nobody sees is a latency that nobody understands. Documents are read off the wire and not decoded.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import bson
from bson.codec_options import CodecOptions
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.raw_bson import RawBSONDocument
from pymongo.client_session import ClientSession
from pymongo.database import Database
from pymongo.errors import PyMongoError
from pymongo.read_concern import ReadConcern

from loadlab.engines.mongodb.commands import Command, parse_command
from loadlab.engines.mongodb.connection import CODEC, Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.explain import plan_of_command, same_path
from loadlab.engines.mongodb.plan_stages import ColumnsAt
from loadlab.engines.mongodb.results import affected, documents_of, raise_for, result_paths, rows
from loadlab.engines.mongodb.values import bson_value, bson_values
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Values
from loadlab.errors import InputError
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

RAW: CodecOptions[RawBSONDocument] = CODEC.with_options(document_class=RawBSONDocument)
_LEVELS: Mapping[str, str] = {"read committed": "majority", "repeatable read": "snapshot"}
_UNKNOWN_COMMIT = "UnknownTransactionCommitResult"
_COMMITS = 5
"""A commit whose outcome is unknown may be sent again: it does nothing where it was done."""
Opener = Callable[[], Database[Document]]


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement taken apart, and what its answer looks like."""

    command: Command
    names: tuple[str, ...]
    paths: tuple[str, ...] | None


class Bound(tuple[Any, ...]):
    """Values in the order of the statement's names, with the command that was made of them."""

    command: dict[str, Any]


class MongodbSession:
    """A `DirectSession`; also CanCancel, CanReadBack and CanPlanValues. `owns`: it closes the client with itself."""

    def __init__(self, opener: Opener, *, timeout_s: float, owns: bool, columns_at: ColumnsAt = same_path) -> None:
        self._opener, self._owns, self._columns_at = opener, owns, columns_at
        self.enforced_s = timeout_s
        self._limit = {"maxTimeMS": max(1, math.ceil(timeout_s * 1000))}
        self._database: Database[Document] | None = None
        self._last: tuple[Prepared, list[Any]] | None = None
        self.open()

    # The connection -----------------------------------------------------------------------------------------------

    def open(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        if self._database is not None:
            return
        self._database = self._opener()
        with translated():
            # What one operation read says nothing about what the next one has to see.
            self._session: ClientSession = self._database.client.start_session(causal_consistency=False)
        self._reading = self._database.read_preference
        self._outside = _concerns(self._database)

    def shut(self) -> None:
        """See `loadlab.engines.abilities.DirectSession`."""
        if self._database is None:
            return
        client, self._database = self._database.client, None
        with suppress(PyMongoError):
            self._session.end_session()
        if self._owns:
            client.close()

    close = shut

    def cancel(self) -> None:
        """End what the server executes for this session, from another connection."""
        database = self._database
        if database is not None:
            with suppress(PyMongoError):
                database.client.admin.command("killSessions", [self._session.session_id])

    def abandon(self) -> None:
        """The driver gives a silent connection up by itself, shortly after the server's limit."""

    # Statements ---------------------------------------------------------------------------------------------------

    def prepare(self, statement: Statement) -> Prepared:
        """Raises InputError for a text that is no command."""
        command = parse_command(statement)
        return Prepared(command, statement.names, result_paths(command))

    def encode(self, handle: Prepared, columns: Mapping[str, pa.Array]) -> list[Values]:
        """The commands of many executions."""
        made = [bson_values(columns[name]) for name in handle.names]
        return [self._bound(handle, values) for values in zip(*made, strict=True)]

    def encode_row(self, handle: Prepared, values: Mapping[str, Any]) -> Values:
        """The command of one execution."""
        return self._bound(handle, [bson_value(values[name]) for name in handle.names])

    def _bound(self, handle: Prepared, values: Any) -> Bound:
        # As a key of a dict they have to have a hash.
        bound = Bound(value.to_decimal() if isinstance(value, Decimal128) else value for value in values)
        command = handle.command.filled(dict(zip(handle.names, values, strict=True)))
        if handle.command.verb == "insert":
            command["documents"] = [_encoded(item) for item in command["documents"]]
        if handle.command.verb != "ping":
            command = {**command, **{key: value for key, value in self._limit.items() if key not in command}}
        bound.command = command
        return bound

    def execute(self, handle: Prepared, values: Values) -> int:
        """Send it and read all that it returns; documents returned, else documents affected."""
        with translated():
            self._last = handle, self._run(handle, values)
        return self._count

    def query(self, handle: Prepared, values: Values) -> list[tuple[Any, ...]]:
        """Run it and return its documents as rows; see `results.result_paths`."""
        with translated():
            return rows(self._run(handle, values), handle.paths)

    def _run(self, handle: Prepared, values: Values) -> list[Any]:
        bound = values if isinstance(values, Bound) else self._bound(handle, bson_value(values))
        command = bound.command
        reply = self._send(command if self._session.in_transaction else {**command, **self._own(handle)})
        if "cursor" in reply:
            found = self._drained(reply["cursor"])
            self._count = len(found)
            return found
        raise_for(reply)
        self._count = affected(handle.command, reply)
        return documents_of(handle.command, reply)

    def _own(self, handle: Prepared) -> Mapping[str, Any]:
        if handle.command.verb == "ping":
            return {}
        return self._outside["write" if handle.command.is_write else "read"]

    def _send(self, command: Mapping[str, Any]) -> Mapping[str, Any]:
        assert self._database is not None, "the session is shut"
        # The driver adds to the command what belongs to the session.
        return self._database.command(
            dict(command),
            read_preference=None if self._session.in_transaction else self._reading,
            codec_options=RAW,
            session=self._session,
        )

    def _drained(self, cursor: Mapping[str, Any]) -> list[Any]:
        found = list(cursor["firstBatch"])
        collection = str(cursor["ns"]).partition(".")[2]
        while cursor["id"]:
            cursor = self._send({"getMore": Int64(cursor["id"]), "collection": collection})["cursor"]
            found += cursor["nextBatch"]
        return found

    def keep_result(self) -> Any:
        """See `loadlab.engines.abilities.CanReadBack`."""
        return self._last

    def rows_of(self, result: Any) -> list[tuple[Any, ...]]:
        """See `loadlab.engines.abilities.CanReadBack`."""
        handle, documents = result
        return rows(documents, handle.paths)

    # Transactions -------------------------------------------------------------------------------------------------

    def begin(self, isolation: str | None = None) -> None:
        """The server begins it with the first command. Raises InputError for a level that there is not."""
        with translated():
            self._session.start_transaction(
                read_concern=None if isolation is None else ReadConcern(_level(isolation)),
                max_commit_time_ms=self._limit["maxTimeMS"],
            )

    def commit(self) -> None:
        """Commit, again where nobody knows whether it was done. Raises ConflictError where it was turned away."""
        for attempt in range(_COMMITS):
            try:
                with translated():
                    self._session.commit_transaction()
                return
            except Exception as error:
                cause = error.__cause__
                unknown = isinstance(cause, PyMongoError) and cause.has_error_label(_UNKNOWN_COMMIT)
                if not unknown or attempt == _COMMITS - 1:
                    raise

    def rollback(self) -> None:
        """Undo; nothing happens outside a transaction."""
        if self._session.in_transaction:
            with translated():
                self._session.abort_transaction()

    def flush_counters(self) -> None:
        """The server counts at once."""

    def plan_of(self, statement: Statement, values: Values, *, execute: bool) -> Plan | None:
        """See `loadlab.engines.abilities.CanPlanValues`: executed without its writes, beside the transaction."""
        handle = self.prepare(statement)
        assert self._database is not None, "the session is shut"
        filled = handle.command.filled(dict(zip(handle.names, bson_value(values), strict=True)))
        return plan_of_command(
            self._database, handle.command, filled, execute=execute, limit=self._limit, columns_at=self._columns_at
        )


def _level(isolation: str) -> str:
    if isolation.lower() not in _LEVELS:
        raise InputError(
            "isolation",
            f"must be one of {', '.join(_LEVELS)}; a transaction of MongoDB sees one moment and does not guard what it"
            " only read",
            value=isolation,
        )
    return _LEVELS[isolation.lower()]


def _concerns(database: Database[Document]) -> Mapping[str, Mapping[str, Any]]:
    """What the address says of reads and writes, which the driver adds to its own calls and not to commands."""
    read, write = database.read_concern.document, database.write_concern.document
    return {"read": {"readConcern": read} if read else {}, "write": {"writeConcern": write} if write else {}}


def _encoded(document: Any) -> RawBSONDocument:
    return RawBSONDocument(bson.encode(document, codec_options=CODEC), codec_options=RAW)
