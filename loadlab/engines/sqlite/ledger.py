"""What LoadLab filled the database with: two tables of its own in it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence

from loadlab.engines.protocol import Chunk, Manifest
from loadlab.errors import NotEmptyError
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
    "CREATE TABLE IF NOT EXISTS _loadlab_made (kind TEXT NOT NULL, name TEXT NOT NULL)",
)


def is_open(connection: sqlite3.Connection) -> bool:
    """Whether the ledger's tables are there."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_loadlab_manifest'").fetchone()
    return found is not None


def things(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """The tables and views that are there, as (kind, name); what belongs to a virtual table goes with it."""
    rows = connection.execute(
        "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view')"
        " AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"
    ).fetchall()
    return {(kind, name) for kind, name in rows if not name.startswith((PREFIX, "sqlite_"))}


def made(connection: sqlite3.Connection) -> set[tuple[str, str]]:
    """What LoadLab made, as (kind, name). Raises NotEmptyError where an earlier version did not write it down."""
    found = connection.execute("SELECT 1 FROM sqlite_master WHERE name = '_loadlab_made'").fetchone()
    if found is None:
        raise NotEmptyError("the ledger, of an earlier version, does not tell what LoadLab made")
    return set(connection.execute("SELECT kind, name FROM _loadlab_made"))


def drop(connection: sqlite3.Connection) -> None:
    """The ledger itself."""
    for table in ("manifest", "chunk", "made"):
        connection.execute(f"DROP TABLE IF EXISTS {PREFIX}{table}")


def write(
    connection: sqlite3.Connection, manifest: Manifest, notes: Sequence[str], made: Iterable[tuple[str, str]] = ()
) -> None:
    """Open the ledger with its one manifest and what was made for it."""
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
    connection.executemany("INSERT INTO _loadlab_made VALUES (?, ?)", list(made))


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
