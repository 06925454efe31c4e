"""Dates, times, timestamps and intervals: history, deadlines, and what compares with other columns."""

from __future__ import annotations

import datetime as dt

from loadlab.data.bounded import Bounded
from loadlab.data.cells import unit_us
from loadlab.data.choose.context import TableContext
from loadlab.data.choose.numbers import edges
from loadlab.data.constants import constant
from loadlab.data.facts import ColumnFacts
from loadlab.data.frame import Generator
from loadlab.data.numbers import Integers
from loadlab.data.partitions import NumberedIn
from loadlab.data.quantiles import QuantileTable, lognormal, uniform
from loadlab.data.times import (
    DAY_US,
    CutTo,
    Days,
    DistinctMoments,
    DistinctTimesOfDay,
    Later,
    OrdinalDays,
    RowDays,
    TimesOfDay,
    Written,
)
from loadlab.errors import InputError
from loadlab.schema.model import Column
from loadlab.spec.scenario import ColumnShape

_FAR = 2**61
# What is to lie after the server's clock lies after this: the dataset must not depend on the day it is made.
_LATER_US = int(dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000


def moment(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of a column of time."""
    facts, kind = context.of(column.name), column.type.kind
    natural = _natural(context, column)
    if context.is_unique(column.name) or column.name in context.solution.ordinals:
        return natural
    if kind in ("time", "interval"):
        return _bounded(context, column, facts, natural)
    made = _bounded(context, column, facts, natural)
    return CutTo(made, facts.truncated, kind == "date") if facts.truncated else made


def _natural(context: TableContext, column: Column) -> Generator:
    key, kind = context.key_of(column.name), column.type.kind
    if column.name in context.solution.ordinals and context.lead is not None:
        return OrdinalDays(context.lead.name)
    if context.is_unique(column.name):
        return _distinct(context, column)
    if kind == "time":
        return TimesOfDay(key)
    if kind == "interval":
        return Integers(key, lognormal(60_000_000, 30 * DAY_US), 60_000_000, 30 * DAY_US)
    meaning = context.meaning(column)
    made: Written | Later = Written() if meaning == "created" else Later(key, _delays(meaning))
    return Days(made) if kind == "date" else made


def _distinct(context: TableContext, column: Column) -> Generator:
    kind = column.type.kind
    coverage = context.coverage.get(column.name)
    if coverage is not None and coverage.ranges and kind != "time":
        return NumberedIn(coverage)
    facts = context.of(column.name)
    low = _bounds(context, column, facts)[0]
    step = unit_us(column.type)
    if kind == "date":
        return RowDays(low if low > -_FAR else context.clock.start_us // DAY_US)
    if kind == "time":
        return DistinctTimesOfDay(context.key_of(column.name), step)
    first = low if low > -_FAR else 60_000_000 if kind == "interval" else context.clock.start_us
    pause = max(int(context.clock.span_us / max(context.full_rows, 1)) // step * step, step)
    return DistinctMoments(-(-first // step) * step, step if kind == "interval" else pause)


def period(context: TableContext, column: Column, position: int) -> Generator:
    """The start (position 0) or the end (1) of the row's own part of history, which no other row's overlaps."""
    if column.type.kind == "date":
        return DistinctMoments(context.clock.start_us // DAY_US + position * 2, 3)
    step = max(unit_us(column.type), 1_000_000)
    pause = max(int(context.clock.span_us / max(context.full_rows, 1)) // step * step, 4 * step)
    return DistinctMoments(context.clock.start_us + position * (pause // (2 * step)) * step, pause)


def _delays(meaning: str) -> QuantileTable:
    """Microseconds after the row was written, by what the moment means."""
    if meaning == "birth_date":
        return uniform(-80 * 365.25 * DAY_US, -18 * 365.25 * DAY_US)
    if meaning == "expires":
        return uniform(7 * DAY_US, 90 * DAY_US)
    return lognormal(60_000_000, 60 * DAY_US)


def _bounded(context: TableContext, column: Column, facts: ColumnFacts, natural: Generator) -> Generator:
    lower, upper = edges(context, column, facts)
    low, high = _bounds(context, column, facts)
    if not lower and not upper and low == -_FAR and high == _FAR:
        return natural
    per_cell = DAY_US if column.type.kind == "date" else 1
    longest = 60 * DAY_US / per_cell
    if low > -_FAR and high < _FAR:
        distances = uniform(0, max(high - low, 1))
    else:
        meaning = context.meaning(column)
        base = _delays(meaning) if meaning == "expires" else lognormal(0, 60 * DAY_US)
        distances = QuantileTable(base.knots / per_cell) if lower or upper else uniform(0, longest)
    # A moment that follows another one lies near it, wherever the row's own moment is.
    always = bool(lower) and not upper
    return Bounded(
        context.key_of(column.name, "bounded"), natural, tuple(lower), tuple(upper), distances,
        least=low, most=high, always=always,
    )  # fmt: skip


def _bounds(context: TableContext, column: Column, facts: ColumnFacts) -> tuple[int, int]:
    """Constant bounds in cells."""
    low = _cell(column, facts.low_text, facts.low, -_FAR)
    high = _cell(column, facts.high_text, facts.high, _FAR)
    step = unit_us(column.type)
    low += step if facts.low_strict and low > -_FAR else 0
    high -= step if facts.high_strict and high < _FAR else 0
    if facts.after_now is not None:
        low = max(low, _LATER_US // (DAY_US if column.type.kind == "date" else 1))
    return low, high


def _cell(column: Column, text: str | None, number: float | None, default: int) -> int:
    if text is None:
        return default if number is None else int(number)
    try:
        return int(constant(text, column.type, column.name))
    except InputError:
        return default
