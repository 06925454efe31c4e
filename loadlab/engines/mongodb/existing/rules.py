"""The `$jsonSchema` of a validator as NOT NULL and CHECKs, in standard SQL, which the planner of the data reads."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from loadlab.schema.model import Check

_BOUNDS = {"minimum": (">=", ">"), "maximum": ("<=", "<")}
_LENGTHS = {"minLength": ">=", "maxLength": "<="}


def json_schema(validator: Mapping[str, Any]) -> tuple[Mapping[str, Any], bool]:
    """The `$jsonSchema` of a validator ({} without one), and whether there is nothing else in it."""
    found = validator.get("$jsonSchema", {})
    return (found if isinstance(found, Mapping) else {}), set(validator) <= {"$jsonSchema"}


def checks(collection: str, properties: Mapping[str, Mapping[str, Any]]) -> Iterator[Check]:
    """What the rules for single fields demand beyond a type."""
    for name, rule in properties.items():
        for word, expression in _expressions(name, rule):
            yield Check(f"{collection}_{name}_{word}", expression, str(rule[word]))


def _expressions(name: str, rule: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    column = '"' + name.replace('"', '""') + '"'
    values = [value for value in rule.get("enum", ()) if value is not None]
    if values and all(isinstance(value, (str, int, float)) and not isinstance(value, bool) for value in values):
        yield "enum", f"{column} IN ({', '.join(_constant(value) for value in values)})"
    for word, (plain, exclusive) in _BOUNDS.items():
        if isinstance(rule.get(word), (int, float)):
            # Draft 4 of JSON Schema, which MongoDB follows: a flag beside the bound excludes the bound itself.
            is_exclusive = rule.get(f"exclusive{word.capitalize()}") is True
            yield word, f"{column} {exclusive if is_exclusive else plain} {_constant(rule[word])}"
    for word, sign in _LENGTHS.items():
        if isinstance(rule.get(word), (int, float)):
            yield word, f"LENGTH({column}) {sign} {int(rule[word])}"
    if isinstance(rule.get("pattern"), str):
        yield "pattern", f"REGEXP_LIKE({column}, {_constant(rule['pattern'])})"


def _constant(value: str | float) -> str:
    return "'" + value.replace("'", "''") + "'" if isinstance(value, str) else repr(value)
