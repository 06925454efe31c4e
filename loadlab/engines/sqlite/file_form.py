"""Values and statements as text in files: what SQLite's shell imports and runs."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.values import column_values
from loadlab.schema.model import LogicalType, Table


class SqliteFileForm:
    """See `loadlab.engines.abilities.FileForm`."""

    def text_column(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """What the engine stores, as text; octets in hexadecimal."""
        return pa.array([_text(value) for value in column_values(array)], pa.string())

    def insert_head(self, table: Table) -> str:
        """`INSERT INTO … (…) VALUES`, ready for rows in parentheses."""
        names = ", ".join(quoted(column.name) for column in table.stored_columns)
        return f"INSERT INTO {quoted(table.key)} ({names}) VALUES"

    def literals(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as SQL literals; NULL is the word."""
        return pa.array([_literal(value) for value in column_values(array)], pa.string())

    def after_table(self, table: Table) -> tuple[str, ...]:
        """Nothing: the largest key is where the next one starts."""
        return ()


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return value.hex() if isinstance(value, bytes) else repr(value)


def _literal(value: Any) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, bytes):
        return f"X'{value.hex()}'"
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
