"""A mix from pg_stat_statements: texts without values are bound, weighted by calls, and run; the rest is named."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.protocol import AskedStatement, Manifest, StatementHistory
from loadlab.errors import DatabaseError, InputError
from loadlab.mix.binding import Bound, UnboundError, bind
from loadlab.mix.facts import TableFacts, facts_of
from loadlab.mix.production import production_mix
from loadlab.scaffold import init_scenario
from loadlab.spec.scenario import load_scenario
from loadlab.spec.statement import Statement
from tests.engines.test_mix import FIXTURES, Quiet, errors, loaded
from tests.shop import DDL

FORUM = FIXTURES / "init" / "forum.sql"


class Bench:
    """The forum's tables in a database, and binding against them."""

    def __init__(self, engine: PostgresqlEngine) -> None:
        self.engine = engine
        self.facts: Mapping[str, TableFacts] = facts_of(engine.reflect(), lambda _: 1000)

    def bind(self, text: str, *, rows: float = 3.2) -> Bound:
        found = bind(text, self.facts, "postgresql", rows_per_call=rows)
        self.engine.check_statements({"one": Statement.parse(found.sql)})
        return found


@pytest.fixture(scope="module")
def bench(embedded_server: str) -> Iterator[Bench]:
    with open_database("embedded:") as engine:
        assert isinstance(engine, PostgresqlEngine)
        with psycopg.connect(engine.url, autocommit=True) as connection:
            connection.execute(FORUM.read_bytes())
        yield Bench(engine)


def new(table: str, column: str, row: str = "new") -> dict[str, Any]:
    return {"column": f"{table}.{column}", "pick": "new", "row": row}


@pytest.mark.parametrize(
    "text, sql, params",
    [
        (
            "SELECT a.* FROM accounts a WHERE lower(a.email) = lower($1) LIMIT $2",
            "SELECT a.* FROM accounts a WHERE lower(a.email) = lower(:p1) LIMIT 4",
            {"p1": {"column": "accounts.email"}},
        ),
        (
            "SELECT $1 AS one FROM accounts WHERE email = $2 AND id <> $3 LIMIT $4 OFFSET $5",
            "SELECT 1 AS one FROM accounts WHERE email = :p2 AND id <> :p3 LIMIT 4 OFFSET 0",
            {"p2": {"column": "accounts.email"}, "p3": {"column": "accounts.id"}},
        ),
        (
            "SELECT * FROM posts WHERE topic_id = ANY ($1) AND reply_to_id IS NULL",
            "SELECT * FROM posts WHERE topic_id IN (:p1_1, :p1_2, :p1_3, :p1_4, :p1_5) AND reply_to_id IS NULL",
            {f"p1_{n}": {"column": "posts.topic_id"} | ({"row": str(n)} if n > 1 else {}) for n in range(1, 6)},
        ),
        (
            "SELECT * FROM posts WHERE topic_id IN ($1 /*, ... */)",
            "SELECT * FROM posts WHERE topic_id IN (:p1_1, :p1_2, :p1_3, :p1_4, :p1_5)",
            {f"p1_{n}": {"column": "posts.topic_id"} | ({"row": str(n)} if n > 1 else {}) for n in range(1, 6)},
        ),
        (
            "SELECT * FROM posts WHERE created_at BETWEEN $1 AND $2",
            "SELECT * FROM posts WHERE created_at BETWEEN LEAST(CAST(:p1 AS TIMESTAMP), CAST(:p2 AS TIMESTAMP))"
            " AND GREATEST(CAST(:p1 AS TIMESTAMP), CAST(:p2 AS TIMESTAMP))",
            {"p1": {"column": "posts.created_at"}, "p2": {"column": "posts.created_at", "row": "2"}},
        ),
        (
            "SELECT id FROM topics WHERE created_at > now() - interval $1 AND board_id = $2",
            "SELECT id FROM topics WHERE created_at > :p1 AND board_id = :p2",
            {"p1": {"column": "topics.created_at"}, "p2": {"column": "topics.board_id"}},
        ),
        (
            "SELECT id FROM topics WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3",
            "SELECT id FROM topics WHERE (created_at, id) < (:p1, :p2) ORDER BY created_at DESC, id DESC LIMIT 4",
            {"p1": {"column": "topics.created_at"}, "p2": {"column": "topics.id"}},
        ),
        (
            'SELECT p.id FROM "posts" AS p JOIN "public"."topics" t ON t.id = p.topic_id WHERE t.board_id = $1',
            'SELECT p.id FROM "posts" AS p JOIN "public"."topics" t ON t.id = p.topic_id WHERE t.board_id = :p1',
            {"p1": {"column": "topics.board_id"}},
        ),
        (
            "SELECT a.id FROM posts AS a JOIN posts AS b ON b.reply_to_id = a.id WHERE a.id = $1 AND b.account_id = $2",
            "SELECT a.id FROM posts AS a JOIN posts AS b ON b.reply_to_id = a.id"
            " WHERE a.id = :p1 AND b.account_id = :p2",
            {"p1": {"column": "posts.id", "row": "a"}, "p2": {"column": "posts.account_id", "row": "b"}},
        ),
        (
            "INSERT INTO likes (post_id, account_id) VALUES ($1, $2), ($3, $4) ON CONFLICT DO NOTHING",
            "INSERT INTO likes (post_id, account_id) VALUES (:p1, :p2), (:p3, :p4) ON CONFLICT DO NOTHING",
            {
                "p1": new("likes", "post_id"), "p2": new("likes", "account_id"),
                "p3": new("likes", "post_id", "new 2"), "p4": new("likes", "account_id", "new 2"),
            },
        ),
        (
            "UPDATE accounts SET posts_count = posts_count + $1, updated_at = $2, email = $3 WHERE id = $4",
            "UPDATE accounts SET posts_count = posts_count + 1, updated_at = :p2, email = :p3 WHERE id = :p4",
            {
                "p2": {"column": "accounts.updated_at", "row": "set"}, "p3": {"column": "accounts.email"},
                "p4": {"column": "accounts.id"},
            },
        ),
        (
            "SELECT date_trunc($1, created_at), count(*), sum(coalesce(views_count, $2)) FROM topics"
            " WHERE state = $3 GROUP BY date_trunc($4, created_at)",
            "SELECT date_trunc('day', created_at), count(*), sum(coalesce(views_count, 0)) FROM topics"
            " WHERE state = :p3 GROUP BY date_trunc('day', created_at)",
            {"p3": {"column": "topics.state"}},
        ),
        (
            "DELETE FROM likes WHERE post_id = $1 AND account_id IN (SELECT id FROM accounts WHERE username = $2)",
            "DELETE FROM likes WHERE post_id = :p1 AND account_id IN (SELECT id FROM accounts WHERE username = :p2)",
            {"p1": {"column": "likes.post_id"}, "p2": {"column": "accounts.username"}},
        ),
    ],
)  # fmt: skip
def test_parameters_are_bound_by_what_they_stand_beside(bench: Bench, text: str, sql: str, params: Any) -> None:
    found = bench.bind(text)
    assert found.sql == sql
    assert found.params == params


@pytest.mark.parametrize(
    "text, reason",
    [
        ("SELECT * FROM pg_class WHERE relname = $1", "asks pg_class, which is no table of the schema"),
        ("SELECT id FROM topics WHERE id in (", "cannot be read; the server may have cut it off"),
        ("BEGIN", "is no SELECT, INSERT, UPDATE or DELETE"),
        ("SELECT 1", "asks no table"),
        (
            "SELECT id FROM posts WHERE to_tsvector($1, body) @@ to_tsquery($2)",
            "is a search, whose words are not recorded",
        ),
        ("SELECT id FROM topics WHERE repeat(title, $1) IS NULL", "$1 is compared with"),
    ],
)
def test_what_cannot_be_bound_says_why(bench: Bench, text: str, reason: str) -> None:
    with pytest.raises(UnboundError) as caught:
        bench.bind(text)
    assert reason in str(caught.value)


def ask(url: str) -> None:
    """What an application would ask."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(DDL.encode())
        for number in range(40):
            connection.execute("SELECT name FROM customers WHERE id = %s", (number,))
        for number in range(10):
            connection.execute(
                "SELECT o.id, c.name FROM orders o JOIN customers c ON c.id = o.customer_id"
                " WHERE o.customer_id = ANY(%s) AND o.status = 'open' ORDER BY o.created_at DESC LIMIT 20",
                ([number, number + 1],),
            )
            connection.execute(
                "INSERT INTO customers (id, email, name, created_at) VALUES (%s, %s, 'x', now())",
                (number, f"{number}@example.org"),
            )
        for _ in range(4):
            connection.execute("SELECT status, count(*), sum(total) FROM orders GROUP BY status")
            connection.execute("SELECT id FROM customers WHERE to_tsvector('english', name) @@ to_tsquery('a')")
        connection.execute("CREATE ROLE monitor LOGIN PASSWORD 'secret' IN ROLE pg_read_all_stats")
        connection.execute("CREATE ROLE nobody_much LOGIN PASSWORD 'secret'")


def test_commands_are_no_statements(bench: Bench) -> None:
    """What MongoDB's profiler counts."""
    history = StatementHistory((AskedStatement('{"find": "users", "filter": {"_id": $1}}', 3, 1.0, 3),), {})
    with pytest.raises(InputError, match="counts commands, and only statements of SQL are understood"):
        production_mix(history, bench.engine, Manifest("f1", {}, bench.engine.reflect(), True))


def test_what_a_database_was_asked_becomes_a_mix(database: PostgresqlEngine, tmp_path: Path) -> None:
    (tmp_path / "shop.sql").write_text(DDL)
    ask(database.url)
    url = {role: _as(database.url, role) for role in ("monitor", "nobody_much")}
    try:
        with pytest.raises(DatabaseError, match="GRANT pg_read_all_stats TO nobody_much"):
            _init(tmp_path, url["nobody_much"])
        outcome = _init(tmp_path, url["monitor"])
        scenario = load_scenario(tmp_path / "made")
        operations = scenario.file.workload.operations
        assert set(operations) == {
            "customers_by_id", "orders_with_customers_by_customer_id_and_status", "orders", "insert_customers",
        }  # fmt: skip
        assert {name: (item.kind, item.weight) for name, item in operations.items() if "with" not in name} == {
            "customers_by_id": ("simple", 100),
            "orders": ("report", 10),
            "insert_customers": ("write", 25),
        }
        assert outcome.production is not None
        assert (outcome.production.covered_calls, outcome.production.calls) == (64, 68)
        assert "94.1% of 68 calls" in outcome.production.summary
        assert list(outcome.left_out.values()) == ["$2 is a search, whose words are not recorded"]
        assert errors(loaded(scenario, "embedded:", rows=200, seconds=1.5)) == {}
        with pytest.raises(InputError, match="is there already"):
            _init(tmp_path, url["monitor"])
    finally:
        with psycopg.connect(database.url, autocommit=True) as connection:
            connection.execute("DROP ROLE monitor")
            connection.execute("DROP ROLE nobody_much")


def _as(url: str, role: str) -> str:
    from psycopg.conninfo import conninfo_to_dict

    parts = {k: str(v) for k, v in conninfo_to_dict(url).items() if v is not None}
    host, name = parts.pop("host"), parts.pop("dbname")
    port = parts.pop("port", "5432")
    return f"postgresql://{role}:secret@/{name}?host={host}&port={port}"


def _init(folder: Path, statements: str) -> Any:
    return init_scenario(str(folder / "shop.sql"), None, folder / "made", Quiet(), statements=statements)
