"""The shape of a plan: its steps without figures, and the rows that it takes."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.server import Server
from loadlab.engines.protocol import PlanShape
from loadlab.spec.statement import Statement

SETUP = """
    CREATE TABLE users (id bigint PRIMARY KEY, name text);
    CREATE TABLE orders (id bigint, day date, user_id bigint, PRIMARY KEY (id, day)) PARTITION BY RANGE (day);
    CREATE TABLE orders_1 PARTITION OF orders FOR VALUES FROM ('2026-01-01') TO ('2026-02-01');
    CREATE TABLE orders_2 PARTITION OF orders FOR VALUES FROM ('2026-02-01') TO ('2026-03-01');
    CREATE TABLE orders_3 PARTITION OF orders DEFAULT;
    CREATE INDEX orders_user_idx ON orders (user_id);
    INSERT INTO users SELECT n, 'u' || n FROM generate_series(1, 3000) AS n;
    INSERT INTO orders SELECT n, date '2026-01-01' + n % 59, n % 3000 FROM generate_series(1, 12000) AS n;
    ANALYZE;
"""


@pytest.fixture(scope="module")
def filled(any_server: Server) -> Iterator[PostgresqlEngine]:
    any_server.execute("CREATE DATABASE plan_shape")
    with PostgresqlEngine(any_server.url("plan_shape")) as engine:
        with psycopg.connect(engine.url, autocommit=True) as connection:
            connection.execute(SETUP.encode())
        yield engine
    any_server.execute("DROP DATABASE plan_shape WITH (FORCE)")


def shape(engine: PostgresqlEngine, *fragments: str) -> PlanShape:
    names = tuple(f"p{number}" for number in range(len(fragments) - 1))
    found = engine.explain(Statement(fragments, names)).shape
    assert found is not None
    return found


def test_a_key(filled: PostgresqlEngine) -> None:
    assert shape(filled, "SELECT name FROM users WHERE id = ", "") == PlanShape(
        ("Index Scan on users by users_pkey",), {"users": 1.0}
    )


def test_a_scan_takes_every_row_whatever_its_filter_leaves(filled: PostgresqlEngine) -> None:
    found = shape(filled, "SELECT count(*) FROM users WHERE name = ", "")
    assert found.outline == ("Aggregate", "Seq Scan on users")
    assert found.rows == {"users": 3000.0}
    assert not found.bounded


def test_partitions_count_as_their_table(filled: PostgresqlEngine) -> None:
    found = shape(filled, "SELECT count(*) FROM orders")
    assert found.outline == ("Aggregate", "Seq Scan on orders")
    assert found.rows["orders"] == pytest.approx(12_000)
    by_user = shape(filled, "SELECT id FROM orders WHERE user_id = ", "")
    # Four of a user in two partitions; how the empty one is read says nothing.
    assert len(by_user.outline) == 1
    assert by_user.outline[0].endswith("on orders by orders_user_idx")
    assert 2 <= by_user.rows["orders"] <= 8


def test_a_nested_loop_multiplies(filled: PostgresqlEngine) -> None:
    found = shape(filled, "SELECT u.name FROM orders o JOIN users u ON u.id = o.user_id WHERE o.id = ", "")
    assert "Nested Loop" in found.outline
    assert found.rows["users"] == pytest.approx(max(found.rows["orders"], 1), abs=1)


def test_a_limit_bounds(filled: PostgresqlEngine) -> None:
    found = shape(filled, "SELECT id FROM users ORDER BY id LIMIT 7")
    assert found.outline[0] == "Limit"
    assert found.rows["users"] == pytest.approx(7)
    assert found.bounded == {"users"}


def test_what_is_written_counts(filled: PostgresqlEngine) -> None:
    assert shape(filled, "INSERT INTO users VALUES (", ", ", ")").rows == {"users": 1.0}
    assert shape(filled, "UPDATE users SET name = 'x' WHERE id = ", "").outline == (
        "Update users", "Index Scan on users by users_pkey",
    )  # fmt: skip
