"""The seam between LoadLab and a kind of database: one small protocol, and abilities beside it.

An engine arrives by adding a folder and one registry line. What not every database can do is an ability of its own
(`CanExplain`, `CanIdentifyStatements`), asked for by `isinstance`; its absence is reported, never papered over.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self, runtime_checkable

from loadlab.schema.manifest import Manifest as Manifest
from loadlab.schema.model import LogicalType, Schema, Table
from loadlab.schema.statistics import DatabaseStatistics
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema

Values = Sequence[Any]
"""The values of one execution in the driver's wire-ready form, in the order of the statement's distinct names."""
Progress = Callable[[str], None]
"""Called with one short line for each step of a long piece of work."""


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """Rows [start, stop) of a table: the unit that is loaded in one transaction together with its ledger row.

    `later`: not the rows, which are in, but those of their columns that were left NULL (`CanFillLater`).
    """

    table: str
    start: int
    stop: int
    later: bool = False

    @property
    def rows(self) -> int:
        return self.stop - self.start


@dataclass(frozen=True, slots=True)
class TableEvidence:
    """Counters and sizes of one table. None: this engine does not count it.

    Scans and blocks are counts since the counters' last reset; `rows` is the server's estimate; sizes include the
    partitions.
    """

    size_bytes: int | None = None
    index_bytes: int | None = None
    toast_bytes: int | None = None
    rows: int | None = None
    sequential_scans: int | None = None
    sequential_rows: int | None = None
    index_scans: int | None = None
    rows_inserted: int | None = None
    rows_updated: int | None = None
    rows_deleted: int | None = None
    table_blocks_hit: int | None = None
    table_blocks_read: int | None = None
    index_blocks_hit: int | None = None
    index_blocks_read: int | None = None
    analyzed: bool | None = None


@dataclass(frozen=True, slots=True)
class IndexEvidence:
    """Counters and size of one index; the partitions' indexes are added up under the parent's."""

    table: str
    size_bytes: int | None = None
    scans: int | None = None
    blocks_hit: int | None = None
    blocks_read: int | None = None


@dataclass(frozen=True, slots=True)
class StatementEvidence:
    """What the server counted for one statement: executions, time inside the server, rows, blocks."""

    calls: int
    total_ms: float = 0.0
    rows: int = 0
    blocks_hit: int = 0
    blocks_read: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at the server's counters, or (as `measure.evidence.subtract` yields it) the difference of two.

    `reset_marker` changes when counters start anew (restart, reset): a difference across it means nothing.
    `database` holds the engine's own database-wide counters under their own names.
    """

    taken_at_s: float
    reset_marker: str
    server: str
    database: Mapping[str, float] = field(default_factory=dict)
    tables: Mapping[str, TableEvidence] = field(default_factory=dict)
    indexes: Mapping[str, IndexEvidence] = field(default_factory=dict)
    statements: Mapping[str, StatementEvidence] = field(default_factory=dict)
    settings: Mapping[str, str] = field(default_factory=dict)
    connections: int | None = None
    connections_max: int | None = None
    database_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class LiveEvidence:
    """What a server is doing at one moment. Blocks, transactions and deadlocks are counts since some moment before.

    `active` sessions execute a statement; `waits` are how many of them wait, by the server's word for what.
    """

    blocks_hit: int
    blocks_read: int
    transactions: int
    deadlocks: int
    connections: int
    connections_max: int
    active: int
    waits: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class PlanEvidence:
    """How the server would execute a statement.

    `full_scans` names the tables that no index helped with even where the server was told to avoid full scans, so
    that the answer does not depend on how small the seeded tables are; `text` is the server's own plan.
    """

    full_scans: tuple[str, ...]
    indexes: tuple[str, ...]
    text: str

    @property
    def served_by_index(self) -> bool:
        return not self.full_scans


class Session(Protocol):
    """One connection as the load uses it. Not shared between threads; errors are `loadlab.errors.DatabaseError`s."""

    def prepare(self, statement: Statement) -> Any:
        """Make a statement ready before the clock; the handle goes into `encode`, `execute` and `query`."""
        ...

    def encode(self, handle: Any, columns: Mapping[str, pa.Array]) -> list[Values]:
        """Wire-ready values of many executions from one Arrow array for each distinct parameter name."""
        ...

    def execute(self, handle: Any, values: Values) -> int:
        """Run it and drain the result; the number of rows returned, or affected when none are returned."""
        ...

    def query(self, handle: Any, values: Values) -> list[tuple[Any, ...]]:
        """Run it and return the rows as Python values."""
        ...

    def encode_row(self, handle: Any, values: Mapping[str, Any]) -> Values:
        """Wire-ready values of one execution from Python values."""
        ...

    def begin(self, isolation: str | None = None) -> None:
        """Begin a transaction at an isolation level (`serializable`, …), None: the database's own choice."""
        ...

    def commit(self) -> None: ...

    def rollback(self) -> None: ...

    def flush_counters(self) -> None:
        """Have the server publish what it counted for this connection, where it otherwise delays that."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class CanReadBack(Protocol):
    """A session can look at what its last `execute` returned, after the clock has stopped."""

    def keep_result(self) -> Any:
        """The last result, unread and cheap to keep."""
        ...

    def rows_of(self, result: Any) -> list[tuple[Any, ...]]:
        """Its rows: numbers, texts, bytes, `uuid.UUID`, dates and times of Python; JSON as its value."""
        ...


@runtime_checkable
class CanTellUntouched(Protocol):
    """The engine knows of a row whether it has been updated since LoadLab loaded it."""

    def untouched_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """A query that returns a row when the row with these values is as it was loaded."""
        ...


class Engine(Protocol):
    """One database of one kind. Opened by `loadlab.engines.open_database`; a context manager that closes it.

    `name` is the engine's name in scenarios, `display_url` its address without secrets, `url` the address with which a
    driver process opens it anew.
    """

    name: str
    url: str
    display_url: str

    def __enter__(self) -> Self: ...

    def __exit__(self, *exc_info: object) -> None: ...

    def version(self) -> str:
        """Product and version, e.g. `PostgreSQL 18.1`."""
        ...

    def preview(self, ddl: str, statements: Mapping[str, Statement]) -> Schema:
        """The schema that the DDL text would make, each statement checked against it; nothing stays in the database.

        Raises InputError naming the statement (by its key) or the place in the DDL text.
        """
        ...

    def check_statements(self, statements: Mapping[str, Statement]) -> None:
        """Check statements against the tables that are there. Raises InputError naming the statement by its key."""
        ...

    def user_tables(self) -> Mapping[str, bool]:
        """The tables that are there, by key, LoadLab's own left out, and whether each holds rows."""
        ...

    def reflect(self) -> Schema:
        """The schema that is there, LoadLab's own tables left out."""
        ...

    def manifest(self) -> Manifest | None:
        """What LoadLab filled (or began to fill) this database with, from its ledger; None if nothing."""
        ...

    def create(self, manifest: Manifest) -> None:
        """Open the ledger and, where `manifest.owns_tables`, make the tables without what slows loading."""
        ...

    def loaded(self) -> frozenset[Chunk]:
        """The chunks that the ledger says are in."""
        ...

    def load(self, table: Table, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """Load one chunk and its ledger row in one transaction; the number of rows that the server confirmed."""
        ...

    def finish(self, manifest: Manifest, progress: Progress, *, workers: int = 1) -> None:
        """Keys, indexes, constraints (validated), triggers, sequences, statistics; then mark the manifest finished.

        Up to `workers` of these at a time, where the database gains from it.
        """
        ...

    def note_new_rows(self, new_rows: int) -> None:
        """Write `Manifest.new_rows` down in the ledger."""
        ...

    def connect(self, *, timeout_s: float) -> Session:
        """A connection for the load whose statements are cut off after `timeout_s`."""
        ...

    def snapshot(self) -> Evidence:
        """The counters as they stand now."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class CanExplain(Protocol):
    """The engine can show the plan of a statement without running it."""

    def explain(self, statement: Statement) -> PlanEvidence: ...


@runtime_checkable
class CanIdentifyStatements(Protocol):
    """The engine counts executions by statement; the id is the key of `Evidence.statements`."""

    def statement_id(self, statement: Statement) -> str | None:
        """The id under which the server counts a statement as a `Session` prepares it, None when it does not."""
        ...


@runtime_checkable
class CanRenderInsert(Protocol):
    """The engine can write an insert of one row."""

    def insert_statement(self, table: Table) -> Statement:
        """An insert of every stored column, each parameter named as its column."""
        ...


@runtime_checkable
class HasNotes(Protocol):
    """The engine tells what of the schema that it read or made last it had to leave out."""

    def notes(self) -> tuple[str, ...]: ...


@runtime_checkable
class CanLeaveRunning(Protocol):
    """The engine may have started a server for kept data, which users of the data want to find running."""

    def leave_running(self) -> str | None:
        """Let it live on when this process ends; the shell command that stops it, None when there is none to stop."""
        ...


@runtime_checkable
class CanWatch(Protocol):
    """The engine can look at what the server is doing so cheaply that it may while a load is measured."""

    def watch(self) -> LiveEvidence: ...


@runtime_checkable
class CanWriteOut(Protocol):
    """The engine writes changed pages when it suits it, which may be in the middle of what is measured."""

    def write_out(self) -> None:
        """Have them written now, where we may ask for it."""
        ...


@runtime_checkable
class CanHostMigrations(Protocol):
    """Frameworks can make their tables in the database, which writes them out as a DDL text of its own words."""

    def sqlalchemy_url(self) -> str:
        """The database as SQLAlchemy names it, with the driver that LoadLab brings along."""
        ...

    def django_settings(self) -> Mapping[str, str]:
        """The database as an entry of Django's DATABASES."""
        ...

    def dump_ddl(self) -> str:
        """The schema that is there as a script that `preview` accepts; the same schema gives the same text."""
        ...

    def with_extensions(self, ddl: str) -> str:
        """A text of a framework that takes the server's extensions for granted, with those that it needs."""
        ...


@runtime_checkable
class CanRenderPrisma(Protocol):
    """The engine can write the tables of a Prisma schema as Prisma's own migrations do."""

    def render_prisma(self, schema: PrismaSchema) -> str:
        """Raises InputError naming the line of what cannot be written."""
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
        """A query of the largest value of a column, NULL without any, among the rows with these columns' values."""
        ...


@runtime_checkable
class CanExtend(Protocol):
    """A finished dataset can be made larger in place."""

    def extend(self, manifest: Manifest) -> None:
        """Let the ledger hold another manifest, which has to be finished again; its chunks and new rows stay."""
        ...


@runtime_checkable
class CanProfile(Protocol):
    """The engine keeps statistics of the data, which can be read without reading the data."""

    def statistics(self, tables: Collection[str] | None) -> DatabaseStatistics:
        """Of the tables that are asked for, by key (None: all). Raises DatabaseError when none can be seen."""
        ...


class FileForm(Protocol):
    """How an engine's tools read values and statements from files. Pure; `engines.file_form` finds an engine's."""

    def text_column(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values in the form that a bulk import of text reads; NULL stays NULL. Shape (n,) of Arrow strings."""
        ...

    def insert_head(self, table: Table) -> str:
        """An INSERT of every stored column up to and with VALUES; rows in parentheses follow."""
        ...

    def literals(self, array: pa.Array, type: LogicalType) -> pa.Array:
        """The values as literals of SQL, NULL included. Shape (n,) of Arrow strings."""
        ...

    def after_table(self, table: Table) -> Sequence[str]:
        """Statements for when all rows of a table are in, such as setting its sequences."""
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
