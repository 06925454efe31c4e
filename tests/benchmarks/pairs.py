"""Paired timing: both sides in turn, so that a machine whose speed drifts is as fast for the one as for the other."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable

from pytest_benchmark.fixture import BenchmarkFixture

PAIRS = 5


def time_pairs(
    benchmark: BenchmarkFixture,
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    what: str,
    before_ours: Callable[[], object] = lambda: None,
    before_theirs: Callable[[], object] = lambda: None,
    pairs: int = PAIRS,
    of_times: bool = False,
) -> None:
    """Run `theirs`, `ours`, `theirs`, … and note the ratio, its median and range: of speeds (theirs' time over ours,
    more is better), or `of_times` (ours over theirs, less is better).

    What comes before either is not timed.
    """
    their_seconds: list[float] = []

    def set_up() -> None:
        before_theirs()
        started = time.perf_counter()
        theirs()
        their_seconds.append(time.perf_counter() - started)
        before_ours()

    benchmark.pedantic(ours, setup=set_up, rounds=pairs, iterations=1)
    our_seconds: list[float] = benchmark.stats.stats.data
    both = zip(their_seconds, our_seconds, strict=True)
    ratios = sorted(our / their if of_times else their / our for their, our in both)
    benchmark.extra_info["ratio"] = statistics.median(ratios)
    benchmark.extra_info["ratio_range"] = [ratios[0], ratios[-1]]
    kind = "times" if of_times else "speeds"
    print(
        f"\n{what}: ratio of {kind} {statistics.median(ratios):.2f} ({ratios[0]:.2f}–{ratios[-1]:.2f}, {pairs} pairs);"
        f" ours {statistics.median(our_seconds):.2f} s, theirs {statistics.median(their_seconds):.2f} s"
    )


def ratios_of(
    ours: Callable[[], object],
    theirs: Callable[[], object],
    *,
    before_ours: Callable[[], object] = lambda: None,
    before_theirs: Callable[[], object] = lambda: None,
    pairs: int = PAIRS,
) -> list[float]:
    """Ratios of speeds of a second comparison, beside the one that the benchmark is about."""
    return [_seconds(theirs, before_theirs) / _seconds(ours, before_ours) for _ in range(pairs)]


def _seconds(work: Callable[[], object], before: Callable[[], object]) -> float:
    before()
    started = time.perf_counter()
    work()
    return time.perf_counter() - started
