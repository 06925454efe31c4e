"""Which collections are the user's."""

from __future__ import annotations

from pymongo.database import Database

from loadlab.engines.mongodb.connection import Document

LEDGER = "loadlab_ledger"
OWN_PREFIX = "loadlab_"
# `system.` is the server's; `enxcol_.` holds what client-side encryption keeps beside a collection.
_OTHERS = ("system.", "enxcol_.", OWN_PREFIX)


def user_collections(database: Database[Document]) -> list[str]:
    """The collections that are there, in the order of their names; views, the server's own and LoadLab's left out."""
    found = database.list_collections(filter={"type": "collection"}, nameOnly=True)
    return sorted(item["name"] for item in found if is_users(item["name"]))


def is_users(name: str) -> bool:
    """Whether a collection of this name is the user's."""
    return not name.startswith(_OTHERS)
