"""The schema of the collections that are there, from their validators and indexes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.collections.indexes import index_of
from loadlab.engines.mongodb.collections.validator import resolved, table_of
from loadlab.engines.mongodb.connection import NAME, Document
from loadlab.engines.mongodb.names import is_users
from loadlab.schema.model import Schema, Table


def reflect(database: Database[Document], ddl: str = "", seen: Callable[[Table], Table] | None = None) -> Schema:
    """In the order of the names. `seen` completes what validators say by what is known otherwise."""
    found = database.list_collections(filter={"type": "collection"})
    options: dict[str, dict[str, Any]] = {
        item["name"]: item.get("options", {}) for item in found if is_users(item["name"])
    }
    tables = [_table(database, name, options[name], seen) for name in sorted(options)]
    return Schema(resolved(tables), NAME, ddl)


def _table(
    database: Database[Document], name: str, options: dict[str, Any], seen: Callable[[Table], Table] | None
) -> Table:
    table = table_of(name, options.get("validator", {}))
    table = table if seen is None else seen(table)
    specs = sorted(database[name].list_indexes(), key=lambda spec: str(spec["name"]))
    indexes = (index_of(dict(spec), table) for spec in specs)
    return replace(table, indexes=tuple(index for index in indexes if index.keys != ("_id",)))
