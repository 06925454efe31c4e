"""The values of one column for some rows, in NumPy or Arrow, on their way to an Arrow array of the column's type."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from loadlab.data.hashing import Int64s
from loadlab.schema.model import LogicalType

Mask = npt.NDArray[np.bool_]


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


def arrow_type(logical: LogicalType) -> pa.DataType:
    """The Arrow type that a column of the logical type is exchanged in."""
    kind = logical.kind
    if kind == "numeric":
        return pa.decimal128(min(logical.precision or 38, 38), logical.scale if logical.precision else 6)
    if kind == "timestamp":
        return pa.timestamp("us", tz="UTC" if logical.timezone else None)
    if kind == "array":
        assert logical.element is not None
        return pa.list_(arrow_type(logical.element))
    if kind == "integer":
        return {16: pa.int16(), 32: pa.int32(), 64: pa.int64()}[logical.bits or 64]
    if kind == "float":
        return pa.float32() if logical.bits == 32 else pa.float64()
    fixed: dict[str, pa.DataType] = {
        "boolean": pa.bool_(),
        "uuid": pa.binary(16),
        "bytes": pa.binary(),
        "date": pa.date32(),
        "time": pa.time64("us"),
        "interval": pa.duration("us"),
    }
    return fixed.get(kind, pa.string())


def scale_of(logical: LogicalType) -> int:
    """Decimal digits that a numeric column's int64 cells are scaled by."""
    kind = arrow_type(logical)
    return int(kind.scale) if pa.types.is_decimal(kind) else 0


def to_arrow(cells: Cells, logical: LogicalType) -> pa.Array:
    """The Arrow array of a column; length n."""
    target = arrow_type(logical)
    values, valid = cells.values, cells.valid
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        return _masked(array if array.type == target else array.cast(target), valid)
    bitmap = None if valid is None else pa.py_buffer(np.packbits(valid, bitorder="little"))
    if pa.types.is_decimal(target):
        # decimal128 is a little-endian 128-bit integer: the value and its sign extension.
        words = np.empty((len(values), 2), dtype=np.int64)
        words[:, 0] = values
        np.right_shift(values, 63, out=words[:, 1])
        return pa.Array.from_buffers(target, len(values), [bitmap, pa.py_buffer(words)])
    if pa.types.is_fixed_size_binary(target):
        return pa.Array.from_buffers(target, len(values), [bitmap, pa.py_buffer(np.ascontiguousarray(values))])
    mask = None if valid is None else ~valid
    if pa.types.is_temporal(target):
        stored: pa.DataType = pa.int32() if pa.types.is_date32(target) else pa.int64()
        return pa.array(values, type=stored, mask=mask, from_pandas=False).view(target)
    return pa.array(values, type=target, mask=mask)


def _masked(array: pa.Array, valid: Mask | None) -> pa.Array:
    if valid is None:
        return array
    import pyarrow.compute as pc

    if pa.types.is_list(array.type):
        return array.take(pa.array(np.arange(len(array)), mask=~valid))
    return pc.if_else(pa.array(valid), array, pa.scalar(None, type=array.type))


def as_int64(cells: Cells) -> Int64s:
    """The cells as integers, for comparisons and arithmetic between columns of a row."""
    return np.asarray(cells.values).astype(np.int64)
