"""The neutral forms of operations as commands. They come checked and with their defaults filled in."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from loadlab.engines.mongodb.embedded import within
from loadlab.engines.mongodb.filters import Filter, behind, equal, joined, slot, typed, where
from loadlab.engines.mongodb.joining import join
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import ID, collection_name, field_name, fields, path
from loadlab.errors import InputError
from loadlab.schema.model import Table
from loadlab.spec.native import command_text
from loadlab.spec.operations import (
    SEARCHED,
    Addition,
    Delete,
    Form,
    Join,
    Lookup,
    Report,
    RowList,
    Search,
    Update,
    set_name,
    sort_keys,
)
from loadlab.spec.statement import Statement


def operation_statement(form: Form, layout: Layout) -> Statement:
    """See `loadlab.engines.abilities.CanRenderOperations`."""
    table = layout.schema.table(form.table)
    if isinstance(form, Join):
        return _statement(join(form, table, layout))
    return _statement(within(_command(form, table), layout, table.key))


def _command(form: Lookup | RowList | Report | Search | Update | Delete, table: Table) -> dict[str, Any]:
    """As of a table that has a collection of its own."""
    match form:
        case Lookup():
            return _find(table, form.columns, equal(table, form.by or ()), limit=1)
        case RowList():
            return _list(table, form)
        case Report():
            return _report(table, form)
        case Search():
            return _search(table, form)
        case Update():
            return _update(table, form)
        case Delete():
            return _delete(table, form)


def insert_statement(table: Table, layout: Layout) -> Statement:
    """An insert of one row, each parameter named as its column."""
    document: dict[str, Any] = {}
    for name, columns in fields(table):
        if isinstance(columns, str):
            document[name] = _stored(table, columns)
        else:
            document[name] = {field_name(column): _stored(table, column) for column in columns}
    return _statement(within({"insert": collection_name(table.key), "documents": [document]}, layout, table.key))


def _stored(table: Table, column: str) -> Any:
    """Values of new rows come in their own types, save those that Arrow has as text or bytes alone."""
    kind = table.column(column).type
    return typed(kind, slot(column)) if kind.kind in ("json", "bytes", "geometry") else slot(column)


def lookup_statement(table: Table, columns: Sequence[str], layout: Layout) -> Statement:
    """See `loadlab.engines.abilities.CanAppend`."""
    found = _find(table, table.primary_key or columns[:1], equal(table, columns), limit=1)
    return _statement(within(found, layout, table.key))


def highest_statement(table: Table, column: str, known: Sequence[str], layout: Layout) -> Statement:
    """See `loadlab.engines.abilities.CanAppend`: no document where there is none."""
    at = path(table, column)
    stages: list[dict[str, Any]] = [{"$match": equal(table, known)}] if known else []
    total = {"$group": {ID: None, "highest": {"$max": f"${at}"}}}
    pipeline = [*stages, total, {"$project": {ID: 0, "highest": 1}}]
    found = {"aggregate": collection_name(table.key), "pipeline": pipeline, "cursor": {}}
    return _statement(within(found, layout, table.key))


def _statement(command: dict[str, Any]) -> Statement:
    return Statement.parse(command_text(command))


def _find(table: Table, columns: Sequence[str] | None, condition: Filter, **more: Any) -> dict[str, Any]:
    found = {"find": collection_name(table.key), "filter": condition, "projection": projection(table, columns)}
    return found | more


def projection(table: Table, columns: Sequence[str] | None) -> dict[str, int]:
    """The paths of columns, all of them by name unless some are said."""
    wanted = {path(table, column): 1 for column in columns or [column.name for column in table.stored_columns]}
    has_key = any(at == ID or at.startswith(f"{ID}.") for at in wanted)
    return wanted if has_key else {**wanted, ID: 0}


def order(table: Table, keys: Sequence[tuple[str, bool]]) -> dict[str, int]:
    """Paths by their direction."""
    return {path(table, column): -1 if descending else 1 for column, descending in keys}


def _list(table: Table, form: RowList) -> dict[str, Any]:
    keys = sort_keys(form.sort)
    further = behind(table, keys) if form.after else {}
    condition = joined([equal(table, form.by or ()), where(table, form.where), further])
    sorting = {"sort": order(table, keys)} if keys else {}
    return _find(table, form.columns, condition, **sorting, limit=form.limit)


def _report(table: Table, form: Report) -> dict[str, Any]:
    groups: dict[str, Any] = {}
    if form.bucket is not None:
        at = f"${path(table, form.bucket.column)}"
        groups["bucket"] = {"$dateTrunc": {"date": at, "unit": form.bucket.by, "startOfWeek": "monday"}}
    groups |= {field_name(column): f"${path(table, column)}" for column in form.group or ()}
    totals: dict[str, Any] = {"count": {"$sum": 1}} if form.count else {}
    totals |= {f"sum_{field_name(column)}": {"$sum": f"${path(table, column)}"} for column in form.sum or ()}
    condition = joined([equal(table, form.by or ()), where(table, form.where)])
    stages: list[dict[str, Any]] = [{"$match": condition}] if condition else []
    stages.append({"$group": {ID: groups or None, **totals}})
    if groups:
        stages.append({"$sort": {ID: 1}})
    if form.limit:
        stages.append({"$limit": form.limit})
    stages.append({"$project": {ID: 0, **{name: f"${ID}.{name}" for name in groups}, **dict.fromkeys(totals, 1)}})
    return {"aggregate": collection_name(table.key), "pipeline": stages, "cursor": {}}


def _search(table: Table, form: Search) -> dict[str, Any]:
    indexes = [index for index in table.indexes if form.column in index.keys]
    at = path(table, form.column)
    if form.how == "contains" and indexes:
        is_document = table.column(form.column).type.kind in ("json", "map")
        wanted: Filter = {at: {"$contains": slot(SEARCHED)} if is_document else {"$all": slot(SEARCHED)}}
    elif form.how == "text" and any(index.method == "text" for index in indexes):
        wanted = {"$text": {"$search": slot(SEARCHED)}}
    else:
        raise InputError(
            f"search.{form.how}",
            f"names a column of {table.key} without an index for such a search; make one, or write it as a command",
            value=form.column,
        )
    condition = joined([equal(table, form.by or ()), where(table, form.where), wanted])
    return _find(table, form.columns, condition, limit=form.limit)


def _update(table: Table, form: Update) -> dict[str, Any]:
    changes: dict[str, dict[str, Any]] = {}
    for column, value in form.set.items():
        if column in table.primary_key:
            raise InputError(
                "update.set", f"names a column of the key of {table.key}, which stays as it is", value=column
            )
        at, kind = path(table, column), table.column(column).type
        if isinstance(value, Addition):
            changes.setdefault("$inc", {})[at] = value.add if kind.kind == "integer" else typed(kind, value.add)
        else:
            changes.setdefault("$set", {})[at] = typed(kind, slot(set_name(column)))
    return _changing(table, equal(table, form.by or ()), changes)


def _delete(table: Table, form: Delete) -> dict[str, Any]:
    condition = equal(table, form.by or ())
    if form.soft is None:
        return {"delete": collection_name(table.key), "deletes": [{"q": condition, "limit": 1}]}
    moment = typed(table.column(form.soft).type, slot(set_name(form.soft)))
    return _changing(table, condition, {"$set": {path(table, form.soft): moment}})


def _changing(table: Table, condition: Filter, changes: dict[str, Any]) -> dict[str, Any]:
    return {"update": collection_name(table.key), "updates": [{"q": condition, "u": changes}]}
