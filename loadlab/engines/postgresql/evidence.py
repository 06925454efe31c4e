"""One look at what the server counts.

The views differ from version to version in their columns; they are read as JSON documents of which every number is
kept, so that no version has to be known. What a partitioned table's parts count is added up under the table, the same
for indexes.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import psycopg
from psycopg.rows import namedtuple_row

from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.catalog import LEAVES
from loadlab.engines.postgresql.connection import Connection, connect
from loadlab.engines.protocol import Evidence, IndexEvidence, StatementEvidence, TableEvidence
from loadlab.errors import UnreachableError

MAINTENANCE_DATABASE = "postgres"
# A table that is loaded is extended by so many pages at a time (MAX_BUFFERS_TO_EXTEND_BY, backend/access/heap/hio.c).
_EXTENT_PAGES = 64
NO_STATEMENTS = "pg_stat_statements"
"""The setting under which a snapshot without statements says why."""

# Gauges and names; everything else in these views is a counter.
_NOT_COUNTERS = {"datid", "numbackends"}
_SETTINGS = [
    "autovacuum",
    "block_size",
    "checkpoint_timeout",
    "data_checksums",
    "default_transaction_isolation",
    "effective_cache_size",
    "effective_io_concurrency",
    "fsync",
    "full_page_writes",
    "huge_pages",
    "io_method",
    "jit",
    "maintenance_work_mem",
    "max_connections",
    "max_parallel_workers",
    "max_parallel_workers_per_gather",
    "max_wal_size",
    "plan_cache_mode",
    "random_page_cost",
    "seq_page_cost",
    "server_encoding",
    "server_version",
    "shared_buffers",
    "shared_preload_libraries",
    "synchronous_commit",
    "track_io_timing",
    "wal_compression",
    "wal_level",
    "work_mem",
]
# Before version 15 the counts go through a file that may be half a second old.
_FILE_DELAY_S = 0.6

_TABLES = f"""
    WITH {LEAVES}
    SELECT leaf.key,
           sum(pg_table_size(c.oid))::bigint AS size_bytes, sum(pg_indexes_size(c.oid))::bigint AS index_bytes,
           sum(CASE WHEN c.reltoastrelid = 0 THEN 0 ELSE pg_total_relation_size(c.reltoastrelid) END)::bigint
               AS toast_bytes,
           sum(CASE WHEN s.n_live_tup > 0 THEN s.n_live_tup ELSE greatest(c.reltuples, 0) END)::bigint AS rows,
           sum(s.seq_scan)::bigint AS sequential_scans, sum(s.seq_tup_read)::bigint AS sequential_rows,
           coalesce(sum(s.idx_scan), 0)::bigint AS index_scans,
           sum(s.n_tup_ins)::bigint AS rows_inserted, sum(s.n_tup_upd)::bigint AS rows_updated,
           sum(s.n_tup_del)::bigint AS rows_deleted,
           sum(io.heap_blks_hit)::bigint AS table_blocks_hit, sum(io.heap_blks_read)::bigint AS table_blocks_read,
           coalesce(sum(io.idx_blks_hit), 0)::bigint AS index_blocks_hit,
           coalesce(sum(io.idx_blks_read), 0)::bigint AS index_blocks_read,
           sum(s.autovacuum_count)::bigint AS autovacuums, sum(s.autoanalyze_count)::bigint AS autoanalyzes,
           bool_and(s.last_analyze IS NOT NULL OR s.last_autoanalyze IS NOT NULL) AS analyzed,
           sum(s.n_mod_since_analyze)::bigint AS modified_since_analyze
    FROM leaf
    JOIN pg_class AS c ON c.oid = leaf.oid
    JOIN pg_stat_all_tables AS s ON s.relid = leaf.oid
    JOIN pg_statio_all_tables AS io ON io.relid = leaf.oid
    GROUP BY leaf.key
"""
_INDEXES = f"""
    WITH {LEAVES}
    SELECT CASE WHEN n.nspname = current_schema() THEN root.relname::text ELSE n.nspname || '.' || root.relname END
               AS name,
           leaf.key AS table,
           sum(pg_relation_size(s.indexrelid))::bigint AS size_bytes, sum(s.idx_scan)::bigint AS scans,
           sum(io.idx_blks_hit)::bigint AS blocks_hit, sum(io.idx_blks_read)::bigint AS blocks_read
    FROM leaf
    JOIN pg_stat_all_indexes AS s ON s.relid = leaf.oid
    JOIN pg_statio_all_indexes AS io ON io.indexrelid = s.indexrelid
    JOIN pg_class AS root ON root.oid = coalesce(pg_partition_root(s.indexrelid), s.indexrelid)
    JOIN pg_namespace AS n ON n.oid = root.relnamespace
    GROUP BY 1, 2
"""
_DATABASE = """
    SELECT to_jsonb(d), pg_database_size(d.datid), d.datid FROM pg_stat_database AS d WHERE datname = current_database()
"""
_CONNECTIONS = """
    SELECT count(*) FILTER (WHERE backend_type = 'client backend'), current_setting('max_connections')::int,
           pg_postmaster_start_time()::text
    FROM pg_stat_activity
"""
_MEMORY = """
    SELECT current_setting('block_size')::bigint, pg_size_bytes(current_setting('effective_cache_size'))
"""

# What the server asked the operating system for; /proc/PID/io tells less, since a file system may count a page that is
# dirtied as the large folio that it belongs to.
_IO_BYTES = """
    SELECT coalesce(sum(read_bytes), 0), coalesce(sum(write_bytes), 0) + coalesce(sum(extend_bytes), 0)
    FROM pg_stat_io WHERE object <> 'wal'
"""
_IO_OPERATIONS = """
    SELECT coalesce(sum(reads * op_bytes), 0),
           coalesce(sum(writes * op_bytes), 0) + coalesce(sum(extends * op_bytes), 0)
    FROM pg_stat_io
"""

Row = Any
"""A named tuple of one of the queries above."""


def take_snapshot(connection: Connection, url: str, product: str) -> Evidence:
    """The counters of the connection's database as they stand now; `url` leads there."""
    capabilities = Capabilities(connection.info.server_version)
    if not capabilities.flushes_counters_on_request:
        time.sleep(_FILE_DELAY_S)
    with connection.cursor(row_factory=namedtuple_row) as cursor:
        tables: list[Row] = cursor.execute(_TABLES.encode()).fetchall()
        indexes: list[Row] = cursor.execute(_INDEXES.encode()).fetchall()
    database, size_bytes, database_oid = _row(connection, _DATABASE)
    connections, connections_max, started_at = _row(connection, _CONNECTIONS)
    page_bytes, cache_bytes = _row(connection, _MEMORY)
    settings = dict(
        connection.execute("SELECT name, current_setting(name) FROM pg_settings WHERE name = ANY (%s)", (_SETTINGS,))
    )
    statements, statements_reset_at = _statements(connection, url, database_oid, capabilities)
    if statements is None:
        settings[NO_STATEMENTS] = "not there: the server's own counts of executions cannot be compared"
    return Evidence(
        taken_at_s=time.time(),
        reset_marker=f"{started_at} {database.get('stats_reset')} {statements_reset_at}",
        server=product,
        database=_counters(database) | _server_counters(connection, capabilities),
        tables={row.key: TableEvidence(**_without(row, "key")) for row in tables},
        indexes={row.name: IndexEvidence(**_without(row, "name")) for row in indexes},
        statements=statements or {},
        settings=settings,
        connections=connections,
        connections_max=connections_max,
        database_bytes=size_bytes,
        page_bytes=page_bytes,
        extent_bytes=_EXTENT_PAGES * page_bytes,
        cache_bytes=cache_bytes,
    )


def statements_are_counted(connection: Connection, url: str) -> bool:
    """Whether the server's counts by statement can be read."""
    return read_counts(connection, url, Capabilities(connection.info.server_version))[0] is not None


def _without(row: Row, name: str) -> dict[str, Any]:
    fields: dict[str, Any] = row._asdict()
    del fields[name]
    return fields


def _row(connection: Connection, query: str) -> tuple[Any, ...]:
    row = connection.execute(query.encode()).fetchone()
    assert row is not None
    return row


def _counters(view: Mapping[str, Any]) -> dict[str, float]:
    return {
        name: float(value)
        for name, value in view.items()
        if isinstance(value, (int, float)) and not isinstance(value, bool) and name not in _NOT_COUNTERS
    }


def _server_counters(connection: Connection, capabilities: Capabilities) -> dict[str, float]:
    """WAL, reads and writes of files and checkpoints, which are the whole server's."""
    counters: dict[str, float] = {}
    if capabilities.has_wal_counters:
        counters |= _counters(_row(connection, "SELECT to_jsonb(w) FROM pg_stat_wal AS w")[0])
    if capabilities.has_io_counters:
        in_bytes = capabilities.counts_io_in_bytes
        read, written = _row(connection, _IO_BYTES if in_bytes else _IO_OPERATIONS)
        counters |= {"io_read_bytes": float(read), "io_written_bytes": float(written)}
    if capabilities.has_checkpointer_counters:
        view = _row(connection, "SELECT to_jsonb(c) FROM pg_stat_checkpointer AS c")[0]
        timed, requested = view["num_timed"], view["num_requested"]
    else:
        view = _row(connection, "SELECT to_jsonb(b) FROM pg_stat_bgwriter AS b")[0]
        timed, requested = view["checkpoints_timed"], view["checkpoints_req"]
    return counters | {"checkpoints_timed": float(timed), "checkpoints_requested": float(requested)}


# Statements ----------------------------------------------------------------------------------------------------------


def _statements(
    connection: Connection, url: str, database_oid: int, capabilities: Capabilities
) -> tuple[dict[str, StatementEvidence] | None, str]:
    """Counts by statement of one database and when they began, or None where they cannot be had.

    The extension's view shows all databases from whichever it was created in: this one, or the maintenance database,
    where administrators (and the embedded server) put it.
    """
    found = _read_statements(connection, database_oid, capabilities)
    if found is not None:
        return found
    try:
        with closing(connect(url, database=MAINTENANCE_DATABASE)) as other:
            found = _read_statements(other, database_oid, capabilities)
    except UnreachableError:
        return None, ""
    return found or (None, "")


def read_counts(
    connection: Connection, url: str, capabilities: Capabilities
) -> tuple[dict[str, StatementEvidence] | None, str]:
    """Counts by statement of the connection's database and when they began; None where they cannot be had."""
    oid = _row(connection, "SELECT oid FROM pg_database WHERE datname = current_database()")[0]
    return _statements(connection, url, oid, capabilities)


def _read_statements(
    connection: Connection, database_oid: int, capabilities: Capabilities
) -> tuple[dict[str, StatementEvidence], str] | None:
    row = connection.execute(
        "SELECT format('%%I', n.nspname) FROM pg_extension AS e JOIN pg_namespace AS n ON n.oid = e.extnamespace"
        " WHERE e.extname = %s",
        ("pg_stat_statements",),
    ).fetchone()
    if row is None:
        return None
    try:
        counts = _counts(connection, row[0], database_oid, capabilities)
        return counts, _statements_reset_at(connection, row[0])
    except (psycopg.errors.InsufficientPrivilege, psycopg.errors.ObjectNotInPrerequisiteState):
        return None  # Not ours to read, or the extension was created but never preloaded.


def _counts(
    connection: Connection, namespace: str, database_oid: int, capabilities: Capabilities
) -> dict[str, StatementEvidence]:
    # What functions and triggers run inside a statement is not what a client asked for.
    condition = "AND toplevel" if capabilities.tells_nested_statements else ""
    wal_bytes = "sum(wal_bytes)::bigint" if capabilities.has_wal_counters else "NULL::bigint"
    query = f"""
        SELECT queryid::text, sum(calls)::bigint, sum(total_exec_time), sum(rows)::bigint,
               sum(shared_blks_hit)::bigint, sum(shared_blks_read)::bigint, min(query), {wal_bytes}
        FROM {namespace}.pg_stat_statements
        WHERE dbid = %s AND queryid IS NOT NULL {condition}
        GROUP BY queryid
    """
    rows = connection.execute(query.encode(), (database_oid,)).fetchall()
    return {identifier: StatementEvidence(*numbers) for identifier, *numbers in rows}


def _statements_reset_at(connection: Connection, namespace: str) -> str:
    exists = connection.execute(
        "SELECT to_regclass(%s) IS NOT NULL", (f"{namespace}.pg_stat_statements_info",)
    ).fetchone()
    if exists != (True,):
        return ""  # Versions of the extension before 1.9 do not say.
    return str(_row(connection, f"SELECT stats_reset::text FROM {namespace}.pg_stat_statements_info")[0])
