"""A run in a few plain sentences: what was tested, on what, how it ended, and what decided it."""

from __future__ import annotations

import math
from collections import Counter

from loadlab.report.model import LoadResult, Result, TargetResult
from loadlab.report.wording import target_label
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate.model import Verdict
from loadlab.validate.wording import counted

_DECIDED_BY = {
    Verdict.FAIL: "Furthest beyond its limit",
    Verdict.INCONCLUSIVE: "Farthest from a verdict",
    Verdict.PASS: "Closest to its limit",
}
_COUNTED = ((Verdict.PASS, "passed"), (Verdict.FAIL, "failed"), (Verdict.INCONCLUSIVE, "inconclusive"))


def tested(result: Result) -> str:
    """`19 operations ran on PostgreSQL 18.1 for 20 s with 40 users over 8 connections, against …`."""
    load, seeding = result.load, result.seeding
    ran = [operation for operation in result.operations if operation.count or operation.errors]
    what = counted(len(ran), "operation") if ran else "No operation"
    scale = "the full volume" if seeding.scale == 1 else f"{format_share(seeding.scale)} of the full volume"
    return (
        f"{what} ran on {result.environment.server} for {format_duration(load.duration_s)} {_load_in_words(load)}, "
        f"against {counted(seeding.rows, 'row')} in {counted(len(seeding.tables), 'table')}, {scale}."
    )


def outcome(result: Result) -> str:
    """`6 of 12 targets passed, 1 failed, 5 inconclusive.`"""
    counts: Counter[Verdict] = Counter(
        target.verdict for target in result.targets if target.verdict is not Verdict.SKIPPED
    )
    if not counts:
        return "No target was judged."
    (first, word), *others = [(counts[verdict], word) for verdict, word in _COUNTED if counts[verdict]]
    total = sum(counts.values())
    of = f"all {total}" if first == total else f"{first} of {total}"
    start = f"{of if total > 1 else 'the one'} target{'s' if total > 1 else ''} {word}"
    return f"{', '.join([start, *(f'{count} {word}' for count, word in others)])}.".capitalize()


def decided_by(result: Result) -> TargetResult | None:
    """The target with the run's verdict that says most about it; None where nothing was judged."""
    same = [target for target in result.targets if target.verdict == result.verdict]
    return max(same, key=_by_limit, default=None)


def decided_by_words(target: TargetResult) -> str:
    """What the target is to the run, before its reason: `Furthest beyond its limit is “Error rate”`."""
    return f"{_DECIDED_BY[target.verdict]} is “{target_label(target)}”"


def _load_in_words(load: LoadResult) -> str:
    over = f"over {counted(load.connections, 'connection')}"
    if load.arrivals == "users":
        return f"with {counted(load.users, 'user')} {over}"
    asked = f"at {format_rate(load.asked_rate_per_s)} " if load.asked_rate_per_s is not None else ""
    return f"{asked}({load.arrivals} arrivals) {over}"


def _by_limit(target: TargetResult) -> float:
    """How much of its limit a target takes up: 1 is at the limit, more is beyond."""
    value = _nearest(target)
    if value is None:
        return 0.0
    if target.sign in ("<", "<="):
        return _share(value, target.limit)
    if target.unit == "ratio" and target.limit >= 0.5:
        # Of a share that must be high, what lacks counts: 99 % is twice as good as 98 %.
        return _share(1 - value, 1 - target.limit)
    return _share(target.limit, value)


def _nearest(target: TargetResult) -> float | None:
    """The measured value; where it passed, the end of its interval that is nearest to the limit."""
    if target.verdict is not Verdict.PASS or target.interval is None:
        return target.measured
    end = target.interval[1 if target.sign in ("<", "<=") else 0]
    return target.measured if end is None else end


def _share(part: float, whole: float) -> float:
    if whole == 0:
        return math.inf if part > 0 else 0.0
    return part / whole
