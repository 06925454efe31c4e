"""Which law an operation follows by its plans, and what is projected along it."""

from __future__ import annotations

import math

import pytest

from loadlab.engines.protocol import PlanEvidence, PlanShape
from loadlab.units import GrowthRate
from loadlab.validate.projection.growth import YEAR_S, history_growth, stated_growth
from loadlab.validate.projection.growth_law import operation_law
from loadlab.validate.projection.latency import LatencyPoint, project_latency
from loadlab.validate.projection.size_law import fit_size
from loadlab.validate.projection.storage import FittedPart, Part, StorageLaws
from loadlab.validate.statistics import Estimate

ROWS = [{"orders": count, "countries": 200} for count in (1_000, 2_000, 4_000)]


def plan(
    outline: str,
    rows: dict[str, float],
    *,
    indexed: dict[str, float] | None = None,
    limit: bool = False,
    scans: str = "",
) -> PlanEvidence:
    shape = PlanShape((outline,), rows, frozenset(rows) if limit else frozenset())
    better = PlanShape((outline,), indexed if indexed is not None else rows)
    return PlanEvidence((scans,) if scans else (), (), "", shape, better)


def law(*plans: PlanEvidence | None, rows=ROWS):
    return operation_law({"op": plans}, rows)


def test_a_key_is_found_in_the_time_of_a_logarithm():
    found = law(*[plan("Index Scan on orders", {"orders": 1.0})] * 3)
    assert (found.law, found.tables) == ("log", ("orders",))


def test_a_scan_takes_time_with_the_table():
    found = law(*(plan("Seq Scan on orders", {"orders": n}, scans="orders") for n in (1_000.0, 2_000.0, 4_000.0)))
    assert (found.law, found.tables) == ("linear", ("orders",))


def test_an_index_that_yields_more_with_the_table_is_linear_too():
    found = law(*(plan("Index Scan on orders", {"orders": n}) for n in (10.0, 20.0, 40.0)))
    assert found.law == "linear"


def test_a_limit_bounds_what_an_index_yields():
    found = law(*(plan("Limit", {"orders": n}, limit=True) for n in (2.0, 5.0, 9.0)))
    assert found.law == "log"


def test_what_does_not_grow_costs_the_same():
    assert law(*[plan("Seq Scan on countries", {"countries": 200.0})] * 3).law == "constant"
    assert law(*[plan("Result", {})] * 3).law == "constant"


def test_another_plan_is_no_law():
    found = law(plan("Seq Scan on orders", {"orders": 9}), *[plan("Index Scan on orders", {"orders": 1})] * 2)
    assert found.law is None
    assert "changed between the scales (Seq Scan on orders gave way to Index Scan on orders)" in found.reason


def test_three_scales_with_the_same_plan_are_enough():
    rows = [{"orders": 100}, *ROWS]
    found = law(plan("Seq Scan", {"orders": 9}), *[plan("Index Scan", {"orders": 1})] * 3, rows=rows)
    assert (found.law, found.first) == ("log", 1)


def test_a_scan_that_an_index_will_replace_is_no_law():
    found = law(*(plan("Seq Scan on orders", {"orders": n}, indexed={"orders": 1.0}) for n in (10.0, 20.0, 40.0)))
    assert found.law is None
    assert "which an index will spare it" in found.reason


def test_the_steepest_statement_of_a_flow_decides():
    key = [plan("Index Scan", {"orders": 1.0})] * 3
    scan = [plan("Seq Scan", {"orders": n}, scans="orders") for n in (1_000.0, 2_000.0, 4_000.0)]
    assert operation_law({"f/1": key, "f/2": scan}, ROWS).law == "linear"
    assert operation_law({}, ROWS).law is None
    assert operation_law({"f/1": [None, *key[1:]]}, ROWS).law is None


def point(rows: float, value: float, half: float) -> LatencyPoint:
    return LatencyPoint(rows, Estimate(value, value - half, value + half, 1_000, 500))


def test_a_line_is_projected_with_its_interval():
    found = project_latency([point(n, 100 + n / 10, 5) for n in (1_000, 2_000, 4_000)], "linear", 100_000)
    assert found.value_us == pytest.approx(10_100)
    assert found.growth_us == pytest.approx(0.1)
    assert found.low_us < 10_100 < found.high_us


def test_a_logarithm_grows_slowly():
    points = [point(n, 50 + 10 * math.log(n), 1) for n in (1_000, 2_000, 4_000)]
    assert project_latency(points, "log", 4_000_000).value_us == pytest.approx(50 + 10 * math.log(4_000_000))


def test_more_data_is_never_faster():
    found = project_latency([point(1_000, 120, 10), point(2_000, 110, 10), point(4_000, 100, 10)], "linear", 100_000)
    assert found.growth_us == 0
    assert 90 <= found.value_us <= 120
    assert found.low_us >= 90
    assert found.high_us > 120


def test_an_end_that_nothing_bounds_stays_open():
    unbounded = LatencyPoint(4_000, Estimate(100, 90, math.inf, 20, 20))
    found = project_latency([point(1_000, 90, 5), point(2_000, 95, 5), unbounded], "log", 100_000)
    assert found.high_us == math.inf


def test_the_history_goes_on_along_its_curve():
    growth = history_growth(2 * YEAR_S, 2, 1.0)
    assert growth.factor(0) == 1
    assert growth.factor(2 * YEAR_S) == pytest.approx(4)
    # At a quarter of the volume half of the time has gone by.
    assert history_growth(2 * YEAR_S, 2, 0.25).factor(YEAR_S) == pytest.approx(4)


def test_a_stated_growth_is_in_bytes():
    rows = (1_000.0, 2_000.0, 4_000.0)
    line = fit_size(rows, [1_000 * n for n in rows], [1.0] * 3, adds_up=True)
    still = fit_size((10.0,) * 3, [5_000.0] * 3, [1.0] * 3, adds_up=True)
    laws = StorageLaws((FittedPart(Part("orders", "rows"), line, ()), FittedPart(Part("countries", "rows"), still, ())))
    growth = stated_growth(
        GrowthRate.parse("120MB/year"), laws, {"orders": 120_000, "countries": 10}, frozenset({"countries"})
    )
    assert growth.factor(YEAR_S) == pytest.approx(2, rel=1e-6)
    assert growth.factor(0) == 1
