"""Ranges that go with other columns of their row."""

from __future__ import annotations

import math
from collections.abc import Iterable
from fractions import Fraction
from itertools import chain

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.ranges import is_end_of, kept_apart
from loadlab.data.core.cells import scale_of
from loadlab.data.frame import Generator
from loadlab.data.values.distinct_values import SLOTS
from loadlab.data.values.domains import Where
from loadlab.data.values.elements import bounds
from loadlab.data.values.ends import Between, EndColumn, EndOf, Sized
from loadlab.schema.model import Column, LogicalType


def between(context: TableContext, column: Column) -> Generator | None:
    """A range whose ends or contents are other columns of the row; None for any other range."""
    facts, element = context.of(column.name), column.type.element
    if element is None or column.name in kept_apart(context.table):
        return None
    mine = [fact for fact in facts.ends if fact.column == column.name]
    values = [fact.column for fact in facts.contained if fact.other == column.name]
    around = [] if mine else [name for name in values if is_end_of(context.table.column(name), column)]
    if not mine and not around:
        return None
    # Where the column that is an end is NULL, the range ends where that around it does.
    ranges = [column.name, *(fact.other for fact in facts.contained if fact.column == column.name)]
    lower, upper = ([*chain.from_iterable(_ends(context, name, end) for name in ranges)] for end in ("lower", "upper"))
    natural, width = bounds(element, context.key_of(column.name), Where(context.locale, context.dialect)) or (
        None,
        None,
    )
    assert natural is not None  # its kind has a distance
    assert width is not None

    def as_ends(names: Iterable[str]) -> tuple[EndColumn, ...]:
        return tuple(EndColumn.of(name, context.table.column(name).type, element) for name in names)

    return Between(as_ends(lower), as_ends(upper), as_ends(around), natural, width, element)


def as_asked(context: TableContext, column: Column, made: Generator) -> Generator:
    """Ranges of the widths that CHECKs ask for, and without a limit at the ends that have none by them."""
    facts, element = context.of(column.name), column.type.element
    if element is None or not (facts.open_ends or facts.range_widths):
        return made
    least, most = _widths(facts, element)
    step, first = SLOTS.get(element.kind, (1, 0))
    is_fixed = column.name in kept_apart(context.table) or context.is_unique(column.name)
    apart = max(-(-least // step), 1) if is_fixed else 1
    return Sized(made, element, least, most, facts.open_ends, apart, first)


def _widths(facts: ColumnFacts, element: LogicalType) -> tuple[int, int]:
    """The least and the most cells between the ends."""
    least, most = 1, 2**61
    size = 10 ** scale_of(element) if element.kind == "numeric" else 1
    for fact in facts.range_widths:
        cells = Fraction(str(fact.value)) * size
        if fact.sign in (">", ">=", "="):
            least = max(least, math.ceil(cells) + (fact.sign == ">"))
        if fact.sign in ("<", "<=", "="):
            most = min(most, math.floor(cells) - (fact.sign == "<"))
    return least, most


def _ends(context: TableContext, range: str, end: str) -> list[str]:
    """The columns that are an end of a range."""
    return [fact.other for fact in context.of(range).ends if fact.column == range and fact.end == end]


def end(context: TableContext, column: Column) -> Generator | None:
    """A column that is an end of a range that keys decide; None for any other."""
    fixed = kept_apart(context.table)
    for fact in context.of(column.name).ends:
        if fact.other == column.name and fact.column in fixed:
            return EndOf(fact.column, fact.end)
    return None


def copied_from(context: TableContext, column: Column) -> str | None:
    """The column of which a CHECK makes this one a copy: what contains it, or what it contains."""
    fixed = kept_apart(context.table)
    for fact in context.of(column.name).contained:
        inner, outer = context.table.column(fact.column), context.table.column(fact.other)
        if inner.type != outer.type:
            continue
        leads = [_has_ends(context, name) for name in (inner.name, outer.name)]
        if all(leads):
            continue
        follower = outer if leads[0] or inner.name in fixed else inner
        if follower.name == column.name:
            return inner.name if follower is outer else outer.name
    return None


def _has_ends(context: TableContext, name: str) -> bool:
    return any(fact.column == name for fact in context.of(name).ends)
