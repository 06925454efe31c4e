"""`loadlab capacity` as a user types it, on an operation whose capacity is known, and where something is in the way."""

from __future__ import annotations

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from loadlab.engines.postgresql.engine import PostgresqlEngine
from tests.cli.conftest import ENTRY_POINT, Loadlab, environment

NAP = """\
name: nap
schema: schema.sql
data: { tables: { beds: { rows: 10 } } }
workload:
  rate: 10
  arrivals: constant
  ramp: 0
  warmup: 1
  connections: 4
  timeout: 2
  operations:
    nap: { kind: simple, weight: 1, sql: "SELECT pg_sleep(0.04)" }
targets: { simple_queries: "< 400ms", percentile: 90 }
"""


@pytest.fixture
def nap(tmp_path: Path) -> Path:
    folder = tmp_path / "nap"
    folder.mkdir()
    (folder / "scenario.yaml").write_text(NAP, encoding="utf-8")
    (folder / "schema.sql").write_text("CREATE TABLE beds (id bigint PRIMARY KEY);", encoding="utf-8")
    return folder


def result_of(folder: Path) -> dict[str, Any]:
    result: dict[str, Any] = json.loads((folder / "capacity.json").read_text(encoding="utf-8"))
    return result


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_a_known_capacity_is_found(database: PostgresqlEngine, loadlab: Loadlab, nap: Path) -> None:
    """Four connections that sleep 40 ms at a time do a hundred a second."""
    # The rates tried are then 62, 124, 87.7, 104 and 95.5.
    arguments = ("--from", "62/s", "--step-duration", "5s", "--repeats", 1, "--within", "10%", "--workers", 2)
    done = loadlab("capacity", nap, "--database", database.url, *arguments, "--out", nap / "out", timeout_s=200)
    assert done.exit_code == 0, done.out + done.err
    result = result_of(nap / "out")
    assert result["finding"] == "FOUND"
    assert result["rate_per_s"] == pytest.approx(100, rel=0.15)
    low, high = result["interval"]
    assert low <= result["rate_per_s"] < high
    assert result["broken"]["limit"] in {"simple_queries", "achieved_rate", "steady_state"}
    # Its sessions sleep: neither processor nor disk nor locks hold it up.
    assert result["saturation"]["resource"] == "connections"
    assert "Timeout:PgSleep" in result["saturation"]["reason"]
    assert result["workers"] == 2
    steps = {step["rate_per_s"]: step for step in result["steps"]}
    # Each window has the rate that was set for it alone, of the two drivers together.
    assert steps[62]["executions"] == pytest.approx(62 * steps[62]["duration_s"], abs=3)
    assert steps[62]["holds"] is True
    # A quarter more than there is cannot be done; what could not be begun in time is counted all the same.
    assert steps[124]["achieved_per_s"] < 110
    assert steps[124]["executions"] == pytest.approx(124 * steps[124]["duration_s"], abs=3)
    assert steps[124]["verdict"] == "FAIL"
    for words in ("FOUND capacity", "Saturated", "connections", str(nap / "out" / "capacity.html")):
        assert words in done.out
    assert "Window 1: 62/s holds" in done.err


@pytest.mark.slow
@pytest.mark.timeout(180)
def test_ctrl_c_keeps_what_was_found(database: PostgresqlEngine, nap: Path) -> None:
    command = [ENTRY_POINT, "capacity", nap, "--step-duration", "5s", "--database", database.url, "--out", nap / "out"]
    with subprocess.Popen(
        [*map(str, command)],
        cwd=nap,
        env=environment(nap),
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        assert process.stderr is not None
        assert process.stdout is not None
        for line in process.stderr:
            if "Window 1: " in line:
                break
        # As a terminal does it: to the whole group.
        os.killpg(process.pid, signal.SIGINT)
        told = process.stdout.read()
        assert process.wait(timeout=60) == 3
    result = result_of(nap / "out")
    assert result["finding"] == "INCONCLUSIVE"
    assert result["reason"].startswith("The search ended early (interrupted)")
    assert result["reason"] in " ".join(told.split())
    assert len(result["steps"]) == 1
    # A tenth of what users without think time got done, which is a hundred a second at most.
    assert 5 < result["search"]["estimate_per_s"] < 110
    assert result["steps"][0]["rate_per_s"] == pytest.approx(result["search"]["estimate_per_s"] / 10, rel=0.06)


@pytest.mark.parametrize(
    "arguments, words",
    [
        (("--from", "200/s", "--to", "100/s"), "--from=200/s must not be above --to (100/s)"),
        (("--from", "fast"), "--from=fast must be a number"),
        (("--step-duration", "2s"), "--step-duration=2 s must be at least 5s"),
        (("--within", "0%"), "--within=0% must be at least 0.5%"),
        (("--within", "500%"), "--within=500% must lie between"),
    ],
)
def test_what_cannot_be_searched_is_said_at_once(loadlab: Loadlab, nap: Path, arguments, words) -> None:
    done = loadlab("capacity", nap, *arguments)
    assert done.exit_code == 2
    assert words in done.error_line


def test_help_has_examples(loadlab: Loadlab) -> None:
    done = loadlab("capacity", "--help")
    assert done.exit_code == 0
    assert "loadlab capacity scenarios/marketplace --from 200/s" in done.out
