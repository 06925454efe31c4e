"""Values and statements as text in files: what the servers' own shells import and run."""

from __future__ import annotations

import pyarrow as pa

from loadlab.engines.mysql.loading import column_literals
from loadlab.engines.mysql.names import listed, quoted
from loadlab.engines.mysql.text_form import text_column
from loadlab.schema.model import Column, LogicalType, Table


class MysqlFileForm:
    """See `loadlab.engines.abilities.FileForm`."""

    def text_column(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """What the server reads as text; octets in hexadecimal."""
        return text_column(array)

    def insert_head(self, table: Table) -> str:
        """`INSERT INTO … (…) VALUES`, ready for rows in parentheses."""
        names = listed([column.name for column in table.stored_columns])
        return f"INSERT INTO {quoted(table.key)} ({names}) VALUES"

    def literals(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as SQL literals; NULL is the word."""
        if isinstance(array, pa.ChunkedArray):
            array = array.combine_chunks()
        return column_literals(array, Column("", type), native=True)

    def after_table(self, table: Table) -> tuple[str, ...]:
        """Nothing: AUTO_INCREMENT goes on behind the largest key."""
        return ()
