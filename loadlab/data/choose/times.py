"""Dates, times, timestamps and intervals: history, deadlines, and what compares with other columns."""

from __future__ import annotations

import datetime as dt
import re
from functools import partial

from loadlab.data.choose.comparing import edges, of_pairs
from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.partitions import NumberedIn
from loadlab.data.core.cells import unit_us
from loadlab.data.core.constants import constant
from loadlab.data.core.quantiles import QuantileTable, lognormal, uniform
from loadlab.data.frame import Generator
from loadlab.data.relations.relation import Relation
from loadlab.data.relations.timing import PATHS_MAX
from loadlab.data.values.bounded import Bounded, Edge
from loadlab.data.values.numbers import Integers, Ordinals
from loadlab.data.values.times import (
    DAY_US,
    AfterParents,
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
from loadlab.schema.meaning import meaning_of, words_of
from loadlab.schema.model import Column, Table
from loadlab.spec.shapes import ColumnShape

_FAR = 2**61
# A row of a stated distribution that would lie before its parents lies so much behind them, at most.
_PAUSE_US = 5 * 60 * 1_000_000
_PAST = re.compile(
    r"(ed|paid|sent|seen|done|login|response|delivery|payment|shipping|hire|admission|registration|enrol?lment|purchase)"
    r"( (at|on|time|date|ts))*$|^(last|first) "
)
_AHEAD = re.compile(r"planned|scheduled|expected|estimated|promised|required|\bdue\b|next|expir")
# What follows does so after a minute to 60 days, half of the time within five hours.
_AFTERWARDS = QuantileTable(lognormal(1, 60 * 24 * 60).knots * 60_000_000)
# What is appointed takes place an hour to four months after it was agreed, half of it within ten days; it takes minutes
# to hours, or nights.
_AHEAD_OF = QuantileTable(lognormal(0, 120).knots * DAY_US + 3_600_000_000)
_TAKES = QuantileTable(lognormal(1, 24).knots * 900_000_000)
_NIGHTS = QuantileTable(lognormal(1, 14).knots * DAY_US)
# What is to lie after the server's clock lies after this: the dataset must not depend on the day it is made.
_LATER_US = int(dt.datetime(2100, 1, 1, tzinfo=dt.UTC).timestamp()) * 1_000_000

# Seconds since 1970 that fit 31 bits and a sign. Rows of the load are written beyond the end of the history, and those
# of a small dataset soon decades beyond it.
_LAST_OF_32_BITS_US = (2**31 - 1) * 1_000_000


def moment(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of a column of time."""
    facts, kind = context.of(column.name), column.type.kind
    natural = _natural(context, column)
    if context.is_unique(column.name) or column.name in context.solution.ordinals:
        return natural
    if kind in ("time", "interval"):
        return bounded(context, column, facts, natural)
    made = bounded(context, column, facts, natural)
    return CutTo(made, facts.truncated, kind == "date") if facts.truncated else made


def _natural(context: TableContext, column: Column) -> Generator:
    key, kind = context.key_of(column.name), column.type.kind
    if column.name in context.solution.ordinals and context.lead is not None:
        return _day_of_parent(context, column, context.lead)
    if context.is_unique(column.name):
        return distinct(context, column, context.rows)
    if kind == "time":
        return TimesOfDay(key)
    if kind == "interval":
        return Integers(key, lognormal(60_000_000, 30 * DAY_US), 60_000_000, 30 * DAY_US)
    meaning = context.meaning(column)
    horizon = context.clock.end_us if _has_happened(column) else None
    made: Written | Later = Written() if meaning == "created" else Later(key, _delays(meaning), horizon)
    return Days(made) if kind == "date" else made


def _day_of_parent(context: TableContext, column: Column, lead: Relation) -> Generator:
    """A day for each child of a parent: from the parent's own on, or as the constraints leave room."""
    coverage = context.coverage.get(column.name)
    if coverage is not None and coverage.ranges:
        return NumberedIn(coverage, lead.name)
    low, high = constant_bounds(column, context.of(column.name))
    if low > -_FAR:
        return Ordinals(lead.name, low, 1)
    # There is no first day to begin with: they count down, so that a longer run changes nothing before it.
    return Ordinals(lead.name, high, -1) if high < _FAR else OrdinalDays(lead.name)


def distinct(context: TableContext, column: Column, count: int) -> Generator:
    """Moments that differ from row to row, as many as `count`."""
    kind = column.type.kind
    coverage = context.coverage.get(column.name)
    if coverage is not None and coverage.ranges and kind != "time":
        return NumberedIn(coverage)
    facts, rows = context.of(column.name), max(count, 1)
    low, high = _bounds(context, column, facts)
    if kind == "time":
        return DistinctTimesOfDay(context.key_of(column.name), unit_us(column.type))
    if kind == "date":
        step, pause, natural = 1, 1, context.clock.start_us // DAY_US
    else:
        step = unit_us(column.type)
        spread = max(int(context.clock.span_us / max(context.full_rows, count, 1)) // step * step, step)
        pause = step if kind == "interval" else spread
        natural = 60_000_000 if kind == "interval" else context.clock.start_us
    first = low if low > -_FAR else natural
    if high < _FAR:
        # There is less room than history is long: closer together, or before the history begins.
        if low > -_FAR and first + (rows - 1) * pause > high:
            pause = max((high - first) // rows // step * step, step)
        if first + (rows - 1) * pause > high:
            first = max(high - rows * pause, low)
    first = -(-first // step) * step
    return RowDays(first) if kind == "date" and pause == 1 else DistinctMoments(first, pause)


def width(column: Column, facts: ColumnFacts) -> int:
    """How many moments a column can tell apart."""
    low, high = constant_bounds(column, facts)
    step = 1 if column.type.kind == "date" else unit_us(column.type)
    if column.type.kind == "time":
        return DAY_US // step
    most = 1_000_000 if column.type.kind == "date" else 2**50 // step
    return max(min((high - low) // step + (1 if step == 1 else 0), most), 0)


def period(context: TableContext, column: Column, position: int) -> Generator:
    """The start (position 0) or the end (1) of the row's own part of history, which no other row's overlaps."""
    if column.type.kind == "date":
        return DistinctMoments(context.clock.start_us // DAY_US + position * 2, 3)
    step = max(unit_us(column.type), 1_000_000)
    if column.type.kind == "time":
        # The day in as many parts as there are rows; half of each is the row's.
        part = max(int(DAY_US / max(context.full_rows, 1)) // step, 2) * step
        return DistinctMoments(position * (part // (2 * step)) * step, part)
    pause = max(int(context.clock.span_us / max(context.full_rows, 1)) // step * step, 4 * step)
    return DistinctMoments(context.clock.start_us + position * (pause // (2 * step)) * step, pause)


def _delays(meaning: str) -> QuantileTable:
    """Microseconds after the row was written, by what the moment means."""
    if meaning == "birth_date":
        return uniform(-80 * 365.25 * DAY_US, -18 * 365.25 * DAY_US)
    if meaning == "expires":
        return uniform(7 * DAY_US, 90 * DAY_US)
    return _AHEAD_OF if meaning in ("appointment", "appointment_end") else _AFTERWARDS


def bounded(
    context: TableContext, column: Column, facts: ColumnFacts, natural: Generator, *, always: bool = True
) -> Generator:
    """The natural values, moved to where constants and other columns of the row allow them to be."""
    lower, upper = edges(context, column, facts)
    low, high = _bounds(context, column, facts)
    if not lower and not upper and low == -_FAR and high == _FAR:
        return natural
    if column.type.kind == "time":
        return _within_a_day(context, column, natural, (tuple(lower), tuple(upper)), (low, high))
    per_cell = DAY_US if column.type.kind == "date" else 1
    longest = 60 * DAY_US / per_cell
    if low > -_FAR and high < _FAR:
        distances = uniform(0, max(high - low, 1))
    else:
        base = _distances(context.meaning(column), column)
        distances = QuantileTable(base.knots / per_cell) if lower or upper else uniform(0, longest)
    # A moment that follows another one lies near it, wherever the row's own moment is; but not near somebody's birth.
    always = always and bool(lower) and not upper and not _follows_birth(context, column, facts)
    return Bounded(
        context.key_of(column.name, "bounded"), natural, tuple(lower), tuple(upper), distances,
        least=low, most=high, always=always,
        horizon=context.clock.end_us // per_cell if _has_happened(column) else None,
    )  # fmt: skip


def _within_a_day(
    context: TableContext,
    column: Column,
    natural: Generator,
    edges: tuple[tuple[Edge, ...], ...],
    cells: tuple[int, int],
) -> Generator:
    """Times of day between the bounds, of which midnight is always one: what opens late closes before it."""
    lower, upper = edges
    low, high = max(cells[0], 0), min(cells[1], DAY_US - unit_us(column.type))
    distances = _TAKES if lower or upper else uniform(0, max(high - low, 1))
    return Bounded(
        context.key_of(column.name, "bounded"), natural, lower, upper, distances,
        least=low, most=high, always=bool(lower) and not upper, horizon=high + 1 if lower else None,
    )  # fmt: skip


def _distances(meaning: str, column: Column) -> QuantileTable:
    """Microseconds between a moment and the one of the row that it follows."""
    if meaning == "appointment_end":
        return _NIGHTS if column.type.kind == "date" else _TAKES
    return _delays(meaning) if meaning in ("expires", "appointment") else _AFTERWARDS


def _follows_birth(context: TableContext, column: Column, facts: ColumnFacts) -> bool:
    others = [context.table.column(fact.other) for fact in of_pairs(context, column.name, facts)]
    return any(context.meaning(other) == "birth_date" for other in others)


def _has_happened(column: Column) -> bool:
    """Whether a moment is of something that has happened to the row, by its name."""
    words = words_of(column.name)
    return column.type.kind in ("date", "timestamp") and bool(_PAST.search(words)) and not _AHEAD.search(words)


def stated(context: TableContext, column: Column, made: Generator) -> Generator:
    """Moments of a stated distribution in their order with the row's others, and no sooner than its parents were there.

    The parents' moments have a distribution of their own: an order's place among the orders is not that of its user
    among the users.
    """
    facts, parents = context.of(column.name), _written_parents(context, column)
    if parents is None:
        return bounded(context, column, facts, made, always=False)
    after = partial(AfterParents, context.key_of(column.name, "parents"), *parents, column.type.kind == "date")
    natural = after(made, _PAUSE_US)
    found = bounded(context, column, facts, natural, always=False)
    others = [fact.other for fact in of_pairs(context, column.name, facts)]
    before = [name for name in others if context.comes_before(name, column.name)]
    if found is natural or not all(_is_written(context.table, context.table.column(name)) for name in before):
        return found
    # It was moved before another moment that is not before the parents' either.
    return after(found, 0) if facts.high_text is None and facts.before_now is None else found


def _written_parents(context: TableContext, column: Column) -> tuple[tuple[tuple[str, str], ...], int] | None:
    """The relations whose parents were there before the row, with the column that says when; and frames that it takes.

    None for a moment that is not the row's first, or where no parent has one.
    """
    if not _is_written(context.table, column):
        return None
    found, frames = list[tuple[str, str]](), 1
    for relation in context.relations:
        plan = context.plans.get(relation.target)
        if plan is None or not plan.rows or not relation.parents or relation.self_reference or relation.future:
            continue
        written = [c.name for c in plan.table.stored_columns if c.name in plan.columns and _is_written(plan.table, c)]
        generator = plan.columns[written[0]] if written else None
        more = generator.frames if isinstance(generator, AfterParents) else plan.timing.paths
        if written and frames + more <= PATHS_MAX:
            found.append((relation.name, written[0]))
            frames += more
    return (tuple(found), frames) if found else None


def _is_written(table: Table, column: Column) -> bool:
    return column.type.kind in ("timestamp", "date") and meaning_of(table, column) == "created"


def followed(context: TableContext, column: Column) -> str | None:
    """The moment of the row that this one follows: the latest one, if possible one that every row has.

    Values in the order of its values are in the order of the application wherever the two distributions are.
    """
    if column.type.kind not in ("timestamp", "date") or context.is_unique(column.name):
        return None
    names = [
        fact.other
        for fact in of_pairs(context, column.name, context.of(column.name))
        if fact.sign in (">", ">=")
        and not fact.plus
        and context.comes_before(fact.other, column.name)
        and context.table.column(fact.other).type.kind in ("timestamp", "date")
    ]
    always = [name for name in names if not context.table.column(name).nullable]
    return next(reversed(always or names), None)


def _bounds(context: TableContext, column: Column, facts: ColumnFacts) -> tuple[int, int]:
    """Constant bounds in cells. What is to lie before the server's clock lies before the end of the history."""
    low, high = constant_bounds(column, facts)
    if column.type.kind == "timestamp" and column.type.bits == 32:
        high = min(high, _LAST_OF_32_BITS_US)
    before = facts.before_now
    if before is None or column.type.kind not in ("date", "timestamp") or context.meaning(column) == "created":
        return low, high
    per_cell = DAY_US if column.type.kind == "date" else 1
    plus = before.plus if before.unit == "us" else before.plus * per_cell
    return low, min(high, (context.clock.end_us - 1 + int(plus)) // per_cell)


def constant_bounds(column: Column, facts: ColumnFacts) -> tuple[int, int]:
    """The first and the last cell that the CHECKs allow."""
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
