"""The evidence of a real run against the server's own views, read before and after by other queries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.rows import dict_row

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.evidence import subtract
from loadlab.measure.figures import figures_of
from loadlab.workload.conduct import Conductor
from tests.shop import open_shop, plans_of

TABLES = """
    SELECT relname, coalesce(seq_scan, 0) AS seq, coalesce(idx_scan, 0) AS idx, heap_blks_hit AS table_hit,
           heap_blks_read AS table_read, coalesce(idx_blks_hit, 0) AS index_hit,
           coalesce(idx_blks_read, 0) AS index_read, autovacuum_count AS vacuums, autoanalyze_count AS analyzes
    FROM pg_stat_user_tables JOIN pg_statio_user_tables USING (relid, schemaname, relname)
    WHERE schemaname = 'public' AND relname IN ('customers', 'orders')
"""
DATABASE = """
    SELECT (SELECT wal_bytes::bigint FROM pg_stat_wal) AS wal_bytes, temp_files, temp_bytes, deadlocks,
           (SELECT sum(coalesce(write_bytes, 0) + coalesce(extend_bytes, 0))::bigint FROM pg_stat_io
            WHERE object <> 'wal') AS written
    FROM pg_stat_database WHERE datname = current_database()
"""
STATEMENTS = """
    SELECT query, sum(calls)::bigint AS calls, sum(rows)::bigint AS rows, sum(shared_blks_hit)::bigint AS hit,
           sum(shared_blks_read)::bigint AS read
    FROM pg_stat_statements JOIN pg_database ON pg_database.oid = dbid
    WHERE datname = %s AND toplevel GROUP BY query
"""

Rows = dict[str, dict[str, Any]]


def raw(url: str, maintenance_url: str) -> tuple[Rows, dict[str, Any], Rows]:
    with psycopg.connect(url, row_factory=dict_row) as connection:
        tables = {row.pop("relname"): row for row in connection.execute(TABLES)}
        database = connection.execute(DATABASE).fetchone()
        assert database is not None
        name = connection.info.dbname
    # The embedded server has the extension in its maintenance database.
    with psycopg.connect(maintenance_url, dbname="postgres", row_factory=dict_row) as connection:
        statements = {row.pop("query"): row for row in connection.execute(STATEMENTS, (name,))}
    return tables, database, statements


def moved(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {name: value - before.get(name, 0) for name, value in after.items()}


@pytest.mark.slow
def test_every_figure_is_that_of_the_raw_views(
    database: PostgresqlEngine, embedded_server: str, tmp_path: Path
) -> None:
    scenario = open_shop(database, tmp_path / "shop")
    with psycopg.connect(database.url, autocommit=True) as connection:
        # Its maintenance between the looks would be in one and not in the other.
        connection.execute("ALTER TABLE orders SET (autovacuum_enabled = off)")
        connection.execute("ALTER TABLE customers SET (autovacuum_enabled = off)")
    with Conductor(plans := plans_of(database, scenario, ramp=0.0)) as conductor:
        conductor.warm_up(0.5)
        conductor.pause()
        raw_before, before = raw(database.url, embedded_server), database.snapshot()
        conductor.measure(1.5)
        conductor.pause()
        after, raw_after = database.snapshot(), raw(database.url, embedded_server)
        load = conductor.collect()
    identities = {name: database.statement_id(statement) for name, statement in plans[0].statements.items()}
    figures = figures_of(subtract(before, after), load, {k: v for k, v in identities.items() if v is not None})

    tables = {name: moved(raw_before[0][name], row) for name, row in raw_after[0].items()}
    assert set(figures.tables) == set(tables) == {"customers", "orders"}
    for name, row in tables.items():
        found = figures.tables[name]
        assert found.index_scan_ratio == pytest.approx(row["idx"] / (row["idx"] + row["seq"])), name
        for kind, value in (("table", found.table_cache_hit_ratio), ("index", found.index_cache_hit_ratio)):
            hit, read = row[f"{kind}_hit"], row[f"{kind}_read"]
            assert value == pytest.approx(hit / (hit + read)), (name, kind)
        assert (found.autovacuums, found.autoanalyzes) == (row["vacuums"], row["analyzes"])
    total = {counter: sum(row[counter] for row in tables.values()) for counter in tables["orders"]}
    assert figures.index_scan_ratio == pytest.approx(total["idx"] / (total["idx"] + total["seq"]))
    assert figures.index_cache_hit_ratio == pytest.approx(
        total["index_hit"] / (total["index_hit"] + total["index_read"])
    )
    assert figures.table_cache_hit_ratio == pytest.approx(
        total["table_hit"] / (total["table_hit"] + total["table_read"])
    )
    whole = moved(raw_before[1], raw_after[1])
    assert (figures.temp_files, figures.deadlocks) == (whole["temp_files"], whole["deadlocks"])
    # The whole server's, its own housekeeping included: the outer looks see a little more of it than the inner ones.
    assert 0 < figures.wal_bytes <= whole["wal_bytes"] < figures.wal_bytes + 2**15
    assert 0 <= figures.io_written_bytes <= whole["written"] < figures.io_written_bytes + 2**20
    writes = sum(item.count for item in load.operations if item.kind == "write")
    assert figures.wal_bytes_per_write == pytest.approx(figures.wal_bytes / writes)

    statements = {text: moved(raw_before[2].get(text, {}), row) for text, row in raw_after[2].items()}
    (lookup,) = (row for text, row in statements.items() if text.startswith("SELECT email, name FROM customers"))
    assert lookup["calls"] == next(item.count for item in load.operations if item.name == "customer_by_id")
    of_lookup = figures.operations["customer_by_id"]
    assert of_lookup.rows_per_call == pytest.approx(lookup["rows"] / lookup["calls"]) == 1.0
    assert of_lookup.blocks_per_call == pytest.approx((lookup["hit"] + lookup["read"]) / lookup["calls"])
    assert set(figures.operations) == {item.name for item in load.operations}
    # Commits and housekeeping belong to no statement.
    by_statements = sum(figures.operations[item.name].wal_bytes_per_call * item.count for item in load.operations)
    assert 0.2 * figures.wal_bytes < by_statements <= figures.wal_bytes
    assert all(figures.operations[item.name].wal_bytes_per_call > 0 for item in load.operations if item.kind == "write")
