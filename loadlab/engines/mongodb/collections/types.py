"""What a column's type is in a `$jsonSchema`, and what is read from one.

BSON has fewer types than schemas have. What its type does not say stands as a word in `description`, which is a text
without effect to the server: `uuid`, `date`, `numeric(12, 2)`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any, get_args

from loadlab.engines.mongodb.bson_form.decimals import DIGITS
from loadlab.schema.model import LogicalType, TypeKind

OBJECT_ID = LogicalType("bytes", "objectId", length=12, fixed=True)
MILLISECONDS = 3
"""Decimals of a second that BSON's dates have."""
_WORD = re.compile(r"^(?P<kind>[a-z_]+)(?:\((?P<inside>[^()]*)\))?(?P<form>(?: [a-z]+)*)$")
_KINDS = frozenset(get_args(TypeKind))
_INT_BITS = 32
_BSON: dict[str, str] = {
    "float": "double",
    "boolean": "bool",
    "uuid": "binData",
    "bytes": "binData",
    "date": "date",
    "timestamp": "date",
    "interval": "long",
    "numeric": "decimal",
    "array": "array",
    "multirange": "array",
    "search_vector": "array",
    "vector": "array",
    "range": "object",
    "composite": "object",
    "map": "object",
    "shape": "object",
}
# Kinds that the type of BSON says already, as it is read.
_SAID = {"float", "boolean", "bytes", "text", "enum", "composite", "array"}


def property_of(kind: LogicalType) -> dict[str, Any]:
    """The `$jsonSchema` of a column's values, without its description where `word_of` says one."""
    if kind.kind == "json":
        return {}
    if kind.kind == "geometry":
        return _geometry(kind)
    found: dict[str, Any] = {"bsonType": bson_type(kind)}
    if found["bsonType"] == "long" and kind.kind == "integer":
        # Most drivers write a number that 32 bits hold as an int.
        found["bsonType"] = ["int", "long"]
    if kind.kind == "enum":
        found["enum"] = list(kind.labels)
    if kind.kind == "text" and kind.length is not None:
        found["maxLength"] = kind.length
    if kind.kind == "array" and kind.element is not None:
        element = _described(kind.element)
        found["items"] = element if kind.element.not_null else _or_null(element)
    if kind.kind == "composite":
        required = [name for name, field in kind.fields if field.not_null]
        found |= {"required": required} if required else {}
        found["properties"] = {name: _described(field) for name, field in kind.fields}
    if kind.kind == "shape" and kind.form == "polygon":
        found["bsonType"] = "array"
    if kind.kind == "vector" and kind.form == "sparse":
        found["bsonType"] = "object"
    return found


def _described(kind: LogicalType) -> dict[str, Any]:
    """Of a part: with the word of its type, as a column has it."""
    word = word_of(kind)
    return property_of(kind) | ({"description": word} if word else {})


def _geometry(kind: LogicalType) -> dict[str, Any]:
    if kind.form != "point":
        return {"bsonType": "binData"}
    point = {"type": {"enum": ["Point"]}, "coordinates": {"bsonType": "array", "minItems": 2, "maxItems": 2}}
    return {"bsonType": "object", "required": ["type", "coordinates"], "properties": point}


def _or_null(inner: dict[str, Any]) -> dict[str, Any]:
    """Elements may be null: within an array nothing can be left out."""
    if "enum" in inner:
        inner = inner | {"enum": [*inner["enum"], None]}
    if "bsonType" not in inner:
        return inner
    named = inner["bsonType"]
    return inner | {"bsonType": [*(named if isinstance(named, list) else [named]), "null"]}


def bson_type(kind: LogicalType) -> str:
    """MongoDB's name of the type in which a column's values are stored."""
    if kind.kind == "integer":
        return "int" if (kind.bits or 64) < _INT_BITS or (kind.bits == _INT_BITS and not kind.unsigned) else "long"
    return "objectId" if kind == OBJECT_ID else _BSON.get(kind.kind, "string")


def word_of(kind: LogicalType) -> str:
    """What BSON's type does not say, for the description; "" where it says all."""
    match kind.kind:
        case "numeric" if kind.precision is not None:
            return f"numeric({kind.precision}, {kind.scale or 0})"
        case "integer" if kind.bits is not None and kind.bits < _INT_BITS:
            return f"integer({kind.bits})"
        case "integer" | "numeric":
            return ""
        case "float":
            return "float(32)" if kind.bits == 32 else ""
        case "timestamp":
            return "" if kind.timezone else "timestamp"
        case "geometry" | "shape" | "vector" if kind.form:
            return f"{kind.kind}{f'({kind.length})' if kind.length else ''} {kind.form}"
        case "vector" if kind.length:
            return f"vector({kind.length})"
    return "" if kind.kind in _SAID else kind.kind


def type_of(said: Mapping[str, Any], word: str = "") -> LogicalType:
    """What a `$jsonSchema` of a column and the word of its description mean."""
    bson = _only(said.get("bsonType", said.get("type")))
    native = word or str(bson or "any")
    match = _WORD.match(word)
    if match is not None and match["kind"] in _KINDS:
        return _worded(match, native)
    labels = said.get("enum")
    if bson in (None, "string") and labels and all(isinstance(label, str) for label in labels):
        return LogicalType("enum", native, labels=tuple(labels))
    match bson:
        case "int":
            return LogicalType("integer", native, bits=_INT_BITS)
        case "long":
            return LogicalType("integer", native, bits=64)
        case "double" | "number":
            return LogicalType("float", native, bits=64)
        case "decimal":
            return LogicalType("numeric", native)
        case "bool" | "boolean":
            return LogicalType("boolean", native)
        case "string":
            return LogicalType("text", native, length=said.get("maxLength"))
        case "binData":
            return LogicalType("bytes", native)
        case "objectId":
            return OBJECT_ID
        case "date":
            return LogicalType("timestamp", native, precision=MILLISECONDS, timezone=True)
        case "array" if isinstance(said.get("items"), Mapping):
            return LogicalType("array", native, element=type_of(said["items"], word_in(said["items"])))
        case "object" if isinstance(said.get("properties"), Mapping):
            fields = tuple((name, type_of(inner, word_in(inner))) for name, inner in said["properties"].items())
            return LogicalType("composite", native, fields=fields)
    return LogicalType("json", native)


def _worded(match: re.Match[str], native: str) -> LogicalType:
    kind: Any = match["kind"]
    numbers = [int(part) for part in (match["inside"] or "").replace(" ", "").split(",") if part.lstrip("-").isdigit()]
    form = match["form"].strip()
    match kind:
        case "numeric":
            precision, scale = (*numbers, None, None)[:2]
            return LogicalType(kind, native, precision=precision or DIGITS, scale=scale or 0)
        case "integer" | "float":
            return LogicalType(kind, native, bits=numbers[0] if numbers else 64)
        case "timestamp":
            return LogicalType(kind, native, precision=MILLISECONDS, timezone=False)
    return LogicalType(kind, native, length=numbers[0] if numbers else None, form=form)


def _only(named: object) -> object:
    """The one type of several that is not null; None where there is more than one."""
    if not isinstance(named, (list, tuple)):
        return named
    others = [name for name in named if name != "null"]
    if set(others) == {"int", "long"}:
        return "long"
    return others[0] if len(others) == 1 else None


def words_in(said: Mapping[str, Any]) -> Sequence[str]:
    """The parts of a description."""
    return [part.strip() for part in str(said.get("description", "")).split(";") if part.strip()]


def word_in(said: Mapping[str, Any]) -> str:
    """The word of a description that names a type, "" without one."""
    return next((part for part in words_in(said) if is_word(part)), "")


def is_word(part: str) -> bool:
    """Whether a part of a description names a type."""
    match = _WORD.match(part)
    return match is not None and match["kind"] in _KINDS
