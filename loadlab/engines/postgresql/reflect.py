"""Reading the schema that is there, from the system catalogue alone.

SQLAlchemy's inspector would give about half of this (no partitions, no triggers, no definitions that rebuild an
object as it was), and the other half would have to be matched to it by name. A dozen queries over all tables at once
give everything, take well under a second for 500 tables, and depend on nothing but `pg_catalog`.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.catalog import IS_USERS_NAMESPACE, IS_USERS_TABLE, KEY
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.inlining import Formula, inlined, read_formulas
from loadlab.engines.postgresql.statements import written_tables
from loadlab.engines.postgresql.types import TypeCatalog, read_types
from loadlab.schema.model import (
    Check,
    Column,
    ForeignKey,
    Index,
    Partition,
    Partitioning,
    Schema,
    Table,
    Trigger,
)

_FUNCTIONS = "SELECT oid, prosrc AS source FROM pg_proc WHERE oid = ANY (%s)"
_NAMESPACE = "CASE WHEN n.nspname = current_schema() THEN '' ELSE n.nspname::text END AS namespace"
_PARTITIONED = """
    p.partstrat::text AS strategy, pg_get_partkeydef(c.oid) AS partition_key,
    (SELECT array_agg(a.attname::text ORDER BY k.position)
     FROM unnest(p.partattrs::int2[]) WITH ORDINALITY AS k (number, position)
     LEFT JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.number AND k.number <> 0
    ) AS partition_columns
"""
_TABLES = f"""
    SELECT c.oid, c.relname::text AS name, obj_description(c.oid, 'pg_class') AS comment, {_NAMESPACE},
           n.nspname::text AS schema_name, {_PARTITIONED}
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
_CONSTRAINT = """
    SELECT c.conrelid AS table_oid, c.conname::text AS name, c.contype::text AS kind, c.condeferrable AS deferrable,
           c.confdeltype::text AS on_delete, c.confupdtype::text AS on_update,
           pg_get_constraintdef(c.oid) AS definition,
           pg_get_expr(c.conbin, c.conrelid, true) AS expression, c.conindid AS index_oid,
           (SELECT array_agg(o.oprname::text ORDER BY k.position)
            FROM unnest(c.conexclop) WITH ORDINALITY AS k (number, position)
            JOIN pg_operator AS o ON o.oid = k.number) AS operators,
           coalesce(pg_partition_root(c.confrelid), c.confrelid)::oid AS target_oid,
           (SELECT array_agg(a.attname::text ORDER BY k.position)
            FROM unnest(c.conkey) WITH ORDINALITY AS k (number, position)
            JOIN pg_attribute AS a ON a.attrelid = c.conrelid AND a.attnum = k.number) AS columns,
           (SELECT array_agg(a.attname::text ORDER BY k.position)
            FROM unnest(c.confkey) WITH ORDINALITY AS k (number, position)
            JOIN pg_attribute AS a ON a.attrelid = c.confrelid AND a.attnum = k.number) AS target_columns
    FROM pg_constraint AS c
    WHERE c.conrelid = ANY (%s)
"""
_CONSTRAINTS = f"""{_CONSTRAINT}
    AND c.contype IN ('p', 'u', 'x', 'f', 'c') AND (c.contype <> 'f' OR c.conparentid = 0)
    ORDER BY c.conrelid, c.conname
"""
# What partitions have of their own.
_OF_PARTITIONS = f"""{_CONSTRAINT}
    AND c.contype IN ('f', 'c') AND c.conparentid = 0 AND c.coninhcount = 0
    ORDER BY c.conrelid, c.conname
"""
_INDEXES = """
    SELECT i.indexrelid AS oid, i.indrelid AS table_oid, c.relname::text AS name, m.amname::text AS method,
           i.indisunique AS is_unique, c.relispartition AS is_part,
           -- Before version 15 there is no such column, and NULLs are always distinct.
           NOT coalesce((to_jsonb(i) ->> 'indnullsnotdistinct')::boolean, false) AS nulls_distinct,
           pg_get_indexdef(i.indexrelid) AS definition,
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
    SELECT t.tgrelid AS table_oid, t.tgname::text AS name, t.tgtype AS bits, pg_get_triggerdef(t.oid) AS definition,
           t.tgfoid AS function
    FROM pg_trigger AS t
    WHERE t.tgrelid = ANY (%s) AND NOT t.tgisinternal
    ORDER BY t.tgrelid, t.tgname
"""
_NOTES = f"""
    SELECT {KEY} || ': is a foreign table, whose rows are somewhere else; it gets none'
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE c.relkind = 'f' AND NOT c.relispartition AND {IS_USERS_NAMESPACE}
    UNION ALL
    SELECT {KEY} || ': inherits from ' || string_agg(i.inhparent::regclass::text, ', ' ORDER BY i.inhseqno)
           || ', where its rows show too'
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
    GROUP BY n.nspname, c.relname
    ORDER BY 1
"""
# Of all levels: a partition may be partitioned in its turn.
_PARTITIONS = f"""
    SELECT i.inhparent AS table_oid, c.oid, c.relname::text AS name, {_NAMESPACE},
           pg_get_expr(c.relpartbound, c.oid) AS bound, pg_partition_root(c.oid)::oid AS root_oid, {_PARTITIONED}
    FROM pg_inherits AS i
    JOIN pg_class AS c ON c.oid = i.inhrelid
    JOIN pg_namespace AS n ON n.oid = c.relnamespace
    LEFT JOIN pg_partitioned_table AS p ON p.partrelid = c.oid
    WHERE c.relispartition AND c.relkind IN ('r', 'p', 'f') AND pg_partition_root(c.oid)::oid = ANY (%s)
    ORDER BY i.inhparent, c.relname, n.nspname
"""
_STRATEGIES: dict[str, Literal["range", "list", "hash"]] = {"r": "range", "l": "list", "h": "hash"}
_IDENTITIES: dict[str, Literal["always", "by default"]] = {"a": "always", "d": "by default"}
_ACTIONS = {"a": "NO ACTION", "r": "RESTRICT", "c": "CASCADE", "n": "SET NULL", "d": "SET DEFAULT"}
# pg_trigger.tgtype, from catalog/pg_trigger.h.
_EVENTS = ((1 << 2, "INSERT"), (1 << 3, "DELETE"), (1 << 4, "UPDATE"), (1 << 5, "TRUNCATE"))
# A domain's CHECK says VALUE; inside quotes it is something else.
_VALUE = re.compile(r"""('(?:[^']|'')*'|"(?:[^"]|"")*")|\bVALUE\b""")
_PIECE = re.compile(r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|.""", re.DOTALL)

Row = Any
"""A named tuple of one of the queries above."""


@dataclass(frozen=True, slots=True)
class Reflection:
    """A schema, and what there is to say of what it does not hold."""

    schema: Schema
    notes: tuple[str, ...] = ()


def reflect(connection: Connection) -> Schema:
    """The user's tables with all that belongs to them. Partitions are part of their parent, not tables."""
    return read_schema(connection).schema


def read_schema(connection: Connection) -> Reflection:
    """What `reflect` says, with notes of foreign tables and of tables that inherit."""
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Row] = cursor.execute(_TABLES).fetchall()
        oids = [table.oid for table in tables]

        def by_table(query: str) -> dict[int, list[Row]]:
            groups: dict[int, list[Row]] = defaultdict(list)
            rows: list[Row] = cursor.execute(query.encode(), (oids,)).fetchall()
            for row in rows:
                groups[row.table_oid].append(row)
            return groups

        parts = by_table(_PARTITIONS)
        roots = {part.oid: part.root_oid for group in parts.values() for part in group}
        columns = by_table(_COLUMNS)
        triggers = by_table(_TRIGGERS)
        functions = list({item.function for group in triggers.values() for item in group})
        bodies: list[Row] = cursor.execute(_FUNCTIONS, (functions,)).fetchall()
        reader = _Reader(
            {table.oid: table for table in tables},
            read_types(connection, {(c.type_oid, c.modifier) for group in columns.values() for c in group}),
            columns,
            by_table(_CONSTRAINTS),
            _of_partitions(cursor.execute(_OF_PARTITIONS, (list(roots),)).fetchall(), roots),
            by_table(_INDEXES),
            _own_keys(cursor.execute(_INDEXES, (list(roots),)).fetchall(), roots),
            triggers,
            parts,
            _writes({row.oid: row.source or "" for row in bodies}, tables),
            read_formulas(cursor),
        )
        notes = tuple(note for (note,) in cursor.execute(_NOTES.encode()).fetchall())
    found = sorted((reader.table(table) for table in tables), key=lambda table: table.key)
    return Reflection(Schema(tuple(found), "postgresql"), notes)


@dataclass(frozen=True, slots=True)
class _Reader:
    """The rows of all queries, by the OID of their table."""

    tables: Mapping[int, Row]
    types: TypeCatalog
    columns: Mapping[int, list[Row]]
    constraints: Mapping[int, list[Row]]
    parts_constraints: Mapping[int, list[Row]]
    indexes: Mapping[int, list[Row]]
    parts_keys: Mapping[int, list[Row]]
    triggers: Mapping[int, list[Row]]
    partitions: Mapping[int, list[Row]]
    writes: Mapping[int, tuple[str, ...]]
    formulas: Mapping[str, Formula]

    def table(self, row: Row) -> Table:
        constraints = self.constraints[row.oid]
        primary = next((item for item in constraints if item.kind == "p"), None)
        by_index = {item.index_oid: item for item in constraints if item.kind in "pux"}
        columns = self.columns[row.oid]
        own = self.parts_constraints[row.oid]
        checks = [
            Check(c.name, inlined(c.expression, self.formulas), c.definition)
            for c in (*constraints, *own)
            if c.kind == "c"
        ]
        return Table(
            name=row.name,
            namespace=row.namespace,
            columns=tuple(map(self._column, columns)),
            primary_key=tuple(primary.columns) if primary else (),
            primary_key_name=primary.name if primary else "",
            foreign_keys=_with_those_of_parts(
                [self._foreign_key(item) for item in constraints if item.kind == "f"],
                [self._foreign_key(item) for item in own if item.kind == "f"],
            ),
            indexes=tuple(_index(item, by_index.get(item.oid), row) for item in self.indexes[row.oid]),
            checks=(*checks, *self._domain_checks(columns)),
            triggers=tuple(self._trigger(item) for item in self.triggers[row.oid]),
            partitioning=self._partitioning(row),
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
                yield Check(name, inlined(_for_column(expression, column.name), self.formulas))

    def _partitioning(self, row: Row) -> Partitioning | None:
        if row.strategy is None:
            return None
        parts = (
            Partition(part.name, part.bound, self._partitioning(part), part.namespace)
            for part in self.partitions[row.oid]
        )
        keys = tuple(_index(item, None, row) for item in self.parts_keys.get(row.oid, ()))
        return Partitioning(_STRATEGIES[row.strategy], _partition_keys(row), tuple(parts), keys)

    def _trigger(self, row: Row) -> Trigger:
        events = tuple(name for bit, name in _EVENTS if row.bits & bit)
        return Trigger(row.name, events, row.definition, self.writes.get(row.function, ()))

    def _foreign_key(self, row: Row) -> ForeignKey:
        target = self.tables.get(row.target_oid)
        return ForeignKey(
            name=row.name,
            columns=tuple(row.columns),
            target="" if target is None else _key(target),
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
        nulls_distinct=row.nulls_distinct,
        operators=tuple(constraint.operators or ()) if constraint else (),
    )


def _of_partitions(constraints: Iterable[Row], roots: Mapping[int, int]) -> dict[int, list[Row]]:
    """By partitioned table, what all rows are to keep because those of a partition have to.

    A CHECK only where it is the same in every partition that has one: others say again what the bounds say.
    """
    groups: dict[int, list[Row]] = defaultdict(list)
    for constraint in constraints:
        groups[roots[constraint.table_oid]].append(constraint)
    for root, group in groups.items():
        checks = {item.expression for item in group if item.kind == "c"}
        alike = [item for item in group if item.kind == "c"][:1] if len(checks) == 1 else []
        groups[root] = [item for item in group if item.kind == "f"] + alike
    return groups


def _own_keys(indexes: Iterable[Row], roots: Mapping[int, int]) -> dict[int, list[Row]]:
    """By partitioned table, once each the unique indexes that only its partitions have."""
    groups: dict[int, dict[object, Row]] = defaultdict(dict)
    for index in indexes:
        if index.is_unique and not index.is_part:
            alike = (*index.keys, index.predicate, index.nulls_distinct)
            groups[roots[index.table_oid]].setdefault(alike, index)
    return {root: list(group.values()) for root, group in groups.items()}


def _with_those_of_parts(keys: Sequence[ForeignKey], parts: Iterable[ForeignKey]) -> tuple[ForeignKey, ...]:
    """A table's foreign keys, and once each those that only its partitions have."""
    found = {(key.columns, key.target, key.target_columns) for key in keys}
    more: dict[object, ForeignKey] = {}
    for key in parts:
        place = (key.columns, key.target, key.target_columns)
        if place not in found:
            more.setdefault(place, key)
    return (*keys, *more.values())


def _key(row: Row) -> str:
    return f"{row.namespace}.{row.name}" if row.namespace else str(row.name)


def _writes(sources: Mapping[int, str], tables: Iterable[Row]) -> dict[int, tuple[str, ...]]:
    """By function, the keys of the tables that its text writes to; what it puts together as text is not seen."""
    by_name: dict[tuple[str, str], str] = {}
    for table in tables:
        by_name[table.schema_name, table.name] = _key(table)
        if not table.namespace or ("", table.name) not in by_name:
            by_name["", table.name] = _key(table)
    return {
        oid: tuple(dict.fromkeys(by_name[name] for name in written_tables(source) if name in by_name))
        for oid, source in sources.items()
    }


def _partition_keys(row: Row) -> tuple[str, ...]:
    """Names of columns, and expressions as the server prints them: "RANGE (lower(name), id)" has two keys."""
    if None not in row.partition_columns:
        return tuple(row.partition_columns)
    printed = _split_list(row.partition_key.partition(" ")[2][1:-1])
    return tuple(text if name is None else name for name, text in zip(row.partition_columns, printed, strict=True))


def _split_list(text: str) -> list[str]:
    """The items between the commas that stand in no parentheses and no quotes."""
    items, depth = [""], 0
    for match in _PIECE.finditer(text):
        depth += {"(": 1, ")": -1}.get(match[0], 0)
        if match[0] == "," and depth == 0:
            items.append("")
        else:
            items[-1] += match[0]
    return [item.strip() for item in items]


def _for_column(expression: str, column: str) -> str:
    return _VALUE.sub(lambda match: match[1] or _quoted(column), expression)


def _quoted(name: str) -> str:
    """As PostgreSQL itself quotes in the definitions it prints: only where it must."""
    if re.fullmatch(r"[a-z_][a-z0-9_]*", name):
        return name
    return '"' + name.replace('"', '""') + '"'
