"""What a server's sessions do is told by kind, with the processor time of its processes, where the engine can."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import closing

import psycopg
import pytest

from loadlab.engines.abilities import CanSampleActivity
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.postgresql.events import CheckpointReading, Checkpoints
from loadlab.engines.postgresql.server import Server
from loadlab.measure.activity import Activity, ActivityWatch
from tests.timing import eventually

BURN = "DO $$ DECLARE ends timestamptz := clock_timestamp() + interval '2 s';"
BURN += " BEGIN WHILE clock_timestamp() < ends LOOP END LOOP; END $$"


def test_engines_that_tell_nothing_do_not_have_the_ability(engine):
    assert isinstance(engine, CanSampleActivity) == (engine.name in ("postgresql", "mongodb"))


def test_locks_sleep_and_work_are_told_apart(any_database: PostgresqlEngine) -> None:
    database = any_database
    with (
        closing(database.activity_sampler()) as sampler,
        psycopg.connect(database.url) as holder,
        psycopg.connect(database.url, autocommit=True) as waiter,
        psycopg.connect(database.url, autocommit=True) as sleeper,
        psycopg.connect(database.url, autocommit=True) as worker,
    ):
        began_cpu_s = sampler.cpu_s()
        assert began_cpu_s is not None
        holder.execute("SELECT pg_advisory_xact_lock(1)")
        commands = [
            (waiter, "SELECT pg_advisory_xact_lock(1)"),
            (sleeper, "SELECT pg_sleep(2)"),
            (worker, BURN),
        ]
        threads = [threading.Thread(target=connection.execute, args=(command,)) for connection, command in commands]
        for thread in threads:
            thread.start()
        every = [("client", "idle in transaction"), ("lock", "Lock:advisory"), ("other", "Timeout:PgSleep")]
        every.append(("running", ""))
        found = [sampler.sample()]

        def all_are_seen_at_once() -> bool:
            found.append(sampler.sample())
            return all(found[-1].get(kind) == 1 for kind in every)

        assert eventually(all_are_seen_at_once, limit_s=5), found
        holder.rollback()
        for thread in threads:
            thread.join(10)
        ended_cpu_s = sampler.cpu_s()
        assert ended_cpu_s is not None
        # It computed for 2 s, of which a busy machine may leave it a part.
        assert ended_cpu_s - began_cpu_s > 0.1


def test_a_watch_adds_samples_up_and_ends_with_its_server(database: PostgresqlEngine) -> None:
    sampler = database.activity_sampler()
    with psycopg.connect(database.url, autocommit=True) as sleeper, ActivityWatch(sampler) as watch:
        sleeper.execute("SELECT pg_sleep(0.6)")
    seen = watch.seen()
    assert watch.failure is None
    assert seen.samples >= 2
    assert seen.server_cores is not None
    assert 0 <= seen.server_cores < 1
    assert next(iter(seen.events())) == "Timeout:PgSleep"
    sampler.close()
    with ActivityWatch(sampler) as watch:
        time.sleep(0.3)
    assert watch.failure is not None


@pytest.fixture
def restless(any_server: Server) -> Iterator[None]:
    """The server looks for tables to clean up every second instead of every minute."""
    any_server.execute("ALTER SYSTEM SET autovacuum_naptime = '1s'")
    any_server.execute("SELECT pg_reload_conf()")
    yield
    any_server.execute("ALTER SYSTEM RESET autovacuum_naptime")
    any_server.execute("SELECT pg_reload_conf()")


def test_checkpoints_and_autovacuum_are_told_at_their_time(restless: None, any_database: PostgresqlEngine) -> None:
    options = "autovacuum_vacuum_threshold = 0, autovacuum_vacuum_scale_factor = 0"
    options += ", autovacuum_analyze_threshold = 0, autovacuum_analyze_scale_factor = 0"
    with (
        psycopg.connect(any_database.url, autocommit=True) as session,
        closing(any_database.activity_sampler()) as sampler,
        ActivityWatch(sampler) as watch,
    ):
        began_s = time.time()
        session.execute(f"CREATE TABLE stock WITH ({options}) AS SELECT g FROM generate_series(1, 20000) AS g")
        session.execute("DELETE FROM stock WHERE g % 2 = 0")
        deleted_s = time.time() - began_s
        session.execute("CHECKPOINT")
        checkpoint_s = time.time() - began_s
        vacuumed = None
        while vacuumed is None and time.time() - began_s < 30:
            time.sleep(0.1)
            row = session.execute(
                "SELECT extract(epoch FROM last_autovacuum)::float8 FROM pg_stat_user_tables"
                " WHERE last_autoanalyze IS NOT NULL"
            ).fetchone()
            vacuumed = row[0] - began_s if row and row[0] else None
    assert watch.failure is None
    events = watch.seen().server_events
    assert {event.kind for event in events} == {"checkpoint", "autovacuum", "autoanalyze"}
    requested = next(event for event in events if event.subject == "requested")
    # A session is told that its checkpoint is done before the server's counters are, and these are read twice a second.
    assert requested.ended_s == pytest.approx(checkpoint_s, abs=1.5)
    assert requested.began_s is not None
    assert deleted_s - 0.5 < requested.began_s <= requested.ended_s
    cleaned = [event for event in events if event.kind == "autovacuum"]
    assert {event.subject for event in cleaned} == {"stock"}
    assert vacuumed is not None
    assert any(event.ended_s == pytest.approx(vacuumed, abs=0.2) for event in cleaned)


def test_shares_of_the_sessions_time():
    seen = Activity(10, {("running", ""): 6, ("lock", "Lock:tuple"): 3, ("lock", "LWLock:WALInsert"): 3})
    assert seen.shares() == pytest.approx({"running": 0.5, "lock": 0.5})
    assert seen.events() == pytest.approx({"Lock:tuple": 0.25, "LWLock:WALInsert": 0.25})
    assert Activity(10).shares() == {}


def reading(at_s: float, *, counted: tuple[int, int], done: int | None, spent_s: float, works: bool | None):
    return CheckpointReading(at_s, 0.0, *counted, done, spent_s, works)


@pytest.mark.parametrize("version", ["counts what is done", "counts what is begun"])
def test_a_spread_checkpoint_lasts_from_its_first_write_to_its_last_sync(version):
    def done(number: int) -> int | None:
        return number if version == "counts what is done" else None

    seen = Checkpoints(reading(0.0, counted=(3, 1), done=done(4), spent_s=9.0, works=False))
    assert list(seen.events(reading(1.0, counted=(4, 1), done=done(4), spent_s=9.0, works=True))) == []
    assert [(e.subject, e.began_s, e.ended_s) for e in seen.running()] == [("timed", 1.0, None)]
    (event,) = seen.events(reading(6.0, counted=(4, 1), done=done(5), spent_s=14.1, works=False))
    assert (event.kind, event.subject, event.ended_s) == ("checkpoint", "timed", 6.0)
    assert event.began_s == pytest.approx(0.9)
    assert list(seen.running()) == []


def test_a_checkpoint_that_was_skipped_is_none():
    seen = Checkpoints(reading(0.0, counted=(3, 1), done=4, spent_s=9.0, works=False))
    assert list(seen.events(reading(1.0, counted=(4, 1), done=4, spent_s=9.0, works=False))) == []
    assert list(seen.running()) == []


def test_who_may_not_see_the_checkpointer_learns_of_ends():
    seen = Checkpoints(reading(0.0, counted=(3, 1), done=None, spent_s=9.0, works=None))
    assert list(seen.events(reading(1.0, counted=(4, 1), done=None, spent_s=9.0, works=None))) == []
    (event,) = seen.events(reading(6.0, counted=(4, 1), done=None, spent_s=14.0, works=None))
    assert (event.began_s, event.ended_s) == (1.0, 6.0)
