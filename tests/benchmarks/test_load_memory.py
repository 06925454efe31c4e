"""Whether a long load takes more and more memory: every process of a run, looked at while it goes on."""

from __future__ import annotations

import os
import statistics
import threading
import time
from collections import defaultdict

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from tests.benchmarks.bank import open_bank

MINUTES = float(os.environ.get("LOADLAB_BENCHMARK_MINUTES", "10"))
RATE_PER_S = 1_000
_EVERY_S = 2.0
# What a process is, by a word of its command line.
ROLES = {
    "loadlab.workload.driver": "driver",
    "loadlab.workload.locust_user": "conducting process",
    "loadlab": "loadlab run",
}

Samples = dict[str, list[tuple[float, int]]]
"""By role, (s of the monotonic clock, resident bytes)."""


@pytest.mark.timeout(3600)
def test_recorder_memory(benchmark: BenchmarkFixture) -> None:
    """Resident memory late / early in a run of ten minutes at 1,000/s, the worst of its processes; 1.0 is flat.

    Early is the second fifth of the window, when caches are warm, and late the last fifth.
    """
    found: list[Samples] = []
    with open_bank() as bank:

        def run() -> None:
            load = threading.Thread(
                target=bank.loadlab,
                args=("--duration", f"{MINUTES}min"),
                kwargs={"rate": RATE_PER_S, "connections": 8, "workers": 1},
            )
            load.start()
            found.append(watched(load))

        benchmark.pedantic(run, rounds=1, iterations=1)
    ratios = {role: late_to_early(samples) for role, samples in found[0].items()}
    assert set(ratios) == set(ROLES.values())
    benchmark.extra_info["ratio"] = max(ratio for ratio, _ in ratios.values())
    for role, (ratio, late_bytes) in ratios.items():
        print(f"\n{role}: {late_bytes / 1024**2:.0f} MB late, {ratio:.3f} × early")


def watched(load: threading.Thread) -> Samples:
    """Samples of this process's descendants until the load has ended."""
    samples: Samples = defaultdict(list)
    while load.is_alive():
        for process in psutil.Process().children(recursive=True):
            try:
                role, resident_bytes = role_of(process.cmdline()), process.memory_info().rss
            except psutil.Error:  # It has just ended.
                continue
            if role is not None:
                samples[role].append((time.monotonic(), resident_bytes))
        load.join(_EVERY_S)
    return samples


def role_of(command: list[str]) -> str | None:
    return next((role for word, role in ROLES.items() if word in command), None)


def late_to_early(samples: list[tuple[float, int]]) -> tuple[float, float]:
    """The ratio of the medians, and the late one (bytes); the window lies at the end of the samples."""
    ended_s = samples[-1][0]
    fifth_s = MINUTES * 60 / 5
    early = [size for at_s, size in samples if 3 * fifth_s < ended_s - at_s <= 4 * fifth_s]
    late = [size for at_s, size in samples if ended_s - at_s <= fifth_s]
    return statistics.median(late) / statistics.median(early), statistics.median(late)
