"""Values on their way to a command and back: Arrow or Python to what the driver encodes, and what it decoded to Python.

| Arrow, Python | BSON |
| --- | --- |
| integers of 64 bits, of fewer | long, int |
| decimal, `Decimal` | Decimal128 |
| float, boolean, string | double, bool, string |
| binary of 16, `UUID` | binary, subtype 4 |
| other binary | binary, subtype 0 |
| date, timestamp | date: UTC, whole milliseconds |
| time; duration | its ISO text; microseconds as a long |
| list, struct, map | array, document |
"""

from __future__ import annotations

import datetime as dt
import json
import struct
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128, create_decimal128_context
from bson.int64 import Int64
from bson.json_util import object_hook
from bson.objectid import ObjectId

if TYPE_CHECKING:
    import pyarrow as pa

_UUID_BYTES = 16
_DECIMALS = create_decimal128_context()


def bson_values(array: pa.Array) -> list[Any]:
    """Of a column, None where it is NULL. Shape (n,)."""
    import pyarrow as pa

    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    convert = _converter(array.type)
    values: list[Any] = array.to_pylist()
    return values if convert is None else [None if value is None else convert(value) for value in values]


def _converter(kind: pa.DataType) -> Callable[[Any], Any] | None:
    """What makes BSON's value of Arrow's one; None where they are the same."""
    import pyarrow as pa

    if pa.types.is_int64(kind) or pa.types.is_uint32(kind) or pa.types.is_uint64(kind):
        return Int64
    if pa.types.is_fixed_size_binary(kind) and kind.byte_width == _UUID_BYTES:
        return _uuid
    if pa.types.is_nested(kind) or pa.types.is_temporal(kind) or pa.types.is_decimal(kind):
        return bson_value
    return None


def _uuid(octets: bytes) -> Binary:
    return Binary(octets, UUID_SUBTYPE)


def bson_value(value: Any) -> Any:
    """Of one value of Python."""
    match value:
        case UUID():
            return _uuid(value.bytes)
        case Decimal():
            return Decimal128(_DECIMALS.create_decimal(value))
        case dt.datetime():
            moment = value.astimezone(dt.UTC) if value.tzinfo else value.replace(tzinfo=dt.UTC)
            return moment.replace(microsecond=moment.microsecond // 1000 * 1000)
        case dt.date():
            return dt.datetime(value.year, value.month, value.day, tzinfo=dt.UTC)
        case dt.time():
            return value.isoformat("microseconds")
        case dt.timedelta():
            return Int64(value // dt.timedelta(microseconds=1))
        case Mapping():
            return {str(key): bson_value(item) for key, item in value.items()}
        case list() | tuple():
            return [bson_value(item) for item in value]
    return value


def python_value(value: Any) -> Any:
    """What a command returned, as Python has it; a document as a dict, a moment in UTC."""
    match value:
        case Decimal128():
            return value.to_decimal()
        case Int64():
            return int(value)
        case ObjectId():
            return value.binary
        case Binary():
            return UUID(bytes=bytes(value)) if value.subtype == UUID_SUBTYPE else bytes(value)
        case Mapping():
            return {key: python_value(item) for key, item in value.items()}
        case list():
            return [python_value(item) for item in value]
    return value


# Casts ----------------------------------------------------------------------------------------------------------------


def _from_json(value: Any) -> Any:
    return json.loads(value, object_hook=object_hook) if isinstance(value, (str, bytes)) else bson_value(value)


def _decimal(value: Any) -> Decimal128:
    plain = value.to_decimal() if isinstance(value, Decimal128) else Decimal(str(value))
    return Decimal128(_DECIMALS.create_decimal(plain))


def _date(value: Any) -> Any:
    return bson_value(dt.datetime.fromisoformat(value)) if isinstance(value, str) else bson_value(value)


def _of_uuid(value: Any) -> Any:
    return _uuid(UUID(value).bytes) if isinstance(value, str) else bson_value(value)


def _object_id(value: Any) -> ObjectId:
    return ObjectId(bytes(value) if isinstance(value, (bytes, bytearray)) else value)


def _point(value: Any) -> Any:
    """GeoJSON of extended well-known binary, little-endian; as `bson_form.points` has it of columns."""
    if not isinstance(value, bytes):
        return bson_value(value)
    return {"type": "Point", "coordinates": list(struct.unpack("<2d", value[-16:]))}


def _whole(value: Any) -> int:
    # The driver encodes a number of Python as an int where it fits.
    return int(str(value)) if isinstance(value, Decimal128) else int(value)


CASTS: Mapping[str, Callable[[Any], Any]] = {
    "$numberInt": _whole,
    "$oid": _object_id,
    "$numberLong": lambda value: Int64(_whole(value)),
    "$numberDouble": lambda value: float(value.to_decimal() if isinstance(value, Decimal128) else value),
    "$numberDecimal": _decimal,
    "$date": _date,
    "$uuid": _of_uuid,
    "$json": _from_json,
    "$point": _point,
}
"""By the word of Extended JSON around a parameter. Two are LoadLab's own: `$json` is a text of JSON as its value,
`$point` a point of a map as GeoJSON.
"""
