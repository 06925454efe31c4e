"""Trying rows on collections of a moment: types, NOT NULL, CHECKs and unique keys are in place."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pymongo.database import Database

from loadlab.engines.abilities import Refusal
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.loading import encoded, insert
from loadlab.errors import ConnectionLostError, ConstraintError, DatabaseError, InputError, UnreachableError
from loadlab.schema.model import Table

if TYPE_CHECKING:
    import pyarrow as pa


def try_sample(database: Database[Document], table: Table, sample: pa.RecordBatch) -> Refusal | None:
    """Insert all rows, or, when that is refused, one by one those that are not in; the first that is refused.

    Raises ConnectionLostError, UnreachableError; every other error is what is asked for.
    """
    try:
        insert(database, table, encoded(table, [sample]))
    except (ConstraintError, InputError):
        return _first_refusal(database, table, sample)
    return None


def _first_refusal(database: Database[Document], table: Table, sample: pa.RecordBatch) -> Refusal | None:
    for row in range(sample.num_rows):
        try:
            insert(database, table, encoded(table, [sample.slice(row, 1)], row), there=True)
        except (ConnectionLostError, UnreachableError):
            raise
        except (DatabaseError, InputError) as error:
            return Refusal(table.key, str(error), getattr(error, "constraint", None), row)
    return None
