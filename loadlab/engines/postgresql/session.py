"""One connection as the load uses it: prepared statements straight on libpq.

The hot path is `PQexecPrepared` through psycopg's C wrapper, which releases the GIL while it waits; nothing of
Python's runs between the call and the drained result. Values travel in text form, exact for every type and parsed by
the server as a literal would be, save keys (uuid) and bytes, which are shorter and cheaper in binary form.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

import psycopg
from psycopg import pq
from psycopg.adapt import PyFormat, Transformer
from psycopg.errors import error_from_result

from loadlab.engines.plan_tree import Plan
from loadlab.engines.postgresql.connection import Connection, cut_off, publish_counters
from loadlab.engines.postgresql.errors import translate, translated
from loadlab.engines.postgresql.plan_names import PlanNames, plan_names
from loadlab.engines.postgresql.plan_tree import read_plan
from loadlab.engines.postgresql.types import read_types
from loadlab.engines.protocol import Values
from loadlab.errors import ConnectionLostError, DatabaseError, InputError
from loadlab.schema.model import LogicalType
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

_BYTEA, _UUID = 17, 2950
_INTEGERS = {20, 21, 23, 26}
_JSON = {114, 3802}
# Types whose texts Arrow or the driver makes: bool, bytea, "char", name, text, json, float4, float8, unknown, bpchar,
# varchar, date, time, timestamp, timestamptz, numeric, uuid, jsonb, and whole numbers. Of others the catalogue tells.
_PLAIN = _INTEGERS | _JSON | {16, 17, 18, 19, 25, 700, 701, 705, 1042, 1043, 1082, 1083, 1114, 1184, 1700, 2950}
_SYNTAX_ERROR = "42601"
_BEGIN = {
    None: b"BEGIN",
    "read committed": b"BEGIN ISOLATION LEVEL READ COMMITTED",
    "repeatable read": b"BEGIN ISOLATION LEVEL REPEATABLE READ",
    "serializable": b"BEGIN ISOLATION LEVEL SERIALIZABLE",
}
# A request to cancel needs a connection of its own; the server answers it at once, or is not there.
_CANCEL_LIMIT_S = 2.0
_DONE = {pq.ExecStatus.TUPLES_OK, pq.ExecStatus.COMMAND_OK}


@dataclass(frozen=True, slots=True)
class Prepared:
    """A statement the server has parsed: its name there, and type and format of each distinct parameter.

    `types` has those of the parameters that are not plain. One without a name is sent as `text` each time.
    """

    name: bytes
    text: bytes
    parameters: tuple[str, ...]
    oids: tuple[int, ...]
    formats: tuple[int, ...]
    types: Mapping[int, LogicalType]


def native_text(statement: Statement) -> str:
    """The statement with $1, $2, … in place of its parameters."""
    return statement.render(lambda index, _: f"${index + 1}")


class PostgresqlSession:
    """See `loadlab.engines.protocol.Session`; also CanReadBack, CanCancel and CanPlanValues.

    `enforced_s`: the `statement_timeout` of the connection.
    """

    def __init__(self, connection: Connection, *, enforced_s: float = math.inf) -> None:
        self.enforced_s = enforced_s
        self._prepared = 0
        self._last: pq.abc.PGresult | None = None
        self._types: dict[int, LogicalType] = {}
        self._explaining: dict[Statement, Prepared] = {}
        self._plan_names: PlanNames | None = None
        self._use(connection)

    def _use(self, connection: Connection) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        # libpq's own blocking calls, not psycopg's event loop.
        self._pgconn.nonblocking = 0
        self._transformer = Transformer(connection)

    def prepare(self, statement: Statement) -> Prepared:
        """Raises DatabaseError when the server refuses the statement."""
        name = self._new_name()
        text = native_text(statement).encode()
        with translated():
            self._check(self._pgconn.prepare(name, text))
            description = self._check(self._pgconn.describe_prepared(name))
        oids = tuple(description.param_type(index) for index in range(description.nparams))
        formats = tuple(int(pq.Format.BINARY if oid in (_BYTEA, _UUID) else pq.Format.TEXT) for oid in oids)
        return Prepared(name, text, statement.names, oids, formats, self._types_of(oids))

    def _new_name(self) -> bytes:
        self._prepared += 1
        return f"loadlab_{self._prepared}".encode()

    def _types_of(self, oids: Sequence[int]) -> Mapping[int, LogicalType]:
        """What the catalogue says of the types that are not plain; asked once for each."""
        wanted = {oid for oid in oids if oid not in _PLAIN}
        unknown = wanted - self._types.keys()
        if unknown:
            with translated():
                catalog = read_types(self._connection, {(oid, -1) for oid in unknown})
            # The catalogue's cursors are psycopg's, which waits without blocking.
            self._pgconn.nonblocking = 0
            self._types |= {oid: catalog.column_type(oid, -1).logical for oid in unknown}
        return {oid: self._types[oid] for oid in wanted}

    def execute(self, handle: Prepared, values: Values) -> int:
        result = self._last = self._run(handle, values)
        return result.ntuples or result.command_tuples or 0

    def keep_result(self) -> pq.abc.PGresult:
        """See `loadlab.engines.abilities.CanReadBack`."""
        assert self._last is not None
        return self._last

    def rows_of(self, result: pq.abc.PGresult) -> list[tuple[Any, ...]]:
        """See `loadlab.engines.abilities.CanReadBack`."""
        self._transformer.set_pgresult(result)
        return self._transformer.load_rows(0, result.ntuples, tuple)

    def query(self, handle: Prepared, values: Values) -> list[tuple[Any, ...]]:
        result = self._run(handle, values)
        return self.rows_of(result) if result.nfields else []

    def encode(self, handle: Prepared, columns: Mapping[str, pa.Array]) -> list[Values]:
        """Raises InputError for a value that the parameter's type cannot take."""
        wires = [
            self._encode_column(name, columns[name], oid, handle.types.get(oid))
            for name, oid in zip(handle.parameters, handle.oids, strict=True)
        ]
        return list(zip(*wires, strict=True))

    def encode_row(self, handle: Prepared, values: Mapping[str, Any]) -> Values:
        return tuple(
            self._encode_value(values[name], oid, handle.types.get(oid))
            for name, oid in zip(handle.parameters, handle.oids, strict=True)
        )

    def begin(self, isolation: str | None = None) -> None:
        self._command(_BEGIN[isolation])

    def commit(self) -> None:
        self._command(b"COMMIT")

    def rollback(self) -> None:
        self._command(b"ROLLBACK")

    def plan_of(self, statement: Statement, values: Values, *, execute: bool) -> Plan | None:
        """See `loadlab.engines.abilities.CanPlanValues`. The values are bound, so that the plan is made for them."""
        self._command(b"SAVEPOINT loadlab_plan")
        try:
            handle = self._explanation(statement, execute=execute)
            ((documents,),) = self.query(handle, values)
        except DatabaseError as error:
            if error.code == _SYNTAX_ERROR:
                return None  # BEGIN and the like have no plan.
            raise
        finally:
            self._command(b"ROLLBACK TO SAVEPOINT loadlab_plan; RELEASE SAVEPOINT loadlab_plan")
        if not isinstance(documents, list) or "Plan" not in documents[0]:
            return None
        if self._plan_names is None:
            with translated():
                self._plan_names = plan_names(self._connection)
            self._pgconn.nonblocking = 0  # The catalogue's cursors are psycopg's.
        return read_plan(documents[0], self._plan_names)

    def _explanation(self, statement: Statement, *, execute: bool) -> Prepared:
        options = "ANALYZE, BUFFERS, TIMING OFF, " if execute else ""
        head = f"EXPLAIN ({options}VERBOSE, FORMAT JSON) {statement.fragments[0]}"
        text = replace(statement, fragments=(head, *statement.fragments[1:]))
        if text not in self._explaining:
            self._explaining[text] = self.prepare(text)
        return self._explaining[text]

    def flush_counters(self) -> None:
        with translated():
            publish_counters(self._connection)

    def close(self) -> None:
        self._connection.close()

    def cancel(self) -> None:
        """See `loadlab.engines.abilities.CanCancel`."""
        # A server that cannot be asked is noticed by the thread that waits for its answer.
        with suppress(psycopg.Error):
            self._connection.cancel_safe(timeout=_CANCEL_LIMIT_S)

    def abandon(self) -> None:
        """See `loadlab.engines.abilities.CanCancel`."""
        cut_off(self._connection)

    def _run(self, handle: Prepared, values: Values) -> pq.abc.PGresult:
        try:
            result = self._send(handle, values)
        except psycopg.Error as error:
            raise translate(error) from error
        if result.status not in _DONE:
            raise self._error(result)
        return result

    def _send(self, handle: Prepared, values: Values) -> pq.abc.PGresult:
        return self._pgconn.exec_prepared(handle.name, values, handle.formats)

    def _command(self, text: bytes) -> None:
        with translated():
            self._check(self._pgconn.exec_(text))

    def _check(self, result: pq.abc.PGresult) -> pq.abc.PGresult:
        if result.status not in _DONE:
            raise self._error(result)
        return result

    def _error(self, result: pq.abc.PGresult) -> DatabaseError:
        if result.status == pq.ExecStatus.EMPTY_QUERY:
            return DatabaseError("the statement is empty")
        error = translate(error_from_result(result))
        if self._pgconn.status == pq.ConnStatus.BAD:
            return ConnectionLostError(str(error), code=error.code)
        return error

    def _encode_column(self, name: str, column: pa.Array, oid: int, type: LogicalType | None) -> Sequence[bytes | None]:
        import pyarrow as pa

        try:
            if type is not None and _is_exchanged_as(column, type):
                return _texts(column, type)
            return _text_column(column, oid, lambda value: self._encode_value(value, oid, type))
        except (pa.ArrowException, ValueError) as error:
            raise InputError(f"parameter {name}", f"has a value that the statement cannot take: {error}") from error

    def _encode_value(self, value: Any, oid: int, type: LogicalType | None = None) -> bytes | None:
        if value is None:
            return None
        if oid == _UUID:
            return value.bytes if isinstance(value, UUID) else bytes(value) if len(value) == 16 else UUID(value).bytes
        if oid == _BYTEA:
            return bytes(value)
        if isinstance(value, str):
            return value.encode()
        if oid in _JSON:
            return json.dumps(value, ensure_ascii=False, default=str).encode()
        if type is not None and isinstance(value, (dict, list)) and _is_made_of_parts(type):
            return _texts(_one(value, type), type)[0]
        with translated():
            dumped = self._transformer.get_dumper(value, PyFormat.TEXT).dump(value)
        return None if dumped is None else bytes(dumped)


def _texts(column: pa.Array, type: LogicalType) -> Sequence[bytes | None]:
    import pyarrow as pa

    from loadlab.engines.postgresql.text_form import text_column

    found: list[bytes | None] = text_column(column, type).cast(pa.binary()).to_pylist()
    return found


def _is_exchanged_as(column: pa.Array, type: LogicalType) -> bool:
    """Whether the array is of the form in which values of the type are exchanged, so that `text_column` takes it."""
    import pyarrow as pa

    kind = column.type.storage_type if isinstance(column.type, pa.BaseExtensionType) else column.type
    if type.kind == "geometry":
        return bool(pa.types.is_binary(kind))
    return bool(pa.types.is_nested(kind) or pa.types.is_duration(kind) or pa.types.is_time(kind))


def _is_made_of_parts(type: LogicalType) -> bool:
    if type.kind == "array" and type.element is not None:
        return _is_made_of_parts(type.element)
    return type.kind in ("range", "multirange", "composite", "map", "vector", "shape", "search_vector")


def _one(value: Any, type: LogicalType) -> pa.Array:
    """A Python value (a record or a range as a dict, a list as a list) as an array of one."""
    import pyarrow as pa

    if type.kind == "map":
        return pa.array([list(dict(value).items())], pa.map_(pa.string(), pa.string()))
    if type.kind == "composite":
        value = {name: value.get(name) for name, _ in type.fields}
    return pa.array([value])


def _text_column(column: pa.Array, oid: int, one: Callable[[Any], bytes | None]) -> Sequence[bytes | None]:
    """The values of a column in their wire form: Arrow's own conversions, and value by value what it has none for."""
    import pyarrow as pa

    if isinstance(column.type, pa.BaseExtensionType):
        column = column.storage
    kind = column.type
    if pa.types.is_fixed_size_binary(kind) and oid not in (_UUID, _BYTEA):
        column, kind = (
            pa.array([None if v is None else str(UUID(bytes=v)) for v in column.to_pylist()], pa.string()),
            pa.string(),
        )
    if oid in (_UUID, _BYTEA):
        values = column.to_pylist()
        return values if pa.types.is_fixed_size_binary(kind) or pa.types.is_binary(kind) else [one(v) for v in values]
    if pa.types.is_duration(kind):
        micros = column.cast(pa.duration("us")).cast(pa.int64()).to_pylist()
        return [None if v is None else b"%d us" % v for v in micros]
    if pa.types.is_nested(kind) or pa.types.is_dictionary(kind) or pa.types.is_binary(kind):
        return [one(value) for value in column.to_pylist()]
    if oid in _INTEGERS and pa.types.is_floating(kind):
        column = column.cast(pa.int64())
    text: list[bytes | None] = column.cast(pa.string()).cast(pa.binary()).to_pylist()
    return text
