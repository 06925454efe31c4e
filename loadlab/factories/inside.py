"""Children that stand in their parents' rows: they are written along with these, as one row of the database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa

from loadlab.errors import InputError
from loadlab.factories.factory import Factory, GivenChildren
from loadlab.schema.model import Column
from loadlab.schema.nesting import Placement, table_as_stored


class Work(Protocol):
    """An order of rows whose children are planned."""

    @property
    def order(self) -> Factory: ...

    @property
    def children(self) -> Sequence[Work] | None:
        """In the order of the order's own children."""
        ...

    def batches(self, start: int, stop: int) -> Iterator[pa.RecordBatch]:
        """The rows [start, stop) by index."""
        ...


def placement_of(order: Factory, given: GivenChildren) -> Placement | None:
    """Where children stand in the rows of an order; None where they do not."""
    placement = order.database.documents.of(given.order.table.key)
    relation = ",".join(given.key.columns)
    is_here = placement.is_inside and (placement.host, placement.relation) == (order.table.key, relation)
    return placement if is_here else None


def has_inside(order: Factory) -> bool:
    """Whether children of an order stand in its rows."""
    return any(placement_of(order, given) is not None for given in order.children)


def columns_inside(order: Factory) -> tuple[Column, ...]:
    """The columns of what stands in the rows of an order."""
    stored = table_as_stored(order.database.schema, order.database.documents, order.table.key)
    return tuple(stored.column(placement.field) for placement, _ in _groups(order))


def with_inside(work: Work, batch: pa.RecordBatch, first: int) -> pa.RecordBatch:
    """Rows of an order, the first of which is its `first`, with a column for whatever stands in them."""
    for placement, places in _groups(work.order):
        array = _column(work, placement, places, first, batch.num_rows)
        batch = batch.append_column(pa.field(placement.field, array.type), array)
    return batch


def _groups(order: Factory) -> list[tuple[Placement, list[int]]]:
    """Each field, and the places of the children that stand in it."""
    found: dict[str, tuple[Placement, list[int]]] = {}
    for place, given in enumerate(order.children):
        placement = placement_of(order, given)
        if placement is not None:
            found.setdefault(placement.field, (placement, []))[1].append(place)
    return list(found.values())


def _column(work: Work, placement: Placement, places: Sequence[int], first: int, count: int) -> pa.Array:
    """Of the parents [first, first + count): lists of their children, or one child each."""
    assert work.children is not None, "children that stand in rows are planned with these"
    each = [work.order.children[place].count for place in places]
    if not placement.many and sum(each) > 1:
        raise InputError(
            f'factory("{work.order.table.key}").has()',
            f"has {sum(each)} rows of {placement.table}, of which one at most stands in a row of {placement.host}",
        )
    tables = [
        _rows(work.children[place], placement, first * some, (first + count) * some)
        for place, some in zip(places, each, strict=True)
    ]
    owners = np.concatenate([np.repeat(np.arange(count), some) for some in each])
    # States may name columns that other children of the same parents leave to the server.
    together = pa.concat_tables(tables, promote_options="default").combine_chunks()
    structs = _structs(together.take(pa.array(np.argsort(owners, kind="stable"))))
    if not placement.many:
        return structs if len(structs) else pa.nulls(count, structs.type)
    offsets = pa.array(np.arange(count + 1, dtype=np.int32) * np.int32(sum(each)))
    return pa.ListArray.from_arrays(offsets, structs)


def _rows(child: Work, placement: Placement, start: int, stop: int) -> pa.Table:
    """Children [start, stop) with what stands in them, without the key of their parent."""
    away = placement.relation.split(",")
    pieces = []
    for batch in child.batches(start, stop):
        whole = with_inside(child, batch, start)
        pieces.append(whole.select([name for name in whole.schema.names if name not in away]))
        start += batch.num_rows
    return pa.Table.from_batches(pieces) if pieces else pa.table({})


def _structs(table: pa.Table) -> pa.StructArray:
    arrays = [column.combine_chunks() for column in table.columns]
    return pa.StructArray.from_arrays(
        [array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array for array in arrays],
        fields=[pa.field(field.name, field.type) for field in table.schema],
    )
