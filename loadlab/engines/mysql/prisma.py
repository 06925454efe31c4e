"""A Prisma schema as MariaDB's and MySQL's DDL, in the words and with the names of Prisma's own migrations."""

from __future__ import annotations

import re
from collections.abc import Iterator

from loadlab.engines.mysql.names import literal, quoted
from loadlab.schema.sources.prisma.model import (
    FULL_TEXT,
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

_NAME_LENGTH_MAX = 64
_SCALARS = {
    "String": "VARCHAR(191)",
    "Boolean": "BOOLEAN",
    "Int": "INTEGER",
    "BigInt": "BIGINT",
    "Float": "DOUBLE",
    "Decimal": "DECIMAL(65,30)",
    "DateTime": "DATETIME(3)",
    "Json": "JSON",
    "Bytes": "LONGBLOB",
}
_PLAIN = (
    "Char", "VarChar", "TinyText", "Text", "MediumText", "LongText", "Bit", "TinyInt", "SmallInt", "MediumInt",
    "BigInt", "Decimal", "Float", "Double", "Date", "Time", "DateTime", "Timestamp", "Year", "Json", "Binary",
    "VarBinary", "TinyBlob", "Blob", "MediumBlob", "LongBlob",
)  # fmt: skip
_UNSIGNED = ("Int", "TinyInt", "SmallInt", "MediumInt", "BigInt")
_NATIVE = {
    **{name: name.upper() for name in _PLAIN},
    "Int": "INTEGER",
    **{f"Unsigned{name}": f"{'INTEGER' if name == 'Int' else name.upper()} UNSIGNED" for name in _UNSIGNED},
}
_TIMES = re.compile(r"(?:DATETIME|TIMESTAMP|TIME)(?:\((?P<digits>\d+)\))?")
_OPTIONS = "DEFAULT CHARACTER SET utf8mb4 COLLATE utf8mb4_unicode_ci"


def render_prisma(schema: PrismaSchema) -> str:
    """Tables with their indexes, then foreign keys. Raises InputError naming the line."""
    return "".join(f"{text};\n\n" for text in _statements(schema))


def _statements(schema: PrismaSchema) -> Iterator[str]:
    for table in schema.tables:
        yield _table(table)
    for table in schema.tables:
        for key in table.foreign_keys:
            yield _foreign_key(table.name, key)


def _table(table: PrismaTable) -> str:
    # Prisma's own table of pairs has no primary key here.
    key = None if table.is_join else table.primary_key
    keys = [_index(table.name, index) for index in table.indexes]
    if table.is_join and table.primary_key is not None:
        keys.insert(0, f"UNIQUE INDEX {quoted(f'{table.name}_AB_unique')}({_list(table.primary_key.columns)})")
    if key is not None:
        keys.append(f"PRIMARY KEY ({_parts(key)})")
    groups = [group for group in ([_column(column) for column in table.columns], keys) if group]
    body = ",\n\n".join(",\n".join(f"    {line}" for line in group) for group in groups)
    return f"CREATE TABLE {quoted(table.name)} (\n{body}\n) {_OPTIONS}"


def _column(column: PrismaColumn) -> str:
    if column.arity == "list":
        raise column.place.error("is a list, which MariaDB and MySQL have no column for", value=column.name)
    type_ = _type(column)
    null = " NOT NULL" if column.arity == "required" else " NULL"
    serial = " AUTO_INCREMENT" if column.is_autoincrement else ""
    default = _default(column, type_)
    return f"{quoted(column.name)} {type_}{null}{serial}{f' DEFAULT {default}' if default else ''}"


def _type(column: PrismaColumn) -> str:
    if column.unsupported is not None:
        return column.unsupported
    if column.enum is not None:
        return f"ENUM({', '.join(literal(label) for _, label in column.enum.values)})"
    native = column.native
    if native is None:
        return _SCALARS[column.type]
    if native.name not in _NATIVE:
        raise native.place.error("is no native type of MariaDB and MySQL", value=f"@db.{native.name}")
    name, _, rest = _NATIVE[native.name].partition(" ")
    arguments = f"({','.join(native.arguments)})" if native.arguments else ""
    return f"{name}{arguments}{f' {rest}' if rest else ''}"


def _default(column: PrismaColumn, type_: str) -> str | None:
    value = column.default
    if isinstance(value, Call):
        if value.name == "now":
            times = _TIMES.fullmatch(type_)
            return f"CURRENT_TIMESTAMP({times['digits']})" if times and times["digits"] else "CURRENT_TIMESTAMP"
        text = value.arguments[0] if value.name == "dbgenerated" and value.arguments else None
        return text if isinstance(text, str) else None
    return None if value is None else _value(value, column)


def _value(value: Literal_, column: PrismaColumn) -> str:
    if isinstance(value, Number):
        return value.text
    if isinstance(value, Word):
        return literal(value.text) if column.enum is not None else value.text
    if not isinstance(value, str):
        raise column.place.error("has a default that is not a value", value=column.name)
    if column.type == "Bytes":
        return f"(X'{column.octets(value).hex()}')"
    if column.type == "DateTime":
        return literal(re.sub(r"T(.*?)(Z|[+-]00:?00)$", r" \1", value))
    if column.type == "Json":
        return f"({literal(value)})"
    return literal(value)


def _index(table: str, index: PrismaKey) -> str:
    name = index.name or default_name(table, index.columns, "_key" if index.unique else "_idx", _NAME_LENGTH_MAX)
    kind = "UNIQUE " if index.unique else "FULLTEXT " if index.method == FULL_TEXT else ""
    return f"{kind}INDEX {quoted(name)}({_parts(index)})"


def _parts(key: PrismaKey) -> str:
    return ", ".join(
        quoted(part.column)
        + (f"({part.length})" if part.length is not None else "")
        + (" DESC" if part.descending else "")
        for part in key.parts
    )


def _foreign_key(table: str, key: PrismaForeignKey) -> str:
    name = key.name or default_name(table, key.columns, "_fkey", _NAME_LENGTH_MAX)
    return (
        f"ALTER TABLE {quoted(table)} ADD CONSTRAINT {quoted(name)} FOREIGN KEY ({_list(key.columns)})"
        f" REFERENCES {quoted(key.target[1])}({_list(key.target_columns)})"
        f" ON DELETE {key.on_delete} ON UPDATE {key.on_update}"
    )


def _list(names: tuple[str, ...]) -> str:
    return ", ".join(quoted(name) for name in names)
