"""What LoadLab writes down in the database it fills: the manifest, the chunks that are in, and what is still put off.

Everything is in a namespace of its own, and every row is written in the transaction of the work it tells of: after a
kill at any point the ledger and the tables agree.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from enum import IntEnum

from psycopg import sql

from loadlab.engines.postgresql.catalog import LEDGER_NAMESPACE
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.errors import NotEmptyError
from loadlab.schema.model import Schema

_CREATE = f"""
    CREATE SCHEMA {LEDGER_NAMESPACE};
    COMMENT ON SCHEMA {LEDGER_NAMESPACE} IS 'What LoadLab filled this database with; drop it to make LoadLab forget.';
    CREATE TABLE {LEDGER_NAMESPACE}.manifest (
        fingerprint text PRIMARY KEY,
        body        json NOT NULL,
        schema      text NOT NULL,
        owns_tables boolean NOT NULL,
        new_rows    bigint NOT NULL DEFAULT 0,
        created_at  timestamptz NOT NULL DEFAULT now(),
        finished_at timestamptz
    );
    CREATE TABLE {LEDGER_NAMESPACE}.chunk (
        table_key text NOT NULL,
        start     bigint NOT NULL,
        stop      bigint NOT NULL,
        later     boolean NOT NULL,
        rows      bigint NOT NULL,
        PRIMARY KEY (table_key, start, stop, later)
    );
    CREATE TABLE {LEDGER_NAMESPACE}.deferred (
        position   integer PRIMARY KEY,
        label      text NOT NULL,
        stage      smallint NOT NULL,
        tables     bigint[] NOT NULL,
        alone      boolean NOT NULL,
        statements text[] NOT NULL
    );
    CREATE TABLE {LEDGER_NAMESPACE}.made (catalogue bigint NOT NULL, object bigint NOT NULL)
"""


class Stage(IntEnum):
    """What of a table has to be there before what."""

    INDEXES = 0
    FOREIGN_KEYS = 1
    CHECKS = 2
    """Of the rows against the foreign keys."""
    TRIGGERS = 3


@dataclass(frozen=True, slots=True)
class DeferredStep:
    """One piece of what was put off, as the statements that restore it; `label` is for the progress line.

    `tables` are the OIDs of the tables it is about, its own first, a partition named by its root; `alone` says that
    nothing else may work on them meanwhile. `position` is its place in the ledger: done in that order one after the
    other, the steps find what they need.
    """

    label: str
    stage: Stage
    tables: tuple[int, ...]
    alone: bool
    statements: tuple[str, ...]
    position: int = 0

    @property
    def table_name(self) -> str:
        return self.label.rpartition(" of ")[2]


def read_manifest(connection: Connection) -> Manifest | None:
    """The manifest of this database, None when LoadLab has not been here."""
    if not _exists(connection):
        return None
    row = connection.execute(
        "SELECT fingerprint, body, schema, owns_tables, finished_at IS NOT NULL, new_rows"
        f" FROM {LEDGER_NAMESPACE}.manifest"
    ).fetchone()
    if row is None:
        return None
    fingerprint, body, schema, owns_tables, finished, new_rows = row
    return Manifest(fingerprint, body, Schema.from_json(schema), owns_tables, finished, new_rows)


def note_new_rows(connection: Connection, new_rows: int) -> None:
    """Write down how many rows beyond the dataset loads have used."""
    connection.execute(f"UPDATE {LEDGER_NAMESPACE}.manifest SET new_rows = %s", (new_rows,))


def create_ledger(connection: Connection, manifest: Manifest) -> None:
    """Make the ledger. Raises NotEmptyError when its namespace is taken by something else."""
    if connection.execute("SELECT to_regnamespace(%s)::text", (LEDGER_NAMESPACE,)).fetchone() != (None,):
        raise NotEmptyError(
            f"the database has a schema named {LEDGER_NAMESPACE}, which LoadLab needs for its ledger;"
            f" use another database, or drop it if you can do without (DROP SCHEMA {LEDGER_NAMESPACE} CASCADE)"
        )
    connection.execute(_CREATE)
    connection.execute(
        f"INSERT INTO {LEDGER_NAMESPACE}.manifest (fingerprint, body, schema, owns_tables) VALUES (%s, %s, %s, %s)",
        (manifest.fingerprint, json.dumps(dict(manifest.body)), manifest.schema.to_json(), manifest.owns_tables),
    )


def replace_manifest(connection: Connection, manifest: Manifest) -> None:
    """Another manifest in the place of the one that is there, to be finished again."""
    connection.execute(
        f"UPDATE {LEDGER_NAMESPACE}.manifest SET fingerprint = %s, body = %s, finished_at = NULL",
        (manifest.fingerprint, json.dumps(dict(manifest.body))),
    )


def require_same(found: Manifest, asked: Manifest) -> None:
    """Raises NotEmptyError unless both stand for the same content."""
    if found.fingerprint != asked.fingerprint:
        state = "is filled" if found.finished else "was begun to be filled"
        raise NotEmptyError(
            f"the database {state} with something else (manifest {found.fingerprint}, asked for {asked.fingerprint}):"
            " use the same scenario, scale and seed to go on, or an empty database"
        )


def loaded_chunks(connection: Connection) -> frozenset[Chunk]:
    """The chunks that are in."""
    if not _exists(connection):
        return frozenset()
    rows = connection.execute(f"SELECT table_key, start, stop, later FROM {LEDGER_NAMESPACE}.chunk").fetchall()
    return frozenset(Chunk(*row) for row in rows)


def claim_chunk(connection: Connection, chunk: Chunk) -> bool:
    """Enter a chunk in the open transaction; False when it is in already.

    Whoever claims the same chunk at the same time waits for the first one's end.
    """
    cursor = connection.execute(
        f"INSERT INTO {LEDGER_NAMESPACE}.chunk (table_key, start, stop, later, rows) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT DO NOTHING",
        (chunk.table, chunk.start, chunk.stop, chunk.later, chunk.rows),
    )
    return cursor.rowcount == 1


def defer(connection: Connection, steps: Iterable[DeferredStep]) -> None:
    """Write down what is put off."""
    with connection.cursor() as cursor:
        cursor.executemany(
            f"INSERT INTO {LEDGER_NAMESPACE}.deferred (position, label, stage, tables, alone, statements)"
            " VALUES (%s, %s, %s, %s, %s, %s)",
            [
                (position, step.label, int(step.stage), list(step.tables), step.alone, list(step.statements))
                for position, step in enumerate(steps)
            ],
        )


def deferred_steps(connection: Connection) -> list[DeferredStep]:
    """What is still put off, by position."""
    rows = connection.execute(
        f"SELECT label, stage, tables, alone, statements, position FROM {LEDGER_NAMESPACE}.deferred ORDER BY position"
    ).fetchall()
    return [
        DeferredStep(label, Stage(stage), tuple(tables), alone, tuple(statements), position)
        for label, stage, tables, alone, statements, position in rows
    ]


def strike_out(connection: Connection, steps: Iterable[DeferredStep]) -> frozenset[int]:
    """Strike steps out in the open transaction; the positions of those that had not been done by now.

    A server process whose client was killed may still be at it: this waits for its end.
    """
    rows = connection.execute(
        f"DELETE FROM {LEDGER_NAMESPACE}.deferred WHERE position = ANY (%s) RETURNING position",
        ([step.position for step in steps],),
    ).fetchall()
    return frozenset(position for (position,) in rows)


def mark_finished(connection: Connection) -> None:
    """The database holds what its manifest says."""
    connection.execute(f"UPDATE {LEDGER_NAMESPACE}.manifest SET finished_at = now()")


def _exists(connection: Connection) -> bool:
    name = sql.Identifier(LEDGER_NAMESPACE, "manifest").as_string(connection)
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", (name,)).fetchone() == (True,)
