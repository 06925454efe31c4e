"""A Prisma schema as SQLite's DDL, in the words and with the names of Prisma's own migrations."""

from __future__ import annotations

from collections.abc import Iterator

from loadlab.engines.sqlite.clauses import quoted
from loadlab.schema.sources.prisma.model import (
    Call,
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

_NAME_LENGTH_MAX = 10_000
_SCALARS = {
    "String": "TEXT",
    "Boolean": "BOOLEAN",
    "Int": "INTEGER",
    "BigInt": "BIGINT",
    "Float": "REAL",
    "Decimal": "DECIMAL",
    "DateTime": "DATETIME",
    "Json": "JSONB",
    "Bytes": "BLOB",
}


def render_prisma(schema: PrismaSchema) -> str:
    """Tables with their foreign keys, then indexes. Raises InputError naming the line."""
    return "".join(f"{text};\n\n" for text in _statements(schema))


def _statements(schema: PrismaSchema) -> Iterator[str]:
    for table in schema.tables:
        yield _table(table)
    for table in schema.tables:
        for index in table.indexes:
            yield _index(table.name, index)
        if table.is_join and table.primary_key is not None:
            # Prisma's own table of pairs has no primary key here.
            columns = ", ".join(quoted(name) for name in table.primary_key.columns)
            yield f"CREATE UNIQUE INDEX {quoted(f'{table.name}_AB_unique')} ON {quoted(table.name)}({columns})"


def _table(table: PrismaTable) -> str:
    key = None if table.is_join else table.primary_key
    alone = key.columns[0] if key is not None and len(key.columns) == 1 else None
    lines = [_column(column, is_key=column.name == alone) for column in table.columns]
    if key is not None and alone is None:
        lines.append(f"\n    PRIMARY KEY ({_list(key.columns)})")
    lines += [_foreign_key(table.name, item) for item in table.foreign_keys]
    body = ",\n".join(line if line.startswith("\n") else f"    {line}" for line in lines)
    return f"CREATE TABLE {quoted(table.name)} (\n{body}\n)"


def _column(column: PrismaColumn, *, is_key: bool) -> str:
    if column.arity == "list":
        raise column.place.error("is a list, which SQLite has no column for", value=column.name)
    type_ = column.unsupported or ("TEXT" if column.enum is not None else _SCALARS[column.type])
    not_null = " NOT NULL" if column.arity == "required" else ""
    key = " PRIMARY KEY" if is_key else ""
    serial = " AUTOINCREMENT" if column.is_autoincrement and is_key else ""
    default = _default(column)
    return f"{quoted(column.name)} {type_}{not_null}{key}{serial}{f' DEFAULT {default}' if default else ''}"


def _default(column: PrismaColumn) -> str | None:
    value = column.default
    if isinstance(value, Call):
        if value.name == "now":
            return "CURRENT_TIMESTAMP"
        text = value.arguments[0] if value.name == "dbgenerated" and value.arguments else None
        return f"({text})" if isinstance(text, str) else None
    return None if value is None else _value(value, column)


def _value(value: Literal_, column: PrismaColumn) -> str:
    if isinstance(value, (Number, Word)):
        return value.text
    if not isinstance(value, str):
        raise column.place.error("has a default that is not a value", value=column.name)
    if column.type == "Bytes":
        return f"X'{column.octets(value).hex()}'"
    return "'" + value.replace("'", "''") + "'"


def _index(table: str, index: PrismaKey) -> str:
    name = index.name or default_name(table, index.columns, "_key" if index.unique else "_idx", _NAME_LENGTH_MAX)
    parts = ", ".join(quoted(part.column) + (" DESC" if part.descending else "") for part in index.parts)
    where = f" WHERE ({index.predicate})" if index.predicate else ""
    return f"CREATE {'UNIQUE ' if index.unique else ''}INDEX {quoted(name)} ON {quoted(table)}({parts}){where}"


def _foreign_key(table: str, key: PrismaForeignKey) -> str:
    name = key.name or default_name(table, key.columns, "_fkey", _NAME_LENGTH_MAX)
    return (
        f"CONSTRAINT {quoted(name)} FOREIGN KEY ({_list(key.columns)}) REFERENCES {quoted(key.target[1])}"
        f" ({_list(key.target_columns)}) ON DELETE {key.on_delete} ON UPDATE {key.on_update}"
    )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names)
