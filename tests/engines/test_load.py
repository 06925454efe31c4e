"""The load on every engine: driver processes, phases, and counts that agree with the server's own."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from loadlab.engines.protocol import CanIdentifyStatements, Engine, Evidence
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.spec.scenario import Scenario
from loadlab.workload.conduct import Conductor
from loadlab.workload.hub import Hub
from loadlab.workload.plan import LoadPlan, load_plans, operation_statements
from tests.shop import FLOWS, OPERATIONS, open_shop

pytestmark = pytest.mark.timeout(180)


def plans_of(engine: Engine, scenario: Scenario, **changes: Any) -> tuple[LoadPlan, ...]:
    manifest = engine.manifest()
    assert manifest is not None
    statements = operation_statements(scenario, engine, manifest.schema)
    workload = scenario.file.workload.model_copy(update=changes)
    return load_plans(engine, scenario, workload, manifest, statements)


def server_calls(engine: Engine, plans: tuple[LoadPlan, ...], before: Evidence, after: Evidence) -> dict[str, int]:
    """The server's own count of each statement in between."""
    assert isinstance(engine, CanIdentifyStatements)
    result = {}
    for name, statement in plans[0].statements.items():
        identity = engine.statement_id(statement)
        first, last = (side.statements.get(identity or "") for side in (before, after))
        result[name] = (last.calls if last else 0) - (first.calls if first else 0)
    return result


def running(module: str) -> list[psutil.Process]:
    """This process's descendants that run a module."""
    return [child for child in psutil.Process().children(recursive=True) if module in child.cmdline()]


def check_measure(measure: LoadMeasure, *, seconds: float) -> None:
    """What must agree in any measure without failures."""
    assert measure.duration_s == pytest.approx(seconds, abs=0.3)
    assert not measure.interrupted
    assert {item.name: item.error_count for item in measure.operations if item.errors} == {}, measure.first_errors
    for item in measure.operations:
        assert item.count == item.service.count == item.response.count > 0
        assert item.response.mean_us >= item.service.mean_us
        parts = [interval.operations[item.name] for interval in measure.intervals if item.name in interval.operations]
        assert sum(part.count for part in parts) == item.count
    assert sum(interval.duration_s for interval in measure.intervals) == pytest.approx(measure.duration_s, abs=0.05)
    assert 1 <= measure.connections_peak <= measure.connections


@pytest.mark.parametrize("workers", [1, 2])
def test_clients_and_server_count_the_same(engine, tmp_path, workers):
    scenario = open_shop(engine, tmp_path / "shop")
    plans = plans_of(engine, scenario, workers=workers)
    seen: list[Interval] = []
    with Conductor(plans, users=8, ramp_s=0.0) as conductor:
        conductor.warm_up(0.7)
        conductor.pause()
        before = engine.snapshot()
        conductor.measure(2.2, seen.append)
        conductor.pause()
        after = engine.snapshot()
        measure = conductor.collect()
    assert conductor.failure is None
    check_measure(measure, seconds=2.2)
    assert measure.users == 8
    assert measure.workers == workers
    assert measure.connections == 4
    # Eight users who think 20 ms on average.
    assert measure.asked_rate_per_s == pytest.approx(400)
    assert 0.3 * 400 < measure.achieved_rate_per_s < 400
    assert [interval.duration_s for interval in seen] == pytest.approx([1, 1], abs=0.2)
    counts = {item.name: item.count for item in measure.operations}
    assert measure.statements == {name: count for name, count in counts.items() if name != "pay"} | {
        "pay/1": counts["pay"],
        "pay/2": counts["pay"],
    }
    if isinstance(engine, CanIdentifyStatements):
        assert server_calls(engine, plans, before, after) == measure.statements


def test_inserts_go_on_where_the_last_load_ended(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    only = {"place_order": scenario.file.workload.operations["place_order"]}
    placed = 0
    for workers in (2, 1):
        hub = Hub(plans_of(engine, scenario, operations=only, workers=workers))
        hub.start()
        hub.set_users(4)
        hub.begin("measure")
        time.sleep(0.7)
        hub.pause()
        measure = hub.stop()
        assert not measure.operations[0].errors, measure.first_errors
        placed += measure.operations[0].count
    session = engine.connect(timeout_s=10)
    statement = session.prepare(operation_statements(scenario, engine, engine.reflect())["revenue"])
    rows = session.query(statement, session.encode_row(statement, {}))
    session.close()
    assert sum(int(count) for _, count, _ in rows) == 2000 + placed
    assert placed > 20


def test_a_driver_that_dies_is_an_error_and_what_was_measured_is_kept(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario, workers=2), users=8, ramp_s=0.0) as conductor:
        conductor.warm_up(0.3)
        conductor.pause()

        killed: list[psutil.Process] = []

        def kill_one(interval: Interval) -> None:
            if not killed:
                killed.extend(running("loadlab.workload.driver")[:1])
                killed[0].kill()

        started = time.monotonic()
        conductor.measure(30, kill_one)
        assert time.monotonic() - started < 10
        conductor.pause()
        measure = conductor.collect()
    assert "was killed" in (conductor.failure or "")
    assert measure.interrupted
    assert sum(item.count for item in measure.operations) > 50
    assert not running("loadlab.workload.driver")


def test_a_conductor_that_dies_is_an_error_and_takes_its_drivers_along(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario), users=8, ramp_s=0.0) as conductor:
        conducting, drivers = running("loadlab.workload.locust_user"), running("loadlab.workload.driver")

        def kill_conductor(interval: Interval) -> None:
            conducting[0].kill()

        conductor.measure(30, kill_conductor)
        measure = conductor.collect()
    assert "load generator was killed" in (conductor.failure or "")
    assert measure.interrupted
    assert sum(item.count for item in measure.operations) > 50
    assert drivers
    _, alive = psutil.wait_procs(drivers, timeout=10)
    assert not alive


def test_ctrl_c_ends_the_window_early_and_keeps_what_was_measured(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    with Conductor(plans_of(engine, scenario), users=8, ramp_s=0.0) as conductor:
        started = time.monotonic()
        conductor.measure(60, lambda interval: os.kill(os.getpid(), signal.SIGINT))
        conductor.pause()
        measure = conductor.collect()
    assert time.monotonic() - started < 15
    assert conductor.failure is None
    assert measure.interrupted
    assert measure.duration_s == pytest.approx(1.0, abs=0.5)
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


def measured(engine: Engine, scenario: Scenario, *, seconds: float, **changes: Any) -> LoadMeasure:
    hub = Hub(plans_of(engine, scenario, **changes))
    hub.start()
    hub.set_users(4)
    hub.begin("measure")
    time.sleep(seconds)
    hub.pause()
    return hub.stop()


def test_an_insert_that_cannot_succeed_is_found_before_the_load(engine, tmp_path):
    operations = OPERATIONS | {
        "wrong": {"kind": "write", "weight": 1, "insert": "orders", "params": {"status": {"value": "lost"}}}
    }
    scenario = open_shop(engine, tmp_path / "shop", operations=operations)
    with pytest.raises(LoadLabError, match=r"workload\.operations\.wrong cannot insert a new row: "):
        measured(engine, scenario, seconds=0.1)


def test_a_database_that_cannot_be_reached_is_said_at_the_start(under_test, engine, tmp_path):
    from dataclasses import replace

    scenario = open_shop(engine, tmp_path / "shop")
    plan = replace(plans_of(engine, scenario)[0], database_url=under_test.unreachable_url)
    with pytest.raises(LoadLabError) as caught, Conductor([plan], users=1, ramp_s=0.0):
        pass
    assert "s3cret" not in str(caught.value)
    assert not running("loadlab.workload.driver")


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
