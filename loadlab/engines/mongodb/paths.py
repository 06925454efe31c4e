"""Where tables and columns are: the one place that knows the names of collections and fields.

| in the schema | in MongoDB |
| --- | --- |
| table `orders`, `billing.orders` | collection of that name |
| primary key of one column | `_id` |
| primary key (a, b) | `_id: {a: …, b: …}`, in the order of the key |
| no primary key | `_id` is the row's number |
| any other column | the field of its name |

What MongoDB does not take in a name (`$` and, in fields, dots) is replaced by a letter of the same looks. Pure.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import lru_cache

from loadlab.engines.mongodb.names import OWN_PREFIX
from loadlab.schema.model import Table

ID = "_id"
# https://www.mongodb.com/docs/manual/core/dot-dollar-considerations/: their full-width forms.
_DOLLAR, _DOT = "\N{FULLWIDTH DOLLAR SIGN}", "\N{FULLWIDTH FULL STOP}"
_RESERVED = ("system.", OWN_PREFIX)


def collection_name(key: str) -> str:
    """The collection of a table with this key."""
    name = key.replace("$", _DOLLAR)
    return f"_{name}" if name.startswith(_RESERVED) else name


def field_name(column: str) -> str:
    """The field of a column that is not of the primary key, within its document."""
    name = column.replace(".", _DOT)
    return f"{_DOLLAR}{name[1:]}" if name.startswith("$") else name


def path(table: Table, column: str) -> str:
    """Where a column of a table is in the documents of its collection. Raises KeyError for one that it has not."""
    return paths(table)[column]


@lru_cache(maxsize=1024)
def paths(table: Table) -> Mapping[str, str]:
    """The path of every column, by its name."""
    key = table.primary_key
    found = {}
    for column in table.column_names:
        if column not in key:
            name = field_name(column)
            # A column that is called as the key's place is would take it.
            found[column] = name if name != ID else f"{ID}_"
        else:
            found[column] = ID if len(key) == 1 else f"{ID}.{field_name(column)}"
    return found


def fields(table: Table) -> Iterator[tuple[str, str | tuple[str, ...]]]:
    """The fields of a table's documents, `_id` first: the column that each is of, or those of a key of several."""
    key = table.primary_key
    if key:
        yield ID, key[0] if len(key) == 1 else key
    for column in table.stored_columns:
        if column.name not in key:
            yield path(table, column.name), column.name
