"""Collections that others made: what their validators leave open is seen in a sample of their documents."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.collections.reflect import reflect
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.existing.observing import Seen, observed
from loadlab.engines.mongodb.existing.references import VALUES_MAX, references
from loadlab.engines.mongodb.existing.types import is_mixed, type_of
from loadlab.engines.mongodb.paths import ID, paths
from loadlab.schema.model import Column, Schema, Table

SAMPLE_DOCUMENTS = 1000
Sample = Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Found:
    """The schema, and what of it is a guess or could not be said."""

    schema: Schema
    notes: tuple[str, ...] = ()


def read_existing(database: Database[Document], known: Collection[str] = ()) -> Found:
    """The schema of the collections that are there. Raises PyMongoError.

    Of documents a random sample of 1,000 is read (`$sample`), of which nothing is kept but types and lengths; none of
    the collections in `known`, whose validators say all.
    """
    samples: dict[str, Sample] = {}
    notes: list[str] = []

    def seen(table: Table) -> Table:
        if table.name in known:
            return table
        samples[table.name] = list(database[table.name].aggregate([{"$sample": {"size": SAMPLE_DOCUMENTS}}]))
        found, more = with_sample(table, samples[table.name])
        notes.extend(more)
        return found

    schema = reflect(database, seen=seen)
    by_key = {table.key: table for table in schema}

    def knows(name: str, values: Sequence[Any]) -> bool:
        distinct = list({repr(value): value for value in values}.values())
        return database[name].count_documents({ID: {"$in": distinct}}, limit=len(distinct)) == len(distinct)

    tables = []
    for table in schema:
        said = {key.columns for key in table.foreign_keys}
        values = _values(table, samples.get(table.name, ()))
        guessed = [key for key in references(table, by_key, values, knows) if key.columns not in said]
        notes += [
            f"{table.key}.{key.columns[0]} is taken to refer to {key.target}, by its name and what it holds"
            for key in guessed
        ]
        tables.append(replace(table, foreign_keys=(*table.foreign_keys, *guessed)))
    return Found(replace(schema, tables=tuple(tables)), tuple(notes))


def _values(table: Table, sample: Sample) -> dict[str, list[Any]]:
    """Some values of each column that was seen."""
    found: dict[str, list[Any]] = {}
    for document in sample:
        for name in table.column_names:
            if document.get(name) is not None and len(found.setdefault(name, [])) < VALUES_MAX:
                found[name].append(document[name])
    return found


def with_sample(table: Table, sample: Sample) -> tuple[Table, tuple[str, ...]]:
    """A table with the columns, types and lengths that were seen and that its validator does not say; notes."""
    if not sample:
        return table, () if table.columns else (f"{table.key} has neither documents nor a validator",)
    seen = observed(sample)
    key = table.primary_key
    key_columns: tuple[Column, ...] = ()
    if not key:
        key_columns, key = _key(seen)
    where = {at: name for name, at in paths(table).items()}
    said = [_completed(column, seen.fields.get(paths(table)[column.name], Seen())) for column in table.columns]
    more = [_column(name, item, seen) for name, item in seen.fields.items() if name not in where and name != ID]
    found = replace(table, columns=(*key_columns, *said, *more), primary_key=key)
    return found, tuple(_notes(table, seen))


def _completed(column: Column, seen: Seen) -> Column:
    """What a validator says of a column, and where that is next to nothing what was seen."""
    vague = column.type.kind == "json" or (column.type.kind == "numeric" and column.type.precision is None)
    if not vague or not seen.count:
        return column
    return replace(column, type=type_of(seen), comment=column.comment or _lengths(seen))


def _column(name: str, seen: Seen, of: Seen) -> Column:
    is_always = seen.count == of.count and not seen.kinds["null"]
    return Column(name, type_of(seen), nullable=not is_always, comment=_lengths(seen))


def _lengths(seen: Seen) -> str | None:
    """How long the arrays of a field are."""
    if seen.lengths is None:
        return None
    count, (shortest, total, longest) = seen.kinds["array"], seen.lengths
    return f"Arrays of {shortest} to {longest} elements, {total / count:.1f} on average."


def _key(seen: Seen) -> tuple[tuple[Column, ...], tuple[str, ...]]:
    """The columns of the key: `_id`, or its fields where it is a document."""
    kind = type_of(seen.fields[ID])
    if kind.kind != "composite" or any(name in seen.fields for name, _ in kind.fields):
        return (Column(ID, kind, nullable=False),), (ID,)
    columns = tuple(Column(name, replace(part, not_null=False), nullable=False) for name, part in kind.fields)
    return columns, tuple(column.name for column in columns)


def _notes(table: Table, seen: Seen) -> Iterator[str]:
    for name, item in seen.fields.items():
        if is_mixed(item):
            yield f"{table.key}.{name} holds values of several types ({', '.join(sorted(item.kinds))}): taken as JSON"
