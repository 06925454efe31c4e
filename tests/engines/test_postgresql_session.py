"""Prepared execution, the server's own counts of it, and plans; on each PostgreSQL that is installed."""

from __future__ import annotations

import datetime as dt
import ipaddress
import time
from collections.abc import Callable, Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest

from loadlab.engines.abilities import CanExplain, CanIdentifyStatements, CanRenderInsert
from loadlab.engines.postgresql.capabilities import Capabilities
from loadlab.engines.postgresql.connection import publish_counters
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.evidence import NO_STATEMENTS
from loadlab.engines.postgresql.server import Server
from loadlab.engines.postgresql.session import PostgresqlSession
from loadlab.engines.protocol import Engine, Session
from loadlab.errors import ConflictError, ConnectionLostError, DatabaseError, InputError, StatementTimeoutError
from loadlab.spec.statement import Statement
from tests.timing import eventually

SCHEMA = """
CREATE TABLE accounts (
    id bigint PRIMARY KEY, name text NOT NULL, balance numeric(12, 2) NOT NULL, opened timestamptz, tags text[]
);
CREATE INDEX accounts_name_idx ON accounts (name);
CREATE INDEX accounts_rich_idx ON accounts (id) WHERE balance > 1000;
CREATE TABLE moves (account_id bigint NOT NULL, at timestamptz NOT NULL, amount numeric(12, 2)) PARTITION BY RANGE (at);
CREATE TABLE moves_2024 PARTITION OF moves FOR VALUES FROM ('2024-01-01') TO ('2025-01-01');
CREATE TABLE moves_2025 PARTITION OF moves FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');
CREATE INDEX moves_account_idx ON moves (account_id, at);
INSERT INTO accounts SELECT n, 'a' || n % 10, n, '2024-01-01', ARRAY['x'] FROM generate_series(1, 100) AS n;
INSERT INTO moves SELECT n % 100, '2024-01-01'::timestamptz + n * interval '1 hour', n
FROM generate_series(1, 12000) AS n;
"""


def make_bank(database: PostgresqlEngine) -> PostgresqlEngine:
    for statement in SCHEMA.split(";"):
        database._connection.execute(statement.encode())
    publish_counters(database._connection)
    database._connection.execute("ANALYZE")
    return database


@pytest.fixture(scope="module")
def bank(any_server: Server) -> Iterator[PostgresqlEngine]:
    """Read only, but for what is rolled back or made undone."""
    any_server.execute("CREATE DATABASE bank")
    with PostgresqlEngine(any_server.url("bank")) as database:
        yield make_bank(database)
    any_server.execute("DROP DATABASE bank WITH (FORCE)")


@pytest.fixture
def own_bank(any_database: PostgresqlEngine) -> PostgresqlEngine:
    """To write to and to count on."""
    return make_bank(any_database)


@pytest.fixture(scope="module")
def empty(any_server: Server) -> Iterator[PostgresqlEngine]:
    """A database that stays empty."""
    any_server.execute("CREATE DATABASE empty")
    with PostgresqlEngine(any_server.url("empty")) as database:
        yield database
    any_server.execute("DROP DATABASE empty WITH (FORCE)")


@pytest.fixture
def session(bank: PostgresqlEngine) -> Iterator[PostgresqlSession]:
    opened = bank.connect(timeout_s=5)
    yield opened
    opened.close()


@pytest.fixture
def own_session(own_bank: PostgresqlEngine) -> Iterator[PostgresqlSession]:
    opened = own_bank.connect(timeout_s=5)
    yield opened
    opened.close()


Run = Callable[..., Any]


@pytest.fixture
def ask(session: PostgresqlSession) -> Run:
    """The rows of a text with Python values for its parameters."""

    def rows(text: str, **values: Any) -> list[tuple[Any, ...]]:
        handle = session.prepare(Statement.parse(text))
        return session.query(handle, session.encode_row(handle, values))

    return rows


def test_it_is_what_the_protocol_asks_for(bank: PostgresqlEngine, session: PostgresqlSession) -> None:
    engine: Engine = bank
    opened: Session = session
    assert isinstance(engine, CanExplain)
    assert isinstance(engine, CanIdentifyStatements)
    assert isinstance(engine, CanRenderInsert)
    assert opened is session


# Values --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "cast, value",
    [
        ("bigint", -(2**63)),
        ("int2", 7),
        ("numeric", Decimal("-12345678901234567890.000000001")),
        ("float8", 0.1),
        ("float8", float("inf")),
        ("bool", True),
        ("text", "ü'\"\\\t\n"),
        ("varchar(3)", "abc"),
        ("uuid", UUID(int=2**127 + 5)),
        ("bytea", b"\x00\xff'\\"),
        ("date", dt.date(2024, 2, 29)),
        ("time", dt.time(23, 59, 59, 999_999)),
        ("timestamp", dt.datetime(2024, 1, 2, 3, 4, 5, 6)),
        ("timestamptz", dt.datetime(2024, 1, 2, 3, 4, 5, 6, tzinfo=dt.UTC)),
        ("interval", dt.timedelta(days=-3, microseconds=1)),
        ("jsonb", {"a": [1, None, "é"], "b": 1.5}),
        ("jsonb", [1, "x"]),
        ("inet", ipaddress.ip_address("::1")),
        ("text[]", ["a", "", 'q"', None, "{,}"]),
        ("int[]", [1, 2, None]),
        ("int[]", []),
    ],
)
def test_python_values_go_and_come_back(ask: Run, cast: str, value: Any) -> None:
    assert ask(f"SELECT CAST(:v AS {cast})", v=value) == [(value,)]
    assert ask(f"SELECT CAST(:v AS {cast})", v=None) == [(None,)]


@pytest.mark.parametrize(
    "cast, array, values",
    [
        ("bigint", pa.array([1, None, -(2**63)]), None),
        ("int", pa.array([1.0, 2.0]), [1, 2]),
        ("numeric", pa.array([Decimal("1.50"), Decimal("-0.01")]), None),
        ("numeric", pa.array([1, 2]), [Decimal(1), Decimal(2)]),
        ("numeric", pa.array([0.25]), [Decimal("0.25")]),
        ("float8", pa.array([0.1, 1e300, 5e-324]), None),
        ("bool", pa.array([True, None, False]), None),
        ("text", pa.array(["a", None, ""]), None),
        ("text", pa.array(["a", "b", "a"]).dictionary_encode(), ["a", "b", "a"]),
        ("uuid", pa.array([UUID(int=1).bytes, None], pa.binary(16)), [UUID(int=1), None]),
        ("uuid", pa.array([str(UUID(int=9))]), [UUID(int=9)]),
        ("text", pa.array([UUID(int=1).bytes, None], pa.binary(16)), [str(UUID(int=1)), None]),
        ("bytea", pa.array([b"\x00", None]), None),
        ("date", pa.array([dt.date(1, 1, 1), dt.date(9999, 12, 31)]), None),
        ("time", pa.array([dt.time(1, 2, 3, 4)], pa.time64("us")), None),
        ("timestamp", pa.array([dt.datetime(2024, 1, 2, 3, 4, 5, 6)], pa.timestamp("us")), None),
        ("timestamptz", pa.array([dt.datetime(2024, 1, 2, tzinfo=dt.UTC)], pa.timestamp("us", "UTC")), None),
        ("interval", pa.array([dt.timedelta(seconds=-1.5), None], pa.duration("us")), None),
        ("jsonb", pa.array(['{"a": 1}']), [{"a": 1}]),
        ("inet", pa.array(["10.0.0.1"]), [ipaddress.ip_address("10.0.0.1")]),
        ("text[]", pa.array([["a", None], [], None]), None),
    ],
)
def test_columns_of_values_go_and_come_back(
    session: PostgresqlSession, cast: str, array: pa.Array, values: list[Any] | None
) -> None:
    handle = session.prepare(Statement.parse(f"SELECT CAST(:v AS {cast})"))
    encoded = session.encode(handle, {"v": array})
    assert [session.query(handle, one) for one in encoded] == [[(v,)] for v in values or array.to_pylist()]


def test_values_follow_the_order_of_the_names(session: PostgresqlSession) -> None:
    handle = session.prepare(
        Statement.parse(
            "SELECT :b::int, :a::int, :b::int + 1, 'x:y', '10:30'::time, a[1:2] FROM (SELECT ARRAY[7, 8, 9]) AS t (a)"
        )
    )
    columns = {"a": pa.array([1, 2]), "b": pa.array([10, 20])}
    assert [session.query(handle, values)[0][:3] for values in session.encode(handle, columns)] == [
        (10, 1, 11),
        (20, 2, 21),
    ]
    handle = session.prepare(Statement.parse("SELECT 1"))
    assert session.encode(handle, {}) == []
    assert session.query(handle, session.encode_row(handle, {})) == [(1,)]


def test_a_value_that_does_not_fit_is_named(session: PostgresqlSession) -> None:
    handle = session.prepare(Statement.parse("SELECT :v::int"))
    with pytest.raises(InputError, match="parameter v"):
        session.encode(handle, {"v": pa.array([1.5])})
    handle = session.prepare(Statement.parse("SELECT :v::uuid"))
    with pytest.raises(InputError, match="parameter v"):
        session.encode(handle, {"v": pa.array(["no uuid"])})


# Execution -----------------------------------------------------------------------------------------------------------


def test_rows_are_counted(own_session: PostgresqlSession) -> None:
    def count(text: str, **values: Any) -> int:
        handle = own_session.prepare(Statement.parse(text))
        return own_session.execute(handle, own_session.encode_row(handle, values))

    assert count("SELECT * FROM accounts WHERE id <= :n", n=7) == 7
    assert count("SELECT * FROM accounts WHERE id < 0") == 0
    assert count("UPDATE accounts SET balance = 1 WHERE id < :n", n=4) == 3
    assert count("UPDATE accounts SET balance = 1 WHERE id < :n RETURNING id", n=4) == 3
    assert count("DELETE FROM accounts WHERE id < 0") == 0
    assert count("INSERT INTO accounts VALUES (:id, 'n', 0)", id=1000) == 1


def test_an_error_leaves_the_session_usable(session: PostgresqlSession) -> None:
    divide = session.prepare(Statement.parse("SELECT 1 / :x::int"))
    with pytest.raises(DatabaseError, match="division by zero") as caught:
        session.execute(divide, session.encode_row(divide, {"x": 0}))
    assert caught.value.code == "22012"
    assert session.query(divide, session.encode_row(divide, {"x": 1})) == [(1,)]
    with pytest.raises(DatabaseError, match="does not exist"):
        session.prepare(Statement.parse("SELECT nothing"))
    with pytest.raises(DatabaseError, match="empty"):
        session.execute(session.prepare(Statement.parse("")), ())


def test_transactions(own_session: PostgresqlSession) -> None:
    update = own_session.prepare(Statement.parse("UPDATE accounts SET balance = :b WHERE id = 1"))
    read = own_session.prepare(Statement.parse("SELECT balance FROM accounts WHERE id = 1"))
    own_session.begin()
    own_session.execute(update, own_session.encode_row(update, {"b": 5}))
    own_session.rollback()
    assert own_session.query(read, ()) == [(Decimal("1.00"),)]
    own_session.begin()
    own_session.execute(update, own_session.encode_row(update, {"b": 6}))
    own_session.commit()
    assert own_session.query(read, ()) == [(Decimal("6.00"),)]


def test_a_statement_is_cut_off(bank: PostgresqlEngine) -> None:
    session = bank.connect(timeout_s=0.2)
    sleep = session.prepare(Statement.parse("SELECT pg_sleep(:s)"))
    began = time.perf_counter()
    with pytest.raises(StatementTimeoutError, match="statement timeout"):
        session.execute(sleep, session.encode_row(sleep, {"s": 30}))
    assert time.perf_counter() - began < 15
    assert session.execute(sleep, session.encode_row(sleep, {"s": 0})) == 1
    session.close()


def test_serialization_failures_are_conflicts(own_bank: PostgresqlEngine) -> None:
    one, two = own_bank.connect(timeout_s=5), own_bank.connect(timeout_s=5)
    update = Statement.parse("UPDATE accounts SET balance = balance + 1 WHERE id = 2")
    handles = {session: session.prepare(update) for session in (one, two)}
    for session in (one, two):
        session.execute(session.prepare(Statement.parse("SET default_transaction_isolation = 'repeatable read'")), ())
        session.begin()
        session.execute(session.prepare(Statement.parse("SELECT 1 FROM accounts")), ())
    one.execute(handles[one], ())
    one.commit()
    with pytest.raises(ConflictError):
        two.execute(handles[two], ())
    two.rollback()
    assert two.execute(handles[two], ()) == 1
    one.close()
    two.close()


def test_a_lost_connection_is_told_apart(bank: PostgresqlEngine) -> None:
    session = bank.connect(timeout_s=5)
    one = session.prepare(Statement.parse("SELECT 1"))
    backend = (session._pgconn.backend_pid,)
    bank._connection.execute("SELECT pg_terminate_backend(%s)", backend)
    there = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s"
    assert eventually(lambda: bank._connection.execute(there, backend).fetchone() == (0,))
    with pytest.raises(ConnectionLostError) as caught:
        session.execute(one, ())
    assert "\n" not in str(caught.value)
    with pytest.raises(ConnectionLostError):
        session.execute(one, ())
    with pytest.raises(ConnectionLostError):
        session.begin()
    session.close()
    again = bank.connect(timeout_s=5)
    assert again.execute(again.prepare(Statement.parse("SELECT 1")), ()) == 1
    again.close()


# Evidence ------------------------------------------------------------------------------------------------------------

COUNTED = {
    "by_key": "SELECT balance FROM accounts WHERE id = :id",
    "join": "SELECT a.name, sum(m.amount) FROM accounts AS a JOIN moves AS m ON m.account_id = a.id"
    " WHERE a.name = :name AND m.at >= :since GROUP BY a.name",
    "change": "UPDATE accounts SET balance = balance + :amount WHERE id = :id",
    "in_list": "SELECT count(*) FROM accounts WHERE id IN (:id, :other, 3)",
    "write": "INSERT INTO moves (account_id, at, amount) VALUES (:id, :since, :amount)",
}
VALUES = {"id": 3, "name": "a1", "since": dt.datetime(2024, 3, 1, tzinfo=dt.UTC), "amount": Decimal(1), "other": 9}


def test_the_server_counts_every_execution_under_the_id(own_bank: PostgresqlEngine) -> None:
    ids = {name: own_bank.statement_id(Statement.parse(text)) for name, text in COUNTED.items()}
    before = own_bank.snapshot()
    if not Capabilities(own_bank._connection.info.server_version).identifies_statements:
        assert set(ids.values()) == {None}
        return
    assert NO_STATEMENTS not in before.settings
    assert len(set(ids.values())) == len(COUNTED)
    executed = dict(zip(COUNTED, (23, 7, 11, 5, 13), strict=True))
    sessions = [own_bank.connect(timeout_s=5) for _ in range(2)]
    for session in sessions:
        for name, text in COUNTED.items():
            handle = session.prepare(Statement.parse(text))
            values = session.encode_row(handle, {key: VALUES[key] for key in handle.parameters})
            for _ in range(executed[name]):
                session.execute(handle, values)
    after = own_bank.snapshot()
    for name, identifier in ids.items():
        assert identifier is not None
        calls = after.statements[identifier].calls
        calls -= before.statements[identifier].calls if identifier in before.statements else 0
        assert calls == 2 * executed[name], name
        assert "accounts" in after.statements[identifier].text or name == "write"
    for session in sessions:
        session.close()


def test_statements_without_a_plan_have_no_id(bank: PostgresqlEngine) -> None:
    assert bank.statement_id(Statement.parse("CHECKPOINT")) is None
    plan = bank.explain(Statement.parse("CHECKPOINT"))
    assert (plan.full_scans, plan.indexes) == ((), ())
    assert plan.text
    with pytest.raises(DatabaseError, match="nowhere"):
        bank.explain(Statement.parse("SELECT * FROM nowhere"))
    with pytest.raises(DatabaseError, match="nowhere"):
        bank.statement_id(Statement.parse("SELECT * FROM nowhere"))
    # What failed left nothing prepared behind.
    assert bank.explain(Statement.parse("SELECT 1")).full_scans == ()


def test_counts_that_may_not_be_read_are_said_to_be_missing(own_bank: PostgresqlEngine) -> None:
    run = own_bank._connection.execute
    run("CREATE ROLE plain LOGIN; GRANT SELECT ON ALL TABLES IN SCHEMA public TO plain")
    run("REVOKE CONNECT ON DATABASE postgres FROM public")
    try:
        with PostgresqlEngine(own_bank.url.replace("postgresql://loadlab@", "postgresql://plain@")) as plain:
            snapshot = plain.snapshot()
            assert plain.statement_id(Statement.parse("SELECT 1")) is None
        assert snapshot.statements == {}
        assert "not there" in snapshot.settings[NO_STATEMENTS]
        assert snapshot.tables["accounts"].rows == 100
    finally:
        run("GRANT CONNECT ON DATABASE postgres TO public; DROP OWNED BY plain; DROP ROLE plain")


def test_counters_of_a_window(own_bank: PostgresqlEngine, own_session: PostgresqlSession) -> None:
    own_session.flush_counters()
    before = own_bank.snapshot()
    by_key = own_session.prepare(Statement.parse("SELECT balance FROM accounts WHERE id = :id"))
    insert = own_session.prepare(Statement.parse("INSERT INTO moves VALUES (:id, :at, 1)"))
    scan = own_session.prepare(Statement.parse("SELECT count(*) FROM accounts WHERE tags IS NULL"))
    for number in range(40):
        own_session.execute(by_key, own_session.encode_row(by_key, {"id": number}))
        at = dt.datetime(2024 + number % 2, 6, 1, tzinfo=dt.UTC)
        own_session.execute(insert, own_session.encode_row(insert, {"id": number, "at": at}))
    own_session.execute(scan, ())
    own_session.flush_counters()
    after = own_bank.snapshot()
    assert after.reset_marker == before.reset_marker
    accounts, moves = after.tables["accounts"], after.tables["moves"]
    assert set(after.tables) == {"accounts", "moves"}, "partitions are counted under their table"
    assert _difference(accounts.index_scans, before.tables["accounts"].index_scans) >= 1
    assert _difference(accounts.sequential_scans, before.tables["accounts"].sequential_scans) >= 1
    assert _difference(moves.rows_inserted, before.tables["moves"].rows_inserted) == 40
    assert moves.rows == 12_040
    assert moves.analyzed
    assert accounts.analyzed
    assert set(after.indexes) == {"accounts_pkey", "accounts_name_idx", "accounts_rich_idx", "moves_account_idx"}
    assert after.indexes["moves_account_idx"].table == "moves"
    # One leaf of 8 KiB pages each at least; the parts' sizes add up to the table's.
    assert after.indexes["moves_account_idx"].size_bytes == moves.index_bytes
    assert (moves.size_bytes or 0) > 12_000 * 40
    assert _difference(after.database["xact_commit"], before.database["xact_commit"]) >= 81
    assert after.database["checkpoints_requested"] >= 0
    assert after.connections == 3, "the bank's, the engine's and the session's"
    assert after.connections_max == 200
    assert (after.database_bytes or 0) > 5_000_000
    assert after.settings["fsync"] == "on"
    assert after.server.startswith("PostgreSQL 1")
    assert "stats_reset" not in after.database
    own_bank._connection.execute("SELECT pg_stat_reset()")
    assert eventually(lambda: own_bank.snapshot().reset_marker != before.reset_marker)


def _difference(after: float | None, before: float | None) -> float:
    assert after is not None
    assert before is not None
    return after - before


# Plans ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, full_scans, indexes",
    [
        ("SELECT * FROM accounts WHERE id = :x", (), ("accounts_pkey",)),
        ("SELECT * FROM accounts WHERE tags = :x", ("accounts",), ()),
        ("SELECT * FROM moves WHERE account_id = :x", (), ("moves_account_idx",)),
        ("SELECT * FROM moves WHERE amount = :x", ("moves",), ()),
        ("SELECT * FROM moves WHERE amount = :x AND account_id = :y", (), ("moves_account_idx",)),
        ("UPDATE accounts SET name = :n WHERE id = :x", (), ("accounts_pkey",)),
        ("DELETE FROM moves WHERE amount < :x", ("moves",), ()),
        ("INSERT INTO moves VALUES (:a, :b, :c)", (), ()),
        ("SELECT count(*) FROM accounts", ("accounts",), ()),
        ("SELECT max(id) FROM accounts", (), ("accounts_pkey",)),
        ("SELECT * FROM accounts ORDER BY id DESC LIMIT 10", (), ("accounts_pkey",)),
        ("SELECT name, count(*) FROM accounts GROUP BY 1 ORDER BY 2 LIMIT 3", ("accounts",), ()),
        ("SELECT id FROM accounts WHERE balance > 1000", (), ("accounts_rich_idx",)),
        ("SELECT * FROM generate_series(1, :n) AS n", (), ()),
        ("WITH c AS MATERIALIZED (SELECT 1 AS x) SELECT * FROM c", (), ()),
        ("VALUES (:a::int)", (), ()),
        ("SELECT relname FROM pg_class WHERE relpages = :x", (), ()),
        (
            "SELECT a.name FROM accounts AS a JOIN moves AS m ON m.account_id = a.id WHERE a.name = :n",
            (),
            ("accounts_name_idx", "moves_account_idx"),
        ),
        (
            "SELECT (SELECT sum(amount) FROM moves AS m WHERE m.amount = a.id) FROM accounts AS a WHERE id = :x",
            ("moves",),
            ("accounts_pkey",),
        ),
    ],
)
def test_plans(bank: PostgresqlEngine, text: str, full_scans: tuple[str, ...], indexes: tuple[str, ...]) -> None:
    plan = bank.explain(Statement.parse(text))
    assert (plan.full_scans, plan.indexes) == (full_scans, indexes)
    assert "cost=" in plan.text


def test_a_plan_text_is_the_servers_own_choice(bank: PostgresqlEngine) -> None:
    plan = bank.explain(Statement.parse("SELECT * FROM accounts WHERE id > 1 AND name <> :x"))
    assert plan.served_by_index
    assert "Seq Scan" in plan.text, "all rows are wanted, so the server reads the table"


# Statements that are refused ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text, said",
    [
        ("SELECT balanse FROM accounts", 'column "balanse" does not exist.*accounts.balance'),
        ("SELECT * FROM acounts", 'relation "acounts" does not exist'),
        ("SELEC 1", "syntax error"),
        ("SELECT 1; SELECT 2", "multiple commands"),
        ("SELECT :x", None),
        ("SELECT :x IS NULL", r"tell the type of the parameter, e\.g\. CAST\(:x AS text\)"),
        ("  ", "empty statement"),
        ("SELECT nosuchfunction(1)", "nosuchfunction"),
    ],
)
def test_statements_are_checked_by_the_server(bank: PostgresqlEngine, text: str, said: str | None) -> None:
    statements = {"fine": Statement.parse("SELECT 1"), "shop/find": Statement.parse(text)}
    if said is None:
        bank.check_statements(statements)
        return
    with pytest.raises(InputError, match=f"operation shop/find.*{said}") as caught:
        bank.check_statements(statements)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "script, said",
    [
        ("CREATE TABLE t (a int);\n\nROLLBACK;", "schema: line 3 .*ROLLBACK"),
        ("\nCALL nosuch();", "schema: line 2 .*nosuch"),
        ("CREATE TABLE t (\n  a int,\n  b nosuchtype\n);", 'schema: line 3 .*type "nosuchtype" does not exist'),
        ("CREATE TABLE t (a int);\nCREATE TABLE t (a int);", 'schema: line 2 .*"t" already exists'),
        ("CREATE TABLE t (a int;", "schema: line 1 .*syntax error"),
        ("CREATE EXTENSION nosuch;", "schema: line 1 .*nosuch"),
    ],
)
def test_a_script_that_cannot_be_run_names_the_line(empty: PostgresqlEngine, script: str, said: str) -> None:
    with pytest.raises(InputError, match=said) as caught:
        empty.preview(script, {})
    assert "\n" not in str(caught.value)
    assert empty.user_tables() == {}
    assert empty.preview("CREATE TABLE t (a int)", {}).table("t").columns


def test_a_script_may_bring_its_own_transaction_and_settings(empty: PostgresqlEngine) -> None:
    script = """
        BEGIN; SELECT pg_catalog.set_config('search_path', '', false); SET timezone = 'Asia/Tokyo';
        CREATE TABLE public.t (a timestamptz DEFAULT '2024-01-01'); COMMIT; START TRANSACTION; END;
    """
    schema = empty.preview(script, {"s": Statement.parse("SELECT a FROM t")})
    assert [table.key for table in schema] == ["t"]
    assert schema.table("t").column("a").default == "'2023-12-31 15:00:00+00'::timestamp with time zone"
    assert empty.user_tables() == {}
    assert empty._connection.execute("SHOW timezone").fetchone() == ("UTC",)
