"""Filling a database: trying, foreseeing, appending, undoing."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

from loadlab.engines.protocol import Chunk, Engine
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import Table
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa


@runtime_checkable
class HasNotes(Protocol):
    """The engine tells what of the schema that it read or made last it had to leave out."""

    def notes(self) -> tuple[str, ...]: ...


@runtime_checkable
class CanMakeScratch(Protocol):
    """The engine can make an empty database beside its own, on the same server."""

    def scratch(self) -> AbstractContextManager[Engine]:
        """It disappears afterwards. Raises DatabaseError saying what is missing."""
        ...


@runtime_checkable
class CanLeaveRunning(Protocol):
    """The engine may have started a server for kept data, which users of the data want to find running."""

    def leave_running(self) -> str | None:
        """Let it live on when this process ends; the shell command that stops it, None when there is none to stop."""
        ...


@runtime_checkable
class CanClone(Protocol):
    """The engine can copy its database whole."""

    def clone(self) -> Engine:
        """A copy of the database as it stands, beside it; it is gone when it is closed, or when this engine is.

        Nobody else may be connected to what is copied. Raises DatabaseError that says what is in the way.
        """
        ...


@runtime_checkable
class CanAppend(Protocol):
    """Rows can be added to tables that are in use, behind what is there."""

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """Load rows in one transaction, every constraint in place, and move sequences behind them.

        The rows that the server confirmed. Nothing is entered in the ledger, which need not be there.
        """
        ...

    def lookup_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """A query that returns a row when the table holds one with these values; parameters named as the columns."""
        ...

    def highest_statement(self, table: Table, column: str, where: Sequence[str] = ()) -> Statement:
        """A query of the largest value of a column, NULL or no row without any, among the rows with these columns'
        values.
        """
        ...


@runtime_checkable
class CanExtend(Protocol):
    """A finished dataset can be made larger in place."""

    def extend(self, manifest: Manifest) -> None:
        """Let the ledger hold another manifest, which has to be finished again; its chunks and new rows stay."""
        ...


@runtime_checkable
class CanForget(Protocol):
    """What LoadLab made in a database can be undone."""

    def forget(self, *, with_new_rows: bool = False) -> None:
        """Drop the tables and whatever else LoadLab made, or remove the rows that it loaded into tables of others, and
        the ledger; nothing without a ledger. Raises NotEmptyError, with nothing changed, where it cannot tell.

        `with_new_rows`: the caller knows that what the tables hold besides was written by a load of its own.
        """
        ...


@dataclass(frozen=True, slots=True)
class Refusal:
    """A sample of a table's rows that the server did not take.

    `constraint` is the name of the constraint that was violated and `row` the place of the row in the sample, where
    the server tells.
    """

    table: str
    message: str
    constraint: str | None = None
    row: int | None = None


@runtime_checkable
class CanTryRows(Protocol):
    """Rows can be tried on the database without leaving anything there."""

    def try_rows(self, manifest: Manifest, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> tuple[Refusal, ...]:
        """Load samples into tables like those that are to be filled; the first refusal of each table.

        Types, NOT NULL, CHECKs, unique and exclusion constraints are in place; foreign keys and triggers are not,
        since a sample's parents need not be in it. Of tables that LoadLab is to make, the partitions are as well.
        """
        ...


@dataclass(frozen=True, slots=True)
class StoredSize:
    """What rows take on disk. `indexes` by name, the primary key's included; estimates."""

    table_bytes: int
    indexes: Mapping[str, int]

    @property
    def index_bytes(self) -> int:
        return sum(self.indexes.values())


@runtime_checkable
class CanForeseeSizes(Protocol):
    """The engine can say what a table will take on disk before it is filled."""

    def foresee_size(
        self, table: Table, sample: pa.RecordBatch, rows: int, distinct: Mapping[str, float]
    ) -> StoredSize:
        """For `rows` rows like those of the sample, whose columns have so many distinct values in all rows."""
        ...


@runtime_checkable
class KnowsFreeSpace(Protocol):
    """The engine may keep its data on a disk of this machine."""

    def free_bytes(self) -> int | None:
        """What is free there for this user; None where the data is on another machine, or may be."""
        ...


@runtime_checkable
class ComputesNothing(Protocol):
    """The server computes no column: generated ones and defaults are left out of what is made."""

    computes_nothing: Literal[True]


@runtime_checkable
class CanLoadCycles(Protocol):
    """Tables whose foreign keys form a cycle can be filled with the constraints in place."""

    def fill_later(self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """Give columns of rows that are in, and NULL there, their values; in one transaction with the ledger row.

        The batches hold the primary key, then the columns. The number of rows of the chunk that are as they should be.
        """
        ...

    def load_together(self, loads: Iterable[tuple[Table, Iterable[pa.RecordBatch], Chunk]]) -> int:
        """Load chunks of several tables in one transaction, deferrable constraints checked at its end; its rows."""
        ...


@dataclass(frozen=True, slots=True)
class RowLayout:
    """What a table's rows take in their present column order and in the best one, as means over a sample of them.

    Row bytes are of a whole row with its header and its pointer; padding is what alignment leaves empty in it. Stored
    bytes are its share of the pages, at whose ends something is left where no whole row fits.
    """

    columns: tuple[str, ...]
    row_bytes: float
    padding_bytes: float
    stored_bytes: float
    best_columns: tuple[str, ...]
    best_row_bytes: float
    best_padding_bytes: float
    best_stored_bytes: float
    sampled_rows: int


@runtime_checkable
class CanTellRowLayout(Protocol):
    """Rows lie on disk in the order of their columns, and that order can cost bytes."""

    def row_layout(self, table: Table) -> RowLayout | None:
        """From rows that are there; None for a table without any."""
        ...
