"""Values as a scenario writes them, in the physical form of a column's cells."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from decimal import Decimal, InvalidOperation
from typing import Any
from uuid import UUID

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import arrow_type, scale_of
from loadlab.errors import InputError
from loadlab.schema.model import LogicalType
from loadlab.units import parse_duration_s

_DAY_US = 86_400_000_000
_EPOCH = dt.datetime(1970, 1, 1, tzinfo=dt.UTC)
WHOLE_KINDS = ("integer", "numeric", "date", "time", "timestamp", "interval")
"""Kinds of columns whose cells are whole numbers: counts, scaled decimals, days, microseconds."""
ORDERED_KINDS = (*WHOLE_KINDS, "float")
_BOOLEANS = dict.fromkeys(("true", "t", "yes", "y", "on", "1"), True)
_BOOLEANS |= dict.fromkeys(("false", "f", "no", "n", "off", "0"), False)


def constant(value: object, type: LogicalType, place: str) -> Any:
    """One value as a cell: int, float, bool, bytes, or text. Raises InputError when it is none of the type's."""
    try:
        made = _constant(value, type)
    except (TypeError, ValueError, KeyError, InvalidOperation, OverflowError):
        raise InputError(place, f"holds {value!r}, which is not of the column's type {_name(type)}") from None
    if type.kind in ("integer", "numeric"):
        low, high = limits(type)
        if not low <= made <= high:
            raise InputError(place, f"holds {value!r}, which the column's type {_name(type)} cannot hold")
    if type.kind == "text" and type.length is not None and len(made) > type.length:
        raise InputError(place, f"holds {value!r}, longer than the {type.length} characters of the column")
    return made


def _constant(value: Any, type: LogicalType) -> Any:
    kind = type.kind
    if kind == "integer":
        if isinstance(value, bool) or Decimal(str(value)) != int(Decimal(str(value))):
            raise ValueError
        return int(Decimal(str(value)))
    if kind == "numeric":
        return round(Decimal(str(value)) * 10 ** scale_of(type))
    if kind == "float":
        return float(value)
    if kind == "boolean":
        return value if isinstance(value, bool) else _BOOLEANS[str(value).lower()]
    if kind == "uuid":
        return UUID(str(value)).bytes
    if kind in ("date", "time", "timestamp", "interval"):
        return _moment(value, kind)
    if kind == "json":
        return value if isinstance(value, str) and _is_json(value) else json.dumps(value, ensure_ascii=False)
    if kind == "bytes":
        return bytes.fromhex(str(value).removeprefix("\\x"))
    if not pa.types.is_string(arrow_type(type)):
        raise TypeError
    return str(value).lower() if isinstance(value, bool) else str(value)


def _moment(value: Any, kind: str) -> int:
    """Days of a date, microseconds of everything else; an interval is a number of seconds or a duration (`2h`)."""
    if kind == "interval":
        seconds = parse_duration_s(value) if isinstance(value, str) else float(value)
        return round(seconds * 1e6)
    if kind == "time":
        time = dt.time.fromisoformat(str(value))
        return ((time.hour * 60 + time.minute) * 60 + time.second) * 1_000_000 + time.microsecond
    moment = dt.datetime.fromisoformat(str(value))
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=dt.UTC)
    microseconds = (moment - _EPOCH) // dt.timedelta(microseconds=1)
    return microseconds // _DAY_US if kind == "date" else microseconds


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def constants(values: Sequence[object], type: LogicalType, place: str) -> Any:
    """Values as `Cells.values` of the type has them; shape (k,), or (k, 16) for UUIDs."""
    made = [constant(value, type, place) for value in values]
    if type.kind in WHOLE_KINDS:
        return np.array(made, dtype=np.int64)
    if type.kind in ("float", "boolean"):
        return np.array(made, dtype=np.float64 if type.kind == "float" else np.bool_)
    if type.kind == "uuid":
        return np.frombuffer(b"".join(made), dtype=np.uint8).reshape(-1, 16)
    return pa.array(made, arrow_type(type))


def limits(type: LogicalType) -> tuple[float, float]:
    """Smallest and largest cell of a number's type; infinite where it has no limit of its own."""
    if type.kind == "integer":
        bits = type.bits or 64
        # Cells are signed numbers of 64 bits.
        return (0, 2 ** min(bits, 63) - 1) if type.unsigned else (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1)
    if type.kind == "numeric":
        top = 10 ** min(type.precision, 18) - 1 if type.precision is not None else 2**63 - 1
        return -top, top
    return -np.inf, np.inf


def _name(type: LogicalType) -> str:
    return type.native or type.kind
