"""What a user may have no right to look at: evidence goes without it, and a note says what to grant."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TypeVar

from loadlab.engines.mysql.connection import Connection
from loadlab.errors import DatabaseError

Seen = TypeVar("Seen")
INDEX_STATISTICS = "mysql.innodb_index_stats"
TABLE_STATISTICS = "mysql.innodb_table_stats"
TRANSACTIONS = "information_schema.innodb_trx"
INDEX_USAGE = "performance_schema.table_io_waits_summary_by_index_usage"
STATEMENT_DIGESTS = "performance_schema.events_statements_summary_by_digest"
# A database, a table or columns that may not be read; a privilege of the server that is missing.
_NOT_ALLOWED = {"1044", "1142", "1143", "1227"}
_SHOWS = {
    INDEX_STATISTICS: ("the size of each index", "SELECT ON {}"),
    TABLE_STATISTICS: ("which tables have statistics", "SELECT ON {}"),
    TRANSACTIONS: ("who waits for a row", "PROCESS ON *.*"),
    INDEX_USAGE: ("what was read by table and index", "SELECT ON {}"),
    STATEMENT_DIGESTS: ("the server's own counts of statements", "SELECT ON {}"),
}


def if_allowed(look: Callable[[], Seen]) -> Seen | None:
    """What is seen, None where the user has no right to it. Raises DatabaseError for anything else."""
    try:
        return look()
    except DatabaseError as error:
        if error.code in _NOT_ALLOWED:
            return None
        raise


def missing_rights(connection: Connection) -> Iterator[str]:
    """A note for each thing that the user may not see, with what to grant."""
    counted = connection.value("SELECT @@performance_schema")
    for table, (shown, right) in _SHOWS.items():
        if table.startswith("performance_schema") and not counted:
            continue
        if if_allowed(partial(connection.rows, f"SELECT 1 FROM {table} LIMIT 1")) is None:
            yield f"{shown}: not seen, the user may not read {table}; GRANT {right.format(table)} TO it"
