"""A validator as made rows satisfy it: what they are made without is left out, and named. Pure.

Columns have a type, bounds, a length, a pattern and a list of values; what stands within documents and lists has a type
and a list of values.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlab.engines.mongodb.collections.types import type_of, word_in
from loadlab.engines.mongodb.paths import ID

_ANYWHERE = frozenset({"bsonType", "type", "title", "description", "properties", "required", "enum", "items"})
_OF_COLUMNS = _ANYWHERE | {"minimum", "maximum", "minLength", "maxLength", "pattern"}


def relaxed(schema: Mapping[str, Any], notes: list[str], place: str) -> dict[str, Any]:
    """The `$jsonSchema` of a collection; a line in `notes` for each place of it at which something is left out."""
    found = _kept(schema, _ANYWHERE, notes, place)
    columns = found.get("properties", {})
    if columns:
        found["properties"] = {name: _top(name, inner, notes, f"{place}.{name}") for name, inner in columns.items()}
    return found


def _top(name: str, schema: Mapping[str, Any], notes: list[str], place: str) -> dict[str, Any]:
    if name != ID or not schema.get("properties"):
        return _value(schema, notes, place, _OF_COLUMNS)
    # A key of several columns.
    found = _kept(schema, _ANYWHERE, notes, place)
    parts = schema["properties"].items()
    return found | {"properties": {part: _value(inner, notes, f"{place}.{part}", _OF_COLUMNS) for part, inner in parts}}


def _value(
    schema: Mapping[str, Any], notes: list[str], place: str, known: frozenset[str] = _ANYWHERE
) -> dict[str, Any]:
    """What a column, or something within one, may hold; `known` is what made rows heed there."""
    if type_of(schema, word_in(schema)).kind == "geometry":
        return dict(schema)
    return _parts(_kept(schema, known, notes, place), notes, place)


def _parts(schema: dict[str, Any], notes: list[str], place: str) -> dict[str, Any]:
    """With what is within it relaxed."""
    if "properties" in schema:
        inside = schema["properties"].items()
        schema["properties"] = {name: _value(inner, notes, f"{place}.{name}") for name, inner in inside}
    if isinstance(schema.get("items"), Mapping):
        schema["items"] = _value(schema["items"], notes, f"{place}[]")
    return schema


def _kept(schema: Mapping[str, Any], known: frozenset[str], notes: list[str], place: str) -> dict[str, Any]:
    closed = {"additionalProperties"} if schema.get("additionalProperties") is False else set()
    gone = [name for name in schema if name not in known | closed]
    if gone:
        notes.append(f"validator of {place}: {', '.join(gone)} left out, rows are made without")
    return {name: value for name, value in schema.items() if name not in gone}
