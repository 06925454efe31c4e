"""Joins along foreign keys, in no engine's words: which tables belong together, by which columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table


@dataclass(frozen=True, slots=True)
class Link:
    """One step of a join: rows of `new` whose `new_columns` equal the `known_columns` of a table joined before."""

    known: Table
    known_columns: tuple[str, ...]
    new: Table
    new_columns: tuple[str, ...]
    may_be_absent: bool


def links(table: Table, schema: Schema, along: Sequence[str]) -> Iterator[Link]:
    """The steps of a join. Raises InputError, its place being `along`, for what is no foreign key to follow."""
    joined = {table.key}
    for item in along:
        owner_key, columns = split_name(item, table)
        if not schema.has(owner_key):
            raise InputError("join.along", f"names the table {owner_key}, which is not there", value=item)
        owner = schema.table(owner_key)
        wanted = tuple(column.strip() for column in columns.split(","))
        key = next((key for key in owner.foreign_keys if key.columns == wanted), None)
        if key is None:
            known = ", ".join(f"{owner_key}.{','.join(key.columns)}" for key in owner.foreign_keys) or "none"
            raise InputError("join.along", f"is not a foreign key; those of {owner_key}: {known}", value=item)
        target = schema.table(key.target)
        if owner_key in joined:
            optional = any(owner.column(column).nullable for column in key.columns)
            yield Link(owner, key.columns, target, key.target_columns, optional)
            joined.add(target.key)
        elif target.key in joined:
            yield Link(target, key.target_columns, owner, key.columns, True)
            joined.add(owner_key)
        else:
            raise InputError("join.along", f"leads to no table joined before it ({', '.join(joined)})", value=item)


def split_name(text: str, table: Table) -> tuple[str, str]:
    """(table's key, column or columns) of `COLUMN` or `TABLE.COLUMN`; without a table, of `table`."""
    first, *rest = text.split(",")
    owner, dot, column = first.rpartition(".")
    return (owner if dot else table.key), ",".join([column, *rest])
