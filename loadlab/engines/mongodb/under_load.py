"""What a load, its evidence and its review ask of the engine: one half of `MongodbEngine`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from threading import Lock
from typing import TYPE_CHECKING

from pymongo.database import Database

from loadlab.engines.abilities import StatementContent
from loadlab.engines.mongodb import evidence
from loadlab.engines.mongodb.activity import MongodbActivitySampler
from loadlab.engines.mongodb.checking import check_statements
from loadlab.engines.mongodb.commands import parse_command
from loadlab.engines.mongodb.connection import Address, Document, database_of
from loadlab.engines.mongodb.content import Places, content_of
from loadlab.engines.mongodb.creating import execute_script, scratch_database
from loadlab.engines.mongodb.details import read_details
from loadlab.engines.mongodb.errors import translated
from loadlab.engines.mongodb.explain import explain, plan_of_command
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.operations import (
    highest_statement,
    insert_statement,
    lookup_statement,
    operation_statement,
)
from loadlab.engines.mongodb.plan_stages import ColumnsAt
from loadlab.engines.mongodb.profiler import asked_statements
from loadlab.engines.mongodb.pushed import pushed_row
from loadlab.engines.mongodb.samples import sample_values
from loadlab.engines.mongodb.session import MongodbSession
from loadlab.engines.mongodb.shell import MongodbRemedies, MongodbTuning, command_of
from loadlab.engines.plan_tree import Plan
from loadlab.engines.protocol import Evidence, LiveEvidence, Manifest, PlanEvidence, StatementHistory
from loadlab.errors import InputError
from loadlab.schema.details import SchemaDetails
from loadlab.schema.model import Schema, Table
from loadlab.schema.nesting import APART, documents_of
from loadlab.spec.operations import Form
from loadlab.spec.statement import Statement

if TYPE_CHECKING:
    from pymongo import MongoClient

# How long beyond its limit the server may take to say that it has stopped a command.
_GRACE_S = 5.0
# A server that has fallen silent is one that has gone away; a look takes seconds with thousands of collections.
_SNAPSHOT_S = 60.0
# How long an operation waits for a server that takes it: it is counted as failed then, and the next one tries again.
_SELECTION_S = 2.0
_OPENING = Lock()


class UnderLoad:
    """CanExplain, CanPlan, CanRenderInsert, CanRenderOperations, CanTellContent, CanIdle, CanConnectDirectly,
    CanTellResolution, CanWatch, CanSampleActivity, CanReadStatements, CanInspect, CanRenderRemedies and CanTune.
    """

    _address: Address
    _database: Database[Document]
    url: str
    display_url: str
    _pools: dict[float, MongoClient[Document]]
    moment_us = 1000

    if TYPE_CHECKING:

        def manifest(self) -> Manifest | None: ...

        def reflect(self) -> Schema: ...

    # Statements ---------------------------------------------------------------------------------------------------

    def check_statements(self, statements: Mapping[str, Statement]) -> None:
        """Each is compared with the schema, and explained by the server. Raises InputError naming the statement."""
        if statements:
            check_statements(self._database, statements, self._there())

    def _there(self) -> Layout:
        """What the collections that are there hold: LoadLab's ledger knows more of it than they do."""
        there = self.manifest()
        return Layout.of(there) if there is not None else Layout(self.reflect(), APART)

    def _layout(self, schema: Schema) -> Layout:
        """Where the rows of a schema are: by the ledger's plan of documents, where it is of these tables; a schema that
        was read from the collections has them as they are.
        """
        there = self.manifest()
        documents = APART if there is None else documents_of(there)
        is_theirs = all(schema.has(placement.table) for placement in documents.placements)
        return Layout(schema, documents if is_theirs else APART)

    def _layout_with(self, table: Table) -> Layout:
        there = self.manifest()
        known = there is not None and there.schema.has(table.key)
        return Layout.of(there) if there is not None and known else Layout(Schema((table,), ""), APART)

    def insert_statement(self, table: Table) -> Statement:
        """See `loadlab.engines.abilities.CanRenderInsert`."""
        return insert_statement(table, self._layout_with(table))

    def operation_statement(self, form: Form, schema: Schema) -> Statement:
        """See `loadlab.engines.abilities.CanRenderOperations`."""
        return operation_statement(form, self._layout(schema))

    def lookup_statement(self, table: Table, columns: Sequence[str]) -> Statement:
        """See `loadlab.engines.abilities.CanAppend`."""
        return lookup_statement(table, columns, self._layout_with(table))

    def highest_statement(self, table: Table, column: str, where: Sequence[str] = ()) -> Statement:
        """See `loadlab.engines.abilities.CanAppend`."""
        return highest_statement(table, column, where, self._layout_with(table))

    def idle_statement(self) -> Statement:
        """See `loadlab.engines.abilities.CanIdle`."""
        return Statement.parse('{"ping": 1}')

    def content_of(self, statement: Statement, schema: Schema) -> StatementContent | None:
        """See `loadlab.engines.abilities.CanTellContent`."""
        try:
            command, layout = parse_command(statement), self._layout(schema)
            found = content_of(command, layout.stored)
            row = pushed_row(command, layout)
            return found if row is None else replace(found, inserted=row)
        except InputError:
            return None

    # Plans --------------------------------------------------------------------------------------------------------

    def explain(self, statement: Statement) -> PlanEvidence:
        """See `loadlab.engines.abilities.CanExplain`."""
        with translated(self.display_url):
            return explain(self._database, parse_command(statement), self._columns_at())

    def plan(self, statement: Statement) -> Plan | None:
        """See `loadlab.engines.abilities.CanPlan`: with values of documents that are there."""
        command = parse_command(statement)
        with translated(self.display_url):
            filled = command.filled(sample_values(self._database, command))
            return plan_of_command(self._database, command, filled, columns_at=self._columns_at())

    def _columns_at(self) -> ColumnsAt:
        return Places.of(self._there()).at

    def remedies(self, *, live: bool) -> MongodbRemedies:
        """The same for collections in use: indexes are built beside the writes of others."""
        return MongodbRemedies()

    def tuning(self) -> MongodbTuning:
        """See `loadlab.engines.abilities.CanTune`."""
        return MongodbTuning()

    def tune(self, text: str) -> None:
        """Carry out the making or dropping of an index."""
        with translated(self.display_url):
            self._database.command(command_of(text))

    def details(self) -> SchemaDetails:
        """See `loadlab.engines.abilities.CanInspect`."""
        with translated(self.display_url):
            return read_details(self._database)

    def preview_details(self, ddl: str) -> SchemaDetails:
        """In a database of its own, as `preview` does."""
        with scratch_database(self._address) as (_, database), translated(self.display_url):
            execute_script(database, ddl)
            return read_details(database)

    # Evidence -----------------------------------------------------------------------------------------------------

    def snapshot(self) -> Evidence:
        """Counters and sizes as they stand."""
        return evidence.snapshot(database_of(self._pool(_SNAPSHOT_S), self._database.name))

    def activity_sampler(self) -> MongodbActivitySampler:
        """See `loadlab.engines.abilities.CanSampleActivity`. Raises DatabaseError where the server does not tell."""
        return MongodbActivitySampler(self._address.client(maxPoolSize=1))

    def asked_statements(self) -> StatementHistory:
        """See `loadlab.engines.abilities.CanReadStatements`."""
        return asked_statements(self._database)

    def watch(self) -> LiveEvidence:
        """See `loadlab.engines.abilities.CanWatch`."""
        return evidence.watch(self._database)

    # Sessions -----------------------------------------------------------------------------------------------------

    def connect(self, *, timeout_s: float) -> MongodbSession:
        """A session over the engine's pool: as many connections as there are sessions at work."""
        client = self._pool(timeout_s)
        columns_at = self._columns_at()
        return MongodbSession(
            lambda: database_of(client, self._database.name), timeout_s=timeout_s, owns=False, columns_at=columns_at
        )

    def connect_directly(self, *, timeout_s: float) -> MongodbSession:
        """A client of its own for each operation, of a single connection."""
        options = {**_limits(timeout_s, self.url), "maxPoolSize": 1, "serverMonitoringMode": "poll"}
        return MongodbSession(
            lambda: self._address.open(**options), timeout_s=timeout_s, owns=True, columns_at=self._columns_at()
        )

    def _pool(self, timeout_s: float) -> MongoClient[Document]:
        with _OPENING:  # threads open their sessions at the same time
            if timeout_s not in self._pools:
                self._pools[timeout_s] = self._address.client(**_limits(timeout_s, self.url), maxPoolSize=0)
            return self._pools[timeout_s]

    def close_pools(self) -> None:
        """The clients of the sessions that were opened here."""
        while self._pools:
            self._pools.popitem()[1].close()


def _limits(timeout_s: float, url: str) -> dict[str, int]:
    """A server that keeps no limit by itself must not be waited for without end, nor one that is not there for long."""
    found = {"socketTimeoutMS": round((timeout_s + _GRACE_S) * 1000)}
    if "serverselectiontimeoutms" not in url.lower():
        found["serverSelectionTimeoutMS"] = round(min(timeout_s, _SELECTION_S) * 1000)
    return found
