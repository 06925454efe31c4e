"""Example rows: written by hand, in the first rows of their table, mixed into what is generated.

`data.tables.users.examples: [{email: admin@example.com}, …]` takes rows 0, 1, … of the table. A column that an example
does not name is generated as ever. A foreign key column takes the name of an example of the parent table or the
number of a row of it (from 0).

Unique columns stay unique without a retry: a generator of distinct values is a bijection of the row, so where row r
would get an example's value, it gets the value that the example's own row gave up, which nobody else has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Cells
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, Generator
from loadlab.data.overlay.given import given_cells, merged
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Column, ForeignKey, Table


@dataclass(frozen=True, slots=True)
class Examples:
    """Another generator's cells, except in the rows of examples.

    `rows` are the examples' rows that give the column a value, ascending, shape (k,); `values` their cells. With
    `distinct` the inner generator makes distinct values and no other row gets an example's; `fold` compares texts
    without regard to case.
    """

    inner: Generator
    rows: Int64s
    values: Cells
    distinct: bool = False
    fold: bool = False

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        place = np.searchsorted(self.rows, frame.rows)
        place = np.minimum(place, len(self.rows) - 1)
        is_example = self.rows[place] == frame.rows
        if self.distinct:
            cells = self._without_taken(frame, cells, ~is_example)
        return merged(cells, self.values, is_example, place)

    def _without_taken(self, frame: Frame, cells: Cells, generated: np.ndarray[Any, np.dtype[np.bool_]]) -> Cells:
        """The inner cells; where one of them is an example's value, what the inner generator has for that example."""
        taken = _comparable(self.values, self.fold)
        which = _index_in(_comparable(cells, self.fold), taken)
        hit = generated & (which >= 0)
        if not hit.any():
            return cells
        given_up = self.inner.make(frame.with_rows(self.rows))
        # What an example gave up may be another example's value: follow until it is free. It ends, as the inner
        # values are distinct.
        onward = _index_in(_comparable(given_up, self.fold), taken)
        target = np.where(hit, which, 0)
        for _ in range(len(self.rows)):
            more = onward[target] >= 0
            if not more.any():
                break
            target = np.where(more, onward[target], target)
        return merged(cells, given_up, hit, target)


@dataclass(frozen=True, slots=True)
class ExampleParents:
    """A foreign key column whose examples name their parents: `parents` are the parents' rows, -1 for NULL."""

    inner: Generator
    rows: Int64s
    parents: Int64s
    target: str
    target_column: str

    def make(self, frame: Frame) -> Cells:
        cells = self.inner.make(frame)
        place = np.minimum(np.searchsorted(self.rows, frame.rows), len(self.rows) - 1)
        is_example = self.rows[place] == frame.rows
        if not is_example.any():
            return cells
        keys = frame.of(self.target, np.maximum(self.parents, 0)).cells(self.target_column)
        if (self.parents < 0).any():
            keys = keys.with_nulls(self.parents >= 0)
        return merged(cells, keys, is_example, place)


def _comparable(cells: Cells, fold: bool) -> pa.Array:
    """The cells as an Arrow array that can be looked up."""
    values = cells.values
    if isinstance(values, (pa.Array, pa.ChunkedArray)):
        array = values.combine_chunks() if isinstance(values, pa.ChunkedArray) else values
        if fold and pa.types.is_string(array.type):
            array = pc.utf8_lower(array)
    elif values.ndim == 2:
        array = pa.Array.from_buffers(
            pa.binary(values.shape[1]), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))]
        )
    else:
        array = pa.array(values)
    if cells.valid is None:
        return array
    return pc.if_else(pa.array(cells.valid), array, pa.scalar(None, type=array.type))


def _index_in(values: pa.Array, taken: pa.Array) -> Int64s:
    """For each value its place among the taken ones, -1 when it is free; NULL is always free."""
    # Of equal NULLs among the taken ones none may match.
    found = pc.index_in(values, value_set=taken.cast(values.type), skip_nulls=True)
    return np.asarray(found.fill_null(-1).to_numpy(zero_copy_only=False), dtype=np.int64)


# -- from the scenario -----------------------------------------------------------------------------------------------

ExampleRows = Sequence[Mapping[str, Any]]
"""A table's examples in their order, as the scenario has them; the key `$name` names one."""
NAME_KEY = "$name"


@dataclass(frozen=True, slots=True)
class TableExamples:
    """The checked examples of a table. `parents` has, by foreign key (its columns joined by ","), (row, parent row)."""

    table: str
    count: int
    values: Mapping[str, tuple[tuple[int, ...], tuple[Any, ...]]]
    parents: Mapping[str, tuple[tuple[int, ...], tuple[int, ...]]]
    place: str

    def wrapped(self, column: Column, inner: Generator, *, distinct: bool, fold: bool = False) -> Generator:
        """The generator of a column with the examples in it; `inner` itself where no example names the column.

        `distinct`: the planner relies on the inner values being distinct. Raises InputError for a value that does not
        fit the column, or that two examples of a distinct column share.
        """
        if column.name not in self.values:
            return inner
        rows, values = self.values[column.name]
        place = f"{self.place}.{column.name}"
        cells = given_cells(values, column.type, place)
        if not column.nullable and any(value is None for value in values):
            raise InputError(place, "cannot be null: the column is NOT NULL")
        if distinct:
            known = pc.drop_null(_comparable(cells, fold))
            if len(known) != len(pc.unique(known)):
                raise InputError(place, "is unique, but two examples have the same value")
        return Examples(inner, np.array(rows, dtype=np.int64), cells, distinct, fold)

    def wrapped_key(self, key: ForeignKey, column: str, inner: Generator) -> Generator:
        """The generator of a foreign key's column with the examples' parents in it."""
        name = ",".join(key.columns)
        if name not in self.parents:
            return inner
        rows, parents = self.parents[name]
        target_column = key.target_columns[key.columns.index(column)]
        return ExampleParents(
            inner, np.array(rows, dtype=np.int64), np.array(parents, dtype=np.int64), key.target, target_column
        )

    def check_pattern(self, relation: str, pattern: str) -> None:
        """Raises InputError where the parent of a row follows from its place among its siblings."""
        if relation in self.parents and pattern not in ("spread", "tree"):
            raise InputError(
                f"{self.place}.{relation}",
                f"cannot be chosen: the relation is {pattern}, so a row's place says which parent it has",
            )


def read_examples(
    tables: Mapping[str, Table], written: Mapping[str, ExampleRows], row_counts: Mapping[str, int], place: str
) -> dict[str, TableExamples]:
    """Check the examples of all tables: columns, parents, room.

    `written` and `row_counts` are by table key, `place` is the file that the user wrote. Raises InputError,
    InfeasibleError.
    """
    names = {key: _names(key, rows, place) for key, rows in written.items()}
    found: dict[str, TableExamples] = {}
    for key, rows in written.items():
        if not rows:
            continue
        where = f"{place}: data.tables.{key}.examples"
        if len(rows) > row_counts.get(key, 0):
            raise InfeasibleError(where, f"has {len(rows)} rows, the table gets {row_counts.get(key, 0)}")
        found[key] = _table_examples(tables[key], rows, names, row_counts, where)
    return found


def _names(key: str, rows: ExampleRows, place: str) -> dict[str, int]:
    names: dict[str, int] = {}
    for row, example in enumerate(rows):
        name = example.get(NAME_KEY)
        if name is None:
            continue
        if name in names:
            raise InputError(f"{place}: data.tables.{key}.examples.{row}.{NAME_KEY}", "is taken by another", value=name)
        names[str(name)] = row
    return names


def _table_examples(
    table: Table,
    rows: ExampleRows,
    names: Mapping[str, Mapping[str, int]],
    row_counts: Mapping[str, int],
    where: str,
) -> TableExamples:
    keys = {",".join(key.columns): key for key in table.foreign_keys}
    in_keys = {column for key in table.foreign_keys for column in key.columns}
    stored = {column.name for column in table.stored_columns}
    values: dict[str, list[tuple[int, Any]]] = {}
    parents: dict[str, list[tuple[int, int]]] = {}
    for row, example in enumerate(rows):
        for name, value in example.items():
            at = f"{where}.{row}.{name}"
            if name == NAME_KEY:
                continue
            if name in keys:
                parents.setdefault(name, []).append((row, _parent(keys[name], table, value, names, row_counts, at)))
            elif name in in_keys:
                key = next(key for key in table.foreign_keys if name in key.columns)
                raise InputError(at, f"is part of a foreign key: name its parent as {','.join(key.columns)}")
            elif name not in stored:
                raise InputError(
                    at, f"is no column of {table.key} that can be given; columns: {', '.join(sorted(stored))}"
                )
            else:
                values.setdefault(name, []).append((row, value))
    return TableExamples(table.key, len(rows), _by_column(values), _by_column(parents), where)


def _by_column(pairs: Mapping[str, Sequence[tuple[int, Any]]]) -> dict[str, tuple[tuple[int, ...], tuple[Any, ...]]]:
    return {name: (tuple(row for row, _ in items), tuple(value for _, value in items)) for name, items in pairs.items()}


def _parent(
    key: ForeignKey,
    table: Table,
    value: Any,
    names: Mapping[str, Mapping[str, int]],
    row_counts: Mapping[str, int],
    at: str,
) -> int:
    """The parent's row, -1 for NULL."""
    if value is None:
        if not any(table.column(name).nullable for name in key.columns):
            raise InputError(at, "cannot be null: the column is NOT NULL")
        return -1
    if isinstance(value, int) and not isinstance(value, bool):
        count = row_counts.get(key.target, 0)
        if not 0 <= value < count:
            raise InputError(at, f"is no row of {key.target}, which has the rows 0 to {count - 1}", value=value)
        return value
    known = names.get(key.target, {})
    if value in known:
        return known[value]
    said = f"examples named {', '.join(known)}" if known else "no named examples"
    raise InputError(at, f"must be the name of an example of {key.target} ({said}) or the number of a row", value=value)
