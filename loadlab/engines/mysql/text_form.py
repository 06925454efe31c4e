"""Arrow columns as text: what LOAD DATA reads, and what stands as a literal in SQL. Column by column, vectorised.

| Arrow | text |
| --- | --- |
| boolean | 1 and 0 |
| numbers | their decimal text; a float as the shortest text of the same double |
| binary of 16 | a UUID, the canonical 36 characters |
| other binary | hexadecimal digits, which the statement takes back (`UNHEX`, `X'…'`) |
| date, time, timestamp | `2024-05-01`, `13:05:00.000000`, `2024-05-01 13:05:00.000000` (UTC) |
| duration | microseconds |
| made of parts | JSON (bytes in it: hexadecimal) |
"""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_WIDTH = 36
_UUID_PLACES = np.array([place for place in range(_UUID_WIDTH) if place not in (8, 13, 18, 23)])
_UUID = pa.binary(16)


def text_column(array: pa.Array) -> pa.Array:
    """The values as strings, NULL where they are. Shape (n,)."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    kind = array.type
    if not len(array) or array.null_count == len(array):
        return pa.nulls(len(array), pa.string())
    if pa.types.is_string(kind):
        return array
    if kind == _UUID:
        return _with_nulls(_uuids(array), array)
    if is_octets(kind):
        return _with_nulls(_hexadecimal(array), array)
    if pa.types.is_nested(kind):
        return pa.array(_documents(array), pa.string())
    if pa.types.is_boolean(kind):
        return array.cast(pa.int8()).cast(pa.string())
    if pa.types.is_float32(kind):
        return array.cast(pa.float64()).cast(pa.string())
    if pa.types.is_timestamp(kind):
        return array.cast(pa.timestamp("us", kind.tz)).cast(pa.timestamp("us")).cast(pa.string())
    if pa.types.is_duration(kind):
        return array.cast(pa.duration("us")).cast(pa.int64()).cast(pa.string())
    return array.cast(pa.string())


def is_octets(kind: pa.DataType) -> bool:
    """Whether the text of such a column is hexadecimal."""
    return bool(pa.types.is_binary(kind) or pa.types.is_large_binary(kind)) and kind != _UUID


def is_bare(kind: pa.DataType) -> bool:
    """Whether the text of such a column is a literal of SQL without quotes."""
    numbers = pa.types.is_integer(kind) or pa.types.is_decimal(kind) or pa.types.is_floating(kind)
    return bool(numbers or pa.types.is_boolean(kind) or pa.types.is_duration(kind))


def literal_column(array: pa.Array) -> pa.Array:
    """The values as literals of SQL; NULL is the word. Shape (n,)."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    text = text_column(array)
    if is_octets(array.type):
        text = pc.binary_join_element_wise("X'", text, "'", "")
    elif pa.types.is_floating(array.type):
        # Without an exponent it would be a DECIMAL.
        text = pc.if_else(pc.match_substring(text, "e"), text, pc.binary_join_element_wise(text, "e0", ""))
    elif not is_bare(array.type):
        text = pc.binary_join_element_wise("'", escaped(text, "\\", "'"), "'", "")
    return pc.fill_null(text, "NULL")


_ESCAPES = {"\\": "\\\\", "'": "''", "\t": "\\t", "\n": "\\n"}


def escaped(text: pa.Array, *characters: str) -> pa.Array:
    """The texts with these characters as LOAD DATA and literals spell them; the backslash has to come first."""
    data = text.buffers()[2]
    # A look at memory is quick; it may see values that a slice leaves out.
    octets = b"" if data is None else data.to_pybytes()
    for character in characters:
        if character.encode() in octets:
            text = pc.replace_substring(text, character, _ESCAPES[character])
    return text


def _with_nulls(text: pa.Array, array: pa.Array) -> pa.Array:
    return text if not array.null_count else pc.if_else(array.is_valid(), text, pa.scalar(None, pa.string()))


def _digits(octets: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
    found = np.empty((*octets.shape[:-1], 2 * octets.shape[-1]), np.uint8)
    found[..., 0::2] = _HEX[octets >> 4]
    found[..., 1::2] = _HEX[octets & 15]
    return found


def _uuids(array: pa.Array) -> pa.Array:
    rows = len(array)
    octets = np.frombuffer(array.buffers()[1], np.uint8)[array.offset * 16 : (array.offset + rows) * 16]
    text = np.full((rows, _UUID_WIDTH), ord("-"), np.uint8)
    text[:, _UUID_PLACES] = _digits(octets.reshape(rows, 16))
    starts = np.arange(rows + 1, dtype=np.int32) * np.int32(_UUID_WIDTH)
    return pa.Array.from_buffers(pa.string(), rows, [None, pa.py_buffer(starts), pa.py_buffer(text)])


def _hexadecimal(array: pa.Array) -> pa.Array:
    array = array.cast(pa.binary())
    starts = np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]
    octets = np.frombuffer(array.buffers()[2] or b"", np.uint8)[int(starts[0]) : int(starts[-1])]
    buffers = [None, pa.py_buffer((starts - starts[0]) * 2), pa.py_buffer(_digits(octets))]
    return pa.Array.from_buffers(pa.string(), len(array), buffers)


def _documents(array: pa.Array) -> list[str | None]:
    items = array.to_pylist()
    if pa.types.is_map(array.type):
        items = [None if item is None else dict(item) for item in items]
    return [None if item is None else document(item) for item in items]


def document(item: object) -> str:
    """The JSON text of a value made of parts."""
    return json.dumps(item, default=_leaf, ensure_ascii=False)


def _leaf(item: Any) -> Any:
    match item:
        case bytes():
            return str(UUID(bytes=item)) if len(item) == 16 else item.hex()
        case Decimal():
            return int(item) if item == item.to_integral_value() else float(item)
        case dt.datetime():
            moment = item.astimezone(dt.UTC) if item.tzinfo else item
            return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
        case dt.date() | dt.time():
            return item.isoformat()
        case dt.timedelta():
            return item // dt.timedelta(microseconds=1)
    return str(item)
