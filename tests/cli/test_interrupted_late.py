"""Ctrl-C or SIGTERM when everything is measured and nothing is written yet: the report is there all the same."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import environment
from tests.shop import write_shop

# A person's key comes when it comes: the command sends it to itself, at the place that is named.
_COMMAND = """
import os, signal, sys
from importlib import import_module
from loadlab.cli import main

place, attribute, name = sys.argv[1:4]
module = import_module(place)
function = getattr(module, attribute)

def interrupted(*arguments, **options):
    os.kill(os.getpid(), getattr(signal, name))
    return function(*arguments, **options)

setattr(module, attribute, interrupted)
sys.argv[1:4] = []
main()
"""
_LOAD = ("--duration", "1s", "--warmup", "0s", "--workers", "1")


@pytest.mark.parametrize(
    "place, signal_name",
    [
        ("loadlab.measure.window:_look_again", "SIGTERM"),
        # The first time it is asked whether going on could decide more.
        ("loadlab.pipeline:facts_of", "SIGINT"),
        ("loadlab.pipeline:write_run", "SIGTERM"),
    ],
    ids=["counters", "judging", "writing"],
)
def test_a_run_is_judged_and_written(tmp_path: Path, place: str, signal_name: str) -> None:
    result = _kept(tmp_path, place, signal_name, "run", _shop(tmp_path), *_LOAD)
    assert result["load"]["interrupted"] is False
    assert sum(operation["count"] for operation in result["operations"]) > 0


def test_a_forecast_is_projected_and_written(tmp_path: Path) -> None:
    options = ("--scales", "0.005,0.01,0.02", "--to", "1", "--no-load")
    result = _kept(tmp_path, "loadlab.forecast.make:_projected", "SIGINT", "forecast", _shop(tmp_path), *options)
    assert len(result["scales"]) == 3
    assert result["ended_early"] is None


@pytest.mark.slow
def test_a_comparison_is_judged_and_written(tmp_path: Path) -> None:
    shop = _shop(tmp_path)
    options = ("--pairs", "8", "--round-duration", "0.5s", "--no-extend", "--database", f"sqlite:///{tmp_path}/a.db")
    result = _kept(tmp_path, "loadlab.compare.compare:differences", "SIGINT", "compare", shop, shop, *options)
    assert result["rounds"]["pairs"] == 8
    assert result["rounds"]["ended_early"] is None


@pytest.mark.slow
def test_a_capacity_is_concluded_and_written(tmp_path: Path) -> None:
    options = ("--from", "20", "--to", "20", "--step-duration", "5s", "--workers", "1")
    result = _kept(tmp_path, "loadlab.capacity.find:conclude", "SIGINT", "capacity", _shop(tmp_path), *options)
    assert len(result["steps"]) > 0


def _shop(folder: Path) -> Path:
    return write_shop(folder / "shop", warmup=0.2, ramp=0, connections=1, users=1)


def _kept(folder: Path, place: str, signal_name: str, command: str, *arguments: object) -> dict[str, object]:
    """The result of a command that is interrupted at a place."""
    module, attribute = place.split(":")
    out = folder / "out"
    options = ("--database", f"sqlite:///{folder}/shop.db", "--out", out)
    done = subprocess.run(
        [sys.executable, "-c", _COMMAND, module, attribute, signal_name, command, *map(str, (*arguments, *options))],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert done.returncode in (0, 1, 3), done.stderr
    (written,) = out.glob("*.json")
    return json.loads(written.read_text())
