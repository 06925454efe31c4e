"""The collections of a database, looked at: what is asked of the server, and what is made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.connection import NAME, Document
from loadlab.engines.mongodb.existing.indexes import table_indexes
from loadlab.engines.mongodb.existing.observing import Seen, observed
from loadlab.engines.mongodb.existing.references import VALUES_MAX, references
from loadlab.engines.mongodb.existing.rules import checks, json_schema
from loadlab.engines.mongodb.existing.types import JSON, allows_null, demanded_type, is_mixed, type_of
from loadlab.engines.mongodb.names import user_collections
from loadlab.schema.model import Column, LogicalType, Schema, Table

SAMPLE_DOCUMENTS = 1000
_ID = "_id"


@dataclass(frozen=True, slots=True)
class Found:
    """The schema, and what of the collections it could not say."""

    schema: Schema
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Collection:
    """What was asked of one collection."""

    name: str
    validator: Mapping[str, Any] = field(default_factory=dict)
    indexes: Sequence[Mapping[str, Any]] = ()
    sample: Sequence[Mapping[str, Any]] = ()


def read_existing(database: Database[Document]) -> Found:
    """The schema of the collections that are there. Raises PyMongoError.

    Of documents a random sample of 1,000 is read (`$sample`), of which nothing is kept but types and lengths.
    """
    collections = [_asked(database, name) for name in user_collections(database)]

    def knows(name: str, values: Sequence[Any]) -> bool:
        distinct = list({repr(value): value for value in values}.values())
        return database[name].count_documents({_ID: {"$in": distinct}}, limit=len(distinct)) == len(distinct)

    made = [table_of(collection) for collection in collections]
    tables = {table.key: table for table, _ in made}
    linked = [
        replace(table, foreign_keys=tuple(references(table, tables, _values(table, collection), knows)))
        for collection, (table, _) in zip(collections, made, strict=True)
    ]
    notes = [note for _, found in made for note in found]
    notes += [
        f"{table.key}.{key.columns[0]} is taken to refer to {key.target}, by its name and what it holds"
        for table in linked
        for key in table.foreign_keys
    ]
    return Found(Schema(tuple(linked), NAME), tuple(notes))


def _asked(database: Database[Document], name: str) -> Collection:
    described = next(iter(database.list_collections(filter={"name": name})), {})
    return Collection(
        name,
        described.get("options", {}).get("validator", {}),
        list(database[name].list_indexes()),
        list(database[name].aggregate([{"$sample": {"size": SAMPLE_DOCUMENTS}}])),
    )


def _values(table: Table, collection: Collection) -> dict[str, list[Any]]:
    """Some values of each column that was seen."""
    found: dict[str, list[Any]] = {}
    for document in collection.sample:
        for name in table.column_names:
            if document.get(name) is not None and len(found.setdefault(name, [])) < VALUES_MAX:
                found[name].append(document[name])
    return found


def table_of(collection: Collection) -> tuple[Table, tuple[str, ...]]:
    """A collection as a table, and what of it is not in that."""
    schema, is_all = json_schema(collection.validator)
    rules = {name: rule for name, rule in schema.get("properties", {}).items() if isinstance(rule, Mapping)}
    seen = observed(collection.sample)
    required = set(schema.get("required", ()))
    columns = [_column(name, seen, rules.get(name, {}), required) for name in dict.fromkeys((*rules, *seen.fields))]
    columns, key = _with_key(columns)
    kept = {column.name: rules[column.name] for column in columns if column.name in rules}
    table = Table(
        collection.name,
        tuple(columns),
        primary_key=key,
        primary_key_name=_ID,
        indexes=tuple(table_indexes(collection.indexes, {column.name for column in columns})),
        checks=tuple(checks(collection.name, kept)),
    )
    return table, tuple(_notes(collection, seen, rules, is_all))


def _column(name: str, seen: Seen, rule: Mapping[str, Any], required: set[str]) -> Column:
    here = seen.fields.get(name, Seen())
    kind = demanded_type(rule)
    # A validator that says no more than "object" or "array" is no better than what was seen.
    if kind is None or (kind.kind == "json" and here.count):
        kind = type_of(here) if here.count else JSON
    elif kind.kind == "numeric" and here.digits:
        kind = type_of(here)
    always = bool(here.count) and here.count == seen.count and not here.kinds["null"]
    said = name in required and not allows_null(rule)
    return Column(name, kind, nullable=not (always or said or name == _ID), comment=_lengths(here))


def _lengths(seen: Seen) -> str | None:
    """How long the arrays of a field are."""
    if seen.lengths is None:
        return None
    count, (shortest, total, longest) = seen.kinds["array"], seen.lengths
    return f"Arrays of {shortest} to {longest} elements, {total / count:.1f} on average."


def _with_key(columns: Sequence[Column]) -> tuple[list[Column], tuple[str, ...]]:
    """The columns with those of the key first: `_id`, or its fields where it is a document."""
    others = [column for column in columns if column.name != _ID]
    key = next((column for column in columns if column.name == _ID), None)
    if key is None:
        key = Column(_ID, LogicalType("bytes", "objectId", length=12, fixed=True), nullable=False)
    names = {column.name for column in others}
    fields = key.type.fields if key.type.kind == "composite" else ()
    if not fields or any(name in names for name, _ in fields):
        return [key, *others], (_ID,)
    own = [Column(name, replace(kind, not_null=False), nullable=False) for name, kind in fields]
    return [*own, *others], tuple(column.name for column in own)


def _notes(collection: Collection, seen: Seen, rules: Mapping[str, Any], is_all: bool) -> list[str]:
    found = []
    if not is_all:
        found.append(f"{collection.name}: of its validator only $jsonSchema is read")
    if not seen.count and not rules:
        found.append(f"{collection.name} has neither documents nor a validator: nothing is known but its _id")
    found += [
        f"{collection.name}.{name} holds values of several types ({', '.join(sorted(item.kinds))}): taken as JSON"
        for name, item in seen.fields.items()
        if is_mixed(item)
    ]
    return found
