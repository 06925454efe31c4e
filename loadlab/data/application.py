"""What an application's own code says of its data and the database does not know, as a scenario would say it.

The choices of a Django field or of a Python enumeration become the values that occur; tables that the framework itself
fills hold its rows. What the user says of a column or a table goes first.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from loadlab.schema.model import Schema, Table
from loadlab.spec.shapes import ColumnShape, DataShape, RelationShape, TableShape

Values = Mapping[str, Mapping[str, Sequence[Any]]]
"""By table and column."""
Rows = Mapping[str, Sequence[Mapping[str, Any]]]
"""By table; a foreign key is the number of the parent's row, from 0."""
# As a column that may be NULL has it without a word.
_NULL_SHARE = 0.1


def with_application(shape: DataShape, schema: Schema, values: Values, rows: Rows) -> DataShape:
    """The shape with the values of the models' columns and with the rows of the framework's tables in it."""
    tables = dict(shape.tables)
    for table in schema:
        mine = tables.get(table.key, TableShape())
        said = {
            name: _shape(table, name, list(found))
            for name, found in values.get(table.key, {}).items()
            if name not in mine.columns and _is_open(table, name)
        }
        if said:
            mine = mine.model_copy(update={"columns": {**mine.columns, **said}})
        if table.key in rows and table.key not in shape.tables:
            mine = _filled(table, mine, rows[table.key])
        if mine != TableShape():
            tables[table.key] = mine
    return shape.model_copy(update={"tables": tables})


def _shape(table: Table, column: str, values: list[Any]) -> ColumnShape:
    return ColumnShape(values=values, null_share=_NULL_SHARE if table.column(column).nullable else None)


def _is_open(table: Table, name: str) -> bool:
    """Whether the database leaves the column's values to the application."""
    if name not in table.column_names:
        return False
    column = table.column(name)
    in_key = any(name in key.columns for key in table.foreign_keys) or (name,) in table.unique_keys
    checked = any(re.search(rf"\b{re.escape(name)}\b", check.expression) for check in table.checks)
    return column.type.kind in ("text", "integer", "numeric", "float") and not in_key and not checked


def _filled(table: Table, shape: TableShape, rows: Sequence[Mapping[str, Any]]) -> TableShape:
    """A table whose rows are all given; any of its foreign keys may go anywhere."""
    examples = [{name: value for name, value in row.items() if name in table.column_names} for row in rows]
    relations = {",".join(key.columns): RelationShape(pattern="spread") for key in table.foreign_keys}
    update = {"rows": len(rows), "scales": False, "examples": examples, "relations": relations}
    return shape.model_copy(update=update)


__all__ = ["with_application"]
