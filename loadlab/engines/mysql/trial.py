"""Trying rows on tables of a moment: CHECKs, NOT NULL and unique keys are in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from loadlab.engines.abilities import Refusal
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.loading import insert_batches
from loadlab.errors import ConnectionLostError, DatabaseError
from loadlab.schema.model import Table

if TYPE_CHECKING:
    import pyarrow as pa


def try_sample(connection: Connection, table: Table, sample: pa.RecordBatch, *, native: bool) -> Refusal | None:
    """Insert all rows, or, when that is refused, one by one; the first that is refused.

    Raises ConnectionLostError; every other error is what is asked for.
    """
    if not table.stored_columns:
        return None
    try:
        insert_batches(connection, table, [sample], native=native, local=False)
    except DatabaseError:
        return _first_refusal(connection, table, sample, native=native)
    return None


def _first_refusal(connection: Connection, table: Table, sample: pa.RecordBatch, *, native: bool) -> Refusal | None:
    for row in range(sample.num_rows):
        try:
            insert_batches(connection, table, [sample.slice(row, 1)], native=native, local=False)
        except ConnectionLostError:
            raise
        except DatabaseError as error:
            return Refusal(table.key, f"table {table.key}: {error}", error.constraint, row)
    return None
