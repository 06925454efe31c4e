"""Values and statements as text in files: what `COPY … (FORMAT csv)` reads and what psql runs."""

from __future__ import annotations

import re

import pyarrow as pa
import pyarrow.compute as pc
from psycopg import sql

from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.text_form import text_column
from loadlab.schema.model import Column, LogicalType, Table

# What stands without quotes in SQL; everything else is a literal of unknown type, which its column resolves.
_BARE = ("integer", "boolean")
_SEQUENCE = re.compile(r"nextval\(('(?:[^']|'')+')::regclass\)")


class PostgresqlFileForm:
    """See `loadlab.engines.abilities.FileForm`."""

    def text_column(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as the server's input functions read them; NULL stays NULL."""
        return text_column(array, type)

    def insert_head(self, table: Table) -> str:
        """`INSERT INTO … (…) VALUES`, ready for rows in parentheses."""
        columns = table.stored_columns
        names = ", ".join(sql.Identifier(column.name).as_string(None) for column in columns)
        # Keys come from the dataset; without this an identity column "always" would refuse them.
        override = " OVERRIDING SYSTEM VALUE" if any(column.identity == "always" for column in columns) else ""
        return f"INSERT INTO {_name(table)} ({names}){override} VALUES"

    def literals(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as SQL literals; NULL is the word."""
        text = self.text_column(array, type)
        if type.kind not in _BARE and not pa.types.is_integer(array.type):
            text = _quoted(text)
        return pc.fill_null(text, "NULL")

    def after_table(self, table: Table) -> tuple[str, ...]:
        """What sets the table's sequences behind the rows."""
        return tuple(_next_value(table, column) for column in table.stored_columns if _counts(column))


def _counts(column: Column) -> bool:
    return column.identity is not None or "nextval(" in (column.default or "")


def _next_value(table: Table, column: Column) -> str:
    name, quoted = _name(table), sql.Identifier(column.name).as_string(None)
    sequence = f"pg_get_serial_sequence({_literal(name)}, {_literal(column.name)})"
    named = _SEQUENCE.search(column.default or "")
    if named:
        # A sequence that no column owns is known by the default alone.
        sequence = f"coalesce({sequence}::regclass, to_regclass({named[1]}))"
    return f"SELECT setval({sequence}, max({quoted})) FROM {name} HAVING max({quoted}) IS NOT NULL"


def _name(table: Table) -> str:
    return identifier(table.namespace, table.name).as_string(None)


def _literal(text: str) -> str:
    return sql.Literal(text).as_string(None).strip()


def _quoted(text: pa.Array) -> pa.Array:
    escaped = pc.replace_substring(text, "'", "''")
    quote = pa.scalar("'")
    return pc.binary_join_element_wise(quote, escaped, quote, "")
