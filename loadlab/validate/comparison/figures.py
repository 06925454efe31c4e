"""What a round yields of each metric, as arrays over the pairs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum

import numpy as np

from loadlab.measure.figures import OperationFigures
from loadlab.measure.histogram import Histogram, highest_equivalent_us, lowest_equivalent_us
from loadlab.measure.model import LoadMeasure, OperationMeasure
from loadlab.validate.comparison.pairs import Halved
from loadlab.validate.wording import counted

# Of fewer answers a percentile is one answer or two.
EXECUTIONS_MIN = 5
P10_MIN = 20
P95_MIN = 100


class Metric(StrEnum):
    """What is compared of an operation, or (throughput) of all of them.

    The p10 is what it takes when nothing else wants the processor: of all figures the one that others' work moves least
    (Chen and Revels, "Robust benchmarking in noisy environments", 2016, take the minimum for the same reason).
    """

    p10 = "p10"
    p50 = "p50"
    p95 = "p95"
    mean = "mean"
    throughput = "throughput"
    blocks = "blocks"
    wal = "wal"


LATENCIES = (Metric.p50, Metric.p10, Metric.mean, Metric.p95)
_NEEDED = {Metric.p10: P10_MIN, Metric.p95: P95_MIN}
COUNTED = (Metric.blocks, Metric.wal)
"""What the server counts for each execution."""


@dataclass(frozen=True, slots=True)
class Round:
    """One side's part of a pair: everything it did, and its two halves, which took turns.

    `counted` has the server's figures by operation; empty where it does not count.
    """

    whole: LoadMeasure
    first: LoadMeasure
    second: LoadMeasure
    counted: Mapping[str, OperationFigures] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Series:
    """A metric of both sides by pair; `missing` says why there is none on both, though there may be on one.

    `plain` is then each side's figure over all that it executed, to be shown and not judged; None without any.
    """

    a: Halved | None = None
    b: Halved | None = None
    missing: str = ""
    plain: tuple[float | None, float | None] = (None, None)


def operation_in(load: LoadMeasure, name: str) -> OperationMeasure | None:
    """An operation's figures in a window."""
    return next((item for item in load.operations if item.name == name), None)


def executions(rounds: Sequence[Round], name: str) -> list[int]:
    """Successful executions by round."""
    found = (operation_in(item.whole, name) for item in rounds)
    return [item.count if item is not None else 0 for item in found]


def failures(rounds: Sequence[Round], name: str) -> int:
    """Failed executions over all rounds."""
    found = (operation_in(item.whole, name) for item in rounds)
    return sum(item.error_count for item in found if item is not None)


def interpolated_us(histogram: Histogram, percentile: float) -> float:
    """A percentile (µs) within the place where it is counted, as if its answers lay there evenly.

    Whole microseconds are too coarse to compare answers of fifteen of them. NaN when empty.
    """
    count = histogram.count
    if not count:
        return math.nan
    rank = percentile / 100 * count
    below = np.cumsum(histogram.counts)
    place = min(int(np.searchsorted(below, rank)), len(below) - 1)
    index, inside = int(histogram.indices[place]), int(histogram.counts[place])
    low, high = lowest_equivalent_us(index), highest_equivalent_us(index) + 1
    return low + (high - low) * (rank - (float(below[place]) - inside)) / inside


_LATENCY: dict[Metric, Callable[[Histogram], float]] = {
    Metric.p10: lambda service: interpolated_us(service, 10),
    Metric.p50: lambda service: interpolated_us(service, 50),
    Metric.mean: lambda service: service.mean_us,
    Metric.p95: lambda service: interpolated_us(service, 95),
}


def latency_series(a: Sequence[Round], b: Sequence[Round], name: str, metric: Metric) -> Series:
    """Service times (µs) of an operation."""
    fewest = min((*executions(a, name), *executions(b, name)))
    needed = _NEEDED.get(metric, EXECUTIONS_MIN)
    if fewest < needed:
        missing = f"a round had {counted(fewest, 'execution')}, and {metric} needs {needed:,}"
        return Series(missing=missing, plain=_plain(a, b, name, metric))
    value = _LATENCY[metric]

    def of(load: LoadMeasure) -> float:
        item = operation_in(load, name)
        return value(item.service) if item is not None else math.nan

    series = _series(a, b, of)
    return replace(series, plain=_plain(a, b, name, metric)) if series.missing else series


def _plain(a: Sequence[Round], b: Sequence[Round], name: str, metric: Metric) -> tuple[float | None, float | None]:
    """Over all rounds together, where a p10 or p95 has as many answers as it needs in one."""

    def of(rounds: Sequence[Round]) -> float | None:
        found = (operation_in(item.whole, name) for item in rounds)
        service = Histogram.merged(item.service for item in found if item is not None)
        return _LATENCY[metric](service) if service.count >= _NEEDED.get(metric, 1) else None

    return of(a), of(b)


def throughput_series(a: Sequence[Round], b: Sequence[Round]) -> Series:
    """Operations done per second of a closed loop."""
    return _series(a, b, lambda load: load.achieved_rate_per_s)


def counted_series(a: Sequence[Round], b: Sequence[Round], name: str, metric: Metric) -> Series | None:
    """What the server counts for each execution of an operation; None where neither does, or nothing on both sides.

    Where one of two kinds of database does not count it, the figures of the other stand alone.
    """
    field_name = "blocks_per_call" if metric is Metric.blocks else "wal_bytes_per_call"
    sides = [
        [getattr(item.counted[name], field_name) if name in item.counted else None for item in rounds]
        for rounds in (a, b)
    ]
    if any(None in side and any(side) for side in sides):
        return Series(missing="it was not counted in every round")
    given = [side if None not in side else [] for side in sides]
    if not any(map(any, given)):
        return None
    wholes = [np.array(side, dtype=np.float64) for side in given]
    if any(len(whole) and whole.min() <= 0 for whole in wholes):
        return Series(missing="a round had none of it")
    # The counts are of the whole rounds: their noise is that of neighbours.
    found = [_neighbours(whole) if len(whole) else None for whole in wholes]
    lacking = [name for name, series in zip("AB", found, strict=True) if series is None]
    return Series(found[0], found[1], f"the server of {lacking[0]} does not count it" if lacking else "")


def _neighbours(values: np.ndarray[tuple[int], np.dtype[np.float64]]) -> Halved:
    return Halved(values, values, np.roll(values, 1))


def _series(a: Sequence[Round], b: Sequence[Round], value: Callable[[LoadMeasure], float]) -> Series:
    sides = [
        Halved(
            *(
                np.array([value(getattr(item, part)) for item in rounds], dtype=np.float64)
                for part in ("whole", "first", "second")
            )
        )
        for rounds in (a, b)
    ]
    if not all(np.all(values > 0) for side in sides for values in (side.whole, side.first, side.second)):
        return Series(missing="half of a round had none of it")
    return Series(sides[0], sides[1])
