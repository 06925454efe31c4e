"""What a server tells of itself: status counters, performance_schema where it is on, InnoDB's own statistics.

performance_schema is off by default in MariaDB: without it tables, indexes and statements have sizes and no counters.
It counts rows, not scans: an index's `scans` are the rows that were fetched through it, and 0 means the same.
"""

from __future__ import annotations

import contextlib
import re
import time
from collections import Counter, defaultdict
from typing import Any

from loadlab.engines.mysql.address import Address
from loadlab.engines.mysql.connection import SQL_MODE, Connection
from loadlab.engines.mysql.dialect import Rendered
from loadlab.engines.mysql.ledger import PREFIX
from loadlab.engines.mysql.names import literal
from loadlab.engines.mysql.reflect import table_names
from loadlab.engines.mysql.rights import INDEX_USAGE, TABLE_STATISTICS, TRANSACTIONS, if_allowed
from loadlab.engines.mysql.sizes import Sizes, index_sizes
from loadlab.engines.protocol import Evidence, IndexEvidence, LiveEvidence, StatementEvidence, TableEvidence
from loadlab.errors import DatabaseError

Usage = list[dict[str, Any]]
"""Rows of the server's counters by table and index."""

_EXTENT_BYTES = 2**20  # InnoDB extends a file by whole extents (innodb_extent size: 64 pages of 16 KiB)
_PICOSECONDS_PER_MS = 1e9
# Name in the evidence → name of the server's counter. All of them only go up.
_COUNTERS = {
    "deadlocks": "Innodb_deadlocks",
    "io_read_bytes": "Innodb_data_read",
    "io_written_bytes": "Innodb_data_written",
    "wal_bytes": "Innodb_os_log_written",
    "temp_files": "Created_tmp_disk_tables",
    "row_lock_waits": "Innodb_row_lock_waits",
    "row_lock_time_ms": "Innodb_row_lock_time",
    "commits": "Handler_commit",
    "rollbacks": "Handler_rollback",
    "rows_read_by_scan": "Handler_read_rnd_next",
    "slow_queries": "Slow_queries",
}
_SETTINGS = (
    "binlog_format", "character_set_server", "collation_server", "innodb_buffer_pool_size", "innodb_doublewrite",
    "innodb_flush_log_at_trx_commit", "innodb_flush_method", "innodb_io_capacity", "innodb_log_file_size",
    "innodb_redo_log_capacity", "join_buffer_size", "local_infile", "log_bin", "max_connections",
    "performance_schema", "query_cache_type", "sort_buffer_size", "sync_binlog", "table_open_cache",
    "tmp_table_size", "transaction_isolation", "tx_isolation", "version", "version_comment",
)  # fmt: skip
_DIGEST_LIMIT = 2000
_IS_FULL = """\
SELECT count(*) >= @@performance_schema_digests_size FROM performance_schema.events_statements_summary_by_digest"""
# What LoadLab itself asks, to make this evidence and its ledger.
_OWN = re.compile(r"performance_schema|information_schema|`mysql` \. |_loadlab_|^(?:SHOW|SET|USE|EXPLAIN|ANALYZE)\b")
# A database that whoever reads the counts may use, where the workload has no tables. (In information_schema a write is
# refused while it is read, before it has an id.)
_ELSEWHERE = "performance_schema"


def snapshot(connection: Connection, database: str) -> Evidence:
    """Counters and sizes as they stand."""
    status = _status(connection)
    sizes = index_sizes(connection, database)
    settings = _variables(connection)
    counted = settings.get("performance_schema") == "ON"
    usage = if_allowed(lambda: _usage(connection, database)) if counted else None
    names = table_names(connection, database)
    return Evidence(
        taken_at_s=time.time(),
        reset_marker="",
        server=str(connection.product),
        database=_counters(status),
        tables=_tables(connection, database, names, sizes, usage),
        indexes=_indexes(connection, database, names, sizes, usage),
        statements=(if_allowed(lambda: _statements(connection, database)) or {}) if counted else {},
        settings={name: settings[name] for name in _SETTINGS if name in settings} | {"session sql_mode": SQL_MODE},
        connections=int(status["threads_connected"]),
        connections_max=int(settings["max_connections"]),
        database_bytes=_database_bytes(connection, database),
        page_bytes=int(settings["innodb_page_size"]),
        extent_bytes=_EXTENT_BYTES,
        cache_bytes=int(settings["innodb_buffer_pool_size"]),
    )


def _status(connection: Connection) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in connection.rows("SHOW GLOBAL STATUS")}


def _variables(connection: Connection) -> dict[str, str]:
    return {str(name).lower(): str(value) for name, value in connection.rows("SHOW GLOBAL VARIABLES")}


def _counters(status: dict[str, str]) -> dict[str, float]:
    """Under their own names, and the buffer pool's: in InnoDB a table is an index, so that every page is one's.

    `Innodb_buffer_pool_read_requests` are the pages asked for, `Innodb_buffer_pool_reads` those that were not there.
    """
    found = {name: float(status[other.lower()]) for name, other in _COUNTERS.items() if other.lower() in status}
    asked, read = (float(status.get(f"innodb_buffer_pool_{name}", 0)) for name in ("read_requests", "reads"))
    return found | {"index_blocks_hit": max(asked - read, 0.0), "index_blocks_read": read}


def _database_bytes(connection: Connection, database: str) -> int:
    sql = "SELECT COALESCE(SUM(data_length + index_length), 0) FROM information_schema.tables WHERE table_schema ="
    return int(connection.value(f"{sql} {literal(database)}"))


# Tables and indexes --------------------------------------------------------------------------------------------------


def _tables(
    connection: Connection, database: str, names: list[str], sizes: Sizes, usage: Usage | None
) -> dict[str, TableEvidence]:
    rows = connection.records(
        "SELECT table_name, table_rows, data_length, index_length FROM information_schema.tables"
        f" WHERE table_schema = {literal(database)}"
    )
    stated = {row["table_name"]: row for row in rows}
    counters = _table_counters(usage or [])
    analyzed = _analyzed(connection, database)
    found = {}
    for name in names:
        row = stated[name]
        secondary = sum(size for (table, index), size in sizes.items() if table == name and index != "PRIMARY")
        primary = sizes.get((name, "PRIMARY")) or sizes.get((name, "GEN_CLUST_INDEX"))
        found[name] = TableEvidence(
            size_bytes=primary if primary is not None else int(row["data_length"] or 0),
            index_bytes=secondary if primary is not None else int(row["index_length"] or 0),
            rows=int(row["table_rows"] or 0),
            analyzed=None if analyzed is None else name in analyzed,
            **(counters.get(name, _NOTHING) if usage is not None else {}),
        )
    return found


_NOTHING = {"index_scans": 0, "sequential_rows": 0, "rows_inserted": 0, "rows_updated": 0, "rows_deleted": 0}


def _table_counters(usage: Usage) -> dict[str, dict[str, int]]:
    """https://mariadb.com/kb/en/performance-schema-table_io_waits_summary_by_index_usage-table/: the row without an
    index has what was fetched by scans, and all inserts.
    """
    found: dict[str, dict[str, int]] = defaultdict(lambda: dict(_NOTHING))
    for row in usage:
        counts = found[row["object_name"]]
        fetched = int(row["count_fetch"])
        counts["sequential_rows" if row["index_name"] is None else "index_scans"] += fetched
        counts["rows_inserted"] += int(row["count_insert"])
        counts["rows_updated"] += int(row["count_update"])
        counts["rows_deleted"] += int(row["count_delete"])
    return found


def _usage(connection: Connection, database: str) -> Usage:
    return connection.records(
        "SELECT object_name, index_name, count_fetch, count_insert, count_update, count_delete"
        f" FROM {INDEX_USAGE}"
        f" WHERE object_schema = {literal(database)}"
    )


def _analyzed(connection: Connection, database: str) -> set[str] | None:
    """Tables with statistics; None where the user may not see that."""
    sql = f"SELECT table_name FROM {TABLE_STATISTICS} WHERE database_name = {literal(database)}"
    rows = if_allowed(lambda: connection.rows(sql))
    return None if rows is None else {str(name).partition("#")[0] for (name,) in rows}


def _indexes(
    connection: Connection, database: str, names: list[str], sizes: Sizes, usage: Usage | None
) -> dict[str, IndexEvidence]:
    """By name, or `table.index` from the second table on that has an index of the name."""
    rows = connection.rows(
        "SELECT DISTINCT table_name, index_name FROM information_schema.statistics"
        f" WHERE table_schema = {literal(database)} ORDER BY 1, 2"
    )
    fetched = {(row["object_name"], row["index_name"]): int(row["count_fetch"]) for row in usage or []}
    found: dict[str, IndexEvidence] = {}
    for table, name in rows:
        if table.startswith(PREFIX) or table not in names:
            continue
        scans = fetched.get((table, name), 0) if usage is not None else None
        # The clustered index is the table, whose size is counted there.
        size = 0 if name == "PRIMARY" else sizes.get((table, name))
        found[f"{table}.{name}" if name in found else name] = IndexEvidence(table, size_bytes=size, scans=scans)
    return found


# Statements ----------------------------------------------------------------------------------------------------------


def _statements(connection: Connection, database: str) -> dict[str, StatementEvidence]:
    """By digest; none where the server has no room for new ones, so that what it says is no evidence for a load."""
    if connection.value(_IS_FULL):
        return {}
    rows = connection.records(
        "SELECT digest, digest_text, count_star, sum_timer_wait, sum_rows_sent, sum_rows_affected"
        " FROM performance_schema.events_statements_summary_by_digest"
        f" WHERE schema_name = {literal(database)} AND digest IS NOT NULL"
    )
    rows = [row for row in rows if not _OWN.search(str(row["digest_text"] or ""))]
    return {
        row["digest"]: StatementEvidence(
            calls=int(row["count_star"]),
            total_ms=int(row["sum_timer_wait"]) / _PICOSECONDS_PER_MS,
            rows=int(row["sum_rows_sent"]) + int(row["sum_rows_affected"]),
            text=str(row["digest_text"] or "")[:_DIGEST_LIMIT].strip(),
        )
        for row in rows
    }


def digest_of(address: Address, rendered: Rendered) -> str | None:
    """The id under which the server counts the statement; None where it counts none, or tells the user of none.

    MySQL has a function for it. MariaDB is made to read the text in a database without its tables, in a transaction
    that may write nothing: it counts the attempt under the id, and refuses it.
    """
    text = "1".join(rendered.pieces)
    connection = Connection(address, with_database=False)
    try:
        if not connection.value("SELECT @@performance_schema"):
            return None
        if connection.product.has_statement_digest:
            return str(connection.value(f"SELECT STATEMENT_DIGEST({literal(text)})"))
        if if_allowed(lambda: connection.run(f"USE {_ELSEWHERE}")) is None:
            return None
        connection.run("START TRANSACTION READ ONLY")
        before = _counts_elsewhere(connection)
        with contextlib.suppress(DatabaseError):
            connection.run(text)
        grown = _counts_elsewhere(connection) - before
        found = [digest for digest, text in grown if "events_statements_summary_by_digest" not in text]
        return str(found[0]) if len(found) == 1 else None
    finally:
        connection.close()


def _counts_elsewhere(connection: Connection) -> Counter[tuple[str, str]]:
    rows = connection.rows(
        "SELECT digest, digest_text, count_star FROM performance_schema.events_statements_summary_by_digest"
        f" WHERE schema_name = '{_ELSEWHERE}' AND digest IS NOT NULL"
    )
    return Counter({(digest, str(text)): int(count) for digest, text, count in rows})


# At the moment -------------------------------------------------------------------------------------------------------


def live(connection: Connection) -> LiveEvidence:
    """See `loadlab.engines.abilities.CanWatch`."""
    status = _status(connection)
    counters = _counters(status)
    return LiveEvidence(
        blocks_hit=round(counters["index_blocks_hit"]),
        blocks_read=round(counters["index_blocks_read"]),
        transactions=round(counters.get("commits", 0) + counters.get("rollbacks", 0)),
        deadlocks=round(counters.get("deadlocks", 0)),
        connections=int(status["threads_connected"]),
        connections_max=int(connection.value("SELECT @@max_connections")),
        active=max(int(status["threads_running"]) - 1, 0),
        waits=_waits(connection),
    )


def _waits(connection: Connection) -> dict[str, int]:
    """Sessions that wait for a lock, by the server's word; nothing where the user may not see those of others."""
    rows = connection.rows(
        "SELECT state, count(*) FROM information_schema.processlist WHERE command <> 'Sleep'"
        " AND state LIKE 'Waiting for%lock%' GROUP BY state"
    )
    found = {str(state): int(count) for state, count in rows}
    sql = f"SELECT count(*) FROM {TRANSACTIONS} WHERE trx_state = 'LOCK WAIT'"
    waiting = if_allowed(lambda: connection.value(sql))
    return found | ({"row lock": int(waiting)} if waiting else {})
