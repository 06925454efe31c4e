"""The engine: what `loadlab.engines.protocol` asks for, said in terms of this folder's parts."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Self

import psycopg
from psycopg import pq, sql
from psycopg.errors import error_from_result

from loadlab.engines import mask
from loadlab.engines.abilities import Refusal, StoredSize
from loadlab.engines.operations_sql import operation_statement
from loadlab.engines.postgresql import ledger
from loadlab.engines.postgresql.catalog import IS_USERS_TABLE, KEY, LEDGER_NAMESPACE, identifier
from loadlab.engines.postgresql.cloning import clone_database, drop_clone, url_of_database
from loadlab.engines.postgresql.connection import (
    Connection,
    connect,
    cut_off,
    libpq_url,
    plain_opener,
    publish_counters,
    settings_in_options,
    stop_when_client_is_gone,
)
from loadlab.engines.postgresql.deferred import put_off
from loadlab.engines.postgresql.dump import django_settings, dump_ddl
from loadlab.engines.postgresql.errors import message, translated
from loadlab.engines.postgresql.extensions import with_extensions
from loadlab.engines.postgresql.file_form import PostgresqlFileForm
from loadlab.engines.postgresql.filled import filled_tables
from loadlab.engines.postgresql.finish import finish_tables, write_out
from loadlab.engines.postgresql.foreign import left_out
from loadlab.engines.postgresql.forget import forget, note_made, objects
from loadlab.engines.postgresql.live import look
from loadlab.engines.postgresql.load import Target, append_rows, fill_later, load_chunk, target
from loadlab.engines.postgresql.observing import Observing
from loadlab.engines.postgresql.pooler import PostgresqlPooler, find_pooler
from loadlab.engines.postgresql.prisma import render_prisma
from loadlab.engines.postgresql.reflect import read_schema
from loadlab.engines.postgresql.render import DIALECT, render_schema
from loadlab.engines.postgresql.replay import PostgresqlReplaySession
from loadlab.engines.postgresql.script import run_script
from loadlab.engines.postgresql.session import PostgresqlSession, native_text
from loadlab.engines.postgresql.sizes import foreseen_size
from loadlab.engines.postgresql.trial import stand_in_place, try_in_place, try_on_copies
from loadlab.engines.postgresql.unprepared import DirectSession, PooledSession, UnpreparedSession
from loadlab.engines.postgresql.words import PostgresqlWords
from loadlab.engines.protocol import Chunk, Manifest, Progress
from loadlab.errors import InputError
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema

_TABLES = f"""
    SELECT {KEY}, n.nspname::text, c.relname::text
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
    ORDER BY 1
"""
_ALL_TABLE_OIDS = f"""
    SELECT c.oid FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {IS_USERS_TABLE}
    ORDER BY c.oid
"""
_TABLES_PER_QUERY = 100
_IDENTITY = """
    SELECT oid || ' ' || pg_postmaster_start_time() FROM pg_database WHERE datname = current_database()
"""


class PostgresqlEngine(Observing):
    """One database of a PostgreSQL server. Connects when it is made; see `loadlab.engines.protocol.Engine`.

    Also CanExplain, CanIdentifyStatements, HasNotes, CanRenderInsert, CanWatch, CanWriteOut, CanHostMigrations,
    CanRenderPrisma, CanSampleActivity, CanConnectDirectly, CanCutOff, CanTellIdentity, CanGoThroughPooler, CanPlan,
    CanTryIndexes, CanTune and CanClone.
    """

    name = DIALECT
    schema_file = "schema.sql"

    def __init__(
        self,
        url: str,
        *,
        display_url: str | None = None,
        on_close: Callable[[], None] | None = None,
        on_leave_running: Callable[[], str] | None = None,
        own_server: bool = False,
    ) -> None:
        """`on_close` runs after the connection is closed, `on_leave_running` when the server is to outlive us.

        `own_server`: LoadLab has brought the server along, so what it lacks is not for the user to install.

        Raises InputError and UnreachableError.
        """
        self.url = libpq_url(url)
        self.display_url = mask(url) if display_url is None else display_url
        self._connection: Connection = connect(self.url)
        self._on_close = on_close
        self._on_leave_running = on_leave_running
        self._own_server = own_server
        self._clones: list[Self] = []
        self._notes: tuple[str, ...] = ()
        self._targets: dict[tuple[str, tuple[str, ...]], Target] = {}
        self._counts_statements = None
        self._pooler = find_pooler(self._connection, self.url)
        if self._pooler is None:
            stop_when_client_is_gone(self._connection)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"PostgresqlEngine({self.display_url!r})"

    def close(self) -> None:
        # Copies first, then the connection, which they are dropped through; each whatever becomes of the others.
        with ExitStack() as closing:
            on_close, self._on_close = self._on_close, None
            if on_close is not None:
                closing.callback(on_close)
            closing.callback(self._connection.close)
            for clone in self._clones:
                closing.callback(clone.close)

    def leave_running(self) -> str | None:
        """Let a server that we started for kept data live on; the command that stops it, None for any other server."""
        return None if self._on_leave_running is None else self._on_leave_running()

    def clone(self) -> Self:
        """See `loadlab.engines.abilities.CanClone`. Raises InputError for a pooler's address."""
        if self._pooler is not None:
            remedy = f"leads through a pooler ({self._pooler.product}), which cannot copy a database; give the server's"
            raise InputError("--database", f"{remedy} own address", value=self.display_url)
        name, source = clone_database(self._connection), self._connection
        shown = self.display_url if self._own_server else None
        try:
            clone = type(self)(
                url_of_database(self.url, name),
                display_url=shown,
                on_close=lambda: drop_clone(source, name),
                own_server=self._own_server,
            )
        except BaseException:
            drop_clone(source, name)
            raise
        self._clones = [*(known for known in self._clones if not known._connection.closed), clone]
        return clone

    # The schema and the statements -----------------------------------------------------------------------------------

    def preview(self, ddl: str, statements: Mapping[str, Statement]) -> Schema:
        with translated(), self._connection.transaction(force_rollback=True):
            before = self._table_oids()
            notes = run_script(self._connection, ddl, own_server=self._own_server)
            found = read_schema(self._connection)
            filled = filled_tables(self._connection, before)
            self._check(statements)
        self._notes = (*notes, *filled.notes(), *found.notes)
        schema = found.schema
        return Schema(schema.tables, schema.dialect, ddl)

    def check_statements(self, statements: Mapping[str, Statement]) -> None:
        with translated(), self._connection.transaction(force_rollback=True):
            self._check(statements)

    def _check(self, statements: Mapping[str, Statement]) -> None:
        """Have the server parse and analyse each statement, unnamed, so that nothing stays."""
        for key, statement in statements.items():
            text = native_text(statement)
            if not text.strip():
                raise InputError(f"operation {key}", "has an empty statement")
            result = self._connection.pgconn.prepare(b"", text.encode())
            if result.status != pq.ExecStatus.COMMAND_OK:
                error = error_from_result(result)
                if isinstance(error, psycopg.OperationalError):
                    raise error
                raise InputError(f"operation {key}:", f"{message(error)}{_remedy(error, statement)}")

    def user_tables(self) -> Mapping[str, bool]:
        with translated():
            tables = self._connection.execute(_TABLES.encode()).fetchall()
            holds_rows: dict[str, bool] = {}
            for start in range(0, len(tables), _TABLES_PER_QUERY):
                part = tables[start : start + _TABLES_PER_QUERY]
                questions = [
                    sql.SQL("SELECT {}, EXISTS (SELECT FROM {})").format(key, sql.Identifier(namespace, name))
                    for key, namespace, name in part
                ]
                holds_rows |= dict(self._connection.execute(sql.SQL(" UNION ALL ").join(questions)).fetchall())
        return holds_rows

    def reflect(self) -> Schema:
        with translated():
            found = read_schema(self._connection)
        self._notes = found.notes
        return found.schema

    def notes(self) -> tuple[str, ...]:
        """What of the schema that was read last is left out, or is another thing than it looks."""
        return self._notes

    # Other ways to say a schema ---------------------------------------------------------------------------------------

    def sqlalchemy_url(self) -> str:
        return self.url.replace(f"{DIALECT}:", f"{DIALECT}+psycopg:", 1)

    def django_settings(self) -> Mapping[str, Any]:
        return django_settings(self.url)

    def dump_ddl(self) -> str:
        return dump_ddl(self.url, self._connection.info.server_version // 10_000)

    def with_extensions(self, ddl: str) -> str:
        return with_extensions(ddl)

    def render_prisma(self, schema: PrismaSchema) -> str:
        return with_extensions(render_prisma(schema))

    # Seeding ---------------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        with translated():
            return ledger.read_manifest(self._connection)

    def create(self, manifest: Manifest) -> None:
        """A database that holds this manifest already is left as it is.

        Raises NotEmptyError when it holds another one, and InputError for a DDL text that the server refuses or an
        address that leads through a pooler.
        """
        if self._pooler is not None:
            raise InputError(
                "--database",
                f"leads through a pooler ({self._pooler.product}), which filling a database cannot; give the server's"
                " own address, and this one as --load-database",
                value=self.display_url,
            )
        with translated(), self._connection.transaction():
            found = ledger.read_manifest(self._connection)
            if found is not None:
                return ledger.require_same(found, manifest)
            ledger.create_ledger(self._connection, manifest)
            if manifest.owns_tables:
                if manifest.schema.dialect != DIALECT:
                    self._notes = tuple(left_out(manifest.schema))
                before, things = self._table_oids(), objects(self._connection)
                run_script(self._connection, _ddl(manifest.schema), own_server=self._own_server)
                note_made(self._connection, objects(self._connection) - things)
                filled = filled_tables(self._connection, before)
                made = [oid for oid in self._table_oids() if oid not in before]
                ledger.defer(self._connection, put_off(self._connection, made))
                filled.empty(self._connection)

    def forget(self, *, with_new_rows: bool = False) -> None:
        """See `loadlab.engines.abilities.CanForget`."""
        with translated(), self._connection.transaction():
            found = ledger.read_manifest(self._connection)
            if found is not None:
                forget(self._connection, found, with_new_rows=with_new_rows)
        self._targets.clear()

    def loaded(self) -> frozenset[Chunk]:
        with translated():
            return ledger.loaded_chunks(self._connection)

    def load(self, table: Table, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """Raises InputError for a column or a value that cannot be loaded, ConstraintError for one that is refused."""
        return load_chunk(self._connection, self._target(table), batches, chunk)

    def fill_later(self, table: Table, columns: Sequence[str], batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        return fill_later(self._connection, table, columns, batches, chunk)

    def load_together(self, loads: Iterable[tuple[Table, Iterable[pa.RecordBatch], Chunk]]) -> int:
        with translated(), self._connection.transaction():
            self._connection.execute("SET CONSTRAINTS ALL DEFERRED")
            return sum(self.load(table, batches, chunk) for table, batches, chunk in loads)

    def _target(self, table: Table) -> Target:
        columns = tuple(column.name for column in table.stored_columns)
        goal = self._targets.get((table.key, columns))
        if goal is None:
            goal = self._targets[table.key, columns] = target(self._connection, table, columns)
        return goal

    def finish(self, manifest: Manifest, progress: Progress, *, workers: int = 1) -> None:
        """Goes on where an interrupted call stopped. Raises ConstraintError when the data breaks a constraint."""
        found = self.manifest()
        if found is not None and found.finished:
            return
        with translated(), ExitStack() as opened:
            connections = [opened.enter_context(connect(self.url)) for _ in range(workers)]
            for connection in connections:
                stop_when_client_is_gone(connection)
            # What this session still has to report would be added to the row counts that ANALYZE sets.
            publish_counters(self._connection)
            finish_tables(connections, manifest.schema.tables, progress)
            # Its commit is waited for, and with it the log of everything before is on disk.
            ledger.mark_finished(self._connection)

    def write_out(self) -> None:
        with translated():
            write_out(self._connection)

    def try_rows(self, manifest: Manifest, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> tuple[Refusal, ...]:
        """See `loadlab.engines.abilities.CanTryRows`. Raises InputError for a DDL text that the server refuses."""
        with translated(), self._connection.transaction(force_rollback=True):
            if not manifest.owns_tables:
                return tuple(try_on_copies(self._connection, samples))
            before = self._table_oids()
            run_script(self._connection, _ddl(manifest.schema), own_server=self._own_server)
            filled = filled_tables(self._connection, before)
            stand_in_place(self._connection, [oid for oid in self._table_oids() if oid not in before])
            filled.empty(self._connection)
            return tuple(try_in_place(self._connection, samples))

    def foresee_size(
        self, table: Table, sample: pa.RecordBatch, rows: int, distinct: Mapping[str, float]
    ) -> StoredSize:
        return foreseen_size(table, sample, rows, distinct)

    def free_bytes(self) -> int | None:
        """See `loadlab.engines.abilities.KnowsFreeSpace`: of a server that LoadLab brought along."""
        if not self._own_server:
            return None
        with translated():
            found = self._connection.execute("SHOW data_directory").fetchone()
        return None if found is None else shutil.disk_usage(found[0]).free

    def note_new_rows(self, new_rows: int) -> None:
        with translated():
            ledger.note_new_rows(self._connection, new_rows)

    def _table_oids(self) -> list[int]:
        return [oid for (oid,) in self._connection.execute(_ALL_TABLE_OIDS.encode())]

    # Rows behind what is there ---------------------------------------------------------------------------------------

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """Raises InputError and ConstraintError as `load` does."""
        return append_rows(self._connection, self._target(table), batches)

    def lookup_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        head = f"SELECT 1 FROM {self._name(table)} WHERE "
        names = [sql.Identifier(column).as_string(self._connection) for column in columns]
        fragments = (f"{head}{names[0]} = ", *[f" AND {name} = " for name in names[1:]], " LIMIT 1")
        return Statement(fragments, tuple(columns))

    def untouched_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        # A row that nobody updated was written by the transaction that wrote its chunk's row of the ledger.
        loaded = f"SELECT c.xmin::text FROM {LEDGER_NAMESPACE}.chunk c"
        head = f"SELECT 1 FROM {self._name(table)} t WHERE t.xmin::text IN ({loaded}) AND "
        names = [sql.Identifier(column).as_string(self._connection) for column in columns]
        return Statement((f"{head}{names[0]} = ", *[f" AND {name} = " for name in names[1:]], ""), tuple(columns))

    def highest_statement(self, table: Table, column: str, where: Sequence[str] = ()) -> Statement:
        name, *names = (sql.Identifier(item).as_string(self._connection) for item in (column, *where))
        head = f"SELECT max({name}) FROM {self._name(table)}"
        if not names:
            return Statement((head,), ())
        return Statement((f"{head} WHERE {names[0]} = ", *[f" AND {item} = " for item in names[1:]], ""), tuple(where))

    def extend(self, manifest: Manifest) -> None:
        with translated(), self._connection.transaction():
            ledger.replace_manifest(self._connection, manifest)

    def _name(self, table: Table) -> str:
        return identifier(table.namespace, table.name).as_string(self._connection)

    # The load --------------------------------------------------------------------------------------------------------

    def connect(self, *, timeout_s: float) -> PostgresqlSession:
        if self._pooler is None:
            return PostgresqlSession(connect(self.url, statement_timeout_s=timeout_s), enforced_s=timeout_s)
        session = PooledSession if self._pooler.keeps_prepared else UnpreparedSession
        return session(plain_opener(self.url, limit_s=timeout_s)())

    def connect_directly(self, *, timeout_s: float) -> DirectSession:
        """See `loadlab.engines.abilities.CanConnectDirectly`."""
        if self._pooler is not None:
            return DirectSession(plain_opener(self.url, limit_s=timeout_s), is_pooled=True)
        options = settings_in_options(timeout_s)
        return DirectSession(plain_opener(self.url, limit_s=timeout_s, options=options), enforced_s=timeout_s)

    def cut_off(self) -> None:
        """See `loadlab.engines.abilities.CanCutOff`."""
        cut_off(self._connection)

    def identity(self) -> str:
        """See `loadlab.engines.abilities.CanTellIdentity`."""
        with translated():
            row = self._connection.execute(_IDENTITY).fetchone()
        assert row is not None
        return str(row[0])

    def pooler(self) -> PostgresqlPooler | None:
        """See `loadlab.engines.abilities.CanGoThroughPooler`."""
        return self._pooler

    def replay_session(self, *, timeout_s: float, read_only: bool) -> PostgresqlReplaySession:
        """See `loadlab.engines.abilities.CanReplay`."""
        return PostgresqlReplaySession(connect(self.url), timeout_s=timeout_s, read_only=read_only)

    def free_connections(self) -> int:
        with translated():
            evidence = look(self._connection)
        return evidence.connections_max - evidence.connections

    def insert_statement(self, table: Table) -> Statement:
        columns = table.stored_columns
        fragments = (f"{PostgresqlFileForm().insert_head(table)} (", *[", "] * (len(columns) - 1), ")")
        return Statement(fragments, tuple(column.name for column in columns))

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        return operation_statement(form, schema, PostgresqlWords(self._connection))


def _ddl(schema: Schema) -> str:
    return schema.ddl if schema.dialect == DIALECT and schema.ddl else render_schema(schema)


def _remedy(error: psycopg.Error, statement: Statement) -> str:
    if isinstance(error, (psycopg.errors.IndeterminateDatatype, psycopg.errors.AmbiguousParameter)):
        name = statement.names[0] if statement.names else "name"
        return f"; tell the type of the parameter, e.g. CAST(:{name} AS text)"
    return ""
