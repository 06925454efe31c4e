"""From a column to the function of its type."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from loadlab.engines.mongodb.bson_form.decimals import decimal
from loadlab.engines.mongodb.bson_form.json_values import json_value
from loadlab.engines.mongodb.bson_form.nested import lists, map_of_texts, struct
from loadlab.engines.mongodb.bson_form.points import point
from loadlab.engines.mongodb.bson_form.scalars import BY_ARROW, object_id, octets
from loadlab.engines.mongodb.bson_form.value import NULL, Value
from loadlab.engines.packed_bytes import CannotEncodeError
from loadlab.schema.model import LogicalType


def value(array: pa.Array, kind: LogicalType | None) -> Value:
    """The values of a column; `kind` is what they mean, None: what their Arrow type says. Raises CannotEncodeError."""
    if isinstance(array.type, pa.BaseExtensionType):
        array = array.storage
    if pa.types.is_dictionary(array.type):
        array = array.dictionary_decode()
    arrow = array.type
    if pa.types.is_null(arrow):
        return Value(NULL, [])
    if kind is not None and kind.kind == "json" and pa.types.is_string(arrow):
        return json_value(array)
    if kind is not None and kind.native == "objectId" and kind.kind == "bytes":
        return object_id(array)
    if kind is not None and kind.kind == "geometry":
        return (point(array) if kind.form == "point" else None) or octets(array)
    if pa.types.is_map(arrow):
        return map_of_texts(array, value)
    if pa.types.is_struct(arrow):
        return struct(array, _fields(arrow, kind), value)
    if _is_list(arrow):
        return lists(array, _element(kind), value)
    if pa.types.is_decimal(arrow):
        return decimal(array)
    for applies, encode in BY_ARROW:
        if applies(arrow):
            return encode(array)
    raise CannotEncodeError(f"values of type {arrow} cannot be loaded")


def _is_list(arrow: pa.DataType) -> bool:
    return bool(pa.types.is_list(arrow) or pa.types.is_large_list(arrow) or pa.types.is_fixed_size_list(arrow))


def _element(kind: LogicalType | None) -> LogicalType | None:
    """What the elements of a list mean: those of an array, or the ranges of a multirange."""
    if kind is None or kind.element is None:
        return None
    return LogicalType("range", element=kind.element) if kind.kind == "multirange" else kind.element


def _fields(arrow: pa.DataType, kind: LogicalType | None) -> Sequence[tuple[str, LogicalType | None]]:
    names = [arrow.field(place).name for place in range(arrow.num_fields)]
    if kind is not None and kind.kind == "composite":
        meant = dict(kind.fields)
        return [(name, meant.get(name)) for name in names]
    element = kind.element if kind is not None and kind.kind == "range" else None
    return [(name, element) for name in names]
