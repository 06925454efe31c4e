"""What a projection cannot be: rows without bytes, answers that no pool could give."""

from __future__ import annotations

import pytest

from loadlab.engines.protocol import Evidence, TableEvidence
from loadlab.schema.model import Column, LogicalType, Schema, Table
from loadlab.validate.model import Verdict
from loadlab.validate.projection.growth_law import Choice
from loadlab.validate.projection.latency import ProjectedLatency
from loadlab.validate.projection.operations import (
    MEDIAN,
    OperationProjection,
    _overloaded,
    connections_needed,
)
from loadlab.validate.projection.storage import Volume, fit_storage
from loadlab.validate.projection.verdicts import Projection, judge_projection
from loadlab.validate.statistics import Estimate
from tests.unit.test_targets import Run, facts_of, simple

SCHEMA = Schema((Table("tags", (Column("id", LogicalType("integer")),)),), "any")


def volumes(*sizes: int) -> list[Volume]:
    told = [Evidence(0.0, "", "", page_bytes=8192, tables={"tags": TableEvidence(size)}) for size in sizes]
    return [Volume(scale, {"tags": 100 * scale}, size) for scale, size in zip((1, 2, 4), told, strict=True)]


def test_a_row_takes_no_fewer_bytes_than_it_has():
    """Three sizes within one page say that rows cost nothing; they have 40 bytes each."""
    few = volumes(24_576, 24_576, 24_576)
    free = fit_storage(few, SCHEMA).at({"tags": 1_000_000}).size("rows")
    assert free.value < 1_000_000
    floored = fit_storage(few, SCHEMA, {"tags": 40.0}).at({"tags": 1_000_000}).size("rows")
    assert floored.value == 40_000_000
    assert floored.interval()[0] == 40_000_000
    # Where the sizes tell more than that, they count.
    grown = volumes(8_192_000, 16_384_000, 32_768_000)
    assert fit_storage(grown, SCHEMA, {"tags": 40.0}).at({"tags": 1_000_000}).size().value > 8e10


def projection(value_us: float) -> OperationProjection:
    estimate = Estimate(1_000.0, 900.0, 1_100.0, 600, 300.0)
    found = ProjectedLatency(value_us, 0.9 * value_us, 1.1 * value_us, 0.0, 1.0)
    return OperationProjection(
        "get", "simple", Choice("linear", "It reads all.", ("tags",)), (1, 2, 4),
        {MEDIAN: (estimate,) * 3, 95.0: (estimate,) * 3}, {MEDIAN: found, 95.0: found}, "It reads all.",
    )  # fmt: skip


@pytest.mark.parametrize("value_us, busy", [(1_000.0, 0.1), (50_000.0, 5.0), (500.0, 0.1)])
def test_connections_follow_from_rate_and_time(value_us, busy):
    """A hundred a second of 1 ms keep a tenth of a connection busy; fifty times as slow they keep five."""
    window = facts_of({"get": Run("simple", [1_000] * 100)})
    assert connections_needed(window, [projection(value_us)]) == pytest.approx(busy, rel=0.02)


def test_what_no_pool_carries_passes_no_target():
    plain = projection(50_000)
    over = _overloaded(plain, 5.0, 2)
    assert "keep 5 connections busy there and the pool has 2" in over.overload

    def verdict(item: OperationProjection, limit_us: float):
        (found,) = judge_projection([simple(limit_us)], Projection(1.0, (1, 2, 4), None, (item,), None))
        return found

    assert verdict(plain, 100_000).verdict is Verdict.PASS
    assert verdict(over, 100_000).verdict is Verdict.INCONCLUSIVE
    assert "answers would queue without an end" in verdict(over, 100_000).reason
    assert verdict(over, 10_000).verdict is Verdict.FAIL
