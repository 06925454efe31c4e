"""Joins along foreign keys as a pipeline: one `$lookup` a step, on the foreign side's index. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadlab.engines.mongodb.filters import equal, joined, where
from loadlab.engines.mongodb.paths import ID, collection_name, field_name, path
from loadlab.schema.joins import Link, links, split_name
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import Join, sort_keys

Stages = list[dict[str, Any]]


def join(form: Join, table: Table, schema: Schema) -> dict[str, Any]:
    """The rows of the table are documents of the pipeline; what is joined is in their fields `t1`, `t2`, …."""
    condition = joined([equal(table, form.by or ()), where(table, form.where)])
    stages: Stages = [{"$match": condition}] if condition else []
    keys = sort_keys(form.sort)
    if keys:
        stages.append({"$sort": {path(table, column): -1 if descending else 1 for column, descending in keys}})
    tables: dict[str, tuple[Table, str]] = {table.key: (table, "")}
    for number, link in enumerate(links(table, schema, form.along), start=1):
        name = f"t{number}"
        stages += _step(link, name, tables[link.known.key][1])
        tables.setdefault(link.new.key, (link.new, f"{name}."))
    if form.limit:
        stages.append({"$limit": form.limit})
    stages.append({"$project": _columns(form, table, tables)})
    return {"aggregate": collection_name(table.key), "pipeline": stages, "cursor": {}}


def _step(link: Link, name: str, prefix: str) -> Stages:
    known = [f"{prefix}{path(link.known, column)}" for column in link.known_columns]
    lookup: dict[str, Any] = {"from": collection_name(link.new.key)}
    before: Stages = []
    if len(known) == 1:
        lookup |= {"localField": known[0], "foreignField": path(link.new, link.new_columns[0])}
    elif set(link.new_columns) == set(link.new.primary_key):
        # The index of `_id` finds a key of several columns as the document that it is.
        by_column = dict(zip(link.new_columns, known, strict=True))
        before = [{"$set": {f"{name}_key": {field_name(c): f"${by_column[c]}" for c in link.new.primary_key}}}]
        lookup |= {"localField": f"{name}_key", "foreignField": ID}
    else:
        lookup |= _by_several(link, known)
    lookup["as"] = name
    unwind = {"path": f"${name}", "preserveNullAndEmptyArrays": link.may_be_absent}
    return [*before, {"$lookup": lookup}, {"$unwind": unwind}]


def _by_several(link: Link, known: Sequence[str]) -> dict[str, Any]:
    """The first column finds, the others are compared: an index begins with the first."""
    first, *others = (path(link.new, column) for column in link.new_columns)
    names = [f"k{number}" for number in range(1, len(known))]
    same = [{"$eq": [f"${at}", f"$${name}"]} for at, name in zip(others, names, strict=True)]
    return {
        "localField": known[0],
        "foreignField": first,
        "let": {name: f"${at}" for name, at in zip(names, known[1:], strict=True)},
        "pipeline": [{"$match": {"$expr": {"$and": same} if len(same) > 1 else same[0]}}],
    }


def _columns(form: Join, table: Table, tables: dict[str, tuple[Table, str]]) -> dict[str, Any]:
    if form.columns:
        wanted = [split_name(item, table) for item in form.columns]
    else:
        wanted = [(key, column.name) for key, (one, _) in tables.items() for column in one.stored_columns]
    found: dict[str, Any] = {ID: 0}
    for key, column in wanted:
        one, prefix = tables[key]
        name = field_name(column)
        # What two tables have under one name keeps its table's.
        name = name if name not in found and name != ID else f"{field_name(key)}_{name}"
        found[name] = f"${prefix}{path(one, column)}"
    return found
