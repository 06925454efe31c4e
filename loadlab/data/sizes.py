"""How many rows tables get of which nobody said anything: few tenants, more users, several orders of each."""

from __future__ import annotations

from collections.abc import Mapping

from loadlab.data.volumes import DEFAULT_ROWS
from loadlab.schema.meaning import about_table
from loadlab.schema.model import ForeignKey, Schema, Table
from loadlab.schema.order import load_order

# A table that references nothing, by how many levels of tables hang below it.
_ROOTS = (DEFAULT_ROWS, 100, 50, 20)
_PEOPLE = 200
# Rows of the parent up to so many: so many children of each.
_CHILDREN = ((30, 10), (300, 5), (2_000, 3))
_CHILDREN_OF_MANY = 2
_MOST = 10_000
_PARTNERS = 3


def sizes_by_relations(schema: Schema) -> dict[str, int]:
    """Rows by table key: 1,000 in the middle, 10,000 at most, in all about as many as 1,000 a table would be."""
    order = load_order(schema).tables
    heights = _heights(schema, order)
    found: dict[str, int] = {}
    for key in order:
        found[key] = _size(schema.table(key), heights[key], found)
    return found


def _heights(schema: Schema, order: tuple[str, ...]) -> dict[str, int]:
    """Levels of tables that reference a table, directly or through others."""
    heights = dict.fromkeys(order, 0)
    place = {key: number for number, key in enumerate(order)}
    for key in reversed(order):
        for target in {foreign.target for foreign in schema.table(key).foreign_keys}:
            if target in place and place[target] < place[key]:
                heights[target] = max(heights[target], heights[key] + 1)
    return heights


def _size(table: Table, height: int, sizes: Mapping[str, int]) -> int:
    keys = [key for key in table.foreign_keys if key.target in sizes]
    needed = [key for key in keys if not any(table.column(name).nullable for name in key.columns)] or keys
    if not needed:
        return _PEOPLE if height and about_table(table) == "full_name" else _ROOTS[min(height, len(_ROOTS) - 1)]
    alone = [sizes[key.target] for key in needed if _is_once(table, key)]
    if alone:
        return min(alone)
    parents = [sizes[key.target] for key in needed]
    if _is_junction(table, needed):
        pairs = 1
        for count in parents:
            pairs *= count
        return max(min(_PARTNERS * max(parents), pairs // 2, _MOST), 1)
    return min(max(parents) * _children(max(parents)), _MOST)


def _children(parents: int) -> int:
    return next((children for most, children in _CHILDREN if parents <= most), _CHILDREN_OF_MANY)


def _is_once(table: Table, key: ForeignKey) -> bool:
    """Whether a parent has one such row at most."""
    return any(set(unique) <= set(key.columns) for unique in table.unique_keys)


def _is_junction(table: Table, keys: list[ForeignKey]) -> bool:
    columns = {name for key in keys for name in key.columns}
    return len(keys) > 1 and any(len(unique) > 1 and set(unique) <= columns for unique in table.unique_keys)
