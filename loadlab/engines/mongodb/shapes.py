"""Which fields documents have, as far as it is known, on their way through the stages of a pipeline. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from loadlab.engines.mongodb.paths import ID, paths
from loadlab.engines.mongodb.results import is_no
from loadlab.schema.model import Table


@dataclass(frozen=True, slots=True)
class Shape:
    """`fields` are paths, each with whether there may be more inside of it; None where nothing is known. `of` says
    whose they are: `users`, or the stage that made them.
    """

    of: str
    fields: Mapping[str, bool] | None

    def has(self, at: str) -> bool:
        """A known path, what leads to some, or what is inside of one; every path where nothing is known."""
        return self.fields is None or any(
            at == path or path.startswith(f"{at}.") or (is_open and at.startswith(f"{path}."))
            for path, is_open in self.fields.items()
        )

    def with_(self, names: Iterable[str]) -> Shape:
        """With more fields, of whose insides nothing is known."""
        return self if self.fields is None else replace(self, fields={**self.fields, **dict.fromkeys(names, True)})

    def names(self) -> list[str]:
        """What a typo may have meant: names of fields, and paths into keys."""
        known = self.fields or {}
        return sorted({path.partition(".")[0] for path in known} | set(known))


def made(by: str, names: Iterable[str]) -> Shape:
    """Of documents that a stage makes, with these fields alone."""
    return Shape(by, dict.fromkeys(names, True))


def unknown(by: str) -> Shape:
    """Of documents of which nothing is known."""
    return Shape(by, None)


@lru_cache(maxsize=1024)
def stored(table: Table, collection: str) -> Shape:
    """Of a collection's documents; nothing is known of one that says nothing of its fields."""
    if not table.columns:
        return unknown(collection)
    own = {path: path != ID for path in paths(table).values()}
    return Shape(collection, own if any(path.startswith(ID) for path in own) else {ID: False, **own})


def projected(asked: Mapping[str, Any], before: Shape, by: str) -> Shape:
    """Behind a `$project`: of one that includes what it names, of one that excludes what there was."""
    if any(isinstance(value, Mapping) and not any(key.startswith("$") for key in value) for value in asked.values()):
        return unknown(by)
    kept = [at for at, value in asked.items() if not is_no(value)]
    if not kept:
        return before
    if set(asked) - set(kept) - {ID}:
        return unknown(by)
    own_id = ID in asked or any(at.startswith(f"{ID}.") for at in kept)
    return made(by, kept if own_id else [ID, *kept])
