"""The marketplace's storage at ten times the largest scale, projected from three small ones and then measured."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.engines import open_database
from loadlab.forecast.make import ForecastOptions, make_forecast
from loadlab.pipeline import DataOptions, LoadOptions, changed_workload, make_ready
from loadlab.report.progress import ProgressShow
from loadlab.spec.scenario import load_scenario
from tests.benchmarks.marketplace import SCENARIO

SCALES = tuple(map(float, os.environ.get("LOADLAB_BENCHMARK_SCALES", "0.0005,0.001,0.002").split(",")))
TIMES = 10
LARGE_BYTES = 2**20


def measured_bytes(scale: float) -> dict[str, int]:
    """By table, rows, TOAST and indexes of a filled marketplace."""
    scenario = load_scenario(SCENARIO)
    workload = changed_workload(scenario, LoadOptions())
    with open_database("embedded:") as engine, ProgressShow(quiet=True) as show:
        seeded = make_ready(engine, scenario, workload, DataOptions(scale), show).seeded
    return {table.name: (table.table_bytes or 0) + (table.index_bytes or 0) for table in seeded.tables}


@pytest.mark.timeout(3600)
def test_storage_projection(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    """Projected bytes by measured ones: within 5 % is asked, in all and of every table above a mebibyte.

    Both are filled as `loadlab seed` does it, each in a new database; what is timed is the forecast.
    """
    target = TIMES * SCALES[-1]
    options = ForecastOptions(scales=SCALES, to=target, with_load=False)
    with ProgressShow(quiet=True) as show:
        outcome = benchmark.pedantic(
            make_forecast, args=(SCENARIO, "embedded:", options, tmp_path, show), rounds=1, iterations=1
        )
    storage = outcome.result.storage
    assert storage is not None
    measured = measured_bytes(target)
    whole = sum(measured.values())
    ratio = storage.total_bytes.value / whole
    low, high = storage.total_bytes.interval
    by_table = {
        table.name: table.total_bytes.value / measured[table.name]
        for table in storage.tables
        if measured[table.name] > LARGE_BYTES
    }
    print(f"\nthe marketplace at scale {target:g}, from {', '.join(f'{scale:g}' for scale in SCALES)}:")
    print(f"ratio of projected to measured bytes {ratio:.4f} ({low / whole:.4f}–{high / whole:.4f}), {whole:,} bytes")
    for name, found in by_table.items():
        print(f"  {name:<18} {found:.4f} of {measured[name]:>13,} bytes")
    benchmark.extra_info["ratio"] = ratio
    benchmark.extra_info["ratio_interval"] = [low / whole, high / whole]
    benchmark.extra_info["ratio_by_table"] = by_table
    assert abs(ratio - 1) < 0.05
    assert low <= whole <= high
    assert all(abs(found - 1) < 0.05 for found in by_table.values()), by_table
