"""The seam between LoadLab and a kind of database: one small protocol, and abilities beside it.

An engine arrives by adding a folder and one registry line. What not every database can do is an ability of its own
(`CanExplain`, `CanIdentifyStatements`), asked for by `isinstance`; its absence is reported, never papered over.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Protocol, Self

from loadlab.schema.manifest import Manifest as Manifest
from loadlab.schema.model import Schema, Table
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa


Values = Sequence[Any]
"""The values of one execution in the driver's wire-ready form, in the order of the statement's distinct names."""
Progress = Callable[[str], None]
"""Called with one short line for each step of a long piece of work."""


@dataclass(frozen=True, slots=True, order=True)
class Chunk:
    """Rows [start, stop) of a table: the unit that is loaded in one transaction together with its ledger row.

    `later`: not the rows, which are in, but those of their columns that were left NULL (`CanLoadCycles`), or what of
    them is added to rows of other tables (`CanAddToRows`).
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
    partitions. `modified_since_analyze` are rows that the planner's statistics do not know of, as it stands now.
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
    autovacuums: int | None = None
    autoanalyzes: int | None = None
    modified_since_analyze: int | None = None


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
    """What the server counted for one statement: executions, time inside the server, rows, blocks.

    `wal_bytes` is what it wrote to the write-ahead log; None, as of the blocks: not counted.
    """

    calls: int
    total_ms: float = 0.0
    rows: int = 0
    blocks_hit: int | None = None
    blocks_read: int | None = None
    text: str = ""
    wal_bytes: int | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """One look at the server's counters, or (as `measure.evidence.subtract` yields it) the difference of two.

    `reset_marker` changes when counters start anew (restart, reset): a difference across it means nothing.
    `database` holds the engine's own database-wide counters under their own names. `indexes` go by their name, and by
    `table.name` where an index of another table has that name already. Files are made of pages of
    `page_bytes`, and that of a table which is being loaded may be ahead of its rows by `extent_bytes`; `cache_bytes` is
    what the server takes to be cached of them, its own memory and the system's.
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
    page_bytes: int | None = None
    extent_bytes: int | None = None
    cache_bytes: int | None = None

    def index(self, table: str, name: str) -> IndexEvidence | None:
        """An index of a table, None where the server tells nothing of it."""
        found = self.indexes.get(name)
        return found if found is not None and found.table == table else self.indexes.get(f"{table}.{name}")


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
class PlanShape:
    """A plan without its figures, and the rows that it takes from each table in one execution, by the planner's guess.

    `outline` are its different steps, from the top: two plans with the same one go the same way. What is written
    counts as a row. `bounded` are the tables of which a LIMIT lets it take no more, however many there are.
    """

    outline: tuple[str, ...]
    rows: Mapping[str, float]
    bounded: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class PlanEvidence:
    """How the server would execute a statement.

    `full_scans` names the tables that no index helped with even where the server was told to avoid full scans, so
    that the answer does not depend on how small the seeded tables are; `text` is the server's own plan. `shape` is that
    of this plan, and `indexed_shape` of the one that avoids full scans; None where the server does not tell.
    """

    full_scans: tuple[str, ...]
    indexes: tuple[str, ...]
    text: str
    shape: PlanShape | None = None
    indexed_shape: PlanShape | None = None

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


@dataclass(frozen=True, slots=True)
class AskedStatement:
    """A statement that clients have run, as the server recorded it: `text` may have $1, $2, … for its values."""

    text: str
    calls: int
    mean_ms: float
    rows: int


@dataclass(frozen=True, slots=True)
class StatementHistory:
    """What a database has been asked `since` a moment ("" when it does not tell).

    `rows` are the server's estimates by table.
    """

    statements: tuple[AskedStatement, ...]
    rows: Mapping[str, int]
    since: str = ""
