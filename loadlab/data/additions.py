"""Rows of a growth that stand in rows which were there: what these are given.

A new row stands in the row that it belongs to. Where that one is new as well, it comes with all that stands in it
(`loadlab.data.nesting`); where it was there, it is added to.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import arrow_type
from loadlab.data.core.hashing import Int64s
from loadlab.data.growth import GrownDataset
from loadlab.schema.nesting import Placement, address_of

_PIECE_ROWS = 1 << 18


def placed_in_others(dataset: GrownDataset) -> tuple[Placement, ...]:
    """The tables of which rows stand in those of others, parents first."""
    found = (dataset.nesting.documents.of(table) for table in dataset.tables)
    return tuple(placement for placement in found if placement.design != "reference")


def added_rows(dataset: GrownDataset, placement: Placement, start: int, stop: int) -> int:
    """How many of the new rows [start, stop) are added to rows that were there."""
    pieces = (range(first, min(first + _PIECE_ROWS, stop)) for first in range(start, stop, _PIECE_ROWS))
    return sum(len(_added(dataset, placement, piece.start, piece.stop)[0]) for piece in pieces)


def additions(dataset: GrownDataset, placement: Placement, start: int, stop: int) -> Iterator[pa.RecordBatch]:
    """Of the hosts that were there and to which rows of [start, stop) are added: what finds them, and the field.

    The field holds what is added; of a hybrid, with its counter, what it has to hold then.
    """
    hosts, rows = _added(dataset, placement, start, stop)
    if not len(hosts):
        return
    order = np.argsort(hosts, kind="stable")
    unique, counts = np.unique(hosts, return_counts=True)
    table = dataset.table(placement.host)
    address = address_of(table, dataset.nesting.documents.of(placement.host))
    cells = dataset.columns(placement.host, address, unique)
    columns = [(pa.field(name, arrow_type(table.column(name).type)), cells[name]) for name in address]
    if placement.is_inside:
        array = dataset.nesting.column(placement, counts.astype(np.int64), rows[order])
        columns.append((pa.field(placement.field, array.type), array))
    else:
        columns += dataset.nesting.fields(placement, unique)
    yield pa.RecordBatch.from_arrays([array for _, array in columns], schema=pa.schema([field for field, _ in columns]))


def _added(dataset: GrownDataset, placement: Placement, start: int, stop: int) -> tuple[Int64s, Int64s]:
    """(host, row) of the rows that are added to a host which was there; shapes (n,)."""
    rows = np.arange(start, stop, dtype=np.int64)
    hosts, valid = dataset.parent_rows(placement.table, placement.relation, rows)
    is_added = hosts < dataset.earlier.row_count(placement.host)
    if valid is not None:
        is_added &= valid
    return hosts[is_added], rows[is_added]
