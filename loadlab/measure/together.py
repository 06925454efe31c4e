"""Windows of the same load as one: a percentile of few answers says more over all of them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationMeasure


def together(loads: Sequence[LoadMeasure]) -> LoadMeasure:
    """Windows at the same rate, one after another. The generator's health is the worst of theirs."""
    duration_s = math.fsum(load.duration_s for load in loads)
    asked = [load.asked_rate_per_s for load in loads]
    due = math.fsum((rate or 0.0) * load.duration_s for rate, load in zip(asked, loads, strict=True))
    return replace(
        loads[0],
        duration_s=duration_s,
        connections_peak=max(load.connections_peak for load in loads),
        asked_rate_per_s=due / duration_s if duration_s and None not in asked else None,
        operations=tuple(
            _operation([load.operations[number] for load in loads]) for number in range(len(loads[0].operations))
        ),
        intervals=_intervals(loads),
        generator=_worst([load.generator for load in loads]),
        wait=Histogram.merged(load.wait for load in loads),
        connect=Histogram.merged(load.connect for load in loads),
        statements=_added([load.statements for load in loads]),
        first_errors={name: text for load in reversed(loads) for name, text in load.first_errors.items()},
        interrupted=any(load.interrupted for load in loads),
    )


def _intervals(loads: Sequence[LoadMeasure]) -> tuple[Interval, ...]:
    found: list[Interval] = []
    start_s = 0.0
    for load in loads:
        found += [replace(interval, start_s=start_s + interval.start_s) for interval in load.intervals]
        start_s += load.duration_s
    return tuple(found)


def _operation(parts: Sequence[OperationMeasure]) -> OperationMeasure:
    outcomes = dict.fromkeys(outcome for part in parts for outcome in part.attempts)
    return replace(
        parts[0],
        count=sum(part.count for part in parts),
        errors=_added([part.errors for part in parts]),
        service=Histogram.merged(part.service for part in parts),
        response=Histogram.merged(part.response for part in parts),
        attempts={
            outcome: Histogram.merged(part.attempts[outcome] for part in parts if outcome in part.attempts)
            for outcome in outcomes
        },
        ended_late=sum(part.ended_late for part in parts),
    )


def _worst(parts: Sequence[GeneratorHealth]) -> GeneratorHealth:
    busiest = max(parts, key=lambda part: part.cpu_share)
    return replace(
        busiest, lag_p99_us=max(part.lag_p99_us for part in parts), refills=sum(part.refills for part in parts)
    )


def _added(counts: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = dict.fromkeys(name for part in counts for name in part)
    return {name: sum(part.get(name, 0) for part in counts) for name in names}
