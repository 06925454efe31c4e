"""What a review asks of an engine beside the abilities of `loadlab.engines.abilities`, asked for by `isinstance`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal, Protocol, runtime_checkable

from loadlab.schema.details import Bloat, SchemaDetails
from loadlab.schema.model import ForeignKey, Index, Table


@runtime_checkable
class CanInspect(Protocol):
    """The catalogue tells of tables and indexes what only a review asks for."""

    def details(self) -> SchemaDetails:
        """Of the tables that are there. Nothing is written."""
        ...

    def preview_details(self, ddl: str) -> SchemaDetails:
        """Of the tables that a DDL text of the engine's own words would make; nothing stays in the database."""
        ...


@runtime_checkable
class CanMeasureBloat(Protocol):
    """The engine can measure how much of its files holds nothing."""

    def bloat(self, *, least_bytes: int, may_install: bool) -> tuple[Bloat, ...]:
        """Of every table and index of at least so many bytes, each of which is read.

        `may_install`: what the measuring needs may be installed for its time, and is gone afterwards. Raises
        DatabaseError saying what is missing.
        """
        ...


@runtime_checkable
class CanSampleRows(Protocol):
    """Some rows can be had without reading a whole table."""

    def sample_rows(self, table: Table, columns: Sequence[str], rows: int) -> list[tuple[str | None, ...]]:
        """About so many rows at most, from all over the table; values as text."""
        ...


NewType = Literal["text", "decimal", "moment", "big integer"]
"""What a column's type may be changed to: text without limit, an exact decimal, a moment with its zone, 64 bits."""


class Remedies(Protocol):
    """An engine's statements for what a review recommends; pure. None where the engine inherits the method."""

    def create_index(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        return ()

    def drop_index(self, table: Table, index: Index) -> tuple[str, ...]:
        """The constraint, where one owns the index."""
        return ()

    def rebuild_index(self, table: Table, index: Index) -> tuple[str, ...]:
        return ()

    def rebuild_table(self, table: Table) -> tuple[str, ...]:
        return ()

    def add_primary_key(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """Over these columns; without any, over a new one that the server numbers."""
        return ()

    def add_foreign_key(
        self, table: Table, columns: Sequence[str], target: Table, target_columns: Sequence[str], on_delete: str
    ) -> tuple[str, ...]:
        return ()

    def replace_foreign_key(self, table: Table, key: ForeignKey, target: Table, on_delete: str) -> tuple[str, ...]:
        return ()

    def change_type(self, table: Table, column: str, to: NewType) -> tuple[str, ...]:
        return ()

    def set_not_null(self, table: Table, column: str) -> tuple[str, ...]:
        return ()

    def order_new_keys(self, table: Table, column: str) -> tuple[str, ...]:
        """Let new UUIDs of a column be ordered by time."""
        return ()

    def hide_rows(self, table: Table, column: str) -> tuple[str, ...]:
        """Show rows to those alone whose session says that value of the column."""
        return ()

    def add_moment(self, table: Table, column: str) -> tuple[str, ...]:
        """A new column that holds when the row was written."""
        return ()


@runtime_checkable
class CanRenderRemedies(Protocol):
    """The engine can write what a review recommends in its own language."""

    def remedies(self, *, live: bool) -> Remedies:
        """`live`: for tables that are in use while it is executed."""
        ...
