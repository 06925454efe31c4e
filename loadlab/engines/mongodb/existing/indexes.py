"""What `listIndexes` says, as indexes of a table."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any

from bson import json_util

from loadlab.schema.model import Index

PRIMARY = "_id_"


def table_indexes(described: Iterable[Mapping[str, Any]], columns: Collection[str]) -> Iterator[Index]:
    """All but that of `_id`. A path into a document, or what no document was seen with, is an expression."""
    for item in described:
        if item["name"] == PRIMARY:
            continue
        keys = tuple(_names(item))
        partial = item.get("partialFilterExpression")
        yield Index(
            name=item["name"],
            keys=keys,
            unique=bool(item.get("unique")),
            method=_method(item["key"]),
            predicate=None if partial is None else json_util.dumps(partial),
            expressions=tuple(key not in columns for key in keys),
            definition=json_util.dumps({name: value for name, value in item.items() if name not in ("v", "ns")}),
            # A document without the field counts as one with null, save in an index that leaves such documents out.
            nulls_distinct=bool(item.get("sparse")) or partial is not None,
        )


def _names(item: Mapping[str, Any]) -> Iterator[str]:
    for name in item["key"]:
        if name == "_fts":
            # A text index keeps its fields apart, as weights.
            yield from item.get("weights", {})
        elif name != "_ftsx":
            yield name.removeprefix("_id.")


def _method(key: Mapping[str, Any]) -> str:
    """`btree`, or what else the index is: text, 2dsphere, 2d, hashed, wildcard."""
    special = next((kind for kind in key.values() if isinstance(kind, str)), None)
    return special or ("wildcard" if any("$**" in name for name in key) else "btree")
