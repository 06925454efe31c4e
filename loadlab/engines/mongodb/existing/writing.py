"""The collections that are there as a schema's text: `create` and `createIndexes` commands that make the same anew.

What a validator leaves open is written into it as a sample of the documents shows it. A collection without a validator
gets one that describes it and checks nothing (`validationLevel: off`), as nothing is checked now.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from bson.json_util import default
from pymongo.database import Database

from loadlab.engines.mongodb.cloning import made_anew
from loadlab.engines.mongodb.collections.indexes import ID_INDEX
from loadlab.engines.mongodb.collections.validator import json_schema, schema_in, table_of
from loadlab.engines.mongodb.connection import EXTENDED_JSON, Document
from loadlab.engines.mongodb.creating import options_of
from loadlab.engines.mongodb.existing.relaxing import relaxed
from loadlab.engines.mongodb.names import is_users
from loadlab.engines.mongodb.paths import paths
from loadlab.schema.model import Schema, Table

Validator = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Script:
    """The text of a schema, and what of it is not as it is there."""

    text: str
    notes: tuple[str, ...]


def script_of(database: Database[Document], schema: Schema) -> Script:
    """That of a schema which `read_existing` found in a database."""
    notes: list[str] = []
    commands = ",\n".join(as_text(command) for command in _commands(database, schema, notes))
    return Script(f"[\n{commands}\n]\n", tuple(notes))


def as_text(command: Mapping[str, Any]) -> str:
    """A command as Extended JSON over several lines. Pure."""
    return json.dumps(command, indent=2, ensure_ascii=False, default=lambda value: default(value, EXTENDED_JSON))


def _commands(database: Database[Document], schema: Schema, notes: list[str]) -> Iterator[dict[str, Any]]:
    options = options_of(database)
    others = (item for item in database.list_collections() if item.get("type") not in (None, "collection"))
    notes += [f"{item['type']} {item['name']}: left out" for item in others if is_users(item["name"])]
    for table in schema:
        if not table.columns:
            notes.append(f"collection {table.key}: left out, nothing says what its documents hold")
            continue
        yield {"create": table.name, **completed_options(table, schema, options[table.name], notes)}
        there = sorted(database[table.name].list_indexes(), key=lambda spec: str(spec["name"]))
        specs = [fillable(_readable(spec), table, notes) for spec in there if spec["name"] != ID_INDEX]
        if specs:
            yield {"createIndexes": table.name, "indexes": specs}


def _readable(spec: Mapping[str, Any]) -> dict[str, Any]:
    """An index in the words that it was asked for: of a full-text index the server lists words of its own."""
    found = made_anew(spec)
    if "weights" in found:
        fields: dict[str, Any] = {}
        for name, kind in found["key"].items():
            fields |= dict.fromkeys(found["weights"], "text") if name == "_fts" else {name: kind}
        fields.pop("_ftsx", None)
        found["key"] = fields
    return found


def fillable(spec: Mapping[str, Any], table: Table, notes: list[str]) -> dict[str, Any]:
    """An index that made rows can satisfy: values within documents and lists are not made unique. Pure."""
    within = [path for path in spec["key"] if path not in paths(table).values()]
    if not spec.get("unique") or not within:
        return dict(spec)
    notes.append(f"index {table.key}.{spec['name']}: written as one that is not unique: values of {within[0]} repeat")
    return {name: value for name, value in spec.items() if name != "unique"}


def completed_options(table: Table, schema: Schema, options: Mapping[str, Any], notes: list[str]) -> dict[str, Any]:
    """The options of `create` with a validator that says all of a table, and that made rows can satisfy. Pure."""
    before = options.get("validator", {})
    found = _completed(table, schema, before)
    said = schema_in(found)
    clauses: list[Validator] = [{"$jsonSchema": relaxed(said, notes, table.key)}] if said else []
    for clause in _other_clauses(found):
        if within := sorted(path for path in _named(clause) if path not in paths(table).values()):
            name = clause.get("$comment", f"on {within[0]}")
            notes.append(f"validator of {table.key}: the condition {name} left out: it is about values within others")
        else:
            clauses.append(clause)
    found = {"$and": clauses} if len(clauses) > 1 else (clauses or [{}])[0]
    more = {} if before else {"validationLevel": "off"}
    return {**options, "validator": found, **more} if found else dict(options)


def _completed(table: Table, schema: Schema, validator: Validator) -> Validator:
    said, seen = schema_in(validator), json_schema(replace(table, checks=()), schema, [])
    before = table_of(table.name, validator)
    known = {key.columns for key in before.foreign_keys}
    changed = {
        paths(table)[column.name].partition(".")[0]: column.comment
        for column in table.columns
        if column not in before.columns
    }
    for key in table.foreign_keys:
        if key.columns not in known:
            changed.setdefault(paths(table)[key.columns[0]].partition(".")[0], None)
    if not changed:
        return validator
    properties = dict(said.get("properties", {}))
    for name, comment in changed.items():
        words = [word for word in (seen["properties"][name].get("description"), comment) if word]
        properties[name] = seen["properties"][name] | ({"description": "; ".join(words)} if words else {})
    required = [*said.get("required", ()), *(name for name in seen.get("required", ()) if name in changed)]
    whole = {"bsonType": "object", **said, "required": list(dict.fromkeys(required)), "properties": properties}
    if not required:
        del whole["required"]
    return {"$and": [{"$jsonSchema": whole}, *_other_clauses(validator)]}


def _other_clauses(validator: Validator) -> Iterator[Validator]:
    """What a validator demands beside its `$jsonSchema`."""
    is_list = set(validator) == {"$and"}
    for clause in validator["$and"] if is_list else (validator,):
        rest = {name: value for name, value in clause.items() if name != "$jsonSchema"}
        if rest:
            yield rest


def _named(node: Any) -> Iterator[str]:
    """The paths that a condition is about; of a variable its name."""
    if isinstance(node, str) and node.startswith("$"):
        yield node.removeprefix("$$ROOT.").removeprefix("$")
    elif isinstance(node, Mapping):
        for name, part in node.items():
            if not name.startswith("$"):
                yield name
            if name not in ("$comment", "$literal"):
                yield from _named(part)
    elif isinstance(node, list):
        for part in node:
            yield from _named(part)
