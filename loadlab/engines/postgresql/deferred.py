"""Putting off what slows loading, and restoring it exactly: indexes, keys, unique and exclusion constraints, foreign
keys, triggers.

CHECKs stay: each costs one evaluation a row either way, and in place it stops a wrong row in its own chunk.

The statements that restore come from the catalogue at the moment of dropping, in the way pg_dump writes them (an
index of a partitioned table ON ONLY the parent, then each partition's under its own name, then ATTACH), together with
what hangs on an index or a constraint: comment, clustering, replica identity, statistics targets, tablespace. They
are kept in the ledger and struck out in the transaction that carries them out (`finish`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import psycopg
from psycopg import sql
from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.ledger import DeferredStep, Stage

# Format strings build every statement on the server: format() with %I quotes as the server itself does.
_INDEXES = """
    SELECT i.indexrelid AS oid, p.inhparent AS parent, t.relname::text AS table_name,
           coalesce(pg_partition_root(t.oid), t.oid)::bigint AS root,
           format('%%I.%%I', tn.nspname, t.relname) AS qualified_table,
           c.relname::text AS name, format('%%I', c.relname) AS quoted,
           format('%%I.%%I', n.nspname, c.relname) AS qualified,
           k.conname IS NOT NULL AS is_constraint, k.contype::text AS kind,
           pg_get_indexdef(i.indexrelid) AS definition, pg_get_constraintdef(k.oid) AS constraint_definition,
           c.reloptions AS options, s.spcname::text AS tablespace,
           obj_description(c.oid, 'pg_class') AS comment, obj_description(k.oid, 'pg_constraint') AS constraint_comment,
           i.indisclustered AS clustered, i.indisreplident AS identifies_replica,
           ARRAY (SELECT format('ALTER INDEX %%I.%%I ALTER COLUMN %%s SET STATISTICS %%s',
                                n.nspname, c.relname, a.attnum, a.attstattarget)
                  FROM pg_attribute AS a
                  WHERE a.attrelid = c.oid AND a.attstattarget >= 0 AND i.indkey[a.attnum - 1] = 0
                  ORDER BY a.attnum) AS statistics_targets
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    JOIN pg_class AS t ON t.oid = i.indrelid
    JOIN pg_namespace AS tn ON tn.oid = t.relnamespace
    LEFT JOIN pg_inherits AS p ON p.inhrelid = i.indexrelid
    LEFT JOIN pg_constraint AS k ON k.conindid = i.indexrelid AND k.contype IN ('p', 'u', 'x')
    LEFT JOIN pg_tablespace AS s ON s.oid = c.reltablespace
    WHERE i.indrelid = ANY (%s)
    ORDER BY i.indexrelid
"""
_FOREIGN_KEYS = """
    SELECT t.relname::text AS table_name, k.conname::text AS name,
           coalesce(pg_partition_root(t.oid), t.oid)::bigint AS root,
           coalesce(pg_partition_root(k.confrelid), k.confrelid)::bigint AS target,
           k.convalidated AND 'p' NOT IN (t.relkind, r.relkind) AS checked_later,
           format('ALTER TABLE %%s%%I.%%I', CASE WHEN t.relkind = 'p' THEN '' ELSE 'ONLY ' END, n.nspname, t.relname)
               AS alter_table,
           format('%%I', k.conname) AS quoted, pg_get_constraintdef(k.oid) AS definition,
           format('%%I ON %%I.%%I', k.conname, n.nspname, t.relname) AS place,
           obj_description(k.oid, 'pg_constraint') AS comment
    FROM pg_constraint AS k
    JOIN pg_class AS t ON t.oid = k.conrelid
    JOIN pg_class AS r ON r.oid = k.confrelid
    JOIN pg_namespace AS n ON n.oid = t.relnamespace
    WHERE k.conrelid = ANY (%s) AND k.contype = 'f' AND k.conparentid = 0
    ORDER BY k.oid
"""
# Parents before partitions: to switch a parent's trigger is to switch its copies, whose own state follows. Up to
# PostgreSQL 14 the copies count as internal, as do the triggers of foreign keys, whose constraint they name.
_TRIGGERS = """
    SELECT format('ALTER TABLE %%I.%%I DISABLE TRIGGER %%I', n.nspname, c.relname, t.tgname) AS disable,
           format('ALTER TABLE %%I.%%I %%s TRIGGER %%I', n.nspname, c.relname,
                  CASE t.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' WHEN 'R' THEN 'ENABLE REPLICA'
                  ELSE 'ENABLE' END, t.tgname) AS restore,
           c.relname::text AS table_name, coalesce(pg_partition_root(c.oid), c.oid)::bigint AS root
    FROM pg_trigger AS t
    JOIN pg_class AS c ON c.oid = t.tgrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE t.tgrelid = ANY (%s) AND (NOT t.tgisinternal OR t.tgparentid <> 0 AND t.tgconstraint = 0)
    ORDER BY (SELECT count(*) FROM pg_partition_ancestors(c.oid)), t.oid
"""
# COPY is refused where the policies hold for the owner too.
_ROW_SECURITY = """
    SELECT format('ALTER TABLE %%I.%%I NO FORCE ROW LEVEL SECURITY', n.nspname, c.relname) AS disable,
           format('ALTER TABLE %%I.%%I FORCE ROW LEVEL SECURITY', n.nspname, c.relname) AS restore,
           c.relname::text AS table_name, coalesce(pg_partition_root(c.oid), c.oid)::bigint AS root
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.oid = ANY (%s) AND c.relforcerowsecurity
    ORDER BY c.oid
"""
_KINDS = {"p": "primary key", "u": "unique constraint", "x": "exclusion constraint"}

Row = Any
"""A named tuple of one of the queries above."""


def put_off(connection: Connection, tables: Sequence[int]) -> list[DeferredStep]:
    """Drop what slows loading on these tables (by OID, partitions included); the steps that restore it, in order.

    What something else depends on (a view that groups by a primary key) stays where it is.
    """
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        indexes: list[Row] = cursor.execute(_INDEXES, (list(tables),)).fetchall()
        foreign_keys: list[Row] = cursor.execute(_FOREIGN_KEYS, (list(tables),)).fetchall()
        triggers: list[Row] = cursor.execute(_TRIGGERS, (list(tables),)).fetchall()
        triggers += cursor.execute(_ROW_SECURITY, (list(tables),)).fetchall()
    dropped_keys = [key for key in foreign_keys if _drop(connection, f"{key.alter_table} DROP CONSTRAINT {key.quoted}")]
    for trigger in triggers:
        connection.execute(trigger.disable)
    children: dict[int | None, list[Row]] = defaultdict(list)
    for index in indexes:
        children[index.parent].append(index)
    dropped = [root for root in children[None] if _drop(connection, _drop_statement(root))]
    steps = [_index_step(root, children) for root in dropped]
    steps += [step for key in dropped_keys for step in _foreign_key_steps(key)]
    return steps + _trigger_steps(triggers)


def _drop(connection: Connection, statement: str) -> bool:
    try:
        with connection.transaction():
            connection.execute(statement.encode())
    except psycopg.errors.DependentObjectsStillExist:
        return False
    return True


def _drop_statement(root: Row) -> str:
    if root.is_constraint:
        return f"ALTER TABLE {root.qualified_table} DROP CONSTRAINT {root.quoted}"
    return f"DROP INDEX {root.qualified}"


def _label(root: Row) -> str:
    return f"{_KINDS.get(root.kind, 'index')} {root.name} of {root.table_name}"


def _index_step(root: Row, children: Mapping[int | None, list[Row]]) -> DeferredStep:
    """CREATE INDEX shares the table with its like; ALTER TABLE does not."""
    statements = tuple(_restore_index(root, children))
    alone = any(statement.startswith("ALTER TABLE") for statement in statements)
    return DeferredStep(_label(root), Stage.INDEXES, (root.root,), alone, statements)


def _foreign_key_steps(key: Row) -> Iterator[DeferredStep]:
    """The constraint, and the check of the rows that are there.

    Two steps, because only the short one locks the table referred to, which many others may refer to as well. They
    are one where a table is partitioned: before version 18 PostgreSQL does not check all parts of such a key later.
    """
    name = f"foreign key {key.name} of {key.table_name}"
    later = " NOT VALID" if key.checked_later else ""
    statements = [f"{key.alter_table} ADD CONSTRAINT {key.quoted} {key.definition}{later}"]
    if key.comment is not None:
        statements.append(f"COMMENT ON CONSTRAINT {key.place} IS {_literal(key.comment)}")
    yield DeferredStep(name, Stage.FOREIGN_KEYS, (key.root, key.target), True, tuple(statements))
    if later:
        check = f"{key.alter_table} VALIDATE CONSTRAINT {key.quoted}"
        yield DeferredStep(f"check of {name}", Stage.CHECKS, (key.root,), True, (check,))


def _trigger_steps(triggers: Sequence[Row]) -> list[DeferredStep]:
    by_root: dict[int, list[Row]] = defaultdict(list)
    for trigger in triggers:
        by_root[trigger.root].append(trigger)
    return [
        DeferredStep(
            f"triggers of {group[0].table_name}", Stage.TRIGGERS, (root,), True, tuple(row.restore for row in group)
        )
        for root, group in by_root.items()
    ]


def _restore_index(index: Row, children: Mapping[int | None, list[Row]]) -> Iterator[str]:
    """The statements that make an index, and those of the partitions under it, as they were."""
    # Empty: the database's own.
    yield f"SET LOCAL default_tablespace = {_literal(index.tablespace or '')}"
    yield _constraint(index) if index.is_constraint else index.definition
    yield from index.statistics_targets
    if index.comment is not None:
        yield f"COMMENT ON INDEX {index.qualified} IS {_literal(index.comment)}"
    if index.constraint_comment is not None:
        place = f"{index.quoted} ON {index.qualified_table}"
        yield f"COMMENT ON CONSTRAINT {place} IS {_literal(index.constraint_comment)}"
    for child in children.get(index.oid, ()):
        yield from _restore_index(child, children)
        yield f"ALTER INDEX {index.qualified} ATTACH PARTITION {child.qualified}"
    if index.clustered:
        yield f"ALTER TABLE {index.qualified_table} CLUSTER ON {index.quoted}"
    if index.identifies_replica:
        yield f"ALTER TABLE ONLY {index.qualified_table} REPLICA IDENTITY USING INDEX {index.quoted}"


def _constraint(index: Row) -> str:
    """ADD CONSTRAINT; pg_get_constraintdef() leaves the index's storage parameters out, except for an exclusion's."""
    definition, suffix = index.constraint_definition, ""
    if index.options and index.kind != "x":
        for tail in (" DEFERRABLE INITIALLY DEFERRED", " DEFERRABLE"):
            if definition.endswith(tail):
                definition, suffix = definition.removesuffix(tail), tail
                break
        definition += f" WITH ({', '.join(index.options)})"
    return f"ALTER TABLE ONLY {index.qualified_table} ADD CONSTRAINT {index.quoted} {definition}{suffix}"


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None)
