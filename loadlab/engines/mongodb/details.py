"""What a review asks of the collections: how the keys of indexes compare and sort, and how large the indexes are."""

from __future__ import annotations

from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.collections.indexes import native_spec
from loadlab.engines.mongodb.collections.reflect import reflect
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.paths import collection_name
from loadlab.schema.details import IndexDetails, IndexKey, SchemaDetails, TableDetails
from loadlab.schema.model import Index, Table

_TTL = "it removes documents whose time has come"


def read_details(database: Database[Document]) -> SchemaDetails:
    """Of all collections that are there. No text is cut off by a length and no row is hidden; decimals are exact."""
    schema = reflect(database)
    return SchemaDetails(
        {table.key: TableDetails(_indexes(database, table)) for table in schema},
        frozenset({"lengths", "exact decimals"}),
    )


def _indexes(database: Database[Document], table: Table) -> dict[str, IndexDetails]:
    stats = database.command("collStats", collection_name(table.key))
    sizes, building = stats.get("indexSizes", {}), set(stats.get("indexBuilds", ()))
    return {
        index.name: IndexDetails(
            _keys(index),
            is_valid=index.name not in building,
            size_bytes=sizes.get(index.name),
            is_needed=_TTL if "expireAfterSeconds" in native_spec(index) else "",
        )
        for index in table.indexes
    }


def _keys(index: Index) -> tuple[IndexKey, ...]:
    spec = native_spec(index)
    collation = _in_words(spec.get("collation"))
    directions = list(spec["key"].values())
    return tuple(
        IndexKey(
            text,
            # What is no direction says how the field is searched; a sparse index lacks the documents without it.
            operator_class=direction if isinstance(direction, str) else "sparse" if spec.get("sparse") else "",
            collation=collation,
            descending=direction == -1,
            nulls_first=direction != -1,
        )
        for text, direction in zip(index.keys, directions, strict=False)
    )


def _in_words(collation: Any) -> str:
    return f"{collation.get('locale')} {collation.get('strength', 3)}" if collation else ""
