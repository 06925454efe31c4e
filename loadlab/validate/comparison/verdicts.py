"""From paired rounds to verdicts: better, worse, same or inconclusive, for each metric, operation and all.

Many metrics are compared at once, and each could seem to differ by chance. The intervals are simultaneous: with m of
them each has the confidence 1 - 0.01 / m (Bonferroni; Miller, "Simultaneous Statistical Inference", 2nd ed. 1981,
section 2.1), so that all of them together hold with 99 %. A comparison that may go on (`undecided`) is looked at
more than once: then m counts each interval as often. A difference counts only when its interval leaves out "no
difference" *and* the estimate is beyond the least effect: what was asked for (5 %), the noise that a side has against
itself in the same rounds, and what the control operation seems to differ by, whichever is largest.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from loadlab.units import format_share
from loadlab.validate.comparison.figures import (
    COUNTED,
    LATENCIES,
    Metric,
    Round,
    Series,
    counted_series,
    executions,
    failures,
    latency_series,
    throughput_series,
)
from loadlab.validate.comparison.pairs import PAIRS_MIN, PairedEstimate, estimate_pairs
from loadlab.validate.wording import counted

FAMILY_CONFIDENCE = 0.99
MIN_EFFECT = 0.05
SAME_MOST = 3.0
"""A difference is not called none where the noise is more than so many times the least effect that was asked for."""
LOOKS = 3
"""How often a run is judged that goes on, each time for as many pairs again, where this could decide more."""
ERRORS_MOST = 0.01
# Absolute differences that say nothing. Where a page is split, or a map of free space is looked at, comes and goes with
# the history of a table; and where memory lies makes two processes of one program differ by a microsecond or two
# (Mytkowicz et al., "Producing Wrong Data Without Doing Anything Obviously Wrong!", ASPLOS 2009).
_LEAST = {Metric.blocks: 2.0, Metric.wal: 64.0, **dict.fromkeys(LATENCIES, 2.0)}
ALL = ""
"""The name under which all operations together stand."""
_TYPICAL = (Metric.p50, Metric.p10)
_WRITE = "write"


class Outcome(StrEnum):
    """What B is, compared with A."""

    BETTER = "BETTER"
    WORSE = "WORSE"
    MIXED = "MIXED"
    SAME = "SAME"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class MetricVerdict:
    """One metric of one operation. `a` and `b` are medians over the rounds, `effect` the least that counts.

    Without an `estimate` for want of executions they are of all that were executed.
    """

    operation: str
    metric: Metric
    a: float | None
    b: float | None
    estimate: PairedEstimate | None
    effect: float
    outcome: Outcome
    reason: str


@dataclass(frozen=True, slots=True)
class OperationVerdict:
    """What its metrics come to; `reason` is empty where they speak for themselves."""

    name: str
    kind: str
    executions: tuple[int, int]
    outcome: Outcome
    reason: str
    metrics: tuple[MetricVerdict, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """All verdicts. `control` is judged like the others and counts for none; None without one."""

    operations: tuple[OperationVerdict, ...]
    control: OperationVerdict | None
    throughput: MetricVerdict | None
    pairs: int
    family: int
    confidence: float
    outcome: Outcome
    reason: str


def compare_rounds(
    a: Sequence[Round],
    b: Sequence[Round],
    *,
    control: str | None = None,
    min_effect: float = MIN_EFFECT,
    pairs_asked: int | None = None,
    ended_early: str | None = None,
    storage: Outcome | None = None,
    looks: int = 1,
) -> Comparison:
    """Judge what both sides did; round k of `a` and of `b` are pair k. `storage` counts for the outcome of all.

    `looks` is how often this may be asked of the same run, with more and more pairs.

    Fewer pairs than asked for are a part only: they can tell of something worse, and never that there is nothing.
    """
    names = [item.name for item in a[0].whole.operations if a and b] if a and b else []
    known = {item.name for item in b[0].whole.operations} if b else set()
    shared = [name for name in names if name in known]
    table = {name: _series_of(a, b, name) for name in shared}
    throughput = throughput_series(a, b) if a and b and not a[0].whole.is_open else None
    judged = [name for name in shared if name != control]
    family = _family(table, judged, throughput)
    confidence = 1 - (1 - FAMILY_CONFIDENCE) / max(family * looks, 1)
    judge = _Judge(confidence, min_effect)
    control_verdict = _operation(a, b, control, table, judge) if control in table else None
    judge = _Judge(confidence, min_effect, _deviations(control_verdict))
    operations = tuple(_operation(a, b, name, table, judge) for name in judged)
    whole = judge.metric(ALL, Metric.throughput, throughput) if throughput is not None else None
    part = _part(len(a), pairs_asked or len(a), ended_early)
    outcome, reason = _all_together(operations, whole, storage, part)
    return Comparison(operations, control_verdict, whole, len(a), family, confidence, outcome, reason)


def undecided(comparison: Comparison, min_effect: float, growth: float) -> str | None:
    """The operation that `growth` times as many pairs would decide, were the estimate of its p50 or p10 to stay.

    None where there is none: pairs do not help what seems to be the same, nor what was not executed.
    """
    for operation in comparison.operations:
        for item in operation.metrics:
            estimate = item.estimate
            if item.metric in _TYPICAL and item.outcome is Outcome.INCONCLUSIVE and estimate is not None:
                half = math.log(estimate.interval[1] / estimate.ratio)
                needed = max(half, math.log1p(estimate.noise)) / math.sqrt(growth)
                if abs(math.log(estimate.ratio)) >= max(needed, math.log1p(min_effect)):
                    return operation.name
    return None


def _series_of(a: Sequence[Round], b: Sequence[Round], name: str) -> dict[Metric, Series]:
    found = {metric: latency_series(a, b, name, metric) for metric in LATENCIES}
    is_write = any(item.name == name and item.kind == _WRITE for item in (*a[0].whole.operations,))
    for metric in COUNTED:
        # A read writes a log too, now and then, for reasons of the server's own.
        series = counted_series(a, b, name, metric) if metric is not Metric.wal or is_write else None
        if series is not None:
            found[metric] = series
    return found


def _family(table: Mapping[str, Mapping[Metric, Series]], judged: Iterable[str], throughput: Series | None) -> int:
    """How many intervals are made at once."""
    every = [series for name in judged for series in table[name].values()]
    return sum(
        series.a is not None and series.b is not None
        for series in (*every, *([throughput] if throughput is not None else ()))
    )


@dataclass(frozen=True, slots=True)
class _Judge:
    """How a metric is judged; `deviations` is what the control seems to differ by, by metric."""

    confidence: float
    min_effect: float
    deviations: Mapping[Metric, float] | None = None

    def metric(self, name: str, metric: Metric, series: Series) -> MetricVerdict:
        a, b = (
            float(np.median(side.whole)) if side is not None else plain
            for side, plain in zip((series.a, series.b), series.plain, strict=True)
        )
        if series.a is None or series.b is None or a is None:
            return MetricVerdict(name, metric, a, b, None, self.min_effect, Outcome.INCONCLUSIVE, series.missing)
        estimate = estimate_pairs(series.a, series.b, confidence=self.confidence)
        if estimate is None:
            reason = f"{counted(len(series.a.whole), 'pair')} of at least {PAIRS_MIN}"
            return MetricVerdict(name, metric, a, b, None, self.min_effect, Outcome.INCONCLUSIVE, reason)
        noise = max(estimate.noise, self._deviation(metric))
        effect = max(self.min_effect, noise, _LEAST.get(metric, 0.0) / a)
        outcome, reason = self._outcome(metric, estimate, effect, noise)
        return MetricVerdict(name, metric, a, b, estimate, effect, outcome, reason)

    def _deviation(self, metric: Metric) -> float:
        # What the server counts is not disturbed by what disturbs its clock.
        if metric in COUNTED or not self.deviations:
            return 0.0
        return self.deviations.get(Metric.p50 if metric is Metric.throughput else metric, 0.0)

    def _outcome(self, metric: Metric, estimate: PairedEstimate, effect: float, noise: float) -> tuple[Outcome, str]:
        if estimate.is_beyond(effect):
            is_less = estimate.ratio < 1
            return (Outcome.BETTER if is_less != (metric is Metric.throughput) else Outcome.WORSE), ""
        if noise > SAME_MOST * self.min_effect:
            what = "a side" if estimate.noise == noise else "the control"
            return Outcome.INCONCLUSIVE, f"{what} differs from itself by up to {format_share(round(noise, 3))}"
        if estimate.is_within(effect):
            return Outcome.SAME, ""
        return Outcome.INCONCLUSIVE, f"the interval is wider than the {format_share(round(effect, 3))} that count"


def _operation(
    a: Sequence[Round],
    b: Sequence[Round],
    name: str | None,
    table: Mapping[str, Mapping[Metric, Series]],
    judge: _Judge,
) -> OperationVerdict:
    assert name is not None
    metrics = tuple(judge.metric(name, metric, series) for metric, series in table[name].items())
    counts = executions(a, name), executions(b, name)
    kind = next(item.kind for item in a[0].whole.operations if item.name == name)
    totals = sum(counts[0]), sum(counts[1])
    flaw = _flaw(a, b, name, counts)
    if flaw is not None:
        metrics = tuple(replace(item, outcome=Outcome.INCONCLUSIVE, reason=flaw) for item in metrics)
        return OperationVerdict(name, kind, totals, Outcome.INCONCLUSIVE, flaw, metrics)
    outcome, reason = _combined(metrics)
    return OperationVerdict(name, kind, totals, outcome, reason, metrics)


def _flaw(a: Sequence[Round], b: Sequence[Round], name: str, counts: tuple[list[int], list[int]]) -> str | None:
    """What keeps an operation from being judged at all."""
    for side, rounds, done in (("A", a, counts[0]), ("B", b, counts[1])):
        failed = failures(rounds, name)
        if failed > ERRORS_MOST * (failed + sum(done)):
            first = next((item.whole.first_errors[name] for item in rounds if name in item.whole.first_errors), "")
            return f"{failed:,} of {failed + sum(done):,} executions failed on {side}: {first}"
    empty = sum(not one or not other for one, other in zip(*counts, strict=True))
    if empty:
        return f"it was not executed on both sides in {empty} of {counted(len(a), 'pair')}"
    return None


def _combined(metrics: Sequence[MetricVerdict]) -> tuple[Outcome, str]:
    """By the median, unless another metric is clearly better or worse."""
    found = {item.outcome for item in metrics}
    if {Outcome.WORSE, Outcome.BETTER} <= found:
        return Outcome.MIXED, ""
    for outcome in (Outcome.WORSE, Outcome.BETTER):
        if outcome in found:
            return outcome, ""
    median = next(item for item in metrics if item.metric is Metric.p50)
    return median.outcome, f"p50: {median.reason}" if median.reason else ""


def _deviations(control: OperationVerdict | None) -> dict[Metric, float]:
    if control is None:
        return {}
    return {
        item.metric: math.expm1(abs(math.log(item.estimate.ratio)))
        for item in control.metrics
        if item.estimate is not None
    }


def _part(pairs: int, asked: int, ended_early: str | None) -> str:
    if ended_early is not None:
        return f"it ended early ({ended_early}): {pairs} of {counted(asked, 'pair')} were measured"
    return f"{pairs} of {counted(asked, 'pair')} were measured" if pairs < asked else ""


def _all_together(
    operations: Sequence[OperationVerdict], throughput: MetricVerdict | None, storage: Outcome | None, part: str
) -> tuple[Outcome, str]:
    found = {item.outcome for item in operations}
    found |= {outcome for outcome in (storage, throughput.outcome if throughput is not None else None) if outcome}
    is_worse = Outcome.WORSE in found or Outcome.MIXED in found
    is_better = Outcome.BETTER in found or Outcome.MIXED in found
    if is_worse:
        return (Outcome.MIXED if is_better else Outcome.WORSE), part
    if not operations:
        return Outcome.INCONCLUSIVE, part or "no operation was executed on both sides"
    unclear = [item for item in operations if item.outcome is Outcome.INCONCLUSIVE]
    if part:
        return Outcome.INCONCLUSIVE, part
    if unclear:
        return Outcome.INCONCLUSIVE, f"{unclear[0].name}: {unclear[0].reason}"
    return (Outcome.BETTER if is_better else Outcome.SAME), ""
