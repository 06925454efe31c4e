"""From an order to rows: what is given first, then what LoadLab would seed, made to agree with it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import Cells, arrow_type, to_arrow
from loadlab.data.core.hashing import Int64s
from loadlab.data.dataset import Dataset
from loadlab.data.frame import Frame
from loadlab.data.overlay.given import cells_of, given_array, plain_values
from loadlab.data.values.times import Written
from loadlab.errors import ConstraintError, InputError
from loadlab.factories.choices import worlds_of
from loadlab.factories.factory import Factory
from loadlab.factories.inside import columns_inside, has_inside, placement_of, with_inside
from loadlab.factories.parents import ParentKeys, ordinals, parent_keys, tree_level
from loadlab.factories.recipe import Wish, column_of
from loadlab.factories.rows import Rows
from loadlab.factories.totals import Total, aggregates_of, totals_of
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import ColumnShape

BATCH_ROWS = 10_000
APPEND_ROWS = 50_000
"""Rows that are inserted in one transaction."""
KEPT_MAX = 100_000
"""Up to so many rows all columns are handed back, beyond it the keys alone."""
WINDOW_US = 30 * 86_400_000_000
"""Rows are written over the thirty days before the database's now, in their order."""


def make(order: Factory) -> Rows:
    """The rows of an order; nothing is written."""
    maker = _Maker.of(order, creates=False)
    kept = _Kept(order, order.amount)
    for batch, moments in maker.batches(0, order.amount):
        kept.add(batch, moments)
    return kept.rows()


def create(order: Factory) -> Rows:
    """Insert the rows of an order with everything that belongs to them."""
    return _insert(_planned(order))


@dataclass(frozen=True, slots=True)
class _Work:
    """An order with its maker. `children` are there where the rows have aggregates over them, or hold them: they are
    planned first and inserted last, or with these."""

    order: Factory
    maker: _Maker
    children: tuple[_Work, ...] | None = None

    def batches(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The rows [start, stop) by index."""
        for batch, _ in self.maker.batches(start, stop):
            yield batch


def _planned(order: Factory) -> _Work:
    maker = _Maker.of(order, creates=True)
    if not aggregates_of(order) and not has_inside(order):
        return _Work(order, maker)
    kept = _Kept(order, order.amount)
    for batch, moments in maker.batches(0, order.amount):
        kept.add(batch, moments)
    rows = kept.rows()
    works = tuple(_planned(_children(given.order, rows, given.key, given.count)) for given in order.children)
    makers = [(given, work.maker) for given, work in zip(order.children, works, strict=True)]
    return _Work(order, replace(maker, totals=totals_of(order, makers)), works)


def _insert(work: _Work, *, is_written: bool = False) -> Rows:
    """`is_written`: the rows are there, with those that they stand in."""
    order = work.order
    kept = _Kept(order, order.amount)
    for start in range(0, order.amount, APPEND_ROWS):
        batches = _passing(work, kept, start, min(start + APPEND_ROWS, order.amount))
        if is_written:
            deque(batches, maxlen=0)
        else:
            _append(order, batches)
    rows = kept.rows()
    if work.children is None:
        for children in order.children:
            create(_children(children.order, rows, children.key, children.count))
    for given, child in zip(order.children, work.children or (), strict=False):
        _insert(child, is_written=placement_of(order, given) is not None)
    for attached in order.attached:
        _attach(attached.junction, rows, attached.own, attached.rows, attached.other)
    return rows


def _passing(work: _Work, kept: _Kept, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """The rows [start, stop), which are kept, with what stands in them."""
    for batch in kept.passing(work.maker.batches(start, stop)):
        yield with_inside(work, batch, start)
        start += batch.num_rows


def _append(order: Factory, batches: Iterator[pa.RecordBatch]) -> None:
    columns = (*filled_columns(order), *columns_inside(order))
    try:
        order.database.append(replace(order.table, columns=columns), batches)
    except ConstraintError as error:
        message = (
            f'factory("{order.table.key}"): {error}; a given value that comes twice or breaks a rule of the table,'
            " or rows that somebody else wrote meanwhile"
        )
        raise ConstraintError(message, code=error.code) from None


def _children(order: Factory, rows: Rows, key: Any, each: int) -> Factory:
    from loadlab.factories.factory import GivenParent, _add_parent

    made = list(order.parents)
    _add_parent(made, GivenParent(key, rows, each))
    return replace(order, parents=tuple(made), amount=len(rows) * each)


def _attach(junction: Factory, rows: Rows, own: Any, others: Any, other: Any) -> None:
    from loadlab.factories.factory import GivenParent

    if isinstance(others, Factory):
        others = create(others)
    count = len(others)
    if count and len(rows):
        parents = (GivenParent(own, rows, count), GivenParent(other, others, 1))
        create(replace(junction, parents=parents, amount=len(rows) * count))


class _Kept:
    """Collects what is handed back."""

    def __init__(self, order: Factory, total: int) -> None:
        self._table = order.table
        names = [column.name for column in filled_columns(order)]
        if total > KEPT_MAX:
            keys = order.database.key_columns(order.table)
            names = [name for name in names if name in keys]
        self._names = names
        self._columns: dict[str, list[pa.Array]] = {name: [] for name in names}
        self._moments: list[pa.Array] = []

    def add(self, batch: pa.RecordBatch, moments: Int64s) -> None:
        for name in self._names:
            self._columns[name].append(batch.column(name))
        self._moments.append(pa.array(moments))

    def passing(self, pieces: Iterator[tuple[pa.RecordBatch, Int64s]]) -> Iterator[pa.RecordBatch]:
        for batch, moments in pieces:
            self.add(batch, moments)
            yield batch

    def rows(self) -> Rows:
        columns = {
            name: pa.chunked_array(pieces, arrow_type(self._table.column(name).type))
            for name, pieces in self._columns.items()
        }
        return Rows(self._table, columns, pa.chunked_array(self._moments, pa.int64()))


@dataclass(frozen=True, slots=True)
class _Maker:
    """Makes the rows of an order by their index, from 0; row numbers of the dataset begin at `first_row`."""

    order: Factory
    parents: tuple[ParentKeys, ...]
    first_row: int
    shapes: Dataset | None
    totals: tuple[Total, ...] = ()

    @classmethod
    def of(cls, order: Factory, *, creates: bool) -> _Maker:
        """Finds (or creates) the parents and sets row numbers aside."""
        parents = parent_keys(order, creates=creates)
        shapes = {name: wish.value for name, wish in order.recipe.wishes.items() if wish.kind == "shape"}
        return cls(
            order,
            parents,
            order.database.take(order.table, order.amount, is_written=creates),
            order.database.variant(order.table, shapes) if shapes else None,
        )

    @property
    def table(self) -> Table:
        return self.order.table

    def batches(self, start: int, stop: int) -> Iterator[tuple[pa.RecordBatch, Int64s]]:
        """The rows [start, stop) by index, and when each was written."""
        columns = filled_columns(self.order)
        fields = [pa.field(c.name, arrow_type(c.type), nullable=c.nullable) for c in columns]
        for first in range(start, stop, BATCH_ROWS):
            index = np.arange(first, min(first + BATCH_ROWS, stop), dtype=np.int64)
            frame = self.frame(index)
            arrays = [to_arrow(frame.cells(c.name), c.type) for c in columns]
            yield pa.RecordBatch.from_arrays(arrays, schema=pa.schema(fields)), frame.moment_us()

    def frame(self, index: Int64s) -> Frame:
        """The rows of these indexes, with all that is given of them."""
        given = self._given(index)
        given |= {total.column: total.cells(index) for total in self.totals}
        moments = self._moments(index, given)
        if self.shapes is not None:
            shaped = preset(self.shapes, self.table.key, self.first_row + index, given, moments)
            names = [name for name, wish in self.order.recipe.wishes.items() if wish.kind == "shape"]
            given |= {name: shaped.cells(name) for name in names if name not in given}
        rows = self.first_row + index
        frame = preset(self.order.database.values_of(self.table), self.table.key, rows, given, moments)
        of_row = {name: wish for name, wish in self.order.recipe.wishes.items() if wish.kind == "of_row"}
        if not of_row:
            return frame
        given |= self._of_row(frame, of_row)
        return preset(
            self.order.database.values_of(self.table), self.table.key, rows, given, self._moments(index, given)
        )

    def _given(self, index: Int64s) -> dict[str, Cells]:
        """What the order says of these rows: keys of parents, constants, sequences."""
        given: dict[str, Cells] = {}
        for parent in self.parents:
            for name, array in parent.columns.items():
                cells = cells_of(array.take(pa.array(parent.picks(index))))
                if name in given and not _same(given[name], cells):
                    place = f'factory("{self.table.key}").for_()'
                    raise InputError(place, f"has parents that disagree on {name}, which their keys share")
                given[name] = cells
            given |= ordinals(self.order, parent, index)
            given |= tree_level(self.order, parent, index)
        for name, wish in self.order.recipe.wishes.items():
            values = _values(wish, index)
            if values is not None:
                given[name] = self._cells(name, values, len(index))
        for function in self.order.recipe.whole:
            given |= self._whole([dict(function(int(i))) for i in index])
        return given

    def _whole(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Cells]:
        place = f'factory("{self.table.key}").sequence()'
        names = list(rows[0]) if rows else []
        if any(set(row) != set(names) for row in rows):
            raise InputError(place, f"needs the same columns for every index: {', '.join(names)}")
        for name in names:
            column_of(self.table, name, place)
        return {name: self._cells(name, [row[name] for row in rows], len(rows)) for name in names}

    def _of_row(self, frame: Frame, wishes: Mapping[str, Wish]) -> dict[str, Cells]:
        """Functions of the row, one after the other: each sees what those before it made."""
        columns = filled_columns(self.order)
        lists = {c.name: plain_values(to_arrow(frame.cells(c.name), c.type), c.type) for c in columns}
        rows = [{name: values[place] for name, values in lists.items()} for place in range(len(frame))]
        made = {}
        for name, wish in wishes.items():
            values = [wish.value(row) for row in rows]
            made[name] = self._cells(name, values, len(rows))
            for row, value in zip(rows, values, strict=True):
                row[name] = value
        return made

    def _cells(self, name: str, values: Sequence[Any], count: int) -> Cells:
        """One value for all rows, or one for each."""
        column = self.table.column(name)
        place = f'factory("{self.table.key}").{name}'
        if not column.nullable and any(value is None for value in values):
            raise InputError(place, "cannot be None: the column is NOT NULL")
        array = given_array(values, column.type, place)
        return cells_of(array if len(values) == count else array.take(pa.array(np.zeros(count, dtype=np.int64))))

    def _moments(self, index: Int64s, given: Mapping[str, Cells]) -> Int64s:
        """When the rows were written: as their `created_at` says, else in the window, not before their parents."""
        plan = self.order.database.values_of(self.table).plan.tables[self.table.key]
        for name, cells in given.items():
            if isinstance(plan.columns.get(name), Written) and cells.valid is None:
                return np.asarray(cells.values, dtype=np.int64)
        database = self.order.database
        share = index.astype(np.float64) / max(self.order.amount, 1)
        moments = database.now_us - WINDOW_US + (share * float(WINDOW_US)).astype(np.int64)
        for parent in self.parents:
            if parent.moments_us is not None and len(parent.moments_us):
                moments = np.maximum(moments, parent.moments_us[parent.picks(index)])
        return moments


def preset(dataset: Dataset, table: str, rows: Int64s, given: Mapping[str, Cells], moments_us: Int64s) -> Frame:
    """Rows of a dataset in which some cells and the moments are as they are given; what depends on them follows."""
    frame = dataset._frame(table, rows)
    frame.give(given, moments_us, worlds_of(frame.plan, rows, given))
    return frame


def filled_columns(order: Factory) -> tuple[Column, ...]:
    """The columns that are inserted: those that the dataset fills or the order names; others are the server's."""
    made = order.database.values_of(order.table).plan.tables[order.table.key].columns
    asked = order.recipe.wishes
    # Left out, a column has its default; one that only a function of the index names is not known before.
    return tuple(column for column in order.table.stored_columns if column.name in made or column.name in asked)


def _values(wish: Wish, index: Int64s) -> list[Any] | None:
    if wish.kind == "constant":
        return [wish.value]
    if wish.kind == "cycle":
        return [wish.value[int(i) % len(wish.value)] for i in index]
    if wish.kind == "of_index":
        return [wish.value(int(i)) for i in index]
    return None


def _same(one: Cells, other: Cells) -> bool:
    if isinstance(one.values, (pa.Array, pa.ChunkedArray)):
        return bool(one.values.equals(other.values))
    return bool(np.array_equal(one.values, other.values))


def without_nulls(shapes: Mapping[str, ColumnShape]) -> dict[str, ColumnShape]:
    """A state that names a column wants values in it: NULLs only where it says so."""
    return {
        name: shape if shape.null_share is not None else shape.model_copy(update={"null_share": 0.0})
        for name, shape in shapes.items()
    }
