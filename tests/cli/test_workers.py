"""A load from several machines: `loadlab run --master` and `loadlab worker`, all of them on this one."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import pytest
from hdrh.histogram import HdrHistogram
from hdrh.log import HistogramLogReader

from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.measure.histogram import HIGHEST_US
from tests.cli.conftest import Loadlab, Process
from tests.shop import OPERATIONS, write_shop

READS = {name: OPERATIONS[name] for name in ("customer_by_id", "orders_of_customer")}


def result_of(folder: Path) -> dict[str, Any]:
    read: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return read


@pytest.mark.slow
def test_two_workers_make_one_load(
    database: PostgresqlEngine, start: Callable[..., Process], tmp_path: Path, port: int
) -> None:
    shop = write_shop(tmp_path / "shop", connections=5, duration=3, verify="100%")
    url = database.url.replace("loadlab@", "loadlab:s3cret@")
    options = ("--bind", f"127.0.0.1:{port}", "--expect-workers", 2, "--workers", 2, "--out", tmp_path / "run")
    master = start("run", shop, "--master", *options, LOADLAB_DATABASE=url)
    workers = [start("worker", "--master-host", "127.0.0.1", "--master-port", port) for _ in range(2)]
    assert master.ended() in (0, 1, 3), master.said
    assert [worker.ended() for worker in workers] == [0, 0], [worker.said for worker in workers]

    result = result_of(tmp_path / "run")
    load = result["load"]
    assert (load["workers"], load["connections"], load["users"]) == (4, 5, 8)
    assert not load["interrupted"]
    assert any("the load came from 2 workers" in note for note in result["evidence"]["notes"])
    parts = sorted(re.search(r"worker (\d) of 2 .*: (.*) to ", worker.said).groups() for worker in workers)  # type: ignore[union-attr]
    assert parts == [("1", "2 driver processes, 3 connections"), ("2", "2 driver processes, 2 connections")]

    # The drivers' own checks of what they read and wrote came along.
    checked = {detail["name"]: detail for target in result["targets"] for detail in target["details"]}
    assert {"reads", "acknowledged writes"} <= checked.keys()
    assert all(
        checked[name]["samples"] > 20 and checked[name]["verdict"] == "PASS"
        for name in ("reads", "acknowledged writes")
    )

    # Nothing got lost between the clients and the report, and no driver inserted another one's row.
    by_name = {operation["name"]: operation for operation in result["operations"]}
    for name in ("customer_by_id", "orders_of_customer", "revenue", "place_order"):
        assert by_name[name]["count"] == by_name[name]["server_calls"] > 0
        assert by_name[name]["errors"] == 0
    for statement in by_name["pay"]["statements"]:
        assert statement["calls"] == statement["server_calls"] == by_name["pay"]["count"]
    with psycopg.connect(database.url) as connection:
        row = connection.execute("SELECT count(*), count(DISTINCT id) FROM orders").fetchone()
    assert row is not None
    assert row[0] == row[1] >= 2000 + by_name["place_order"]["count"]

    # The histograms are kept in HdrHistogram's formats, as they were merged.
    logged: Counter[str] = Counter()
    reader = HistogramLogReader(str(tmp_path / "run" / "latency.hlog"), HdrHistogram(1, HIGHEST_US, 3))
    with closing(reader.input_file):
        while (one := reader.get_next_interval_histogram()) is not None:
            logged[one.get_tag()] += one.get_total_count()
    assert logged == {f"{name}:{kind}": by_name[name]["count"] for name in by_name for kind in ("response", "service")}
    assert len(list((tmp_path / "run" / "hgrm").iterdir())) == 2 * len(by_name)

    for process in (master, *workers):
        assert "s3cret" not in process.said
        assert "Traceback" not in process.said


@pytest.mark.slow
def test_a_worker_that_dies_and_one_that_comes_late_are_named(
    start: Callable[..., Process], tmp_path: Path, port: int
) -> None:
    shop = write_shop(tmp_path / "shop", operations=READS, duration=60)
    options = ("--bind", f"127.0.0.1:{port}", "--expect-workers", 2, "--out", tmp_path / "run")
    master = start("run", shop, "--master", *options, "--database", f"sqlite:///{tmp_path}/shop.db")
    first, second = (start("worker", "--master-host", "127.0.0.1", "--master-port", port) for _ in range(2))
    first.await_word("Measuring")
    late = start("worker", "--master-host", "127.0.0.1", "--master-port", port)
    assert late.ended() == 2
    assert "the load of 2 workers has begun without it" in late.said
    dead = re.search(r"worker \d of 2 \(\S+\)", first.said)
    assert dead is not None
    first.kill()
    assert master.ended(30) == 3, master.said
    assert second.ended() == 0, second.said

    result = result_of(tmp_path / "run")
    notes = " / ".join(result["evidence"]["notes"])
    assert f"{dead[0]} is not heard of any more" in notes
    assert "came too late and took no part in the load" in notes
    assert result["load"]["interrupted"]
    assert result["verdict"] == "INCONCLUSIVE"
    assert all(operation["count"] > 20 for operation in result["operations"])


@pytest.mark.slow
def test_a_master_that_dies_takes_its_workers_along(start: Callable[..., Process], tmp_path: Path, port: int) -> None:
    shop = write_shop(tmp_path / "shop", operations=READS, duration=60)
    at = ("--bind", f"127.0.0.1:{port}", "--database", f"sqlite:///{tmp_path}/shop.db")
    master = start("run", shop, "--master", *at)
    worker = start("worker", "--master-host", "127.0.0.1", "--master-port", port)
    worker.await_word("Measuring")
    master.kill()
    assert worker.ended(45) == 2, worker.said
    assert "Error: the master" in worker.said
    assert "Traceback" not in worker.said


def test_workers_that_do_not_come_are_an_error(loadlab: Loadlab, tmp_path: Path, port: int) -> None:
    shop = write_shop(tmp_path / "shop", operations=READS)
    options = ("--bind", f"127.0.0.1:{port}", "--expect-workers", 2, "--expect-workers-max-wait", "1s")
    done = loadlab("run", shop, "--master", *options, "--database", f"sqlite:///{tmp_path}/shop.db")
    assert done.exit_code == 2
    assert f"0 of 2 workers came to 127.0.0.1:{port} within 1 s; start each with: loadlab worker" in done.error_line


@pytest.mark.parametrize(
    "options, message",
    [
        (["--expect-workers", 2], "--expect-workers=2 needs --master"),
        (["--bind", "127.0.0.1:1"], "--bind=127.0.0.1:1 needs --master"),
        (["--master", "--bind", "127.0.0.1:99999"], "--bind=127.0.0.1:99999 must be HOST:PORT"),
        (["--master", "--expect-workers", 9], "--expect-workers=9 is more than the scenario's 4 connections"),
        (["--master", "--bind", "192.0.2.1"], "--bind=192.0.2.1:5557 cannot be listened on"),
    ],
)
def test_mistakes_are_found_before_anything_is_done(
    loadlab: Loadlab, tmp_path: Path, options: list[object], message: str
) -> None:
    done = loadlab("run", write_shop(tmp_path / "shop"), *options)
    assert done.exit_code == 2
    assert message in done.error_line


def test_a_master_that_is_not_there_is_an_error(loadlab: Loadlab, port: int) -> None:
    done = loadlab("worker", "--master-host", "127.0.0.1", "--master-port", port, "--max-wait", "1s")
    assert done.exit_code == 2
    assert f"no master listens at 127.0.0.1:{port} after 1 s" in done.error_line
