"""Some rows of a table, as text, without reading all of it."""

from __future__ import annotations

from collections.abc import Sequence

from psycopg import sql

from loadlab.engines.postgresql.catalog import identifier
from loadlab.engines.postgresql.connection import Connection
from loadlab.schema.model import Table

# TABLESAMPLE takes whole pages, and their rows are as many as the last ANALYZE saw: ask for more than is wanted.
_SPARE = 1.5
_ROWS = """
    SELECT coalesce(sum(l.reltuples), -1) FROM pg_class AS l
    WHERE l.reltuples >= 0 AND l.relkind <> 'p' AND l.oid IN (
        SELECT t.relid FROM pg_partition_tree(%(table)s::regclass) AS t WHERE t.isleaf
        UNION ALL SELECT %(table)s::regclass::oid)
"""


def sample_rows(
    connection: Connection, table: Table, columns: Sequence[str], rows: int
) -> list[tuple[str | None, ...]]:
    """See `loadlab.engines.abilities.CanSampleRows`; in a read-only transaction."""
    name = identifier(table.namespace, table.name)
    with connection.transaction(force_rollback=True):
        connection.execute("SET TRANSACTION READ ONLY")
        row = connection.execute(_ROWS, {"table": name.as_string(connection)}).fetchone()
        known = float(row[0]) if row else -1.0
        percent = min(100.0, 100.0 * rows * _SPARE / known) if known > 0 else 100.0
        query = sql.SQL("SELECT {} FROM {} TABLESAMPLE SYSTEM ({}) REPEATABLE (0) LIMIT {}").format(
            sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column)) for column in columns),
            name, sql.Literal(percent), sql.Literal(rows),
        )  # fmt: skip
        return connection.execute(query).fetchall()
