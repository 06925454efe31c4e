"""References, which the server does not check: every value must be the key of a document that is there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, field_name
from loadlab.errors import ConstraintError
from loadlab.schema.model import ForeignKey, Table

# Distinct keys that are asked for at a time: a command takes 16 MiB, and a reader's memory is bounded.
_KEYS_PER_QUERY = 5_000
# Targets of no more documents than this are read whole, which is one query; about 50 MB.
_KEYS_READ = 200_000


def check_references(database: Database[Document], table: Table, key: ForeignKey, layout: Layout) -> None:
    """Read the keys of all rows and ask for their targets. Raises ConstraintError naming one that is not there."""
    if not layout.schema.has(key.target):
        return
    there = _TargetKeys(database, layout, key)
    known: set[Any] = set()
    for values in _batches(_keys(database, layout, table.key, key.columns)):
        new = values - known
        for missing in new - there.of(new):
            raise ConstraintError(
                f"table {table.key}: {_told(key, missing)} is no key of {key.target}", constraint=key.name
            )
        # Keys come again and again: what was found once is not asked for anew, as far as memory is bounded.
        known = new if len(known) > 20 * _KEYS_PER_QUERY else known | new


def _told(key: ForeignKey, values: tuple[Any, ...]) -> str:
    return ", ".join(f"{name} = {value}" for name, value in zip(key.columns, values, strict=True))


def _keys(
    database: Database[Document], layout: Layout, table: str, columns: Sequence[str]
) -> Iterator[tuple[Any, ...]]:
    """The values of every row that has all of them."""
    own = [layout.path(table, column) for column in columns]
    shown = dict.fromkeys(own, 1) | ({} if any(path.startswith(ID) for path in own) else {ID: 0})
    condition = {path: {"$exists": True} for path in own}
    for document in database[layout.collection(table)].find(condition, shown, batch_size=10_000):
        for row in rows_at(document, layout.arrays(table)):
            values = tuple(value_at(row, path) for path in own)
            if None not in values:
                yield values


def rows_at(document: Mapping[str, Any], arrays: Sequence[str]) -> Iterator[Mapping[str, Any]]:
    """The document once for each element of the lists at these paths, outermost first, as `$unwind` has it."""
    if not arrays:
        yield document
        return
    for element in value_at(document, arrays[0]) or ():
        yield from rows_at(_with(document, arrays[0].split("."), element), arrays[1:])


def _with(document: Mapping[str, Any], way: Sequence[str], value: Any) -> dict[str, Any]:
    first, *rest = way
    return {**document, first: _with(document[first], rest, value) if rest else value}


def _batches(keys: Iterator[tuple[Any, ...]]) -> Iterator[set[tuple[Any, ...]]]:
    while found := set(islice(keys, _KEYS_PER_QUERY)):
        yield found


def value_at(document: Mapping[str, Any], path: str) -> Any:
    """What stands at a path of a document, None for nothing."""
    found: Any = document
    for part in path.split("."):
        found = found.get(part) if isinstance(found, Mapping) else None
    return found


class _TargetKeys:
    """Asks a collection which keys it has."""

    def __init__(self, database: Database[Document], layout: Layout, key: ForeignKey) -> None:
        self._collection = database[layout.collection(key.target)]
        self._arrays = layout.arrays(key.target)
        self._paths = [layout.path(key.target, name) for name in key.target_columns]
        target = layout.schema.table(key.target)
        columns = key.target_columns
        self._is_whole_id = len(columns) > 1 and columns == target.primary_key and not layout.within(key.target)
        self._parts = [field_name(name) for name in columns]
        self._all = self._read({}) if self._collection.estimated_document_count() <= _KEYS_READ else None

    def of(self, keys: set[tuple[Any, ...]]) -> set[tuple[Any, ...]]:
        """Those of the keys that are there."""
        if not keys:
            return set()
        return keys & self._all if self._all is not None else self._read(self._condition(keys))

    def _read(self, condition: Document) -> set[tuple[Any, ...]]:
        shown = dict.fromkeys(self._paths, 1) | ({} if self._paths[0].startswith(ID) else {ID: 0})
        found = self._collection.find(condition, shown, batch_size=_KEYS_PER_QUERY)
        rows = (row for document in found for row in rows_at(document, self._arrays))
        return {tuple(value_at(row, path) for path in self._paths) for row in rows}

    def _condition(self, keys: set[tuple[Any, ...]]) -> Document:
        if len(self._paths) == 1:
            return {self._paths[0]: {"$in": [value for (value,) in keys]}}
        first = {values[0] for values in keys}
        if 2 * len(first) > len(keys):
            # The index over the parts of a key finds them by the first, where that tells most of them apart.
            return {self._paths[0]: {"$in": list(first)}}
        if self._is_whole_id:
            return {ID: {"$in": [dict(zip(self._parts, values, strict=True)) for values in keys]}}
        return {"$or": [dict(zip(self._paths, values, strict=True)) for values in keys]}
