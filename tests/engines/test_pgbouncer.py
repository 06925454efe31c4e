"""The load through a PgBouncer in transaction mode: nothing of a session is relied upon, nothing is left behind."""

from __future__ import annotations

import threading
import time
from contextlib import closing
from typing import Any

import psycopg
import pyarrow as pa
import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import InputError, StatementTimeoutError
from loadlab.spec.statement import Statement
from tests.fix_pgbouncer import POOL_SIZE, Bouncer
from tests.timing import eventually

SESSIONS = 2 * POOL_SIZE
# A pooler that keeps prepared statements gives them names of its own.
OURS = "SELECT count(*) FROM pg_prepared_statements WHERE name LIKE 'loadlab%'"


@pytest.fixture
def pooled(database: PostgresqlEngine, bouncer: Bouncer):
    with open_database(bouncer.through(database.url)) as engine:
        assert isinstance(engine, PostgresqlEngine)
        yield engine


def test_a_pooler_is_noticed_and_the_server_itself_is_none(
    database: PostgresqlEngine, pooled: PostgresqlEngine
) -> None:
    assert database.pooler() is None
    pooler = pooled.pooler()
    assert pooler is not None
    assert pooler.product.startswith("PgBouncer 1.")
    assert pooled.identity() == database.identity()
    with open_database("embedded:") as other:
        assert isinstance(other, PostgresqlEngine)
        assert other.identity() != database.identity()


def test_more_sessions_than_servers_run_statements_and_transactions(pooled: PostgresqlEngine) -> None:
    insert = Statement.parse("INSERT INTO notes (id, text, tags) VALUES (:id, :text, :tags)")
    read = Statement.parse("SELECT text, tags FROM notes WHERE id = :id")
    pooled._connection.execute("CREATE TABLE notes (id bigint PRIMARY KEY, text text, tags text[])")
    failures: list[BaseException] = []

    def work(number: int) -> None:
        try:
            with closing(pooled.connect(timeout_s=5)) as session:
                written, found = session.prepare(insert), session.prepare(read)
                columns = {"id": pa.array([number]), "text": pa.array(["ü"]), "tags": pa.array([["a", None]])}
                for turn in range(20):
                    session.begin()
                    session.execute(written, session.encode(written, columns)[0])
                    assert session.query(found, session.encode_row(found, {"id": number})) == [("ü", ["a", None])]
                    (session.commit if turn == 19 else session.rollback)()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(SESSIONS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert failures == []
    assert pooled._connection.execute("SELECT count(*) FROM notes").fetchone() == (SESSIONS,)


def test_nothing_is_left_on_the_servers_connections(pooled: PostgresqlEngine, bouncer: Bouncer) -> None:
    def state(url: str) -> list[Any]:
        names = ("statement_timeout", "intervalstyle", "client_min_messages", "client_connection_check_interval")
        with psycopg.connect(url, autocommit=True, prepare_threshold=None) as connection:
            settings = [connection.execute(f"SHOW {name}").fetchone() for name in names]
            return [*settings, connection.execute(OURS).fetchone()]

    database = str(pooled._connection.info.dbname)
    with closing(pooled.connect(timeout_s=0.5)) as session:
        handle = session.prepare(Statement.parse("SELECT :a::int"))
        assert session.query(handle, session.encode_row(handle, {"a": 1})) == [(1,)]
        through = state(bouncer.url(database))
    with psycopg.connect(**{**bouncer.server, "dbname": database}, autocommit=True) as fresh:
        default = [fresh.execute(f"SHOW {name}").fetchone() for name in ("statement_timeout", "client_min_messages")]
    assert [through[0], through[2]] == default
    assert through[-1] == (0,)


def test_a_statement_is_cancelled_through_it(pooled: PostgresqlEngine) -> None:
    asleep = "SELECT count(*) = 1 FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()"
    with closing(pooled.connect(timeout_s=120)) as session:
        sleep = session.prepare(Statement.parse("SELECT pg_sleep(:s)"))

        def cancel() -> None:
            eventually(lambda: pooled._connection.execute(asleep).fetchone() == (True,))
            session.cancel()

        canceller = threading.Thread(target=cancel)
        began_s = time.perf_counter()
        canceller.start()
        with pytest.raises(StatementTimeoutError):
            session.execute(sleep, session.encode_row(sleep, {"s": 60}))
        assert time.perf_counter() - began_s < 30
        canceller.join()
        assert session.execute(sleep, session.encode_row(sleep, {"s": 0})) == 1


def test_a_database_is_not_filled_through_it(pooled: PostgresqlEngine, tmp_path) -> None:
    from tests.shop import open_shop

    with pytest.raises(InputError, match=r"leads through a pooler .*--load-database"):
        open_shop(pooled, tmp_path / "shop")
