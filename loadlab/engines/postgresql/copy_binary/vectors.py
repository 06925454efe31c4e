"""Vectors: pgvector's vector, halfvec and sparsevec, and cube.

The formats are those of the extensions' receive functions: `vector_recv` (src/vector.c), `halfvec_recv`,
`sparsevec_recv` of pgvector, `cube_recv` (contrib/cube/cube.c).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import EMPTY, Body, CannotEncodeError, Field, cast, concatenated, lists_of, values

_CUBE_IS_POINT = 1 << 31


def _matrix(array: pa.Array, arrow: pa.DataType, dtype: str) -> npt.NDArray[Any]:
    """The numbers of a fixed-size list; shape (n, dimensions)."""
    size = array.type.list_size
    numbers = cast(array.values[array.offset * size : (array.offset + len(array)) * size], arrow)
    return values(numbers, dtype).reshape(-1, size)


def _numbers(array: pa.Array, head: Callable[[Any], list[Field]], arrow: pa.DataType, wire: str) -> Body:
    """A header made of the number of dimensions, then the numbers."""
    if pa.types.is_fixed_size_list(array.type):
        matrix = _matrix(array, arrow, f"<{wire[1:]}" if wire[1:] != "f2" else "<f4")
        return Body([*head(matrix.shape[1]), (f"({matrix.shape[1]},){wire}", matrix)])
    starts, elements = lists_of(array)
    if elements.null_count:
        raise CannotEncodeError("has a vector with NULL in it")
    numbers = values(cast(elements, arrow), f"<{wire[1:]}" if wire[1:] != "f2" else "<f4")
    return Body(head(np.diff(starts)), concatenated(starts, [[(wire, numbers)]], len(elements)))


def _dense(wire: str) -> Callable[[pa.Array], Body]:
    """vector and halfvec: dimensions, nothing, the numbers (of 32 or 16 bits)."""
    return lambda array: _numbers(array, lambda count: [(">i2", count), (">i2", 0)], pa.float32(), wire)


def _cube(array: pa.Array) -> Body:
    """A cube whose corners fall together: dimensions with a flag, then the numbers."""
    return _numbers(array, lambda count: [(">u4", count + _CUBE_IS_POINT)], pa.float64(), ">f8")


def _sparse(array: pa.Array) -> Body:
    """sparsevec: dimensions, how many numbers, nothing, their positions (from 0), the numbers."""
    dimensions, positions, numbers = array.flatten()
    positions = positions.fill_null([]) if positions.null_count else positions
    numbers = numbers.fill_null([]) if numbers.null_count else numbers
    starts, indices = lists_of(positions)
    other, elements = lists_of(numbers)
    if not np.array_equal(starts, other):
        raise CannotEncodeError("has a sparse vector with more positions than numbers, or fewer")
    head: list[Field] = [
        (">i4", values(dimensions.fill_null(1).cast(pa.int32()), "<i4")),
        (">i4", np.diff(starts)),
        (">i4", 0),
    ]
    first = concatenated(starts, [[(">i4", values(cast(indices, pa.int32()), "<i4"))]], len(indices))
    second = concatenated(starts, [[(">f4", values(cast(elements, pa.float32()), "<f4"))]], len(elements))
    return Body(head, pc.binary_join_element_wise(first, second, EMPTY))


BODIES: dict[str, Callable[[pa.Array], Body]] = {
    "vector": _dense(">f4"),
    "halfvec": _dense(">f2"),
    "sparsevec": _sparse,
    "cube": _cube,
}
