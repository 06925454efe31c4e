"""Rows that stand in others: the children of some rows of a table as one more Arrow column of it.

Of a list of rows the column is `list<struct<…>>`, of one row at most `struct<…>`, NULL where there is none. What is
embedded in embedded rows is a field of their struct. A summary of the row that is referenced is a `struct<…>` as well.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from typing import Protocol

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.data.core.cells import Mask, arrow_type
from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import TablePlan
from loadlab.data.relations.children import (
    INDEXED_MAX,
    Children,
    IndexedChildren,
    JoinedChildren,
    NeighbouringChildren,
    is_in_order,
)
from loadlab.data.relations.relation import Relation
from loadlab.schema.nesting import Documents, Placement


class Rows(Protocol):
    """The dataset that the rows are of (`loadlab.data.dataset.Dataset`)."""

    def batch(self, table: str, start: int, stop: int) -> pa.RecordBatch: ...

    def columns(self, table: str, names: tuple[str, ...], rows: Int64s) -> dict[str, pa.Array]: ...

    def parent_rows(self, table: str, relation: str, rows: Int64s) -> tuple[Int64s, Mask | None]: ...

    def row_count(self, table: str) -> int: ...


def listing_obstacle(relation: Relation, rows: float, *, is_written: bool = False) -> str:
    """Why the children of a parent cannot be listed among so many child rows; "" where they can.

    `is_written`: the scenario's examples name parents by hand.
    """
    if relation.self_reference:
        return "it refers to its own table"
    if is_written:
        return "examples of the scenario choose their parents by hand"
    if is_in_order(relation) or rows <= INDEXED_MAX:
        return ""
    return f"{rows:,.0f} rows that are in no order by that parent are too many to be sorted ({INDEXED_MAX:,} at most)"


class Nesting:
    """The rows of a dataset as the tables of a plan of documents hold them.

    `earlier` is that of the dataset which this one is a growth of.
    """

    def __init__(
        self, dataset: Rows, plans: Mapping[str, TablePlan], documents: Documents, earlier: Nesting | None = None
    ) -> None:
        self._dataset, self._plans = dataset, plans
        self._earlier = earlier
        self.documents = documents
        self._children: dict[str, Children] = {}

    def batch(self, table: str, start: int, stop: int) -> pa.RecordBatch:
        """Rows [start, stop) of a table: its columns, then those of the rows that stand in it."""
        batch = self._dataset.batch(table, start, stop)
        hosts = np.arange(start, stop, dtype=np.int64)
        for field, array in self._more(table, hosts):
            batch = batch.append_column(field, array)
        return batch

    def embedded_rows(self, table: str, start: int, stop: int) -> int:
        """How many rows of other tables stand in the rows [start, stop) alone, at any depth."""
        total = 0
        for placement in self.documents.inside(table):
            if not placement.is_inside:
                continue
            children = self._children_of(placement)
            if isinstance(children, NeighbouringChildren):
                first, end = children.between(start, stop)
                total += end - first + self.embedded_rows(placement.table, first, end)
            else:
                rows = children.of(np.arange(start, stop, dtype=np.int64))[1]
                total += len(rows) + self._of_scattered(placement.table, rows)
        return total

    def _of_scattered(self, table: str, hosts: Int64s) -> int:
        total = 0
        for placement in self.documents.inside(table):
            if placement.is_inside:
                rows = self._children_of(placement).of(hosts)[1]
                total += len(rows) + self._of_scattered(placement.table, rows)
        return total

    def _more(self, table: str, hosts: Int64s) -> Iterator[tuple[pa.Field, pa.Array]]:
        """What rows hold beside their own columns."""
        for placement in self.documents.inside(table):
            yield from self.fields(placement, hosts)
        for summary in self.documents.summaries_in(table):
            parents, valid = self._dataset.parent_rows(table, summary.relation, hosts)
            structs = self._structs(summary.table, summary.columns, parents)
            array = structs if valid is None else pc.if_else(pa.array(valid), structs, pa.scalar(None, structs.type))
            yield pa.field(summary.field, array.type), array

    # -- one column --------------------------------------------------------------------------------------------------

    def fields(self, placement: Placement, hosts: Int64s) -> list[tuple[pa.Field, pa.Array]]:
        """The column of what stands in each of the hosts, and of its counter where it has one."""
        counts, rows = self._children_of(placement).of(hosts)
        found = []
        kept, kept_rows = (counts, rows) if placement.newest is None else _newest(counts, rows, placement.newest)
        array = self.column(placement, kept, kept_rows)
        found.append((pa.field(placement.field, array.type, nullable=not placement.many), array))
        if placement.counter:
            found.append((pa.field(placement.counter, pa.int64(), nullable=False), pa.array(counts)))
        return found

    def column(self, placement: Placement, counts: Int64s, rows: Int64s) -> pa.Array:
        """The column of some rows: so many of them in each host, host after host."""
        structs = self._structs(placement.table, placement.columns, rows, with_more=placement.is_inside)
        if placement.many:
            offsets = np.concatenate(([0], np.cumsum(counts))).astype(np.int32)
            kind = pa.list_(pa.field("item", structs.type, nullable=False))
            return pa.ListArray.from_arrays(pa.array(offsets), structs, type=kind)
        place = np.cumsum(counts) - counts
        return structs.take(pa.array(place, mask=counts == 0))

    def _structs(self, key: str, columns: tuple[str, ...], rows: Int64s, *, with_more: bool = False) -> pa.StructArray:
        plan = self._plans[key]
        # What is left to the server is not there.
        table, names = plan.table, tuple(name for name in columns if name in plan.columns)
        cells = self._dataset.columns(key, names, rows)
        fields = [pa.field(name, arrow_type(table.column(name).type), table.column(name).nullable) for name in names]
        arrays = [_flat(cells[field.name], field.type) for field in fields]
        for field, array in self._more(key, rows) if with_more else ():
            fields.append(field)
            arrays.append(array)
        return pa.StructArray.from_arrays(arrays, fields=fields)

    def _children_of(self, placement: Placement) -> Children:
        found = self._children.get(placement.table)
        if found is None:
            # Two threads that come first make two, and one of them is kept.
            found = self._children.setdefault(placement.table, self._made(placement))
        return found

    def _made(self, placement: Placement) -> Children:
        plan = self._plans[placement.table]
        relation = next(item for item in plan.relations if item.name == placement.relation)
        parent_rows = partial(self._dataset.parent_rows, placement.table, placement.relation)
        rows = self._dataset.row_count(placement.table)
        start = 0 if self._earlier is None else self._earlier._dataset.row_count(placement.table)
        found: Children
        if is_in_order(relation):
            found = NeighbouringChildren(parent_rows, rows, start)
        else:
            found = IndexedChildren(parent_rows, rows, self._dataset.row_count(placement.host), start)
        if self._earlier is None:
            return found
        there = self._earlier._dataset.row_count(placement.host)
        return JoinedChildren(self._earlier._children_of(placement), found, there)


def _newest(counts: Int64s, rows: Int64s, most: int) -> tuple[Int64s, Int64s]:
    """The last `most` rows of each group, last first."""
    ends = np.cumsum(counts)
    kept = np.minimum(counts, most)
    offsets = np.cumsum(kept) - kept
    behind = np.arange(int(kept.sum()), dtype=np.int64) - np.repeat(offsets, kept)
    return kept, rows[np.repeat(ends, kept) - 1 - behind]


def _flat(array: pa.Array | pa.ChunkedArray, kind: pa.DataType) -> pa.Array:
    flat = array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
    return flat if flat.type == kind else flat.cast(kind)
