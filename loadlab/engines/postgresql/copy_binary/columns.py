"""From a column to the function of its type."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.engines.packed_bytes import EMPTY, Body, CannotEncodeError, Field, fixed_to_binary, offsets
from loadlab.engines.postgresql.copy_binary import figures, network, numerics, scalars, vectors, words
from loadlab.engines.postgresql.copy_binary.nested import array_body, map_body, multirange_body, range_body, record_body
from loadlab.engines.postgresql.copy_binary.wire import Wire

_NULL = pa.scalar(b"\xff\xff\xff\xff", pa.binary())
_BODIES: dict[str, Callable[[pa.Array], Body]] = {
    **scalars.BODIES,
    **numerics.BODIES,
    **network.BODIES,
    **figures.BODIES,
    **vectors.BODIES,
    **words.BODIES,
    "hstore": map_body,
}


def encodes(name: str) -> bool:
    """Whether a base type of that name has a binary form here."""
    return name in _BODIES


def column(array: pa.Array, wire: Wire) -> list[list[Field] | pa.Array]:
    """A column's fields: lengths and values."""
    rows = len(array)
    if array.null_count == rows:
        return [[(">i4", -1)]]
    body = _body(array, wire)
    width = sum(np.dtype(dtype).itemsize for dtype, _ in body.fields)
    valid = None if array.null_count == 0 else array.is_valid()
    if body.payload is None:
        prefixed: list[Field] = [(">i4", width), *body.fields]
        return [prefixed] if valid is None else [_null_where_absent(fixed_to_binary(prefixed, rows), valid)]
    lengths = np.diff(offsets(body.payload))
    if valid is None:
        return [[(">i4", lengths + width), *body.fields], body.payload]
    if not body.fields:
        present = valid.to_numpy(zero_copy_only=False)
        return [[(">i4", np.where(present, lengths, -1))], _empty_where_absent(body.payload, valid)]
    head = fixed_to_binary([(">i4", lengths + width), *body.fields], rows)
    return [_null_where_absent(head, valid), _empty_where_absent(body.payload, valid)]


def _null_where_absent(fields: pa.Array, valid: pa.Array) -> pa.Array:
    return pc.if_else(valid, fields, _NULL)


def _empty_where_absent(payload: pa.Array, valid: pa.Array) -> pa.Array:
    """Payloads that share the column's buffers share its NULLs too; those made anew hold something in their place."""
    return payload.fill_null(b"") if payload.null_count else pc.if_else(valid, payload, EMPTY)


def _body(array: pa.Array, wire: Wire) -> Body:
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    if wire.name == "range" and wire.element is not None:
        return range_body(array, wire.element, column)
    if wire.name == "multirange" and wire.element is not None:
        return multirange_body(array, wire.element, column)
    if wire.fields:
        return record_body(array, wire.fields, column)
    if wire.element is not None:
        return array_body(array, wire.element, column)
    if wire.name == "interval" and wire.form:
        return scalars.coarse_interval(array, wire.form)
    if wire.name not in _BODIES:
        raise CannotEncodeError(f"values of type {wire.name} cannot be loaded")
    return _BODIES[wire.name](array)
