"""How often `loadlab compare` is wrong on this machine: a design against itself, and one with a planted slowdown.

`LOADLAB_COMPARISONS=AA,PLANTED` are how many of each (default 30,20); each takes half a minute.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.compare.compare import CompareOptions, compare
from loadlab.engines import open_database
from loadlab.pipeline import DataOptions
from loadlab.report.compare.model import CompareResult, OperationResult
from loadlab.report.progress import ProgressShow

ALIKE, PLANTED = map(int, os.environ.get("LOADLAB_COMPARISONS", "30,20").split(","))
OPTIONS = CompareOptions(pairs=24, round_s=0.32)
SCHEMA = """
CREATE TABLE users (id bigint PRIMARY KEY, email text NOT NULL, name text NOT NULL);
CREATE TABLE orders (
    id bigint PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users,
    total numeric(12, 2) NOT NULL,
    created_at timestamptz NOT NULL
);
CREATE INDEX orders_user ON orders (user_id, created_at);
"""
SCENARIO = """
name: shop
schema: schema.sql
data: {tables: {users: {rows: 1000}, orders: {rows: 10000}}}
workload:
  users: 1
  think_time: 0
  ramp: 0
  warmup: 500ms
  connections: 1
  operations:
    user_by_id: {weight: 3, lookup: users}
    orders_of_user: {weight: 3, list: {table: orders, by: user_id, sort: -created_at}}
    computed:
      kind: complex
      weight: 2
      sql: SELECT sum(n) FROM (SELECT generate_series(1, 8000) AS n) AS s
    insert_order: {weight: 0.3, insert: orders}
"""
# 20 % more to do in one operation; a statement's fixed part stays.
SLOWER = """
sides:
  as it is: {}
  slower:
    workload:
      operations:
        computed: {sql: "SELECT sum(n) FROM (SELECT generate_series(1, 9600) AS n) AS s"}
"""
SAME = "sides: {one: {}, other: {}}\n"


@pytest.fixture
def folder(tmp_path: Path) -> Iterator[Path]:
    """A scenario; the bundled server stays up meanwhile, with a new database for each side of each comparison."""
    (tmp_path / "schema.sql").write_text(SCHEMA)
    (tmp_path / "scenario.yaml").write_text(SCENARIO)
    with open_database("embedded:"):
        yield tmp_path


def compared(folder: Path, sides: str, number: int) -> CompareResult:
    """One comparison as a user makes it; the seed is another one each time."""
    (folder / "compare.yaml").write_text(sides)
    with ProgressShow(quiet=True) as show:
        outcome = compare(str(folder), None, OPTIONS, DataOptions(seed=number), folder / f"run-{number}", show)
    return outcome.result


def metrics(result: CompareResult) -> Counter[str]:
    """Verdicts by metric over all operations and the throughput."""
    found = [item for operation in result.operations for item in operation.metrics]
    found += [result.throughput] if result.throughput is not None else []
    return Counter(item.verdict.value for item in found)


@pytest.mark.timeout(7200)
def test_compare_aa(benchmark: BenchmarkFixture, folder: Path) -> None:
    """A design against itself: how many comparisons called anything worse (none is asked), or better."""
    results = benchmark.pedantic(
        lambda: [_told(compared(folder, SAME, number), number) for number in range(ALIKE)], rounds=1, iterations=1
    )
    worse, better = (sum(metrics(result)[verdict] > 0 for result in results) for verdict in ("WORSE", "BETTER"))
    verdicts = sum(map(metrics, results), Counter[str]())
    print(f"\n{len(results)} comparisons of a design with itself: {worse} called something worse, {better} better")
    print(f"ratio of comparisons with something worse {worse / len(results):.3f}; metrics: {dict(verdicts)}")
    benchmark.extra_info["ratio"] = worse / len(results)
    benchmark.extra_info["comparisons"] = len(results)
    benchmark.extra_info["worse"], benchmark.extra_info["better"] = worse, better
    benchmark.extra_info["metrics"] = dict(verdicts)
    benchmark.extra_info["outcomes"] = dict(Counter(result.verdict.value for result in results))


@pytest.mark.timeout(7200)
def test_compare_planted(benchmark: BenchmarkFixture, folder: Path) -> None:
    """20 % more work in one operation: in how many comparisons that operation, and no other one, was called worse."""
    results = benchmark.pedantic(
        lambda: [_told(compared(folder, SLOWER, 100 + number), number) for number in range(PLANTED)],
        rounds=1,
        iterations=1,
    )
    by_name = [{item.name: item.verdict.value for item in result.operations} for result in results]
    found = sum(verdicts["computed"] == "WORSE" for verdicts in by_name)
    others = sum(
        verdict in ("WORSE", "MIXED")
        for verdicts in by_name
        for name, verdict in verdicts.items()
        if name != "computed"
    )
    print(f"\n{len(results)} comparisons with a slower operation: found in {found}; {others} other operations called")
    print(f"ratio of comparisons that found it {found / len(results):.3f}")
    benchmark.extra_info["ratio"] = found / len(results)
    benchmark.extra_info["comparisons"] = len(results)
    benchmark.extra_info["found"], benchmark.extra_info["others"] = found, others


def _told(result: CompareResult, number: int) -> CompareResult:
    """A line for each comparison: what was called, and how sure its medians are."""
    words = [f"{item.name} {item.verdict.value.lower()} {_median(item)}" for item in result.operations]
    print(f"{number}: {result.verdict.value} | {' | '.join(words)}", flush=True)
    return result


def _median(operation: OperationResult) -> str:
    item = operation.metrics[0]
    if item.ratio is None or item.interval is None:
        return item.reason
    return f"{item.ratio:.3f} [{item.interval[0]:.3f}, {item.interval[1]:.3f}]"
