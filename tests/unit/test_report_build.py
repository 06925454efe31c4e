"""From verdicts and measures to a Result: every figure is checked against the values it was made of."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.engines.protocol import Evidence, StatementEvidence
from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval, OperationInterval
from loadlab.report.build import CURVE_PERCENTILES, latency_curve, percentiles
from loadlab.report.model import Result
from loadlab.spec.targets import Target
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from tests.samples import (
    SHAPES,
    empty_result,
    histogram_of,
    result_of,
    sample_evidence,
    sample_measure,
    sample_plans,
    sample_result,
    sample_server_calls,
    sample_verdicts,
)

TARGET = Target("simple_queries", "latency", "<", 10_000.0, "us", "brief", "simple", 95.0)


def operation(result: Result, name: str):
    return next(operation for operation in result.operations if operation.name == name)


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=300))
def test_percentiles_are_those_of_the_values(values):
    # Up to 2,047 µs a histogram is exact, so the figures must be values of the sample itself.
    figures = percentiles(histogram_of(values))
    ordered = sorted(values)
    for figure, share in ((figures.p50, 0.5), (figures.p95, 0.95), (figures.p99, 0.99), (figures.p999, 0.999)):
        assert figure == ordered[math.ceil(share * len(ordered) - 1e-9) - 1]
    assert figures.max == ordered[-1]
    assert figures.mean == pytest.approx(np.mean(values))


def test_an_empty_histogram_has_no_figures():
    figures = percentiles(Histogram())
    assert set(figures.model_dump().values()) == {None}
    assert latency_curve(Histogram()) == []


def test_the_curve_runs_from_the_smallest_to_the_largest_value():
    curve = latency_curve(histogram_of(range(1, 1_001)))
    assert [p for p, _ in curve] == list(CURVE_PERCENTILES)
    assert [value for _, value in curve] == sorted(value for _, value in curve)
    assert (curve[0], curve[-1]) == ((0.0, 1.0), (100.0, 1000.0))
    assert dict(curve)[95.0] == 950.0


def test_operations_carry_counts_errors_and_both_times():
    measure = sample_measure()
    result = result_of(measure, ())
    assert [o.name for o in result.operations] == list(SHAPES)
    for made, measured in zip(result.operations, measure.operations, strict=True):
        assert (made.count, made.errors) == (measured.count, measured.error_count)
        assert made.service_us.p99 == measured.service.percentile_us(99)
        assert made.response_us.p99 == measured.response.percentile_us(99)
        assert made.rate_per_s == pytest.approx(measured.count / measure.duration_s)
    failing = operation(result, "reserve_stock")
    assert failing.errors_by_outcome == {"40001": 3}
    assert failing.first_error == "could not serialize access due to concurrent update"


def test_plans_and_server_counts_find_their_operation():
    measure = sample_measure()
    result = result_of(
        measure, (), plans=sample_plans(), server_calls=sample_server_calls(measure), evidence=sample_evidence()
    )
    plain = operation(result, "product_by_id")
    assert plain.server_calls == plain.count
    assert plain.plan.startswith("Index Scan")
    assert plain.served_by_index is True
    assert plain.statements == []
    scanning = operation(result, "category_listing")
    assert (scanning.served_by_index, scanning.full_scans) == (False, ["products"])
    assert operation(result, "daily_revenue").served_by_index is None, "no plan, so nothing is known"


def test_a_flow_has_its_statements():
    measure = sample_measure()
    flow = operation(
        result_of(measure, (), plans=sample_plans(), server_calls=sample_server_calls(measure)), "place_order"
    )
    assert (flow.plan, flow.server_calls, flow.served_by_index) == (None, None, True)
    assert [(s.name, s.calls, s.server_calls) for s in flow.statements] == [
        ("insert_order", 180, 180),
        ("insert_items", 412, 412),
    ]


def test_an_operation_whose_name_begins_another_keeps_its_own_statements():
    shapes = {"order": SHAPES["place_order"], "order_items": SHAPES["place_order"]}
    result = result_of(sample_measure(shapes, seconds=2), (), server_calls={"order_items/a": 1, "order/b": 2})
    assert [s.name for s in operation(result, "order").statements] == ["b"]
    assert [s.name for s in operation(result, "order_items").statements] == ["a"]


def test_the_series_adds_up_to_the_window():
    measure = sample_measure()
    result = result_of(measure, ())
    assert len(result.series) == len(measure.intervals) == 20
    assert sum(point.rate_per_s for point in result.series) == pytest.approx(result.load.achieved_rate_per_s * 20)
    assert sum(point.errors_per_s for point in result.series) == pytest.approx(3)
    together = Histogram.merged(o.response for o in measure.intervals[4].operations.values())
    assert result.series[4].p99_us == together.percentile_us(99)
    writes = [o for name, o in measure.intervals[4].operations.items() if SHAPES[name].kind == "write"]
    assert result.series[4].p95_us["write"] == Histogram.merged(o.response for o in writes).percentile_us(95)


def test_intervals_are_put_in_order_and_may_be_empty():
    quiet = OperationInterval(0, {"08006": 2}, Histogram(), Histogram())
    late = Interval(1.0, 0.0, 1, 0.0, {"product_by_id": quiet})
    early = Interval(0.0, 1.0, 1, 0.0, {})
    measure = sample_measure(seconds=1)
    measure = type(measure)(**{f: getattr(measure, f) for f in measure.__slots__} | {"intervals": (late, early)})
    first, second = result_of(measure, ()).series
    assert (first.t_s, first.rate_per_s, first.p50_us) == (0.0, 0.0, None)
    assert (second.rate_per_s, second.errors_per_s) == (0.0, 0.0), "an interval without length has no rate"


def test_connection_utilisation_is_busy_time_over_capacity():
    measure = sample_measure()
    busy_s = sum(interval.busy_s for interval in measure.intervals)
    assert result_of(measure, ()).load.connection_utilisation == pytest.approx(busy_s / (8 * 20))


def test_targets_keep_what_was_judged():
    measure = sample_measure()
    verdicts = sample_verdicts(measure)
    result = result_of(measure, verdicts)
    for made, verdict in zip(result.targets, verdicts, strict=True):
        assert (made.name, made.limit, made.verdict) == (verdict.target.name, verdict.target.limit, verdict.verdict)
        assert made.default is (made.source == "default")
        assert made.examined == list(verdict.examined)
        assert len(made.details) == len(verdict.details)
    assert result.verdict is Verdict.FAIL


@pytest.mark.parametrize(
    "interval, expected",
    [
        (None, None),
        ((1.0, 2.0), (1.0, 2.0)),
        ((1.0, math.inf), (1.0, None)),
        ((math.nan, 2.0), (None, 2.0)),
        ((-math.inf, math.inf), None),
    ],
)
def test_ends_that_are_no_numbers_are_left_open(interval, expected):
    verdict = TargetVerdict(
        TARGET,
        Verdict.INCONCLUSIVE,
        math.nan,
        interval,
        3,
        ("a",),
        "Too few samples.",
        (Examination("a", math.inf, interval, 3, Verdict.INCONCLUSIVE, ""),),
    )
    result = result_of(sample_measure(seconds=1), (verdict,))
    for made in (result.targets[0], result.targets[0].details[0]):
        assert made.measured is None
        assert made.interval == expected
    assert Result.model_validate_json(result.model_dump_json()) == result


def test_evidence_is_carried_and_its_absence_said():
    shown = result_of(sample_measure(seconds=1), (), evidence=sample_evidence()).evidence
    assert shown.tables["products"]["sequential_scans"] == 240
    assert shown.tables["products"]["analyzed"] is True
    assert shown.indexes["orders_pkey"]["table"] == "orders"
    assert [statement.calls for statement in shown.statements] == [240, 380, 1_240], "most time first"
    assert (shown.database_bytes, shown.connections_max) == (46_137_344, 100)
    assert result_of(sample_measure(seconds=1), ()).evidence.notes


def test_only_the_statements_that_took_most_time_are_kept():
    statements = {str(k): StatementEvidence(calls=1, total_ms=float(k)) for k in range(50)}
    statements["idle"] = StatementEvidence(calls=0, total_ms=99.0)
    evidence = Evidence(1.0, "", "", statements=statements)
    kept = result_of(sample_measure(seconds=1), (), evidence=evidence).evidence.statements
    assert [statement.total_ms for statement in kept] == [float(k) for k in range(49, 29, -1)]


@pytest.mark.parametrize("result", [sample_result(), empty_result()], ids=["full", "empty"])
def test_the_result_survives_its_own_json(result):
    assert Result.model_validate_json(result.model_dump_json()) == result


def test_nothing_measured_is_inconclusive():
    result = empty_result()
    assert result.verdict is Verdict.INCONCLUSIVE
    assert result.load.asked_rate_per_s is None
    assert result.load.achieved_rate_per_s == 0


def test_a_newer_field_does_not_stop_an_older_reader():
    newer = sample_result().model_dump(mode="json") | {"projection": {"p95": 1}}
    assert Result.model_validate(newer) == sample_result()
