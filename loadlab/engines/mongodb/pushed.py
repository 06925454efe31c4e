"""An update that adds a row to the list that holds a table's rows is an insert into that table. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from loadlab.engines.mongodb.commands import Command
from loadlab.engines.mongodb.content import Places, compared
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.paths import collection_name, field_name
from loadlab.engines.mongodb.slots import Slot
from loadlab.schema.nesting import Placement


def pushed_row(command: Command, layout: Layout) -> tuple[str, Mapping[str, str]] | None:
    """(table, by column the parameter) of `{q: KEY OF THE HOST, u: {$push: {FIELD: ROW}}}`; None for anything else."""
    updates = command.document.get("updates") if command.verb == "update" else None
    if not isinstance(updates, list) or len(updates) != 1:
        return None
    change = updates[0].get("u")
    added = change.get("$push") if isinstance(change, Mapping) and set(change) == {"$push"} else None
    if not isinstance(added, Mapping) or len(added) != 1:
        return None
    ((field, row),) = added.items()
    placement = _held_in(command.collection, field, layout)
    by = compared(updates[0].get("q"), command.collection, Places(layout.stored))
    if placement is None or by is None or not isinstance(row, Mapping):
        return None
    return placement.table, _values(placement, row, by, layout)


def _held_in(collection: str, field: str, layout: Layout) -> Placement | None:
    held = (item for item in layout.documents.placements if item.is_inside and item.many)
    return next((p for p in held if collection_name(p.host) == collection and field_name(p.field) == field), None)


def _values(placement: Placement, row: Mapping[str, Any], by: Mapping[str, str], layout: Layout) -> dict[str, str]:
    found: dict[str, str] = {}
    for column in layout.schema.table(placement.table).column_names:
        owner, name = layout.host_column(placement.table, column)
        value = row.get(field_name(column))
        if owner == placement.host and name in by:
            found[column] = by[name]
        elif isinstance(value, Slot):
            found[column] = value.name
    return found
