"""The ledger scenario: money moves under contention, conflicts are run again, the sum stays."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCENARIO = Path(__file__).resolve().parents[2] / "scenarios" / "ledger"


def run(scenario: Path, out: Path) -> tuple[dict, str]:
    command = [sys.executable, "-m", "loadlab", "run", str(scenario), "--duration", "3s", "--json", "--out", str(out)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=110)
    assert done.returncode in (0, 1, 3), done.stderr
    return json.loads(done.stdout), done.stderr


def target(result: dict, name: str) -> dict:
    return next(item for item in result["targets"] if item["name"] == name)


@pytest.mark.slow
def test_the_sum_of_balances_stays_and_conflicts_are_run_again(tmp_path):
    result, _ = run(SCENARIO, tmp_path / "run")
    integrity = target(result, "integrity")
    assert (integrity["verdict"], integrity["measured"], integrity["samples"]) == ("PASS", 0, 2)
    operations = {item["name"]: item for item in result["operations"]}
    for name in ("transfer", "transfer_serializable"):
        attempts = {item["outcome"]: item["count"] for item in operations[name]["attempts"]}
        assert attempts["ok"] == operations[name]["count"] > 20
        assert operations[name]["errors"] == 0
    statement = operations["statement_of_account"]
    assert statement["server_calls"] == statement["count"] > 20
    # A flow has the very same statement: the server counts both as one.
    assert operations["balance"]["server_calls"] is None


@pytest.mark.slow
def test_a_cent_that_is_lost_is_found(tmp_path):
    scenario = tmp_path / "leaky"
    shutil.copytree(SCENARIO, scenario)
    flows = scenario / "flows.py"
    flows.write_text(flows.read_text().replace("balance + :amount", "balance + :amount - 0.01"))
    result, _ = run(scenario, tmp_path / "run")
    integrity = target(result, "integrity")
    assert (integrity["verdict"], integrity["measured"]) == ("FAIL", 1)
    assert "sum_of_balances" in integrity["reason"]
    assert result["verdict"] == "FAIL"
