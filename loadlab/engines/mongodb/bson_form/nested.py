"""Values that are made of other values: arrays and documents.

`Encoder` is `values.value`; it is handed in, since parts may again be made of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.engines.mongodb.bson_form.value import (
    ARRAY,
    DOCUMENT,
    NULL,
    Pieces,
    Value,
    enclosed,
    masked,
    packed,
    present,
)
from loadlab.engines.packed_bytes import binary, lists_of, offsets
from loadlab.schema.model import LogicalType

Encoder = Callable[[pa.Array, "LogicalType | None"], Value]
Part = tuple[str, pa.Array, "LogicalType | None"]
"""An element of a document: its name, its values, and what they mean (None: what their Arrow type says)."""

_ONE_DIGIT = 10


def elements(parts: Sequence[Part], encode: Encoder) -> Pieces:
    """Each part's type, name and value; nothing where it is NULL."""
    pieces: Pieces = []
    for name, array, kind in parts:
        if array.null_count != len(array):
            pieces += _element(name, encode(array, kind), array)
    return pieces


def _element(name: str, value: Value, array: pa.Array) -> Pieces:
    head = name.encode() + b"\0"
    if isinstance(value.code, int):
        typed = bytes([value.code]) + head
        pieces: Pieces = [[(f"S{len(typed)}", typed)], *value.pieces]
    else:
        pieces = [[("u1", value.code), (f"S{len(head)}", head)], *value.pieces]
    if not array.null_count:
        return pieces
    return [masked(packed(pieces, len(array)), present(array))]


def document(parts: Sequence[Part], rows: int, encode: Encoder) -> Value:
    """Documents of so many parts."""
    return Value(DOCUMENT, enclosed(elements(parts, encode), rows))


def struct(array: pa.Array, fields: Sequence[tuple[str, LogicalType | None]], encode: Encoder) -> Value:
    """Of a struct: each field by its name."""
    parts = [(name, child, kind) for (name, kind), child in zip(fields, array.flatten(), strict=True)]
    return document(parts, len(array), encode)


def lists(array: pa.Array, element: LogicalType | None, encode: Encoder) -> Value:
    """Of lists: each element by its place."""
    starts, items = lists_of(array)
    return Value(ARRAY, _sequence(starts, items, _items(items, element, encode), _places(starts, len(items))))


def map_of_texts(array: pa.Array, encode: Encoder) -> Value:
    """Of a map: each item by its key."""
    starts = offsets(array)
    keys = binary(array.keys[int(starts[0]) : int(starts[-1])])
    items = array.items[int(starts[0]) : int(starts[-1])]
    return Value(DOCUMENT, _sequence(starts - starts[0], items, _items(items, None, encode), [keys, [("u1", 0)]]))


def _items(items: pa.Array, kind: LogicalType | None, encode: Encoder) -> Value:
    return Value(NULL, []) if items.null_count == len(items) else encode(items, kind)


def _sequence(starts: npt.NDArray[np.int32], items: pa.Array, value: Value, names: Pieces) -> Pieces:
    """Elements one behind the other; NULL among them is the null of BSON."""
    rows = len(starts) - 1
    if not len(items):
        return [[("<i4", 5), ("u1", 0)]]
    codes: int | npt.NDArray[np.uint8] = value.code
    pieces = value.pieces
    if items.null_count:
        there = present(items)
        codes = np.where(there, codes, NULL).astype(np.uint8)
        pieces = [masked(packed(pieces, len(items)), there)] if pieces else []
    joined = packed([[("u1", codes)], *names, *pieces], len(items))
    places = np.ascontiguousarray(offsets(joined)[starts])
    inner = pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(places), joined.buffers()[2]])
    return enclosed([inner], rows)


def _places(starts: npt.NDArray[np.int32], count: int) -> Pieces:
    """Each element's place in its list, as BSON names the elements of an array."""
    places = np.arange(count, dtype=np.int32) - np.repeat(starts[:-1], np.diff(starts))
    most = int(places.max(initial=0))
    if most < _ONE_DIGIT:
        return [[("u1", (places + ord("0")).astype(np.uint8)), ("u1", 0)]]
    names = pa.array([f"{place}\0".encode() for place in range(most + 1)], pa.binary())
    return [names.take(pa.array(places))]
