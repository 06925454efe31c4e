"""A schema of another engine, made here: which names its indexes have, and what cannot be kept of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import replace

from loadlab.schema.model import Index, Schema, Table

_NAME_BYTES = 63
_WHY = "it is in another engine's words"


def is_kept(index: Index) -> bool:
    """Whether an index, no constraint's, is made here too: of plain columns, over all rows."""
    return not index.has_expressions and index.predicate is None and index.method == "btree"


def left_out(schema: Schema) -> Iterator[str]:
    """What of the schema is not made, in words."""
    for table in schema.tables:
        for column in table.columns:
            if column.generated is not None:
                yield f"generated column {table.key}.{column.name}: made as a plain column and left NULL; {_WHY}"
        for index in table.indexes:
            if index.constraint is None and not is_kept(index):
                yield f"index {table.key}.{index.name}: left out; {_WHY}"
        for check in table.checks:
            yield f"CHECK {table.key}.{check.name}: left out, only the rows that LoadLab makes keep it; {_WHY}"
        for trigger in table.triggers:
            yield f"trigger {trigger.name} of {table.key}: left out; {_WHY}"


def with_own_names(tables: tuple[Table, ...]) -> tuple[Table, ...]:
    """Tables of another engine, where each may have an index `PRIMARY` or `user_id`: here tables and indexes share the
    names of their namespace, so a name that is not the only one is left out, and the server makes one.
    """
    names = Counter((table.namespace, _cut(name)) for table in tables for name in (table.name, *_index_names(table)))

    def own(table: Table, name: str | None) -> str:
        return name if name and names[table.namespace, _cut(name)] == 1 else ""

    return tuple(
        replace(
            table,
            primary_key_name=own(table, table.primary_key_name),
            indexes=tuple(
                replace(
                    index,
                    name=own(table, index.name),
                    constraint=None if index.constraint is None else own(table, index.constraint),
                )
                for index in table.indexes
                if index.constraint is None or index.constraint != table.primary_key_name
            ),
        )
        for table in tables
    )


def _index_names(table: Table) -> set[str]:
    """An index has the name of its constraint."""
    found = {name for index in table.indexes for name in (index.name, index.constraint or index.name)}
    return found | {table.primary_key_name}


def _cut(name: str) -> bytes:
    """What the server keeps of a name."""
    return name.encode()[:_NAME_BYTES]
