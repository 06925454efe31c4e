"""A copy of a database beside it, made by the server."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pymongo.database import Database

from loadlab.engines.mongodb.collections.indexes import ID_INDEX
from loadlab.engines.mongodb.connection import Document
from loadlab.engines.mongodb.creating import options_of
from loadlab.engines.mongodb.names import LEDGER, user_collections


def copy_database(source: Database[Document], target: Database[Document]) -> None:
    """Documents, then indexes and validators, whose rules what is there need not meet: collections and the ledger.

    `$out` makes each collection whole or not at all (https://www.mongodb.com/docs/manual/reference/operator/aggregation/out/).
    """
    options = options_of(source)
    for name in (*user_collections(source), *([LEDGER] if LEDGER in options else [])):
        target.command({"create": name, **{key: value for key, value in options[name].items() if key != "validator"}})
        source[name].aggregate([{"$out": {"db": target.name, "coll": name}}])
        specs = [made_anew(spec) for spec in source[name].list_indexes() if spec["name"] != ID_INDEX]
        if specs:
            target.command("createIndexes", name, indexes=specs)
        if "validator" in options[name]:
            target.command("collMod", name, validator=options[name]["validator"])


def made_anew(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An index as the server lists it, as it takes it."""
    return {key: value for key, value in spec.items() if key not in ("v", "ns")}
