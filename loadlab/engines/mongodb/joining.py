"""Joins along foreign keys as a pipeline: one `$lookup` a step, on the foreign side's index. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadlab.engines.mongodb.embedded import row_in, view, within
from loadlab.engines.mongodb.filters import equal, joined, where
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, collection_name, field_name, path
from loadlab.schema.joins import Link, links, split_name
from loadlab.schema.model import Table
from loadlab.spec.operations import Join, sort_keys

Stages = list[dict[str, Any]]


def join(form: Join, table: Table, layout: Layout) -> dict[str, Any]:
    """The rows of the table are documents of the pipeline; what is joined is in their fields `t1`, `t2`, …."""
    condition = joined([equal(table, form.by or ()), where(table, form.where)])
    stages: Stages = [{"$match": condition}] if condition else []
    keys = sort_keys(form.sort)
    if keys:
        stages.append({"$sort": {path(table, column): -1 if descending else 1 for column, descending in keys}})
    tables: dict[str, tuple[Table, str]] = {table.key: (table, "")}
    for number, link in enumerate(links(table, layout.schema, form.along), start=1):
        name = f"t{number}"
        stages += _step(link, name, tables[link.known.key][1], layout)
        tables.setdefault(link.new.key, (link.new, f"{name}."))
    if form.limit:
        stages.append({"$limit": form.limit})
    stages.append({"$project": _columns(form, table, tables)})
    return within({"aggregate": collection_name(table.key), "pipeline": stages, "cursor": {}}, layout, table.key)


def _step(link: Link, name: str, prefix: str, layout: Layout) -> Stages:
    known = [f"{prefix}{path(link.known, column)}" for column in link.known_columns]
    unwind = {"path": f"${name}", "preserveNullAndEmptyArrays": link.may_be_absent}
    if layout.within(link.new.key):
        inside = _held(link, name, prefix, layout)
        return inside if inside is not None else [_from_rows(link, name, known, layout), {"$unwind": unwind}]
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
    return [*before, {"$lookup": lookup}, {"$unwind": unwind}]


def _held(link: Link, name: str, prefix: str, layout: Layout) -> Stages | None:
    """Of rows that stand in those that are known: their own documents hold them. None where they stand elsewhere."""
    placement = layout.documents.of(link.new.key)
    if placement.host != link.known.key or ",".join(link.new_columns) != placement.relation:
        return None
    at = f"{prefix}{field_name(placement.field)}"
    stages: Stages = []
    if placement.many:
        stages = [{"$unwind": {"path": f"${at}", "preserveNullAndEmptyArrays": link.may_be_absent}}]
    elif not link.may_be_absent:
        stages = [{"$match": {at: {"$exists": True}}}]
    return [*stages, {"$set": {name: row_in(layout, link.new.key, at, prefix)}}]


def _from_rows(link: Link, name: str, known: Sequence[str], layout: Layout) -> dict[str, Any]:
    """Rows that stand in those of a table that is not joined: each as a document of its own, compared then."""
    names = [f"k{number}" for number in range(len(known))]
    same = [
        {"$eq": [f"${path(link.new, column)}", f"$${variable}"]}
        for column, variable in zip(link.new_columns, names, strict=True)
    ]
    return {
        "$lookup": {
            "from": layout.collection(link.new.key),
            "localField": known[0],
            "foreignField": layout.path(link.new.key, link.new_columns[0]),
            "let": {variable: f"${at}" for variable, at in zip(names, known, strict=True)},
            "pipeline": [*view(layout, link.new.key), {"$match": {"$expr": {"$and": same}}}],
            "as": name,
        }
    }


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
