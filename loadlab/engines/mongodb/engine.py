"""One MongoDB database as an `Engine`."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Literal, Self

from pymongo.database import Database

from loadlab.engines.abilities import Access, Refusal, RelationFacts
from loadlab.engines.mongodb import evidence, ledger
from loadlab.engines.mongodb.adding import add_to_rows, append_inside
from loadlab.engines.mongodb.cloning import copy_database
from loadlab.engines.mongodb.connection import NAME, Address, Document, scratch_address, scratch_name
from loadlab.engines.mongodb.creating import (
    execute_script,
    indexes_of,
    is_native,
    make_collections,
    options_of,
    scratch_database,
)
from loadlab.engines.mongodb.documents import plan_documents
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.existing import read_existing, script_of
from loadlab.engines.mongodb.finish import check_all_references, check_counts, make_indexes
from loadlab.engines.mongodb.forget import forget
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.loading import encoded, insert
from loadlab.engines.mongodb.names import user_collections
from loadlab.engines.mongodb.trial import try_sample
from loadlab.engines.mongodb.under_load import UnderLoad
from loadlab.engines.protocol import Chunk, Manifest, Progress
from loadlab.errors import DatabaseError, InputError, NotEmptyError
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import APART, Documents, Placement, documents_of
from loadlab.spec.documents import DocumentWish
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    import pyarrow as pa

_SCRATCH_FORMS = (f"{NAME}:", f"{NAME}://")


class MongodbEngine(UnderLoad):
    """See `loadlab.engines.protocol.Engine`; also CanForget, CanExtend, CanMakeScratch, CanClone, CanTryRows,
    CanAppend, CanDumpSchema, CanNest, ComputesNothing, HasNotes and what `UnderLoad` brings.
    """

    name = NAME
    schema_file = "schema.json"
    computes_nothing: Literal[True] = True

    def __init__(self, address: Address, database: Database[Document], *, is_scratch: bool = False) -> None:
        self._address = address
        self._database = database
        self._is_scratch = is_scratch
        self._read_notes: tuple[str, ...] = ()
        self._written_notes: tuple[str, ...] = ()
        self._pools = {}
        self._copies: list[MongodbEngine] = []
        self.url = address.url
        self.display_url = address.display_url

    @classmethod
    def open(cls, url: str) -> MongodbEngine:
        """Raises InputError, UnreachableError."""
        is_scratch = url in _SCRATCH_FORMS
        address = scratch_address() if is_scratch else Address.parse(url)
        return cls(address, address.open(), is_scratch=is_scratch)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Close it; a scratch database disappears, and so do copies."""
        # From the last to the first, each whatever becomes of the others.
        with ExitStack() as closing:
            closing.callback(self._database.client.close)
            if self._is_scratch:
                closing.callback(self._drop_scratch)
            closing.callback(self.close_pools)
            copies, self._copies = self._copies, []
            for copied in copies:
                closing.callback(copied.close)

    def _drop_scratch(self) -> None:
        self._is_scratch = False
        with translated(self.display_url):
            self._database.client.drop_database(self._database.name)

    def version(self) -> str:
        """Product and version."""
        with translated(self.display_url):
            return evidence.product(self._database)

    def identity(self) -> str:
        """The replica set, or the server's process, and the database: a client may be led to another member."""
        with translated(self.display_url):
            hello = self._database.client.admin.command("hello")
        server = hello.get("setName") or hello.get("topologyVersion", {}).get("processId")
        return f"{server} {','.join(sorted(hello.get('hosts', ())))} {self._database.name}"

    # Schema -------------------------------------------------------------------------------------------------------

    def preview(self, ddl: str, statements: Mapping[str, Statement]) -> Schema:
        """Executed in a database of its own on the same server, which is dropped afterwards."""
        with self.scratch() as scratch:
            with translated(self.display_url):
                execute_script(scratch._database, ddl)
            scratch.check_statements(statements)
            return replace(scratch.reflect(), ddl=ddl)

    def user_tables(self) -> Mapping[str, bool]:
        """Whether each collection holds documents; what a killed LoadLab left half made is not the user's."""
        with translated(self.display_url):
            entry = ledger.read(self._database)
            half_made = set() if entry is None or entry.ready else self._half_made(entry)
            names = [name for name in user_collections(self._database) if name not in half_made]
            return {name: self._database[name].find_one({}, {"_id": 1}) is not None for name in names}

    def _half_made(self, entry: ledger.Entry) -> set[str]:
        return set(user_collections(self._database)) - entry.before

    def reflect(self) -> Schema:
        """The schema that is there: of collections that others made also what a sample of their documents shows."""
        with translated(self.display_url):
            entry = ledger.read(self._database)
            # What LoadLab filled is as the ledger knows it: its own values tell nothing new.
            found = read_existing(self._database, () if entry is None else user_collections(self._database))
        self._read_notes = found.notes
        return found.schema

    def dump_ddl(self) -> str:
        """See `loadlab.engines.abilities.CanDumpSchema`: validators completed by what a sample of documents shows."""
        schema = self.reflect()
        with translated(self.display_url):
            script = script_of(self._database, schema)
        self._written_notes = script.notes
        return script.text

    def notes(self) -> tuple[str, ...]:
        """What of a schema in another engine's words was left out here; of one that was read what is a guess, and of
        one that was written out what is not as it is here.
        """
        with translated(self.display_url):
            entry = ledger.read(self._database)
        return (*(self._read_notes if entry is None else entry.notes), *self._written_notes)

    @contextmanager
    def scratch(self) -> Iterator[MongodbEngine]:
        """See `loadlab.engines.abilities.CanMakeScratch`."""
        with scratch_database(self._address) as (address, database):
            engine = MongodbEngine(address, database)
            try:
                yield engine
            finally:
                engine.close_pools()

    def plan_documents(
        self,
        schema: Schema,
        relations: Sequence[RelationFacts],
        accesses: Sequence[Access],
        wishes: Mapping[str, DocumentWish],
        place: str,
    ) -> Documents:
        """See `loadlab.engines.abilities.CanNest`. A schema in MongoDB's own words says itself what is where."""
        if is_native(schema.dialect):
            if wishes:
                raise InputError(place, "has no place beside collections that the schema makes itself")
            return APART
        return plan_documents(schema, relations, accesses, wishes, place)

    def clone(self) -> MongodbEngine:
        """See `loadlab.engines.abilities.CanClone`: another database of the server."""
        copied = self._address.of(scratch_name())
        engine = MongodbEngine(copied, copied.open(), is_scratch=True)
        engine.display_url = self.display_url
        self._copies.append(engine)
        with translated(self.display_url):
            copy_database(self._database, engine._database)
        return engine

    # Seeding ------------------------------------------------------------------------------------------------------

    def manifest(self) -> Manifest | None:
        """What the ledger says; nothing while its collections are still half made."""
        with translated(self.display_url):
            entry = ledger.read(self._database)
        return entry.manifest if entry is not None and entry.ready else None

    def forget(self, *, with_new_rows: bool = False) -> None:
        """See `loadlab.engines.abilities.CanForget`."""
        with translated(self.display_url):
            entry = ledger.read(self._database)
            if entry is None:
                return
            if entry.ready:
                forget(self._database, entry, with_new_rows=with_new_rows)
            else:
                self._drop(self._half_made(entry))
                ledger.drop(self._database)

    def _drop(self, collections: Iterable[str]) -> None:
        for name in collections:
            self._database.drop_collection(name)

    def loaded(self) -> frozenset[Chunk]:
        """The chunks that are in."""
        with translated(self.display_url):
            return ledger.chunks(self._database)

    def create(self, manifest: Manifest) -> None:
        """The ledger, then the collections without their indexes."""
        taken = [name for name in self.user_tables() if manifest.owns_tables]
        if taken:
            raise NotEmptyError(f"{self.display_url} holds collections already: {', '.join(taken)}; give an empty one")
        with translated(self.display_url):
            there = ledger.read(self._database)
            if there is not None and not there.ready:
                self._drop(self._half_made(there))
            before = frozenset(user_collections(self._database))
            entry = ledger.Entry(manifest, before=before, ready=not manifest.owns_tables)
            ledger.write(self._database, entry)
            if manifest.owns_tables:
                notes = make_collections(self._database, manifest.schema, documents_of(manifest))
                made = tuple(sorted(set(user_collections(self._database)) - before))
                ledger.write(self._database, replace(entry, notes=notes, made=made, ready=True))

    def try_rows(self, manifest: Manifest, samples: Iterable[tuple[Table, pa.RecordBatch]]) -> tuple[Refusal, ...]:
        """In a database of its own, whose collections have their validators and unique indexes."""
        with scratch_database(self._address) as (_, trial), translated(self.display_url):
            if manifest.owns_tables:
                make_collections(trial, manifest.schema)
            else:
                there = options_of(self._database)
                for name in user_collections(self._database):
                    trial.command({"create": name, **there[name]})
            unique = [(name, spec) for name, spec in indexes_of(manifest.schema) if spec.get("unique")]
            make_indexes(trial, unique, lambda _: None)
            found = (try_sample(trial, table, sample) for table, sample in samples)
            return tuple(refusal for refusal in found if refusal is not None)

    def note_new_rows(self, new_rows: int) -> None:
        """One number in the ledger."""
        with translated(self.display_url):
            ledger.note_new_rows(self._database, new_rows)

    def load(self, table: Table, batches: Iterable[pa.RecordBatch], chunk: Chunk) -> int:
        """A chunk that the ledger has already is not loaded again; of one that was begun, what is in stays."""
        with translated(f"table {table.key}"):
            if ledger.has(self._database, chunk):
                return chunk.rows
            rows = insert(self._database, table, encoded(table, batches, chunk.start), there=True)
            if rows != chunk.rows:
                raise DatabaseError(f"{chunk.table}: {rows} documents of {chunk.start}..{chunk.stop}, not {chunk.rows}")
            ledger.enter(self._database, chunk)
            return rows

    def finish(self, manifest: Manifest, progress: Progress, *, workers: int = 1) -> None:
        """Indexes, a check of every reference, and one that all is in; each step can be repeated."""
        with translated(self.display_url):
            entry = ledger.read(self._database)
            if entry is not None and entry.manifest.finished:
                return
            for note in entry.notes if entry is not None else ():
                progress(note)
            if manifest.owns_tables:
                indexes = indexes_of(manifest.schema, documents_of(manifest))
                missing = make_indexes(self._database, indexes, progress)
                for note in missing:
                    progress(note)
                if entry is not None and missing:
                    ledger.write(self._database, replace(entry, notes=tuple(dict.fromkeys((*entry.notes, *missing)))))
            check_all_references(self._database, Layout.of(manifest), progress)
            check_counts(self._database, ledger.chunks(self._database))
            ledger.mark_finished(self._database)

    # Rows behind what is there ------------------------------------------------------------------------------------

    def append(self, table: Table, batches: Iterable[pa.RecordBatch]) -> int:
        """In one transaction, which needs a replica set; rows that stand in others are added to these.

        Raises InputError for rows of what stands in lists within lists.
        """
        there = self.manifest()
        layout = None if there is None else Layout.of(there)
        client = self._database.client
        with translated(f"table {table.key}"), client.start_session() as session, session.start_transaction():
            if layout is not None and layout.within(table.key):
                return append_inside(self._database, layout, table, batches, session)
            return insert(self._database, table, encoded(table, batches, None), session=session)

    def add_to_rows(
        self, host: Table, placement: Placement, identity: Sequence[str], batches: Iterable[pa.RecordBatch]
    ) -> None:
        """See `loadlab.engines.abilities.CanAddToRows`."""
        there = self.manifest()
        assert there is not None, "rows stand in others where LoadLab has filled the database"
        add_to_rows(self._database, Layout.of(there), host, placement, identity, batches)

    def note_chunk(self, chunk: Chunk) -> None:
        """See `loadlab.engines.abilities.CanAddToRows`."""
        with translated(self.display_url):
            ledger.enter(self._database, chunk)

    def extend(self, manifest: Manifest) -> None:
        """One change of the ledger."""
        with translated(self.display_url):
            ledger.replace(self._database, manifest)
