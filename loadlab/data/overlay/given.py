"""Values that people write (in a scenario, in a test) as cells of a column, and cells as the values people expect.

| logical type | Python value |
| --- | --- |
| integer, float, boolean, text, enum | int, float, bool, str |
| numeric | Decimal (an int, a float or its text is taken as well) |
| uuid | uuid.UUID (its text or its 16 bytes are taken as well) |
| json | any JSON value, as Python objects |
| date, time, timestamp | datetime.date, time, datetime (ISO 8601 texts are taken as well); without a zone it is UTC |
| interval | datetime.timedelta |
| bytes | bytes |
| array | a list of values of the element |
| others | what Arrow makes of it; as text where the column is exchanged as text |
"""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Callable, Sequence
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, arrow_type
from loadlab.data.core.constants import limits
from loadlab.errors import InputError
from loadlab.schema.model import LogicalType


def given_array(values: Sequence[object], kind: LogicalType, place: str) -> pa.Array:
    """An Arrow array of a column's type; None is NULL. Raises InputError naming the value that does not fit."""
    convert = _CONVERTERS.get(kind.kind, _as_it_is)
    made: list[Any] = []
    for value in values:
        try:
            made.append(None if value is None else convert(value, kind))
        except (ValueError, TypeError, InvalidOperation, OverflowError) as error:
            reason = f": {error}" if isinstance(error, _NotThatError) else ""
            raise InputError(
                place, f"is no value for {kind.native or kind.kind}{reason}", value=_shown(value)
            ) from None
    try:
        return pa.array(made, arrow_type(kind))
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise InputError(place, f"holds a value that is none of {kind.native or kind.kind}: {error}") from None


def given_cells(values: Sequence[object], kind: LogicalType, place: str) -> Cells:
    """The same as cells. Raises InputError."""
    return cells_of(given_array(values, kind, place))


def cells_of(array: pa.Array) -> Cells:
    """The cells of an Arrow array: the inverse of `cells.to_arrow`."""
    if isinstance(array, pa.ChunkedArray):
        array = array.combine_chunks()
    kind = array.type
    valid = None if array.null_count == 0 else np.asarray(array.is_valid().to_numpy(zero_copy_only=False), dtype=bool)
    if pa.types.is_integer(kind):
        return Cells(_filled(array.cast(pa.int64()), 0), valid)
    if pa.types.is_floating(kind):
        return Cells(_filled(array.cast(pa.float64()), 0.0), valid)
    if pa.types.is_boolean(kind):
        return Cells(_filled(array, False), valid)
    if pa.types.is_decimal128(kind):
        words = np.frombuffer(array.buffers()[1], dtype=np.int64)[2 * array.offset :: 2][: len(array)]
        return Cells(np.where(True if valid is None else valid, words, 0), valid)
    if pa.types.is_date32(kind):
        return Cells(_filled(array.cast(pa.int32()).cast(pa.int64()), 0), valid)
    if pa.types.is_temporal(kind):
        return Cells(_filled(array.view(pa.int64()), 0), valid)
    if kind == pa.binary(16):
        octets = b"".join(bytes(16) if value is None else value for value in array.to_pylist())
        return Cells(np.frombuffer(octets, dtype=np.uint8).reshape(-1, 16).copy(), valid)
    return Cells(array, valid)


def merged(first: Cells, second: Cells, take_second: np.ndarray[Any, np.dtype[np.bool_]], second_rows: Any) -> Cells:
    """`first`, and in its place `second[second_rows]` where `take_second`; both of the same physical kind."""
    if not take_second.any():
        return first
    chosen = np.asarray(second_rows)[take_second]
    valid = _merged_masks(first, second, take_second, chosen)
    if isinstance(first.values, (pa.Array, pa.ChunkedArray)) or isinstance(second.values, (pa.Array, pa.ChunkedArray)):
        pieces = _alike(_plain_array(first.values), _plain_array(second.values))
        picks = np.arange(len(first), dtype=np.int64)
        picks[take_second] = len(first) + chosen
        return Cells(pa.concat_arrays(pieces).take(pa.array(picks)), valid)
    values = np.array(first.values)
    values[take_second] = np.asarray(second.values)[chosen]
    return Cells(values, valid)


def plain_values(array: pa.Array, kind: LogicalType) -> list[Any]:
    """The values of a column as people expect them; see the table of this module."""
    values: list[Any] = array.to_pylist()
    if kind.kind == "uuid":
        return [None if value is None else UUID(bytes=value) for value in values]
    if kind.kind == "json":
        return [None if value is None else json.loads(value) for value in values]
    return values


def _merged_masks(first: Cells, second: Cells, take_second: Any, chosen: Any) -> Any:
    if first.valid is None and second.valid is None:
        return None
    valid = np.ones(len(first), dtype=bool) if first.valid is None else first.valid.copy()
    valid[take_second] = True if second.valid is None else second.valid[chosen]
    return valid


def _plain_array(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        return values.combine_chunks()
    return values if isinstance(values, pa.Array) else pa.array(values)


def _alike(first: pa.Array, second: pa.Array) -> list[pa.Array]:
    if pa.types.is_null(first.type):
        return [first.cast(second.type), second]
    return [first, second.cast(first.type)]


def _filled(array: pa.Array, value: Any) -> Any:
    return np.array((array.fill_null(value) if array.null_count else array).to_numpy(zero_copy_only=False))


def _shown(value: object) -> str:
    text = repr(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


# -- one value -------------------------------------------------------------------------------------------------------


class _NotThatError(ValueError):
    """Why a value does not fit, in words."""


def _integer(value: Any, kind: LogicalType) -> int:
    if isinstance(value, bool) or (not isinstance(value, int) and int(value) != value):
        raise _NotThatError("it is no whole number")
    low, high = limits(kind)
    if not low <= int(value) <= high:
        raise _NotThatError(f"it must lie between {low:,} and {high:,}")
    return int(value)


def _decimal(value: Any, kind: LogicalType) -> Decimal:
    target = arrow_type(kind)
    if isinstance(value, bool):
        raise _NotThatError("it is no number")
    number = Decimal(str(value)) if not isinstance(value, Decimal) else value
    if not number.is_finite():
        raise _NotThatError("it is not finite")
    if not pa.types.is_decimal(target):
        return number
    made = number.quantize(Decimal(1).scaleb(-target.scale), rounding=ROUND_HALF_UP)
    if len(made.as_tuple().digits) > target.precision:
        raise _NotThatError(f"it has more than {target.precision} digits")
    return made


def _float(value: Any, kind: LogicalType) -> float:
    if isinstance(value, (bool, str)):
        raise _NotThatError("it is no number")
    return float(value)


def _boolean(value: Any, kind: LogicalType) -> bool:
    if not isinstance(value, bool):
        raise _NotThatError("it is neither true nor false")
    return value


def _text(value: Any, kind: LogicalType) -> str:
    text = value if isinstance(value, str) else str(value)
    if kind.length is not None and len(text) > kind.length:
        raise _NotThatError(f"it has {len(text)} characters, {kind.length} at most")
    return text


def _label(value: Any, kind: LogicalType) -> str:
    if value not in kind.labels:
        raise _NotThatError(f"it is none of {', '.join(kind.labels)}")
    return str(value)


def _uuid(value: Any, kind: LogicalType) -> bytes:
    if isinstance(value, UUID):
        return value.bytes
    return UUID(bytes=value).bytes if isinstance(value, bytes) else UUID(str(value)).bytes


def _json(value: Any, kind: LogicalType) -> str:
    return json.dumps(value, ensure_ascii=False)


def _bytes(value: Any, kind: LogicalType) -> bytes:
    return value.encode() if isinstance(value, str) else bytes(memoryview(value))


def _date(value: Any, kind: LogicalType) -> dt.date:
    if isinstance(value, dt.datetime):
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)


def _time(value: Any, kind: LogicalType) -> dt.time:
    return value if isinstance(value, dt.time) else dt.time.fromisoformat(value)


def _timestamp(value: Any, kind: LogicalType) -> dt.datetime:
    if isinstance(value, str):
        written = dt.datetime.fromisoformat(value)
    elif isinstance(value, dt.datetime):
        written = value
    elif isinstance(value, dt.date):
        written = dt.datetime.combine(value, dt.time())
    else:
        raise _NotThatError("it is no date and time")
    moment = written.replace(tzinfo=dt.UTC) if written.tzinfo is None else written.astimezone(dt.UTC)
    return moment if kind.timezone else moment.replace(tzinfo=None)


def _interval(value: Any, kind: LogicalType) -> Any:
    if not isinstance(value, dt.timedelta):
        raise _NotThatError("it is no datetime.timedelta")
    return value if pa.types.is_duration(arrow_type(kind)) else str(value)


def _array(value: Any, kind: LogicalType) -> list[Any]:
    if isinstance(value, (str, bytes)) or kind.element is None:
        raise _NotThatError("it is no list")
    convert = _CONVERTERS.get(kind.element.kind, _as_it_is)
    return [None if item is None else convert(item, kind.element) for item in value]


def _as_it_is(value: Any, kind: LogicalType) -> Any:
    return str(value) if pa.types.is_string(arrow_type(kind)) else value


_CONVERTERS: dict[str, Callable[[Any, LogicalType], Any]] = {
    "integer": _integer,
    "numeric": _decimal,
    "float": _float,
    "boolean": _boolean,
    "text": _text,
    "enum": _label,
    "uuid": _uuid,
    "json": _json,
    "bytes": _bytes,
    "date": _date,
    "time": _time,
    "timestamp": _timestamp,
    "interval": _interval,
    "array": _array,
}
