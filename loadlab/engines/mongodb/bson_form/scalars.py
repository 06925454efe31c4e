"""Values of one number or one text."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.mongodb.bson_form.value import (
    BINARY,
    BOOLEAN,
    DATE,
    DOUBLE,
    INT32,
    INT64,
    OBJECT_ID,
    STRING,
    SUBTYPE_GENERIC,
    SUBTYPE_UUID,
    Value,
    lengths_of,
)
from loadlab.engines.packed_bytes import binary, cast, values

_OBJECT_ID_BYTES = 12
_DAY_MS = 86_400_000
_US_PER_MS = 1_000
_TIME_WIDTH = len("13:05:00.000000")
_DIGITS = np.array([[ord(digit) for digit in f"{number:02}"] for number in range(100)], np.uint8)


def int32(array: pa.Array) -> Value:
    """Of numbers of up to 32 bits."""
    return Value(INT32, [[("<i4", values(cast(array, pa.int32()), "<i4"))]])


def int64(array: pa.Array) -> Value:
    """Of whole numbers; durations by their microseconds."""
    if pa.types.is_duration(array.type):
        array = cast(array, pa.duration("us"))
        return Value(INT64, [[("<i8", values(array, "<i8"))]])
    return Value(INT64, [[("<i8", values(cast(array, pa.int64()), "<i8"))]])


def double(array: pa.Array) -> Value:
    """Of floating-point numbers."""
    return Value(DOUBLE, [[("<f8", values(cast(array, pa.float64()), "<f8"))]])


def boolean(array: pa.Array) -> Value:
    """0 and 1."""
    return Value(BOOLEAN, [[("u1", values(array.cast(pa.uint8()), "u1"))]])


def text(array: pa.Array) -> Value:
    """The length with the zero byte that ends it, the bytes, the zero byte."""
    found = binary(array)
    return Value(STRING, [[("<i4", lengths_of(found) + 1)], found, [("u1", 0)]])


def octets(array: pa.Array) -> Value:
    """The length, the subtype, the bytes."""
    found = binary(array)
    return Value(BINARY, [[("<i4", lengths_of(found)), ("u1", SUBTYPE_GENERIC)], found])


def object_id(array: pa.Array) -> Value:
    """Twelve bytes, without a length. Raises ValueError for others."""
    found = binary(array)
    if len(found) and (pc.binary_length(found.drop_null()).to_numpy() != _OBJECT_ID_BYTES).any():
        raise ValueError(f"an ObjectId has {_OBJECT_ID_BYTES} bytes")
    return Value(OBJECT_ID, [found])


def uuid(array: pa.Array) -> Value:
    """Sixteen bytes in the order of RFC 4122."""
    return Value(BINARY, [[("<i4", 16), ("u1", SUBTYPE_UUID), ("S16", _sixteen(array))]])


def _sixteen(array: pa.Array) -> npt.NDArray[np.bytes_]:
    octets_ = np.frombuffer(array.buffers()[1], "S16")
    return octets_[array.offset : array.offset + len(array)]


def date(array: pa.Array) -> Value:
    """Milliseconds since 1970, at midnight UTC."""
    days = values(cast(array, pa.date32()), "<i4").astype(np.int64)
    return Value(DATE, [[("<i8", days * _DAY_MS)]])


def moment(array: pa.Array) -> Value:
    """Milliseconds since 1970 in UTC, what is finer cut off."""
    zone = array.type.tz
    micros = values(cast(array, pa.timestamp("us", tz=zone)), "<i8")
    return Value(DATE, [[("<i8", np.floor_divide(micros, _US_PER_MS))]])


def time_of_day(array: pa.Array) -> Value:
    """A text of fixed width, so that they sort as they should."""
    micros = values(cast(array, pa.time64("us")), "<i8")
    if array.null_count:
        micros = np.where(array.is_valid().to_numpy(zero_copy_only=False), micros, 0)
    shown = np.full((len(array), _TIME_WIDTH), ord(":"), np.uint8)
    shown[:, 8] = ord(".")
    seconds, parts = np.divmod(micros, 1_000_000)
    for place, number in ((0, seconds // 3600), (3, seconds // 60 % 60), (6, seconds % 60)):
        shown[:, place : place + 2] = _DIGITS[number]
    for place, number in ((9, parts // 10_000), (11, parts // 100 % 100), (13, parts % 100)):
        shown[:, place : place + 2] = _DIGITS[number]
    fixed = shown.reshape(-1).view(f"S{_TIME_WIDTH}")
    return Value(STRING, [[("<i4", _TIME_WIDTH + 1), (f"S{_TIME_WIDTH}", fixed), ("u1", 0)]])


def _is_small(kind: pa.DataType) -> bool:
    return bool(pa.types.is_integer(kind) and kind.bit_width <= 32 and kind != pa.uint32())


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))


def _is_octets(kind: pa.DataType) -> bool:
    return bool(
        pa.types.is_binary(kind)
        or pa.types.is_large_binary(kind)
        or pa.types.is_binary_view(kind)
        or pa.types.is_fixed_size_binary(kind)
    )


BY_ARROW: tuple[tuple[Callable[[pa.DataType], bool], Callable[[pa.Array], Value]], ...] = (
    (_is_small, int32),
    (pa.types.is_integer, int64),
    (pa.types.is_duration, int64),
    (pa.types.is_floating, double),
    (pa.types.is_boolean, boolean),
    (_is_text, text),
    (lambda kind: kind == pa.binary(16), uuid),
    (_is_octets, octets),
    (pa.types.is_date, date),
    (pa.types.is_timestamp, moment),
    (pa.types.is_time, time_of_day),
)
