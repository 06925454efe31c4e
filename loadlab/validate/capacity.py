"""Whether a rate is sustained: the verdict on one window of an open loop.

It is the judges' of a run, asked of the latency and error targets, with two questions more: was what was due done
(`gates.REACHED_SHARE_MIN`), and was the window in a steady state (`steady.py`). A window that cannot be judged for
certain leans to where its measured values lie.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from loadlab.measure.together import together
from loadlab.spec.targets import Target
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate import gates
from loadlab.validate.facts import Facts
from loadlab.validate.judge import judge
from loadlab.validate.model import TargetVerdict, Verdict
from loadlab.validate.steady import unsteady

PERCENTILE = 99.0
"""At which latency is judged where nobody states one: a mean user meets it every hundredth operation."""
REACHED = "achieved_rate"
STEADY = "steady_state"
GENERATOR = "generator"
# Arrivals that are independent of each other are sometimes fewer than asked; beyond this many standard deviations
# that is no chance.
_CHANCE = 4.0


@dataclass(frozen=True, slots=True)
class Broken:
    """One limit that a window broke: a target's name, `achieved_rate` or `steady_state`, and a sentence.

    `is_certain`: not only the measured value, its whole interval lies beyond the limit.
    """

    limit: str
    reason: str
    is_certain: bool = True


@dataclass(frozen=True, slots=True)
class RateVerdict:
    """What is said about a rate after one window at it.

    `holds` is where it leans when it is not `is_clear`; `unclear` says why. `generator_limit` is the clause of a load
    generator that was the limit itself: then neither is the case.
    """

    verdicts: tuple[TargetVerdict, ...]
    broken: tuple[Broken, ...]
    unclear: tuple[str, ...]
    generator_limit: str | None

    @property
    def holds(self) -> bool:
        return not self.broken and self.generator_limit is None

    @property
    def is_clear(self) -> bool:
        if self.generator_limit is not None:
            return False
        return any(item.is_certain for item in self.broken) if self.broken else not self.unclear

    @property
    def verdict(self) -> Verdict:
        """PASS and FAIL for a rate that is sustained and one that is not."""
        if not self.is_clear:
            return Verdict.INCONCLUSIVE
        return Verdict.PASS if self.holds else Verdict.FAIL


def capacity_targets(targets: Sequence[Target], *, percentile_is_stated: bool) -> tuple[Target, ...]:
    """Those that a rate is judged by, latency at p99 where no percentile is stated."""
    kept = [target for target in targets if target.kind in ("latency", "error_rate")]
    if percentile_is_stated:
        return tuple(kept)
    note = f"no percentile is stated; judged at p{PERCENTILE:g}"
    return tuple(
        replace(target, percentile=PERCENTILE, note=note) if target.kind == "latency" else target for target in kept
    )


def judge_rate(targets: Sequence[Target], facts: Facts) -> RateVerdict:
    """The verdict on the rate of an open loop after one window."""
    facts = _as_due(facts)
    verdicts = tuple(map(_in_own_words, judge(targets, facts)))
    verdicts = tuple(verdict for verdict in verdicts if verdict.verdict is not Verdict.SKIPPED)
    limit = gates.generator_saturated(facts) or _late_generator(verdicts, facts)
    broken = (*_broken_targets(verdicts), *_not_reached(facts), *_not_steady(facts))
    unclear = [verdict.reason for verdict in verdicts if verdict.verdict is Verdict.INCONCLUSIVE]
    return RateVerdict(verdicts, broken, tuple(unclear), limit)


def judge_together(targets: Sequence[Target], windows: Sequence[Facts]) -> RateVerdict:
    """The verdict on a rate after several windows at it: more answers tell more.

    Whether each was in a steady state is not asked again: each begins with nothing queued, so that all of them in a row
    have no trend that would mean anything.
    """
    facts = replace(windows[-1], load=together([window.load for window in windows]))
    verdict = judge_rate(targets, facts)
    return replace(verdict, broken=tuple(item for item in verdict.broken if item.limit != STEADY))


def _in_own_words(verdict: TargetVerdict) -> TargetVerdict:
    """The judges' advice names the options of a run."""
    return replace(verdict, reason=verdict.reason.replace("(--duration)", "(--step-duration)"))


def _as_due(facts: Facts) -> Facts:
    """With what was due in the window as the asked rate, as far as chance explains the difference.

    Every arrival of the window is executed, if late, or counted as dropped. Of few arrivals a second, chance alone
    would miss the asked rate by more than a load may fall short.
    """
    load = facts.load
    expected = (load.asked_rate_per_s or 0.0) * load.duration_s
    if load.arrivals != "poisson" or abs(facts.executions - expected) > _CHANCE * math.sqrt(expected):
        return facts
    return replace(facts, load=replace(load, asked_rate_per_s=facts.per_s(facts.executions)))


def _late_generator(verdicts: Sequence[TargetVerdict], facts: Facts) -> str | None:
    """A latency beyond its limit that the judge put down to the generator's own lag."""
    lag_us = facts.load.generator.lag_p99_us
    for verdict in verdicts:
        for item in verdict.details if verdict.target.kind == "latency" else ():
            low = item.interval[0] if item.interval is not None else 0.0
            if (
                item.verdict is Verdict.INCONCLUSIVE
                and low > verdict.target.limit
                and low - lag_us <= verdict.target.limit
            ):
                return (
                    f"the load generator was the limit: it was late by up to {format_duration(lag_us / 1e6)} (p99), "
                    f"enough to explain {item.name} (raise --workers, or run the database elsewhere)"
                )
    return None


def _broken_targets(verdicts: Sequence[TargetVerdict]) -> Iterator[Broken]:
    for verdict in verdicts:
        leans = verdict.measured is not None and not _meets(verdict.target, verdict.measured)
        if verdict.verdict is Verdict.FAIL or (verdict.verdict is Verdict.INCONCLUSIVE and leans):
            yield Broken(verdict.target.name, verdict.reason, verdict.verdict is Verdict.FAIL)


def _meets(target: Target, value: float) -> bool:
    return gates.decide(target, value, value) is Verdict.PASS


def _not_reached(facts: Facts) -> Iterator[Broken]:
    asked = facts.load.asked_rate_per_s
    achieved = facts.load.achieved_rate_per_s
    if asked and achieved < gates.REACHED_SHARE_MIN * asked:
        share = format_share(round(achieved / asked, 3))
        yield Broken(REACHED, f"Only {format_rate(achieved)} of {format_rate(asked)} were done, {share}.")


def _not_steady(facts: Facts) -> Iterator[Broken]:
    clause = unsteady(facts.load)
    if clause is not None:
        yield Broken(STEADY, f"{clause[:1].upper()}{clause[1:]}.")
