"""Commands on a table whose rows stand in others, made of the commands that it would have with a collection of its own.

A read looks at the host's documents, unwinds the lists on the way, and gives each row the form that a document of its
own would have (`view`); what follows is the same pipeline. Conditions are asked of the host's documents first, where an
index can answer them. A write changes the list: `$push`, `$set` of the element that an array filter finds, `$pull`.
Pure; a value is a parameter or a constant as `filters` writes it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from itertools import takewhile
from typing import Any

from loadlab.engines.mongodb.filters import Filter, of_key
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, field_name, fields, path, paths
from loadlab.errors import InputError

Stages = list[dict[str, Any]]
_SAFE = {"$in", "$eq", "$gt", "$gte", "$lt", "$lte", "$exists", "$all"}
"""Operators of which an element that satisfies one makes its document satisfy it."""
_ELEMENT = "row"


def within(command: Mapping[str, Any], layout: Layout, table: str) -> dict[str, Any]:
    """A command on the collection of a table, as one on the documents that hold its rows; itself where it has its own.

    Raises InputError for what cannot be done to rows that stand in others.
    """
    if not layout.within(table):
        return dict(command)
    verb = next(iter(command))
    if verb == "find":
        return _found(command, layout, table)
    if verb == "aggregate":
        return _aggregated(command, layout, table)
    if verb == "insert":
        return _pushed(command, layout, table)
    if verb in ("update", "delete"):
        return _changed(command, verb, layout, table)
    raise InputError(table, f"stands in {layout.documents.root(table)}: {verb} of its rows has to be written by hand")


# -- reads -----------------------------------------------------------------------------------------------------------


def view(layout: Layout, table: str) -> Stages:
    """From the host's documents to the table's rows, each as a document of its own."""
    stages: Stages = [{"$unwind": f"${name}"} for name in layout.arrays(table)]
    if not layout.documents.of(table).many:
        stages.append({"$match": {layout.within(table): {"$exists": True}}})
    return [*stages, {"$replaceWith": row_of(layout, table)}]


def row_of(layout: Layout, table: str) -> dict[str, Any]:
    """The row that an unwound document of the collection holds, as an expression."""
    return _row(layout, table, lambda column: layout.path(table, column), layout.within(table))


def row_in(layout: Layout, table: str, at: str, host: str) -> dict[str, Any]:
    """The row at a path, of a host whose own document is behind `host` ("" or a path and a dot)."""
    placement = layout.documents.of(table)
    target = layout.schema.table(placement.host)

    def place(column: str) -> str:
        owner, name = layout.host_column(table, column)
        return f"{host}{path(target, name)}" if owner == placement.host else f"{at}.{field_name(name)}"

    return _row(layout, table, place, at)


def _row(layout: Layout, table: str, place: Callable[[str], str], at: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, columns in fields(layout.schema.table(table)):
        if isinstance(columns, str):
            found[name] = f"${place(columns)}"
        else:
            found[name] = {field_name(column): f"${place(column)}" for column in columns}
    inside = (inner.field for inner in layout.documents.inside(table))
    return found | {field_name(name): f"${at}.{field_name(name)}" for name in inside}


def _found(command: Mapping[str, Any], layout: Layout, table: str) -> dict[str, Any]:
    condition = command.get("filter", {})
    stages = [*_matched(condition, layout, table), *view(layout, table)]
    stages += [{"$match": condition}] if condition else []
    for word in ("sort", "skip", "limit"):
        if word in command:
            stages.append({f"${word}": command[word]})
    if "projection" in command:
        stages.append({"$project": command["projection"]})
    return {"aggregate": layout.collection(table), "pipeline": stages, "cursor": {}}


def _aggregated(command: Mapping[str, Any], layout: Layout, table: str) -> dict[str, Any]:
    pipeline = list(command["pipeline"])
    first = pipeline[0].get("$match", {}) if pipeline else {}
    stages = [*_matched(first, layout, table), *view(layout, table), *pipeline]
    return dict(command) | {"aggregate": layout.collection(table), "pipeline": stages}


def _matched(condition: Filter, layout: Layout, table: str) -> Stages:
    before = host_filter(condition, layout, table)
    return [{"$match": before}] if before else []


def host_filter(condition: Filter, layout: Layout, table: str) -> Filter:
    """What of a condition on rows can be asked of the documents that hold them: all that it says of these is true of
    every document with such a row.
    """
    named = {at: column for column, at in paths(layout.schema.table(table)).items()}
    found: Filter = {}
    for at, value in condition.items():
        if at == "$and":
            for part in value:
                found |= {k: v for k, v in host_filter(part, layout, table).items() if k not in found}
        elif at == "$or":
            branches = [host_filter(part, layout, table) for part in value]
            found |= {"$or": branches} if all(branches) else {}
        elif at == ID and len(layout.schema.table(table).primary_key) > 1:
            found |= _of_key(value, layout, table)
        elif at in named and _is_safe(value):
            found[layout.path(table, named[at])] = value
    return _with_whole_key(found, layout, table)


def _of_key(value: Any, layout: Layout, table: str) -> Filter:
    """Of a key of several columns: each where the whole is said, else what the range begins with."""
    key = layout.schema.table(table).primary_key
    said = value.get("$gte", value) if isinstance(value, dict) else {}
    return {
        layout.path(table, column): said[field_name(column)]
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


def _with_whole_key(found: Filter, layout: Layout, table: str) -> Filter:
    """A key of several columns compared as the one document that the index of `_id` knows it as, or as a range."""
    root = layout.schema.table(layout.documents.root(table))
    wanted = [path(root, column) for column in root.primary_key]
    said = [found[at] for at in takewhile(lambda at: at in found and not is_condition(found[at]), wanted)]
    if len(wanted) < 2 or not said:
        return found
    known = wanted[: len(said)]
    others = {at: value for at, value in found.items() if at not in known}
    return {ID: of_key(root.primary_key, said), **others}


# -- writes ----------------------------------------------------------------------------------------------------------


def _pushed(command: Mapping[str, Any], layout: Layout, table: str) -> dict[str, Any]:
    (document,) = command["documents"]
    values = _by_column(document, layout, table)
    host = layout.documents.of(table).host
    key = {layout.origin(table, column): value for column, value in values.items()}
    own = {field_name(c): value for c, value in values.items() if layout.origin(table, c) == (table, c)}
    query = _with_whole_key(
        {layout.path(*origin): value for origin, value in key.items() if origin[0] != table}, layout, table
    )
    if layout.within(host):
        raise InputError(table, f"stands in {host}, which stands in others: an insert has to be written by hand")
    field = layout.within(table)
    change = {"$push": {field: own}} if layout.documents.of(table).many else {"$set": {field: own}}
    return {"update": layout.collection(table), "updates": [{"q": query, "u": change}]}


def _by_column(document: Mapping[str, Any], layout: Layout, table: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, columns in fields(layout.schema.table(table)):
        if isinstance(columns, str):
            found |= {columns: document[name]} if name in document else {}
        else:
            found |= {column: document[name][field_name(column)] for column in columns}
    return found


def _changed(command: Mapping[str, Any], verb: str, layout: Layout, table: str) -> dict[str, Any]:
    (item,) = command["updates" if verb == "update" else "deletes"]
    query = host_filter(item["q"], layout, table)
    changes = item["u"] if verb == "update" else None
    if not layout.arrays(table):
        return _changed_single(query, changes, layout, table)
    if len(layout.arrays(table)) > 1:
        raise InputError(table, "stands in lists within lists: a change of its rows has to be written by hand")
    own = _of_element(item["q"], layout, table)
    (field,) = layout.arrays(table)
    rest = layout.within(table).removeprefix(field)
    if changes is None and not rest:
        change: dict[str, Any] = {"q": query, "u": {"$pull": {field: own}}}
    else:
        at = f"{field}.$[{_ELEMENT}]{rest}"
        change = {
            "q": query,
            "u": {"$unset": {at: ""}} if changes is None else _below(changes, at, layout, table),
            "arrayFilters": [{f"{_ELEMENT}{rest}.{name}": value for name, value in own.items()}],
        }
    return {"update": layout.collection(table), "updates": [change]}


def _changed_single(query: Filter, changes: Any, layout: Layout, table: str) -> dict[str, Any]:
    at = layout.within(table)
    change = {"$unset": {at: ""}} if changes is None else _below(changes, at, layout, table)
    return {"update": layout.collection(table), "updates": [{"q": {at: {"$exists": True}, **query}, "u": change}]}


def _of_element(condition: Filter, layout: Layout, table: str) -> Filter:
    """What of a condition says which element it is; the host's key has said which document."""
    named = {at: column for column, at in paths(layout.schema.table(table)).items()}
    found: Filter = {}
    for at, value in condition.items():
        if at == ID and len(layout.schema.table(table).primary_key) > 1:
            parts = {column: value[field_name(column)] for column in layout.schema.table(table).primary_key}
        elif at in named:
            parts = {named[at]: value}
        else:
            raise InputError(table, f"stands in lists: a change by {at} has to be written by hand")
        own = {field_name(c): v for c, v in parts.items() if layout.origin(table, c) == (table, c)}
        found |= own
    return found


def _below(changes: Mapping[str, Any], at: str, layout: Layout, table: str) -> dict[str, Any]:
    """The operators of an update, on the fields of the element."""
    named = {name: column for column, name in paths(layout.schema.table(table)).items()}
    return {
        operator: {f"{at}.{field_name(named[name])}": value for name, value in said.items()}
        for operator, said in changes.items()
    }
