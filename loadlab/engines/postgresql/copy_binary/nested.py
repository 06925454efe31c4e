"""Types that are made of other types: arrays, ranges, multiranges, records, maps.

`Encoder` is `columns.column`: the fields of the parts, each with its length. It is handed in, since parts may again be
made of others.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import (
    EMPTY,
    Body,
    CannotEncodeError,
    Field,
    binary,
    body,
    concatenated,
    fixed_to_binary,
    joined,
    lists_of,
    offsets,
)
from loadlab.engines.postgresql.copy_binary.wire import Wire

Encoder = Callable[[pa.Array, Wire], "list[list[Field] | pa.Array]"]
# utils/rangetypes.h; the bounds are always [lower, upper).
_LOWER_INCLUSIVE, _LOWER_INFINITE, _UPPER_INFINITE = 0x02, 0x08, 0x10


def array_body(array: pa.Array, element: Wire, column: Encoder) -> Body:
    """One-dimensional arrays: dimensions, NULL flag, element OID, length, lower bound 1; then the elements as fields.

    An empty array has no dimension and ends after the element OID.
    """
    starts, elements = lists_of(array)
    payload = concatenated(starts, column(elements, element), len(elements))
    lengths = np.diff(starts)
    dimension: list[Field] = [(">i4", 1), (">i4", int(elements.null_count > 0)), (">u4", element.oid)]
    dimension += [(">i4", lengths), (">i4", 1)]
    if (lengths > 0).all():
        return Body(dimension, payload)
    none: list[Field] = [(">i4", 0), (">i4", 0), (">u4", element.oid)]
    head = pc.if_else(pa.array(lengths > 0), fixed_to_binary(dimension, len(array)), fixed_to_binary(none, 1)[0])
    return Body([], pc.binary_join_element_wise(head, payload, EMPTY))


def range_body(array: pa.Array, bound: Wire, column: Encoder) -> Body:
    """Ranges [lower, upper): flags, then each bound that is there as a field. Equal bounds make an empty range.

    The server turns what it receives into its own canonical form (range_recv → make_range, utils/adt/rangetypes.c).
    """
    lower, upper = array.flatten()
    flags: int | npt.NDArray[np.uint8] = _LOWER_INCLUSIVE
    if lower.null_count or upper.null_count:
        no_lower = lower.is_null().to_numpy(zero_copy_only=False)
        no_upper = upper.is_null().to_numpy(zero_copy_only=False)
        flags = np.where(no_lower, _LOWER_INFINITE, _LOWER_INCLUSIVE).astype(np.uint8)
        flags |= np.where(no_upper, _UPPER_INFINITE, 0).astype(np.uint8)
    head: list[Field] = [("u1", flags)]
    return body([head, *_bound(lower, bound, column), *_bound(upper, bound, column)], len(array))


def _bound(bounds: pa.Array, wire: Wire, column: Encoder) -> list[list[Field] | pa.Array]:
    """Bounds as fields; one that is not there takes no place at all."""
    if bounds.null_count == len(bounds):
        return []
    fields = column(bounds, wire)
    return [pc.if_else(bounds.is_valid(), joined(fields, len(bounds)), EMPTY)] if bounds.null_count else fields


def multirange_body(array: pa.Array, inner: Wire, column: Encoder) -> Body:
    """Multiranges: how many ranges, then each as a field."""
    starts, ranges = lists_of(array)
    return Body([(">i4", np.diff(starts))], concatenated(starts, column(ranges, inner), len(ranges)))


def record_body(array: pa.Array, fields: Sequence[Wire], column: Encoder) -> Body:
    """Records: how many fields, then each one's type and value."""
    children = array.flatten()
    if len(children) != len(fields):
        raise CannotEncodeError(f"has {len(children)} fields, not {len(fields)}")
    pieces: list[list[Field] | pa.Array] = [[(">i4", len(fields))]]
    for child, wire in zip(children, fields, strict=True):
        pieces += [[(">u4", wire.oid)], *column(child, wire)]
    return body(pieces, len(array))


def map_body(array: pa.Array) -> Body:
    """hstore: how many pairs, then each key and its value (NULL: -1 for its length), both with their lengths."""
    starts = offsets(array)
    keys = binary(array.keys[int(starts[0]) : int(starts[-1])])
    items = binary(array.items[int(starts[0]) : int(starts[-1])])
    lengths = np.diff(offsets(items))
    if items.null_count:
        lengths = np.where(items.is_valid().to_numpy(zero_copy_only=False), lengths, -1)
        items = items.fill_null(b"")
    pairs: list[list[Field] | pa.Array] = [[(">i4", np.diff(offsets(keys)))], keys, [(">i4", lengths)], items]
    starts = starts - starts[0]
    return Body([(">i4", np.diff(starts))], concatenated(starts, pairs, len(keys)))
