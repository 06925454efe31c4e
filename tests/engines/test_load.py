"""The load on every engine: what the clients count is what the server counts, and nothing is inserted twice."""

from __future__ import annotations

from dataclasses import replace

import pytest

from loadlab.engines.abilities import CanIdentifyStatements
from loadlab.engines.protocol import Engine, Evidence
from loadlab.errors import LoadLabError
from loadlab.measure.model import Interval, LoadMeasure
from loadlab.workload.conduct import Conductor
from loadlab.workload.plan import LoadPlan, operation_statements
from tests.shop import measured, open_shop, plans_of, running

COUNTS_WITHOUT_LOCKS = {"mysql"}


def server_calls(engine: Engine, plans: tuple[LoadPlan, ...], before: Evidence, after: Evidence) -> dict[str, int]:
    """The server's own count of each statement in between."""
    assert isinstance(engine, CanIdentifyStatements)
    result = {}
    for name, statement in plans[0].statements.items():
        identity = engine.statement_id(statement)
        first, last = (side.statements.get(identity or "") for side in (before, after))
        result[name] = (last.calls if last else 0) - (first.calls if first else 0)
    return result


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


@pytest.mark.slow
def test_clients_and_server_count_the_same(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    plans = plans_of(engine, scenario, workers=2, users=8, ramp=0.0)
    seen: list[Interval] = []
    with Conductor(plans) as conductor:
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
    assert measure.workers == 2
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
        # The performance schema adds its counters up without locks: of two statements that end at once one may be lost.
        allowed = 0.01 if engine.name in COUNTS_WITHOUT_LOCKS else 0
        assert server_calls(engine, plans, before, after) == pytest.approx(measure.statements, rel=allowed, abs=0)


def test_inserts_go_on_where_the_last_load_ended(engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    only = {"place_order": scenario.file.workload.operations["place_order"]}
    placed = 0
    for workers in (2, 1):
        measure = measured(engine, scenario, seconds=0.7, operations=only, workers=workers)
        assert not measure.operations[0].errors, measure.first_errors
        placed += measure.operations[0].count
    session = engine.connect(timeout_s=10)
    statement = session.prepare(operation_statements(scenario, engine, engine.reflect())["revenue"])
    rows = session.query(statement, session.encode_row(statement, {}))
    session.close()
    assert sum(int(count) for _, count, _ in rows) == 2000 + placed
    assert placed > 20


def test_a_database_that_cannot_be_reached_is_said_at_the_start(under_test, engine, tmp_path):
    scenario = open_shop(engine, tmp_path / "shop")
    plan = replace(plans_of(engine, scenario)[0], database_url=under_test.unreachable_url)
    with pytest.raises(LoadLabError) as caught, Conductor([plan]):
        pass
    assert "s3cret" not in str(caught.value)
    assert not running("loadlab.workload.driver")
