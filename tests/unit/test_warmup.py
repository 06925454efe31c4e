"""What failed while a load warmed up, in words."""

from __future__ import annotations

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval, OperationInterval
from loadlab.measure.warmup import WarmupFailures


def _interval(count: int, **errors: dict[str, int]) -> Interval:
    operations = {name: OperationInterval(count, kinds, Histogram(), Histogram()) for name, kinds in errors.items()}
    return Interval(0.0, 1.0, 1, 0.5, operations)


def test_nothing_is_said_where_nothing_failed():
    failures = WarmupFailures()
    failures.add(_interval(10, read={}))
    assert failures.note is None


def test_failures_are_added_up_and_the_most_frequent_come_first():
    failures = WarmupFailures()
    failures.add(_interval(10, read={"57014": 1}, pay={"23505": 2, "40001": 4}))
    failures.add(_interval(10, read={}, pay={"23505": 1, "lost": 1}))
    assert failures.note == (
        "During warm-up 9 of 49 executions failed, which no target counts"
        " (pay: 4 × 40001; pay: 3 × 23505; read: 1 × 57014; and others)."
    )
