"""The load's processes: what is kept when one of them dies, and mistakes that are found before the load begins."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Engine
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.model import Interval
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import LoadPlan
from tests.shop import FLOWS, OPERATIONS, measured, open_shop, plans_of, running


@pytest.fixture
def engine(tmp_path) -> Iterator[Engine]:
    """A file is enough: what is tested here is on the clients' side."""
    with open_database(f"sqlite:///{tmp_path}/shop.db") as opened:
        yield opened


def test_a_driver_that_dies_is_an_error_and_what_was_measured_is_kept(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario, workers=2, users=8, ramp=0.0)) as conductor:
        conductor.warm_up(0.3)
        conductor.pause()

        killed: list[psutil.Process] = []

        def kill_one(interval: Interval) -> None:
            if not killed:
                killed.extend(running("loadlab.workload.driver")[:1])
                killed[0].kill()

        started = time.monotonic()
        conductor.measure(30, kill_one)
        assert time.monotonic() - started < 25
        conductor.pause()
        measure = conductor.collect()
    assert "was killed" in (conductor.failure or "")
    assert measure.interrupted
    assert sum(item.count for item in measure.operations) > 50
    assert not running("loadlab.workload.driver")


def test_a_conductor_that_dies_is_an_error_and_takes_its_drivers_along(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario, users=8, ramp=0.0)) as conductor:
        conducting, drivers = running("loadlab.workload.locust_user"), running("loadlab.workload.driver")

        def kill_conductor(interval: Interval) -> None:
            conducting[0].kill()

        conductor.measure(30, kill_conductor)
        measure = conductor.collect()
    assert "load generator was killed" in (conductor.failure or "")
    assert measure.interrupted
    assert sum(item.count for item in measure.operations) > 50
    assert drivers
    _, alive = psutil.wait_procs(drivers, timeout=30)
    assert not alive


@pytest.fixture
def interruptible():
    """Python's own handler of Ctrl-C: a test runner's worker ignores the signal."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_ctrl_c_ends_the_window_early_and_keeps_what_was_measured(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario, users=8, ramp=0.0)) as conductor:
        started = time.monotonic()
        conductor.measure(60, lambda interval: os.kill(os.getpid(), signal.SIGINT))
        conductor.pause()
        measure = conductor.collect()
    assert time.monotonic() - started < 40
    assert conductor.failure is None
    assert measure.interrupted
    # The first interval is a second.
    assert 0.9 < measure.duration_s < 30
    assert all(item.count for item in measure.operations if item.kind != "report")


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"flows": FLOWS.replace("def mark", "raise ValueError('x')\n\n\ndef mark")}, "flows.py: line"),
        ({"flows": FLOWS.replace("return", "")[:-30]}, "flows.py: line"),
    ],
)
def test_a_mistake_in_the_flows_is_found_before_the_load(engine, tmp_path, changes, message):
    scenario = open_shop(engine, tmp_path / "shop", **changes)
    with pytest.raises(InputError, match=message):
        plans_of(engine, scenario)


def test_a_failing_flow_is_counted_with_its_place(engine, tmp_path):
    flows = FLOWS.replace("mark(db, order", 'order["nothing"]\n        mark(db, order')
    scenario = open_shop(engine, tmp_path / "shop", flows=flows)
    measure = measured(engine, scenario, seconds=0.5)
    pay = next(item for item in measure.operations if item.name == "pay")
    assert pay.count == 0
    assert set(pay.errors) == {"InputError"}
    assert measure.first_errors["pay"] == "flows.py asks for the column nothing, which orders does not have"
    # The transaction was rolled back: what went before was executed, nothing else.
    assert measure.statements["pay/1"] == pay.errors["InputError"]
    assert measure.statements.get("pay/2", 0) == 0


def test_an_insert_that_cannot_succeed_is_found_before_the_load(engine, tmp_path):
    operations = OPERATIONS | {
        "wrong": {"kind": "write", "weight": 1, "insert": "orders", "params": {"status": {"value": "lost"}}}
    }
    scenario = open_shop(engine, tmp_path / "shop", operations=operations)
    with pytest.raises(LoadLabError, match=r"workload\.operations\.wrong cannot insert a new row: "):
        measured(engine, scenario, seconds=0.1)


@contextmanager
def driver(plan: LoadPlan) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "loadlab.workload.driver"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(plan.to_json() + "\n")
    process.stdin.flush()
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        for stream in (process.stdin, process.stdout):
            stream.close()


def test_a_driver_speaks_json_lines_and_ends_with_its_input(engine, tmp_path):
    flows = FLOWS.replace("    order =", "    print('not a message')\n    order =")
    scenario = open_shop(engine, tmp_path / "shop", flows=flows)
    with driver(plans_of(engine, scenario)[0]) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["type"] == "ready"
        for command in ({"cmd": "users", "n": 4}, {"cmd": "phase", "name": "measure"}):
            process.stdin.write(json.dumps(command) + "\n")
        process.stdin.flush()
        message = json.loads(process.stdout.readline())
        assert (message["type"], message["phase"], message["users"]) == ("interval", "measure", 4)
        process.stdin.close()
        assert process.wait(10) == 0
