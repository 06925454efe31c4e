"""Values of a part (element, bound, field) whose domain demands something: what its CHECKs say of VALUE is kept.

Only what a single value's bounds, list, length or pattern is can be kept here; of a part that demands more there is
no generator, so that its column is left to its default, or named.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil, floor

import numpy as np
import pyarrow as pa

from loadlab.data.core.cells import scale_of
from loadlab.data.core.hashing import make_key
from loadlab.data.core.quantiles import Categories, uniform
from loadlab.data.frame import Generator
from loadlab.data.texts.patterns import UnsupportedPatternError, like_pattern, pattern_piece
from loadlab.data.values.codes import Letters
from loadlab.data.values.composites import Slots
from loadlab.data.values.numbers import ChosenNumbers, Floats
from loadlab.data.values.permuted import Blocks, Drawn
from loadlab.schema.checks import Allowed, Bound, Excluded, Fact, Length, Like, Matches, NotNull, read_check
from loadlab.schema.model import LogicalType

_SPAN = 1000  # of numbers with one bound


@dataclass(frozen=True, slots=True)
class Where:
    """What of its surroundings a value depends on: the words of its texts, the language of its CHECKs."""

    locale: str = "en"
    dialect: str = ""


@dataclass
class _Demand:
    """What all facts say together; bounds as (value, whether it is itself allowed)."""

    allowed: tuple[object, ...] | None = None
    excluded: set[object] = field(default_factory=set)
    low: tuple[Fraction, bool] | None = None
    high: tuple[Fraction, bool] | None = None
    patterns: list[tuple[str, bool]] = field(default_factory=list)
    length_min: int = 0
    length_max: int | None = None


def obeying(type: LogicalType, key: int, where: Where, *, distinct: bool) -> tuple[Generator, int] | None:
    """Values that the part's CHECKs accept, and how many rows they tell apart (only with `distinct`)."""
    demand = _demand(type, where.dialect)
    if demand is None:
        return None
    if demand.allowed is not None:
        return _listed(type, key, demand, distinct)
    match type.kind:
        case "integer" | "numeric":
            return _number(type, key, demand, distinct)
        case "float" if not distinct:
            low = float(demand.low[0]) if demand.low else 0.0
            high = float(demand.high[0]) if demand.high else low + _SPAN
            edge = (high - low) / 1000
            return Floats(key, uniform(low + edge, high - edge)), 0
        case "text":
            return _text(type, key, demand, distinct)
    return None


def _demand(type: LogicalType, dialect: str) -> _Demand | None:
    """None where a CHECK asks for what is not kept here."""
    demand = _Demand(length_max=type.length)
    for expression in type.checks:
        reading = read_check(expression, dialect)
        if reading.not_understood or not reading.branches:
            return None
        if not any(all(_add(demand, fact) for fact in branch) for branch in reading.branches[:1]):
            return None
    return demand


def _add(demand: _Demand, fact: Fact) -> bool:
    match fact:
        case NotNull():
            return True
        case Allowed():
            demand.allowed = (
                fact.values if demand.allowed is None else tuple(v for v in demand.allowed if v in fact.values)
            )
            return True
        case Excluded():
            demand.excluded |= set(fact.values)
            return True
        case Bound() if not isinstance(fact.value, str):
            edge = (Fraction(fact.value), "=" in fact.sign)
            if ">" in fact.sign:
                demand.low = edge if demand.low is None else max(demand.low, edge)
            else:
                demand.high = edge if demand.high is None else min(demand.high, edge)
            return True
        case Length() if fact.unit == "characters":
            if fact.sign in (">", ">=", "="):
                demand.length_min = max(demand.length_min, fact.value + (fact.sign == ">"))
            if fact.sign in ("<", "<=", "="):
                most = fact.value - (fact.sign == "<")
                demand.length_max = most if demand.length_max is None else min(demand.length_max, most)
            return fact.sign in (">", ">=", "=", "<", "<=")
        case Matches() if not fact.negated:
            demand.patterns.append((fact.pattern, fact.ignore_case))
            return True
        case Like() if not fact.negated:
            demand.patterns.append((like_pattern(fact.pattern), fact.ignore_case))
            return True
    return False


def _listed(type: LogicalType, key: int, demand: _Demand, distinct: bool) -> tuple[Generator, int] | None:
    values = [value for value in demand.allowed or () if value not in demand.excluded]
    if not values:
        return None
    if type.kind in ("text", "enum"):
        return Letters(key, pa.array([str(value) for value in values], pa.string()), distinct), len(values)
    if type.kind not in ("integer", "numeric") or distinct:
        return None
    cells = [int(Fraction(str(value)) * Fraction(10) ** scale_of(type)) for value in values]
    return ChosenNumbers(key, np.array(cells, np.int64), Categories.of([1.0] * len(cells))), len(values)


def _number(type: LogicalType, key: int, demand: _Demand, distinct: bool) -> tuple[Generator, int] | None:
    unit = Fraction(10) ** scale_of(type)
    least, most = _reach(type)
    low, high = least, most
    if demand.low is not None:
        edge = demand.low[0] * unit
        low = max(low, ceil(edge) if demand.low[1] else floor(edge) + 1)
    if demand.high is not None:
        edge = demand.high[0] * unit
        high = min(high, floor(edge) if demand.high[1] else ceil(edge) - 1)
    if demand.low is None:
        low = max(low, min(0, high - _SPAN))
    excluded = [cell for value in demand.excluded if low <= (cell := Fraction(str(value)) * unit) <= high]
    if excluded:
        low = max(low, floor(max(excluded)) + 1)
    if high < low:
        return None
    size = min(high - low + 1, 2**62)
    if distinct:
        return Slots(Blocks(key, min(size, 2**20)), low, 1), size // min(size, 2**20) * min(size, 2**20)
    return Drawn(key, low, min(size, max(1, int(_SPAN * unit)))), 0


def _reach(type: LogicalType) -> tuple[int, int]:
    """The smallest and the largest cell of a number's type."""
    if type.kind == "integer":
        top = 2 ** min((type.bits or 64) - (not type.unsigned), 62)
        return (0 if type.unsigned else -top), top - 1
    digits = 18 if type.precision is None else min(18, max(0, type.precision - (type.scale or 0) + scale_of(type)))
    return 1 - 10**digits, 10**digits - 1


def _text(type: LogicalType, key: int, demand: _Demand, distinct: bool) -> tuple[Generator, int] | None:
    if len(demand.patterns) > 1:
        return None
    longest = demand.length_max
    top = max(demand.length_min, min(longest, 12) if longest is not None else demand.length_min + 8)
    pattern, ignore_case = (
        demand.patterns[0] if demand.patterns else (f"^[a-z]{{{max(1, demand.length_min)},{top}}}$", False)
    )
    try:
        piece = pattern_piece(
            pattern,
            make_key(key, "pattern"),
            ignore_case=ignore_case,
            distinct=distinct,
            length_min=demand.length_min,
            length_max=longest,
        )
    except UnsupportedPatternError:
        return None
    return piece, piece.capacity
