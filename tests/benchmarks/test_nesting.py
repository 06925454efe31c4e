"""What it costs that rows stand in others: orders with their items as BSON, against the same rows by themselves."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.mongodb.loading import encoded
from loadlab.schema.nesting import Documents, Placement
from loadlab.spec.shapes import DataShape
from tests import schemas

ORDERS, ITEMS, BATCH, PAIRS = 60_000, 150_000, 30_000, 7
PLAN = Documents(
    (
        Placement(
            "order_items", "embed", "", "orders", "order_id,order_created_at", "order_items",
            ("position", "product_id", "quantity", "unit_price", "line_total"),
        ),
    )
)  # fmt: skip


@pytest.mark.timeout(300)
def test_nesting_cpu(benchmark: BenchmarkFixture) -> None:
    """In turns; generated and encoded, not sent."""
    rows = {"orders": ORDERS, "order_items": ITEMS, "users": 1000, "products": 1000}
    request = DataRequest(DataShape(), 1.0, 1, {}.get, rows)
    plain = Dataset.plan_for(schemas.shop(), request, owns_tables=True)
    nested = plain.with_documents(PLAN)

    def made(dataset: Dataset, table: str) -> int:
        count = dataset.row_count(table)
        return sum(
            len(block)
            for start in range(0, count, BATCH)
            for block in encoded(
                dataset.stored_table(table), [dataset.nesting.batch(table, start, min(start + BATCH, count))], start
            )
        )

    def apart() -> None:
        assert made(plain, "orders") + made(plain, "order_items") == ORDERS + ITEMS

    def together() -> None:
        assert made(nested, "orders") == ORDERS

    def cpu_s(work: Callable[[], None]) -> float:
        started = time.process_time()
        work()
        return time.process_time() - started

    cpu_s(together)
    cpu_s(apart)
    pairs = [(cpu_s(apart), cpu_s(together)) for _ in range(PAIRS)]
    ratios = sorted(ours / theirs for theirs, ours in pairs)
    benchmark.pedantic(together, rounds=1, iterations=1)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.extra_info["ratio_range"] = [ratios[0], ratios[-1]]
    print(
        f"\nprocessor time of orders with their items in them, against both by themselves: ratio"
        f" {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}, {PAIRS} pairs);"
        f" {1e6 * statistics.median(ours for _, ours in pairs) / (ORDERS + ITEMS):.2f} µs a row"
    )
