"""Arrow arrays and Python values as what SQLite stores.

| logical type | stored as |
| --- | --- |
| integer, boolean, interval | INTEGER; 0 and 1; microseconds |
| float | REAL (SQLite has no NaN: it stores NULL) |
| numeric | INTEGER without decimals, else REAL while 15 significant digits hold the value, else its decimal TEXT |
| text, enum, inet, mac, bits, label_path, xml, queries, paths, locators | TEXT |
| uuid | TEXT, the canonical 36 characters |
| json, array, range, multirange, composite, map, vector, shape, search_vector | TEXT, JSON (bytes in it: hexadecimal) |
| bytes, geometry | BLOB |
| date, time, timestamp | TEXT: `2024-05-01`, `13:05:00.000000`, `2024-05-01 13:05:00.000000` (UTC) |

An IEEE 754 double keeps every decimal number of 15 significant digits apart, so REAL loses nothing there, and sums
and comparisons stay what people write. Times are of a fixed width, so that they sort and compare as they should, and
of the form of SQLite's own date functions.
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable
from decimal import Decimal
from typing import Any
from uuid import UUID

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

EXACT_DIGITS = 15  # DBL_DIG: decimal digits that every double keeps
_INTEGER_MAX = 2**63 - 1
# 10 ** 22 is the largest power of ten that a double holds exactly: dividing by it rounds once, hence correctly.
_EXACT_POWER = 22
_HEX = np.frombuffer(b"0123456789abcdef", dtype=np.uint8)
_UUID_WIDTH = 36
_HEX_PLACES = np.array([place for place in range(_UUID_WIDTH) if place not in (8, 13, 18, 23)])


def column_values(array: pa.Array) -> list[Any]:
    """What SQLite stores for each element of an Arrow array; None for NULL."""
    kind = array.type
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if not len(array):
        return []
    for applies, convert in _CONVERTERS:
        if applies(kind):
            return convert(array)
    values: list[Any] = array.to_pylist()
    return values


def value(item: object) -> Any:
    """What SQLite stores for one Python value."""
    if isinstance(item, bool):
        return int(item)
    if isinstance(item, Decimal):
        return exact_number(item)
    if isinstance(item, UUID):
        return str(item)
    if isinstance(item, dt.datetime):
        moment = item.astimezone(dt.UTC) if item.tzinfo else item
        return moment.replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(item, dt.date):
        return item.isoformat()
    if isinstance(item, dt.time):
        return item.isoformat("microseconds")
    if isinstance(item, dt.timedelta):
        return item // dt.timedelta(microseconds=1)
    if isinstance(item, (dict, list, tuple)):
        return json.dumps(item, default=value, ensure_ascii=False)
    return item


def exact_number(number: Decimal) -> int | float | str:
    """A number that SQLite keeps exactly, or the decimal text where it has none."""
    _, digits, exponent = number.as_tuple()
    if not isinstance(exponent, int):
        return str(number)
    if exponent >= 0 and abs(number) <= _INTEGER_MAX:
        return int(number)
    significant = len("".join(map(str, digits)).strip("0"))
    if significant <= EXACT_DIGITS and exponent >= -_EXACT_POWER:
        return float(number)
    text = format(number, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def _uuids(array: pa.Array) -> list[Any]:
    """Canonical texts from the 16 bytes of RFC 4122, two nibbles at a time."""
    raw = np.frombuffer(array.buffers()[1], dtype=np.uint8)
    octets = raw[array.offset * 16 : (array.offset + len(array)) * 16].reshape(-1, 16)
    text = np.full((len(array), _UUID_WIDTH), ord("-"), dtype=np.uint8)
    text[:, _HEX_PLACES[0::2]] = _HEX[octets >> 4]
    text[:, _HEX_PLACES[1::2]] = _HEX[octets & 15]
    offsets = np.arange(0, _UUID_WIDTH * (len(array) + 1), _UUID_WIDTH, dtype=np.int64)
    texts = pa.LargeStringArray.from_buffers(len(array), pa.py_buffer(offsets), pa.py_buffer(text))
    return _with_nulls(texts.to_pylist(), array)


def _decimals(array: pa.Array) -> list[Any]:
    scale: int = array.type.scale
    if not 0 <= scale <= _EXACT_POWER or not pa.types.is_decimal128(array.type):
        return [None if item is None else exact_number(item) for item in array.to_pylist()]
    # decimal128 is a little-endian 128-bit integer: small values are their low word and its sign extension.
    words = np.frombuffer(array.buffers()[1], dtype=np.int64)
    words = words[2 * array.offset : 2 * (array.offset + len(array))].reshape(-1, 2)
    low = words[:, 0]
    small = (words[:, 1] == low >> 63) & (low > -(10**EXACT_DIGITS)) & (low < 10**EXACT_DIGITS)
    values = _with_nulls((low / 10.0**scale if scale else low).tolist(), array)
    for position in _positions(~small):
        item = array[position].as_py()
        values[position] = None if item is None else exact_number(item)
    return values


def _with_nulls(values: list[Any], array: pa.Array) -> list[Any]:
    if array.null_count:
        for position in _positions(array.is_null().to_numpy(zero_copy_only=False)):
            values[position] = None
    return values


def _positions(mask: npt.NDArray[np.bool_]) -> list[int]:
    return np.flatnonzero(mask).tolist()


def _timestamps(array: pa.Array) -> list[Any]:
    return _texts(array.cast(pa.timestamp("us", tz=array.type.tz)).cast(pa.timestamp("us")))


def _texts(array: pa.Array) -> list[Any]:
    values: list[Any] = array.cast(pa.string()).to_pylist()
    return values


def _whole(array: pa.Array) -> list[Any]:
    values: list[Any] = array.cast(pa.int64()).to_pylist()
    return values


def _durations(array: pa.Array) -> list[Any]:
    return _whole(array.cast(pa.duration("us")))


def _documents(array: pa.Array) -> list[Any]:
    """JSON texts of what is made of parts."""
    return [None if item is None else json.dumps(item, ensure_ascii=False, default=_hex) for item in _parts(array)]


def _hex(item: object) -> str:
    return bytes(item).hex() if isinstance(item, bytes) else str(item)


def _parts(array: pa.Array) -> list[Any]:
    """Each value as lists, dictionaries and what SQLite stores of the leaves."""
    kind = array.type
    if pa.types.is_struct(kind):
        names = [kind.field(place).name for place in range(kind.num_fields)]
        rows = zip(*(_parts(child) for child in array.flatten()), strict=True) if names else [()] * len(array)
        return _with_nulls([dict(zip(names, row, strict=True)) for row in rows], array)
    if pa.types.is_map(kind):
        return [None if item is None else dict(item) for item in array.to_pylist()]
    if not _is_list(kind):
        return column_values(array)
    elements = _parts(array.flatten())
    lengths = pc.list_value_length(array).to_pylist()
    lists: list[Any] = []
    start = 0
    for length in lengths:
        stop = start + (length or 0)
        lists.append(None if length is None else elements[start:stop])
        start = stop
    return lists


def _is_list(kind: pa.DataType) -> bool:
    return bool(pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind))


_CONVERTERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], list[Any]]], ...] = (
    (lambda kind: kind == pa.binary(16), _uuids),
    (pa.types.is_decimal, _decimals),
    (pa.types.is_timestamp, _timestamps),
    (pa.types.is_date32, _texts),
    (pa.types.is_time64, _texts),
    (pa.types.is_duration, _durations),
    (pa.types.is_boolean, _whole),
    (pa.types.is_nested, _documents),
)
