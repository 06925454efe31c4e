"""What LoadLab filled the database with: one collection of its own in it.

There is no transaction over the making of collections, so the entry comes first, with what was there before and not yet
`ready`, and whoever finds it so removes what was half made. A chunk is entered when its documents are in: one that was
being loaded when its loader was killed is loaded again, and finds some of its documents there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from pymongo.collection import Collection
from pymongo.database import Database
from pymongo.write_concern import WriteConcern

from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.names import LEDGER
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.schema.model import Schema

_MANIFEST = "manifest"
_CHUNK = "chunk"


@dataclass(frozen=True, slots=True)
class Entry:
    """The ledger's entry. Not `ready`: the collections are still being made, or whoever made them was killed.

    `made` are the collections that LoadLab made, `before` those that were there, `notes` what was left out of the
    schema, one line each.
    """

    manifest: Manifest
    notes: tuple[str, ...] = ()
    made: tuple[str, ...] = ()
    before: frozenset[str] = field(default=frozenset())
    ready: bool = True


def _collection(database: Database[Document]) -> Collection[Document]:
    """Acknowledged when it is in the journal of most members, and with it whatever was written before."""
    return database.get_collection(LEDGER, write_concern=WriteConcern("majority", j=True))


def read(database: Database[Document]) -> Entry | None:
    """The entry, None without one."""
    found = database[LEDGER].find_one({"_id": _MANIFEST})
    if found is None:
        return None
    manifest = Manifest(
        found["fingerprint"],
        json.loads(found["body"]),
        Schema.from_json(found["schema"]),
        found["owns_tables"],
        found["finished"],
        found["new_rows"],
    )
    before = frozenset(found["there_before"])
    return Entry(manifest, tuple(found["notes"]), tuple(found["made"]), before, found["ready"])


def write(database: Database[Document], entry: Entry) -> None:
    """Put the entry there, in the place of one that is."""
    manifest = entry.manifest
    document = {
        "_id": _MANIFEST,
        "fingerprint": manifest.fingerprint,
        "body": json.dumps(manifest.body),
        "schema": manifest.schema.to_json(),
        "owns_tables": manifest.owns_tables,
        "finished": manifest.finished,
        "new_rows": manifest.new_rows,
        "notes": list(entry.notes),
        "made": list(entry.made),
        "there_before": sorted(entry.before),
        "ready": entry.ready,
    }
    _collection(database).replace_one({"_id": _MANIFEST}, document, upsert=True)


def replace(database: Database[Document], manifest: Manifest) -> None:
    """Another manifest in the place of the one that is there, to be finished again."""
    changed = {"fingerprint": manifest.fingerprint, "body": json.dumps(manifest.body), "finished": False}
    _update(database, changed)


def mark_finished(database: Database[Document]) -> None:
    """Nothing is left to do for the manifest."""
    _update(database, {"finished": True})


def note_new_rows(database: Database[Document], new_rows: int) -> None:
    """Write down how many rows beyond the dataset loads have used."""
    _update(database, {"new_rows": new_rows})


def _update(database: Database[Document], changed: Mapping[str, Any]) -> None:
    _collection(database).update_one({"_id": _MANIFEST}, {"$set": dict(changed)})


def chunks(database: Database[Document]) -> frozenset[Chunk]:
    """The chunks that are in."""
    found = database[LEDGER].find({"_id.kind": _CHUNK}, {"_id": 1})
    return frozenset(Chunk(item["table"], item["start"], item["stop"], item["later"]) for item in _ids(found))


def has(database: Database[Document], chunk: Chunk) -> bool:
    """Whether a chunk is in."""
    return database[LEDGER].find_one({"_id": _key(chunk)}) is not None


def enter(database: Database[Document], chunk: Chunk) -> None:
    """A chunk is in; entering it twice changes nothing."""
    key = _key(chunk)
    _collection(database).replace_one({"_id": key}, {"_id": key}, upsert=True)


def drop(database: Database[Document]) -> None:
    """The ledger itself."""
    database.drop_collection(LEDGER)


def _key(chunk: Chunk) -> Document:
    return {"kind": _CHUNK, "table": chunk.table, "start": chunk.start, "stop": chunk.stop, "later": chunk.later}


def _ids(found: Any) -> list[Document]:
    return [item["_id"] for item in found]
