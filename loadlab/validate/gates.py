"""Validity gates: what makes a measurement say nothing, asked before any limit is.

A gate answers with a clause for the reason (`the run was interrupted …`), or None when it is open. Some gates close
one way only: a load that was lighter than asked proves no PASS, yet a FAIL under it stands.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadlab.measure.model import LoadMeasure
from loadlab.spec.targets import Target
from loadlab.units import format_duration, format_rate, format_share
from loadlab.validate.facts import Facts
from loadlab.validate.model import Verdict
from loadlab.validate.statistics import ROUNDS_MIN
from loadlab.validate.wording import counted, names

CPU_SHARE_MAX = 0.9
_CPU_SHARE_BUSY = 0.7
REACHED_SHARE_MIN = 0.95
LONGER_WINDOW = "a longer window (--duration) could tell"
# Nobody waits a hundred times as long, and an estimate that far away is none.
_FACTOR_TOLD = 100.0


@dataclass(frozen=True, slots=True)
class TooShort:
    """A gate that a longer window opens, of about `window_s`; `clause` as that of any gate."""

    clause: str
    window_s: float


Gate = str | TooShort


@dataclass(frozen=True, slots=True)
class Context:
    """What a rule sees: the facts, and the stated latency limits (µs) by kind of operation."""

    facts: Facts
    limits_us: Mapping[str, float]


def context_of(targets: Sequence[Target], facts: Facts) -> Context:
    """The context of a run's rules."""
    latency = [target for target in targets if target.kind == "latency" and target.operation_kind]
    return Context(facts, {str(target.operation_kind): target.limit for target in latency})


def decide(target: Target, low: float, high: float) -> Verdict:
    """PASS when every value from `low` to `high` meets the limit, FAIL when none does, else INCONCLUSIVE."""
    best, worst = (low, high) if target.is_upper else (high, low)
    if _meets(target, worst):
        return Verdict.PASS
    return Verdict.INCONCLUSIVE if _meets(target, best) else Verdict.FAIL


def _meets(target: Target, value: float) -> bool:
    match target.sign:
        case "<":
            return value < target.limit
        case "<=":
            return value <= target.limit
        case ">":
            return value > target.limit
        case ">=":
            return value >= target.limit


def settle(verdict: Verdict, finding: str, *closed_gates: Gate | None) -> tuple[Verdict, str]:
    """The verdict and its sentence: the first closed gate makes it INCONCLUSIVE and is named."""
    for gate in closed_gates:
        if gate is not None:
            return Verdict.INCONCLUSIVE, f"{finding}, but {gate.clause if isinstance(gate, TooShort) else gate}."
    return verdict, f"{finding}."


def window_needed_s(*closed_gates: Gate | None) -> float | None:
    """How long a window opens the closed gates; None where none is closed, or no window opens one of them."""
    closed = [gate for gate in closed_gates if gate is not None]
    windows = [gate.window_s for gate in closed if isinstance(gate, TooShort)]
    return max(windows) if windows and len(windows) == len(closed) else None


def undecided(target: Target, facts: Facts, value: float, interval: tuple[float, float]) -> TooShort:
    """The limit lies within the (finite) interval: how long a window would tell on which side of it the value is.

    The interval's end beyond the limit has to come as near as the limit; its distance goes with the square root of the
    window's length.
    """
    low, high = interval
    margin = value - target.limit
    reach = value - low if margin > 0 else high - value
    factor = (reach / margin) ** 2 if margin else math.inf
    window_s = facts.load.duration_s * max(1.0, factor)
    if factor > _FACTOR_TOLD:
        # Near by what the window could tell: its interval is many times as wide as the distance to the limit.
        return TooShort(
            "the values of the window spread too widely for its length to tell on which side of the limit this one is "
            "(look for what disturbed it, or measure for much longer)",
            window_s,
        )
    return TooShort(f"a longer window (--duration), of about {_rounded(window_s)}, could tell", window_s)


def _rounded(window_s: float) -> str:
    """An estimate, not a figure: one digit, or two up to 20."""
    step = 10.0 ** math.floor(math.log10(window_s / 2))
    return format_duration(math.ceil(window_s / step) * step)


def nothing_executed(facts: Facts) -> str | None:
    """No operation was executed: then nothing whatsoever was examined under load."""
    return None if facts.executions else "no operation was executed in the measured window"


def only_a_part(facts: Facts, failure: str | None) -> str:
    """Why what was executed is not what was to be executed, as a sentence; "" where it is.

    `failure` is what ended the load early.
    """
    silent = [name for name in facts.kinds if not facts.executed(name)]
    if clause := nothing_executed(facts) or interrupted(facts):
        return f"{clause[:1].upper()}{clause[1:]}."
    if failure is not None:
        return f"The load ended early: {failure.removesuffix('.')}."
    if silent:
        verb = "was" if len(silent) == 1 else "were"
        return f"{names(silent)} {verb} never executed in the measured window."
    return ""


def interrupted(facts: Facts) -> str | None:
    """The window is not the one that was asked for."""
    if not facts.load.interrupted:
        return None
    return f"the run was interrupted after {format_duration(facts.load.duration_s)} of its window"


def generator_saturated(facts: Facts) -> str | None:
    """A driver process without processor time left measures itself."""
    share = facts.load.generator.cpu_share
    if share <= CPU_SHARE_MAX:
        return None
    return (
        f"the load generator was the limit: its busiest process used {format_share(share)} of a core (raise --workers)"
    )


def counters_reset(facts: Facts) -> str | None:
    """A difference across a reset means nothing."""
    return "the server's counters were reset within the window" if facts.counters_were_reset else None


def never_analysed(facts: Facts) -> str | None:
    """Without statistics the server plans blindly, for better or worse."""
    tables = [name for name, item in facts.seeded_tables.items() if item.analyzed is False]
    if not tables:
        return None
    verb = "was" if len(tables) == 1 else "were"
    return f"{names(tables)} {verb} never analysed, so the server planned without statistics"


def too_few_rounds(facts: Facts) -> TooShort | None:
    """Nothing can be said about what neighbouring requests have in common."""
    intervals = len(facts.load.intervals)
    if intervals >= ROUNDS_MIN:
        return None
    clause = f"a window of {counted(intervals, 'interval')} is too short; at least {ROUNDS_MIN} are needed"
    return TooShort(clause, facts.load.duration_s * ROUNDS_MIN / max(intervals, 1))


def offered_rate_per_s(context: Context) -> float | None:
    """What was due per second; of users what they ask for as long as every answer comes within its stated limit.

    None: users without think time ask for whatever the database takes.

    A user who thinks Z and waits R offers 1 / (Z + R) (interactive response time law: Denning and Buzen, "The
    Operational Analysis of Queueing Network Models", Computing Surveys 10(3), 1978). Of the measured waiting only
    what the limits allow is granted; kinds without a limit are expected to answer at once.
    """
    load = context.facts.load
    if load.is_open or not load.asked_rate_per_s:
        return load.asked_rate_per_s or None
    waited_us, count = 0.0, 0
    for operation in load.operations:
        if operation.count:
            granted_us = min(operation.response.mean_us, context.limits_us.get(operation.kind, 0.0))
            waited_us += operation.count * granted_us
            count += operation.count
    think_s = load.users / load.asked_rate_per_s
    return load.users / (think_s + (waited_us / count / 1e6 if count else 0.0))


def rate_not_reached(context: Context) -> str | None:
    """The database was loaded less than it was to be loaded."""
    load, offered = context.facts.load, offered_rate_per_s(context)
    late = sum(operation.ended_late for operation in load.operations)
    reached = context.facts.per_s(context.facts.executions - late)
    if offered is None or reached >= REACHED_SHARE_MIN * offered:
        return None
    asked = "were due" if load.is_open else "the users ask for"
    return (
        f"only {format_rate(reached)} of the {format_rate(offered)} that {asked} were executed, "
        f"so the load was lighter than asked{_busy_generator(context.facts)}"
    )


def _busy_generator(facts: Facts) -> str:
    """A generator that is nearly full is the first suspect when a rate is not reached."""
    share = facts.load.generator.cpu_share
    if share < _CPU_SHARE_BUSY:
        return ""
    return f" (the busiest driver process used {format_share(share)} of a core: raise --workers)"


def under_load(facts: Facts) -> str:
    """What a measurement was made under, for the reason: nothing is silently extrapolated."""
    return f"{load_in_words(facts.load)} at {volume(facts)}"


def load_in_words(load: LoadMeasure) -> str:
    """`with 40 users`, or `under 2,000/s (poisson)`."""
    if load.is_open:
        return f"under {format_rate(load.asked_rate_per_s or 0.0)} ({load.arrivals})"
    return f"with {counted(load.users, 'user')}"


def volume(facts: Facts) -> str:
    """`scale 0.01`, or `full volume`."""
    return "full volume" if facts.scale == 1 else f"scale {facts.scale:g}"
