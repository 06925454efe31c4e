"""What a database has been asked, by pg_stat_statements. No table is read: only counts, texts and estimates."""

from __future__ import annotations

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.catalog import IS_USERS_TABLE, KEY
from loadlab.engines.postgresql.connection import Connection
from loadlab.engines.postgresql.evidence import read_counts
from loadlab.engines.protocol import AskedStatement, StatementHistory
from loadlab.errors import DatabaseError

_MAY_SEE = "SELECT pg_has_role('pg_read_all_stats', 'USAGE'), current_user::text"
_ROWS = f"""
    SELECT {KEY},
           CASE WHEN c.relkind = 'p'
                THEN (SELECT sum(greatest(l.reltuples, 0)) FROM pg_partition_tree(c.oid) AS t
                      JOIN pg_class AS l ON l.oid = t.relid WHERE t.isleaf)
                ELSE greatest(c.reltuples, 0) END::bigint
    FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace
    WHERE NOT c.relispartition AND {IS_USERS_TABLE}
"""


def asked_statements(connection: Connection, url: str) -> StatementHistory:
    """Raises DatabaseError when the counts cannot be had, or the texts of other users' statements cannot be seen."""
    counts, since = read_counts(connection, url, Capabilities(connection.info.server_version))
    if counts is None:
        raise DatabaseError(
            "pg_stat_statements cannot be read: it must be in shared_preload_libraries, and CREATE EXTENSION"
            " pg_stat_statements must have been run in this database or in postgres"
        )
    may_see, role = connection.execute(_MAY_SEE).fetchone() or (False, "the role")
    if not may_see:
        raise DatabaseError(
            f"the texts of other users' statements are hidden from {role}: GRANT pg_read_all_stats TO {role} shows them"
            " (no right on any table is needed)"
        )
    rows = {key: int(count) for key, count in connection.execute(_ROWS.encode()) if count}
    statements = tuple(
        AskedStatement(item.text, item.calls, item.total_ms / item.calls, item.rows)
        for item in counts.values()
        if item.calls and item.text
    )
    return StatementHistory(statements, rows, since.partition(".")[0])
