"""Where the figures of a check go: the test's report (the summary, JUnit XML), and pytest-benchmark's own records."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from loadlab.testing.judging import Check
from loadlab.testing.sampling import Samples

PROPERTY = "loadlab_latency"
EXTRA_INFO = "loadlab"


class Recorder:
    """For one test. `benchmark` is pytest-benchmark's fixture, where that is installed.

    The executions of the test's first check become pytest-benchmark's rounds, so that its table, its JSON and its
    comparisons hold them; the figures of every check are `extra_info["loadlab"]`. A test that uses `benchmark` itself
    keeps it for itself.
    """

    def __init__(self, node: pytest.Item, benchmark: Any = None) -> None:
        self.used = False
        self._node, self._benchmark = node, benchmark
        self._is_fed = False
        self._is_tests_own = "benchmark" in inspect.signature(getattr(node, "function", lambda: None)).parameters

    def begin(self, execute: Callable[[], object]) -> float | None:
        """Before a check's executions: has pytest-benchmark time the first one; its seconds, None where it does not."""
        benchmark, first = self._benchmark, not self.used
        self.used = True
        self._is_fed = False
        if benchmark is None or self._is_tests_own or not first:
            return None
        benchmark.pedantic(execute, rounds=1)
        if benchmark.stats is None:
            return None  # --benchmark-disable, or pytest-xdist: it has only executed it.
        self._is_fed = True
        return float(benchmark.stats.stats.data[0])

    def add(self, seconds: float) -> None:
        """An execution."""
        if self._is_fed:
            self._benchmark.stats.update(seconds)

    def keep(self, name: str, samples: Samples, checks: Sequence[Check]) -> None:
        """The figures of a check, whatever its verdict."""
        self.used = True
        kept = [figures(name, samples, item) for item in checks]
        self._node.user_properties += [(PROPERTY, json.dumps(item)) for item in kept]
        if self._benchmark is not None:
            self._benchmark.extra_info.setdefault(EXTRA_INFO, []).extend(kept)


def figures(name: str, samples: Samples, item: Check) -> dict[str, Any]:
    """A limit and what was measured, as JSON has it; `high_s` is None where nothing bounds the percentile."""
    return {
        "what": name,
        "verdict": item.verdict.value,
        "percentile": item.limit.percentile,
        "sign": item.limit.sign,
        "limit_s": item.limit.limit_s,
        "value_s": item.value_s,
        "low_s": item.low_s,
        "high_s": item.high_s if math.isfinite(item.high_s) else None,
        "samples": item.samples,
        "warmup": samples.warmup,
        "rows": sorted(samples.rows)[:5],
    }
