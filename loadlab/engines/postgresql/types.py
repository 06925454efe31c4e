"""PostgreSQL's types as LoadLab's logical types, and as the wire takes them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.copy_binary import Wire
from loadlab.schema.model import LogicalType

# All types that the asked-for ones lead to: a domain's base, an array's element.
_TYPES = """
    WITH RECURSIVE needed (oid) AS (
        SELECT unnest(%s::oid[])
        UNION
        SELECT next.oid FROM needed JOIN pg_type AS t USING (oid)
        CROSS JOIN LATERAL (VALUES (t.typbasetype), (CASE WHEN t.typcategory = 'A' THEN t.typelem END)) AS next (oid)
        WHERE next.oid <> 0
    )
    SELECT t.oid, t.typname::text AS name, t.typtype::text AS kind, t.typbasetype AS base_oid, t.typtypmod AS modifier,
           CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END AS element_oid, t.typnotnull AS not_null,
           t.typdefault AS default,
           ARRAY (SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
               AS labels,
           ARRAY (SELECT ARRAY[c.conname::text, pg_get_expr(c.conbin, 0, true)] FROM pg_constraint AS c
                  WHERE c.contypid = t.oid AND c.contype = 'c' ORDER BY c.conname) AS checks
    FROM needed JOIN pg_type AS t USING (oid)
"""
# What format_type() prints needs one call for each (type, modifier); the server does all of them at once.
_NAMES = "SELECT oid, modifier, format_type(oid, modifier) FROM unnest(%s::oid[], %s::int4[]) AS t (oid, modifier)"

_VARIABLE_HEADER = 4  # what a length modifier adds to the length (VARHDRSZ)
_PLAIN: dict[str, LogicalType] = {
    "int2": LogicalType("integer", bits=16),
    "int4": LogicalType("integer", bits=32),
    "int8": LogicalType("integer", bits=64),
    "float4": LogicalType("float", bits=32),
    "float8": LogicalType("float", bits=64),
    "numeric": LogicalType("numeric"),
    "bool": LogicalType("boolean"),
    "text": LogicalType("text"),
    "varchar": LogicalType("text"),
    "bpchar": LogicalType("text"),
    "citext": LogicalType("text"),
    "name": LogicalType("text", length=63),
    "uuid": LogicalType("uuid"),
    "json": LogicalType("json"),
    "jsonb": LogicalType("json"),
    "bytea": LogicalType("bytes"),
    "date": LogicalType("date"),
    "time": LogicalType("time"),
    "timetz": LogicalType("time", timezone=True),
    "timestamp": LogicalType("timestamp"),
    "timestamptz": LogicalType("timestamp", timezone=True),
    "interval": LogicalType("interval"),
    "inet": LogicalType("inet"),
    "cidr": LogicalType("inet"),
    "tsvector": LogicalType("search_vector"),
    "ltree": LogicalType("label_path"),
}

Row = Any
"""A named tuple of the query above."""


@dataclass(frozen=True, slots=True)
class ColumnType:
    """A column's type with what its domain adds; `checks` are (name, expression over VALUE)."""

    logical: LogicalType
    not_null: bool = False
    default: str | None = None
    checks: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class TypeCatalog:
    """Everything `pg_type` says about the types that were asked for."""

    rows: Mapping[int, Row]
    names: Mapping[tuple[int, int], str]

    def column_type(self, oid: int, modifier: int) -> ColumnType:
        """The type of a column; a domain is resolved to what it stands on."""
        row = self.rows[oid]
        if row.kind != "d":
            return ColumnType(self._logical(oid, modifier))
        base = self.column_type(row.base_oid, row.modifier)
        return ColumnType(
            base.logical,
            not_null=base.not_null or row.not_null,
            default=row.default or base.default,
            checks=(*base.checks, *((name, expression) for name, expression in row.checks)),
        )

    def wire(self, oid: int) -> Wire:
        """How the server takes values of a type."""
        row = self.rows[oid]
        if row.kind == "d":
            return self.wire(row.base_oid)
        if row.element_oid:
            return Wire(row.name, oid, self.wire(row.element_oid))
        return Wire("text" if row.kind == "e" else row.name, oid)

    def _logical(self, oid: int, modifier: int) -> LogicalType:
        row = self.rows[oid]
        native = self.names[oid, modifier]
        if row.element_oid:
            element = self.column_type(row.element_oid, modifier).logical
            return LogicalType("array", native, element=element)
        if row.kind == "e":
            return LogicalType("enum", native, labels=tuple(row.labels))
        plain = replace(_PLAIN.get(row.name, LogicalType("other")), native=native)
        if modifier < 0:
            return plain
        if row.name in ("varchar", "bpchar"):
            return replace(plain, length=modifier - _VARIABLE_HEADER)
        if row.name == "numeric":
            precision, scale = numeric_modifier(modifier)
            return replace(plain, precision=precision, scale=scale)
        return plain


def numeric_modifier(modifier: int) -> tuple[int, int]:
    """Precision and scale of numeric(p, s): 16 bits of precision over 11 bits of signed scale (utils/adt/numeric.c)."""
    packed = modifier - _VARIABLE_HEADER
    return packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def read_types(connection: Connection, columns: Iterable[tuple[int, int]]) -> TypeCatalog:
    """Everything about the types of columns, given as (OID, modifier)."""
    asked = set(columns)
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        found: list[Row] = cursor.execute(_TYPES, (sorted({oid for oid, _ in asked}),)).fetchall()
    rows = {row.oid: row for row in found}
    # A domain brings its own modifier, an array hands its own down to the element.
    asked |= {(row.base_oid, row.modifier) for row in rows.values() if row.kind == "d"}
    frontier = asked
    while frontier:
        frontier = {(rows[oid].element_oid, modifier) for oid, modifier in frontier if rows[oid].element_oid} - asked
        asked |= frontier
    oids, modifiers = zip(*asked, strict=True) if asked else ((), ())
    names = connection.execute(_NAMES, (list(oids), list(modifiers))).fetchall()
    return TypeCatalog(rows, {(oid, modifier): name for oid, modifier, name in names})
