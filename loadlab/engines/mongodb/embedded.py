"""Commands on a table whose rows stand in others, made of the commands that it would have with a collection of its own.

A read looks at the host's documents, unwinds the lists on the way, and gives each row the form that a document of its
own would have (`view`); what follows is the same pipeline. Conditions are asked of the host's documents first, where an
index can answer them. A write changes the list: `$push`, `$set` of the element that an array filter finds, `$pull`.
Pure; a value is a parameter or a constant as `filters` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlab.engines.mongodb.paths import ID, field_name, fields, path, paths
from loadlab.engines.mongodb.places import Places
from loadlab.errors import InputError

Stages = list[dict[str, Any]]
Filter = dict[str, Any]
_SAFE = {"$in", "$eq", "$gt", "$gte", "$lt", "$lte", "$exists", "$all"}
"""Operators of which an element that satisfies one makes its document satisfy it."""
_ELEMENT = "row"


def within(command: Mapping[str, Any], places: Places, table: str) -> dict[str, Any]:
    """A command on the collection of a table, as one on the documents that hold its rows; itself where it has its own.

    Raises InputError for what cannot be done to rows that stand in others.
    """
    if not places.within(table):
        return dict(command)
    verb = next(iter(command))
    if verb == "find":
        return _found(command, places, table)
    if verb == "aggregate":
        return _aggregated(command, places, table)
    if verb == "insert":
        return _pushed(command, places, table)
    if verb in ("update", "delete"):
        return _changed(command, verb, places, table)
    raise InputError(table, f"stands in {places.documents.root(table)}: {verb} of its rows has to be written by hand")


# -- reads -----------------------------------------------------------------------------------------------------------


def view(places: Places, table: str) -> Stages:
    """From the host's documents to the table's rows, each as a document of its own."""
    stages: Stages = [{"$unwind": f"${name}"} for name in places.arrays(table)]
    if not places.documents.of(table).many:
        stages.append({"$match": {places.within(table): {"$exists": True}}})
    return [*stages, {"$replaceWith": row_of(places, table)}]


def row_of(places: Places, table: str, prefix: str = "") -> dict[str, Any]:
    """The row that an unwound document of the host holds, as an expression; `prefix` leads to that document."""
    found: dict[str, Any] = {}
    for name, columns in fields(places.schema.table(table)):
        if isinstance(columns, str):
            found[name] = f"${prefix}{places.path(table, columns)}"
        else:
            found[name] = {field_name(c): f"${prefix}{places.path(table, c)}" for c in columns}
    return found


def _found(command: Mapping[str, Any], places: Places, table: str) -> dict[str, Any]:
    condition = command.get("filter", {})
    stages = [*_matched(condition, places, table), *view(places, table)]
    stages += [{"$match": condition}] if condition else []
    for word in ("sort", "skip", "limit"):
        if word in command:
            stages.append({f"${word}": command[word]})
    if "projection" in command:
        stages.append({"$project": command["projection"]})
    return {"aggregate": places.collection(table), "pipeline": stages, "cursor": {}}


def _aggregated(command: Mapping[str, Any], places: Places, table: str) -> dict[str, Any]:
    pipeline = list(command["pipeline"])
    first = pipeline[0].get("$match", {}) if pipeline else {}
    stages = [*_matched(first, places, table), *view(places, table), *pipeline]
    return dict(command) | {"aggregate": places.collection(table), "pipeline": stages}


def _matched(condition: Filter, places: Places, table: str) -> Stages:
    before = host_filter(condition, places, table)
    return [{"$match": before}] if before else []


def host_filter(condition: Filter, places: Places, table: str) -> Filter:
    """What of a condition on rows can be asked of the documents that hold them: all that it says of these is true of
    every document with such a row.
    """
    named = {at: column for column, at in paths(places.schema.table(table)).items()}
    found: Filter = {}
    for at, value in condition.items():
        if at == "$and":
            for part in value:
                found |= {k: v for k, v in host_filter(part, places, table).items() if k not in found}
        elif at == "$or":
            branches = [host_filter(part, places, table) for part in value]
            found |= {"$or": branches} if all(branches) else {}
        elif at == ID and len(places.schema.table(table).primary_key) > 1:
            found |= _of_key(value, places, table)
        elif at in named and _is_safe(value):
            found[places.path(table, named[at])] = value
    return _with_whole_key(found, places, table)


def _of_key(value: Any, places: Places, table: str) -> Filter:
    """Of a key of several columns: each where the whole is said, else what the range begins with."""
    key = places.schema.table(table).primary_key
    said = value.get("$gte", value) if isinstance(value, dict) else {}
    return {
        places.path(table, column): said[field_name(column)]
        for column in key
        if field_name(column) in said and not _is_end(said[field_name(column)])
    }


def _is_end(value: Any) -> bool:
    return isinstance(value, dict) and bool(value.keys() & {"$minKey", "$maxKey"})


def _is_safe(value: Any) -> bool:
    if not is_condition(value):
        return True
    return set(value) <= _SAFE and value.get("$exists", True) is True


def is_condition(value: Any) -> bool:
    """Whether a value is one of operators, not one to be equal to: words of Extended JSON are values."""
    operators = ("$in", "$eq", "$ne", "$nin", "$gt", "$gte", "$lt", "$lte", "$exists", "$all", "$contains", "$not")
    return isinstance(value, dict) and any(key in operators for key in value)


def _with_whole_key(found: Filter, places: Places, table: str) -> Filter:
    """A key of several columns compared as the one document that the index of `_id` knows it as."""
    root = places.schema.table(places.documents.root(table))
    wanted = {path(root, column): field_name(column) for column in root.primary_key}
    whole = len(wanted) > 1 and all(at in found and not is_condition(found[at]) for at in wanted)
    if not whole:
        return found
    others = {at: value for at, value in found.items() if at not in wanted}
    return {ID: {name: found[at] for at, name in wanted.items()}, **others}


# -- writes ----------------------------------------------------------------------------------------------------------


def _pushed(command: Mapping[str, Any], places: Places, table: str) -> dict[str, Any]:
    (document,) = command["documents"]
    values = _by_column(document, places, table)
    host = places.documents.of(table).host
    key = {places.origin(table, column): value for column, value in values.items()}
    own = {field_name(c): value for c, value in values.items() if places.origin(table, c) == (table, c)}
    query = _with_whole_key(
        {places.path(*origin): value for origin, value in key.items() if origin[0] != table}, places, table
    )
    if places.within(host):
        raise InputError(table, f"stands in {host}, which stands in others: an insert has to be written by hand")
    field = places.within(table)
    change = {"$push": {field: own}} if places.documents.of(table).many else {"$set": {field: own}}
    return {"update": places.collection(table), "updates": [{"q": query, "u": change}]}


def _by_column(document: Mapping[str, Any], places: Places, table: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, columns in fields(places.schema.table(table)):
        if isinstance(columns, str):
            found |= {columns: document[name]} if name in document else {}
        else:
            found |= {column: document[name][field_name(column)] for column in columns}
    return found


def _changed(command: Mapping[str, Any], verb: str, places: Places, table: str) -> dict[str, Any]:
    (item,) = command["updates" if verb == "update" else "deletes"]
    query = host_filter(item["q"], places, table)
    changes = item["u"] if verb == "update" else None
    if not places.arrays(table):
        return _changed_single(query, changes, places, table)
    if len(places.arrays(table)) > 1:
        raise InputError(table, "stands in lists within lists: a change of its rows has to be written by hand")
    own = _of_element(item["q"], places, table)
    (field,) = places.arrays(table)
    rest = places.within(table).removeprefix(field)
    if changes is None and not rest:
        change: dict[str, Any] = {"q": query, "u": {"$pull": {field: own}}}
    else:
        at = f"{field}.$[{_ELEMENT}]{rest}"
        change = {
            "q": query,
            "u": {"$unset": {at: ""}} if changes is None else _below(changes, at, places, table),
            "arrayFilters": [{f"{_ELEMENT}{rest}.{name}": value for name, value in own.items()}],
        }
    return {"update": places.collection(table), "updates": [change]}


def _changed_single(query: Filter, changes: Any, places: Places, table: str) -> dict[str, Any]:
    at = places.within(table)
    change = {"$unset": {at: ""}} if changes is None else _below(changes, at, places, table)
    return {"update": places.collection(table), "updates": [{"q": {at: {"$exists": True}, **query}, "u": change}]}


def _of_element(condition: Filter, places: Places, table: str) -> Filter:
    """What of a condition says which element it is; the host's key has said which document."""
    named = {at: column for column, at in paths(places.schema.table(table)).items()}
    found: Filter = {}
    for at, value in condition.items():
        if at == ID and len(places.schema.table(table).primary_key) > 1:
            parts = {column: value[field_name(column)] for column in places.schema.table(table).primary_key}
        elif at in named:
            parts = {named[at]: value}
        else:
            raise InputError(table, f"stands in lists: a change by {at} has to be written by hand")
        own = {field_name(c): v for c, v in parts.items() if places.origin(table, c) == (table, c)}
        found |= own
    return found


def _below(changes: Mapping[str, Any], at: str, places: Places, table: str) -> dict[str, Any]:
    """The operators of an update, on the fields of the element."""
    named = {name: column for column, name in paths(places.schema.table(table)).items()}
    return {
        operator: {f"{at}.{field_name(named[name])}": value for name, value in said.items()}
        for operator, said in changes.items()
    }
