"""Undoing what the ledger tells: exactly what LoadLab made is dropped, exactly what it loaded is removed."""

from __future__ import annotations

import re
import sqlite3
from collections import defaultdict

from loadlab.engines.protocol import Manifest
from loadlab.engines.sqlite import ledger
from loadlab.engines.sqlite.clauses import quoted
from loadlab.errors import NotEmptyError

_KINDS = ("view", "table")
"""In the order in which they are dropped; indexes and triggers go with their tables."""


def forget(connection: sqlite3.Connection, manifest: Manifest, *, with_new_rows: bool = False) -> None:
    """Drop what LoadLab made, or remove the rows that it loaded into tables of others; and the ledger.

    In the open transaction, with foreign keys off. Raises NotEmptyError when a table holds more than was loaded (unless
    `with_new_rows`: a load of the caller wrote that), or something of somebody else depends on what is to go.
    """
    loaded: dict[str, int] = defaultdict(int)
    for chunk in ledger.chunks(connection):
        loaded[chunk.table] += chunk.rows
    there = {str(name) for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    mine = [table.key for table in manifest.schema if table.key in there]
    for name in mine:
        count = int(connection.execute(f"SELECT count(*) FROM {quoted(name)}").fetchone()[0])
        if count > loaded[name] and not with_new_rows:
            raise NotEmptyError(
                f"{name} holds {count:,} rows, of which LoadLab loaded {loaded[name]:,}:"
                " whose the others are cannot be told"
            )
    if manifest.owns_tables:
        made = ledger.made(connection)
        _require_independence(connection, made)
        for kind in _KINDS:
            for name in (name for found, name in made if found == kind):
                connection.execute(f"DROP {kind} IF EXISTS {quoted(name)}")
    else:
        _require_independence(connection, {("table", name) for name in mine if loaded[name]}, all_of=set(mine))
        for name in mine:
            if loaded[name]:
                connection.execute(f"DELETE FROM {quoted(name)}")
    ledger.drop(connection)


def _require_independence(
    connection: sqlite3.Connection, going: set[tuple[str, str]], all_of: set[str] | None = None
) -> None:
    """Raises NotEmptyError where a table, a view or a trigger of somebody else names what is to go."""
    names = {name for _, name in going}
    others = connection.execute(
        "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_master"
        " WHERE name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')"
    ).fetchall()
    for kind, name, table, text in others:
        ours = name in names or table in names or str(table).startswith(ledger.PREFIX) or name in (all_of or ())
        if ours or (all_of is not None and kind != "table"):
            continue
        used = next((known for known in sorted(names) if re.search(rf"\b{re.escape(known)}\b", text)), None)
        if used is not None:
            raise NotEmptyError(f"something of somebody else depends on what LoadLab made: the {kind} {name} on {used}")
