"""Numbers, booleans, keys, times, texts, bytes."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import Body, CannotEncodeError, binary, cast, values
from loadlab.engines.postgresql.builtin_types import EVERYWHERE

# 2000-01-01, PostgreSQL's epoch, in Unix terms.
_EPOCH_US = 946_684_800_000_000
_EPOCH_DAYS = 10_957
_DAY_US = 86_400_000_000
_DAYS_OF_MONTH = 30  # DAYS_PER_MONTH of datatype/timestamp.h: how the server compares months with days


def _number(arrow: pa.DataType, native: str, wire: str) -> Callable[[pa.Array], Body]:
    return lambda array: Body([(wire, values(cast(array, arrow), native))])


def _boolean(array: pa.Array) -> Body:
    return Body([("u1", values(cast(array, pa.bool_()).cast(pa.uint8()), "u1"))])


def _uuid(array: pa.Array) -> Body:
    if pa.types.is_string(array.type):
        hexadecimal = pc.replace_substring(array, "-", "").fill_null("0" * 32)
        text = "".join(hexadecimal.to_pylist())
        if len(text) != 32 * len(array):
            raise CannotEncodeError("has text that is not a UUID")
        array = pa.array(np.frombuffer(bytes.fromhex(text), "V16").tolist(), pa.binary(16))
    halves = np.frombuffer(cast(array, pa.binary(16)).buffers()[1], "<u8").reshape(-1, 2)
    halves = halves[array.offset : array.offset + len(array)]
    return Body([("<u8", halves[:, 0]), ("<u8", halves[:, 1])])


def _date(array: pa.Array) -> Body:
    return Body([(">i4", values(cast(array, pa.date32()), "<i4") - np.int32(_EPOCH_DAYS))])


def _timestamp(array: pa.Array) -> Body:
    zone = array.type.tz if pa.types.is_timestamp(array.type) else None
    return Body([(">i8", values(cast(array, pa.timestamp("us", zone)), "<i8") - np.int64(_EPOCH_US))])


def _time(array: pa.Array) -> Body:
    return Body([(">i8", values(cast(array, pa.time64("us")), "<i8"))])


def _time_with_zone(array: pa.Array) -> Body:
    return Body([*_time(array).fields, (">i4", 0)])


def _interval(array: pa.Array) -> Body:
    """An exact duration: microseconds, whole days (as `interval day` keeps nothing else), no months."""
    micros = values(cast(array, pa.duration("us")), "<i8")
    days = np.trunc(micros / _DAY_US).astype(np.int64)
    return Body([(">i8", micros - days * _DAY_US), (">i4", days), (">i4", 0)])


def coarse_interval(array: pa.Array, unit: str) -> Body:
    """A duration in a column that keeps nothing below `unit`: months of 30 days where days would be dropped."""
    if unit not in ("month", "year"):
        return _interval(array)
    months = values(cast(array, pa.duration("us")), "<i8") // (_DAY_US * _DAYS_OF_MONTH)
    return Body([(">i8", 0), (">i4", 0), (">i4", months)])


def _text(array: pa.Array) -> Body:
    return Body([], binary(array))


def _byte(array: pa.Array) -> Body:
    """The type "char" is one byte on the wire whatever it holds: that of an empty text is zero (utils/adt/char.c)."""
    return Body([], binary(pc.if_else(pc.equal(pc.binary_length(array), 0), "\0", array)))


def _versioned_text(array: pa.Array) -> Body:
    """jsonb, jsonpath, ltree and its queries: a version byte, then the text."""
    return Body([("u1", 1)], binary(array))


def _object(names: dict[str, int]) -> Callable[[pa.Array], Body]:
    """The OID behind a name."""

    def encode(array: pa.Array) -> Body:
        encoded = array.fill_null(next(iter(names))).dictionary_encode()
        known = encoded.dictionary.to_pylist()
        unknown = [name for name in known if name not in names]
        if unknown:
            raise CannotEncodeError(
                f"has the name {unknown[0]!r}, whose number is not known; known: {', '.join(names)}"
            )
        numbers = np.array([names[name] for name in known], np.uint32)
        return Body([(">u4", numbers[encoded.indices.to_numpy()])])

    return encode


BODIES: dict[str, Callable[[pa.Array], Body]] = {
    "int2": _number(pa.int16(), "<i2", ">i2"),
    "int4": _number(pa.int32(), "<i4", ">i4"),
    "int8": _number(pa.int64(), "<i8", ">i8"),
    "xid8": _number(pa.int64(), "<i8", ">i8"),
    "float4": _number(pa.float32(), "<f4", ">f4"),
    "float8": _number(pa.float64(), "<f8", ">f8"),
    "bool": _boolean,
    "uuid": _uuid,
    "date": _date,
    "time": _time,
    "timetz": _time_with_zone,
    "timestamp": _timestamp,
    "timestamptz": _timestamp,
    "interval": _interval,
    **dict.fromkeys(("oid", "xid", "cid"), _number(pa.uint32(), "<u4", ">u4")),
    **dict.fromkeys(("jsonb", "jsonpath", "ltree", "lquery", "ltxtquery"), _versioned_text),
    **dict.fromkeys(("text", "varchar", "bpchar", "name", "citext", "refcursor", "json", "xml", "bytea"), _text),
    "char": _byte,
    **{name: _object(dict(known)) for name, known in EVERYWHERE.items()},
}
