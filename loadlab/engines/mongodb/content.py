"""What a command does to which collections, and which row it is about. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.engines.abilities import StatementContent
from loadlab.engines.mongodb.commands import Command
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, collection_name, paths
from loadlab.engines.mongodb.results import result_paths
from loadlab.engines.mongodb.slots import Slot
from loadlab.schema.model import Schema, Table

# What can be compared with a cell of the dataset as it is stored: dates have no more than milliseconds here.
_COMPARABLE = {"integer", "numeric", "float", "boolean", "text", "uuid", "date", "timestamp", "json", "bytes", "enum"}
_FROM = ("from", "coll", "into", "$out", "$merge", "$unionWith")


class Places:
    """The tables of a schema by their collections, and the columns by their paths. `inside` says where the rows of
    tables without a collection stand.
    """

    def __init__(self, schema: Schema, inside: Mapping[str, str] | None = None) -> None:
        self._inside = inside or {}
        self._tables = {collection_name(table.key): table for table in schema}
        self._columns = {
            name: {at: column for column, at in paths(table).items()} for name, table in self._tables.items()
        }

    @classmethod
    def of(cls, layout: Layout) -> Places:
        """The collections of a plan of documents."""
        held = (item for item in layout.documents.placements if item.is_inside)
        return cls(
            layout.stored,
            {
                collection_name(item.table): f"{layout.collection(item.table)} as {layout.within(item.table)}"
                for item in held
            },
        )

    def standing(self, collection: str) -> str:
        """`orders as order_lines` of a table whose rows stand in others; "" for any other name."""
        return self._inside.get(collection, "")

    @property
    def collections(self) -> list[str]:
        return list(self._tables)

    def table(self, collection: str) -> Table | None:
        return self._tables.get(collection)

    def column(self, collection: str, at: str) -> str | None:
        return self._columns.get(collection, {}).get(at)

    def at(self, collection: str, at: str) -> tuple[str, ...]:
        """The columns at a path: all of a key's at `_id`; the path itself where no column is known."""
        column = self.column(collection, at)
        if column is not None:
            return (column,)
        table = self.table(collection)
        if at == ID and table is not None and table.primary_key:
            return table.primary_key
        whole = self.column(collection, at.partition(".")[0])
        return (at,) if whole is None or whole == at else (whole,)


def content_of(command: Command, schema: Schema) -> StatementContent:
    """See `loadlab.engines.abilities.CanTellContent`."""
    places = Places(schema)
    touched = {command.collection, *_others(command.document)} if command.verb != "ping" else set[str]()
    keys = frozenset(table.key for name in touched if (table := places.table(name)) is not None)
    table = places.table(command.collection)
    if table is None:
        return StatementContent(touched=keys)
    match command.verb:
        case "insert":
            return StatementContent(touched=keys, inserted=_inserted(command, table, places))
        case "delete":
            return StatementContent(touched=keys, deleted=frozenset((table.key,)))
        case "update" | "findAndModify":
            removes = bool(command.document.get("remove"))
            changed = {} if removes else {table.key: frozenset(_changed(command, table, places))}
            return StatementContent(keys, changed, frozenset((table.key,)) if removes else frozenset())
        case "find":
            return StatementContent(touched=keys, read=_read(command, table, places))
    written = {table.key for name in _written(command) if (table := places.table(name)) is not None}
    every = {key: frozenset(schema.table(key).column_names) for key in written}
    return StatementContent(keys, every, frozenset(written))


def _others(node: Any) -> Iterator[str]:
    """Collections that a pipeline names."""
    if isinstance(node, Mapping):
        for key, part in node.items():
            if key in _FROM and isinstance(part, str):
                yield part
            else:
                yield from _others(part)
    elif isinstance(node, list):
        for item in node:
            yield from _others(item)


def _written(command: Command) -> Iterator[str]:
    for stage in command.pipeline:
        for word in ("$out", "$merge"):
            target = stage.get(word)
            yield from [target] if isinstance(target, str) else _others(target)


def compared(condition: Any, collection: str, places: Places) -> dict[str, str] | None:
    """By column the parameter that it must equal; None where there is another condition."""
    found: dict[str, str] = {}
    if not isinstance(condition, Mapping):
        return None
    for at, part in condition.items():
        inner = {f"{at}.{name}": value for name, value in part.items()} if isinstance(part, Mapping) else {at: part}
        for path, value in inner.items():
            column = places.column(collection, path)
            if column is None or not isinstance(value, Slot):
                return None
            found[column] = value.name
    return found


def _read(
    command: Command, table: Table, places: Places
) -> tuple[str, Mapping[str, str], tuple[str | None, ...]] | None:
    by = compared(command.document.get("filter"), command.collection, places)
    asked = result_paths(command)
    if not by or asked is None or not any(set(key) <= set(by) for key in table.unique_keys):
        return None
    columns = tuple(_cell(table, places.column(command.collection, at)) for at in asked)
    return (table.key, by, columns) if any(columns) else None


def _cell(table: Table, name: str | None) -> str | None:
    if name is None:
        return None
    column = table.column(name)
    return name if column.generated is None and column.type.kind in _COMPARABLE else None


def _inserted(command: Command, table: Table, places: Places) -> tuple[str, Mapping[str, str]] | None:
    documents = command.document.get("documents")
    if not isinstance(documents, list) or len(documents) != 1 or not isinstance(documents[0], Mapping):
        return None
    found: dict[str, str] = {}
    for at, part in documents[0].items():
        inner = {f"{at}.{name}": value for name, value in part.items()} if isinstance(part, Mapping) else {at: part}
        for path, value in inner.items():
            column = places.column(command.collection, path)
            if column is not None and isinstance(value, Slot):
                found[column] = value.name
    return table.key, found


def _changed(command: Command, table: Table, places: Places) -> Iterator[str]:
    """The columns that an update may change."""
    holders = [item.get("u") for item in command.document.get("updates", ())]
    for changes in holders or [command.document.get("update")]:
        operators = isinstance(changes, Mapping) and all(key.startswith("$") for key in changes)
        if not operators:
            yield from table.column_names  # a pipeline, or a whole document
            continue
        for parts in changes.values():
            for at in parts if isinstance(parts, Mapping) else ():
                yield from places.at(command.collection, at)
