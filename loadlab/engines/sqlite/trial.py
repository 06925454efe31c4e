"""Trying rows on tables in memory that are like those of the file: CHECKs, NOT NULL and unique keys are in place."""

from __future__ import annotations

import re
import sqlite3
from typing import TYPE_CHECKING

from loadlab.engines.abilities import Refusal
from loadlab.engines.sqlite.errors import translated
from loadlab.engines.sqlite.loading import insert_rows, stored_rows
from loadlab.errors import DatabaseError, InputError
from loadlab.schema.model import Table

if TYPE_CHECKING:
    import pyarrow as pa

_CHECK = re.compile(r"CHECK constraint failed: (.+)$")


def table_statements(connection: sqlite3.Connection) -> list[str]:
    """The texts of a database's tables and indexes; triggers, views and virtual tables left out."""
    rows = connection.execute(
        "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND type IN ('table', 'index')"
        " AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\' AND name NOT IN"
        " (SELECT name FROM pragma_table_list WHERE type IN ('shadow', 'virtual')) ORDER BY type = 'index', rowid"
    )
    return [text for (text,) in rows]


def try_sample(connection: sqlite3.Connection, table: Table, sample: pa.RecordBatch) -> Refusal | None:
    """Insert rows one by one; the first that is refused."""
    columns = [column.name for column in table.stored_columns]
    if not columns:
        return None
    for row in range(sample.num_rows):
        try:
            with translated(f"table {table.key}"):
                insert_rows(connection, table.key, columns, stored_rows([sample.slice(row, 1)], columns))
        except (DatabaseError, InputError) as error:
            found = _CHECK.search(str(error))
            return Refusal(table.key, str(error), found[1] if found else None, row)
    return None
