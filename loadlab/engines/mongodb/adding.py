"""Adding rows to documents that are there: to their lists, or in the place of a list's newest.

Each change is of one document and says itself whether it is still to be made, so that it can be tried again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from bson import decode_all
from pymongo import UpdateOne

from loadlab.engines.mongodb.connection import CODEC, Document
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.loading import encoded
from loadlab.engines.mongodb.paths import ID, collection_name, field_name
from loadlab.errors import ConstraintError
from loadlab.schema.model import Table
from loadlab.schema.nesting import Placement

if TYPE_CHECKING:
    import pyarrow as pa
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
) -> None:
    """See `loadlab.engines.abilities.CanAddToRows`."""
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


def _changes(document: Document, placement: Placement, identity: Sequence[str]) -> Iterator[UpdateOne]:
    key, at = {ID: document[ID]}, field_name(placement.field)
    if not placement.is_inside:
        yield UpdateOne(key, {"$set": {name: value for name, value in document.items() if name != ID}})
    elif not placement.many:
        yield UpdateOne({**key, at: {"$exists": False}}, {"$set": {at: document[at]}})
    else:
        names = [field_name(column) for column in identity]
        for row in document[at]:
            same = {"$elemMatch": {name: row[name] for name in names}}
            yield UpdateOne({**key, at: {"$not": same}}, {"$push": {at: row}})


def _require_all(
    count: Any, found: Sequence[Document], host: Table, placement: Placement, session: ClientSession | None
) -> None:
    """A change that was made before matches nothing, and neither does one of a document that is gone."""
    keys = [document[ID] for document in found]
    gone = len(keys) - count({ID: {"$in": keys}}, session=session)
    if gone:
        raise ConstraintError(
            f"table {placement.table}: {gone:,} of {len(keys):,} documents of {host.key} that its rows belong to are"
            " gone"
        )
