"""Trying rows on the server in a transaction that is rolled back.

Tables that LoadLab is to make are made for it, without what looks at other rows' tables: foreign keys and triggers.
Of tables that are there already an empty copy is tried, so that nobody waits for a lock on them and no page of them is
written; a copy has no partitions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

from psycopg import sql

from loadlab.engines.abilities import Refusal
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.deferred import put_off
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.ledger import Stage
from loadlab.engines.postgresql.load import copy_rows, target
from loadlab.errors import ConnectionLostError, DatabaseError, InputError
from loadlab.schema.model import Table

if TYPE_CHECKING:
    import pyarrow as pa

_LINE = re.compile(r"COPY [^;]*?, line (\d+)")
_LIKE = (
    "CREATE TEMPORARY TABLE {} (LIKE {} INCLUDING CONSTRAINTS INCLUDING DEFAULTS INCLUDING GENERATED INCLUDING INDEXES)"
)
_COPY = "loadlab_trial"


def stand_in_place(connection: Connection, tables: Iterable[int]) -> None:
    """Take foreign keys and triggers off new tables (by OID), which nobody else can see, and leave the rest."""
    for step in put_off(connection, list(tables)):
        if step.stage is Stage.INDEXES:
            connection.execute(";\n".join(step.statements).encode())


def try_in_place(connection: Connection, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> Iterator[Refusal]:
    """Into the tables themselves, inside the transaction that is open."""
    for table, sample in samples:
        refusal = _refusal(connection, table, table, sample)
        if refusal is not None:
            yield refusal


def try_on_copies(connection: Connection, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> Iterator[Refusal]:
    """Into temporary copies of tables that are there, inside the transaction that is open."""
    for table, sample in samples:
        copy = replace(table, name=_COPY, namespace="pg_temp")
        _make_copy(connection, table, copy)
        refusal = _refusal(connection, table, copy, sample)
        if refusal is not None:
            yield refusal
        connection.execute(sql.SQL("DROP TABLE {}").format(identifier(copy.namespace, copy.name)))


def _make_copy(connection: Connection, table: Table, copy: Table) -> None:
    statement = sql.SQL(_LIKE).format(
        identifier(copy.namespace, copy.name),
        identifier(table.namespace, table.name),
    )
    with translated():
        connection.execute(statement)


def _refusal(connection: Connection, table: Table, into: Table, sample: pa.RecordBatch) -> Refusal | None:
    """Load one sample under a savepoint. Raises ConnectionLostError; every other error is what is asked for."""
    columns = tuple(column.name for column in into.stored_columns)
    if not columns:
        return None
    try:
        with translated(), connection.transaction():
            copy_rows(connection, target(connection, into, columns), [sample])
    except ConnectionLostError:
        raise
    except (DatabaseError, InputError) as error:
        text = str(error).replace(f"{into.key}.", f"{table.key}.").replace(into.name, table.name)
        line = _LINE.search(text)
        constraint = error.constraint if isinstance(error, DatabaseError) else None
        return Refusal(table.key, text, constraint, int(line[1]) - 1 if line else None)
    return None
