"""What a database file tells of itself: sizes by the dbstat table, row counts, settings, plans.

SQLite counts no scans. Its page cache is each connection's own, and what `sqlite3_db_status` tells of that cannot be
asked for through Python's driver, so cache hits stay None as well.
"""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing
from pathlib import Path

from sqlglot import exp

from loadlab.engines.protocol import Evidence, IndexEvidence, PlanEvidence, TableEvidence
from loadlab.engines.sqlite.clauses import quoted
from loadlab.engines.sqlite.collations import stand_in
from loadlab.engines.sqlite.dialect import parse_native, render
from loadlab.engines.sqlite.full_text import read_full_text
from loadlab.engines.sqlite.reflect import table_names
from loadlab.engines.sqlite.session import SYNCHRONOUS
from loadlab.spec.statement import Statement

# What a load's connection runs with; these are settings of a connection, not of the file.
_SESSION_SETTINGS = {"synchronous": SYNCHRONOUS, "foreign_keys": "ON"}
_FILE_SETTINGS = ("journal_mode", "page_size", "cache_size", "auto_vacuum", "mmap_size", "wal_autocheckpoint")
# `SCAN o`, `SEARCH o USING INDEX i (a=?)`, `SEARCH o USING AUTOMATIC COVERING INDEX (a=?)`; TABLE in older versions.
STEP = re.compile(
    r"^(?P<verb>SCAN|SEARCH) (?:TABLE )?(?P<name>.+?)"
    r"(?: AS (?P<alias>.+?))?"
    r"(?: USING (?P<how>(?:AUTOMATIC )?(?:PARTIAL )?(?:COVERING )?INDEX|(?:INTEGER )?PRIMARY KEY)"
    r"(?: (?P<index>[^ (]+))?.*)?(?: LEFT-JOIN)?$"
)

Sizes = dict[str, tuple[int, int]]
"""(bytes, rows) by the name of a table or index."""


def server_version() -> str:
    """Product and version."""
    return f"SQLite {sqlite3.sqlite_version}"


def snapshot(connection: sqlite3.Connection, path: Path) -> Evidence:
    """Sizes and rows as they stand. Reads every page once where the dbstat table is compiled in."""
    page_count, page_size, free = (_number(connection, name) for name in ("page_count", "page_size", "freelist_count"))
    sizes = _sizes(connection)
    analyzed = analyzed_rows(connection)
    names = table_names(connection)
    words = dict(_full_text(connection, names, sizes))
    tables = {name: _table(connection, name, sizes, analyzed, words) for name in names}
    rows = connection.execute("SELECT name, tbl_name FROM sqlite_master WHERE type = 'index'").fetchall()
    indexes = {
        name: IndexEvidence(table, size_bytes=None if sizes is None else sizes.get(name, (0, 0))[0])
        for name, table in rows
        if table in tables
    } | words
    wal = path.with_name(path.name + "-wal")
    return Evidence(
        taken_at_s=time.time(),
        reset_marker="",
        server=server_version(),
        database={
            "pages": page_count,
            "free_pages": free,
            "wal_file_bytes": wal.stat().st_size if wal.exists() else 0,
            "stat1_rows": _rows(connection, "sqlite_stat1"),
            "stat4_samples": _rows(connection, "sqlite_stat4"),
        },
        tables=tables,
        indexes=indexes,
        settings={name: str(_value(connection, name)) for name in _FILE_SETTINGS} | _SESSION_SETTINGS,
        database_bytes=page_count * page_size,
        page_bytes=page_size,
        extent_bytes=page_size,
    )


def _value(connection: sqlite3.Connection, pragma: str) -> object:
    row = connection.execute(f"PRAGMA {pragma}").fetchone()
    return row[0] if row else None


def _number(connection: sqlite3.Connection, pragma: str) -> int:
    return int(connection.execute(f"PRAGMA {pragma}").fetchone()[0])


def _rows(connection: sqlite3.Connection, table: str) -> int:
    """0 without the table: those of statistics come with the first ANALYZE, or (stat4) in some builds alone."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = ?", (table,)).fetchone() is None:
        return 0
    return int(connection.execute(f"SELECT count(*) FROM {quoted(table)}").fetchone()[0])


def _sizes(connection: sqlite3.Connection) -> Sizes | None:
    """From https://www.sqlite.org/dbstat.html; None where it is not compiled in.

    A table keeps its rows in the leaves of its tree, and its inner cells are copies of keys.
    """
    try:
        rows = connection.execute(
            "SELECT name, sum(pgsize), sum(CASE WHEN pagetype = 'leaf' THEN ncell ELSE 0 END) FROM dbstat GROUP BY name"
        ).fetchall()
    except sqlite3.OperationalError:
        return None
    return {name: (size, cells) for name, size, cells in rows}


def analyzed_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """Rows by table as of the last ANALYZE."""
    if connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'sqlite_stat1'").fetchone() is None:
        return {}
    rows = connection.execute("SELECT tbl, stat FROM sqlite_stat1 WHERE stat IS NOT NULL")
    return {table: int(str(stat).split()[0]) for table, stat in rows}


def _table(
    connection: sqlite3.Connection,
    name: str,
    sizes: Sizes | None,
    analyzed: dict[str, int],
    words: Mapping[str, IndexEvidence],
) -> TableEvidence:
    # An empty table leaves nothing in sqlite_stat1.
    is_analyzed = name in analyzed or _is_empty(connection, name)
    if sizes is None:
        return TableEvidence(rows=analyzed.get(name), analyzed=is_analyzed)
    indexes = [row[0] for row in connection.execute("SELECT name FROM pragma_index_list(?)", (name,))]
    size_bytes, rows = sizes.get(name, (0, 0))
    index_bytes = sum(sizes[index][0] for index in indexes if index in sizes)
    index_bytes += sum(item.size_bytes or 0 for item in words.values() if item.table == name)
    return TableEvidence(size_bytes=size_bytes, index_bytes=index_bytes, rows=rows, analyzed=is_analyzed)


def _full_text(
    connection: sqlite3.Connection, tables: Sequence[str], sizes: Sizes | None
) -> Iterator[tuple[str, IndexEvidence]]:
    """What full-text tables take, their parts together."""
    spelled = {name.lower(): name for name in tables}
    for found, _ in read_full_text(connection):
        size = None if sizes is None else sum(sizes.get(name, (0, 0))[0] for name in _parts(connection, found.name))
        if found.table.lower() in spelled:
            yield found.name, IndexEvidence(spelled[found.table.lower()], size_bytes=size)


def _parts(connection: sqlite3.Connection, virtual: str) -> list[str]:
    rows = connection.execute("SELECT name FROM pragma_table_list WHERE type = 'shadow'").fetchall()
    return [name for (name,) in rows if name.rpartition("_")[0] == virtual]


def _is_empty(connection: sqlite3.Connection, table: str) -> bool:
    return connection.execute(f"SELECT 1 FROM {quoted(table)} LIMIT 1").fetchone() is None


def explain(connection: sqlite3.Connection, statement: Statement) -> PlanEvidence:
    """The plan as it is, with the full scans and indexes of the one that SQLite would make for large tables.

    Without statistics SQLite takes a table for about a million rows (https://www.sqlite.org/queryplanner-ng.html), so
    that one is asked of an empty copy of the schema, which has none.
    """
    sql, names = render(statement), statement.names
    steps = _plan(connection, sql, len(names))
    with closing(copy_without_statistics(connection)) as copy:
        large = _plan(copy, sql, len(names))
    tables = tables_by_alias(sql, table_names(connection))
    scans = [found for detail in large for found in _full_scans(detail, tables)]
    indexes = [match["index"] for detail in large if (match := STEP.match(detail)) and _is_real_index(match)]
    return PlanEvidence(tuple(dict.fromkeys(scans)), tuple(dict.fromkeys(indexes)), "\n".join(steps))


def _plan(connection: sqlite3.Connection, sql: str, parameters: int) -> list[str]:
    return [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN {sql}", (None,) * parameters)]


def copy_without_statistics(connection: sqlite3.Connection) -> sqlite3.Connection:
    """An empty database of the same tables, in memory."""
    copy = sqlite3.connect(":memory:", isolation_level=None)
    copy.execute("PRAGMA foreign_keys = ON")
    for kind in ("table", "index", "view"):
        rows = connection.execute(
            "SELECT sql FROM sqlite_master WHERE type = ? AND sql IS NOT NULL AND name NOT LIKE 'sqlite!_%' ESCAPE '!'"
            " AND name NOT IN (SELECT name FROM pragma_table_list WHERE type = 'shadow')",
            (kind,),
        )
        for (sql,) in rows:
            stand_in(copy, sql)
            copy.execute(sql)
    return copy


def tables_by_alias(sql: str, known: list[str]) -> dict[str, set[str]]:
    """The tables that a name in the plan can mean: plans show the alias alone."""
    spelling = {name.lower(): name for name in known}
    found: dict[str, set[str]] = {name: {name} for name in known}
    tree = parse_native(sql)
    if tree is None:
        return found
    for table in tree.find_all(exp.Table):
        if table.name.lower() in spelling:
            found.setdefault(table.alias_or_name, set()).add(spelling[table.name.lower()])
    shadowed = {cte.alias_or_name.lower() for cte in tree.find_all(exp.CTE)}
    return {alias: tables for alias, tables in found.items() if alias.lower() not in shadowed}


def _full_scans(detail: str, tables: dict[str, set[str]]) -> list[str]:
    match = STEP.match(detail)
    if match is None:
        return []
    how = match["how"] or ""
    is_scan = match["verb"] == "SCAN" and not how
    if is_scan or how.startswith("AUTOMATIC"):  # an automatic index is made by reading the whole table
        return sorted(tables.get(match["name"], ()))
    return []


def _is_real_index(match: re.Match[str]) -> bool:
    return bool(match["index"]) and not (match["how"] or "").startswith("AUTOMATIC")
