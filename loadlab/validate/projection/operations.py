"""Every operation's latency at the larger volume, from what was measured of it at each scale."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from loadlab.engines.protocol import PlanEvidence
from loadlab.units import format_count
from loadlab.validate import gates
from loadlab.validate.facts import Facts
from loadlab.validate.gates import Context, context_of
from loadlab.validate.projection.growth_law import Choice, operation_law, volume_of
from loadlab.validate.projection.latency import LatencyPoint, ProjectedLatency, project_latency
from loadlab.validate.projection.size_law import POINTS_MIN
from loadlab.validate.statistics import Estimate, percentile_interval
from loadlab.validate.wording import names

MEDIAN = 50.0


@dataclass(frozen=True, slots=True)
class OperationProjection:
    """One operation. `measured` has an estimate for each scale and percentile, None where nothing was recorded.

    `projected` is empty where there is no law, or too little to fit it to; `reason` tells why this law, or why none.
    `plans` are those of its statements at each scale. `overload` says why the load could not be carried there.
    """

    name: str
    kind: str
    choice: Choice
    rows: tuple[float, ...]
    measured: Mapping[float, tuple[Estimate | None, ...]]
    projected: Mapping[float, ProjectedLatency]
    reason: str
    plans: Mapping[str, Sequence[PlanEvidence | None]] = field(default_factory=dict)
    overload: str = ""


def project_operations(
    windows: Sequence[Facts], rows_at: Mapping[str, float], percentiles: Mapping[str, float]
) -> tuple[OperationProjection, ...]:
    """From a window at each scale, smallest first. `percentiles` are those of the targets, by kind of operation."""
    if not windows:
        return ()
    found = tuple(
        _project(name, kind, windows, rows_at, sorted({MEDIAN, percentiles.get(kind, 95.0)}))
        for name, kind in windows[0].kinds.items()
    )
    pool, busy = windows[-1].load.connections, connections_needed(windows[-1], found)
    return tuple(_overloaded(item, busy, pool) for item in found) if busy > pool else found


def connections_needed(window: Facts, projections: Sequence[OperationProjection]) -> float:
    """How many connections the window's load would keep busy, were every operation as slow as it is projected.

    Little's law: rate times mean service time, the latter in proportion to the projected median (J. D. C. Little, "A
    Proof for the Queuing Formula L = λW", Operations Research 9(3), 1961). `window` is that of the largest scale.
    """
    return math.fsum(
        measure.count / window.load.duration_s * measure.service.mean_us / 1e6 * _slower(item)
        for item in projections
        if (measure := window.measure(item.name)) is not None and measure.count
    )


def _slower(item: OperationProjection) -> float:
    """How many times as long the median is projected to take as it took at the largest scale; 1 where nobody knows."""
    found, last = item.projected.get(MEDIAN), item.measured[MEDIAN][-1]
    return max(1.0, found.value_us / last.value) if found is not None and last is not None and last.value else 1.0


def _overloaded(item: OperationProjection, busy: float, pool: int) -> OperationProjection:
    """Where more is asked than the connections carry, answers queue without an end: projected are lower bounds."""
    overload = (
        f"This load would keep {format_count(busy)} connections busy there and the pool has {format_count(pool)}: it"
        " could not be carried, and answers would queue without an end (a lower --rate, or more connections). What is"
        " projected is the time without that queue."
    )
    return replace(item, overload=overload)


def _project(
    name: str, kind: str, windows: Sequence[Facts], rows_at: Mapping[str, float], percentiles: Sequence[float]
) -> OperationProjection:
    plans = _plans(name, windows)
    choice = operation_law(plans, [window.rows for window in windows])
    measured = {
        percentile: tuple(_estimate(name, percentile, window) for window in windows) for percentile in percentiles
    }
    tables = choice.tables
    rows = tuple(volume_of(tables, window.rows) for window in windows)
    target = volume_of(tables, rows_at)
    projected: dict[float, ProjectedLatency] = {}
    reason = choice.reason
    closed = _closed_gate(windows)
    if choice.law is None or closed is not None:
        return OperationProjection(name, kind, choice, rows, measured, {}, closed or reason, plans)
    for percentile, estimates in measured.items():
        points = [
            LatencyPoint(count, estimate)
            for count, estimate in list(zip(rows, estimates, strict=True))[choice.first :]
            if estimate is not None and estimate.is_bounded
        ]
        if len(points) < POINTS_MIN:
            reason = f"It was answered too seldom at some scale (a longer --duration, or a higher --rate). {reason}"
            break
        projected[percentile] = project_latency(points, choice.law, target)
    return OperationProjection(name, kind, choice, rows, measured, projected, reason, plans)


def _plans(name: str, windows: Sequence[Facts]) -> dict[str, list[PlanEvidence | None]]:
    """The plans of an operation's statements at each scale."""
    keys = [key for key in windows[-1].plans or {} if key == name or key.startswith(f"{name}/")]
    return {key: [(window.plans or {}).get(key) for window in windows] for key in keys}


def _estimate(name: str, percentile: float, window: Facts) -> Estimate | None:
    measure = window.measure(name)
    if measure is None:
        return None
    return percentile_interval(
        measure.response, window.rounds(name), percentile, failed=window.failures([name]).tolist()
    )


def _closed_gate(windows: Sequence[Facts]) -> str | None:
    """Why the windows are no evidence: every scale has to have been under the same load."""
    for window in windows:
        context: Context = context_of((), window)
        gate = gates.interrupted(window) or gates.generator_saturated(window) or gates.rate_not_reached(context)
        if gate is not None:
            return f"At {gates.volume(window)} {gate}."
    return None


def unbounded(projection: OperationProjection) -> str:
    """The percentiles whose interval has no upper end, for a reader; empty when there is none."""
    open_ended = [f"p{p:g}" for p, found in projection.projected.items() if found.high_us == float("inf")]
    return f"No upper end is known of {names(open_ended)}: too few answers." if open_ended else ""
