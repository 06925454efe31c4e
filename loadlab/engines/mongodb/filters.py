"""Conditions on the rows of a table as conditions on documents, and the values in them. Pure.

A value is written as `command_text` takes it: `:name` is a parameter, a word of Extended JSON its type.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from loadlab.engines.mongodb.paths import ID, field_name, path
from loadlab.schema.model import LogicalType, Table
from loadlab.spec.operations import Condition, Nullness, OneOf, Span, after_name, below_name, from_name
from loadlab.spec.parameters import ValueParameter

Filter = dict[str, Any]
# A value of these is equal to one of the same type alone.
_OWN_TYPES = ("timestamp", "date", "uuid", "json", "bytes", "geometry")


def slot(name: str) -> str:
    """The value of a parameter."""
    return f":{name}"


def typed(kind: LogicalType, value: Any) -> Any:
    """A value in the type that the documents hold."""
    match kind.kind:
        case "integer":
            return {"$numberLong" if (kind.bits or 64) > 32 or kind.unsigned else "$numberInt": _number(value)}
        case "numeric":
            return {"$numberDecimal": _number(value)}
        case "float":
            return {"$numberDouble": _number(value)}
        case "timestamp" | "date":
            return {"$date": value}
        case "uuid":
            return {"$uuid": value}
        case "json":
            return {"$json": value}
        case "bytes" if kind.native == "objectId":
            return {"$oid": value}
        case "geometry" if kind.form == "point":
            return {"$point": value}
    return value


def _number(value: Any) -> str:
    return value if isinstance(value, str) else str(value)


def constant(kind: LogicalType, value: Any) -> Any:
    """A constant of a condition: numbers compare with each other whatever their types, moments do not."""
    is_moment = kind.kind in ("timestamp", "date") and isinstance(value, str)
    return {"$date": _moment(value)} if is_moment else {"$uuid": value} if kind.kind == "uuid" else value


def _moment(text: str) -> str:
    return text if "T" in text or " " in text else f"{text}T00:00:00Z"


def joined(parts: Iterable[Filter]) -> Filter:
    """All of the conditions."""
    found: list[Filter] = [part for part in parts if part]
    together: Filter = {}
    for part in found:
        if together.keys() & part.keys():
            return {"$and": found}
        together |= part
    return together


def equal(table: Table, columns: Iterable[str]) -> Filter:
    """Columns that are as the parameters of their names.

    The index of `_id` finds whole documents: a key of several columns is compared as one, and what a key begins with
    as the range of all that begin so.
    """
    wanted = {column: typed_slot(table, column, column) for column in columns}
    key = table.primary_key
    if len(key) < 2 or key[0] not in wanted:
        return {path(table, column): value for column, value in wanted.items()}
    first = [column for place, column in enumerate(key) if all(before in wanted for before in key[: place + 1])]
    found = {ID: of_key(key, [wanted[column] for column in first])}
    return found | {path(table, column): value for column, value in wanted.items() if column not in first}


def of_key(key: Sequence[str], first: Sequence[Any]) -> Any:
    """What a key of several columns has to be like, by the values of the first of them."""
    names = [field_name(column) for column in key]
    if len(first) == len(key):
        return dict(zip(names, first, strict=True))
    lowest, highest = ([*first, *[{end: 1}] * (len(key) - len(first))] for end in ("$minKey", "$maxKey"))
    return {"$gte": dict(zip(names, lowest, strict=True)), "$lte": dict(zip(names, highest, strict=True))}


def typed_slot(table: Table, column: str, name: str) -> Any:
    """The parameter `name` as a value to compare a column with."""
    kind = table.column(column).type
    return typed(kind, slot(name)) if kind.kind in _OWN_TYPES else slot(name)


def where(table: Table, conditions: Mapping[str, Condition]) -> Filter:
    """The conditions of a form."""
    return joined(_condition(table, column, condition) for column, condition in conditions.items())


def _condition(table: Table, column: str, condition: Condition) -> Filter:
    at, kind = path(table, column), table.column(column).type
    if isinstance(condition, Nullness):
        return {at: None} if condition.is_null else {at: {"$exists": True}}
    if isinstance(condition, OneOf):
        return {at: {"$in": [constant(kind, value) for value in condition.in_]}}
    if isinstance(condition, ValueParameter):
        return {at: constant(kind, condition.value)}
    if not isinstance(condition, Span):
        return {at: typed_slot(table, column, column)}
    ends = {}
    if condition.from_ is not None:
        ends["$gte"] = typed_slot(table, column, from_name(column))
    if condition.below is not None:
        ends["$lt"] = typed_slot(table, column, below_name(column))
    return {at: ends} if ends else {}


def behind(table: Table, keys: Sequence[tuple[str, bool]]) -> Filter:
    """The rows after a known one, in the order of the keys (column, whether descending)."""
    branches = []
    for place, (column, descending) in enumerate(keys):
        same = {path(table, before): typed_slot(table, before, after_name(before)) for before, _ in keys[:place]}
        further = {"$lt" if descending else "$gt": typed_slot(table, column, after_name(column))}
        branches.append({**same, path(table, column): further})
    return branches[0] if len(branches) == 1 else {"$or": branches}
