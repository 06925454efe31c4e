"""What a server's sessions do is told by kind, with the processor time of its processes, where the engine can."""

from __future__ import annotations

import threading
import time
from contextlib import closing

import psycopg
import pytest

from loadlab.engines.abilities import CanSampleActivity
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.activity import Activity, ActivityWatch

BURN = "DO $$ DECLARE ends timestamptz := clock_timestamp() + interval '600 ms';"
BURN += " BEGIN WHILE clock_timestamp() < ends LOOP END LOOP; END $$"


def test_engines_that_tell_nothing_do_not_have_the_ability(engine):
    assert isinstance(engine, CanSampleActivity) == (engine.name == "postgresql")


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
            (sleeper, "SELECT pg_sleep(1.5)"),
            (worker, BURN),
        ]
        threads = [threading.Thread(target=connection.execute, args=(command,)) for connection, command in commands]
        for thread in threads:
            thread.start()
        time.sleep(0.3)
        found = sampler.sample()
        assert found["client", "idle in transaction"] == 1
        assert found["lock", "Lock:advisory"] == 1
        assert found["other", "Timeout:PgSleep"] == 1
        assert found["running", ""] == 1
        holder.rollback()
        for thread in threads:
            thread.join(10)
        ended_cpu_s = sampler.cpu_s()
        assert ended_cpu_s is not None
        # It computed for 0.6 s, of which a busy machine may leave it a part.
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


def test_shares_of_the_sessions_time():
    seen = Activity(10, {("running", ""): 6, ("lock", "Lock:tuple"): 3, ("lock", "LWLock:WALInsert"): 3})
    assert seen.shares() == pytest.approx({"running": 0.5, "lock": 0.5})
    assert seen.events() == pytest.approx({"Lock:tuple": 0.25, "LWLock:WALInsert": 0.25})
    assert Activity(10).shares() == {}
