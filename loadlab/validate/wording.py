"""How the reasons of verdicts speak: figures with their units, limits, intervals, lists."""

from __future__ import annotations

import math
from collections.abc import Sequence

from loadlab.spec.targets import Target, Unit
from loadlab.units import format_count, format_duration, format_rate, format_share, format_size
from loadlab.validate.model import Verdict
from loadlab.validate.statistics import CONFIDENCE

_NAMES_SHOWN = 3
# Verbs whose form with one thing is not that with many and an s.
_OF_ONE = {"are": "is", "were": "was", "have": "has", "had": "had", "did": "did", "do": "does"}
# How a value stands to its limit, by whether smaller is better, then by verdict.
_RELATIONS = {
    True: {Verdict.PASS: "below", Verdict.FAIL: "above"},
    False: {Verdict.PASS: "above", Verdict.FAIL: "below"},
}


def quantity(value: float, unit: Unit) -> str:
    """A value in a target's unit, for people."""
    match unit:
        case "us":
            return format_duration(value / 1e6)
        case "ratio":
            return format_share(value)
        case "per_s":
            return format_rate(value)
        case "bytes":
            return format_size(value)
        case "users" | "violations":
            return format_count(value)


def interval_text(interval: tuple[float, float], unit: Unit) -> str:
    """`95% interval 401 µs to 420 µs`; an open end is said to be one."""
    low, high = interval
    name = f"{format_share(CONFIDENCE)} interval"
    if math.isinf(high):
        return f"{name} from {quantity(low, unit)} without an upper end" if low else f"no {name}"
    return f"{name} {quantity(low, unit)} to {quantity(high, unit)}"


def relation(target: Target, verdict: Verdict, measured: float | None = None) -> str:
    """`below the limit of 10 ms`, `at the limit of 10 ms`; an undecided interval spans the limit."""
    limit = f"the limit of {quantity(target.limit, target.unit)}"
    if measured == target.limit:
        return f"at {limit}"
    return f"{_RELATIONS[target.is_upper].get(verdict, 'not clearly on one side of')} {limit}"


def names(items: Sequence[str], limit: int = _NAMES_SHOWN) -> str:
    """`a, b and c`; of many the first ones and how many more there are."""
    if len(items) > limit:
        return f"{', '.join(items[:limit])} and {format_count(len(items) - limit)} more"
    return " and ".join(filter(None, (", ".join(items[:-1]), *items[-1:])))


def counted(count: float, noun: str, verb: str = "") -> str:
    """`1 table`, `1,234 executions`; the plural is the noun with an s (`query` → `queries`, `key` → `keys`).

    `verb` is that of many, and follows: `1 answer is`, `2 answers are` (`are`), `1 row takes` (`take`).
    """
    is_changed = noun.endswith("y") and noun[-2:-1] not in "aeiou"
    plural = f"{noun[:-1]}ies" if is_changed else f"{noun}s"
    one = _OF_ONE.get(verb, f"{verb}s")
    said = f" {one if count == 1 else verb}" if verb else ""
    return f"{format_count(count)} {noun if count == 1 else plural}{said}"
