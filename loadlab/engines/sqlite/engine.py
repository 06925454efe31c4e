"""One SQLite database file as an `Engine`."""

from __future__ import annotations

import shutil
import sqlite3
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import quote, unquote

from loadlab.engines.abilities import Refusal
from loadlab.engines.operations_sql import highest_statement, lookup_statement, operation_statement
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Chunk, Evidence, Manifest, PlanEvidence, Progress
from loadlab.engines.sqlite import evidence, ledger
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.collations import collations_of, note_of, stand_in
from loadlab.engines.sqlite.ddl import translate
from loadlab.engines.sqlite.details import read_details
from loadlab.engines.sqlite.dialect import is_native
from loadlab.engines.sqlite.errors import translated
from loadlab.engines.sqlite.forget import forget
from loadlab.engines.sqlite.full_text import METHOD, in_schema, read_full_text, rebuilding
from loadlab.engines.sqlite.loading import insert_rows, loading, stored_rows, transaction
from loadlab.engines.sqlite.plan_tree import plan
from loadlab.engines.sqlite.prisma import render_prisma
from loadlab.engines.sqlite.reflect import reflect, table_names
from loadlab.engines.sqlite.remedies import SqliteRemedies
from loadlab.engines.sqlite.rewriting import NAME
from loadlab.engines.sqlite.script import REMEDY, check_statements, execute_script
from loadlab.engines.sqlite.session import SqliteSession, open_connection
from loadlab.engines.sqlite.trial import table_statements, try_sample
from loadlab.engines.sqlite.tuning import SqliteTuning
from loadlab.engines.sqlite.words import SqliteWords
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import ConstraintError, InputError, MissingDependencyError, NotEmptyError, UnreachableError
from loadlab.schema.details import SchemaDetails
from loadlab.schema.model import Schema, Table
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

    from loadlab.schema.sources.prisma.model import PrismaSchema

_OLDEST = (3, 37, 0)  # STRICT tables, PRAGMA table_list
_FORM = "must be sqlite:///relative.db, sqlite:////absolute.db, or sqlite:// for a scratch database"
# Loading processes queue for the one write lock; a chunk takes well under a second.
_LOCK_TIMEOUT_S = 60.0


class SqliteEngine:
    """See `loadlab.engines.protocol.Engine`; also CanExplain, CanRenderInsert, CanHostMigrations, CanRenderPrisma,
    CanConnectDirectly, CanTellIdentity and CanClone.
    """

    name = NAME
    schema_file = "schema.sql"

    def __init__(self, path: Path, display_url: str, scratch: tempfile.TemporaryDirectory[str] | None = None) -> None:
        self._path = path
        self._scratch = scratch
        self.url = f"sqlite:///{quote(str(path))}"
        self.display_url = display_url
        self._opened: sqlite3.Connection | None = None
        self._left_out: tuple[str, ...] = ()
        self._empty = sqlite3.connect(":memory:", isolation_level=None)

    @classmethod
    def open(cls, url: str) -> SqliteEngine:
        """Raises InputError, UnreachableError, MissingDependencyError."""
        if sqlite3.sqlite_version_info < _OLDEST:
            needed = ".".join(map(str, _OLDEST))
            raise MissingDependencyError(
                f"this Python has SQLite {sqlite3.sqlite_version}, {needed} or later is needed; use a newer Python"
            )
        _, _, rest = url.partition(":")
        if rest in ("", "//", "///", "///:memory:"):
            folder = tempfile.TemporaryDirectory(prefix="loadlab-")
            return cls(Path(folder.name) / "scratch.db", url, folder)
        if not rest.startswith("///") or "?" in rest:
            raise InputError("--database", _FORM, value=url)
        path = Path(unquote(rest.removeprefix("///"))).absolute()
        if path.is_dir():
            raise UnreachableError(f"{url}: is a folder; name a file in it")
        if not path.parent.is_dir():
            raise UnreachableError(f"{url}: the folder does not exist; create it or name another one")
        engine = cls(path, url)
        try:
            engine.manifest()
        except BaseException:
            engine.close()
            raise
        return engine

    @property
    def _connection(self) -> sqlite3.Connection:
        """The file; one that is not there is an empty database, and must not appear before something is written."""
        if self._opened is None and self._path.exists() and self._path.stat().st_size:
            self._opened = open_connection(self._path, timeout_s=_LOCK_TIMEOUT_S)
        return self._empty if self._opened is None else self._opened

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a scratch database disappears."""
        self._empty.close()
        if self._opened is not None:
            self._opened.close()
        if self._scratch is not None:
            self._scratch.cleanup()

    def clone(self) -> SqliteEngine:
        """See `loadlab.engines.abilities.CanClone`: another file, which disappears."""
        folder = tempfile.TemporaryDirectory(prefix="loadlab-")
        path = Path(folder.name) / "copy.db"
        with translated(self.display_url), closing(open_connection(path, timeout_s=_LOCK_TIMEOUT_S, create=True)) as to:
            self._connection.backup(to)
        return SqliteEngine(path, self.display_url, folder)

    def version(self) -> str:
        """Product and version."""
        return evidence.server_version()

    # Schema -------------------------------------------------------------------------------------------------------

    def preview(self, ddl: str, statements: Mapping[str, Statement]) -> Schema:
        """Executed in memory: the library is the same, so the file need not even exist."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
            self._left_out = execute_script(scratch, ddl)
            check_statements(scratch, statements)
            return Schema(reflect(scratch).tables, NAME, ddl)

    def check_statements(self, statements: Mapping[str, Statement]) -> None:
        """By EXPLAIN of each with NULLs for its parameters. Raises InputError naming the statement."""
        check_statements(self._connection, statements, self.notes())

    def user_tables(self) -> Mapping[str, bool]:
        """Whether each table holds rows."""
        with translated(self.display_url):
            return {name: self._has_rows(name) for name in sorted(table_names(self._connection))}

    def _has_rows(self, table: str) -> bool:
        return self._connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").fetchone() is not None

    def reflect(self) -> Schema:
        """The schema that is there."""
        with translated(self.display_url):
            return reflect(self._connection)

    def notes(self) -> tuple[str, ...]:
        """What was left out here of a schema that was read or made, and what stands in for something in the file."""
        with translated(self.display_url):
            left_out = ledger.notes(self._connection) or self._left_out
            return tuple(dict.fromkeys((*left_out, *map(note_of, collations_of(self._connection)))))

    # Other ways to say a schema -----------------------------------------------------------------------------------

    def sqlalchemy_url(self) -> str:
        """The file by its path."""
        return f"{NAME}:///{self._path}"

    def django_settings(self) -> Mapping[str, Any]:
        """The file by its path."""
        return {"ENGINE": f"django.db.backends.{NAME}3", "NAME": str(self._path)}

    def dump_ddl(self) -> str:
        """The texts that SQLite keeps: tables in the order of their creation, indexes by name, views and triggers."""
        with translated(self.display_url):
            rows = self._connection.execute(
                "SELECT sql FROM sqlite_master WHERE sql IS NOT NULL AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
                " AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"
                " ORDER BY type = 'trigger', type = 'view', type = 'index', iif(type = 'index', name, ''), rowid"
            ).fetchall()
        return "".join(f"{text};\n\n" for (text,) in rows)

    def with_extensions(self, ddl: str) -> str:
        """The text itself: nothing is installed into a file."""
        return ddl

    def render_prisma(self, schema: PrismaSchema) -> str:
        """As Prisma's own migrations for SQLite."""
        return render_prisma(schema)

    # The review ---------------------------------------------------------------------------------------------------

    def details(self) -> SchemaDetails:
        """See `loadlab.engines.abilities.CanInspect`."""
        with translated(self.display_url):
            return read_details(self._connection)

    def preview_details(self, ddl: str) -> SchemaDetails:
        """Executed in memory, as `preview` does."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
            execute_script(scratch, ddl)
            return read_details(scratch)

    def remedies(self, *, live: bool) -> SqliteRemedies:
        """The same for a file in use: every change locks all of it."""
        return SqliteRemedies()

    # Seeding ------------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """What the ledger says."""
        with translated(self.display_url):
            return ledger.read(self._connection)

    def forget(self, *, with_new_rows: bool = False) -> None:
        """See `loadlab.engines.abilities.CanForget`."""
        with translated(self.display_url):
            found = ledger.read(self._connection)
            if found is None:
                return
            # Tables in a circle are dropped one after the other.
            self._connection.execute("PRAGMA foreign_keys = OFF")
            try:
                with transaction(self._connection):
                    forget(self._connection, found, with_new_rows=with_new_rows)
            finally:
                self._connection.execute("PRAGMA foreign_keys = ON")

    def loaded(self) -> frozenset[Chunk]:
        """The chunks that are in."""
        with translated(self.display_url):
            return ledger.chunks(self._connection)

    def create(self, manifest: Manifest) -> None:
        """The tables without their indexes and triggers, and the ledger."""
        taken = [name for name in self.user_tables() if manifest.owns_tables]
        if taken:
            raise NotEmptyError(f"{self.display_url} holds tables already: {', '.join(taken)}; name another file")
        with translated(self.display_url):
            if self._opened is None:
                self._opened = open_connection(self._path, timeout_s=_LOCK_TIMEOUT_S, create=True)
            if manifest.owns_tables:
                # Readers and the one writer do not wait for each other; it is a property of the file.
                self._connection.execute("PRAGMA journal_mode = WAL")
            with transaction(self._connection):
                before = ledger.things(self._connection)
                notes = self._make_tables(manifest.schema) if manifest.owns_tables else ()
                ledger.write(self._connection, manifest, notes, ledger.things(self._connection) - before)

    def try_rows(self, manifest: Manifest, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> tuple[Refusal, ...]:
        """In memory: the library is the same, so the file need not even exist."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as scratch:
            for sql in self._trial_tables(manifest):
                stand_in(scratch, sql)
                scratch.execute(sql)
            return tuple(
                refusal for table, sample in samples if (refusal := try_sample(scratch, table, sample)) is not None
            )

    def _trial_tables(self, manifest: Manifest) -> list[str]:
        """The statements that make the tables and their unique indexes."""
        schema = manifest.schema
        if manifest.owns_tables and not (is_native(schema.dialect) and schema.ddl):
            translation = translate(schema)
            return [*translation.tables, *(sql for _, sql in translation.indexes)]
        if manifest.owns_tables:
            with closing(sqlite3.connect(":memory:", isolation_level=None)) as made:
                execute_script(made, schema.ddl)
                return table_statements(made)
        return table_statements(self._connection)

    def note_new_rows(self, new_rows: int) -> None:
        """One number in the ledger."""
        with translated(self.display_url), transaction(self._connection):
            ledger.note_new_rows(self._connection, new_rows)

    def _make_tables(self, schema: Schema) -> tuple[str, ...]:
        if is_native(schema.dialect) and schema.ddl:
            notes = execute_script(self._connection, schema.ddl)
            self._put_off()
            return notes
        translation = translate(schema)
        for sql in (*translation.tables, *(item.definition for item in translation.full_text)):
            self._connection.execute(sql)
        return translation.notes

    def _put_off(self) -> None:
        """Drop what slows loading; the schema in the ledger knows how to make it again."""
        rows = self._connection.execute(
            "SELECT type, name FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
        ).fetchall()
        for kind, name in rows:
            self._connection.execute(f"DROP {kind} {quoted(name)}")

    def load(self, table: Table, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """A chunk that the ledger has already is not loaded again.

        Values are made before the write lock is taken, so that several processes overlap in that.
        """
        columns = [column.name for column in table.stored_columns]
        rows = stored_rows(batches, columns)
        with translated(f"table {table.key}"), loading(self._connection), transaction(self._connection):
            if not ledger.claim(self._connection, chunk):
                return chunk.rows
            return insert_rows(self._connection, table.key, columns, rows)

    def finish(self, manifest: Manifest, progress: Progress, *, workers: int = 1) -> None:
        """Indexes, then SQLite's own check of every foreign key, triggers, statistics; each step can be repeated."""
        found = self.manifest()
        if found is not None and found.finished:
            return
        for note in self.notes():
            progress(note)
        schema = manifest.schema
        with translated(self.display_url), loading(self._connection):
            if manifest.owns_tables:
                self._make(_indexes(schema), progress)
                self._fill_full_text(schema, progress)
            progress("checking foreign keys")
            for table in schema:
                self._check_foreign_keys(table.key)
            if manifest.owns_tables and is_native(schema.dialect):
                self._make([(item.name, item.definition) for table in schema for item in table.triggers], progress)
            progress("collecting statistics")
            self._connection.execute("ANALYZE")
            ledger.mark_finished(self._connection)
            self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _fill_full_text(self, schema: Schema, progress: Progress) -> None:
        """From the rows that are in; from then on triggers keep them: the schema's own, or those of the translation."""
        for found, _ in read_full_text(self._connection):
            progress(f"filling {found.name}")
            self._connection.execute(rebuilding(found.name))
        if not is_native(schema.dialect):
            self._make([item for found in translate(schema).full_text for item in found.triggers()], progress)

    def _make(self, objects: Iterable[tuple[str, str]], progress: Progress) -> None:
        there = {name for (name,) in self._connection.execute("SELECT name FROM sqlite_master")}
        for name, sql in objects:
            if name not in there:
                progress(f"making {name}")
                self._connection.execute(sql)

    def _check_foreign_keys(self, table: str) -> None:
        broken = self._connection.execute(f"PRAGMA foreign_key_check({quoted(table)})").fetchall()
        if broken:
            _, row, parent, _ = broken[0]
            more = f", and {len(broken) - 1} more rows" if len(broken) > 1 else ""
            raise ConstraintError(f"table {table}: row {row} refers to a row of {parent} that is not there{more}")

    # Rows behind what is there ------------------------------------------------------------------------------------

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """With foreign keys enforced, unlike the loading of chunks."""
        columns = [column.name for column in table.stored_columns]
        rows = stored_rows(batches, columns)
        with translated(self.display_url):
            self._connection.execute("PRAGMA foreign_keys = ON")
            with transaction(self._connection):
                return insert_rows(self._connection, table.key, columns, rows)

    def lookup_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """By equality of every column."""
        return lookup_statement(table, columns, quoted)

    def highest_statement(self, table: Table, column: str, where: Sequence[str] = ()) -> Statement:
        """By equality of the columns, NULL without any row."""
        return highest_statement(table, column, where, quoted)

    def extend(self, manifest: Manifest) -> None:
        """In one transaction."""
        with translated(self.display_url), transaction(self._connection):
            ledger.replace(self._connection, manifest)

    # Load and evidence --------------------------------------------------------------------------------------------

    def connect(self, *, timeout_s: float) -> SqliteSession:
        """A connection of its own for the load."""
        return SqliteSession(self._path, timeout_s=timeout_s)

    def connect_directly(self, *, timeout_s: float) -> SqliteSession:
        """See `loadlab.engines.abilities.CanConnectDirectly`."""
        return self.connect(timeout_s=timeout_s)

    def identity(self) -> str:
        """The file, whatever path leads to it."""
        return str(self._path.resolve())

    def free_bytes(self) -> int | None:
        """See `loadlab.engines.abilities.KnowsFreeSpace`."""
        folder = next(path for path in self._path.resolve().parents if path.exists())
        return shutil.disk_usage(folder).free

    def snapshot(self) -> Evidence:
        """Sizes and rows as they stand."""
        with translated(self.display_url):
            return evidence.snapshot(self._connection, self._path)

    def explain(self, statement: Statement) -> PlanEvidence:
        """By EXPLAIN QUERY PLAN."""
        try:
            with translated():
                return evidence.explain(self._connection, statement)
        except UntranslatableError as error:
            raise InputError(str(statement), f"{error}; {REMEDY}") from None

    def plan(self, statement: Statement) -> Plan | None:
        """By EXPLAIN QUERY PLAN, of tables as large as SQLite takes them for without statistics."""
        try:
            with translated():
                return plan(self._connection, statement)
        except UntranslatableError as error:
            raise InputError(str(statement), f"{error}; {REMEDY}") from None

    def tuning(self) -> SqliteTuning:
        return SqliteTuning()

    def tune(self, text: str) -> None:
        """See `loadlab.engines.abilities.CanTune`."""
        with translated(self.display_url):
            self._connection.execute(text)

    def insert_statement(self, table: Table) -> Statement:
        """An insert of every stored column, each parameter named as its column."""
        names = tuple(column.name for column in table.stored_columns)
        head = f"INSERT INTO {quoted(table.key)} ({', '.join(quoted(name) for name in names)}) VALUES ("
        return Statement((head, *[", "] * (len(names) - 1), ")"), names)

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        """Searches are of words alone."""
        return operation_statement(form, schema, SqliteWords(in_schema(schema, native=is_native(schema.dialect))))


def _indexes(schema: Schema) -> Sequence[tuple[str, str]]:
    if not is_native(schema.dialect):
        return translate(schema).indexes
    own = [index for table in schema for index in table.indexes if index.constraint is None]
    return [(index.name, index.definition) for index in own if index.method != METHOD]
