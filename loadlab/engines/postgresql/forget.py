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

_SOMEBODY = "something of somebody else depends on what LoadLab made:"
Made = frozenset[tuple[int, int]]
"""(catalogue, object) by OID."""

# What a script makes; what belongs to something else (an extension, a column, a partitioned table) goes along with it.
# Below 16384 (FirstNormalObjectId of access/transam.h) is what every database has.
_OBJECTS = """
    WITH found (catalogue, object) AS (
        SELECT 'pg_namespace'::regclass::oid, oid FROM pg_namespace WHERE nspname !~ '^pg_(toast|temp)'
        UNION ALL SELECT 'pg_extension'::regclass, oid FROM pg_extension
        UNION ALL SELECT 'pg_class'::regclass, oid FROM pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f')
        UNION ALL SELECT 'pg_proc'::regclass, oid FROM pg_proc
        UNION ALL SELECT 'pg_type'::regclass, t.oid FROM pg_type AS t LEFT JOIN pg_class AS c ON c.oid = t.typrelid
            WHERE t.typtype IN ('b', 'e', 'd', 'r') OR c.relkind = 'c'
        UNION ALL SELECT 'pg_operator'::regclass, oid FROM pg_operator
        UNION ALL SELECT 'pg_opfamily'::regclass, oid FROM pg_opfamily
        UNION ALL SELECT 'pg_opclass'::regclass, oid FROM pg_opclass
        UNION ALL SELECT 'pg_cast'::regclass, oid FROM pg_cast
        UNION ALL SELECT 'pg_collation'::regclass, oid FROM pg_collation
        UNION ALL SELECT 'pg_ts_config'::regclass, oid FROM pg_ts_config
        UNION ALL SELECT 'pg_ts_dict'::regclass, oid FROM pg_ts_dict
    )
    SELECT catalogue::bigint, object::bigint FROM found
    WHERE object >= 16384 AND NOT EXISTS (
        SELECT FROM pg_depend AS d
        -- Of the thing itself: the column that a table is partitioned by needs the table.
        WHERE d.classid = catalogue AND d.objid = object AND d.objsubid = 0 AND d.deptype IN ('e', 'i', 'a', 'P', 'S')
    )
"""
_IDENTITIES = f"""
    SELECT i.type, i.identity FROM {LEDGER_NAMESPACE}.made AS m,
        LATERAL pg_identify_object(m.catalogue::oid, m.object::oid, 0) AS i
    WHERE i.identity IS NOT NULL ORDER BY m.object
"""
# What needs something of ours, and neither is ours nor a part of it (an index of a table, a rule of a view).
_OF_OTHERS = f"""
    WITH RECURSIVE mine (catalogue, object) AS (
        SELECT catalogue::oid, object::oid FROM {LEDGER_NAMESPACE}.made
        UNION
        SELECT d.classid, d.objid FROM mine AS m
        JOIN pg_depend AS d ON d.refclassid = m.catalogue AND d.refobjid = m.object
        WHERE d.objsubid = 0 AND d.deptype IN ('e', 'i', 'a', 'P', 'S')
    )
    SELECT pg_describe_object(d.classid, d.objid, 0), pg_describe_object(d.refclassid, d.refobjid, 0)
    FROM mine AS m JOIN pg_depend AS d ON d.refclassid = m.catalogue AND d.refobjid = m.object
    WHERE d.deptype = 'n' AND (d.classid, d.objid) NOT IN (SELECT catalogue, object FROM mine)
    ORDER BY d.objid LIMIT 1
"""
# What pg_identify_object() calls a thing, where DROP has another word for it.
_WORDS = {"procedure": "ROUTINE", "function": "ROUTINE", "aggregate": "ROUTINE"}
# These first, for their rows; the others in any order, as each goes with what needs it.
_FIRST = ("materialized view", "view", "table", "foreign table")


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
        raise NotEmptyError(f"{_SOMEBODY} {reason}") from None
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
    """Whatever needs the things is ours as well, so that each can take along what needs it: some need each other."""
    found = connection.execute("SELECT to_regclass(%s) IS NOT NULL", (f"{LEDGER_NAMESPACE}.made",)).fetchone()
    if found != (True,):
        raise NotEmptyError("the ledger, of an earlier version, does not tell what LoadLab made")
    needed = connection.execute(_OF_OTHERS).fetchone()
    if needed is not None:
        raise NotEmptyError(f"{_SOMEBODY} {needed[0]} depends on {needed[1]}")
    things: list[tuple[str, str]] = connection.execute(_IDENTITIES).fetchall()
    things.sort(key=lambda thing: thing[0] not in _FIRST)
    return [f"DROP {_WORDS.get(kind, kind.upper())} IF EXISTS {identity} CASCADE" for kind, identity in things]


def _removals(connection: Connection, manifest: Manifest, loaded: dict[str, int]) -> list[str]:
    tables = [identifier(t.namespace, t.name).as_string(connection) for t in manifest.schema.tables if loaded[t.key]]
    return [f"TRUNCATE {', '.join(tables)}"] if tables else []
