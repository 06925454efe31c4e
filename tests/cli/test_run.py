"""The main job through the entry point: a verdict for every target, and counts that the server confirms."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from loadlab.engines import open_database
from loadlab.engines.abilities import CanLeaveRunning
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.errors import LoadLabError
from tests.cli.conftest import ENTRY_POINT, MARKETPLACE, Finished, Loadlab, Process, environment
from tests.shop import write_shop

CODES = {"PASS": 0, "FAIL": 1, "INCONCLUSIVE": 3}


@pytest.fixture(scope="module")
def finished(embedded_server: str, tmp_path_factory: pytest.TempPathFactory) -> tuple[Finished, Path]:
    """One run of the marketplace, and its folder."""
    folder = tmp_path_factory.mktemp("run")
    done = subprocess.run(
        [
            ENTRY_POINT,
            "run",
            MARKETPLACE,
            "--scale",
            "0.0003",
            "--duration",
            "6s",
            "--warmup",
            "1s",
            "--out",
            folder / "a",
        ],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    return Finished(done.returncode, done.stdout, done.stderr), folder / "a"


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "result.json").read_text())
    return result


def test_every_target_has_a_verdict(finished: tuple[Finished, Path]) -> None:
    done, folder = finished
    result = result_of(folder)
    assert done.exit_code == CODES[result["verdict"]], done.err
    names = [target["name"] for target in result["targets"]]
    assert names == [
        "simple_queries",
        "complex_queries",
        "reports",
        "read_operations_per_second",
        "write_operations_per_second",
        "concurrent_users",
        "integrity",
        "error_rate",
        "index_hit_ratio",
        "index_coverage",
        "connection_utilisation",
        "index_storage_overhead",
    ]
    for target in result["targets"]:
        assert target["verdict"] in ("PASS", "FAIL", "INCONCLUSIVE")
        assert target["reason"]
        assert target["examined"] or target["verdict"] == "INCONCLUSIVE"
    assert {t["name"] for t in result["targets"] if t["default"]} == set(names[7:])


def test_operations_have_counts_and_percentiles(finished: tuple[Finished, Path]) -> None:
    operations = result_of(finished[1])["operations"]
    assert len(operations) == 19
    for operation in operations:
        assert operation["errors"] == 0, operation["first_error"]
        assert operation["count"] > 0
        for times in (operation["service_us"], operation["response_us"]):
            assert 0 < times["p50"] <= times["p95"] <= times["p99"] <= times["p999"] <= times["max"]
        # A response is never faster than its service: it counts from when the operation was due.
        assert operation["response_us"]["p50"] >= operation["service_us"]["p50"]


def test_the_server_counted_what_the_clients_counted(finished: tuple[Finished, Path]) -> None:
    for operation in result_of(finished[1])["operations"]:
        if operation["statements"]:
            for statement in operation["statements"]:
                assert statement["server_calls"] == statement["calls"], (operation["name"], statement["name"])
        else:
            assert operation["server_calls"] == operation["count"], operation["name"]


def test_the_result_has_the_published_form(finished: tuple[Finished, Path], loadlab: Loadlab) -> None:
    schema = json.loads(loadlab("schema", "result").out)
    jsonschema.validate(result_of(finished[1]), schema)


def test_the_terminal_names_every_target_and_file(finished: tuple[Finished, Path]) -> None:
    done, folder = finished
    for word in ("Simple queries", "Index storage", "default", "checkout", str(folder / "report.html")):
        assert word in done.out
    assert "\x1b[" not in done.out + done.err
    assert "Seeding" in done.err


def test_the_report_is_shown_again(finished: tuple[Finished, Path], loadlab: Loadlab) -> None:
    done, folder = finished
    again = loadlab("report", folder)
    assert again.exit_code == done.exit_code
    # What the review found follows.
    assert again.out.startswith(done.out)
    assert json.loads(loadlab("report", folder, "--json").out) == result_of(folder)


def test_json_is_all_that_is_printed_and_data_is_reused(database: PostgresqlEngine, loadlab: Loadlab) -> None:
    arguments = ("run", MARKETPLACE, "--scale", "0.0001", "--duration", "2s", "--warmup", "0s", "--json")
    first = loadlab(*arguments, "--database", database.url)
    assert first.err == ""
    assert json.loads(first.out)["seeding"]["reused"] is False
    second = json.loads(loadlab(*arguments, "--database", database.url, "--workers", 2).out)
    assert second["seeding"]["reused"] is True
    assert second["load"]["workers"] == 2
    # Rows that the first run inserted are not inserted again.
    assert {o["name"]: o["first_error"] for o in second["operations"] if o["errors"]} == {}


def test_ctrl_c_keeps_what_was_measured(database: PostgresqlEngine, tmp_path: Path) -> None:
    folder = tmp_path / "out"
    command = [ENTRY_POINT, "run", MARKETPLACE, "--scale", "0.0001", "--duration", "60s", "--warmup", "0s"]
    with subprocess.Popen(
        [*command, "--database", database.url, "--out", folder],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Measuring" in line:
                break
        time.sleep(3)
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        assert process.wait(timeout=40) in (1, 3)
    result = result_of(folder)
    assert result["load"]["interrupted"] is True
    assert result["load"]["duration_s"] < 30
    assert sum(operation["count"] for operation in result["operations"]) > 100
    assert result["verdict"] in ("INCONCLUSIVE", "FAIL")


def test_sigterm_does_what_ctrl_c_does(start: Callable[..., Process], tmp_path: Path) -> None:
    shop = write_shop(tmp_path / "shop", warmup=0.2, ramp=0, connections=1, users=1)
    arguments = ("--duration", "60s", "--out", "out", "--workers", 1)
    process = start("run", shop, *arguments, "--database", f"sqlite:///{tmp_path}/shop.db")
    process.await_word("Measuring")
    time.sleep(1.5)
    process.terminate()
    assert process.ended(40) in (1, 3)
    result = result_of(tmp_path / "out")
    assert result["load"]["interrupted"] is True
    assert result["load"]["duration_s"] < 30
    assert result["verdict"] in ("INCONCLUSIVE", "FAIL")


def test_sigterm_before_anything_was_measured_is_told(start: Callable[..., Process], tmp_path: Path) -> None:
    process = start(
        "run", MARKETPLACE, "--scale", "0.0001", "--warmup", "60s", "--database", f"sqlite:///{tmp_path}/shop.db"
    )
    process.await_word("sqlite:///")
    process.terminate()
    assert process.ended(20) == 143
    assert process.said.splitlines()[-1] == "Terminated; nothing was measured."
    assert "Traceback" not in process.said
    assert not (tmp_path / "runs").exists()


def test_a_server_that_dies_costs_nothing_that_was_measured(
    embedded_folder: Path, loadlab: Loadlab, tmp_path: Path
) -> None:
    arguments = ("--scale", "0.0001", "--database", f"embedded:{embedded_folder}/doomed")
    seeded = json.loads(loadlab("seed", MARKETPLACE, *arguments, "--json").out)
    command = [ENTRY_POINT, "run", MARKETPLACE, "--scale", "0.0001", "--duration", "30s", "--warmup", "0s"]
    with subprocess.Popen(
        [*command, "--database", seeded["database"], "--out", tmp_path / "out"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Measuring" in line:
                break
        time.sleep(3)
        postmaster = int((embedded_folder / "doomed" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        rest = process.stderr.read()
        assert process.wait(timeout=90) == 1, rest
    assert "Traceback" not in rest
    result = result_of(tmp_path / "out")
    assert sum(operation["count"] for operation in result["operations"]) > 100
    verdicts = {target["name"]: target["verdict"] for target in result["targets"]}
    # Executions failed, which is beyond doubt; nothing passes on counters that nobody could read.
    assert verdicts["error_rate"] == "FAIL"
    assert verdicts["index_hit_ratio"] in ("INCONCLUSIVE", "SKIPPED")
    assert any("connection" in note or "server" in note for note in result["evidence"]["notes"])


@pytest.mark.slow
def test_no_acknowledged_write_is_lost_when_the_server_is_killed_and_comes_back(
    embedded_folder: Path, loadlab: Loadlab, tmp_path: Path
) -> None:
    address = f"embedded:{embedded_folder}/revived"
    seeded = json.loads(loadlab("seed", MARKETPLACE, "--scale", "0.0001", "--database", address, "--json").out)
    command = [ENTRY_POINT, "run", MARKETPLACE, "--scale", "0.0001", "--duration", "18s", "--warmup", "0s"]
    with subprocess.Popen(
        [*command, "--database", seeded["database"], "--out", tmp_path / "out"],
        cwd=tmp_path,
        env=environment(tmp_path),
        stderr=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if "Measuring" in line:
                break
        time.sleep(2)
        postmaster = int((embedded_folder / "revived" / "data" / "postmaster.pid").read_text().split()[0])
        os.kill(postmaster, signal.SIGKILL)
        revive(address, seeded["database"])
        rest = process.stderr.read()
        assert process.wait(timeout=90) == 1, rest
    assert "Traceback" not in rest
    result = result_of(tmp_path / "out")
    integrity = next(target for target in result["targets"] if target["name"] == "integrity")
    writes = next(detail for detail in integrity["details"] if detail["name"] == "acknowledged writes")
    assert (writes["verdict"], writes["measured"]) == ("PASS", 0), writes
    # It went on after the server was back: the last seconds have answers.
    assert sum(point["rate_per_s"] for point in result["series"][-3:]) > 10
    assert writes["samples"] > 50


def revive(address: str, url: str) -> None:
    """Start the server of a folder again, once the processes of the killed one are gone."""
    for _ in range(40):
        try:
            with open_database(address) as engine:
                assert isinstance(engine, CanLeaveRunning)
                engine.leave_running()
                assert engine.url == url
                return
        except LoadLabError:
            time.sleep(0.25)
    raise AssertionError("the server did not come back")
