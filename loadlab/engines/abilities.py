"""What not every database can do: abilities beside the engine's protocol, asked for by `isinstance`.

The absence of one is reported, never papered over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, runtime_checkable

from loadlab.engines.plan_tree import IndexTrial, NewIndex, Plan
from loadlab.engines.protocol import Chunk, LiveEvidence, PlanEvidence, Session, StatementHistory, Values
from loadlab.schema.manifest import Manifest
from loadlab.schema.model import LogicalType, Schema, Table
from loadlab.schema.statistics import DatabaseStatistics
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema


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
class CanCancel(Protocol):
    """A session whose statement can be stopped by another thread while this one executes it."""

    @property
    def enforced_s(self) -> float:
        """After how long the server stops a statement by itself; infinity where it was not told."""
        ...

    def cancel(self) -> None:
        """Ask the server to stop what it executes for this session; returns when it has been asked."""
        ...

    def abandon(self) -> None:
        """Cut the connection, for a server that does not heed requests: what waits for an answer has lost it."""
        ...


@runtime_checkable
class CanCutOff(Protocol):
    """An engine that waits for a server, which may never answer."""

    def cut_off(self) -> None:
        """From another thread: what waits for an answer now raises ConnectionLostError."""
        ...


class DirectSession(Session, Protocol):
    """A session whose connection comes and goes; what was prepared on one is valid on the next."""

    def open(self) -> None:
        """Connect; nothing when it is connected. Raises DatabaseError."""
        ...

    def shut(self) -> None:
        """Disconnect; nothing when it is not connected."""
        ...


@runtime_checkable
class CanConnectDirectly(Protocol):
    """The engine can serve operations that open a connection each."""

    def connect_directly(self, *, timeout_s: float) -> DirectSession:
        """Connected to begin with, to prepare statements; these are cut off after `timeout_s`."""
        ...


@runtime_checkable
class CanTellIdentity(Protocol):
    """The engine knows whether two addresses lead to one database."""

    def identity(self) -> str:
        """Equal for two engines whose addresses lead to the same database of the same running server."""
        ...


@dataclass(frozen=True, slots=True)
class PoolerState:
    """What a connection pooler between client and server says of the pools that lead to one database.

    `counters` count up: transactions, queries, transaction_us, query_us and wait_us, the time that clients waited for
    a server. `gauges` are as they stand: clients_active, clients_waiting, servers_active, servers_idle and
    longest_wait_us.
    """

    counters: Mapping[str, float]
    gauges: Mapping[str, float]


class PoolerConsole(Protocol):
    """A connection to a pooler itself. Errors are `loadlab.errors.DatabaseError`s."""

    def state(self) -> PoolerState: ...

    def close(self) -> None: ...


class Pooler(Protocol):
    """A pooler that an address leads through. `product` names it, `manner` says how sessions go through it."""

    @property
    def product(self) -> str: ...

    @property
    def manner(self) -> str: ...

    def console(self) -> PoolerConsole:
        """Raises DatabaseError, saying what is needed, when the pooler tells us nothing."""
        ...


@runtime_checkable
class CanGoThroughPooler(Protocol):
    """The engine notices a connection pooler between itself and the server."""

    def pooler(self) -> Pooler | None: ...


@runtime_checkable
class CanTellUntouched(Protocol):
    """The engine knows of a row whether it has been updated since LoadLab loaded it."""

    def untouched_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """A query that returns a row when the row with these values is as it was loaded."""
        ...


@runtime_checkable
class CanExplain(Protocol):
    """The engine can show the plan of a statement without running it."""

    def explain(self, statement: Statement) -> PlanEvidence: ...


@runtime_checkable
class CanPlan(Protocol):
    """The engine can show a statement's plan node by node, without running it."""

    def plan(self, statement: Statement) -> Plan | None:
        """The plan for any values; None for a statement that has none."""
        ...


@runtime_checkable
class CanPlanValues(Protocol):
    """A session can show the plan that a statement gets with certain values."""

    def plan_of(self, statement: Statement, values: Values, *, execute: bool) -> Plan | None:
        """With values as `encode` makes them, in a transaction that is open; None for a statement that has no plan.

        `execute`: the statement is run as well, for what really happened, and undone; the transaction stands. Raises
        DatabaseError when it fails, with the transaction as it was before.
        """
        ...


class Tuning(Protocol):
    """What makes statements faster, in the engine's words. Pure, but for the quotes of names."""

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        """`online`: beside the writes of others where the engine can, which no transaction may hold."""
        ...

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str: ...

    def collect_statistics(self, table: Table) -> str:
        """Have the planner look at the table's data again."""
        ...

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        """Have the planner learn how columns depend on each other; nothing where the engine cannot."""
        ...

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        """Give a sort or a hash of a session so much memory; nothing where the engine has no such word."""
        ...


@runtime_checkable
class CanTune(Protocol):
    """The engine can write what makes statements faster, and carry it out."""

    def tuning(self) -> Tuning: ...

    def tune(self, text: str) -> None:
        """Execute one of these texts. Raises DatabaseError."""
        ...


@runtime_checkable
class CanTryIndexes(Protocol):
    """The planner can be told of an index that is not built."""

    def try_index(self, table: Table, index: NewIndex, statements: Mapping[str, Statement]) -> tuple[IndexTrial, ...]:
        """What it would make of it, by statement. Raises DatabaseError where the means are not there, saying why."""
        ...


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
class CanRenderOperations(Protocol):
    """The engine can write the neutral forms of operations in its own language."""

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        """The statement of a checked form with its defaults filled in; parameters as `form.parameters()` names them.

        `schema` is that of the tables that are there. Raises InputError, its place beginning with the form's name, for
        what the engine has no words or no index for.
        """
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
class CanForget(Protocol):
    """What LoadLab made in a database can be undone."""

    def forget(self, *, with_new_rows: bool = False) -> None:
        """Drop the tables and whatever else LoadLab made, or remove the rows that it loaded into tables of others, and
        the ledger; nothing without a ledger. Raises NotEmptyError, with nothing changed, where it cannot tell.

        `with_new_rows`: the caller knows that what the tables hold besides was written by a load of its own.
        """
        ...


@runtime_checkable
class CanProfile(Protocol):
    """The engine keeps statistics of the data, which can be read without reading the data."""

    def statistics(self, tables: Collection[str] | None) -> DatabaseStatistics:
        """Of the tables that are asked for, by key (None: all). Raises DatabaseError when none can be seen."""
        ...


@runtime_checkable
class CanReadStatements(Protocol):
    """The engine counts what it is asked, and keeps the statements' texts."""

    def asked_statements(self) -> StatementHistory:
        """No table is read. Raises DatabaseError when the counts cannot be had, saying what is needed."""
        ...


Doing = Literal["running", "lock", "io", "client", "other"]
"""What a session that has work to do does: run on a processor (or be ready to), or wait, and for what."""


class ActivitySampler(Protocol):
    """Looks at a server from a connection of its own. Errors are `loadlab.errors.DatabaseError`s."""

    def sample(self) -> Mapping[tuple[Doing, str], int]:
        """How many sessions do what at this moment, with the server's own word for it; its own session left out."""
        ...

    def cpu_s(self) -> float | None:
        """Processor seconds of all the server's processes since they began; None for a server on another machine."""
        ...

    def close(self) -> None: ...


@runtime_checkable
class CanSampleActivity(Protocol):
    """The server tells what its sessions are doing."""

    def activity_sampler(self) -> ActivitySampler: ...


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


StepKind = Literal["read", "write", "begin", "commit", "rollback", "savepoint", "setting", "transaction setting"]
"""What a logged statement does: `savepoint` sets, releases or returns to one, a `setting` holds for the session."""


@dataclass(frozen=True, slots=True)
class LoggedStatement:
    """A statement that a server has executed, as its log tells.

    `start_s` is on the log's own clock. `values` were bound, in their text form, None for NULL; None altogether for a
    text without parameters that was sent as it is. `is_prepared`: it was parsed before, under a name. `shape` is the
    text without its constants, `query_id` the server's own number of that ("" where it does not tell). A `setting`
    has the name of what is set.
    """

    session: str
    start_s: float
    duration_s: float
    text: str
    shape: str
    kind: StepKind
    values: tuple[str | None, ...] | None = None
    is_prepared: bool = False
    query_id: str = ""
    setting: str = ""


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Something of a log that is no statement to execute: why, in a few words.

    `failed_session`: a statement of this session has failed, and with it a transaction that may be open.
    """

    reason: str
    failed_session: str | None = None


@dataclass(frozen=True, slots=True)
class LogNote:
    """Something about a log that a reader of the result has to know."""

    text: str


LogItem = LoggedStatement | LeftOut | LogNote


class StatementLog(Protocol):
    """How an engine's log of statements is read. No database is asked; `engines.statement_log` finds an engine's."""

    engine: str

    def reads(self, path: Path) -> bool:
        """Whether the file begins as such a log does. Raises InputError when it cannot be read at all."""
        ...

    def items(self, paths: Sequence[Path], *, database: str | None) -> Iterable[LogItem]:
        """All of the files, in the order of their times, as they are read; statements in the order of their ends.

        `database` is the one whose statements are wanted, None where there is but one. Raises InputError naming file
        and line.
        """
        ...


class ReplaySession(Protocol):
    """One connection of a replay. Not shared between threads; errors are `loadlab.errors.DatabaseError`s."""

    @property
    def in_transaction(self) -> bool:
        """Whether the server has a transaction open, a failed one included."""
        ...

    def prepare(self, text: str) -> None:
        """Have the text parsed under a name, unless it is; for `execute`."""
        ...

    def execute(self, text: str, values: Sequence[str | None] | None, *, is_prepared: bool) -> int:
        """Run it and drain the result; the number of rows returned, or affected when none are returned."""
        ...

    def set(self, settings: Mapping[str, str]) -> None:
        """Let the session's settings be these (name → statement) and no others; within a transaction, these too."""
        ...

    def rollback(self) -> None: ...

    def close(self) -> None: ...


@runtime_checkable
class CanReplay(Protocol):
    """What the server's own log says was executed can be executed anew."""

    def replay_session(self, *, timeout_s: float, read_only: bool) -> ReplaySession:
        """`read_only`: the server itself refuses every change."""
        ...

    def free_connections(self) -> int:
        """How many more clients the server takes."""


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
