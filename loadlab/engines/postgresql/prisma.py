"""A Prisma schema as PostgreSQL's DDL, in the words and with the names of Prisma's own migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.schema.sources.prisma.model import (
    Call,
    EnumType,
    Literal_,
    Number,
    PrismaColumn,
    PrismaForeignKey,
    PrismaKey,
    PrismaSchema,
    PrismaTable,
    Word,
    default_name,
)

_NAME_LENGTH_MAX = 63
_SCALARS = {
    "String": "TEXT",
    "Boolean": "BOOLEAN",
    "Int": "INTEGER",
    "BigInt": "BIGINT",
    "Float": "DOUBLE PRECISION",
    "Decimal": "DECIMAL(65,30)",
    "DateTime": "TIMESTAMP(3)",
    "Json": "JSONB",
    "Bytes": "BYTEA",
}
_NATIVE = {
    "Text": "TEXT",
    "VarChar": "VARCHAR",
    "Char": "CHAR",
    "Uuid": "UUID",
    "Xml": "XML",
    "Inet": "INET",
    "Citext": "CITEXT",
    "Bit": "BIT",
    "VarBit": "VARBIT",
    "Integer": "INTEGER",
    "SmallInt": "SMALLINT",
    "BigInt": "BIGINT",
    "Oid": "OID",
    "DoublePrecision": "DOUBLE PRECISION",
    "Real": "REAL",
    "Decimal": "DECIMAL",
    "Money": "MONEY",
    "Timestamp": "TIMESTAMP",
    "Timestamptz": "TIMESTAMPTZ",
    "Date": "DATE",
    "Time": "TIME",
    "Timetz": "TIMETZ",
    "Json": "JSON",
    "JsonB": "JSONB",
    "ByteA": "BYTEA",
    "Boolean": "BOOLEAN",
    # CockroachDB's own words for the same.
    "String": "TEXT",
    "Int2": "SMALLINT",
    "Int4": "INTEGER",
    "Int8": "BIGINT",
    "Float4": "REAL",
    "Float8": "DOUBLE PRECISION",
    "Bool": "BOOLEAN",
    "Bytes": "BYTEA",
}
_SERIALS = {"INTEGER": "SERIAL", "BIGINT": "BIGSERIAL", "SMALLINT": "SMALLSERIAL"}
_METHODS = {"Hash": "HASH", "Gin": "GIN", "Gist": "GIST", "SpGist": "SPGIST", "Brin": "BRIN"}
# Values that Prisma's client makes, not the database.
_OF_THE_CLIENT = {"uuid", "cuid", "nanoid", "ulid", "auto"}


def render_prisma(schema: PrismaSchema) -> str:
    """Schemas, extensions, enums, tables, indexes, foreign keys. Raises InputError naming the line."""
    return "".join(f"{text};\n\n" for text in _statements(schema))


def _statements(schema: PrismaSchema) -> Iterator[str]:
    for namespace in schema.namespaces:
        yield f"CREATE SCHEMA IF NOT EXISTS {_quoted(namespace)}"
    for name, place in schema.extensions:
        where = f" WITH SCHEMA {_quoted(place)}" if place else ""
        yield f"CREATE EXTENSION IF NOT EXISTS {_quoted(name)}{where}"
    for enum in schema.enums:
        labels = ", ".join(_literal(label) for _, label in enum.values)
        yield f"CREATE TYPE {_qualified(enum.namespace, enum.name)} AS ENUM ({labels})"
    for table in schema.tables:
        yield _table(table)
    for table in schema.tables:
        for index in table.indexes:
            yield _index(table, index)
    for table in schema.tables:
        for key in table.foreign_keys:
            yield _foreign_key(table, key)


def _table(table: PrismaTable) -> str:
    lines = [_column(column) for column in table.columns]
    key = table.primary_key
    if key is not None:
        name = key.name or default_name(table.name, (), "_pkey", _NAME_LENGTH_MAX)
        columns = ",".join(_quoted(column) for column in key.columns)
        lines.append(f"\n    CONSTRAINT {_quoted(name)} PRIMARY KEY ({columns})")
    body = ",\n".join(f"    {line}" if not line.startswith("\n") else line for line in lines)
    return f"CREATE TABLE {_qualified(table.namespace, table.name)} (\n{body}\n)"


def _column(column: PrismaColumn) -> str:
    type_ = _type(column)
    not_null = " NOT NULL" if column.arity == "required" else ""
    default = _default(column, type_)
    return f"{_quoted(column.name)} {_serial(column, type_)}{not_null}{f' DEFAULT {default}' if default else ''}"


def _type(column: PrismaColumn) -> str:
    base = _base_type(column)
    return f"{base}[]" if column.arity == "list" else base


def _base_type(column: PrismaColumn) -> str:
    if column.unsupported is not None:
        return column.unsupported
    if column.enum is not None:
        return _enum_name(column.enum)
    native = column.native
    if native is None:
        return _SCALARS[column.type]
    if native.name not in _NATIVE:
        raise native.place.error("is no native type of PostgreSQL", value=f"@db.{native.name}")
    arguments = f"({','.join(native.arguments)})" if native.arguments else ""
    return f"{_NATIVE[native.name]}{arguments}"


def _enum_name(enum: EnumType) -> str:
    return _qualified(enum.namespace, enum.name)


def _serial(column: PrismaColumn, type_: str) -> str:
    if not column.is_autoincrement:
        return type_
    if type_ not in _SERIALS:
        raise column.place.error(f"is autoincrement(), which {type_} cannot be", value=column.name)
    return _SERIALS[type_]


def _default(column: PrismaColumn, type_: str) -> str | None:
    value = column.default
    if isinstance(value, tuple):
        items = ", ".join(_value(item, column) for item in value)
        return f"ARRAY[{items}]::{type_}"
    if not isinstance(value, Call):
        return None if value is None else _value(value, column)
    if value.name == "now":
        return "CURRENT_TIMESTAMP"
    if value.name == "dbgenerated":
        text = value.arguments[0] if value.arguments else None
        return text if isinstance(text, str) else None
    if value.name in _OF_THE_CLIENT or value.name in ("autoincrement", "sequence"):
        return None
    raise column.place.error("has a default that is not known", value=f"{value.name}()")


def _value(value: Literal_, column: PrismaColumn) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Word):
        return value.text
    if not isinstance(value, str):
        raise column.place.error("has a default that is not a value", value=column.name)
    if column.type == "Bytes":
        return f"'\\x{column.octets(value).hex()}'"
    if column.type == "DateTime":
        return _literal(re.sub(r"T(.*?)(\.\d+)?(Z|[+-]00:?00)$", r" \1\2 +00:00", value))
    if column.type in ("Decimal", "BigInt"):
        return value
    return _literal(value)


def _index(table: PrismaTable, index: PrismaKey) -> str:
    name = index.name or default_name(table.name, index.columns, "_key" if index.unique else "_idx", _NAME_LENGTH_MAX)
    using = f" USING {_METHODS[index.method]} " if index.method in _METHODS else ""
    parts = ", ".join(
        _quoted(part.column)
        + (f" {part.operator_class}" if part.operator_class else "")
        + (" DESC" if part.descending else "")
        for part in index.parts
    )
    where = f" WHERE ({index.predicate})" if index.predicate else ""
    unique = "UNIQUE " if index.unique else ""
    return f"CREATE {unique}INDEX {_quoted(name)} ON {_qualified(table.namespace, table.name)}{using}({parts}){where}"


def _foreign_key(table: PrismaTable, key: PrismaForeignKey) -> str:
    name = key.name or default_name(table.name, key.columns, "_fkey", _NAME_LENGTH_MAX)
    return (
        f"ALTER TABLE {_qualified(table.namespace, table.name)} ADD CONSTRAINT {_quoted(name)}"
        f" FOREIGN KEY ({_list(key.columns)}) REFERENCES {_qualified(*key.target)}({_list(key.target_columns)})"
        f" ON DELETE {key.on_delete} ON UPDATE {key.on_update}"
    )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(_quoted(name) for name in names)


def _qualified(namespace: str, name: str) -> str:
    """The default schema is not written, though a file may name it."""
    return _quoted(name) if namespace in ("", "public") else f"{_quoted(namespace)}.{_quoted(name)}"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
