"""From BSON's types, as they were seen, to types of columns."""

from __future__ import annotations

from dataclasses import replace

from loadlab.engines.mongodb.collections.types import OBJECT_ID
from loadlab.engines.mongodb.existing.observing import Seen
from loadlab.schema.model import LogicalType

JSON = LogicalType("json", "object")
POINT = LogicalType("geometry", "object", form="point")
_PLAIN = {
    "bool": LogicalType("boolean", "bool"),
    "int": LogicalType("integer", "int", bits=32),
    "long": LogicalType("integer", "long", bits=64),
    "double": LogicalType("float", "double", bits=64),
    "string": LogicalType("text", "string"),
    "objectId": OBJECT_ID,
    "date": LogicalType("timestamp", "date", precision=3, timezone=True),
    "uuid": LogicalType("uuid", "uuid"),
    "binData": LogicalType("bytes", "binData"),
}
_NUMBERS = ("int", "long", "double", "decimal")
_PAIR = 2
_DIGITS, _SCALE, _DIGITS_MAX = 16, 2, 34
# Documents whose fields hardly repeat are dictionaries: their keys are values.
_FIELDS_MAX, _SHARE_LEAST = 200, 0.05


def type_of(seen: Seen) -> LogicalType:
    """The type that holds every value that was seen; json where they have nothing in common."""
    kinds = {kind for kind in seen.kinds if kind != "null"}
    if len(kinds) > 1 and kinds <= set(_NUMBERS):
        widest = next(kind for kind in ("decimal", "double", "long") if kind in kinds)
        return _decimal(seen) if widest == "decimal" else _PLAIN[widest]
    if len(kinds) != 1:
        return JSON
    kind = next(iter(kinds))
    if kind == "decimal":
        return _decimal(seen)
    if kind == "object":
        return POINT if _is_point(seen) else _record(seen)
    if kind == "array":
        return _array(seen)
    return _PLAIN.get(kind, replace(JSON, native=kind))


def is_mixed(seen: Seen) -> bool:
    """Whether values of several types were seen that no type but json holds."""
    kinds = {kind for kind in seen.kinds if kind != "null"}
    return len(kinds) > 1 and not kinds <= set(_NUMBERS)


def _decimal(seen: Seen) -> LogicalType:
    digits = min(max(seen.digits, seen.scale + 1, _DIGITS), _DIGITS_MAX)
    return LogicalType("numeric", "decimal", precision=digits, scale=min(seen.scale, digits))


def _record(seen: Seen) -> LogicalType:
    count = seen.kinds["object"]
    rare = sum(item.count < _SHARE_LEAST * count for item in seen.fields.values())
    if not seen.fields or len(seen.fields) > _FIELDS_MAX or rare > len(seen.fields) / 2:
        return JSON
    fields = tuple(
        (name, replace(type_of(item), not_null=item.count == count and not item.kinds["null"]))
        for name, item in seen.fields.items()
    )
    return LogicalType("composite", "object", fields=fields)


def _is_point(seen: Seen) -> bool:
    """Whether documents are points of GeoJSON: no other figure has a pair of numbers for its coordinates."""
    if set(seen.fields) != {"type", "coordinates"} or set(seen.fields["type"].kinds) != {"string"}:
        return False
    pair = seen.fields["coordinates"]
    if set(pair.kinds) != {"array"} or pair.lengths is None or pair.element is None:
        return False
    return pair.lengths[0] == pair.lengths[2] == _PAIR and set(pair.element.kinds) <= set(_NUMBERS)


def _array(seen: Seen) -> LogicalType:
    if seen.element is None or not seen.element.count:
        return replace(JSON, native="array")
    element = type_of(seen.element)
    return LogicalType("array", "array", element=replace(element, not_null=not seen.element.kinds["null"]))
