"""Undoing what the ledger tells: exactly what LoadLab made is dropped, exactly what it loaded is removed."""

from __future__ import annotations

from collections import defaultdict

from pymongo.database import Database

from loadlab.engines.mongodb import ledger
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.names import user_collections
from loadlab.engines.mongodb.paths import collection_name
from loadlab.errors import NotEmptyError


def forget(database: Database[Document], entry: ledger.Entry, *, with_new_rows: bool = False) -> None:
    """Drop what LoadLab made, or remove the documents that it loaded into collections of others; and the ledger.

    Raises NotEmptyError, with nothing changed, when a collection holds more than was loaded (unless `with_new_rows`: a
    load of the caller wrote that).
    """
    loaded: dict[str, int] = defaultdict(int)
    for chunk in ledger.chunks(database):
        loaded[collection_name(chunk.table)] += chunk.rows
    there = set(user_collections(database))
    names = [collection_name(table.key) for table in entry.manifest.schema]
    mine = [name for name in names if name in there]
    if not entry.manifest.finished:
        # Of a chunk that was being loaded some documents are in.
        for key, rows in entry.manifest.body.get("rows", {}).items():
            loaded[collection_name(key)] = max(loaded[collection_name(key)], rows)
    for name in () if with_new_rows else mine:
        _require_own(database, name, loaded[name])
    for name in entry.made if entry.manifest.owns_tables else ():
        database.drop_collection(name)
    for name in () if entry.manifest.owns_tables else mine:
        if loaded[name]:
            database[name].delete_many({})
    ledger.drop(database)


def _require_own(database: Database[Document], name: str, loaded: int) -> None:
    count = database[name].count_documents({})
    if count > loaded:
        raise NotEmptyError(
            f"{name} holds {count:,} documents, of which LoadLab loaded {loaded:,}: whose the others are cannot be told"
        )
