"""What is to be changed, in the words of mongosh, and the way back from these words to a command."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from typing import Any

from loadlab.engines.abilities import Remedies
from loadlab.engines.mongodb.paths import ID, collection_name, path
from loadlab.engines.plan_tree import NewIndex
from loadlab.errors import InputError
from loadlab.schema.model import Index, Table

_TEXT = re.compile(
    r'db\.getCollection\((?P<name>"(?:[^"\\]|\\.)*")\)\.(?P<what>createIndex|dropIndex)\((?P<rest>.*)\)', re.DOTALL
)


def _call(collection: str, what: str, *arguments: Any) -> str:
    inside = ", ".join(json.dumps(item, ensure_ascii=False) for item in arguments)
    return f"db.getCollection({json.dumps(collection, ensure_ascii=False)}).{what}({inside})"


def create_index(table: Table, columns: Sequence[str], name: str, descending: frozenset[int] = frozenset()) -> str:
    """An index over columns of a table."""
    keys = {path(table, column): -1 if place in descending else 1 for place, column in enumerate(columns)}
    return _call(collection_name(table.key), "createIndex", keys, {"name": name})


def drop_index(table: Table, name: str) -> str:
    """An index gone."""
    return _call(collection_name(table.key), "dropIndex", name)


def command_of(text: str) -> dict[str, Any]:
    """The command that one of these texts stands for. Raises InputError for another one."""
    found = _TEXT.fullmatch(text.strip())
    if found is None:
        raise InputError("statement", "is none that can be carried out here", value=text)
    collection, arguments = json.loads(found["name"]), json.loads(f"[{found['rest']}]")
    if found["what"] == "dropIndex":
        return {"dropIndexes": collection, "index": arguments[0]}
    return {"createIndexes": collection, "indexes": [{"key": arguments[0], **arguments[1]}]}


class MongodbTuning:
    """See `loadlab.engines.abilities.Tuning`. Indexes are built beside the writes of others."""

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        return create_index(table, index.columns, index.name, index.descending)

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str:
        return drop_index(table, name)

    def collect_statistics(self, table: Table) -> str:
        """The planner keeps no statistics: it tries plans against each other, and forgets which one won."""
        return f"db.getCollection({json.dumps(collection_name(table.key))}).getPlanCache().clear()"

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """The planner learns of columns together only through an index over them."""
        return ()

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        return (f"db.adminCommand({{setParameter: 1, internalQueryMaxBlockingSortMemoryUsageBytes: {kib * 1024}}})",)


class MongodbRemedies(Remedies):
    """See `loadlab.engines.abilities.Remedies`: what concerns indexes and the collection's file."""

    def create_index(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        name, taken = NewIndex(table.key, tuple(columns)).name, {index.name for index in table.indexes}
        return (create_index(table, columns, f"{name}1" if name in taken else name),)

    def drop_index(self, table: Table, index: Index) -> tuple[str, ...]:
        return () if index.name == f"{ID}_" else (drop_index(table, index.name),)

    def rebuild_index(self, table: Table, index: Index) -> tuple[str, ...]:
        return self.rebuild_table(table)

    def rebuild_table(self, table: Table) -> tuple[str, ...]:
        return (f"db.runCommand({{compact: {json.dumps(collection_name(table.key))}}})",)
