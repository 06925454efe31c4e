"""How large tables and indexes are, from InnoDB's own statistics."""

from __future__ import annotations

from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal
from loadlab.errors import DatabaseError


def index_sizes(connection: Connection, database: str) -> dict[tuple[str, str], int]:
    """Bytes by (table, index), partitions added up; empty where the user may not read them.

    https://mariadb.com/kb/en/mysqlinnodb_index_stats/: the row `size` counts the pages of an index.
    """
    try:
        rows = connection.rows(
            "SELECT table_name, index_name, stat_value * @@innodb_page_size FROM mysql.innodb_index_stats"
            f" WHERE database_name = {literal(database)} AND stat_name = 'size'"
        )
    except DatabaseError:
        return {}
    found: dict[tuple[str, str], int] = {}
    for table, index, size in rows:
        # A partition is a table of its own to InnoDB: orders#P#p2024.
        name = str(table).partition("#")[0]
        found[name, index] = found.get((name, index), 0) + int(size)
    return found
