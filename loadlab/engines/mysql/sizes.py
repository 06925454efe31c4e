"""How large tables and indexes are, from InnoDB's own statistics."""

from __future__ import annotations

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal
from loadlab.engines.mysql.rights import INDEX_STATISTICS, if_allowed

Sizes = dict[tuple[str, str], int]
"""Bytes by (table, index)."""


def index_sizes(connection: Connection, database: str) -> Sizes:
    """Bytes by (table, index), partitions added up; empty where the user may not read them.

    https://mariadb.com/kb/en/mysqlinnodb_index_stats/: the row `size` counts the pages of an index.
    """
    sql = (
        f"SELECT table_name, index_name, stat_value * @@innodb_page_size FROM {INDEX_STATISTICS}"
        f" WHERE database_name = {literal(database)} AND stat_name = 'size'"
    )
    found: Sizes = {}
    for table, index, size in if_allowed(lambda: connection.rows(sql)) or []:
        # A partition is a table of its own to InnoDB: orders#P#p2024.
        name = str(table).partition("#")[0]
        found[name, index] = found.get((name, index), 0) + int(size)
    return found
