"""What a factory made: rows as dictionaries, held by column."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, overload

import pyarrow as pa

from loadlab.data.overlay.given import plain_values
from loadlab.schema.model import Table


class Row(dict[str, Any]):
    """The values of one row by column, which are attributes as well: `user["id"]`, `user.id`."""

    def __init__(self, values: Mapping[str, Any], table: str, moment_us: int) -> None:
        super().__init__(values)
        self._table = table
        self._moment_us = moment_us

    @property
    def table_key(self) -> str:
        """The table that the row is of."""
        return self._table

    def __getattr__(self, name: str) -> Any:
        if name in self:
            return self[name]
        raise AttributeError(f"{self.__dict__.get('_table', 'row')} row has no value of {name}")


class Rows(Sequence[Row]):
    """Rows of one table in the order in which they were made.

    `columns` are those that are kept: all of them, or of a large creation (`KEPT_MAX` rows and more) the keys alone.
    """

    def __init__(self, table: Table, columns: Mapping[str, pa.ChunkedArray], moments_us: pa.ChunkedArray) -> None:
        self.table = table
        self._columns = dict(columns)
        self._moments_us = moments_us

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns whose values are at hand."""
        return tuple(self._columns)

    def __len__(self) -> int:
        return len(self._moments_us)

    @overload
    def __getitem__(self, index: int) -> Row: ...

    @overload
    def __getitem__(self, index: slice) -> Rows: ...

    def __getitem__(self, index: int | slice) -> Row | Rows:
        if isinstance(index, slice):
            start, stop, step = index.indices(len(self))
            picks = pa.array(range(start, stop, step), pa.int64())
            taken = {name: values.take(picks) for name, values in self._columns.items()}
            return Rows(self.table, taken, self._moments_us.take(picks))
        if not -len(self) <= index < len(self):
            raise IndexError(f"row {index} of {len(self)}")
        return next(self._from(range(len(self))[index], 1))

    def __iter__(self) -> Iterator[Row]:
        step = 4096
        for start in range(0, len(self), step):
            yield from self._from(start, step)

    def __repr__(self) -> str:
        return f"<{len(self):,} rows of {self.table.key}: {', '.join(self._columns)}>"

    def _from(self, start: int, count: int) -> Iterator[Row]:
        lists = {
            name: plain_values(values.slice(start, count), self.table.column(name).type)
            for name, values in self._columns.items()
        }
        moments = self._moments_us.slice(start, count).to_pylist()
        for place, moment in enumerate(moments):
            yield Row({name: values[place] for name, values in lists.items()}, self.table.key, moment)

    def first(self) -> Row:
        """The first row. Raises IndexError when there is none."""
        return self[0]

    def last(self) -> Row:
        """The last row. Raises IndexError when there is none."""
        return self[-1]

    def values(self, column: str) -> list[Any]:
        """A column's values, in the order of the rows. Raises KeyError for one that is not at hand."""
        return plain_values(self._columns[column], self.table.column(column).type)

    def arrow(self, column: str) -> pa.ChunkedArray:
        """A column as Arrow has it. Raises KeyError for one that is not at hand."""
        return self._columns[column]

    @property
    def moments_us(self) -> pa.ChunkedArray:
        """When each row was written, µs since 1970 (UTC)."""
        return self._moments_us
