"""What is done when all documents are in: indexes, and a check of every reference. Each step can be repeated."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Sequence

from pymongo.database import Database

from loadlab.engines.mongodb.collections.indexes import SPECIAL, Spec
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.errors import CANNOT_CREATE_INDEX, translated
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.names import user_collections
from loadlab.engines.mongodb.paths import collection_name
from loadlab.engines.mongodb.references import check_references
from loadlab.engines.protocol import Chunk, Progress
from loadlab.errors import DatabaseError


def make_indexes(
    database: Database[Document], indexes: Sequence[tuple[str, Spec]], progress: Progress
) -> tuple[str, ...]:
    """Those of a collection together, in one pass over its documents; a line for each that the server cannot have."""
    by_collection: dict[str, list[Spec]] = defaultdict(list)
    special: list[tuple[str, Spec]] = []
    for collection, spec in indexes:
        if is_special(spec):
            special.append((collection, spec))
        else:
            by_collection[collection].append(spec)
    for collection, specs in by_collection.items():
        progress(f"making {', '.join(spec['name'] for spec in specs)}")
        with translated(f"table {collection}"):
            database.command("createIndexes", collection, indexes=specs)
    return tuple(
        note
        for collection, spec in special
        if (note := _make_special(database, collection, spec, progress)) is not None
    )


def is_special(spec: Spec) -> bool:
    """Whether an index is of a kind that not every server has."""
    kinds = {str(value) for value in spec["key"].values()}
    return bool(kinds & set(SPECIAL)) or any(str(path).endswith("$**") for path in spec["key"])


def _make_special(database: Database[Document], collection: str, spec: Spec, progress: Progress) -> str | None:
    progress(f"making {spec['name']}")
    try:
        with translated(f"table {collection}"):
            database.command("createIndexes", collection, indexes=[spec])
    except DatabaseError as error:
        if error.code != str(CANNOT_CREATE_INDEX) or "not supported" not in str(error):
            raise
        return f"index {collection}.{spec['name']}: left out, the server has none like it: {error}"
    return None


def check_all_references(database: Database[Document], layout: Layout, progress: Progress) -> None:
    """Raises ConstraintError. What stands in the rows that it references needs no look."""
    for table in layout.schema:
        keys = [key for key in table.foreign_keys if not layout.is_by_host(table.key, key)]
        if keys:
            progress(f"checking the references of {table.key}")
            with translated(f"table {table.key}"):
                for key in keys:
                    check_references(database, table, key, layout)


def check_counts(database: Database[Document], chunks: Iterable[Chunk]) -> None:
    """Every collection holds what was loaded: a document that the server has lost would be missing.

    Raises DatabaseError.
    """
    loaded: dict[str, int] = defaultdict(int)
    for chunk in chunks:
        loaded[chunk.table] += chunk.rows if not chunk.later else 0
    there = set(user_collections(database))
    for table, rows in loaded.items():
        collection = database[collection_name(table)]
        # The server's own count, which may be off after it was killed, spares reading the documents.
        if collection.name in there and collection.estimated_document_count() < rows:
            count = collection.count_documents({})
            if count < rows:
                raise DatabaseError(f"table {table}: of {rows:,} documents that were loaded {count:,} are there")
