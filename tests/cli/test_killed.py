"""Seedings whose loader or server is killed on the way: the same command then makes the same content."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from loadlab.engines import open_database
from loadlab.errors import DatabaseError
from tests.cli.conftest import ENTRY_POINT, Loadlab, environment
from tests.engines.books import read
from tests.fix_mysql import MortalMariadb
from tests.shop import DDL

# Two chunks of orders, the second of them half as large.
ROWS = ("--rows", "customers=1000", "--rows", "orders=150000")


@pytest.fixture
def schema(tmp_path: Path) -> Path:
    path = tmp_path / "schema.sql"
    path.write_text(DDL)
    return path


def content(url: str) -> dict[str, str]:
    """A digest of the rows of each table, in the order of their keys."""
    digests = {}
    with open_database(url) as engine:
        for table in engine.reflect():
            rows = read(engine, f"SELECT * FROM {table.key} ORDER BY id")
            digests[table.key] = f"{len(rows)} {hashlib.sha256(repr(rows).encode()).hexdigest()}"
    return digests


def killed_after_chunks(command: list[str], url: str, folder: Path, kill: Callable[[int], None]) -> int:
    """Start a seeding, `kill` when two chunks are in (it is given the process), and its exit code."""
    with (folder / "err").open("w") as errors:
        process = subprocess.Popen(
            [ENTRY_POINT, *command],
            env=environment(folder),
            start_new_session=True,
            stdout=subprocess.DEVNULL,
            stderr=errors,
        )
    ends_s = time.monotonic() + 60
    try:
        while _chunks(url) < 2:
            assert process.poll() is None, (folder / "err").read_text()
            assert time.monotonic() < ends_s
            time.sleep(0.02)
        kill(process.pid)
        return process.wait(60)
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _chunks(url: str) -> int:
    try:
        with open_database(url) as engine:
            return len(engine.loaded())
    except DatabaseError:
        return 0


@pytest.mark.slow
@pytest.mark.parametrize("engine", ["sqlite", "mysql"])
def test_a_killed_loader(
    engine: str, schema: Path, loadlab: Loadlab, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    urls = [f"sqlite:///{tmp_path}/{name}.db" for name in ("killed", "whole")]
    if engine == "mysql":
        request.getfixturevalue("mariadb_server")
        opened = [open_database("mysql://") for _ in urls]
        urls = [item.url for item in opened]
        request.addfinalizer(lambda: [item.close() for item in opened])
    command = ["seed", str(schema), *ROWS, "--until", "2026-01-01", "--database"]
    code = killed_after_chunks([*command, urls[0]], urls[0], tmp_path, lambda pid: os.killpg(pid, signal.SIGKILL))
    assert code == -signal.SIGKILL
    done = loadlab(*command, urls[0], "--json")
    assert done.exit_code == 0, done.err
    assert json.loads(done.out)["resumed"] is True
    assert loadlab(*command, urls[1]).exit_code == 0
    found = content(urls[0])
    assert found == content(urls[1])
    assert found["orders"].startswith("150000 ")


@pytest.mark.slow
def test_a_killed_server(mortal_mariadb: MortalMariadb, schema: Path, loadlab: Loadlab, tmp_path: Path) -> None:
    command = ["seed", str(schema), *ROWS, "--until", "2026-01-01", "--database"]
    url = mortal_mariadb.url
    assert killed_after_chunks([*command, url], url, tmp_path, lambda _: mortal_mariadb.kill()) == 2
    said = (tmp_path / "err").read_text()
    assert len([line for line in said.splitlines() if line.startswith("Error:")]) == 1
    assert "Traceback" not in said
    mortal_mariadb.start()
    done = loadlab(*command, url, "--json")
    assert done.exit_code == 0, done.err
    assert json.loads(done.out)["resumed"] is True
    found = content(url)
    mortal_mariadb.run("DROP DATABASE books")
    mortal_mariadb.run("CREATE DATABASE books")
    assert loadlab(*command, url).exit_code == 0
    assert found == content(url)
