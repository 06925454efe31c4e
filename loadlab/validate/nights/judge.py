"""A night beside those before it: a verdict, and what changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from loadlab.validate.model import Verdict
from loadlab.validate.nights.evidence import Change, evidence_changes
from loadlab.validate.nights.gaps import Gap, find_gaps
from loadlab.validate.nights.model import LATENCIES, Direction, Night, Sample
from loadlab.validate.nights.steps import BEFORE_MIN, EFFECT_MIN, PERSISTENCE, Step, find_steps
from loadlab.validate.nights.wording import amount, effect_text
from loadlab.validate.wording import counted

NIGHTS_NEEDED = BEFORE_MIN + PERSISTENCE
"""From so many nights on the wall clock can be judged."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """SKIPPED where there is nothing to compare with. `gap` are the nights missing right before this one."""

    verdict: Verdict
    reason: str
    nights: int
    changes: tuple[Change, ...] = ()
    gap: Gap | None = None


@dataclass(frozen=True, slots=True)
class Series:
    """One latency of one operation over the nights that have it; `nights` are their numbers."""

    operation: str
    metric: str
    nights: tuple[int, ...]
    samples: tuple[Sample, ...]

    def steps(self) -> list[Step]:
        """Its steps; numbers are those of the samples."""
        return find_steps(self.samples)


def series_of(nights: Sequence[Night]) -> Iterator[Series]:
    """The latencies of whole nights, oldest first, by operation and percentile."""
    operations = dict.fromkeys(name for night in nights for name in night.operations)
    for operation in operations:
        for metric in LATENCIES:
            found = [
                (number, sample)
                for number, night in enumerate(nights)
                if night.is_whole and operation in night.operations
                if (sample := night.operations[operation].latency.get(metric)) is not None
            ]
            if found:
                numbers, samples = zip(*found, strict=True)
                yield Series(operation, metric, numbers, samples)


def step_change(series: Series, step: Step, nights: Sequence[Night]) -> Change:
    """A step as people read it."""
    since = nights[series.nights[step.first]].started_at
    reason = (
        f"{amount(series.metric, step.after)} since {since[:10]}, {effect_text(step.before, step.after)} over "
        f"{amount(series.metric, step.before)}, on {counted(step.reported - step.first + 1, 'night')}."
    )
    is_worse = step.direction is Direction.WORSE
    return Change(series.operation, series.metric, step.direction, step.before, step.after, is_worse, reason, since)


def compare_night(night: Night, earlier: Sequence[Night], *, is_file: bool = False) -> Comparison:
    """`earlier` are the comparable whole nights, oldest first; `is_file`: it is one run that somebody named."""
    if night.problem:
        reason = f"The run is none to compare: {night.problem}."
        return Comparison(Verdict.INCONCLUSIVE, reason, len(earlier))
    if not earlier:
        return Comparison(Verdict.SKIPPED, "It is the first night of its series: there is nothing to compare with.", 0)
    nights = [*earlier, night]
    last = len(nights) - 1
    stepped = [
        step_change(series, step, nights)
        for series in series_of(nights)
        for step in series.steps()
        if series.nights[step.reported] == last
    ]
    alone = list(_apart(night, earlier[-1])) if is_file else []
    changes = (*evidence_changes(night, earlier), *stepped, *alone)
    gaps = find_gaps([item.at for item in nights])
    gap = gaps[-1] if gaps and gaps[-1].before == night.at else None
    failed = [change for change in changes if change.gates]
    return Comparison(
        Verdict.FAIL if failed else Verdict.PASS, _reason(changes, len(earlier), is_file), len(earlier), changes, gap
    )


def _reason(changes: Sequence[Change], nights: int, is_file: bool) -> str:
    worse = sum(change.gates for change in changes)
    better = sum(change.direction is Direction.BETTER for change in changes)
    beside = "the run that was named" if is_file else counted(nights, "night")
    found = [counted(worse, "regression")] if worse else []
    found += [counted(better, "improvement")] if better else []
    if is_file:
        clock = "; of the wall clock a single run proves nothing"
    elif nights + 1 < NIGHTS_NEEDED:
        clock = f"; the wall clock is judged from {NIGHTS_NEEDED} nights on"
    else:
        clock = ""
    return f"{' and '.join(found) or 'No regression'} beside {beside}{clock}."


def _apart(night: Night, other: Night) -> Iterator[Change]:
    """Latencies of two single runs whose intervals do not touch: worth a look, and no proof."""
    for name, operation in night.operations.items():
        for metric, now in operation.latency.items():
            then = other.operations[name].latency.get(metric) if name in other.operations else None
            if then is None or abs(now.value / then.value - 1) < EFFECT_MIN:
                continue
            worse = now.low is not None and then.high is not None and now.low > then.high
            better = now.high is not None and then.low is not None and now.high < then.low
            if worse or better:
                reason = (
                    f"{amount(metric, now.value)} where that run had {amount(metric, then.value)}: two single runs "
                    "differ by their hour as well; loadlab compare tells."
                )
                direction = Direction.WORSE if worse else Direction.BETTER
                yield Change(name, metric, direction, then.value, now.value, False, reason, night.started_at)
