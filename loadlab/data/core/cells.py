"""The values of one column for some rows, in NumPy or Arrow, on their way to an Arrow array of the column's type.

| logical type | Arrow |
| --- | --- |
| integer | int16 (up to 16 bits, 15 unsigned), int32 (up to 32), int64; unsigned 32 bits: uint32 |
| numeric | decimal128(precision, scale); of more than 38 digits: 38, with the decimals that `scale_of` says |
| float | float32, float64 |
| boolean, date | bool, date32 |
| time, timestamp, interval | time64, timestamp, duration in µs, cut down to the type's precision and smallest unit |
| uuid | fixed-size binary of 16 |
| bytes | binary |
| array | list of the element's type |
| range | struct<lower, upper>: [lower, upper); NULL: unbounded; equal bounds: empty |
| multirange | list of the range's struct, in order, apart from each other |
| composite | struct with a field for each of its own |
| map | map<string, string> |
| vector | fixed-size list of float32; "cube": of float64; "sparse": struct<dimensions, indices (from 0), values> |
| shape | struct of float64: point x, y; line a, b, c (ax + by + c = 0); segment x1, y1, x2, y2; box the same, the upper right corner first; circle x, y, radius; path struct<closed, points: list<point>>; polygon list<point> |
| geometry | binary: extended well-known binary, little-endian |
| search_vector | list of string: the document's distinct words in order, the k-th at position k |
| everything else | string: text, json, enum, inet, mac (lower case, colons), bits (0 and 1), queries and paths, xml, locators |
"""  # noqa: E501 (a table's row is a line)

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.hashing import Int64s
from loadlab.schema.model import LogicalType

Mask = npt.NDArray[np.bool_]

DIMENSIONS = 8
"""Of vectors whose type does not say how many they have."""
_DECIMAL_DIGITS = 38  # of decimal128
_CELL_DIGITS = 18  # decimal digits that every int64 holds
_WHOLE_DIGITS = 9  # of these, what is left for the digits before the point when there are very many behind it
_DAY_US = 86_400_000_000
_INTERVAL_UNITS_US = {
    "year": 360 * _DAY_US,
    "month": 30 * _DAY_US,
    "day": _DAY_US,
    "hour": 3_600_000_000,
    "minute": 60_000_000,
}
_POINT = pa.struct([("x", pa.float64()), ("y", pa.float64())])
_CORNERS = pa.struct([(name, pa.float64()) for name in ("x1", "y1", "x2", "y2")])
_SHAPES: dict[str, pa.DataType] = {
    "point": _POINT,
    "line": pa.struct([(name, pa.float64()) for name in ("a", "b", "c")]),
    "segment": _CORNERS,
    "box": _CORNERS,
    "circle": pa.struct([("x", pa.float64()), ("y", pa.float64()), ("radius", pa.float64())]),
    "path": pa.struct([("closed", pa.bool_()), ("points", pa.list_(_POINT))]),
    "polygon": pa.list_(_POINT),
}
_FIXED: dict[str, pa.DataType] = {
    "boolean": pa.bool_(),
    "uuid": pa.binary(16),
    "bytes": pa.binary(),
    "date": pa.date32(),
    "time": pa.time64("us"),
    "interval": pa.duration("us"),
    "map": pa.map_(pa.string(), pa.string()),
    "geometry": pa.binary(),
    "search_vector": pa.list_(pa.string()),
}


@dataclass(frozen=True, slots=True)
class Cells:
    """`values` by physical kind, shape (n,) unless said otherwise; `valid` is False where NULL is (None: nowhere).

    integers, scaled numerics, dates (days), times and timestamps (µs): int64 · floats: float64 · booleans: bool ·
    uuid: uint8 of shape (n, 16) · everything else: a pyarrow array.
    """

    values: Any
    valid: Mask | None = None

    def __len__(self) -> int:
        return len(self.values)

    def with_nulls(self, valid: Mask) -> Cells:
        """The same values, NULL where `valid` is False too."""
        return Cells(self.values, valid if self.valid is None else self.valid & valid)

    def where(self, mask: Mask) -> Cells:
        """The cells of some of the rows."""
        is_arrow = isinstance(self.values, (pa.Array, pa.ChunkedArray))
        values = self.values.filter(pa.array(mask)) if is_arrow else self.values[mask]
        return Cells(values, None if self.valid is None else self.valid[mask])


def arrow_type(logical: LogicalType) -> pa.DataType:
    """The Arrow type that a column of the logical type is exchanged in."""
    match logical.kind:
        case "numeric":
            return _decimal_type(logical)
        case "timestamp":
            return pa.timestamp("us", tz="UTC" if logical.timezone else None)
        case "integer" if logical.unsigned and logical.bits == 32:
            return pa.uint32()
        case "integer":
            bits = (logical.bits or 64) + logical.unsigned
            return pa.int16() if bits <= 16 else pa.int32() if bits <= 32 else pa.int64()
        case "float":
            return pa.float32() if logical.bits == 32 else pa.float64()
        case "vector":
            return _vector_type(logical)
        case "shape":
            return _SHAPES[logical.form]
        case "composite":
            return pa.struct([(name, arrow_type(field)) for name, field in logical.fields])
    if logical.element is not None:
        return _made_of(logical.kind, arrow_type(logical.element))
    return _FIXED.get(logical.kind, pa.string())


def _made_of(kind: str, element: pa.DataType) -> pa.DataType:
    if kind == "array":
        return pa.list_(element)
    bounds = pa.struct([("lower", element), ("upper", element)])
    return bounds if kind == "range" else pa.list_(bounds)


def _vector_type(logical: LogicalType) -> pa.DataType:
    if logical.form == "sparse":
        parts = [("dimensions", pa.int32()), ("indices", pa.list_(pa.int32())), ("values", pa.list_(pa.float32()))]
        return pa.struct(parts)
    return pa.list_(pa.float64() if logical.form == "cube" else pa.float32(), logical.length or DIMENSIONS)


def _decimal_type(logical: LogicalType) -> pa.DataType:
    precision, scale = logical.precision, logical.scale or 0
    if precision is None:
        return pa.decimal128(_DECIMAL_DIGITS, 6)
    if max(precision, scale, precision - scale) <= _DECIMAL_DIGITS:
        return pa.decimal128(max(precision, scale), scale)
    return pa.decimal128(_DECIMAL_DIGITS, max(scale_of(logical), -_DECIMAL_DIGITS))


def scale_of(logical: LogicalType) -> int:
    """Decimal digits that a numeric column's int64 cells are scaled by; negative: they count tens, hundreds, ….

    They are the type's own unless 64 bits would leave too little room before the point.
    """
    if logical.kind != "numeric":
        return 0
    if logical.precision is None:
        return 6
    scale = logical.scale or 0
    whole = min(max(logical.precision - scale, 0), _WHOLE_DIGITS)
    return min(scale, _CELL_DIGITS - whole)


def to_arrow(cells: Cells, logical: LogicalType) -> pa.Array:
    """The Arrow array of a column; length n."""
    target = arrow_type(logical)
    values, valid = cells.values, cells.valid
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        return _masked(array if array.type == target else array.cast(target), valid)
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_decimal(target):
        return _decimals(values, bitmap, target, scale_of(logical))
    if pa.types.is_fixed_size_binary(target):
        return pa.Array.from_buffers(target, len(values), [bitmap, pa.py_buffer(np.ascontiguousarray(values))])
    mask = None if valid is None else ~valid
    if pa.types.is_temporal(target):
        stored: pa.DataType = pa.int32() if pa.types.is_date32(target) else pa.int64()
        return pa.array(_cut_down(values, logical), type=stored, mask=mask, from_pandas=False).view(target)
    return pa.array(values, type=target, mask=mask)


def _decimals(values: Int64s, bitmap: pa.Buffer | None, target: pa.DataType, scale: int) -> pa.Array:
    """decimal128 is a little-endian 128-bit integer: the value and its sign extension."""
    words = np.empty((len(values), 2), dtype=np.int64)
    words[:, 0] = values
    np.right_shift(values, 63, out=words[:, 1])
    made = target if target.scale == scale else pa.decimal128(_CELL_DIGITS + 1, scale)
    array = pa.Array.from_buffers(made, len(values), [bitmap, pa.py_buffer(words)])
    return array if made == target else array.cast(target)


def _cut_down(values: Int64s, logical: LogicalType) -> Int64s:
    """Moments and durations without what the type does not keep: its server would round it, which is another value."""
    step = unit_us(logical)
    return values if step == 1 else values - values % step


def unit_us(logical: LogicalType) -> int:
    """The smallest step of a time, a timestamp or an interval, in µs; 1 for other types."""
    if logical.kind not in ("time", "timestamp", "interval"):
        return 1
    step = int(10 ** (6 - logical.precision)) if logical.precision is not None and logical.precision < 6 else 1
    return max(step, _INTERVAL_UNITS_US.get(logical.form, 1))


def _masked(array: pa.Array, valid: Mask | None) -> pa.Array:
    if valid is None:
        return array
    if pa.types.is_nested(array.type):
        return array.take(pa.array(np.arange(len(array)), mask=~valid))
    return pc.if_else(pa.array(valid), array, pa.scalar(None, type=array.type))


def as_int64(cells: Cells) -> Int64s:
    """The cells as integers, for comparisons and arithmetic between columns of a row."""
    return np.asarray(cells.values).astype(np.int64)
