"""Fields that hold the `_id` of another collection: by their name and type, and by the values that were seen."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from loadlab.schema.model import ForeignKey, Table

_NAME = re.compile(r"(?P<what>.+?)(?:_id|Id|ID)$")
VALUES_MAX = 20

Knows = Callable[[str, Sequence[Any]], bool]
"""Whether a collection has a document for each of these values of `_id`."""


def references(
    table: Table, others: Mapping[str, Table], values: Mapping[str, Sequence[Any]], knows: Knows
) -> Iterator[ForeignKey]:
    """`values` are some that were seen, by column; where there are none, name and type decide."""
    for column in table.columns:
        target = _target(column.name, others)
        if target is None or len(target.primary_key) != 1 or column.name in table.primary_key:
            continue
        key = target.column(target.primary_key[0])
        if (key.type.kind, key.type.native) != (column.type.kind, column.type.native):
            continue
        seen = values.get(column.name, ())[:VALUES_MAX]
        if not seen or knows(target.key, seen):
            yield ForeignKey(f"{table.name}_{column.name}_fkey", (column.name,), target.key, (key.name,))


def _target(name: str, others: Mapping[str, Table]) -> Table | None:
    match = _NAME.match(name)
    if match is None:
        return None
    word = match["what"]
    apart = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", word).lower()
    # `ownerUserId` and `owner_user_id` are users in a part, if no collection has the whole of the name.
    for stem in (word, apart, apart.rpartition("_")[2]):
        for plural in (f"{stem}s", f"{stem}es", f"{stem.removesuffix('y')}ies", stem):
            if plural in others:
                return others[plural]
    return None
