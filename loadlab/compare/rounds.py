"""The rounds: both sides in turns of a few hundredths of a second, so that what disturbs one disturbs the other.

A pair is a round of each side, cut into slices that alternate A B, B A, A B, … On a machine that others use, seconds
differ from each other several times more than neighbouring moments do.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from loadlab.compare.side import Ended, LoadedSide
from loadlab.errors import InputError, LoadLabError
from loadlab.measure.model import LoadMeasure
from loadlab.measure.window import Show
from loadlab.units import format_duration
from loadlab.validate.comparison.figures import Round
from loadlab.validate.comparison.pairs import PAIRS_MIN

PAIRS = 24
SLICE_S = 0.04
ROUND_S = (0.5, 2.0)
"""What a round lasts where nobody says: as long as its rarest operation needs, within these bounds."""
SLICES_MIN = 4
_PROBE_S = 0.3
# A slice holds so many operations one after another, and a round so many of its rarest operation.
_DEEP, _RARE = 10, 20


@dataclass(frozen=True, slots=True)
class RoundPlan:
    """How is measured; `round_s` is one side's part of a pair."""

    pairs: int
    round_s: float
    slices: int

    @property
    def slice_s(self) -> float:
        return self.round_s / self.slices

    @property
    def seconds(self) -> float:
        """All pairs, without what turning over takes."""
        return 2 * self.pairs * self.round_s


@dataclass(slots=True)
class Pairs:
    """Round k of both sides is pair k; `ended_early` says why there are fewer than the `asked` ones.

    `extended_for` is the operation that more of them were measured for.
    """

    a: list[Round] = field(default_factory=list)
    b: list[Round] = field(default_factory=list)
    asked: int = 0
    ended_early: str | None = None
    extended_for: str | None = None


def check_rounds(pairs: int, round_s: float | None) -> None:
    """Raises InputError for what nothing can be told from."""
    if pairs < PAIRS_MIN:
        raise InputError("--pairs", f"must be at least {PAIRS_MIN} for an interval to mean anything", value=pairs)
    if round_s is not None and round_s < SLICES_MIN * SLICE_S:
        raise InputError(
            "--round-duration",
            f"must be at least {format_duration(SLICES_MIN * SLICE_S)}",
            value=format_duration(round_s),
        )


def plan_rounds(sides: Sequence[LoadedSide], pairs: int, round_s: float | None) -> RoundPlan:
    """After a first look at what both sides do in a third of a second. Raises `Ended`."""
    looks = [side.slice(_PROBE_S) for side in sides]
    if round_s is None:
        needed = max(map(_rarest_s, looks))
        round_s = min(max(needed, ROUND_S[0]), ROUND_S[1])
    slice_s = max(SLICE_S, *(_DEEP * _mean_s(look) for look in looks))
    # A multiple of four, so that halves of a round take turns evenly.
    slices = 4 * max(1, round(round_s / slice_s / 4))
    return RoundPlan(pairs, round_s, slices)


def _mean_s(look: LoadMeasure) -> float:
    """An operation's mean service time."""
    total_us = math.fsum(item.service.total_us for item in look.operations)
    return total_us / 1e6 / max(1, sum(item.count for item in look.operations))


def _rarest_s(look: LoadMeasure) -> float:
    """How long the rarest operation takes to come up often enough."""
    return look.duration_s * _RARE / max(1, min((item.count for item in look.operations), default=1))


def measure_pairs(
    sides: Sequence[LoadedSide], plan: RoundPlan, show: Show, undecided: Callable[[Pairs, int], str | None], looks: int
) -> Pairs:
    """Pair after pair; what ends them early keeps those that are whole.

    `undecided` is asked of all pairs at every look but the last, with how many times as many there can be, and names
    what these could decide; then there are as many again. Raises KeyboardInterrupt, or what broke, without a pair.
    """
    found, most = Pairs(asked=plan.pairs), plan.pairs * 2 ** (looks - 1)
    began_s = time.monotonic()
    try:
        while len(found.a) < found.asked:
            rounds = _pair(sides, plan, len(found.a))
            found.a.append(rounds[0])
            found.b.append(rounds[1])
            _tell(show, found, time.monotonic() - began_s)
            if len(found.a) == found.asked < most and (name := undecided(found, most // found.asked)) is not None:
                show.step(f"Going on for {found.asked} more pairs: {name} may differ")
                found.extended_for, found.asked = name, 2 * found.asked
    except KeyboardInterrupt:
        found.ended_early = "interrupted"
    except LoadLabError as error:
        found.ended_early = str(error)
        if not found.a and not isinstance(error, Ended):
            raise
    if not found.a and found.ended_early == "interrupted":
        raise KeyboardInterrupt
    if not found.a and found.ended_early is not None:
        raise LoadLabError(f"the load ended early: {found.ended_early}")
    return found


def _pair(sides: Sequence[LoadedSide], plan: RoundPlan, number: int) -> list[Round]:
    slices: list[list[LoadMeasure]] = [[], []]
    for position in range(plan.slices):
        for which in (0, 1) if (number + position) % 2 == 0 else (1, 0):
            slices[which].append(sides[which].slice(plan.slice_s))
    return [side.round(parts) for side, parts in zip(sides, slices, strict=True)]


def _tell(show: Show, found: Pairs, spent_s: float) -> None:
    """How far it is; what is left is foreseen from what the pairs so far took."""
    done = len(found.a)
    total_s = spent_s / done * found.asked
    left = f", about {format_duration(round(total_s - spent_s))} left" if done < found.asked else ""
    intervals = found.b[-1].whole.intervals
    show.load(f"Pair {done} of {found.asked}{left}:", spent_s, total_s, intervals[-1] if intervals else None)
