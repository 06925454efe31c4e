"""What can be seen of a server and of its tables: statistics, counters, plans, and what a review asks for."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from loadlab.engines.abilities import RowLayout
from loadlab.engines.plan_tree import IndexTrial, NewIndex, Plan
from loadlab.engines.postgresql.activity import PostgresqlSampler
from loadlab.engines.postgresql.asked import asked_statements
from loadlab.engines.postgresql.bloat import measure_bloat
from loadlab.engines.postgresql.connection import Connection, publish_counters
from loadlab.engines.postgresql.details import read_details
from loadlab.engines.postgresql.errors import translated
from loadlab.engines.postgresql.evidence import statements_are_counted, take_snapshot
from loadlab.engines.postgresql.imagined import try_index
from loadlab.engines.postgresql.live import look
from loadlab.engines.postgresql.plans import explain, generic_plan, statement_id
from loadlab.engines.postgresql.profile import read_statistics
from loadlab.engines.postgresql.reflect import reflect
from loadlab.engines.postgresql.remedies import PostgresqlRemedies
from loadlab.engines.postgresql.row_layout import row_layout
from loadlab.engines.postgresql.sampling import sample_rows
from loadlab.engines.postgresql.script import run_script
from loadlab.engines.postgresql.tuning import PostgresqlTuning
from loadlab.engines.protocol import Evidence, LiveEvidence, PlanEvidence, StatementHistory
from loadlab.schema.details import Bloat, SchemaDetails
from loadlab.schema.model import Table
from loadlab.schema.statistics import DatabaseStatistics
from loadlab.spec.statement import Statement


class Observing:
    """The part of an engine that only looks, and the settings that are tried on the way."""

    url: str
    _connection: Connection
    _own_server: bool
    _counts_statements: bool | None

    def version(self) -> str:
        reported = self._connection.info.parameter_status("server_version") or "of an unknown version"
        return f"PostgreSQL {reported.split()[0]}"

    def statistics(self, tables: Collection[str] | None) -> DatabaseStatistics:
        """See `loadlab.engines.abilities.CanProfile`."""
        with translated():
            return read_statistics(self._connection, reflect(self._connection), tables)

    def asked_statements(self) -> StatementHistory:
        """See `loadlab.engines.abilities.CanReadStatements`."""
        with translated():
            return asked_statements(self._connection, self.url)

    def details(self) -> SchemaDetails:
        """See `loadlab.engines.abilities.CanInspect`."""
        with translated():
            return read_details(self._connection)

    def preview_details(self, ddl: str) -> SchemaDetails:
        with translated(), self._connection.transaction(force_rollback=True):
            run_script(self._connection, ddl, own_server=self._own_server)
            return read_details(self._connection)

    def bloat(self, *, least_bytes: int, may_install: bool) -> tuple[Bloat, ...]:
        """See `loadlab.engines.abilities.CanMeasureBloat`."""
        with translated():
            return measure_bloat(self._connection, least_bytes, may_install=may_install)

    def sample_rows(self, table: Table, columns: Sequence[str], rows: int) -> list[tuple[str | None, ...]]:
        """See `loadlab.engines.abilities.CanSampleRows`."""
        with translated():
            return sample_rows(self._connection, table, columns, rows)

    def remedies(self, *, live: bool) -> PostgresqlRemedies:
        return PostgresqlRemedies(self._connection, self._connection.info.server_version // 10_000, live=live)

    def activity_sampler(self) -> PostgresqlSampler:
        return PostgresqlSampler(self.url)

    def snapshot(self) -> Evidence:
        with translated():
            return take_snapshot(self._connection, self.url, self.version())

    def row_layout(self, table: Table) -> RowLayout | None:
        """See `loadlab.engines.abilities.CanTellRowLayout`."""
        with translated():
            return row_layout(self._connection, table)

    def watch(self) -> LiveEvidence:
        with translated():
            return look(self._connection)

    def explain(self, statement: Statement) -> PlanEvidence:
        return explain(self._connection, statement)

    def plan(self, statement: Statement) -> Plan | None:
        return generic_plan(self._connection, statement)

    def tuning(self) -> PostgresqlTuning:
        return PostgresqlTuning(self._connection)

    def try_index(self, table: Table, index: NewIndex, statements: Mapping[str, Statement]) -> tuple[IndexTrial, ...]:
        """By HypoPG; see `loadlab.engines.abilities.CanTryIndexes`."""
        definition = self.tuning().create_index(table, index, online=False)
        return try_index(self._connection, definition, statements)

    def tune(self, text: str) -> None:
        """See `loadlab.engines.abilities.CanTune`. What the server counts of it, it has counted when this returns."""
        with translated():
            self._connection.execute(text.encode())
            publish_counters(self._connection)

    def statement_id(self, statement: Statement) -> str | None:
        """None also where the server's counts by statement cannot be read."""
        if self._counts_statements is None:
            with translated():
                self._counts_statements = statements_are_counted(self._connection, self.url)
        return statement_id(self._connection, statement) if self._counts_statements else None
