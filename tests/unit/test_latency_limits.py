"""Latency limits of the pytest plugin: how they are read, measured and judged."""

from __future__ import annotations

import itertools
import time

import numpy as np
import pytest

from loadlab.errors import InputError
from loadlab.testing.code import CodeSubject
from loadlab.testing.judging import check
from loadlab.testing.limits import parse_limits
from loadlab.testing.options import of_worker
from loadlab.testing.sampling import Sampler
from loadlab.testing.subjects import values_at
from loadlab.testing.wording import summary_lines
from loadlab.validate.model import Verdict


@pytest.mark.parametrize(
    "text, expected",
    [
        ("p95 < 500ms", ["p95 < 500 ms"]),
        ("500ms", ["p95 < 500 ms"]),
        ("P99.9<=2s", ["p99.9 <= 2 s"]),
        ("p50 < 10ms, p99 ≤ 50 ms", ["p50 < 10 ms", "p99 <= 50 ms"]),
        (["p50 < 250us", "p95 < 1ms"], ["p50 < 250 µs", "p95 < 1 ms"]),
    ],
)
def test_limits_are_read(text, expected):
    assert [str(limit) for limit in parse_limits(text)] == expected


@pytest.mark.parametrize("text", ["", "p95", "p95 > 5ms", "p100 < 5ms", "p0 < 5ms", "p95 < 0ms", "p95 < 5 parsecs", []])
def test_a_limit_that_is_none_is_refused(text):
    with pytest.raises(InputError, match="loadlab_latency"):
        parse_limits(text)


def latencies(count: int, median_s: float) -> list[float]:
    """Independent draws whose p95 is median * exp(1.645 * 0.25) = 1.509 medians."""
    return list(median_s * np.exp(np.random.default_rng(5).normal(0, 0.25, count)))


@pytest.mark.parametrize(
    "median_s, verdict", [(0.020, Verdict.PASS), (0.060, Verdict.FAIL), (0.050 / 1.509, Verdict.INCONCLUSIVE)]
)
def test_only_an_interval_beyond_the_limit_fails(median_s, verdict):
    found = check(latencies(400, median_s), parse_limits("p95 < 50ms")[0])
    assert found.verdict is verdict
    assert found.low_s < found.value_s < found.high_s
    assert found.value_s == pytest.approx(1.509 * median_s, rel=0.1)


def test_few_executions_can_prove_that_something_is_slow_but_not_that_it_is_fast():
    limit = parse_limits("p95 < 50ms")[0]
    assert check([0.2] * 8, limit).verdict is Verdict.FAIL
    few = check([0.01] * 40, limit)
    assert few.verdict is Verdict.INCONCLUSIVE
    assert "a p95 needs 83 executions, and 40 fitted in the time" in few.reason
    assert check([0.01] * 83, limit).verdict is Verdict.PASS


def test_one_slow_spell_is_one_event():
    """Thirty slow executions in a row are no evidence that 5 % are slow; spread over the look they are."""
    limit = parse_limits("p95 < 50ms")[0]
    spell = [0.01] * 370 + [0.1] * 30
    spread = ([0.01] * 37 + [0.1] * 3) * 10
    assert check(spell, limit).verdict is Verdict.INCONCLUSIVE
    assert check(np.random.default_rng(1).permutation(spread), limit).verdict is not Verdict.PASS
    assert check(([0.01] * 8 + [0.1] * 2) * 40, limit).verdict is Verdict.FAIL


def test_a_look_is_as_long_as_the_percentile_needs_or_the_time_allows():
    calls = itertools.count()
    subject = CodeSubject(lambda: next(calls) and None, None)
    sampler = Sampler(subject, parse_limits("p99 < 1s"), 1.0)
    sampler.warm_up()
    sampler.look(lambda _: None)
    assert sampler.samples.warmup == 10
    assert len(sampler.samples.seconds) >= 2 * 420
    assert next(calls) == sampler.samples.warmup + len(sampler.samples.seconds)

    slow = Sampler(CodeSubject(lambda: time.sleep(0.03), None), parse_limits("p95 < 1s"), 0.1)
    slow.warm_up()
    begin = time.perf_counter()
    seen: list[float] = []
    slow.look(seen.append)
    assert len(slow.samples.seconds) == len(seen) >= 5
    assert time.perf_counter() - begin < 2
    assert min(seen) >= 0.03


@pytest.mark.parametrize(
    "database, worker, expected",
    [
        ("embedded:", "gw1", "embedded:"),
        ("embedded:./db", None, "embedded:./db"),
        ("postgresql://a@db/test_{worker}", "gw1", "postgresql://a@db/test_gw1"),
        ("postgresql://a@db/test_{worker}", None, "postgresql://a@db/test_main"),
    ],
)
def test_each_worker_has_a_database_of_its_own(database, worker, expected):
    assert of_worker(database, worker) == expected


def test_workers_do_not_share_a_database():
    with pytest.raises(pytest.UsageError, match=r"a:\*\*\*@db/test would be that of every pytest-xdist worker"):
        of_worker("postgresql://a:secret@db/test", "gw0")


def test_values_take_turns_or_are_made():
    users = [{"user": 1}, {"user": 2}]
    assert [values_at(users, index)["user"] for index in range(3)] == [1, 2, 1]
    assert values_at(lambda index: {"id": index}, 7) == {"id": 7}
    assert values_at(None, 7) == {}
    with pytest.raises(InputError, match="is empty"):
        values_at([], 0)


def test_the_summary_lines_up():
    item = {
        "verdict": "PASS", "percentile": 95.0, "value_s": 0.0123, "low_s": 0.011, "high_s": None, "sign": "<",
        "limit_s": 0.5, "samples": 1234, "test": "test_a.py::test_a",
    }  # fmt: skip
    head, line = summary_lines([item])
    assert line.split("  ")[0] == "PASS"
    assert "11 ms – ?" in line
    assert head.index("limit") == line.index("< 500 ms")
