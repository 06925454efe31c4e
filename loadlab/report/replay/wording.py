"""The words of a replay, for every form of its report."""

from __future__ import annotations

from collections.abc import Mapping

from loadlab.report.replay.model import LogResult, ReplayResult
from loadlab.report.wording import NOTHING, duration_us
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate.wording import counted

SETTINGS = "SETs hold for the sessions that made them, and are not measured"


def speed_text(result: ReplayResult) -> str:
    """`speed 2`, or that there is none."""
    return "as fast as possible" if result.speed is None else f"speed {result.speed:g}"


def lag_text(result: ReplayResult) -> str:
    """How late statements began."""
    if result.speed is None:
        return "none: as fast as possible"
    lag = result.lag.us
    return f"p50 {duration_us(lag.p50)}, p99 {duration_us(lag.p99)}, max {duration_us(lag.max)}"


def load_text(result: ReplayResult) -> str:
    """What was reached, with what."""
    asked = f" of {format_rate(result.asked_per_s)} due" if result.asked_per_s else ""
    workers = "worker" if result.workers == 1 else "workers"
    return (
        f"{format_rate(result.achieved_per_s)}{asked} for {format_duration(result.duration_s)}, {speed_text(result)},"
        f" over {counted(result.connections, 'connection')} in {result.workers:,} {workers}"
        f" (busiest {format_share(round(result.generator_cpu_share, 2))} of a core)"
    )


def log_text(log: LogResult) -> str:
    """What the log holds."""
    return (
        f"{log.statements:,} statements of {log.sessions:,} sessions ({log.sessions_peak:,} at once) in"
        f" {format_duration(log.span_s)}"
    )


def left_out_text(left_out: Mapping[str, int]) -> str:
    """What is not replayed, by reason."""
    return "; ".join(f"{count:,} {reason}" for reason, count in left_out.items()) or NOTHING
