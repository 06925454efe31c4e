"""What a column order costs: computed from a sample, and then seen in files of tables made in both orders."""

from __future__ import annotations

from collections.abc import Callable

import psycopg
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.schema.model import Column, LogicalType, Table

ROWS = 20_000
COLUMNS = {
    "active": "boolean",
    "total": "bigint",
    "kind": "smallint",
    "at": "timestamptz",
    "note": "text",
    "level": "int",
    "body": "text",
    "score": "double precision",
    "flag": "boolean",
}
# Short and long texts, and NULLs: both headers of a text, rows with and without a bitmap.
_FILL = """
    INSERT INTO {} (active, total, kind, at, note, level, body, score, flag)
    SELECT n % 2 = 0, n, n % 100, now(), repeat('x', h % 40), CASE WHEN h % 3 > 0 THEN n END,
           repeat('y', 100 + h % 91), n / 7.0, n % 5 = 0
    FROM generate_series(1, {}) AS n, abs(hashint4(n) / 2) AS h
"""


def create(connection: psycopg.Connection, name: str, order: tuple[str, ...], more: str = "") -> None:
    columns = ", ".join(f"{column} {COLUMNS[column]}" for column in order)
    connection.execute(f"CREATE TABLE {name} ({columns}) {more}".encode())


def table(name: str, order: tuple[str, ...] = tuple(COLUMNS)) -> Table:
    return Table(name, tuple(Column(column, LogicalType("other", COLUMNS[column])) for column in order))


def test_the_better_order_is_as_much_smaller_as_was_said(any_database: PostgresqlEngine) -> None:
    with psycopg.connect(any_database.url, autocommit=True) as connection:
        create(connection, "now", tuple(COLUMNS))
        connection.execute(_FILL.format("now", ROWS).encode())
        connection.execute("VACUUM ANALYZE now")
        layout = any_database.row_layout(table("now"))
        assert layout is not None
        assert layout.columns == tuple(COLUMNS)
        assert sorted(layout.best_columns) == sorted(COLUMNS)
        create(connection, "better", layout.best_columns)
        connection.execute(_FILL.format("better", ROWS).encode())
        sizes = dict(
            connection.execute(
                "SELECT relname::text, pg_relation_size(oid) FROM pg_class WHERE relname IN ('now', 'better')"
            ).fetchall()
        )
    assert layout.stored_bytes == pytest.approx(sizes["now"] / ROWS, rel=0.01)
    assert layout.best_stored_bytes == pytest.approx(sizes["better"] / ROWS, rel=0.01)
    assert sizes["better"] < 0.93 * sizes["now"]
    # What does not fill a page up to its end is none of the rows'.
    assert layout.row_bytes < layout.stored_bytes < 1.05 * layout.row_bytes
    # The better order has none to gain from another.
    assert layout.best_padding_bytes < layout.padding_bytes


def test_the_order_that_is_best_stays(any_database: PostgresqlEngine) -> None:
    order = ("total", "at", "score", "level", "kind", "active", "flag")
    with psycopg.connect(any_database.url, autocommit=True) as connection:
        create(connection, "tidy", order)
        connection.execute("INSERT INTO tidy SELECT 1, now(), 1, 1, 1, true, true FROM generate_series(1, 100)")
        layout = any_database.row_layout(table("tidy", order))
    assert layout is not None
    assert layout.best_columns == order
    # 24 of header, 8 + 8 + 8 + 4 + 2 + 1 + 1 of values, and a pointer of 4.
    assert (layout.row_bytes, layout.padding_bytes) == (60, 0)


def test_a_partitioned_table_and_an_empty_one(new_database: Callable[[], PostgresqlEngine]) -> None:
    database = new_database()
    with psycopg.connect(database.url, autocommit=True) as connection:
        create(connection, "parts", ("active", "total"), "PARTITION BY RANGE (total)")
        connection.execute("CREATE TABLE part_1 PARTITION OF parts FOR VALUES FROM (0) TO (100)")
        create(connection, "empty", ("active", "total"))
        assert database.row_layout(table("empty", ("active", "total"))) is None
        connection.execute("INSERT INTO parts SELECT true, n FROM generate_series(1, 50) AS n")
        layout = database.row_layout(table("parts", ("active", "total")))
    assert layout is not None
    # A boolean is followed by seven bytes of nothing; behind the number they are the row's end, which is rounded up.
    assert (layout.row_bytes, layout.padding_bytes, layout.best_row_bytes) == (44, 7, 44)
