"""Adding rows to documents that are there: to their lists, or in the place of a list's newest.

Each change is of one document and says itself whether it is still to be made, so that it can be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from bson import decode_all
from pymongo import UpdateOne

from loadlab.engines.mongodb.connection import CODEC, Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.loading import encoded
from loadlab.engines.mongodb.paths import ID, field_name, paths
from loadlab.errors import ConstraintError, InputError
from loadlab.schema.model import Column, LogicalType, Table
from loadlab.schema.nesting import Placement, identity_of

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.database import Database

_HOST = "host"
"""What an array filter calls the element that is added to."""


@dataclass(frozen=True, slots=True)
class _Host:
    """A row that is added to: the condition that finds its document, and within a list (`base`) its element."""

    document: Mapping[str, Any]
    element: Mapping[str, Any]
    base: str
    in_list: bool

    def condition(self, more: Mapping[str, Any]) -> dict[str, Any]:
        """What finds it, if the row itself is `more` as well."""
        row = {**self.element, **more}
        if self.in_list:
            return {**self.document, self.base: {"$elemMatch": row}}
        return {**self.document, **{f"{self.base}.{name}" if self.base else name: item for name, item in row.items()}}

    def change(self, more: Mapping[str, Any], operator: str, values: Mapping[str, Any]) -> UpdateOne:
        """`values` by the name of the row's field."""
        start = f"{self.base}.$[{_HOST}]." if self.in_list else f"{self.base}." if self.base else ""
        changed = {operator: {f"{start}{name}": item for name, item in values.items()}}
        if not self.in_list:
            return UpdateOne(self.condition(more), changed)
        element = {f"{_HOST}.{name}": item for name, item in self.element.items()}
        return UpdateOne(self.condition(more), changed, array_filters=[element])


def add_to_rows(
    database: Database[Document],
    layout: Layout,
    host: Table,
    placement: Placement,
    identity: Sequence[str],
    batches: Iterable[pa.RecordBatch],
    *,
    session: ClientSession | None = None,
    are_new: bool = False,
) -> None:
    """See `loadlab.engines.abilities.CanAddToRows`. Of rows that `are_new` none may be there: ConstraintError."""
    collection = database[layout.collection(host.key)]
    held = {field_name(name) for name in (placement.field, placement.counter) if name}
    plain = replace(host, primary_key=())
    columns = {at: name for name, at in paths(plain).items() if at not in held}
    with translated(f"table {placement.table}"):
        for block in encoded(plain, batches, None):
            found = [
                (
                    _host(layout, host, {columns[at]: value for at, value in document.items() if at not in held}),
                    document,
                )
                for document in decode_all(bytes(block.data), CODEC)
            ]
            changes = [
                change
                for where, document in found
                for change in _changes(where, {at: document[at] for at in held if at in document}, placement, identity)
            ]
            if not changes:
                continue
            done = collection.bulk_write(changes, ordered=False, session=session)
            if done.matched_count < len(changes):
                _require_all(collection.count_documents, [where for where, _ in found], host, placement, session)
                if are_new:
                    raise ConstraintError(f"table {placement.table}: {_taken(placement, identity)}")


def _host(layout: Layout, host: Table, values: Mapping[str, Any]) -> _Host:
    """The row of a table with these values by column."""
    key: dict[str, Any] = {}
    element: dict[str, Any] = {}
    root = layout.schema.table(layout.documents.root(host.key))
    document: dict[str, Any] = {}
    for column, value in values.items():
        owner, name = layout.origin(host.key, column)
        if owner == root.key and name in root.primary_key:
            key[name] = value
        elif owner == root.key:
            document[layout.path(owner, name)] = value
        else:
            element[field_name(name)] = value
    if set(key) == set(root.primary_key) and len(key) > 1:
        # The index of `_id` finds whole documents.
        document[ID] = {field_name(name): key[name] for name in root.primary_key}
    else:
        document |= {layout.path(root.key, name): value for name, value in key.items()}
    return _Host(document, element, layout.within(host.key), bool(layout.arrays(host.key)))


def _changes(
    where: _Host, held: Mapping[str, Any], placement: Placement, identity: Sequence[str]
) -> Iterator[UpdateOne]:
    at = field_name(placement.field)
    if not placement.is_inside:
        yield where.change({}, "$set", held)
    elif not placement.many:
        yield where.change({at: {"$exists": False}}, "$set", held)
    else:
        names = [field_name(column) for column in identity]
        for row in held[at]:
            same = {name: row[name] for name in names}
            yield where.change({at: {"$not": {"$elemMatch": same}}} if same else {}, "$push", {at: row})


def _taken(placement: Placement, identity: Sequence[str]) -> str:
    if not placement.many:
        return f"a row of {placement.host} has one already, and holds one at most"
    return f"a row of {placement.host} has one with the same {', '.join(identity)} already"


def _require_all(
    count: Any, hosts: Sequence[_Host], host: Table, placement: Placement, session: ClientSession | None
) -> None:
    """A change that was made before matches nothing, and neither does one of a document that is gone."""
    known = {repr(where): where for where in hosts}.values()
    gone = sum(not count(where.condition({}), limit=1, session=session) for where in known)
    if gone:
        raise ConstraintError(
            f"table {placement.table}: {gone:,} of {len(known):,} rows of {host.key} that its rows belong to are gone: "
            "somebody has deleted them since they were written; `loadlab seed --recreate` begins anew"
        )


def append_inside(
    database: Database[Document],
    layout: Layout,
    table: Table,
    batches: Iterable[pa.RecordBatch],
    session: ClientSession,
) -> int:
    """Add new rows of a table to those in which they stand; how many. Raises InputError, ConstraintError."""
    placement = layout.documents.of(table.key)
    host = layout.schema.table(placement.host)
    key = next(key for key in table.foreign_keys if ",".join(key.columns) == placement.relation)
    if len(layout.arrays(host.key)) > 1:
        raise InputError(
            table.key,
            f"stands in rows of {host.key}, whose lists are within lists: it comes with the row that holds it",
        )
    names = [name for name in table.column_names if name not in key.columns]
    kind = LogicalType("composite", fields=tuple((name, table.column(name).type) for name in names))
    field = Column(placement.field, LogicalType("array", element=kind) if placement.many else kind)
    narrow = replace(host, columns=(*(host.column(name) for name in key.target_columns), field))
    rows = 0

    def added() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in batches:
            rows += batch.num_rows
            held = pa.StructArray.from_arrays([batch.column(name) for name in names], names)
            if placement.many:
                held = pa.ListArray.from_arrays(pa.array(range(batch.num_rows + 1), pa.int32()), held)
            keys = [batch.column(name) for name in key.columns]
            yield pa.RecordBatch.from_arrays([*keys, held], [*key.target_columns, placement.field])

    identity = identity_of(layout.schema.table(table.key), placement)
    add_to_rows(database, layout, narrow, placement, identity, added(), session=session, are_new=True)
    return rows
