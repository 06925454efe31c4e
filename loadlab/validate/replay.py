"""Whether a replay is evidence of what the log's load does to the database: it is, when it was that load."""

from __future__ import annotations

from collections.abc import Iterator
from enum import StrEnum

from loadlab.measure.replay import ReplayMeasure
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate.gates import CPU_SHARE_MAX, REACHED_SHARE_MIN

ERROR_SHARE_MAX = 0.05
"""Of statements that succeeded in the log: beyond it, another database was asked than the one that was logged."""
_REMEDIES = {
    "session": "the one before in their session, which took longer than in the log: lower --speed, or take it as the"
    " answer",
    "connection": "a free connection: raise --connections",
    "generator": "the replaying process: raise --workers, or lower --speed",
}


class ReplayFinding(StrEnum):
    """What became of a replay."""

    REPLAYED = "REPLAYED"
    INCONCLUSIVE = "INCONCLUSIVE"


def judge_replay(measure: ReplayMeasure, *, lag_limit_s: float) -> tuple[ReplayFinding, str]:
    """The finding and one sentence; the first gate that is closed makes it INCONCLUSIVE."""
    done = f"{measure.executions:,} of {measure.planned:,} statements of {measure.sessions:,} sessions were replayed"
    for reason in _closed(measure, lag_limit_s):
        return ReplayFinding.INCONCLUSIVE, f"{done}, but {reason}{'' if reason.endswith('?') else '.'}"
    if measure.speed is None:
        return ReplayFinding.REPLAYED, f"{done}, as fast as possible."
    late = f"p99 lag {format_duration(measure.lag.percentile_us(99) / 1e6)}"
    return ReplayFinding.REPLAYED, f"{done} at {measure.speed:g} times the log's speed ({late})."


def _closed(measure: ReplayMeasure, lag_limit_s: float) -> Iterator[str]:
    if measure.failure is not None:
        yield f"the replay ended early: {measure.failure}"
    if measure.interrupted:
        yield f"it was interrupted after {format_duration(measure.duration_s)}"
    if measure.cpu_share > CPU_SHARE_MAX:
        yield (
            f"the replay itself was the limit: its busiest process used {format_share(round(measure.cpu_share, 2))}"
            " of a core (raise --workers)"
        )
    yield from _too_slow(measure, lag_limit_s)
    yield from _too_late(measure, lag_limit_s)
    if measure.errors > ERROR_SHARE_MAX * measure.executions:
        yield (
            f"{format_share(measure.errors / measure.executions)} of them failed, which in the log did not: is the"
            " schema the logged one, and its data there?"
        )


def _too_slow(measure: ReplayMeasure, lag_limit_s: float) -> Iterator[str]:
    """Of those that were due, fewer a second were begun. What is within the lag's limit of the end is on time."""
    if measure.speed is None or not measure.planned_s:
        return
    share = measure.planned_s / max(measure.begun_s - lag_limit_s, measure.planned_s)
    if share < REACHED_SHARE_MIN:
        asked = measure.planned / measure.planned_s
        yield (
            f"only {format_rate(asked * share)} of the {format_rate(asked)} that were due were begun,"
            f" so the load was lighter than asked; {_waited_for(measure)}"
        )


def _too_late(measure: ReplayMeasure, lag_limit_s: float) -> Iterator[str]:
    if measure.speed is None or not measure.lag.count:
        return
    lag_s = measure.lag.percentile_us(99) / 1e6
    if lag_s > lag_limit_s:
        yield (
            f"the p99 lag was {format_duration(lag_s)}, above {format_duration(lag_limit_s)} (--lag-limit);"
            f" {_waited_for(measure)}"
        )


def _waited_for(measure: ReplayMeasure) -> str:
    most = max(measure.late_s, key=lambda stage: measure.late_s[stage])
    total_s = sum(measure.late_s.values())
    share = format_share(round(measure.late_s[most] / total_s, 2)) if total_s else "all"
    return f"late statements waited {share} of that time for {_REMEDIES[most]}"
