"""Seeding the marketplace: identical content however it came about, every constraint there and validated."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.postgresql.catalog import LEDGER_NAMESPACE as LEDGER
from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import ENTRY_POINT, MARKETPLACE, Loadlab, content, environment

# Large enough that the rows are loaded by several processes in several chunks.
SCALE = 0.001


@pytest.fixture(scope="module")
def seeded(embedded_server: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A database that one process filled in one go."""
    with open_database("embedded:") as engine:
        subprocess.run(
            [ENTRY_POINT, "seed", MARKETPLACE, "--scale", str(SCALE), "--workers", "1", "--database", engine.url],
            check=True,
            env=environment(tmp_path_factory.mktemp("seeded")),
            stdout=subprocess.DEVNULL,
        )
        yield engine.url


def test_two_workers_make_the_same_content(seeded: str, database: PostgresqlEngine, loadlab: Loadlab) -> None:
    done = loadlab("seed", MARKETPLACE, "--scale", SCALE, "--workers", 2, "--database", database.url, "--json")
    assert done.exit_code == 0, done.err
    summary = json.loads(done.out)
    digests = content(database.url)
    assert digests == content(seeded)
    assert {t["name"]: t["rows"] for t in summary["tables"]} == {n: int(d.split()[0]) for n, d in digests.items()}
    assert summary["rows"] == sum(t["rows"] for t in summary["tables"])


def test_a_killed_seeding_resumes(seeded: str, database: PostgresqlEngine, loadlab: Loadlab, tmp_path: Path) -> None:
    command = ["seed", str(MARKETPLACE), "--scale", str(SCALE), "--database", database.url]
    process = subprocess.Popen(
        [ENTRY_POINT, *command],
        env=environment(tmp_path),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        _wait_for_chunks(database.url, 2, process)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    with psycopg.connect(database.url) as connection:
        assert connection.execute(f"SELECT finished_at FROM {LEDGER}.manifest").fetchone() == (None,)

    done = loadlab(*command, "--json")
    assert done.exit_code == 0, done.err
    assert json.loads(done.out)["resumed"] is True
    assert content(database.url) == content(seeded)

    # Without --scale the data that is there is meant, not the scenario's own scale.
    again = loadlab("seed", MARKETPLACE, "--database", database.url, "--json")
    assert json.loads(again.out)["reused"] is True
    assert json.loads(again.out)["scale"] == SCALE
    assert content(database.url) == content(seeded)


def _wait_for_chunks(url: str, count: int, process: subprocess.Popen[bytes]) -> None:
    deadline_s = time.monotonic() + 60
    while time.monotonic() < deadline_s:
        assert process.poll() is None, "the seeding was over before it could be killed"
        with psycopg.connect(url) as connection:
            known = connection.execute("SELECT to_regclass(%s)", (f"{LEDGER}.chunk",)).fetchone()
            if known != (None,):
                row = connection.execute(f"SELECT count(*) FROM {LEDGER}.chunk").fetchone()
                if row is not None and row[0] >= count:
                    return
        time.sleep(0.02)
    raise AssertionError("no chunk was loaded within a minute")


def test_every_constraint_is_there_and_validated(seeded: str) -> None:
    with psycopg.connect(seeded) as connection:
        counts = dict(
            connection.execute(
                "SELECT contype::text, count(*) FROM pg_constraint c JOIN pg_class t ON t.oid = c.conrelid"
                " JOIN pg_namespace n ON n.oid = t.relnamespace"
                " WHERE n.nspname = 'public' AND NOT t.relispartition AND c.conparentid = 0 GROUP BY 1"
            ).fetchall()
        )
        not_valid = connection.execute("SELECT conname FROM pg_constraint WHERE NOT convalidated").fetchall()
    assert not_valid == []
    assert counts["p"] == 14
    assert counts["f"] == 19
    assert counts["c"] >= 50


def test_the_schema_afterwards_is_the_schema_before(seeded: str, database: PostgresqlEngine) -> None:
    before = database.preview((MARKETPLACE / "schema.sql").read_text(), {})
    with open_database(seeded) as engine:
        after = engine.reflect()
    for table in before:
        assert after.table(table.key) == table
    assert len(after.tables) == len(before.tables)


def test_sequences_go_on_after_the_data(seeded: str) -> None:
    with psycopg.connect(seeded) as connection:
        highest = connection.execute("SELECT max(order_number) FROM orders").fetchone()
        following = connection.execute("SELECT nextval('orders_order_number_seq')").fetchone()
    assert highest is not None
    assert following is not None
    assert following[0] == highest[0] + 1


def test_empty_tables_that_are_there_are_filled(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    with psycopg.connect(database.url) as connection:
        connection.execute("CREATE TABLE parents (id int PRIMARY KEY, name text NOT NULL)")
        connection.execute(
            "CREATE TABLE children (id uuid PRIMARY KEY, parent_id int NOT NULL REFERENCES parents, born date)"
        )
        connection.execute("CREATE INDEX children_parent ON children (parent_id)")
    before = database.reflect()
    done = loadlab("seed", "--database", database.url, "--rows", 100, "--rows", "children=500", "--json")
    assert done.exit_code == 0, done.err
    assert database.reflect() == before
    with psycopg.connect(database.url) as connection:
        assert connection.execute("SELECT count(*), count(DISTINCT parent_id) > 20 FROM children").fetchone() == (
            500,
            True,
        )


def test_a_dry_run_writes_nothing(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    done = loadlab("seed", MARKETPLACE, "--dry-run", "--json", "--scale", SCALE, "--database", database.url)
    assert done.exit_code == 0, done.err
    plan = json.loads(done.out)
    assert {t["table"]: t["rows"] for t in plan["tables"]}["orders"] == 50_000
    assert plan["notes"] == []
    assert dict(database.user_tables()) == {}
    assert database.manifest() is None


def test_a_kept_database_is_left_running(embedded_folder: Path, loadlab: Loadlab) -> None:
    url = f"embedded:{embedded_folder}/dev"
    done = loadlab("seed", MARKETPLACE, "--scale", "0.0001", "--database", url, "--json")
    assert done.exit_code == 0, done.err
    summary = json.loads(done.out)
    try:
        assert content(summary["database"])["orders"].startswith("5000 ")
        again = json.loads(loadlab("seed", MARKETPLACE, "--scale", "0.0001", "--database", url, "--json").out)
        assert again["reused"] is True
        assert again["stop_command"] == summary["stop_command"]
    finally:
        subprocess.run(summary["stop_command"], shell=True, check=True)  # noqa: S602 - what users are told to type
    deadline_s = time.monotonic() + 20
    while (embedded_folder / "dev" / "data" / "postmaster.pid").exists():
        assert time.monotonic() < deadline_s, "the server did not stop"
        time.sleep(0.1)


def test_a_row_that_the_database_refuses_is_told_with_what_helps(loadlab: Loadlab, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/there.db"
    with closing(sqlite3.connect(tmp_path / "there.db")) as there:
        there.execute("CREATE TABLE notes (id INTEGER PRIMARY KEY, number INTEGER NOT NULL)")
        there.execute(
            "CREATE TRIGGER full BEFORE INSERT ON notes WHEN (SELECT count(*) FROM notes) >= 5"
            " BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
    done = loadlab("seed", "--database", url, "--rows", 20)
    assert done.exit_code == 2
    assert "no room; LoadLab made a row that the database refuses: `loadlab seed --dry-run` names" in done.error_line
