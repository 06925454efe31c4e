"""What the terminal and the HTML report of a capacity say alike."""

from __future__ import annotations

from collections.abc import Iterator

from loadlab.report.capacity.model import CapacityResult, LimitResult, StepResult
from loadlab.report.wording import NOTHING, label, percentile_label
from loadlab.units import format_rate, format_share
from loadlab.validate.capacity import GENERATOR, REACHED, STEADY
from loadlab.validate.gates import REACHED_SHARE_MIN
from loadlab.validate.saturation import Resource
from loadlab.validate.wording import counted, quantity

_LIMITS = {REACHED: "Achieved rate", STEADY: "Steady state", GENERATOR: "The load generator"}
RESOURCES: dict[Resource, str] = {
    "generator": "the load generator",
    "cpu": "processor",
    "locks": "locks",
    "io": "I/O",
    "connections": "connections",
    "unknown": "not known",
}


def limit_label(name: str) -> str:
    """`simple_queries` → `Simple queries`, `steady_state` → `Steady state`."""
    return _LIMITS.get(name) or label(name)


def target_text(target: LimitResult) -> str:
    """`Simple queries p99 < 10 ms`."""
    percentile = f" {percentile_label(target.percentile)}" if target.percentile is not None else ""
    sign = {"<=": "≤", ">=": "≥"}.get(target.sign, target.sign)
    return f"{label(target.name)}{percentile} {sign} {quantity(target.limit, target.unit)}"


def targets_text(result: CapacityResult) -> Iterator[str]:
    """Everything that a rate has to hold, one after another."""
    for target in result.targets:
        yield target_text(target) + (" (default)" if target.default else "")
    yield f"achieved ≥ {format_share(REACHED_SHARE_MIN)} of what is due"
    yield "a steady state"


def capacity_text(result: CapacityResult) -> str:
    """`412/s`, or a dash when no rate held."""
    return format_rate(result.rate_per_s) if result.rate_per_s is not None else NOTHING


def interval_text(result: CapacityResult) -> str:
    """`400/s – 425/s`; an end that no window told is left open."""
    low, high = result.interval
    if low is None and high is None:
        return NOTHING
    if low is None:
        return f"< {format_rate(high or 0.0)}"
    return f"≥ {format_rate(low)}" if high is None else f"{format_rate(low)} – {format_rate(high)}"


def law_text(result: CapacityResult) -> str:
    """The coefficients and the peak in one sentence, or why there are none."""
    law = result.law
    if law is None:
        return f"Not fitted: {result.law_note}"
    text = f"λ = {format_rate(law.lambda_per_s)}, σ (contention) = {law.sigma:.3g}, κ (coherence) = {law.kappa:.3g}"
    if law.peak_concurrency is None or law.peak_throughput_per_s is None:
        return f"{text}; no peak: the throughput never falls. {result.law_note}"
    highest = max((step.concurrency or 0.0 for step in result.steps), default=0.0)
    beyond = ", beyond what was measured" if law.peak_concurrency > highest else ""
    return (
        f"{text}; peak N* = {law.peak_concurrency:,.3g} with {format_rate(law.peak_throughput_per_s)}{beyond}. "
        f"{result.law_note}"
    )


def step_remark(step: StepResult) -> str:
    """What a window broke, or why it says nothing for certain; empty for one that held."""
    if step.generator_limit is not None:
        return "the load generator was the limit"
    if step.broken:
        return ", ".join(limit_label(item.limit) for item in step.broken)
    return "not for certain" if step.unclear else ""


def share_text(share: float | None) -> str:
    """`93%`; a dash for what cannot be told."""
    return NOTHING if share is None else format_share(round(share, 2))


def doing_text(step: StepResult) -> str:
    """`61% running, 30% lock`."""
    return ", ".join(f"{share_text(share)} {name}" for name, share in step.doing.items() if share >= 0.005) or NOTHING


def cores_text(step: StepResult) -> str:
    """The server's processor time per second, in cores."""
    return NOTHING if step.server_cores is None else f"{step.server_cores:.2f}"


def counts_text(result: CapacityResult) -> str:
    """`14 windows at 9 rates`."""
    rates = len({step.rate_per_s for step in result.steps})
    return f"{counted(len(result.steps), 'window')} at {counted(rates, 'rate')}"
