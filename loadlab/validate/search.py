"""Which rate is tried next. A pure function of what was tried, so that a search can be stopped at any step.

Doubling finds a rate that breaks, halving the distance then narrows the bracket, and repeats of its two ends decide
them by majority. A repeat that decides otherwise simply changes what is asked for next. A rate that breaks, though not
for certain, is repeated before anything is made of it: at lower rates there are fewer answers still to tell by.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple


class Seen(NamedTuple):
    """One window: whether it held, and whether that is certain."""

    holds: bool
    is_clear: bool = True


Tried = Mapping[float, Sequence[Seen]]
"""By rate (per second), the windows at it."""

# A start that breaks is halved so often; what not even a thousandth of it holds is not held by less.
_HALVINGS_MAX = 10
_DIGITS = 3
_ROUNDING = 1e-9


@dataclass(frozen=True, slots=True)
class SearchPlan:
    """Rates per second; `highest` None: as far as doubling goes. `within` is a share of the lower end."""

    first: float
    highest: float | None = None
    within: float = 0.05
    repeats: int = 3
    windows_max: int = 40


@dataclass(frozen=True, slots=True)
class Bracket:
    """Where the capacity lies: `broke` is the lowest rate that most windows broke, `held` the highest below that held.

    None: there is no such rate.
    """

    held: float | None
    broke: float | None


def bracket_of(tried: Tried) -> Bracket:
    """The bracket that the windows so far leave."""
    broken = [rate for rate in sorted(tried) if not _holds(tried[rate])]
    # Above a rate that broke nothing counts as held: chance can pass a window, not carry a load.
    held = [rate for rate in sorted(tried) if _holds(tried[rate]) and (not broken or rate < broken[0])]
    return Bracket(held[-1] if held else None, broken[0] if broken else None)


def next_rate(tried: Tried, plan: SearchPlan) -> float | None:
    """The rate of the next window; None when the search is over."""
    if sum(map(len, tried.values())) >= plan.windows_max:
        return None
    if not tried:
        return _within(plan.first, plan)
    bracket = bracket_of(tried)
    held, broke = bracket.held, bracket.broke
    doubted = _doubted(tried, broke) if broke is not None else False
    if broke is not None and doubted and len(tried[broke]) < plan.repeats:
        return broke
    if broke is None:
        assert held is not None
        higher = _within(2 * held, plan)
        return higher if higher > held else _repeat(tried, (held,), plan)
    if held is None:
        return _rounded(broke / 2) if broke > plan.first / 2**_HALVINGS_MAX and not doubted else None
    between = _rounded(math.sqrt(held * broke))
    if broke / held > 1 + plan.within + _ROUNDING and held < between < broke:
        return between
    return _repeat(tried, (held, broke), plan)


def _repeat(tried: Tried, rates: Sequence[float], plan: SearchPlan) -> float | None:
    """The least tried one of these rates; None when each has been repeated enough."""
    rate = min(rates, key=lambda rate: len(tried[rate]))
    return rate if len(tried[rate]) < plan.repeats else None


def _holds(windows: Sequence[Seen]) -> bool:
    """What most windows say; in a tie the rate is not held."""
    return 2 * sum(seen.holds for seen in windows) > len(windows)


def _doubted(tried: Tried, rate: float) -> bool:
    """Whether a rate breaks without a single window that says so for certain."""
    return not any(seen.is_clear and not seen.holds for seen in tried[rate])


def _within(rate: float, plan: SearchPlan) -> float:
    return rate if plan.highest is None else min(rate, plan.highest)


def _rounded(rate: float) -> float:
    """A rate that people can read and type again."""
    return float(f"{rate:.{_DIGITS}g}")
