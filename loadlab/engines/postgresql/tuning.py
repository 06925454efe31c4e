"""What makes statements faster, in PostgreSQL's words."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from loadlab.engines.plan_tree import NewIndex
from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.model import Table

_KIB_PER_MIB = 1024


class PostgresqlTuning:
    """See `loadlab.engines.abilities.Tuning`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def create_index(self, table: Table, index: NewIndex, *, online: bool = True) -> str:
        columns = [
            sql.SQL("{} DESC" if position in index.descending else "{}").format(sql.Identifier(column))
            for position, column in enumerate(index.columns)
        ]
        # An index of a partitioned table cannot be built beside the writes of others.
        kind = "CONCURRENTLY " if online and table.partitioning is None else ""
        text = sql.SQL("CREATE INDEX {kind}{name} ON {table} ({columns})").format(
            kind=sql.SQL(kind),
            name=sql.Identifier(index.name),
            table=identifier(table.namespace, table.name),
            columns=sql.SQL(", ").join(columns),
        )
        return text.as_string(self._connection)

    def drop_index(self, table: Table, name: str, *, online: bool = True) -> str:
        kind = sql.SQL("CONCURRENTLY " if online and table.partitioning is None else "")
        plain = name.rpartition(".")[2] if table.namespace else name
        return self._text("DROP INDEX {}{}", kind, identifier(table.namespace, plain))

    def collect_statistics(self, table: Table) -> str:
        return self._text("ANALYZE {}", identifier(table.namespace, table.name))

    def correlate(self, table: Table, columns: Sequence[str]) -> tuple[str, ...]:
        name = f"{table.name}_{'_'.join(columns)}_stats"[:63]
        made = self._text(
            "CREATE STATISTICS {} ON {} FROM {}",
            identifier(table.namespace, name),
            sql.SQL(", ").join(map(sql.Identifier, columns)),
            identifier(table.namespace, table.name),
        )
        return made, self.collect_statistics(table)

    def allow_memory(self, kib: int) -> tuple[str, ...]:
        mib = -(-kib // _KIB_PER_MIB)
        # For new sessions of this database; an application would set it for its role, or for one transaction.
        database = sql.Identifier(self._connection.info.dbname)
        return (self._text("ALTER DATABASE {} SET work_mem = {}", database, sql.Literal(f"{mib}MB")),)

    def _text(self, template: str, *parts: sql.Composable) -> str:
        return sql.SQL(template).format(*parts).as_string(self._connection)
