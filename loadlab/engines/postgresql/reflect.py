"""Reading the schema that is there, from the system catalogue alone.

SQLAlchemy's inspector would give about half of this (no partitions, no triggers, no definitions that rebuild an
object as it was), and the other half would have to be matched to it by name. Seven queries over all tables at once
give everything, take well under a second for 500 tables, and depend on nothing but `pg_catalog`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.catalog import IS_USERS_TABLE
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.types import TypeCatalog, read_types
from loadlab.schema.model import Check, Column, ForeignKey, Index, Partitioning, Schema, Table, Trigger

_TABLES = f"""
    SELECT c.oid, c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment,
           CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname::text END AS namespace,
           n.nspname::text AS schema_name, p.partstrat::text AS strategy, pg_get_partkeydef(c.oid) AS partition_key,
           (SELECT array_agg(a.attname::text ORDER BY k.position)
            FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k (number, position)
            LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
           ) AS partition_columns
    FROM pg_class AS c
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
"""
_COLUMNS = """
    SELECT a.attrelid AS table_oid, a.attname::text AS name, a.atttypid AS type_oid, a.atttypmod AS modifier,
           NOT a.attnotnull AS nullable, pg_get_expr(d.adbin, d.adrelid) AS default, a.attgenerated::text AS generated,
           a.attidentity::text AS identity, s.description AS comment
    FROM pg_attribute AS a
    LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
    LEFT JOIN pg_description AS s
        ON s.classoid = 'pg_class'::regclass AND s.objoid = a.attrelid AND s.objsubid = a.attnum
    WHERE a.attrelid = ANY (%s) AND a.attnum > 0 AND NOT a.attisdropped
    ORDER BY a.attrelid, a.attnum
"""
_CONSTRAINTS = """
    SELECT c.conrelid AS table_oid, c.conname::text AS name, c.contype::text AS kind, c.condeferrable AS deferrable,
           c.confdeltype::text AS on_delete, c.confupdtype::text AS on_update,
           pg_get_constraintdef(c.oid) AS definition,
           pg_get_expr(c.conbin, c.conrelid, true) AS expression, c.conindid AS index_oid,
           coalesce(pg_partition_root(c.confrelid), c.confrelid)::oid AS target_oid,
           (SELECT array_agg(a.attname::text ORDER BY k.position)
            FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns,
           (SELECT array_agg(a.attname::text ORDER BY k.position)
            FROM unnest(c.confkey) WITH ORDINALITY AS k (number, position)
            JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number) AS target_columns
    FROM pg_constraint AS c
    WHERE c.conrelid = ANY (%s) AND c.contype IN ('p', 'u', 'x', 'f', 'c') AND (c.contype <> 'f' OR c.conparentid = 0)
    ORDER BY c.conrelid, c.conname
"""
_INDEXES = """
    SELECT i.indexrelid AS oid, i.indrelid AS table_oid, c.relname::text AS name, m.amname::text AS method,
           i.indisunique AS is_unique, pg_get_indexdef(i.indexrelid) AS definition,
           pg_get_expr(i.indpred, i.indrelid, true) AS predicate,
           parts.keys, parts.expressions, parts.include
    FROM pg_index AS i
    JOIN pg_class AS c ON c.oid = i.indexrelid
    JOIN pg_am AS m ON m.oid = c.relam
    CROSS JOIN LATERAL (
        SELECT array_agg(coalesce(a.attname::text, pg_get_indexdef(i.indexrelid, k.position::int, true))
                         ORDER BY k.position) FILTER (WHERE k.position <= i.indnkeyatts) AS keys,
               array_agg(k.number = 0 ORDER BY k.position) FILTER (WHERE k.position <= i.indnkeyatts) AS expressions,
               array_agg(a.attname::text ORDER BY k.position) FILTER (WHERE k.position > i.indnkeyatts) AS include
        FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, position)
        LEFT JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number <> 0
    ) AS parts
    WHERE i.indrelid = ANY (%s) AND i.indislive
    ORDER BY i.indrelid, c.relname
"""
_TRIGGERS = """
    SELECT t.tgrelid AS table_oid, t.tgname::text AS name, t.tgtype AS bits, pg_get_triggerdef(t.oid) AS definition
    FROM pg_trigger AS t
    WHERE t.tgrelid = ANY (%s) AND NOT t.tgisinternal
    ORDER BY t.tgrelid, t.tgname
"""
_PARTITIONS = """
    SELECT i.inhparent AS table_oid, c.relname::text AS name, pg_get_expr(c.relpartbound, c.oid) AS bound
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    WHERE i.inhparent = ANY (%s) AND c.relispartition
    ORDER BY i.inhparent, c.relname
"""
_STRATEGIES: dict[str, Literal["range", "list", "hash"]] = {"r": "range", "l": "list", "h": "hash"}
_IDENTITIES: dict[str, Literal["always", "by default"]] = {"a": "always", "d": "by default"}
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
# pg_trigger.tgtype, from catalog/pg_trigger.h.
_EVENTS = ((1 << 2, "INSERT"), (1 << 3, "DELETE"), (1 << 4, "UPDATE"), (1 << 5, "TRUNCATE"))
# A domain's CHECK says VALUE; inside quotes it is something else.
_VALUE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\bVALUE\b""")

Row = Any
"""A named tuple of one of the queries above."""


def reflect(connection: Connection) -> Schema:
    """The user's tables with all that belongs to them. Partitions are part of their parent, not tables."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Row] = cursor.execute(_TABLES).fetchall()
        oids = [table.oid for table in tables]

        def by_table(query: str) -> dict[int, list[Row]]:
            groups: dict[int, list[Row]] = defaultdict(list)
            rows: list[Row] = cursor.execute(query.encode(), (oids,)).fetchall()
            for row in rows:
                groups[row.table_oid].append(row)
            return groups

        columns = by_table(_COLUMNS)
        reader = _Reader(
            {table.oid: table for table in tables},
            read_types(connection, {(c.type_oid, c.modifier) for group in columns.values() for c in group}),
            columns,
            by_table(_CONSTRAINTS),
            by_table(_INDEXES),
            by_table(_TRIGGERS),
            by_table(_PARTITIONS),
        )
    found = sorted((reader.table(table) for table in tables), key=lambda table: table.key)
    return Schema(tuple(found), "postgresql")


@dataclass(frozen=True, slots=True)
class _Reader:
    """The rows of all queries, by the OID of their table."""

    tables: Mapping[int, Row]
    types: TypeCatalog
    columns: Mapping[int, list[Row]]
    constraints: Mapping[int, list[Row]]
    indexes: Mapping[int, list[Row]]
    triggers: Mapping[int, list[Row]]
    partitions: Mapping[int, list[Row]]

    def table(self, row: Row) -> Table:
        constraints = self.constraints[row.oid]
        primary = next((item for item in constraints if item.kind == "p"), None)
        by_index = {item.index_oid: item for item in constraints if item.kind in "pux"}
        columns = self.columns[row.oid]
        checks = [Check(c.name, c.expression, c.definition) for c in constraints if c.kind == "c"]
        return Table(
            name=row.name,
            namespace=row.namespace,
            columns=tuple(map(self._column, columns)),
            primary_key=tuple(primary.columns) if primary else (),
            primary_key_name=primary.name if primary else "",
            foreign_keys=tuple(self._foreign_key(item) for item in constraints if item.kind == "f"),
            indexes=tuple(_index(item, by_index.get(item.oid), row) for item in self.indexes[row.oid]),
            checks=(*checks, *self._domain_checks(columns)),
            triggers=tuple(_trigger(item) for item in self.triggers[row.oid]),
            partitioning=_partitioning(row, self.partitions[row.oid]) if row.strategy else None,
            comment=row.comment,
        )

    def _column(self, row: Row) -> Column:
        found = self.types.column_type(row.type_oid, row.modifier)
        # attgenerated: stored or virtual, the value is the server's either way.
        return Column(
            name=row.name,
            type=found.logical,
            nullable=row.nullable and not found.not_null,
            default=None if row.generated else row.default or found.default,
            generated=row.default if row.generated else None,
            identity=_IDENTITIES.get(row.identity),
            comment=row.comment,
        )

    def _domain_checks(self, columns: Iterable[Row]) -> Iterable[Check]:
        for column in columns:
            for name, expression in self.types.column_type(column.type_oid, column.modifier).checks:
                yield Check(name, _for_column(expression, column.name))

    def _foreign_key(self, row: Row) -> ForeignKey:
        target = self.tables.get(row.target_oid)
        return ForeignKey(
            name=row.name,
            columns=tuple(row.columns),
            target="" if target is None else f"{target.namespace}.{target.name}" if target.namespace else target.name,
            target_columns=tuple(row.target_columns),
            on_delete=_ACTIONS[row.on_delete],
            on_update=_ACTIONS[row.on_update],
            deferrable=row.deferrable,
            definition=row.definition,
        )


def _index(row: Row, constraint: Row | None, table: Row) -> Index:
    definition = row.definition
    if constraint is not None:
        definition = f"ALTER TABLE {_quoted(table.schema_name)}.{_quoted(table.name)}"
        definition += f" ADD CONSTRAINT {_quoted(constraint.name)} {constraint.definition}"
    return Index(
        name=row.name,
        keys=tuple(row.keys),
        unique=row.is_unique,
        method=row.method,
        include=tuple(row.include or ()),
        predicate=row.predicate,
        expressions=tuple(row.expressions),
        constraint=constraint.name if constraint else None,
        definition=definition,
    )


def _trigger(row: Row) -> Trigger:
    return Trigger(row.name, tuple(name for bit, name in _EVENTS if row.bits & bit), row.definition)


def _partitioning(row: Row, partitions: Iterable[Row]) -> Partitioning:
    keys = tuple(row.partition_columns)
    if None in keys:  # An expression: the key as a whole, "RANGE (lower(name))" without the strategy.
        keys = (row.partition_key.partition(" ")[2],)
    return Partitioning(_STRATEGIES[row.strategy], keys, tuple((part.name, part.bound) for part in partitions))


def _for_column(expression: str, column: str) -> str:
    return _VALUE.sub(lambda match: match[1] or _quoted(column), expression)


def _quoted(name: str) -> str:
    """As PostgreSQL itself quotes in the definitions it prints: only where it must."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    return '"' + name.replace('"', '""') + '"'
