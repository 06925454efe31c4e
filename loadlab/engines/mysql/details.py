"""What a review asks of the catalogue: how the keys of indexes compare and sort, and how large the indexes are."""

from __future__ import annotations

from collections import defaultdict
from typing import Any

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal
from loadlab.engines.mysql.reflect import reflect
from loadlab.engines.mysql.sizes import index_sizes
from loadlab.schema.details import Feature, IndexDetails, IndexKey, SchemaDetails, TableDetails
from loadlab.schema.model import ForeignKey, Index, Schema, Table

_FEATURES: frozenset[Feature] = frozenset({"lengths", "exact decimals", "foreign keys"})


def read_details(connection: Connection, database: str) -> SchemaDetails:
    """Of all tables that are there. Lengths and decimals are the server's own; it hides no rows."""
    schema = reflect(connection, database)
    keys: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
    for row in connection.records(
        "SELECT s.*, c.collation_name FROM information_schema.statistics AS s"
        " LEFT JOIN information_schema.columns AS c ON c.table_schema = s.table_schema AND c.table_name = s.table_name"
        f" AND c.column_name = s.column_name WHERE s.table_schema = {literal(database)}"
        " ORDER BY s.table_name, s.index_name, s.seq_in_index"
    ):
        keys[row["table_name"], row["index_name"]].append(row)
    sizes = index_sizes(connection, database)
    return SchemaDetails(
        {
            table.key: TableDetails(
                {
                    index.name: IndexDetails(
                        _keys(index, keys[table.name, index.name]),
                        size_bytes=sizes.get((table.name, index.name)),
                        is_needed=_need(schema, table, index),
                    )
                    for index in table.indexes
                }
            )
            for table in schema
        },
        _FEATURES | {"stated actions"} if connection.product.tells_stated_actions else _FEATURES,
    )


def _keys(index: Index, rows: list[dict[str, Any]]) -> tuple[IndexKey, ...]:
    return tuple(
        # NULLs are smaller than everything: they come first where the order ascends. Half a column is another key.
        IndexKey(
            text if not row["sub_part"] else f"{text}({row['sub_part']})",
            collation=row["collation_name"] or "",
            descending=row["collation"] == "D",
            nulls_first=row["collation"] != "D",
        )
        for text, row in zip(index.keys, rows, strict=False)
    )


def _need(schema: Schema, table: Table, index: Index) -> str:
    """InnoDB refuses to drop the last index that a foreign key uses, on either of its sides."""
    mine = [key for key in table.foreign_keys if _serves(index, key.columns)]
    for key in mine:
        if not any(other.name != index.name and _serves(other, key.columns) for other in table.indexes):
            return f"the foreign key {key.name}"
    for other_table in schema:
        for key in other_table.foreign_keys:
            if key.target == table.key and _is_only_target(table, index, key):
                return f"the foreign key {key.name} of {other_table.key}"
    return ""


def _is_only_target(table: Table, index: Index, key: ForeignKey) -> bool:
    if not _serves(index, key.target_columns):
        return False
    return not any(other.name != index.name and _serves(other, key.target_columns) for other in table.indexes)


def _serves(index: Index, columns: tuple[str, ...]) -> bool:
    return index.keys[: len(columns)] == columns and index.method == "btree"
