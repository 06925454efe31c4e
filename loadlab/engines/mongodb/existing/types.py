"""From BSON's types, as they were seen and as a validator demands them, to types of columns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from loadlab.engines.mongodb.existing.observing import Seen, kind_of
from loadlab.schema.model import LogicalType

JSON = LogicalType("json", "object")
_PLAIN = {
    "bool": LogicalType("boolean", "bool"),
    "int": LogicalType("integer", "int", bits=32),
    "long": LogicalType("integer", "long", bits=64),
    "double": LogicalType("float", "double", bits=64),
    "string": LogicalType("text", "string"),
    "objectId": LogicalType("bytes", "objectId", length=12, fixed=True),
    "date": LogicalType("timestamp", "date", precision=3, timezone=True),
    "uuid": LogicalType("uuid", "uuid"),
    "binData": LogicalType("bytes", "binData"),
}
_NUMBERS = ("int", "long", "double", "decimal")
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
        return _record(seen)
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


def _array(seen: Seen) -> LogicalType:
    if seen.element is None or not seen.element.count:
        return replace(JSON, native="array")
    element = type_of(seen.element)
    return LogicalType("array", "array", element=replace(element, not_null=not seen.element.kinds["null"]))


# -- validators ------------------------------------------------------------------------------------------------------


def demanded_type(rule: Mapping[str, Any]) -> LogicalType | None:
    """The type that a part of a `$jsonSchema` demands; None where it leaves it open."""
    kinds = demanded_kinds(rule)
    if not kinds:
        return None
    seen = Seen()
    for kind in kinds:
        seen.kinds[kind] += 1
    if kinds == {"object"} and isinstance(rule.get("properties"), Mapping) and rule["properties"]:
        return _demanded_record(rule)
    if kinds == {"array"} and isinstance(rule.get("items"), Mapping):
        element = demanded_type(rule["items"])
        return LogicalType("array", "array", element=replace(element, not_null=True)) if element else type_of(seen)
    if kinds == {"decimal"}:
        return LogicalType("numeric", "decimal", precision=_DIGITS, scale=_SCALE)
    found = type_of(seen)
    length = rule.get("maxLength")
    return replace(found, length=int(length)) if found.kind == "text" and isinstance(length, (int, float)) else found


def demanded_kinds(rule: Mapping[str, Any]) -> set[str]:
    """BSON's types that a rule allows, null left out; "number" is any of them."""
    kinds = _said(rule)
    if not kinds and isinstance(rule.get("enum"), list):
        kinds = {kind_of(value) for value in rule["enum"]}
    renamed = {"number": "double", "boolean": "bool", "integer": "long"}
    return {renamed.get(kind, kind) for kind in kinds} - {"null"}


def allows_null(rule: Mapping[str, Any]) -> bool:
    """Whether a rule names null among its types."""
    return "null" in _said(rule)


def _said(rule: Mapping[str, Any]) -> set[str]:
    said = rule.get("bsonType", rule.get("type"))
    return {said} if isinstance(said, str) else set(said or ())


def _demanded_record(rule: Mapping[str, Any]) -> LogicalType:
    required = set(rule.get("required", ()))
    fields = tuple(
        (name, replace(demanded_type(part) or JSON, not_null=name in required))
        for name, part in rule["properties"].items()
        if isinstance(part, Mapping)
    )
    return LogicalType("composite", "object", fields=fields)
