"""The bounds of a partition, as the server prints them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from loadlab.schema.checks.constants import number
from loadlab.schema.checks.facts import Scalar


class Edge(Enum):
    """Below or above every value."""

    MINVALUE = "MINVALUE"
    MAXVALUE = "MAXVALUE"


@dataclass(frozen=True, slots=True)
class ListBound:
    """The partition holds the rows whose key is one of `values`, and NULL where `null`."""

    values: tuple[Scalar, ...]
    null: bool = False


@dataclass(frozen=True, slots=True)
class RangeBound:
    """The partition holds the rows whose keys, compared in their order, are at least `low` and below `high`."""

    low: tuple[Scalar | Edge, ...]
    high: tuple[Scalar | Edge, ...]


@dataclass(frozen=True, slots=True)
class HashBound:
    """The partition holds the rows whose keys' hash leaves `remainder` when divided by `modulus`."""

    modulus: int
    remainder: int


@dataclass(frozen=True, slots=True)
class DefaultBound:
    """The partition holds the rows that no other holds."""


PartitionBound = ListBound | RangeBound | HashBound | DefaultBound
_VALUES = r"\(((?:[^()']|'(?:[^']|'')*'|\([^()]*\))*)\)"
_LIST = re.compile(rf"\s*FOR\s+VALUES\s+IN\s*{_VALUES}\s*", re.I)
_RANGE = re.compile(rf"\s*FOR\s+VALUES\s+FROM\s*{_VALUES}\s*TO\s*{_VALUES}\s*", re.I)
_HASH = re.compile(r"\s*FOR\s+VALUES\s+WITH\s*\(\s*modulus\s+(\d+)\s*,\s*remainder\s+(\d+)\s*\)\s*", re.I)
_ITEM = re.compile(
    r"\s*(?:(?P<escaped>[Ee])?'(?P<text>(?:[^']|'')*)'|(?P<word>[^\s,':()]+))\s*(?:::[\w .\"()\[\]]+)?\s*(?:,|$)"
)
_WORDS: dict[str, bool | None] = {"true": True, "false": False, "null": None}


def read_bound(strategy: str, keys: tuple[str, ...], bound: str) -> PartitionBound | None:
    """The bound of one partition of a table that is partitioned by `strategy` on `keys`.

    None where the text is not of the form that the strategy has, or names another number of keys. Texts stay as the
    server wrote them: dates, times and numbers in quotes are for the key's type to read.
    """
    if bound.strip().upper() == "DEFAULT":
        return DefaultBound()
    found = {"list": _LIST, "range": _RANGE, "hash": _HASH}[strategy].fullmatch(bound)
    if found is None:
        return None
    if strategy == "hash":
        return HashBound(int(found[1]), int(found[2]))
    if strategy == "range":
        return _range_bound(found[1], found[2], len(keys))
    values = _items(found[1])
    if values is None or any(isinstance(value, Edge) for value in values):
        return None
    known = tuple(value for value in values if value is not None and not isinstance(value, Edge))
    return ListBound(known, None in values)


def _range_bound(low: str, high: str, size: int) -> RangeBound | None:
    ends = _items(low), _items(high)
    if ends[0] is None or ends[1] is None or None in ends[0] + ends[1] or {len(ends[0]), len(ends[1])} != {size}:
        return None
    return RangeBound(*(tuple(value for value in end if value is not None) for end in (ends[0], ends[1])))


def _items(text: str) -> tuple[Scalar | Edge | None, ...] | None:
    """The values of a list; None where one of them is no constant."""
    items: list[Scalar | Edge | None] = []
    at = 0
    while at < len(text.rstrip()):
        found = _ITEM.match(text, at)
        if found is None:
            return None
        items.append(
            _word(found["word"]) if found["text"] is None else _text(found["text"], found["escaped"] is not None)
        )
        at = found.end()
    return tuple(items)


def _text(text: str, escaped: bool) -> str:
    plain = text.replace("''", "'")
    return re.sub(r"\\(.)", r"\1", plain) if escaped else plain


def _word(word: str) -> Scalar | Edge | None:
    if word.upper() in Edge.__members__:
        return Edge[word.upper()]
    return _WORDS[word.lower()] if word.lower() in _WORDS else number(word)
