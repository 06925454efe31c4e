"""What a sample of documents holds: at every place how often there is a value, of which types, how long."""

from __future__ import annotations

import datetime as dt
import re
import uuid
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from bson import Binary, Code, DatetimeMS, DBRef, Decimal128, Int64, MaxKey, MinKey, ObjectId, Regex, Timestamp

_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "bool"), (Int64, "long"), (int, "int"), (float, "double"), (Decimal128, "decimal"), (str, "string"),
    (ObjectId, "objectId"), ((dt.datetime, DatetimeMS), "date"), (uuid.UUID, "uuid"), (bytes, "binData"),
    (Mapping, "object"), (list, "array"), (type(None), "null"), (Timestamp, "timestamp"),
    ((Regex, re.Pattern), "regex"), (Code, "javascript"), (DBRef, "dbPointer"), (MinKey, "minKey"), (MaxKey, "maxKey"),
)  # fmt: skip
# Code is a str, and Int64 an int: what is more particular comes first.
_ORDERED = sorted(_KINDS, key=lambda item: item[0] in (int, str))


@dataclass(slots=True)
class Seen:
    """The values at one place. `kinds` counts them by BSON's type (`$type`'s alias; "uuid" for a binary of subtype 4).

    `fields` are those of documents, `element` what arrays hold, `lengths` (shortest, sum, longest) those of arrays.
    `scale` and `digits` are the most that a decimal has behind its point and in all.
    """

    kinds: Counter[str] = field(default_factory=Counter)
    fields: dict[str, Seen] = field(default_factory=dict)
    element: Seen | None = None
    lengths: tuple[int, int, int] | None = None
    scale: int = 0
    digits: int = 0

    @property
    def count(self) -> int:
        """How many values there are, null included."""
        return self.kinds.total()

    def add(self, value: Any) -> None:
        """One value more."""
        kind = kind_of(value)
        self.kinds[kind] += 1
        if kind == "object":
            for name, item in value.items():
                self.fields.setdefault(name, Seen()).add(item)
        elif kind == "array":
            self._add_array(value)
        elif kind == "decimal":
            self._add_decimal(value)

    def _add_array(self, items: list[Any]) -> None:
        shortest, total, longest = self.lengths or (len(items), 0, 0)
        self.lengths = min(shortest, len(items)), total + len(items), max(longest, len(items))
        self.element = self.element or Seen()
        for item in items:
            self.element.add(item)

    def _add_decimal(self, value: Decimal128) -> None:
        parts = value.to_decimal().as_tuple()
        if isinstance(parts.exponent, int):
            self.scale = max(self.scale, -parts.exponent)
            self.digits = max(self.digits, len(parts.digits) + max(parts.exponent, 0))


def kind_of(value: Any) -> str:
    """BSON's name of a value's type."""
    if isinstance(value, Binary) and value.subtype == 4:
        return "uuid"
    return next((name for types, name in _ORDERED if isinstance(value, types)), "unknown")


def observed(documents: Iterable[Mapping[str, Any]]) -> Seen:
    """All of some documents."""
    seen = Seen()
    for document in documents:
        seen.add(document)
    return seen
