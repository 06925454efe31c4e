"""What a column's values are in BSON: the bytes of their type, and the bytes of themselves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import EMPTY, Field, fixed_to_binary, merged, offsets

Pieces = list["list[Field] | pa.Array"]

DOUBLE, STRING, DOCUMENT, ARRAY, BINARY = 0x01, 0x02, 0x03, 0x04, 0x05
OBJECT_ID, BOOLEAN, DATE, NULL, INT32, INT64, DECIMAL128 = 0x07, 0x08, 0x09, 0x0A, 0x10, 0x12, 0x13
SUBTYPE_GENERIC, SUBTYPE_UUID = 0, 4


@dataclass(frozen=True, slots=True)
class Value:
    """`code`: the byte of BSON's type, one for all rows or one a row; `pieces`: the bytes behind the element's name.

    What stands in `pieces` where the column is NULL has no meaning.
    """

    code: int | npt.NDArray[np.uint8]
    pieces: Pieces


def packed(pieces: Pieces, rows: int) -> pa.Array:
    """Each row's pieces as one binary value; NULLs among them take no place."""
    arrays = [fixed_to_binary(piece, rows) if isinstance(piece, list) else piece for piece in merged(pieces)]
    if len(arrays) == 1:
        return arrays[0]
    return pc.binary_join_element_wise(*arrays, EMPTY, null_handling="skip")


def lengths(pieces: Pieces, rows: int) -> int | npt.NDArray[np.int32]:
    """How many bytes each row's pieces have; one number where all have as many."""
    fixed = sum(np.dtype(dtype).itemsize for piece in pieces if isinstance(piece, list) for dtype, _ in piece)
    arrays = [piece for piece in pieces if not isinstance(piece, list)]
    if not arrays:
        return fixed
    total = np.full(rows, fixed, np.int64)
    for array in arrays:
        total += lengths_of(array)
    if rows and total.max() > np.iinfo(np.int32).max:
        raise OverflowError("a document is larger than 2 GiB")
    return total.astype(np.int32)


def lengths_of(array: pa.Array) -> npt.NDArray[np.int32]:
    """The bytes of each value, none for NULL."""
    found = np.diff(offsets(array))
    return np.where(present(array), found, 0) if array.null_count else found


def present(array: pa.Array) -> npt.NDArray[np.bool_]:
    """Which values are not NULL."""
    found: npt.NDArray[np.bool_] = array.is_valid().to_numpy(zero_copy_only=False)
    return found


def masked(array: pa.Array, valid: npt.NDArray[np.bool_]) -> pa.Array:
    """The binary array with NULL where `valid` is False, on the same buffers."""
    shifted = np.concatenate([np.zeros(array.offset, np.bool_), valid]) if array.offset else valid
    bitmap = pa.py_buffer(np.packbits(shifted, bitorder="little"))
    return pa.Array.from_buffers(pa.binary(), len(array), [bitmap, *array.buffers()[1:]], offset=array.offset)


def enclosed(inner: Pieces, rows: int) -> Pieces:
    """Elements as the bytes of a document or an array: its length before them, a zero byte behind."""
    length = lengths(inner, rows)
    return [[("<i4", length + 5)], *inner, [("u1", 0)]]
