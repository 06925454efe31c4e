"""What a review asks of a database file: how the keys of its indexes compare and sort."""

from __future__ import annotations

import sqlite3

from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.full_text import METHOD
from loadlab.engines.sqlite.reflect import reflect
from loadlab.schema.details import IndexDetails, IndexKey, SchemaDetails, TableDetails
from loadlab.schema.model import Index


def read_details(connection: sqlite3.Connection) -> SchemaDetails:
    """Of all tables that are there. SQLite keeps no invalid index, and has of the features what foreign keys are."""
    return SchemaDetails(
        {
            table.key: TableDetails({index.name: _details(connection, index) for index in table.indexes})
            for table in reflect(connection)
        },
        frozenset({"foreign keys", "stated actions"}),
    )


def _details(connection: sqlite3.Connection, index: Index) -> IndexDetails:
    if index.method == METHOD:
        return IndexDetails(tuple(IndexKey(name) for name in index.keys))
    # https://www.sqlite.org/pragma.html#pragma_index_xinfo: seqno, cid, name, desc, coll, key.
    parts = [row for row in connection.execute(f"PRAGMA index_xinfo({quoted(index.name)})") if row[5]]
    return IndexDetails(
        tuple(
            # NULLs are smaller than everything: they come first where the order ascends.
            IndexKey(text, collation=part[4] or "", descending=bool(part[3]), nulls_first=not part[3])
            for text, part in zip(index.keys, parts, strict=True)
        )
    )
