"""Undoing what the ledger tells: exactly what LoadLab made is dropped, exactly what it loaded is removed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

import psycopg
from psycopg import sql

from loadlab.engines.postgresql.catalog import LEDGER_NAMESPACE, identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.ledger import loaded_chunks
from loadlab.engines.protocol import Manifest
from loadlab.errors import NotEmptyError
from loadlab.schema.model import Table

Made = frozenset[tuple[int, int]]
"""(catalogue, object) by OID."""

# What a script makes; what belongs to something else (an extension, a column, a partitioned table) goes along with it.
_OBJECTS = """
    WITH found (catalogue, object) AS (
        SELECT 'pg_namespace'::regclass::oid, oid FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
        UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension
        UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
            WHERE t.typtype IN ('e', 'd', 'r') OR c.relkind = 'c'
    )
    SELECT catalogue::bigint, object::bigint FROM found
    WHERE NOT EXISTS (
        SELECT FROM pg_depend AS d
        WHERE d.classid = catalogue AND d.objid = object AND d.deptype IN ('e', 'i', 'a', 'P', 'S')
    )
"""
_IDENTITIES = f"""
    SELECT i.type, i.identity FROM {LEDGER_NAMESPACE}.made AS m,
        LATERAL pg_identify_object(m.catalogue::oid, m.object::oid, 0) AS i
    WHERE i.identity IS NOT NULL ORDER BY m.object
"""
# What uses others first. Those of one word depend on each other, so they are dropped together.
_WORDS = (
    ("MATERIALIZED VIEW", ("materialized view",)),
    ("VIEW", ("view",)),
    ("TABLE", ("table",)),
    ("FOREIGN TABLE", ("foreign table",)),
    ("ROUTINE", ("function", "procedure", "aggregate")),
    ("SEQUENCE", ("sequence",)),
    ("TYPE", ("type", "composite type", "domain")),
    ("EXTENSION", ("extension",)),
    ("SCHEMA", ("schema",)),
)


def objects(connection: Connection) -> Made:
    """Everything in the database that a script could have made."""
    return frozenset(connection.execute(_OBJECTS).fetchall())


def note_made(connection: Connection, made: Iterable[tuple[int, int]]) -> None:
    """Write down what LoadLab has made, in the transaction that made it."""
    with connection.cursor() as cursor:
        cursor.executemany(f"INSERT INTO {LEDGER_NAMESPACE}.made VALUES (%s, %s)", list(made))


def forget(connection: Connection, manifest: Manifest, *, with_new_rows: bool = False) -> None:
    """Drop what LoadLab made, or remove the rows that it loaded into tables of others; and the ledger.

    In the open transaction. Raises NotEmptyError when a table holds more than was loaded (unless `with_new_rows`: a
    load of the caller wrote that), or something of somebody else depends on what is to go.
    """
    loaded: dict[str, int] = defaultdict(int)
    for chunk in loaded_chunks(connection):
        loaded[chunk.table] += 0 if chunk.later else chunk.rows
    for table in () if with_new_rows else manifest.schema.tables:
        _require_own(connection, table, loaded[table.key])
    try:
        for statement in _drops(connection) if manifest.owns_tables else _removals(connection, manifest, loaded):
            connection.execute(statement.encode())
    except (psycopg.errors.DependentObjectsStillExist, psycopg.errors.FeatureNotSupported) as error:
        reason = (error.diag.message_detail or error.diag.message_primary or "").splitlines()[0]
        raise NotEmptyError(f"something of somebody else depends on what LoadLab made: {reason}") from None
    connection.execute(f"DROP SCHEMA {LEDGER_NAMESPACE} CASCADE")


def _require_own(connection: Connection, table: Table, loaded: int) -> None:
    name = identifier(table.namespace, table.name)
    quoted = name.as_string(connection)
    if connection.execute("SELECT to_regclass(%s) IS NULL", (quoted,)).fetchone() == (True,):
        return
    connection.execute(sql.SQL("LOCK TABLE {} IN ACCESS EXCLUSIVE MODE").format(name))
    counted = connection.execute(sql.SQL("SELECT count(*) FROM {}").format(name)).fetchone()
    if counted is not None and counted[0] > loaded:
        raise NotEmptyError(
            f"{table.key} holds {counted[0]:,} rows, of which LoadLab loaded {loaded:,}:"
            " whose the others are cannot be told (seed another database, or remove this one yourself)"
        )


def _drops(connection: Connection) -> list[str]:
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{LEDGER_NAMESPACE}.made",)).fetchone()
    if found != (True,):
        raise NotEmptyError("the ledger, of an earlier version, does not tell what LoadLab made")
    names: dict[str, list[str]] = defaultdict(list)
    for kind, identity in connection.execute(_IDENTITIES).fetchall():
        names[kind].append(identity)
    drops = []
    for word, kinds in _WORDS:
        mine = [name for kind in kinds for name in names[kind]]
        drops += [f"DROP {word} {', '.join(mine)}"] if mine else []
    return drops


def _removals(connection: Connection, manifest: Manifest, loaded: dict[str, int]) -> list[str]:
    tables = [identifier(t.namespace, t.name).as_string(connection) for t in manifest.schema.tables if loaded[t.key]]
    return [f"TRUNCATE {', '.join(tables)}"] if tables else []
