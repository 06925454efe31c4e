"""A schema in another engine's words as collections.

What MongoDB does not have is left out and *named*: every part of the schema becomes the same thing here, or a note.

- A table is a collection with a validator: types, NOT NULL, and CHECKs as `$expr`. References are written down there
  and checked when the rows are in; the server does not enforce them.
- Indexes are made after the load. A primary key of several columns also gets an index over its parts, since that of
  `_id` knows the whole only. `lower(column)` becomes a collation that does not tell letters by their size.
- Generated columns, triggers, defaults, partitions and exclusion constraints are left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from loadlab.engines.mongodb.collections.indexes import Spec, index_spec
from loadlab.engines.mongodb.collections.inside import clauses_inside, specs_inside
from loadlab.engines.mongodb.collections.validator import validator_of
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import collection_name, paths
from loadlab.engines.translation import UntranslatableError
from loadlab.schema.model import Index, Schema, Table
from loadlab.schema.nesting import APART, Documents


@dataclass(frozen=True, slots=True)
class Translation:
    """`collections`: (name, options of `create`); `indexes`: (collection, index); `notes`: what is not as it was."""

    collections: tuple[tuple[str, dict[str, Any]], ...]
    indexes: tuple[tuple[str, Spec], ...]
    notes: tuple[str, ...]


def translate(schema: Schema, documents: Documents = APART) -> Translation:
    """The schema for MongoDB, rows standing in others as the plan of documents has it."""
    notes: list[str] = []
    layout = Layout(schema, documents)
    collections = tuple(
        (
            collection_name(table.key),
            {"validator": validator_of(table, schema, notes, clauses_inside(layout, table, notes))},
        )
        for table in layout.roots
    )
    indexes = tuple(
        (collection_name(table.key), spec) for table in layout.roots for spec in _specs(table, schema, notes)
    )
    indexes += tuple(specs_inside(layout, notes))
    for table in schema:
        notes += _lost(table)
    return Translation(collections, indexes, tuple(notes))


def _specs(table: Table, schema: Schema, notes: list[str]) -> Iterator[Spec]:
    if len(table.primary_key) > 1:
        name = table.primary_key_name or f"{table.name}_pkey"
        yield {"key": {paths(table)[column]: 1 for column in table.primary_key}, "name": name}
    is_searched = False
    for index in table.indexes:
        if _is_primary(table, index):
            continue
        try:
            spec = index_spec(table, index, schema.dialect)
        except UntranslatableError as error:
            notes.append(f"index {table.key}.{index.name}: left out, {error}")
            continue
        is_text = "text" in spec["key"].values()
        if is_text and is_searched:
            notes.append(f"index {table.key}.{index.name}: left out, a collection has one full-text index")
            continue
        is_searched = is_searched or is_text
        if "collation" in spec:
            notes.append(f"index {table.key}.{index.name}: serves queries that name its collation {spec['collation']}")
        yield spec


def _is_primary(table: Table, index: Index) -> bool:
    return index.unique and index.keys == table.primary_key and index.predicate is None and not index.has_expressions


def _lost(table: Table) -> Iterator[str]:
    for trigger in table.triggers:
        yield f"trigger {table.key}.{trigger.name}: left out, its body is in another engine's language"
    if table.partitioning is not None:
        by = f"{table.partitioning.strategy} ({', '.join(table.partitioning.keys)})"
        yield f"table {table.key}: partitioning by {by} left out, its one collection has all rows"
    for column in table.columns:
        if column.type.kind == "other":
            yield f"column {table.key}.{column.name}: type {column.type.native} kept as it comes"
