"""What a search for the capacity has found: from the windows at each rate to one sentence. Pure functions."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import LoadMeasure
from loadlab.units import format_rate, format_share
from loadlab.validate.capacity import GENERATOR, STEADY, Broken, RateVerdict
from loadlab.validate.model import Verdict
from loadlab.validate.saturation import Saturation, Usage, saturated
from loadlab.validate.search import Bracket, SearchPlan, Seen, bracket_of, next_rate
from loadlab.validate.usl import POINTS_MIN, ScalabilityLaw, fit_scalability
from loadlab.validate.wording import counted

# Below this there is hardly a moment with two at once, which is what the law is about.
_CONCURRENCY_MIN = 2.0
# A capacity that may be twice as large is none.
_WIDEST = 2.0


class Finding(StrEnum):
    """Whether there is a capacity to tell."""

    FOUND = "FOUND"
    INCONCLUSIVE = "INCONCLUSIVE"


@dataclass(frozen=True, slots=True)
class RateStep:
    """One window at one rate (asked, per second): what was measured, what it says, what it used.

    `together` is the verdict over this window and the earlier ones at the rate, None for the first.
    """

    rate_per_s: float
    load: LoadMeasure
    verdict: RateVerdict
    usage: Usage
    together: RateVerdict | None = None

    @property
    def response(self) -> Histogram:
        """Response times of all operations."""
        return Histogram.merged(operation.response for operation in self.load.operations)

    @property
    def is_steady(self) -> bool:
        """Whether neither response time nor throughput moved any more."""
        return all(item.limit != STEADY for item in self.verdict.broken)

    @property
    def concurrency(self) -> float | None:
        """Operations in the system on average; None without a steady state, of which alone it can be said.

        Little's law: rate times mean response (J. D. C. Little, "A Proof for the Queuing Formula L = λW", Operations
        Research 9(3), 1961).
        """
        response = self.response
        if not self.is_steady or not response.count:
            return None
        return self.load.achieved_rate_per_s * response.mean_us / 1e6


@dataclass(frozen=True, slots=True)
class Conclusion:
    """`rate_per_s` is the highest rate that held, `broken` what broke first at the next one and `also` the rest.

    `interval` counts only what is certain: at and below its lower end every window held, at and above its upper end
    every window broke, and at each end one window at least did so for certain (None: there is no such rate).
    `saturation` is that of the window at `saturated_at_per_s`. `law` is None where `law_note` says why.
    """

    finding: Finding
    reason: str
    bracket: Bracket
    interval: tuple[float | None, float | None]
    broken: Broken | None
    also: tuple[str, ...]
    saturation: Saturation | None
    saturated_at_per_s: float | None
    law: ScalabilityLaw | None
    law_note: str

    @property
    def rate_per_s(self) -> float | None:
        return self.bracket.held


def tried(steps: Sequence[RateStep]) -> dict[float, list[Seen]]:
    """The windows by rate: what `search` works on. What all windows at a rate say together is certain for each."""
    found: dict[float, list[Seen]] = {}
    last = {step.rate_per_s: step.together for step in steps}
    for step in steps:
        verdict, all_of_them = step.verdict, last[step.rate_per_s]
        agreed = all_of_them is not None and all_of_them.is_clear and all_of_them.holds == verdict.holds
        found.setdefault(step.rate_per_s, []).append(Seen(verdict.holds, verdict.is_clear or agreed))
    return found


def conclude(steps: Sequence[RateStep], plan: SearchPlan, *, ended_early: str | None = None) -> Conclusion:
    """What the windows so far have found; `ended_early` is a clause that says what cut the search short."""
    bracket = bracket_of(tried(steps))
    breaking = [step for step in steps if step.rate_per_s == bracket.broke and not step.verdict.holds]
    limits = Counter(item.limit for step in breaking for item in step.verdict.broken)
    broken = _first_broken(breaking, limits)
    also = tuple(limit for limit in limits if broken is None or limit != broken.limit)
    saturation, at_per_s = _saturation(steps, bracket)
    interval = certain_interval(steps)
    gap = _what_is_missing(steps, bracket, broken, plan, ended_early) or _too_wide(interval, steps, bracket, broken)
    law, law_note = _law(steps)
    finding = Finding.FOUND if gap is None else Finding.INCONCLUSIVE
    reason = gap if gap is not None else _found(bracket, broken)
    return Conclusion(finding, reason, bracket, interval, broken, also, saturation, at_per_s, law, law_note)


def certain_interval(steps: Sequence[RateStep]) -> tuple[float | None, float | None]:
    """See `Conclusion.interval`."""
    windows = [(rate, seen) for rate, at_rate in tried(steps).items() for seen in at_rate]
    held = [rate for rate, seen in windows if seen.holds]
    broke = [rate for rate, seen in windows if not seen.holds]
    passed = [rate for rate, seen in windows if seen.holds and seen.is_clear]
    failed = [rate for rate, seen in windows if not seen.holds and seen.is_clear]
    low = max((rate for rate in passed if not broke or rate < min(broke)), default=None)
    high = min((rate for rate in failed if not held or rate > max(held)), default=None)
    return low, high


def _first_broken(breaking: Sequence[RateStep], limits: Mapping[str, int]) -> Broken | None:
    """The limit that most windows broke, among equals the first of the targets."""
    if not breaking:
        return None
    of_generator = [step.verdict.generator_limit for step in breaking if step.verdict.generator_limit is not None]
    if of_generator and 2 * len(of_generator) >= len(breaking):
        return Broken(GENERATOR, f"{of_generator[0][:1].upper()}{of_generator[0][1:]}.", False)
    most = max(limits, key=lambda limit: limits[limit])
    found = [item for step in breaking for item in step.verdict.broken if item.limit == most]
    return max(found, key=lambda item: item.is_certain)


def _saturation(steps: Sequence[RateStep], bracket: Bracket) -> tuple[Saturation | None, float | None]:
    """Of the first rate from the breaking one on at which something was full."""
    if bracket.broke is None:
        return None, None
    beyond = sorted((step for step in steps if step.rate_per_s >= bracket.broke), key=lambda step: step.rate_per_s)
    found = [(saturated(step.usage), step.rate_per_s) for step in beyond]
    return next((item for item in found if item[0].resource != "unknown"), found[0])


def _found(bracket: Bracket, broken: Broken | None) -> str:
    assert bracket.held is not None
    assert bracket.broke is not None
    what = f"{broken.limit} broke" if broken is not None else "it broke"
    return f"{format_rate(bracket.held)} is sustained; at {format_rate(bracket.broke)} {what}."


def _what_is_missing(
    steps: Sequence[RateStep], bracket: Bracket, broken: Broken | None, plan: SearchPlan, ended_early: str | None
) -> str | None:
    """Why no capacity can be told; None when it can."""
    if not steps:
        return f"Nothing was measured: {ended_early or 'no window was tried'}."
    if bracket.held is None:
        lowest = min(steps, key=lambda step: step.rate_per_s)
        # The limit that is told to have broken first is the one that the sentence is about.
        why = broken.reason if broken is not None else lowest.verdict.generator_limit or ""
        certainly = "" if lowest.verdict.is_clear else " for certain"
        return f"Not even {format_rate(lowest.rate_per_s)} held{certainly}: {why}"
    held = format_rate(bracket.held)
    if ended_early is not None:
        return f"The search ended early ({ended_early}): {held} held so far{_broke_so_far(bracket)}."
    if bracket.broke is None:
        return f"{held} held, and no higher rate was to be tried (raise --to)."
    by_generator = [step.verdict.generator_limit for step in steps if step.rate_per_s == bracket.broke]
    if 2 * sum(limit is not None for limit in by_generator) >= len(by_generator):
        limit = next(limit for limit in by_generator if limit is not None)
        return f"At least {held} is sustained; at {format_rate(bracket.broke)} {limit}."
    if next_rate(tried(steps), plan) is not None or bracket.broke / bracket.held - 1 > 2 * plan.within:
        return f"{counted(len(steps), 'window', 'did')} not narrow it down: {held} held{_broke_so_far(bracket)}."
    return None


def _broke_so_far(bracket: Bracket) -> str:
    return f", {format_rate(bracket.broke)} did not" if bracket.broke is not None else ""


def _too_wide(
    interval: tuple[float | None, float | None], steps: Sequence[RateStep], bracket: Bracket, broken: Broken | None
) -> str | None:
    """A bracket whose ends could not be judged is worth no more than the certain rates around it."""
    low, high = interval
    if low is not None and high is not None and high <= _WIDEST * low:
        return None
    doubted = [step for step in steps if step.rate_per_s in (bracket.held, bracket.broke)]
    unclear = [
        (item.target.name, item.reason)
        for step in doubted
        for item in step.verdict.verdicts
        if item.verdict is Verdict.INCONCLUSIVE
    ]
    # Of several undecided targets the one that broke: its doubt is what keeps the ends apart.
    unclear.sort(key=lambda item: broken is None or item[0] != broken.limit)
    why = f"{unclear[0][0]}: {unclear[0][1]}" if unclear else "windows at the same rate disagreed."
    return f"What is certain lies too far apart (longer windows, --step-duration, could tell): {why}"


def _law(steps: Sequence[RateStep]) -> tuple[ScalabilityLaw | None, str]:
    usable = [step for step in steps if step.concurrency is not None and step.verdict.generator_limit is None]
    rates = {step.rate_per_s for step in usable}
    if len(rates) < POINTS_MIN:
        return None, f"{counted(len(rates), 'rate', 'had')} a steady state; a fit needs {POINTS_MIN}."
    highest = max(step.concurrency or 0.0 for step in usable)
    if highest < _CONCURRENCY_MIN:
        return None, f"There were {highest:.2f} operations in the system at most: nothing ran beside others."
    law = fit_scalability(
        [step.concurrency or 0.0 for step in usable], [step.load.achieved_rate_per_s for step in usable]
    )
    if law is None:
        return None, "No law of this form fits what was measured."
    explained = format_share(round(law.r_squared, 3))
    return law, f"Of {law.points} windows in a steady state; it explains {explained} of their spread."
