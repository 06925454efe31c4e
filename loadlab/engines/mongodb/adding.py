"""Adding rows to documents that are there: to their lists, or in the place of a list's newest.

Each change is of one document and says itself whether it is still to be made, so that it can be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pyarrow as pa
from bson import decode_all
from pymongo import UpdateOne

from loadlab.engines.mongodb.connection import CODEC, Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.loading import encoded
from loadlab.engines.mongodb.paths import ID, collection_name, field_name
from loadlab.errors import ConstraintError, InputError
from loadlab.schema.model import Column, LogicalType, Table
from loadlab.schema.nesting import Placement, identity_of

if TYPE_CHECKING:
    from pymongo.client_session import ClientSession
    from pymongo.database import Database


def add_to_rows(
    database: Database[Document],
    host: Table,
    placement: Placement,
    identity: Sequence[str],
    batches: Iterable[pa.RecordBatch],
    *,
    session: ClientSession | None = None,
    are_new: bool = False,
) -> None:
    """See `loadlab.engines.abilities.CanAddToRows`. Of rows that `are_new` none may be there: ConstraintError."""
    collection = database[collection_name(host.key)]
    with translated(f"table {placement.table}"):
        for block in encoded(host, batches):
            found: list[Document] = decode_all(bytes(block.data), CODEC)
            changes = [change for document in found for change in _changes(document, placement, identity)]
            if not changes:
                continue
            done = collection.bulk_write(changes, ordered=False, session=session)
            if done.matched_count < len(changes):
                _require_all(collection.count_documents, found, host, placement, session)
                if are_new:
                    raise ConstraintError(f"table {placement.table}: {_taken(placement, identity)}")


def _changes(document: Document, placement: Placement, identity: Sequence[str]) -> Iterator[UpdateOne]:
    key, at = {ID: document[ID]}, field_name(placement.field)
    if not placement.is_inside:
        yield UpdateOne(key, {"$set": {name: value for name, value in document.items() if name != ID}})
    elif not placement.many:
        yield UpdateOne({**key, at: {"$exists": False}}, {"$set": {at: document[at]}})
    else:
        names = [field_name(column) for column in identity]
        for row in document[at]:
            same = {name: row[name] for name in names}
            missing = {at: {"$not": {"$elemMatch": same}}} if same else {}
            yield UpdateOne({**key, **missing}, {"$push": {at: row}})


def _taken(placement: Placement, identity: Sequence[str]) -> str:
    if not placement.many:
        return f"a row of {placement.host} has one already, and holds one at most"
    return f"a row of {placement.host} has one with the same {', '.join(identity)} already"


def _require_all(
    count: Any, found: Sequence[Document], host: Table, placement: Placement, session: ClientSession | None
) -> None:
    """A change that was made before matches nothing, and neither does one of a document that is gone."""
    # A key of several columns is a document, which has no hash.
    keys = list({repr(document[ID]): document[ID] for document in found}.values())
    gone = len(keys) - count({ID: {"$in": keys}}, session=session)
    if gone:
        raise ConstraintError(
            f"table {placement.table}: {gone:,} of {len(keys):,} documents of {host.key} that its rows belong to are"
            " gone: somebody has deleted them since they were written"
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
    if layout.within(host.key):
        raise InputError(
            table.key, f"stands in lists of {host.key}, which stand in others: a row comes with the row that holds it"
        )
    if set(key.target_columns) != set(host.primary_key):
        raise InputError(table.key, f"stands in {host.key} by {placement.relation}, which is not the key of {host.key}")
    own = dict(zip(key.target_columns, key.columns, strict=True))
    names = [name for name in table.column_names if name not in key.columns]
    kind = LogicalType("composite", fields=tuple((name, table.column(name).type) for name in names))
    field = Column(placement.field, LogicalType("array", element=kind) if placement.many else kind)
    narrow = replace(host, columns=(*(host.column(name) for name in host.primary_key), field))
    rows = 0

    def added() -> Iterator[pa.RecordBatch]:
        nonlocal rows
        for batch in batches:
            rows += batch.num_rows
            held = pa.StructArray.from_arrays([batch.column(name) for name in names], names)
            if placement.many:
                held = pa.ListArray.from_arrays(pa.array(range(batch.num_rows + 1), pa.int32()), held)
            keys = [batch.column(own[name]) for name in host.primary_key]
            yield pa.RecordBatch.from_arrays([*keys, held], [*host.primary_key, placement.field])

    identity = identity_of(layout.schema.table(table.key), placement)
    add_to_rows(database, narrow, placement, identity, added(), session=session, are_new=True)
    return rows
