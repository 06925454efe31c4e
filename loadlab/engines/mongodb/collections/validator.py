"""A table's columns, NOT NULLs, CHECKs and references as a validator, and back.

The form that is written: `{$and: [{$jsonSchema: …}, {$expr: …, $comment: "name of the CHECK"}, …]}`. In a property of
the schema `title` is the column's name where the field is called otherwise, `description` has the word of its type and
`references COLLECTION.PATH`; both are texts without effect to the server. References of several columns are the
description of the whole: `(a, b) references t (x, y)`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from loadlab.engines.mongodb.collections.conditions import as_canonical_json, expression_text
from loadlab.engines.mongodb.collections.expressions import check_expression
from loadlab.engines.mongodb.collections.types import is_word, property_of, type_of, word_in, word_of, words_in
from loadlab.engines.mongodb.paths import ID, collection_name, field_name, paths
from loadlab.engines.translation import UntranslatableError
from loadlab.schema.model import Check, Column, ForeignKey, Schema, Table

_REFERENCE = re.compile(r"^references (?P<target>\S+)\.(?P<path>_id(?:\.[^.\s]+)?|[^.\s]+)$")
_TOGETHER = re.compile(r"^\((?P<own>[^()]+)\) references (?P<target>\S+) \((?P<paths>[^()]+)\)$")
_BOUNDS = {"minimum": ">=", "maximum": "<="}


def validator_of(table: Table, schema: Schema, notes: list[str], more: Iterable[dict[str, Any]] = ()) -> dict[str, Any]:
    """The validator of a table's collection; what it cannot say is added to `notes`. `more` are further clauses."""
    clauses: list[dict[str, Any]] = [{"$jsonSchema": json_schema(table, schema, notes)}]
    for check in table.checks:
        try:
            clauses.append({"$expr": check_expression(table, check.expression, schema.dialect), "$comment": check.name})
        except UntranslatableError as error:
            notes.append(f"CHECK {table.key}.{check.name}: left out, {error}")
    clauses += more
    return {"$and": clauses} if len(clauses) > 1 else clauses[0]


def json_schema(table: Table, schema: Schema, notes: list[str]) -> dict[str, Any]:
    """Types, NOT NULLs and references of a table's columns; what it cannot say is added to `notes`."""
    properties: dict[str, Any] = {}
    for column in table.columns:
        if column.generated is not None:
            notes.append(
                f"column {table.key}.{column.name}: left out, MongoDB generates no values ({column.generated})"
            )
        elif column.name not in table.primary_key:
            properties[paths(table)[column.name]] = _property(table, column, schema)
    required = [paths(table)[column.name] for column in table.stored_columns if _is_required(table, column)]
    found: dict[str, Any] = {"bsonType": "object"}
    if table.primary_key:
        properties = {ID: _key_property(table, schema)} | properties
        required = [ID, *required]
    if required:
        found["required"] = required
    found["properties"] = properties
    together = "; ".join(_references_together(table, schema))
    return found | ({"description": together} if together else {})


def _is_required(table: Table, column: Column) -> bool:
    return not column.nullable and column.name not in table.primary_key


def _key_property(table: Table, schema: Schema) -> dict[str, Any]:
    columns = [table.column(name) for name in table.primary_key]
    if len(columns) == 1:
        return _property(table, columns[0], schema)
    parts = {field_name(column.name): _property(table, column, schema) for column in columns}
    return {"bsonType": "object", "required": list(parts), "properties": parts}


def _property(table: Table, column: Column, schema: Schema) -> dict[str, Any]:
    found = property_of(column.type)
    place = paths(table)[column.name].rpartition(".")[2]
    said = [word_of(column.type), *_references(table, column.name, schema)]
    if place != column.name:
        found["title"] = column.name
    description = "; ".join(part for part in said if part)
    return found | ({"description": description} if description else {})


def _references(table: Table, column: str, schema: Schema) -> Iterator[str]:
    for key in table.foreign_keys:
        if key.columns == (column,) and schema.has(key.target):
            target = schema.table(key.target)
            yield f"references {collection_name(target.key)}.{paths(target)[key.target_columns[0]]}"


def _references_together(table: Table, schema: Schema) -> Iterator[str]:
    for key in table.foreign_keys:
        if len(key.columns) > 1 and schema.has(key.target):
            target = schema.table(key.target)
            own = ", ".join(paths(table)[name] for name in key.columns)
            others = ", ".join(paths(target)[name] for name in key.target_columns)
            yield f"({own}) references {collection_name(target.key)} ({others})"


# Reading -------------------------------------------------------------------------------------------------------------


def table_of(collection: str, validator: Mapping[str, Any]) -> Table:
    """A table without its indexes; its references lead to paths of their targets, which `resolved` makes columns."""
    said = schema_in(validator)
    columns = tuple(_columns(said))
    names = {path: column.name for path, column in columns}
    key = tuple(column.name for path, column in columns if path == ID or path.startswith(f"{ID}."))
    checks = [*_clause_checks(collection, validator, names), *_property_checks(collection, columns, said)]
    return Table(
        name=collection,
        columns=tuple(column for _, column in columns),
        primary_key=key,
        primary_key_name="_id_" if key else "",
        foreign_keys=tuple(_read_references(collection, said, names)),
        checks=tuple(checks),
    )


def resolved(tables: Sequence[Table]) -> tuple[Table, ...]:
    """The tables with references to columns of each other; such as lead nowhere are gone."""
    columns = {table.name: {path: name for name, path in paths(table).items()} for table in tables}
    found = []
    for table in tables:
        keys = []
        for key in table.foreign_keys:
            there = columns.get(key.target, {})
            if all(path in there for path in key.target_columns):
                keys.append(replace(key, target_columns=tuple(there[path] for path in key.target_columns)))
        found.append(replace(table, foreign_keys=tuple(keys)))
    return tuple(found)


def schema_in(validator: Mapping[str, Any]) -> Mapping[str, Any]:
    """The `$jsonSchema` of a validator, {} without one."""
    for clause in (validator, *validator.get("$and", ())):
        if isinstance(clause.get("$jsonSchema"), Mapping):
            found: Mapping[str, Any] = clause["$jsonSchema"]
            return found
    return {}


def _columns(said: Mapping[str, Any]) -> Iterator[tuple[str, Column]]:
    """(path, column) of each property; a document under `_id` is a key of several columns."""
    required = set(said.get("required", ()))
    for name, inner in said.get("properties", {}).items():
        if name == ID and inner.get("properties"):
            for part, property_ in inner["properties"].items():
                yield f"{ID}.{part}", _column(part, property_, nullable=False)
        else:
            yield name, _column(name, inner, nullable=name != ID and name not in required)


def _column(field: str, said: Mapping[str, Any], *, nullable: bool) -> Column:
    comment = "; ".join(part for part in words_in(said) if not is_word(part) and not _REFERENCE.match(part))
    return Column(
        str(said.get("title", field)), type_of(said, word_in(said)), nullable=nullable, comment=comment or None
    )


def all_properties(said: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(path, what is said of it) of each property, those of a key of several columns one by one."""
    for name, inner in said.get("properties", {}).items():
        if name == ID and inner.get("properties"):
            yield from ((f"{ID}.{part}", property_) for part, property_ in inner["properties"].items())
        else:
            yield name, inner


def _read_references(collection: str, said: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[ForeignKey]:
    for path, inner in all_properties(said):
        for part in words_in(inner):
            if (match := _REFERENCE.match(part)) is not None:
                own = names[path]
                yield ForeignKey(f"{collection}_{own}_fkey", (own,), match["target"], (match["path"],), definition=part)
    for part in words_in(said):
        match = _TOGETHER.match(part)
        if match is None:
            continue
        columns = tuple(names.get(path.strip(), "") for path in match["own"].split(","))
        others = tuple(path.strip() for path in match["paths"].split(","))
        if all(columns) and len(columns) == len(others):
            name = f"{collection}_{'_'.join(columns)}_fkey"
            yield ForeignKey(name, columns, match["target"], others, definition=part)


def _clause_checks(collection: str, validator: Mapping[str, Any], names: Mapping[str, str]) -> Iterator[Check]:
    clauses = validator.get("$and", (validator,))
    for place, clause in enumerate(clauses):
        if "$expr" in clause:
            name = str(clause.get("$comment", f"{collection}_check{place or ''}"))
            yield Check(name, expression_text(clause["$expr"], names), as_canonical_json(clause))


def _property_checks(
    collection: str, columns: Sequence[tuple[str, Column]], said: Mapping[str, Any]
) -> Iterator[Check]:
    """What a property demands beyond its type."""
    properties = dict(all_properties(said))
    for path, column in columns:
        inner = properties[path]
        demands = [f"{column.name} {sign} {inner[word]}" for word, sign in _BOUNDS.items() if word in inner]
        if inner.get("minLength"):
            demands.append(f"length({column.name}) >= {inner['minLength']}")
        if "pattern" in inner:
            pattern = str(inner["pattern"]).replace("'", "''")
            demands.append(f"regexp_like({column.name}, '{pattern}')")
        if demands:
            definition = as_canonical_json({path: inner})
            yield Check(f"{collection}_{column.name}_check", " AND ".join(demands), definition)
