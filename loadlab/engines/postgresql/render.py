"""A schema value as DDL, for tables that are not made from a DDL text of our own: those of another engine, or of
another database.

What is in this engine's own words (defaults, CHECKs, expression and partial indexes, exclusion constraints) is kept
when the schema is; another engine's words are left out, since nothing here translates them, and named by
`foreign.left_out`. Triggers and partitions are never made. A schema of our own brings its types along: extensions,
enums, records and ranges are made first.
"""

from __future__ import annotations

from collections.abc import Iterator

from psycopg import sql

from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.foreign import is_kept, with_own_names
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table

DIALECT = "postgresql"
_INTEGERS = {16: "smallint", 32: "integer", 64: "bigint"}
_PLAIN = {
    "boolean": "boolean",
    "uuid": "uuid",
    "json": "jsonb",
    "bytes": "bytea",
    "date": "date",
    "interval": "interval",
    "inet": "inet",
    "search_vector": "tsvector",
    "enum": "text",
    # Without the ltree extension a path is its text.
    "label_path": "text",
    "search_query": "tsquery",
    "json_path": "jsonpath",
    "xml": "xml",
}
_EXTENSIONS = {
    "map": "hstore",
    "label_path": "ltree",
    "label_query": "ltree",
    "vector": "vector",
    "geometry": "postgis",
}
_RANGES = {"int4range", "int8range", "numrange", "tsrange", "tstzrange", "daterange"}


def render_schema(schema: Schema) -> str:
    """CREATE statements for all tables; foreign keys come last, so the tables' order is free."""
    native = schema.dialect == DIALECT
    statements = list(create_types(schema)) if native else []
    tables = schema.tables if native else with_own_names(schema.tables)
    statements += [_create_table(table, native=native) for table in tables]
    statements += [text for table in tables for text in _create_indexes(table, native=native)]
    statements += [_add_foreign_key(table, key, schema) for table in schema.tables for key in table.foreign_keys]
    return ";\n".join(statements)


def create_types(schema: Schema) -> Iterator[str]:
    """CREATE statements for the extensions and the user's own types that the columns need, parts first."""
    types = dict.fromkeys(part for table in schema for column in table.columns for part in _with_parts(column.type))
    for extension in sorted({name for name in map(_extension, types) if name}):
        yield f"CREATE EXTENSION IF NOT EXISTS {extension}"
    for kind in {kind.native: kind for kind in types}.values():
        match kind.kind:
            case "enum":
                yield f"CREATE TYPE {kind.native} AS ENUM ({', '.join(map(_literal, kind.labels))})"
            case "composite":
                fields = ", ".join(f"{_quoted(name)} {type_name(field, native=True)}" for name, field in kind.fields)
                yield f"CREATE TYPE {kind.native} AS ({fields})"
            case "range" if kind.native not in _RANGES and kind.element is not None:
                yield f"CREATE TYPE {kind.native} AS RANGE (SUBTYPE = {type_name(kind.element, native=True)})"


def _with_parts(logical: LogicalType) -> Iterator[LogicalType]:
    """A type after those that it is made of; arrays are only their elements."""
    parts = [part for _, part in logical.fields] + ([logical.element] if logical.element is not None else [])
    for part in parts:
        yield from _with_parts(part)
    if logical.kind not in ("array", "multirange"):
        yield logical


def _extension(logical: LogicalType) -> str | None:
    if logical.kind == "vector" and logical.form == "cube":
        return "cube"
    if logical.kind == "text":
        return "citext" if logical.native == "citext" else None
    return _EXTENSIONS.get(logical.kind)


def type_name(logical: LogicalType, *, native: bool = False) -> str:
    """The type that holds every value of a logical type: with `native` the one it comes from, whose name is ours."""
    if native and logical.kind == "array" and logical.element is not None:
        return type_name(logical.element, native=True) + "[]"
    if native and logical.native:
        return logical.native
    match logical.kind:
        case "integer":
            bits = 64 if logical.unsigned else min(logical.bits or 64, 64)
            return _INTEGERS[min(width for width in _INTEGERS if width >= bits)]
        case "float":
            return "real" if logical.bits == 32 else "double precision"
        case "numeric":
            return "numeric" if logical.precision is None else f"numeric({logical.precision}, {logical.scale or 0})"
        case "text":
            return "text" if logical.length is None else f"varchar({logical.length})"
        case "time" | "timestamp":
            digits = "" if logical.precision is None else f"({logical.precision})"
            return logical.kind + digits + (" with time zone" if logical.timezone else "")
        case "bits":
            name = "bit" if logical.fixed else "bit varying"
            return name if logical.length is None else f"{name}({logical.length})"
        case "mac":
            return "macaddr8" if logical.bits == 64 else "macaddr"
        case "shape":
            return "lseg" if logical.form == "segment" else logical.form
        case "array" if logical.element is not None:
            return type_name(logical.element) + "[]"
    return _PLAIN.get(logical.kind, "text")


def _create_table(table: Table, *, native: bool) -> str:
    lines = [_column(column, native=native) for column in table.columns]
    if table.primary_key:
        lines.append(f"{_named(table.primary_key_name)}PRIMARY KEY ({_list(table.primary_key)})")
    if native:
        lines += [f"{_named(check.name)}{check.definition}" for check in table.checks if check.definition]
    else:
        lines += [
            f"CHECK ({_quoted(column.name)} IN ({', '.join(map(_literal, column.type.labels))}))"
            for column in table.columns
            if column.type.kind == "enum" and column.type.labels
        ]
    return f"CREATE TABLE {_table(table)} (\n    " + ",\n    ".join(lines) + "\n)"


def _column(column: Column, *, native: bool) -> str:
    text = f"{_quoted(column.name)} {type_name(column.type, native=native)}"
    if column.identity is not None:
        text += f" GENERATED {column.identity.upper()} AS IDENTITY"
    elif native and column.generated is not None:
        text += f" GENERATED ALWAYS AS ({column.generated}) STORED"
    elif native and column.default is not None and "nextval(" not in column.default:
        text += f" DEFAULT {column.default}"
    elif native and column.default is not None:
        text += " GENERATED BY DEFAULT AS IDENTITY"
    holds_nothing = column.generated is not None and not native
    return text + ("" if column.nullable or holds_nothing else " NOT NULL")


def _create_indexes(table: Table, *, native: bool) -> Iterator[str]:
    for index in table.indexes:
        if index.constraint and index.constraint == table.primary_key_name:
            continue
        if native and index.definition:
            yield index.definition.replace(" ON ONLY ", " ON ", 1)
        elif index.constraint is not None and index.unique:
            yield f"ALTER TABLE {_table(table)} ADD {_named(index.constraint)}UNIQUE ({_list(index.keys)})"
        elif is_kept(index):
            yield _create_index(table, index)


def _create_index(table: Table, index: Index) -> str:
    unique = "UNIQUE " if index.unique else ""
    include = f" INCLUDE ({_list(index.include)})" if index.include else ""
    name = f"{_quoted(index.name)} " if index.name else ""
    return f"CREATE {unique}INDEX {name}ON {_table(table)} ({_list(index.keys)}){include}"


def _add_foreign_key(table: Table, key: ForeignKey, schema: Schema) -> str:
    target = schema.table(key.target)
    return (
        f"ALTER TABLE {_table(table)} ADD {_named(key.name)}FOREIGN KEY ({_list(key.columns)})"
        f" REFERENCES {_table(target)} ({_list(key.target_columns)})"
        f" ON DELETE {key.on_delete} ON UPDATE {key.on_update}{' DEFERRABLE' if key.deferrable else ''}"
    )


def _table(table: Table) -> str:
    return identifier(table.namespace, table.name).as_string(None)


def _quoted(name: str) -> str:
    return sql.Identifier(name).as_string(None)


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None)


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(map(_quoted, names))


def _named(constraint: str) -> str:
    return f"CONSTRAINT {_quoted(constraint)} " if constraint else ""
