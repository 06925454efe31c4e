"""Loading one chunk: binary COPY and the ledger's row in one transaction."""

from __future__ import annotations

import select
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from typing import TYPE_CHECKING

from psycopg import pq, sql
from psycopg.errors import error_from_result

from loadlab.engines.postgresql.ahead import made_ahead
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.copy_binary import HEADER, TRAILER, CannotEncodeError, Wire, encode
from loadlab.engines.postgresql.errors import translate, translated
from loadlab.engines.postgresql.finish import set_sequences
from loadlab.engines.postgresql.ledger import claim_chunk
from loadlab.engines.postgresql.types import read_types
from loadlab.engines.protocol import Chunk
from loadlab.errors import ConnectionLostError, DatabaseError, InputError
from loadlab.schema.model import Table

if TYPE_CHECKING:
    import pyarrow as pa

# Measured: 20 % more rows a second than with pieces of 128 KiB or more, for which libpq regrows its buffer.
_BYTES_PER_WRITE = 32 * 1024

# Below this, a thread costs more than it gains.
_AHEAD_FROM_ROWS = 10_000

_COLUMN_TYPES = """
    SELECT a.attname::text, a.atttypid, a.atttypmod FROM pg_attribute AS a
    WHERE a.attrelid = %s::regclass AND a.attnum > 0 AND NOT a.attisdropped
"""


@dataclass(frozen=True, slots=True)
class Target:
    """A table as COPY fills it: which columns, and how the server takes each."""

    table: Table
    columns: tuple[str, ...]
    wires: tuple[Wire, ...]

    @property
    def command(self) -> sql.Composed:
        return sql.SQL("COPY {} ({}) FROM STDIN (FORMAT binary)").format(
            identifier(self.table.namespace, self.table.name),
            sql.SQL(", ").join(map(sql.Identifier, self.columns)),
        )


def target(connection: Connection, table: Table, columns: Sequence[str]) -> Target:
    """Ask the server for the types of a table's columns. Raises InputError for one whose values cannot be loaded."""
    name = identifier(table.namespace, table.name).as_string(connection)
    with translated():
        rows = connection.execute(_COLUMN_TYPES, (name,)).fetchall()
        types = read_types(connection, {(oid, modifier) for _, oid, modifier in rows})
    oids = {column: (oid, modifier) for column, oid, modifier in rows}
    for column in columns:
        if column not in oids:
            raise InputError(f"{table.key}.{column}", "is no column of the table that is there")
    return Target(table, tuple(columns), tuple(types.wire(*oids[column]) for column in columns))


def load_chunk(connection: Connection, goal: Target, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
    """Load one chunk; the rows that the server confirmed.

    A chunk that is in already is left alone. Raises DatabaseError unless exactly the chunk's rows arrive, and
    InputError for values that the column's type cannot take.
    """
    with translated(), connection.transaction():
        # Rows and ledger are lost or kept together, so the disk need not be waited for.
        connection.execute("SET LOCAL synchronous_commit = off")
        if not claim_chunk(connection, chunk):
            return chunk.rows
        if goal.columns:
            rows = _copy(connection, goal, batches, ahead=chunk.rows > _AHEAD_FROM_ROWS)
        else:
            rows = _insert_defaults(connection, goal, chunk.rows)
        if rows != chunk.rows:
            raise DatabaseError(
                f"{chunk.table}: the server took {rows} rows of the chunk {chunk.start}..{chunk.stop}, not {chunk.rows}"
            )
        return rows


def _insert_defaults(connection: Connection, goal: Target, rows: int) -> int:
    """Rows of a table that has no columns, or none that a client sends: COPY takes no empty list of them."""
    name = identifier(goal.table.namespace, goal.table.name)
    statement = sql.SQL("INSERT INTO {} SELECT FROM generate_series(1, %s)").format(name)
    return connection.execute(statement, (rows,)).rowcount


def fill_later(
    connection: Connection, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch], chunk: Chunk
) -> int:
    """See `loadlab.engines.abilities.CanLoadCycles`. Raises DatabaseError unless every row finds its like."""
    names = (*table.primary_key, *columns)
    new = Table(name="loadlab_later", namespace="pg_temp", columns=tuple(table.column(name) for name in names))
    with translated(), connection.transaction():
        connection.execute("SET LOCAL synchronous_commit = off")
        if not claim_chunk(connection, chunk):
            return chunk.rows
        parts: dict[str, sql.Composable] = {
            "new": identifier(new.namespace, new.name),
            "table": identifier(table.namespace, table.name),
        }
        parts |= {"names": sql.SQL(", ").join(map(sql.Identifier, names))}
        connection.execute(
            sql.SQL(
                "CREATE TEMPORARY TABLE loadlab_later ON COMMIT DROP AS SELECT {names} FROM {table} WITH NO DATA"
            ).format(**parts)
        )
        rows = _copy(connection, target(connection, new, names), batches, ahead=chunk.rows > _AHEAD_FROM_ROWS)
        connection.execute(sql.SQL("ANALYZE {new}").format(**parts))
        update = sql.SQL("UPDATE {table} AS t SET {set} FROM {new} AS n WHERE {same}").format(
            **parts,
            set=_equations("{0} = n.{0}", columns, ", "),
            same=_equations("t.{0} = n.{0}", table.primary_key, " AND "),
        )
        found = connection.execute(update).rowcount
        if found != rows:
            raise DatabaseError(f"{chunk.table}: {rows - found} of {rows} rows are not there to be filled")
        return chunk.rows


def _equations(form: str, names: Sequence[str], separator: str) -> sql.Composed:
    return sql.SQL(separator).join(sql.SQL(form).format(sql.Identifier(name)) for name in names)


def append_rows(connection: Connection, goal: Target, batches: Iterable[pa.RecordBatch]) -> int:
    """Add rows in one transaction, without the ledger, and move the table's sequences; the rows that arrived.

    Raises as `load_chunk` does.
    """
    name = identifier(goal.table.namespace, goal.table.name).as_string(connection)
    with translated(), connection.transaction():
        # In this thread: functions of the user may be called for the rows.
        rows = _copy(connection, goal, batches, ahead=False)
        found = connection.execute("SELECT %s::regclass::oid::bigint", (name,)).fetchone()
        set_sequences(connection, oids=[] if found is None else [found[0]])
        return rows


def copy_rows(connection: Connection, goal: Target, batches: Iterable[pa.RecordBatch]) -> int:
    """COPY inside the transaction that is open, without the ledger. Raises as `load_chunk` does."""
    return _copy(connection, goal, batches, ahead=False)


def _copy(connection: Connection, goal: Target, batches: Iterable[pa.RecordBatch], ahead: bool = True) -> int:
    """Straight on libpq: psycopg's COPY would hand each piece through its event loop.

    The rows are made and encoded in a thread while those before them are on their way, so that the server never waits
    for us as long as it is the slower one. psycopg keeps the interpreter's lock in a blocking send: we wait ourselves.
    """
    pgconn = connection.pgconn
    _expect(connection, pgconn.exec_(goal.command.as_bytes(connection)), pq.ExecStatus.COPY_IN)
    try:
        pgconn.put_copy_data(HEADER)
        made = (piece for batch in batches for piece in encode(batch, goal.wires))
        with closing(made_ahead(made) if ahead else made) as pieces:
            for piece in pieces:
                for start in range(0, len(piece), _BYTES_PER_WRITE):
                    pgconn.put_copy_data(piece[start : start + _BYTES_PER_WRITE])
                    _flush(pgconn)
        pgconn.put_copy_data(TRAILER)
        pgconn.put_copy_end()
        _flush(pgconn)
    except CannotEncodeError as error:
        _give_up(connection)
        raise InputError(f"{goal.table.key}.{error}", "cannot be loaded into the column") from error
    except BaseException:
        _give_up(connection)
        raise
    result = pgconn.get_result()
    _expect(connection, result, pq.ExecStatus.COMMAND_OK)
    while pgconn.get_result() is not None:
        pass
    assert result is not None
    return result.command_tuples or 0


def _flush(pgconn: pq.abc.PGconn) -> None:
    """Wait until the kernel has everything. What the server says meanwhile (notices) is taken in, lest it waits too."""
    while pgconn.flush():
        events = select.poll()
        events.register(pgconn.socket, select.POLLIN | select.POLLOUT)
        if any(event & select.POLLIN for _, event in events.poll()):
            pgconn.consume_input()


def _give_up(connection: Connection) -> None:
    """Leave COPY mode, so that the transaction can be rolled back."""
    pgconn = connection.pgconn
    if pgconn.transaction_status == pq.TransactionStatus.ACTIVE:
        pgconn.put_copy_end(b"given up by the client")
    while pgconn.status == pq.ConnStatus.OK and pgconn.get_result() is not None:
        pass


def _expect(connection: Connection, result: pq.abc.PGresult | None, status: pq.ExecStatus) -> None:
    if result is None or connection.pgconn.status == pq.ConnStatus.BAD:
        raise ConnectionLostError("the connection to the server broke while rows were loaded")
    if result.status != status:
        while connection.pgconn.get_result() is not None:
            pass
        raise translate(error_from_result(result))
