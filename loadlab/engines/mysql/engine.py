"""One database of a MariaDB or MySQL server as an `Engine`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from loadlab.engines.abilities import Refusal
from loadlab.engines.mysql import evidence, hosting, ledger, server
from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.ddl import translate
from loadlab.engines.mysql.details import read_details
from loadlab.engines.mysql.dialect import is_native, render
from loadlab.engines.mysql.explain import explain, plan
from loadlab.engines.mysql.forget import forget
from loadlab.engines.mysql.later import (
    FULL_TEXT,
    check_foreign_keys,
    make_foreign_keys,
    make_indexes,
    make_triggers,
    put_off,
)
from loadlab.engines.mysql.loading import can_load_local, insert_batches
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.prisma import render_prisma
from loadlab.engines.mysql.reflect import NAME, reflect, table_names
from loadlab.engines.mysql.remedies import MysqlRemedies
from loadlab.engines.mysql.rights import missing_rights
from loadlab.engines.mysql.scratch import copy_of, scratch_connection
from loadlab.engines.mysql.script import check_statements, execute_script
from loadlab.engines.mysql.session import MysqlSession
from loadlab.engines.mysql.statements import insert_statement
from loadlab.engines.mysql.trial import try_sample
from loadlab.engines.mysql.tuning import MysqlTuning
from loadlab.engines.mysql.words import MysqlWords
from loadlab.engines.operations_sql import highest_statement, lookup_statement, operation_statement
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Chunk, Evidence, LiveEvidence, Manifest, PlanEvidence, Progress
from loadlab.errors import DatabaseError, NotEmptyError
from loadlab.schema.details import SchemaDetails
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema

_SCRATCH = ("mysql:", "mysql://", "mariadb:", "mariadb://")
_SLOW = (
    "the server forbids LOAD DATA LOCAL (local_infile is off): rows go in by INSERTs of many rows each, which takes"
    " several times as long"
)


class MysqlEngine:
    """See `loadlab.engines.protocol.Engine`; also CanExplain, CanRenderInsert, CanConnectDirectly, CanTellIdentity,
    CanRenderPrisma, CanWatch, CanIdentifyStatements and those of filling, review and plans that the methods name.
    """

    name = NAME
    schema_file = "schema.sql"

    def __init__(self, address: Address, display_url: str, private: server.PrivateServer | None = None) -> None:
        self._address, self._private = address, private
        self.url, self.display_url = address.url, display_url
        self._opened: Connection | None = None
        self._entry: ledger.Entry | None = None
        self._previewed: tuple[str, ...] = ()
        self._is_copy = False
        self._copies: list[MysqlEngine] = []

    @classmethod
    def open(cls, url: str) -> MysqlEngine:
        """Raises InputError, UnreachableError; MissingDependencyError for a scratch database without a server."""
        from loadlab.engines import mask

        if url in _SCRATCH:
            private = server.acquire()
            try:
                return cls(private.new_database(), url, private)
            except BaseException:
                server.release(private)
                raise
        engine = cls(Address.parse(url), mask(url))
        engine._opened = Connection(engine._address, place=engine.display_url)
        return engine

    @property
    def _connection(self) -> Connection:
        """The engine's own; anew after one was lost."""
        if self._opened is None or not self._opened.driver.open:
            self._opened = Connection(self._address, place=self.display_url)
        return self._opened

    def _another(self) -> Connection:
        return Connection(self._address, place=self.display_url)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a scratch database disappears, and so do copies and a copy."""
        # From the last to the first, each whatever becomes of the others.
        with ExitStack() as closing:
            private, self._private = self._private, None
            if private is not None:
                closing.callback(server.release, private)
                closing.callback(private.drop, self._address)
            closing.callback(self._hang_up)
            if self._is_copy:
                closing.callback(self._drop_copy)
            copies, self._copies = self._copies, []
            for copied in copies:
                closing.callback(copied.close)

    def _drop_copy(self) -> None:
        self._connection.run(f"DROP DATABASE IF EXISTS {quoted(self._database)}")
        self._is_copy = False

    def _hang_up(self) -> None:
        opened, self._opened = self._opened, None
        if opened is not None:
            opened.close()

    def version(self) -> str:
        """Product and version."""
        return str(self._connection.product)

    @property
    def _database(self) -> str:
        return self._address.database

    def _ledger(self) -> ledger.Entry | None:
        self._entry = ledger.read(self._connection, self._database)
        return self._entry

    @property
    def _plan(self) -> ledger.Plan:
        """What was done to the schema when it was made here; asked for once, since it does not change."""
        entry = self._entry if self._entry is not None else self._ledger()
        return ledger.Plan() if entry is None else entry.plan

    # Schema -------------------------------------------------------------------------------------------------------

    def preview(self, ddl: str, statements: Mapping[str, Statement]) -> Schema:
        """Executed in a database of its own on the same server, which is dropped afterwards."""
        with scratch_connection(self._address) as scratch:
            self._previewed = execute_script(scratch, ddl)
            check_statements(scratch, statements, lambda statement: render(statement).prepared)
            database = str(scratch.value("SELECT DATABASE()"))
            return Schema(reflect(scratch, database).tables, NAME, ddl)

    def check_statements(self, statements: Mapping[str, Statement]) -> None:
        """Each is prepared by the server. Raises InputError naming the statement."""
        plan = self._plan
        waits = any(item.kind == "full-text index" for item in plan.later) and self._is_unfinished()
        check_statements(
            self._connection,
            statements,
            lambda statement: render(statement, plan.stand_ins).prepared,
            plan.notes,
            full_text_waits=waits,
        )

    def _is_unfinished(self) -> bool:
        entry = self._ledger()
        return entry is not None and not entry.manifest.finished

    def user_tables(self) -> Mapping[str, bool]:
        """Whether each table holds rows; what a killed LoadLab left half made is not the user's."""
        entry = self._ledger()
        half_made = set() if entry is None or entry.ready else self._half_made(entry)
        names = [name for name in table_names(self._connection, self._database) if ("TABLE", name) not in half_made]
        return {name: self._connection.value(f"SELECT 1 FROM {quoted(name)} LIMIT 1") is not None for name in names}

    def _half_made(self, entry: ledger.Entry) -> set[ledger.Thing]:
        return set(ledger.things(self._connection, self._database) - entry.before)

    def reflect(self) -> Schema:
        """The schema that is there."""
        return reflect(self._connection, self._database)

    def notes(self) -> tuple[str, ...]:
        """What of a schema was left out here, or read as something else, what the server forbids, what is not seen."""
        slow = () if self._loads_local else (_SLOW,)
        return (*(self._plan.notes or self._previewed), *slow, *self._not_seen)

    @cached_property
    def _not_seen(self) -> tuple[str, ...]:
        return tuple(missing_rights(self._connection))

    @cached_property
    def _loads_local(self) -> bool:
        return can_load_local(self._connection)

    @contextmanager
    def scratch(self) -> Iterator[MysqlEngine]:
        """See `loadlab.engines.abilities.CanMakeScratch`."""
        with scratch_connection(self._address) as connection:
            engine = MysqlEngine(self._address.of(str(connection.value("SELECT DATABASE()"))), self.display_url)
            try:
                yield engine
            finally:
                engine.close()

    def clone(self) -> MysqlEngine:
        """See `loadlab.engines.abilities.CanClone`: another database of the server."""
        source = self._database

        def texts(connection: Connection) -> Iterator[str]:
            yield from hosting.views_of(connection, source)
            yield from hosting.triggers_of(connection, source)

        copied = copy_of(self._address, texts)
        made = MysqlEngine(copied, self.display_url)
        made._is_copy = True
        self._copies.append(made)
        return made

    # Other ways to say a schema -----------------------------------------------------------------------------------

    def sqlalchemy_url(self) -> str:
        """See `loadlab.engines.abilities.CanHostMigrations`."""
        return hosting.sqlalchemy_url(self._address)

    def django_settings(self) -> Mapping[str, Any]:
        """See `loadlab.engines.abilities.CanHostMigrations`."""
        return hosting.django_settings(self._address)

    def dump_ddl(self) -> str:
        """The server's own texts."""
        return hosting.dump_ddl(self._connection, self._database)

    def with_extensions(self, ddl: str) -> str:
        """The text itself: nothing is installed into a database."""
        return ddl

    def render_prisma(self, schema: PrismaSchema) -> str:
        """See `loadlab.engines.abilities.CanRenderPrisma`."""
        return render_prisma(schema)

    # Review -------------------------------------------------------------------------------------------------------

    def details(self) -> SchemaDetails:
        """See `loadlab.engines.abilities.CanInspect`."""
        return read_details(self._connection, self._database)

    def preview_details(self, ddl: str) -> SchemaDetails:
        """Executed in a database of its own, as `preview` does."""
        with scratch_connection(self._address) as scratch:
            execute_script(scratch, ddl)
            return read_details(scratch, str(scratch.value("SELECT DATABASE()")))

    def remedies(self, *, live: bool) -> MysqlRemedies:
        """See `loadlab.engines.abilities.CanRenderRemedies`."""
        return MysqlRemedies(live=live)

    # Seeding ------------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """What the ledger says; nothing while its tables are still half made."""
        entry = self._ledger()
        return entry.manifest if entry is not None and entry.ready else None

    def forget(self, *, with_new_rows: bool = False) -> None:
        """See `loadlab.engines.abilities.CanForget`."""
        entry = self._ledger()
        if entry is None:
            return
        if not entry.ready:
            ledger.drop_things(self._connection, self._half_made(entry))
            ledger.drop(self._connection)
        else:
            forget(self._connection, self._database, entry, with_new_rows=with_new_rows)
        self._entry = None

    def loaded(self) -> frozenset[Chunk]:
        """The chunks that are in."""
        return ledger.chunks(self._connection, self._database)

    def create(self, manifest: Manifest) -> None:
        """The ledger, then the tables without what slows loading."""
        taken = [name for name in self.user_tables() if manifest.owns_tables]
        if taken:
            raise NotEmptyError(f"{self.display_url} holds tables already: {', '.join(taken)}; give an empty database")
        entry = self._ledger()
        if entry is not None and not entry.ready:
            ledger.drop_things(self._connection, self._half_made(entry))
        before = ledger.things(self._connection, self._database)
        ledger.write(self._connection, ledger.Entry(manifest, ledger.Plan(), before, ready=not manifest.owns_tables))
        if manifest.owns_tables:
            made = self._make_tables(manifest.schema, before)
            ledger.write(self._connection, ledger.Entry(manifest, made, before))
        self._entry = None

    def _make_tables(self, schema: Schema, before: frozenset[ledger.Thing]) -> ledger.Plan:
        notes: tuple[str, ...] = ()
        stand_ins: tuple[ledger.StandIn, ...] = ()
        if is_native(schema.dialect) and schema.ddl:
            maker = self._another()
            try:
                # A connection of its own: scripts set variables of theirs.
                notes = execute_script(maker, schema.ddl)
            finally:
                maker.close()
            later = put_off(self._connection, self._database)
        else:
            product = self._connection.product
            translation = translate(schema, product, lambda: scratch_connection(self._address))
            for sql in translation.tables:
                self._connection.run(sql)
            later, notes, stand_ins = (
                translation.plan.later,
                translation.plan.notes,
                translation.plan.stand_ins,
            )
        made = ledger.things(self._connection, self._database) - before
        return ledger.Plan(later, notes, stand_ins, tuple(sorted(made)))

    def try_rows(self, manifest: Manifest, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> tuple[Refusal, ...]:
        """In a database of its own, whose tables have their unique indexes and no foreign keys."""
        native = is_native(manifest.schema.dialect)
        with self.scratch() as trial:
            if manifest.owns_tables:
                trial.create(manifest)
                later = [item for item in trial._plan.later if item.kind == "index"]
                connection = trial._connection
                for item in later:
                    if item.clause.startswith("UNIQUE"):
                        connection.run(f"ALTER TABLE {quoted(item.table)} ADD {item.clause}")
            else:
                connection = trial._connection
                for table in manifest.schema:
                    source = f"{quoted(self._database)}.{quoted(table.key)}"
                    connection.run(f"CREATE TABLE {quoted(table.key)} LIKE {source}")
            return tuple(
                refusal
                for table, sample in samples
                if (refusal := try_sample(connection, table, sample, native=native)) is not None
            )

    def note_new_rows(self, new_rows: int) -> None:
        """One number in the ledger."""
        ledger.note_new_rows(self._connection, new_rows)

    @property
    def _dialect(self) -> str:
        entry = self._entry if self._entry is not None else self._ledger()
        return NAME if entry is None else entry.manifest.schema.dialect

    def load(self, table: Table, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """A chunk that the ledger has already is not loaded again."""
        connection, native = self._connection, is_native(self._dialect)
        # Parents may come after children; finishing checks every foreign key.
        connection.run("SET SESSION foreign_key_checks = 0")
        try:
            with self._of_table(table), connection.transaction():
                if not ledger.claim(connection, chunk):
                    return chunk.rows
                return insert_batches(connection, table, batches, native=native, local=self._loads_local)
        finally:
            if connection.driver.open:
                connection.run("SET SESSION foreign_key_checks = 1")

    @contextmanager
    def _of_table(self, table: Table) -> Iterator[None]:
        try:
            yield
        except DatabaseError as error:
            if f"table {table.key}" in str(error):
                raise
            raise type(error)(f"table {table.key}: {error}", code=error.code, constraint=error.constraint) from error

    def finish(self, manifest: Manifest, progress: Progress, *, workers: int = 1) -> None:
        """Indexes, a check of every foreign key, these, triggers, statistics; each step can be repeated."""
        entry = self._ledger()
        if entry is not None and entry.manifest.finished:
            return
        for note in self.notes():
            progress(note)
        connection, database = self._connection, self._database
        later = self._plan.later
        make_indexes(connection, database, later, self._another, progress, workers)
        check_foreign_keys(connection, manifest.schema, self.reflect(), progress)
        make_foreign_keys(connection, database, later, progress)
        make_triggers(connection, database, later)
        progress("collecting statistics")
        names = table_names(connection, database)
        if names:
            connection.rows(f"ANALYZE TABLE {', '.join(map(quoted, names))}")
        ledger.mark_finished(connection)

    # Rows behind what is there ------------------------------------------------------------------------------------

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """With foreign keys enforced, unlike the loading of chunks."""
        connection = self._connection
        with self._of_table(table), connection.transaction():
            return insert_batches(connection, table, batches, native=is_native(self._dialect), local=self._loads_local)

    def lookup_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """By equality of every column."""
        return lookup_statement(table, columns, quoted)

    def highest_statement(self, table: Table, column: str, where: Sequence[str] = ()) -> Statement:
        """By equality of the columns, NULL without any row."""
        return highest_statement(table, column, where, quoted)

    def extend(self, manifest: Manifest) -> None:
        """In one statement."""
        ledger.replace(self._connection, manifest)
        self._entry = None

    # Load and evidence --------------------------------------------------------------------------------------------

    def connect(self, *, timeout_s: float) -> MysqlSession:
        """A connection of its own for the load."""
        return MysqlSession(self._address, self._plan.stand_ins, timeout_s=timeout_s)

    def connect_directly(self, *, timeout_s: float) -> MysqlSession:
        """See `loadlab.engines.abilities.CanConnectDirectly`."""
        return self.connect(timeout_s=timeout_s)

    def identity(self) -> str:
        """The server by what it says of itself: two addresses may lead to one."""
        connection = self._connection
        host, port, data = connection.rows("SELECT @@hostname, @@port, @@datadir")[0]
        return f"{host}:{port}{data}{self._database}"

    def snapshot(self) -> Evidence:
        """Counters and sizes as they stand."""
        return evidence.snapshot(self._connection, self._database)

    def watch(self) -> LiveEvidence:
        """See `loadlab.engines.abilities.CanWatch`."""
        return evidence.live(self._connection)

    def statement_id(self, statement: Statement) -> str | None:
        """See `loadlab.engines.abilities.CanIdentifyStatements`."""
        return evidence.digest_of(self._address, render(statement, self._plan.stand_ins))

    def explain(self, statement: Statement) -> PlanEvidence:
        """By EXPLAIN FORMAT=JSON, with values of rows that are there."""
        return explain(self._connection, self._database, render(statement, self._plan.stand_ins))

    def plan(self, statement: Statement) -> Plan | None:
        """See `loadlab.engines.abilities.CanPlan`."""
        return plan(self._connection, render(statement, self._plan.stand_ins))

    def tuning(self) -> MysqlTuning:
        """See `loadlab.engines.abilities.CanTune`."""
        return MysqlTuning()

    def tune(self, text: str) -> None:
        """See `loadlab.engines.abilities.CanTune`."""
        self._connection.rows(text)

    def insert_statement(self, table: Table) -> Statement:
        """An insert of every stored column, each parameter named as its column."""
        return insert_statement(table, native=is_native(self._dialect))

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        """See `loadlab.engines.abilities.CanRenderOperations`."""
        return operation_statement(form, schema, MysqlWords(self._full_text(schema)))

    def _full_text(self, schema: Schema) -> Mapping[str, tuple[tuple[str, ...], ...]]:
        """The columns of each full-text index, by table: of the schema, whose tables need not be there yet, and of the
        database, which has them in place of another engine's search documents."""
        rows = self._connection.rows(
            "SELECT table_name, index_name, GROUP_CONCAT(column_name ORDER BY seq_in_index SEPARATOR '\\0')"
            f" FROM information_schema.statistics WHERE table_schema = {literal(self._database)}"
            " AND index_type = 'FULLTEXT' GROUP BY 1, 2"
        )
        found = {
            table.key: tuple(index.keys for index in table.indexes if index.method == FULL_TEXT) for table in schema
        }
        for table, _, columns in rows:
            found[table] = (*found.get(table, ()), tuple(str(columns).split("\0")))
        return found
