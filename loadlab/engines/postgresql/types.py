"""PostgreSQL's types as LoadLab's logical types, and as the wire takes them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from psycopg.errors import FeatureNotSupported
from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.builtin_types import PLAIN
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.copy_binary import Wire
from loadlab.schema.model import LogicalType

# All types that the asked-for ones lead to: a domain's base, an array's element, a range's bounds, a record's fields.
# Multiranges came with version 14; before, pg_range has no such column, which its row as JSON does not mind.
_TYPES = """
    WITH RECURSIVE needed (oid) AS (
        SELECT unnest(%s::oid[])
        UNION
        SELECT next.oid FROM needed JOIN pg_type AS t USING (oid)
        CROSS JOIN LATERAL (
            SELECT t.typbasetype
            UNION ALL
            SELECT t.typelem WHERE t.typcategory = 'A'
            UNION ALL
            SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid
            UNION ALL
            SELECT r.rngtypid FROM pg_range AS r WHERE t.typtype = 'm' AND to_jsonb(r) ->> 'rngmultitypid' = t.oid::text
            UNION ALL
            SELECT a.atttypid FROM pg_attribute AS a
            WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
        ) AS next (oid)
        WHERE next.oid <> 0
    )
    SELECT t.oid, t.typname::text AS name, t.typtype::text AS kind, t.typbasetype AS base_oid, t.typtypmod AS modifier,
           CASE WHEN t.typcategory = 'A' THEN t.typelem ELSE 0 END AS element_oid, t.typnotnull AS not_null,
           t.typdefault AS default, t.typlen AS length,
           CASE t.typtype
               WHEN 'r' THEN (SELECT r.rngsubtype FROM pg_range AS r WHERE r.rngtypid = t.oid)
               WHEN 'm' THEN (SELECT r.rngtypid FROM pg_range AS r WHERE to_jsonb(r) ->> 'rngmultitypid' = t.oid::text)
           END AS inner_oid,
           ARRAY (SELECT e.enumlabel::text FROM pg_enum AS e WHERE e.enumtypid = t.oid ORDER BY e.enumsortorder)
               AS labels,
           ARRAY (SELECT ARRAY[c.conname::text, pg_get_expr(c.conbin, 0, true)] FROM pg_constraint AS c
                  WHERE c.contypid = t.oid AND c.contype = 'c' ORDER BY c.conname) AS checks,
           ARRAY (SELECT ARRAY[a.attname::text, a.atttypid::text, a.atttypmod::text] FROM pg_attribute AS a
                  WHERE t.typtype = 'c' AND a.attrelid = t.typrelid AND a.attnum > 0 AND NOT a.attisdropped
                  ORDER BY a.attnum) AS fields
    FROM needed JOIN pg_type AS t USING (oid)
"""
# What format_type() prints needs one call for each (type, modifier); the server does all of them at once.
_NAMES = "SELECT oid, modifier, format_type(oid, modifier) FROM unnest(%s::oid[], %s::int4[]) AS t (oid, modifier)"

_VARIABLE_HEADER = 4  # what a length modifier adds to the length (VARHDRSZ)
# An interval's modifier: 16 bits of fields over 16 bits of precision (utils/timestamp.h), the fields as bits.
_INTERVAL_UNITS = ((1 << 12, ""), (1 << 11, "minute"), (1 << 10, "hour"), (1 << 3, "day"), (1 << 1, "month"))
_ALL_FIELDS, _ANY_PRECISION = 0x7FFF, 0xFFFF
# Six bits of PostGIS' modifier (liblwgeom.h: LWTYPE); curves and surfaces have no generator.
_GEOMETRIES = (
    "point",
    "point",
    "linestring",
    "polygon",
    "multipoint",
    "multilinestring",
    "multipolygon",
    "geometrycollection",
)

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
    has_xml: bool = True

    def column_type(self, oid: int, modifier: int) -> ColumnType:
        """The type of a column; a domain is resolved to what it stands on."""
        row = self.rows[oid]
        if row.kind != "d":
            return ColumnType(self._logical(row, modifier))
        base = self.column_type(row.base_oid, row.modifier)
        return ColumnType(
            base.logical,
            not_null=base.not_null or row.not_null,
            default=row.default or base.default,
            checks=(*base.checks, *((name, expression) for name, expression in row.checks)),
        )

    def wire(self, oid: int, modifier: int = -1) -> Wire:
        """How the server takes values of a type. A domain keeps its own OID: within arrays and records it counts."""
        row = self.rows[oid]
        match row.kind:
            case "d":
                return replace(self.wire(row.base_oid, row.modifier), oid=oid)
            case "e":
                return Wire("text", oid)
            case "r":
                return Wire("range", oid, self.wire(row.inner_oid))
            case "m":
                return Wire("multirange", oid, self.wire(row.inner_oid))
            case "c":
                fields = tuple(self.wire(field, inner) for _, field, inner in _fields(row))
                return Wire("record", oid, fields=fields)
        if row.element_oid:
            return Wire(row.name, oid, self.wire(row.element_oid, modifier))
        return Wire(row.name, oid, form=_interval_unit(modifier) if row.name == "interval" else "")

    def _logical(self, row: Row, modifier: int) -> LogicalType:
        native = self.names[row.oid, modifier]
        match row.kind:
            case "e":
                return LogicalType("enum", native, labels=tuple(row.labels))
            case "r":
                return LogicalType("range", native, element=self._inner(row.inner_oid))
            case "m":
                return LogicalType("multirange", native, element=self._inner(row.inner_oid).element)
            case "c":
                fields = tuple((name, self._inner(field, inner)) for name, field, inner in _fields(row))
                return LogicalType("composite", native, fields=fields)
        if row.element_oid and row.length < 0 and row.name not in ("int2vector", "oidvector"):
            return LogicalType("array", native, element=self._inner(row.element_oid, modifier))
        if row.name == "xml" and not self.has_xml:
            return LogicalType("other", native)
        plain = replace(PLAIN.get(row.name, LogicalType("other")), native=native)
        return plain if modifier < 0 else _modified(plain, row.name, modifier)

    def _inner(self, oid: int, modifier: int = -1) -> LogicalType:
        """The type of a part: element, bound or field, with what its domain demands."""
        found = self.column_type(oid, modifier)
        if not found.checks and not found.not_null:
            return found.logical
        checks = tuple(expression for _, expression in found.checks)
        return replace(found.logical, checks=checks, not_null=found.not_null)


def _fields(row: Row) -> Iterator[tuple[str, int, int]]:
    """(name, type, modifier) of a record's fields."""
    return ((name, int(oid), int(modifier)) for name, oid, modifier in row.fields)


def _modified(plain: LogicalType, name: str, modifier: int) -> LogicalType:
    """A type with what its modifier says."""
    match name:
        case "varchar" | "bpchar":
            return replace(plain, length=modifier - _VARIABLE_HEADER)
        case "bit" | "varbit" | "vector" | "halfvec" | "sparsevec":
            return replace(plain, length=modifier)
        case "numeric":
            precision, scale = numeric_modifier(modifier)
            return replace(plain, precision=precision, scale=scale)
        case "time" | "timetz" | "timestamp" | "timestamptz":
            return replace(plain, precision=modifier)
        case "interval":
            precision_of_seconds = modifier & _ANY_PRECISION
            precision_known = None if precision_of_seconds == _ANY_PRECISION else precision_of_seconds
            return replace(plain, precision=precision_known, form=_interval_unit(modifier))
        case "geometry" | "geography":
            form, srid = geometry_modifier(modifier)
            return replace(plain if form else LogicalType("other", plain.native), form=form, srid=srid or plain.srid)
    return plain


def numeric_modifier(modifier: int) -> tuple[int, int]:
    """Precision and scale of numeric(p, s): 16 bits of precision over 11 bits of signed scale (utils/adt/numeric.c)."""
    packed = modifier - _VARIABLE_HEADER
    return packed >> 16 & 0xFFFF, ((packed & 0x7FF) ^ 1024) - 1024


def geometry_modifier(modifier: int) -> tuple[str, int]:
    """Form and SRID of geometry(form, srid): 21 bits of SRID over 6 bits of form over two flags (liblwgeom.h).

    The form is empty for what is neither points, lines nor polygons.
    """
    code = modifier >> 2 & 0x3F
    if code >= len(_GEOMETRIES):
        return "", 0
    dimensions = " z" * (modifier >> 1 & 1), "m" * (modifier & 1)
    suffix = "".join(dimensions) if dimensions[0] else " m" * (modifier & 1)
    return _GEOMETRIES[code] + suffix, modifier >> 8 & 0x1FFFFF


def _interval_unit(modifier: int) -> str:
    """The smallest unit that interval <fields> keeps, empty for seconds."""
    fields = modifier >> 16 & _ALL_FIELDS
    if modifier < 0 or fields == _ALL_FIELDS:
        return ""
    return next((unit for bit, unit in _INTERVAL_UNITS if fields & bit), "year")


def read_types(connection: Connection, columns: Iterable[tuple[int, int]]) -> TypeCatalog:
    """Everything about the types of columns, given as (OID, modifier)."""
    asked = set(columns)
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        found: list[Row] = cursor.execute(_TYPES, (sorted({oid for oid, _ in asked}),)).fetchall()
    rows = {row.oid: row for row in found}
    frontier = asked
    while frontier:
        frontier = {part for oid, modifier in frontier for part in _parts(rows[oid], modifier)} - asked
        asked |= frontier
    oids, modifiers = zip(*asked, strict=True) if asked else ((), ())
    names = connection.execute(_NAMES, (list(oids), list(modifiers))).fetchall()
    has_xml = all(row.name != "xml" for row in found) or _takes_xml(connection)
    return TypeCatalog(rows, {(oid, modifier): name for oid, modifier, name in names}, has_xml)


def _parts(row: Row, modifier: int) -> Iterator[tuple[int, int]]:
    """The types inside a type. A domain and a record bring their own modifiers, an array hands its own down."""
    if row.kind == "d":
        yield row.base_oid, row.modifier
    if row.element_oid:
        yield row.element_oid, modifier
    if row.inner_oid:
        yield row.inner_oid, -1
    for _, oid, inner in _fields(row):
        yield oid, inner


def _takes_xml(connection: Connection) -> bool:
    """Whether the server was built with its XML library; without it the type is there, but has no value."""
    try:
        with connection.transaction():
            connection.execute("SELECT xmlparse(CONTENT '')")
    except FeatureNotSupported:
        return False
    return True
