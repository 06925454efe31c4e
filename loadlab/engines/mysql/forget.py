"""Undoing what the ledger tells: exactly what LoadLab made is dropped, exactly what it loaded is removed."""

from __future__ import annotations

from collections import defaultdict

from loadlab.engines.mysql import ledger
from loadlab.engines.mysql.connection import Connection
from loadlab.engines.mysql.names import literal, quoted
from loadlab.engines.mysql.reflect import table_names
from loadlab.errors import NotEmptyError


def forget(connection: Connection, database: str, entry: ledger.Entry, *, with_new_rows: bool = False) -> None:
    """Drop what LoadLab made, or remove the rows that it loaded into tables of others; and the ledger.

    Raises NotEmptyError, with nothing changed, when a table holds more than was loaded (unless `with_new_rows`: a load
    of the caller wrote that), or a table of somebody else refers to one that is to go.
    """
    loaded: dict[str, int] = defaultdict(int)
    for chunk in ledger.chunks(connection, database):
        loaded[chunk.table] += chunk.rows
    there = set(table_names(connection, database))
    mine = [table.key for table in entry.manifest.schema if table.key in there]
    for name in mine:
        count = int(connection.value(f"SELECT count(*) FROM {quoted(name)}"))
        if count > loaded[name] and not with_new_rows:
            raise NotEmptyError(
                f"{name} holds {count:,} rows, of which LoadLab loaded {loaded[name]:,}:"
                " whose the others are cannot be told"
            )
    _require_independence(connection, database, set(mine))
    if entry.manifest.owns_tables:
        ledger.drop_things(connection, entry.plan.made)
    else:
        with connection.setting("foreign_key_checks", "0", "1"):
            for name in mine:
                if loaded[name]:
                    connection.run(f"DELETE FROM {quoted(name)}")
    ledger.drop(connection)


def _require_independence(connection: Connection, database: str, going: set[str]) -> None:
    rows = connection.rows(
        "SELECT DISTINCT table_name, referenced_table_name FROM information_schema.key_column_usage"
        f" WHERE referenced_table_schema = {literal(database)} AND referenced_table_name IS NOT NULL"
    )
    for table, target in rows:
        if target in going and table not in going:
            raise NotEmptyError(
                f"something of somebody else depends on what LoadLab made: the table {table} refers to {target}"
            )
