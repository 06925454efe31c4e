"""A scenario under Locust's own command line and in its web interface."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
import sys
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest

from loadlab.engines import open_database
from tests.shop import open_shop, write_shop

ROOT = Path(__file__).parents[2]


def environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("LOADLAB_", "LOCUST_"))}
    return kept | {"PYTHONPATH": str(ROOT)} | more


def locust(folder: Path, *arguments: str, **more: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "locust", "-f", str(folder / "locustfile.py"), *arguments],
        env=environment(**more),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )


def processes_with(**variables: str) -> list[psutil.Process]:
    """Whatever Locust has started is told by its environment, also when Locust is gone."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if variables.items() <= process.environ().items():
                found.append(process)
    return found


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return write_shop(tmp_path / "shop")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/shop.db"


@pytest.mark.slow
def test_plain_locust_runs_a_scenario(shop, database):
    process = locust(shop, "--headless", "-u", "6", "-r", "6", "-t", "3s", LOADLAB_DATABASE=database)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 0, out
    table = out[out.index("in microseconds") :]
    counts = {
        name: int(count) for name, count in re.findall(r"^(\w+) +(?:simple|complex|report|write) +(\d+)", table, re.M)
    }
    # Six users who think 20 ms on average, for three seconds less the start.
    assert 200 < sum(counts.values()) < 900
    assert set(counts) == {"customer_by_id", "orders_of_customer", "revenue", "place_order", "pay"}
    # Locust's own statistics saw the same requests.
    seen = {name: int(count) for name, count in re.findall(r"^\w+ +(\w+) +(\d+) +0\(0\.00%\) \|", out, re.M)}
    assert seen == counts
    assert not processes_with(LOADLAB_DATABASE=database)


@contextmanager
def web_interface(folder: Path, **more: str) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = locust(folder, "--web-host", "127.0.0.1", "--web-port", str(port), **more)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(200):
            try:
                urllib.request.urlopen(url, timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
        process.terminate()
        out, _ = process.communicate(timeout=30)
        assert "Traceback" not in out, out
    finally:
        process.kill()
        process.communicate()


def call(url: str, **form: object) -> Any:
    data = urllib.parse.urlencode(form).encode() if form else None
    with urllib.request.urlopen(url, data, timeout=60) as answer:
        return json.load(answer)


def requests_after(url: str, *, least: int) -> dict[str, Any]:
    """Locust's statistics as soon as users are there and have made so many requests."""
    for _ in range(150):
        stats = call(f"{url}/stats/requests")
        if stats["user_count"] and stats["stats"][-1]["num_requests"] >= least:
            return stats
        time.sleep(0.2)
    raise AssertionError(stats)


@pytest.mark.slow
def test_the_web_interface_is_live_and_can_start_again(shop, database):
    operations = {
        "broken": {"kind": "write", "weight": 1, "sql": "INSERT INTO customers SELECT * FROM customers"},
        "count": {"kind": "simple", "weight": 3, "sql": "SELECT count(*) FROM customers"},
    }
    write_shop(shop, operations=operations)
    with web_interface(shop, LOADLAB_DATABASE=database) as url:
        for _ in range(2):
            assert call(f"{url}/swarm", user_count=4, spawn_rate=4)["success"]
            stats = requests_after(url, least=100)
            assert (stats["state"], stats["user_count"]) == ("running", 4)
            by_name = {item["name"]: item for item in stats["stats"]}
            assert by_name["count"]["method"] == "simple"
            assert by_name["broken"]["num_failures"] == by_name["broken"]["num_requests"] > 0
            assert by_name["count"]["num_failures"] == 0
            assert stats["errors"][0]["error"].startswith("ConstraintError")
            assert stats["errors"][0]["occurrences"] == by_name["broken"]["num_failures"]
            assert call(f"{url}/stop", now=1)["success"]


def test_a_mistake_is_one_line_and_no_traceback(shop, database):
    (shop / "scenario.yaml").write_text("workload: {users: none}", encoding="utf-8")
    process = locust(shop, "--headless", "-u", "1", "-t", "1s", LOADLAB_DATABASE=database)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "scenario.yaml: workload.users=none" in out
    assert "Traceback" not in out


def test_a_database_that_cannot_be_reached_is_said_without_its_password(shop):
    process = locust(
        shop, "--headless", "-u", "1", "-t", "1s", LOADLAB_DATABASE="postgresql://someone:s3cret@127.0.0.1:1/nothing"
    )
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "127.0.0.1" in out
    assert "s3cret" not in out
    assert "Traceback" not in out


@pytest.mark.slow
def test_a_kept_database_goes_on_being_loaded(tmp_path, database):
    """Rows that an earlier load has inserted are in nobody's way."""
    with open_database(database) as engine:
        open_shop(engine, tmp_path / "shop", operations={"place": {"kind": "write", "weight": 1, "insert": "orders"}})
    for _ in range(2):
        process = locust(tmp_path / "shop", "--headless", "-u", "2", "-r", "2", "-t", "1s", LOADLAB_DATABASE=database)
        out, _ = process.communicate(timeout=60)
        assert process.returncode == 0, out
        assert re.search(r"^place +write +[1-9]\d* +0 ", out, re.M), out


@pytest.mark.slow
def test_locusts_own_workers_insert_different_rows(tmp_path, embedded_server):
    with open_database("embedded:") as engine, socket.socket() as free:
        open_shop(engine, tmp_path / "shop", operations={"place": {"kind": "write", "weight": 1, "insert": "orders"}})
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
        free.close()
        at = ("--master-host", "127.0.0.1", "--master-port", port)
        workers = [locust(tmp_path / "shop", "--worker", *at, LOADLAB_DATABASE=engine.url) for _ in range(2)]
        headless = ("--headless", "--expect-workers", "2", "-u", "4", "-r", "4")
        bind = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port)
        master = locust(tmp_path / "shop", "--master", *headless, *bind)
        with psycopg.connect(engine.url, autocommit=True) as connection:
            for _ in range(300):
                row = connection.execute("SELECT count(*) FROM orders").fetchone()
                if row is not None and row[0] > 2_200:
                    break
                time.sleep(0.2)
        master.terminate()
        master.communicate(timeout=90)
        said = [worker.communicate(timeout=30)[0] for worker in workers]
    counts = [re.search(r"^place +write +(\d+) +(\d+) ", out, re.M) for out in said]
    assert all(counts), said
    assert all(int(found[1]) > 0 and found[2] == "0" for found in counts if found is not None), said
