"""Which parents the rows of an order get: those that are given, rows of the dataset, or new ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, arrow_type
from loadlab.data.core.hashing import Int64s, below, hash_rows, make_key
from loadlab.data.overlay.given import given_array, plain_values
from loadlab.data.values.numbers import TreeLevels
from loadlab.errors import InputError
from loadlab.factories.factory import Factory, GivenParent
from loadlab.factories.rows import Row, Rows
from loadlab.schema.model import ForeignKey, Table

_DEPTH_MAX = 32
_ASKED_MAX = 2000


@dataclass(frozen=True, slots=True)
class ParentKeys:
    """The parents for one foreign key: row i has parent `i // each % count`.

    `columns` are the foreign key's columns with the parents' values, shape (count,); `moments_us` when the parents were
    written, where it is known. `given` tells whether the user named them, `asks` whether they may have children
    already; `rows` are they themselves.
    """

    key: ForeignKey
    columns: Mapping[str, pa.Array]
    count: int
    each: int = 1
    moments_us: Int64s | None = None
    given: bool = True
    asks: bool = True
    rows: Rows | Sequence[Mapping[str, Any]] | None = None
    highest: Int64s | None = None
    """The highest number that each parent's children have, where they are numbered; shape (count,)."""

    def picks(self, index: Int64s) -> Int64s:
        return index // self.each % max(self.count, 1)


def parent_keys(order: Factory, *, creates: bool) -> tuple[ParentKeys, ...]:
    """The parents of all rows of an order, foreign key by foreign key. Raises InputError."""
    found = [_given(order, parent, creates=creates) for parent in order.parents]
    known = {column for keys in found for column in keys.columns} | set(order.recipe.wishes)
    for key in order.table.foreign_keys:
        if any(keys.key is key for keys in found) or set(key.columns) <= known:
            continue
        more = _chosen(order, key, found, known, creates=creates)
        if more is not None:
            found.append(more)
            known |= set(more.columns)
    return tuple(replace(keys, highest=_highest(order, keys)) if _numbered(order, keys.key) else keys for keys in found)


# -- given ------------------------------------------------------------------------------------------------------------


def _given(order: Factory, parent: GivenParent, *, creates: bool) -> ParentKeys:
    from loadlab.factories.making import create, make

    rows: Any = parent.parents
    asks = True
    if isinstance(rows, Factory):
        rows = create(rows) if creates else make(rows)
        asks = False
    place = f'factory("{order.table.key}").for_({",".join(parent.key.columns)}=…)'
    target = order.database.table(parent.key.target, place)
    if isinstance(rows, Rows):
        if rows.table.key != target.key:
            raise InputError(place, f"takes rows of {target.key}, these are of {rows.table.key}")
        columns = {own: _kept(rows, theirs, place) for own, theirs in _pairs(parent.key)}
        moments: Int64s | None = np.asarray(rows.moments_us.to_numpy(), dtype=np.int64)
        count = len(rows)
    else:
        several = [rows] if isinstance(rows, Mapping) else list(rows) if isinstance(rows, Sequence) else None
        if several is None or not all(isinstance(row, Mapping) for row in several):
            raise InputError(
                place, f"takes a row of {target.key} (a mapping with its key), several of them, or an order"
            )
        columns = {own: _from_mappings(several, target, theirs, place) for own, theirs in _pairs(parent.key)}
        moments = _moments(several)
        count = len(several)
        rows = several
    if not count and order.amount:
        raise InputError(place, "has no row to belong to")
    return ParentKeys(parent.key, columns, count, parent.each, moments, True, asks, rows)


def _pairs(key: ForeignKey) -> list[tuple[str, str]]:
    return list(zip(key.columns, key.target_columns, strict=True))


def _kept(rows: Rows, column: str, place: str) -> pa.Array:
    if column not in rows.columns:
        raise InputError(place, f"needs {column} of {rows.table.key}, which these rows do not have")
    return rows.arrow(column).combine_chunks()


def _from_mappings(rows: Sequence[Mapping[str, Any]], table: Table, column: str, place: str) -> pa.Array:
    for row in rows:
        if isinstance(row, Row) and row.table_key != table.key:
            raise InputError(place, f"takes rows of {table.key}, this one is of {row.table_key}")
        if row.get(column) is None:
            raise InputError(place, f"needs a row with a value of {column}")
    return given_array([row[column] for row in rows], table.column(column).type, place)


def _moments(rows: Sequence[Mapping[str, Any]]) -> Int64s | None:
    known = [row._moment_us if isinstance(row, Row) else None for row in rows]
    if any(moment is None for moment in known):
        return None
    return np.array(known, dtype=np.int64)


# -- chosen -----------------------------------------------------------------------------------------------------------


def _chosen(
    order: Factory, key: ForeignKey, found: Sequence[ParentKeys], known: set[str], *, creates: bool
) -> ParentKeys | None:
    """Parents for a foreign key that nobody gave; None leaves it to the dataset, which knows rows that exist."""
    database, table = order.database, order.table
    shared = [name for name in key.columns if name in known]
    alone = any(set(unique) <= set(key.columns) for unique in table.unique_keys)
    paired = any(
        set(key.columns) & set(unique) and set(unique) & (known - set(key.columns)) and _all_keys(table, unique)
        for unique in table.unique_keys
    )
    itself = key.target == table.key
    if database.dataset.row_count(table.key) and not (alone or paired or shared or itself):
        return None
    free = [name for name in key.columns if table.column(name).nullable and name not in known]
    if free:
        nothing = {name: pa.nulls(1, arrow_type(table.column(name).type)) for name in free}
        return ParentKeys(key, nothing, 1, given=False)
    there = database.dataset.row_count(key.target)
    if there and not shared and not alone:
        return _of_dataset(order, key, there, in_turn=paired)
    if not creates:
        columns = {n: pa.nulls(1, arrow_type(table.column(n).type)) for n in key.columns if n not in known}
        return ParentKeys(key, columns, 1, given=False)
    return _created(order, key, found, shared, order.amount if alone or paired else 1)


def _all_keys(table: Table, unique: Sequence[str]) -> bool:
    """Whether a unique key is made of foreign keys alone, so that the choice of parents has to keep it."""
    return set(unique) <= {name for key in table.foreign_keys for name in key.columns}


def _of_dataset(order: Factory, key: ForeignKey, there: int, *, in_turn: bool) -> ParentKeys:
    """Rows that the dataset has: one after the other, or at random."""
    database = order.database
    index = np.arange(min(order.amount, there) if in_turn else order.amount, dtype=np.int64)
    start = database.next_row(order.table)
    picks = (
        index
        if in_turn
        else below(hash_rows(make_key(database.seed, order.table.key, *key.columns), start + index), there)
    )
    made = database.dataset.columns(key.target, key.target_columns, picks)
    moments = database.dataset._frame(key.target, picks).moment_us()
    columns = {own: made[theirs] for own, theirs in _pairs(key)}
    return ParentKeys(key, columns, max(len(index), 1), 1, moments, given=False)


def _created(
    order: Factory, key: ForeignKey, found: Sequence[ParentKeys], shared: Sequence[str], count: int
) -> ParentKeys:
    from loadlab.factories.making import create

    database, table = order.database, order.table
    place = f'factory("{table.key}")'
    if key.target == table.key:
        raise InputError(place, f"needs a row of {table.key} for {','.join(key.columns)}; give one with for_()")
    values = {}
    for own, theirs in _pairs(key):
        if own in shared:
            values[theirs] = _only_value(order, own, found, place)
    with database.creating_parents_of(table.key, _DEPTH_MAX):
        rows = create(replace(database.factory(key.target).state(**values), amount=count))
    moments = np.asarray(rows.moments_us.to_numpy(), dtype=np.int64)
    columns = {own: _kept(rows, theirs, place) for own, theirs in _pairs(key) if own not in shared}
    return ParentKeys(key, columns, count, 1, moments, given=False, asks=False, rows=rows)


def _only_value(order: Factory, column: str, found: Sequence[ParentKeys], place: str) -> object:
    """The value of a column that two foreign keys share, for the parent that is to be created with it."""
    wish = order.recipe.wishes.get(column)
    if wish is not None and wish.kind == "constant":
        return wish.value
    for keys in found:
        if column in keys.columns:
            values = plain_values(keys.columns[column], order.table.column(column).type)
            if len(set(map(str, values))) == 1:
                return values[0]
    raise InputError(place, f"has several values of {column}, which foreign keys share; give every parent with for_()")


# -- what follows from a chosen parent --------------------------------------------------------------------------------


def ordinals(order: Factory, parent: ParentKeys, index: Int64s) -> dict[str, Cells]:
    """Numbers within a parent (line numbers), continued behind the children that the parent has."""
    column = _numbered(order, parent.key)
    if column is None or parent.highest is None:
        return {}
    picks = parent.picks(index)
    cycle = parent.each * max(parent.count, 1)
    rank = index // cycle * parent.each + index % parent.each
    return {column: Cells(parent.highest[picks] + 1 + rank)}


def _numbered(order: Factory, key: ForeignKey) -> str | None:
    """An integer column that numbers the rows of a parent: with the foreign key it is a unique key."""
    in_keys = {name for foreign in order.table.foreign_keys for name in foreign.columns}
    for unique in order.table.unique_keys:
        rest = [name for name in unique if name not in key.columns]
        if set(unique) & set(key.columns) and len(rest) == 1 and rest[0] not in in_keys:
            column = order.table.column(rest[0])
            if column.type.kind == "integer" and column.generated is None:
                return rest[0]
    return None


def _highest(order: Factory, parent: ParentKeys) -> Int64s | None:
    """The highest number that each parent's children have, 0 without any; None where the numbers are given."""
    column = _numbered(order, parent.key)
    if column is None or column in order.recipe.wishes:
        return None
    if not parent.asks or parent.columns[next(iter(parent.columns))].null_count:
        return np.zeros(max(parent.count, 1), dtype=np.int64)
    if parent.count > _ASKED_MAX:
        raise InputError(
            f'factory("{order.table.key}")',
            f"numbers {column} behind the rows that are there, for {_ASKED_MAX:,} parents at most; give fewer, or a "
            f"sequence of {column}",
        )
    return order.database.highest(order.table, column, parent.columns)


def tree_level(order: Factory, parent: ParentKeys, index: Int64s) -> dict[str, Cells]:
    """The depth in a tree, where a column keeps it: a root's without a parent, else one more than the parent's."""
    plan = order.database.values_of(order.table).plan.tables[order.table.key]
    found = {}
    for name, generator in plan.columns.items():
        if not isinstance(generator, TreeLevels) or generator.relation != ",".join(parent.key.columns):
            continue
        if name in order.recipe.wishes:
            continue
        if parent.columns[parent.key.columns[0]].null_count:
            found[name] = Cells(np.full(len(index), generator.root, dtype=np.int64))
        else:
            levels = _column(parent.rows, name)
            if levels is not None:
                found[name] = Cells(levels[parent.picks(index)] + 1)
    return found


def _column(rows: Rows | Sequence[Mapping[str, Any]] | None, name: str) -> Int64s | None:
    """A whole-number column of parents, where all of them tell it."""
    if isinstance(rows, Rows):
        return np.asarray(rows.arrow(name).to_numpy(), dtype=np.int64) if name in rows.columns else None
    if rows is None or any(row.get(name) is None for row in rows):
        return None
    return np.array([row[name] for row in rows], dtype=np.int64)
