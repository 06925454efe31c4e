"""What LoadLab filled the database with: two tables of its own in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence

from loadlab.engines.protocol import Chunk, Manifest
from loadlab.schema.model import Schema

PREFIX = "_loadlab_"
_TABLES = (
    """CREATE TABLE IF NOT EXISTS _loadlab_manifest (
        only_row INTEGER PRIMARY KEY CHECK (only_row = 1),
        fingerprint TEXT NOT NULL,
        body TEXT NOT NULL,
        schema TEXT NOT NULL,
        owns_tables INTEGER NOT NULL,
        finished INTEGER NOT NULL,
        notes TEXT NOT NULL,
        new_rows INTEGER NOT NULL DEFAULT 0
    )""",
    """CREATE TABLE IF NOT EXISTS _loadlab_chunk (
        table_key TEXT NOT NULL,
        start INTEGER NOT NULL,
        stop INTEGER NOT NULL,
        PRIMARY KEY (table_key, start, stop)
    ) WITHOUT ROWID""",
)


def is_open(connection: sqlite3.Connection) -> bool:
    """Whether the ledger's tables are there."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_loadlab_manifest'").fetchone()
    return found is not None


def write(connection: sqlite3.Connection, manifest: Manifest, notes: Sequence[str]) -> None:
    """Open the ledger with its one manifest."""
    for table in _TABLES:
        connection.execute(table)
    values = (
        manifest.fingerprint,
        json.dumps(manifest.body),
        manifest.schema.to_json(),
        manifest.owns_tables,
        manifest.finished,
        json.dumps(list(notes)),
    )
    connection.execute("INSERT INTO _loadlab_manifest VALUES (1, ?, ?, ?, ?, ?, ?, 0)", values)


def read(connection: sqlite3.Connection) -> Manifest | None:
    """The manifest, None without one."""
    if not is_open(connection):
        return None
    row = connection.execute(
        "SELECT fingerprint, body, schema, owns_tables, finished, new_rows FROM _loadlab_manifest"
    ).fetchone()
    if row is None:
        return None
    return Manifest(row[0], json.loads(row[1]), Schema.from_json(row[2]), bool(row[3]), bool(row[4]), row[5])


def replace(connection: sqlite3.Connection, manifest: Manifest) -> None:
    """Another manifest in the place of the one that is there, to be finished again."""
    values = (manifest.fingerprint, json.dumps(manifest.body))
    connection.execute("UPDATE _loadlab_manifest SET fingerprint = ?, body = ?, finished = 0", values)


def notes(connection: sqlite3.Connection) -> tuple[str, ...]:
    """What was left out when the tables were made."""
    if not is_open(connection):
        return ()
    row = connection.execute("SELECT notes FROM _loadlab_manifest").fetchone()
    return tuple(json.loads(row[0])) if row else ()


def mark_finished(connection: sqlite3.Connection) -> None:
    """Nothing is left to do for the manifest."""
    connection.execute("UPDATE _loadlab_manifest SET finished = 1")


def note_new_rows(connection: sqlite3.Connection, new_rows: int) -> None:
    """Write down how many rows beyond the dataset loads have used."""
    connection.execute("UPDATE _loadlab_manifest SET new_rows = ?", (new_rows,))


def chunks(connection: sqlite3.Connection) -> frozenset[Chunk]:
    """The chunks that are in."""
    if not is_open(connection):
        return frozenset()
    return frozenset(Chunk(*row) for row in connection.execute("SELECT table_key, start, stop FROM _loadlab_chunk"))


def claim(connection: sqlite3.Connection, chunk: Chunk) -> bool:
    """Enter a chunk, inside the transaction that loads it; False when it is in already."""
    row = (chunk.table, chunk.start, chunk.stop)
    return connection.execute("INSERT OR IGNORE INTO _loadlab_chunk VALUES (?, ?, ?)", row).rowcount == 1
