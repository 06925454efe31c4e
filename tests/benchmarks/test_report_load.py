"""How long a browser takes to open the report of a run of one hour."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from loadlab.report.files import write_run
from tests.fix_browser import Browse, Loaded, Site, load_page
from tests.samples_hour import hour_result

ROUNDS = 5
LIMIT_S = 1.0


@pytest.mark.timeout(300)
def test_report_load(benchmark: BenchmarkFixture, browse: Browse, site: Site, tmp_path: Path) -> None:
    """From the request until what is on the screen is laid out, by the second that is asked; a new browser each time.

    What is timed is the start of the browser as well; the ratio is of the page's own time.
    """
    page = write_run(tmp_path / "hour", hour_result()).report
    loads: list[Loaded] = []
    benchmark.pedantic(lambda: loads.append(load_page(browse, site, page)), rounds=ROUNDS, iterations=1)
    seconds = statistics.median(load.seconds for load in loads)
    spread = f"{min(load.seconds for load in loads):.2f}–{max(load.seconds for load in loads):.2f} s"
    print(f"\nreport.html of an hour, {page.stat().st_size:,} bytes: loaded in {seconds:.2f} s ({spread})")
    benchmark.extra_info["ratio"] = seconds / LIMIT_S
    benchmark.extra_info["size_bytes"] = page.stat().st_size
