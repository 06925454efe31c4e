"""Latency targets: the response time, from when a request was due, of every operation of a kind."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadlab.measure.model import OperationMeasure
from loadlab.spec.targets import DEFAULT_PERCENTILE, Target
from loadlab.units import format_count, format_duration
from loadlab.validate import gates
from loadlab.validate.facts import Facts
from loadlab.validate.gates import Context, Gate
from loadlab.validate.model import Examination, TargetVerdict, Verdict
from loadlab.validate.statistics import ROUNDS_MIN, Estimate, percentile_interval, samples_needed
from loadlab.validate.wording import counted, interval_text, names, relation

_SEVERITY = {Verdict.PASS: 0, Verdict.INCONCLUSIVE: 1, Verdict.FAIL: 2}


def latency(target: Target, context: Context) -> TargetVerdict:
    """The worst operation decides; among equals the slowest.

    Each operation is judged on its own interval, without a correction for how many there are: a PASS needs none (all
    must pass); of operations exactly at their limit chance alone fails one in forty.
    """
    kind = target.operation_kind or ""
    operations = context.facts.of_kinds(kind)
    if not operations:
        reason = f"There is no operation of kind {kind} in the workload."
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), reason)
    details = tuple(_examine(name, target, context) for name in operations)
    deciding = max(details, key=lambda item: (_SEVERITY[item.verdict], item.measured or 0.0))
    return TargetVerdict(
        target,
        deciding.verdict,
        deciding.measured,
        deciding.interval,
        deciding.samples,
        operations,
        _summary(deciding, details, kind),
        details,
        _window_s(details),
    )


def response_intervals(facts: Facts, percentiles: Sequence[float]) -> dict[str, dict[str, tuple[float, float]]]:
    """By operation, then by percentile (`p95`), the interval of its response time, µs; where there is any."""
    found: dict[str, dict[str, tuple[float, float]]] = {}
    for measure in facts.load.operations:
        rounds, failed = facts.rounds(measure.name), facts.failures([measure.name]).tolist()
        for percentile in percentiles:
            estimate = percentile_interval(
                measure.response, rounds, percentile, failed=failed, confidence=facts.confidence
            )
            if estimate is not None and estimate.is_bounded:
                found.setdefault(measure.name, {})[f"p{percentile:g}"] = estimate.interval
    return found


def _window_s(details: tuple[Examination, ...]) -> float | None:
    """What decides every operation; None where a window decides not all of them."""
    open_ = [item.window_s for item in details if item.verdict is not Verdict.PASS]
    windows = [window_s for window_s in open_ if window_s is not None]
    return max(windows) if windows and len(windows) == len(open_) else None


def _summary(deciding: Examination, details: tuple[Examination, ...], kind: str) -> str:
    if len(details) == 1:
        return deciding.reason
    passed = sum(item.verdict is Verdict.PASS for item in details)
    silent = [item.name for item in details if not item.samples and item is not deciding]
    tail = f"; {passed} of {len(details)} {kind} operations pass"
    if silent:
        tail += f", without any answer: {names(silent)}"
    return f"{deciding.reason.removesuffix('.')}{tail}."


def _examine(name: str, target: Target, context: Context) -> Examination:
    facts, percentile = context.facts, 100 * _share(target)
    measure = facts.measure(name)
    if measure is None or not facts.executed(name):
        reason = f"{name} was never executed in the measured window."
        return Examination(name, None, None, 0, Verdict.INCONCLUSIVE, reason)
    estimate = percentile_interval(
        measure.response,
        facts.rounds(name),
        percentile,
        failed=facts.failures([name]).tolist(),
        confidence=facts.confidence,
    )
    if estimate is None:
        reason = f"All {counted(measure.error_count, 'execution')} of {name} failed: it has no response time."
        return Examination(name, None, None, 0, Verdict.INCONCLUSIVE, reason)
    decided = gates.decide(target, estimate.low, estimate.high)
    finding = _finding(measure, estimate, target, context, decided)
    closed = _closed_gates(target, context, measure, estimate, decided)
    verdict, reason = gates.settle(decided, finding, *closed)
    interval = estimate.interval if estimate.is_bounded else None
    window_s = gates.window_needed_s(*closed)
    return Examination(name, estimate.value, interval, estimate.samples, verdict, reason, window_s)


def _finding(measure: OperationMeasure, estimate: Estimate, target: Target, context: Context, verdict: Verdict) -> str:
    made_of = f"{counted(estimate.samples, 'answer')} {gates.under_load(context.facts)}"
    if measure.error_count:
        made_of += f", {format_count(measure.error_count)} failed"
    return (
        f"The p{100 * _share(target):g} response time of {measure.name} is "
        f"{format_duration(estimate.value / 1e6)} ({interval_text(estimate.interval, 'us')}, {made_of}), "
        f"{relation(target, verdict)}"
    )


def _closed_gates(
    target: Target, context: Context, measure: OperationMeasure, estimate: Estimate, verdict: Verdict
) -> tuple[Gate | None, ...]:
    facts = context.facts
    return (
        gates.interrupted(facts),
        gates.generator_saturated(facts),
        gates.never_analysed(facts),
        gates.too_few_rounds(facts),
        _too_few(measure.name, target, context, estimate),
        _late_generator(target, context, measure, estimate) if verdict is Verdict.FAIL else None,
        gates.rate_not_reached(context) if verdict is Verdict.PASS else None,
        _advice(target, context, measure, estimate) if verdict is Verdict.INCONCLUSIVE else None,
    )


def _too_few(name: str, target: Target, context: Context, estimate: Estimate) -> Gate | None:
    """Too few answers for an interval with an upper end.

    Even so a lower end beyond the limit stands as a FAIL once one answer beyond the percentile was to be expected:
    a few slow answers prove that slow ones are common long before fast ones can prove that they are rare.
    """
    share = _share(target)
    needed, expected = samples_needed(share, context.facts.confidence), math.ceil(round(1 / (1 - share), 6))
    proves_fail = estimate.samples >= expected and estimate.low > target.limit
    if proves_fail or (estimate.samples >= needed and estimate.is_bounded):
        return None
    duration_s = context.facts.load.duration_s
    if estimate.samples >= needed:
        held = sum(part.count > 0 for part in context.facts.rounds(name))
        return gates.TooShort(
            f"its {counted(estimate.samples, 'answer')} came in fewer than {ROUNDS_MIN} of the window's rounds",
            duration_s * ROUNDS_MIN / held,
        )
    window_s = math.ceil(duration_s * needed / estimate.samples)
    return gates.TooShort(
        f"{counted(estimate.samples, 'answer', 'are')} too few: a p{100 * share:g} needs {needed}, "
        f"hence a window of about {format_duration(window_s)} (--duration)",
        window_s,
    )


def _late_generator(target: Target, context: Context, measure: OperationMeasure, estimate: Estimate) -> str | None:
    """A response time beyond the limit only because the generator started late is no fault of the database.

    The limit is exceeded for certain when it still is after taking the generator's own lag off, or when the service
    time, which holds no lag, exceeds it alone. (A PASS needs no such care: the lag is part of what passed.)
    """
    lag_us = context.facts.load.generator.lag_p99_us
    if not lag_us > 0 or estimate.low - lag_us > target.limit:
        return None
    rounds = context.facts.rounds(measure.name, of_service=True)
    service = percentile_interval(measure.service, rounds, 100 * _share(target), confidence=context.facts.confidence)
    if service is not None and service.low > target.limit:
        return None
    return (
        f"the load generator itself was late by up to {format_duration(lag_us / 1e6)} (p99), enough to explain it: "
        "the machine is too busy (lower --users or --rate, or run the database elsewhere)"
    )


def _advice(target: Target, context: Context, measure: OperationMeasure, estimate: Estimate) -> Gate:
    if math.isfinite(estimate.high):
        return gates.undecided(target, context.facts, estimate.value, estimate.interval)
    if measure.error_count:
        return "the failed executions, were they slow ones, would move it beyond every answer"
    return gates.TooShort(
        "its slow answers came in too few spells to tell how common they are (a longer window, --duration, could)",
        2 * context.facts.load.duration_s,
    )


def _share(target: Target) -> float:
    return (target.percentile or DEFAULT_PERCENTILE) / 100
