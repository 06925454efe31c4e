"""What alignment costs a table's rows, and the column order that costs least.

A row is laid out as `heap_fill_tuple` (backend/access/common/heaptuple.c) does it: a header, then each value that is
not NULL at its type's alignment ("Database Page Layout" of the documentation). A value of variable length in 126 bytes
or fewer has a header of one byte and stands anywhere; a longer one is aligned (`VARATT_CAN_MAKE_SHORT` in varatt.h).
The whole row is rounded up to 8 bytes. Sizes are those of a sample of real rows: `pg_column_size` of a stored value is
what it takes in the row, or, moved out to TOAST, beside it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from psycopg import sql

from loadlab.engines.abilities import RowLayout
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.model import Table

Sizes = npt.NDArray[np.int64]

_SAMPLE_ROWS = 5_000
_HEADER, _POINTER, _WHOLE = 23, 4, 8
_PAGE, _PAGE_HEADER = 8192, 24
_SHORT_MAX = 127
# What stays in the row of a value that was moved out: a pointer, which is aligned nowhere (VARTAG_ONDISK).
_MOVED_OUT, _MOVED_OUT_FROM = 18, 2_000
_ALIGNMENTS = {"c": 1, "s": 2, "i": 4, "d": 8}
_COLUMNS = """
    SELECT attname::text, attlen::int, attalign::text, attstorage::text FROM pg_attribute
    WHERE attrelid = %s::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum
"""


@dataclass(frozen=True, slots=True)
class Stored:
    """One column of the sampled rows: `sizes` in bytes, shape (rows,), 0 for NULL.

    `is_fixed`: its type has one length; `can_be_short`: a small value has a short header and no alignment.
    """

    name: str
    alignment: int
    is_fixed: bool
    can_be_short: bool
    sizes: Sizes

    @property
    def alignments(self) -> Sizes:
        """Of each value, shape (rows,)."""
        anywhere = (self.sizes <= _SHORT_MAX) | (self.sizes == _MOVED_OUT)
        return np.where(anywhere & self.can_be_short, 1, self.alignment)


def row_layout(connection: Connection, table: Table) -> RowLayout | None:
    """See `loadlab.engines.abilities.CanTellRowLayout`."""
    columns = _sampled(connection, table)
    rows = len(columns[0].sizes) if columns else 0
    if not rows:
        return None
    now = best = laid_out(columns)
    best_columns = list(columns)
    for order in _candidates(columns):
        found = laid_out(order)
        if (found.stored_bytes, found.row_bytes) < (best.stored_bytes, best.row_bytes):
            best, best_columns = found, order
    return RowLayout(
        columns=tuple(column.name for column in columns),
        row_bytes=now.row_bytes,
        padding_bytes=now.padding_bytes,
        stored_bytes=now.stored_bytes,
        best_columns=tuple(column.name for column in best_columns),
        best_row_bytes=best.row_bytes,
        best_padding_bytes=best.padding_bytes,
        best_stored_bytes=best.stored_bytes,
        sampled_rows=rows,
    )


@dataclass(frozen=True, slots=True)
class LaidOut:
    """Means over the rows; see `RowLayout`."""

    row_bytes: float
    padding_bytes: float
    stored_bytes: float


def laid_out(columns: Sequence[Stored]) -> LaidOut:
    """The rows with their columns in this order."""
    rows = len(columns[0].sizes)
    has_null = np.any([column.sizes == 0 for column in columns], axis=0)
    header = _rounded(_HEADER + np.where(has_null, -(-len(columns) // 8), 0), _WHOLE)
    offset, padding = header.copy(), np.zeros(rows, dtype=np.int64)
    for column in columns:
        gap = np.where(column.sizes > 0, -offset % column.alignments, 0)
        padding += gap
        offset += gap + column.sizes
    whole = _rounded(offset, _WHOLE)
    padding += whole - offset
    taken = whole + _POINTER
    return LaidOut(float(taken.mean()), float(padding.mean()), _stored(taken))


def _stored(taken: Sizes) -> float:
    """A row's share of a page, of the pages that these rows fill one after another.

    The server puts a small row into room that an earlier page has left: this is a little more than it comes to.
    """
    pages = filling = in_full_pages = 0
    for number, size in enumerate(taken.tolist()):
        if filling + size > _PAGE - _PAGE_HEADER:
            pages, filling, in_full_pages = pages + 1, 0, number
        filling += size
    return pages * _PAGE / in_full_pages if in_full_pages else float(taken.mean())


def _rounded(offset: Sizes, to: int) -> Sizes:
    return offset + -offset % to


def _candidates(columns: Sequence[Stored]) -> list[list[Stored]]:
    """Orders that leave few gaps: descending alignment, what stands anywhere last; long values before or after that.

    Stable, so that columns that cost nothing where they are stay together.
    """

    def mean_alignment(column: Stored) -> float:
        present = column.alignments[column.sizes > 0]
        return float(present.mean()) if len(present) else 1.0

    def evenness(column: Stored) -> int:
        return 0 if column.is_fixed and not (column.sizes % _WHOLE).any() else 1

    return [
        sorted(columns, key=lambda column: (not column.is_fixed, -mean_alignment(column))),
        sorted(columns, key=lambda column: (not column.is_fixed, evenness(column), -mean_alignment(column))),
        sorted(columns, key=lambda column: (evenness(column), -mean_alignment(column), not column.is_fixed)),
    ]


def _sampled(connection: Connection, table: Table) -> list[Stored]:
    """The columns with the sizes of their values in the first rows of as many pages as it takes."""
    name = identifier(table.namespace, table.name)
    found = connection.execute(_COLUMNS, (name.as_string(connection),)).fetchall()
    if not found:
        return []
    sizes = sql.SQL(", ").join(
        sql.SQL("coalesce(pg_column_size({}), 0)").format(sql.Identifier(column)) for column, *_ in found
    )
    share = _share(connection, name)
    query = sql.SQL("SELECT {} FROM {} TABLESAMPLE SYSTEM ({}) REPEATABLE (1) LIMIT {}").format(
        sizes, name, sql.Literal(share), sql.Literal(_SAMPLE_ROWS)
    )
    rows = np.array(connection.execute(query).fetchall(), dtype=np.int64).reshape(-1, len(found))
    return [
        Stored(column, _ALIGNMENTS[alignment], length > 0, length == -1 and storage != "p", _in_row(values, storage))
        for (column, length, alignment, storage), values in zip(found, rows.T, strict=True)
    ]


def _in_row(sizes: Sizes, storage: str) -> Sizes:
    """A large value of a type that can be moved out leaves a pointer."""
    return np.where(sizes >= _MOVED_OUT_FROM, _MOVED_OUT, sizes) if storage in "xe" else sizes


def _share(connection: Connection, name: sql.Identifier) -> float:
    """Percent of the pages that hold about as many rows as are wanted: all of a small table."""
    row = connection.execute(
        "SELECT sum(greatest(c.reltuples, 0)) FROM pg_partition_tree(%(name)s::regclass) AS t"
        " JOIN pg_class AS c ON c.oid = t.relid WHERE t.isleaf",
        {"name": name.as_string(connection)},
    ).fetchone()
    rows = row[0] if row is not None else None
    if rows is None:
        row = connection.execute(
            "SELECT reltuples FROM pg_class WHERE oid = %s::regclass", (name.as_string(connection),)
        ).fetchone()
        rows = row[0] if row is not None else 0.0
    return min(100.0, 200.0 * _SAMPLE_ROWS / rows) if rows > 0 else 100.0
