"""The machinery of bytes: packed records, buffers of Arrow arrays, and both interleaved row by row.

For engines whose rows travel in a binary form. What has the same width in every row (lengths, numbers, keys) is written
into packed NumPy records, neighbouring fields together; what has not (text, documents) stays where Arrow has it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

Field = tuple[str, "int | bytes | npt.NDArray[Any]"]
"""A NumPy type and the value of every row, or one value for all rows."""
Piece = "list[Field] | pa.Array"
"""Part of every row: fixed-width fields, or bytes of any length."""


class CannotEncodeError(ValueError):
    """A column has a type, or a value, that has no binary form here."""


@dataclass(frozen=True, slots=True)
class Body:
    """The bytes of a column's values: fixed-width fields, then a payload of any length."""

    fields: list[Field]
    payload: pa.Array | None = None


EMPTY = pa.scalar(b"", pa.binary())


def merged(pieces: list[list[Field] | pa.Array]) -> list[list[Field] | pa.Array]:
    """The same pieces, neighbouring fixed-width ones as one."""
    found: list[list[Field] | pa.Array] = []
    for piece in pieces:
        if isinstance(piece, list) and found and isinstance(found[-1], list):
            found[-1] = found[-1] + piece
        else:
            found.append(piece)
    return found


def interleaved(pieces: list[list[Field] | pa.Array], rows: int) -> memoryview:
    """The bytes of all pieces, row by row."""
    together = merged(pieces)
    if len(together) == 1 and isinstance(together[0], list):
        return records(together[0], rows).view(np.uint8).data
    return data(joined(together, rows))


def joined(pieces: list[list[Field] | pa.Array], rows: int) -> pa.Array:
    """Each row's pieces as one binary value."""
    arrays = [fixed_to_binary(piece, rows) if isinstance(piece, list) else piece for piece in merged(pieces)]
    if len(arrays) == 1:
        return arrays[0]
    return pc.binary_join_element_wise(*arrays, EMPTY)


def body(pieces: list[list[Field] | pa.Array], rows: int) -> Body:
    """Pieces as the body of a value that is made of them: fixed-width where all of them are."""
    together = merged(pieces)
    if len(together) == 1 and isinstance(together[0], list):
        return Body(together[0])
    return Body([], joined(together, rows))


def data(array: pa.Array) -> memoryview:
    """The bytes of a binary array, one value behind the other."""
    starts = offsets(array)
    return memoryview(array.buffers()[2])[int(starts[0]) : int(starts[-1])]


def records(fields: list[Field], rows: int) -> npt.NDArray[Any]:
    """Packed records: a template row that holds the constants, copied, then the columns that vary."""
    made = np.empty(rows, np.dtype([(f"f{k}", dtype) for k, (dtype, _) in enumerate(fields)]))
    template = np.zeros(1, made.dtype)
    for k, (_, value) in enumerate(fields):
        if isinstance(value, (int, bytes)):
            template[f"f{k}"] = value
    if width := made.dtype.itemsize:
        # As plain bytes: NumPy copies a record field by field, which takes ten times as long.
        made.view(f"V{width}")[:] = template.view(f"V{width}")
    for k, (_, value) in enumerate(fields):
        if not isinstance(value, (int, bytes)):
            made[f"f{k}"] = value
    return made


def fixed_to_binary(fields: list[Field], rows: int) -> pa.Array:
    """Fixed-width fields as a binary array."""
    made = records(fields, rows)
    return strided_binary(made, rows, made.dtype.itemsize)


def strided_binary(values: npt.NDArray[Any], rows: int, width: int) -> pa.Array:
    """Contiguous bytes as a binary array of values that are all `width` bytes long."""
    starts = np.arange(0, (rows + 1) * width, width, dtype=np.int32) if width else np.zeros(rows + 1, np.int32)
    return pa.Array.from_buffers(pa.binary(), rows, [None, pa.py_buffer(starts), pa.py_buffer(values)])


def values(array: pa.Array, dtype: str) -> npt.NDArray[Any]:
    """A fixed-width array's data buffer; what stands where a NULL is has no meaning."""
    found = np.frombuffer(array.buffers()[1], dtype)
    return found[array.offset : array.offset + len(array)]


def offsets(array: pa.Array) -> npt.NDArray[np.int32]:
    """Where each value of a binary array or a list begins, and where the last one ends."""
    if not len(array):
        return np.zeros(1, np.int32)
    return np.frombuffer(array.buffers()[1], np.int32)[array.offset : array.offset + len(array) + 1]


def cast(array: pa.Array, wanted: pa.DataType) -> pa.Array:
    """The array as another type, itself where it is of that type."""
    return array if array.type == wanted else array.cast(wanted)


def binary(array: pa.Array) -> pa.Array:
    """Text or bytes as a binary array on the same buffers."""
    if array.type not in (pa.string(), pa.binary()):
        array = array.cast(pa.binary() if pa.types.is_fixed_size_binary(array.type) else pa.string())
    return pa.Array.from_buffers(pa.binary(), len(array), array.buffers(), array.null_count, array.offset)


def distinct(array: pa.Array, one: Callable[[str], bytes]) -> pa.Array:
    """Bytes of texts, each distinct text encoded once."""
    encoded = array.dictionary_encode()
    return pa.array(map(one, encoded.dictionary.to_pylist()), pa.binary()).take(encoded.indices)


def lists_of(array: pa.Array) -> tuple[npt.NDArray[np.int32], pa.Array]:
    """Where each list begins among the elements (and the last one's end), and the elements of all of them."""
    lists = cast(array, pa.list_(array.type.value_type))
    starts = offsets(lists)
    return starts - starts[0], lists.values[int(starts[0]) : int(starts[-1])]


def concatenated(starts: npt.NDArray[np.int32], pieces: list[list[Field] | pa.Array], count: int) -> pa.Array:
    """Each list's elements one behind the other, as a binary array of as many values as there are lists."""
    if not count:
        return pa.array([b""] * (len(starts) - 1), pa.binary())
    fields = joined(pieces, count)
    places = np.ascontiguousarray(offsets(fields)[starts])
    return pa.Array.from_buffers(pa.binary(), len(starts) - 1, [None, pa.py_buffer(places), fields.buffers()[2]])
