"""The way of a chunk into a table: many rows a statement, one transaction a chunk.

Each CHECK … IN (…) builds its list once a statement, and each statement costs the driver a round: 32 rows in one INSERT
load two to three times what one row in each does; more rows gain no more. `synchronous = OFF` gained nothing over
NORMAL in WAL mode, so loading keeps NORMAL: a power cut can only take whole transactions, the ledger's rows with them.

Measured against each other (500,000 rows of six columns in chunks of 50,000, two busy cores, best of three,
2026-11-28; the values made from Arrow included): 32 rows an INSERT 1.5 s, 1 row 2.9 s, ADBC's `adbc_ingest`
(adbc-driver-sqlite 1.13) 2.8 s, one JSON text a chunk through `json_each` 3.0 s. ADBC takes 1.9 s where its values
are ready: it binds row by row, and the text of a time or a UUID has to be made first either way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.session import SYNCHRONOUS
from loadlab.engines.sqlite.values import column_values

if TYPE_CHECKING:
    import pyarrow as pa

_ROWS_PER_INSERT = 32
_VARIABLES_MAX = 999  # SQLite's own limit is 32766 since 3.32, but builds may lower it
_CACHE_KIB = 128 * 1024


@dataclass(frozen=True, slots=True)
class StoredRows:
    """Rows as SQLite stores them, one after the other in one list: the driver takes slices of it as they are."""

    width: int
    values: list[Any]

    @property
    def count(self) -> int:
        return len(self.values) // self.width

    def blocks(self, height: int, start: int, stop: int) -> Iterator[list[Any]]:
        """The values of `height` rows at a time, from row `start` to row `stop`."""
        step = height * self.width
        return (self.values[place : place + step] for place in range(start * self.width, stop * self.width, step))


def stored_rows(batches: Iterable[pa.RecordBatch], columns: Sequence[str]) -> StoredRows:
    """The rows of all batches, made column by column."""
    width = len(columns)
    values: list[Any] = []
    for batch in batches:
        part: list[Any] = [None] * (batch.num_rows * width)
        for place, name in enumerate(columns):
            part[place::width] = column_values(batch.column(name))
        values += part
    return StoredRows(width, values)


def insert_rows(connection: sqlite3.Connection, table: str, columns: Sequence[str], rows: StoredRows) -> int:
    """Insert them all; the number of rows that SQLite says it inserted."""
    head = f"INSERT INTO {quoted(table)} ({', '.join(quoted(name) for name in columns)}) VALUES "
    places = f"({', '.join('?' * rows.width)})"
    height = max(1, min(_ROWS_PER_INSERT, _VARIABLES_MAX // rows.width))
    whole = rows.count - rows.count % height
    many = connection.executemany(head + ", ".join([places] * height), rows.blocks(height, 0, whole))
    rest = connection.executemany(head + places, rows.blocks(1, whole, rows.count))
    return many.rowcount + rest.rowcount


@contextmanager
def loading(connection: sqlite3.Connection) -> Iterator[None]:
    """Inside, foreign keys wait: parents may come after children, and finishing has SQLite check every one."""
    is_wal = connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"
    cache_size = connection.execute("PRAGMA cache_size").fetchone()[0]
    connection.execute("PRAGMA foreign_keys = OFF")
    connection.execute(f"PRAGMA synchronous = {'NORMAL' if is_wal else SYNCHRONOUS}")
    connection.execute(f"PRAGMA cache_size = -{_CACHE_KIB}")
    try:
        yield
    finally:
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute(f"PRAGMA synchronous = {SYNCHRONOUS}")
        connection.execute(f"PRAGMA cache_size = {cache_size}")


@contextmanager
def transaction(connection: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing; takes the write lock at once."""
    connection.execute("BEGIN IMMEDIATE")
    try:
        yield
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:  # SQLite ends it by itself when the disk is full
            connection.execute("ROLLBACK")
        raise
