"""Numbers: keys, ordinals, amounts, and what compares or computes with other columns."""

from __future__ import annotations

import math
from itertools import pairwise

from loadlab.data.choose.bounds import cell_bounds, excluded_cells, unit, value_limits
from loadlab.data.choose.comparing import edges, is_whole_arithmetic
from loadlab.data.choose.context import TableContext
from loadlab.data.choose.counted import key_number
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.core.cells import scale_of
from loadlab.data.core.quantiles import QuantileTable, lognormal, normal, uniform, zipf
from loadlab.data.frame import Generator
from loadlab.data.values.bounded import Bounded, Except, Multiples
from loadlab.data.values.fillers import DistinctFloats
from loadlab.data.values.numbers import (
    Computed,
    Floats,
    Integers,
    Spread,
    TreeLevels,
)
from loadlab.errors import InfeasibleError
from loadlab.schema.model import Column
from loadlab.spec.shapes import ColumnShape

_DISTRIBUTIONS = {"uniform": uniform, "normal": normal, "lognormal": lognormal, "zipf": zipf}
# Meaning of a number → (distribution, smallest, largest), before constraints cut it.
_NUMBERS: dict[str, tuple[str, float, float]] = {
    "rating": ("uniform", 1, 5),
    "quantity": ("zipf", 1, 10),
    "rate": ("uniform", 0, 0.3),
    "percent": ("uniform", 0, 100),
    "small_money": ("lognormal", 0, 40),
    "money": ("lognormal", 1, 2000),
    "latitude": ("uniform", -60, 70),
    "longitude": ("uniform", -180, 180),
    "year": ("uniform", 1990, 2024),
    "age": ("normal", 18, 90),
    "measure": ("lognormal", 1, 20000),
    "stock": ("lognormal", 0, 2000),
    "level": ("zipf", 0, 5),
    "ordinal": ("uniform", 1, 100),
    "count": ("zipf", 0, 1000),
    "month_number": ("uniform", 1, 12),
    "weekday_number": ("uniform", 0, 6),
    "hour": ("uniform", 0, 23),
    "http_status": ("uniform", 200, 599),
    "port": ("uniform", 1024, 65535),
    "duration": ("lognormal", 1, 86400),
    "bytes": ("lognormal", 100, 50_000_000),
}
_FAR = 2**61


def whole(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of an integer or numeric column."""
    facts, meaning = context.of(column.name), context.meaning(column)
    if facts.root_value is not None or meaning == "level":
        tree = next((r for r in context.relations if r.pattern == "tree"), None)
        # Levels grow as they will: where a CHECK sets bounds that only its root keeps, they are something else.
        if tree is not None and (facts.root_value is not None or (facts.high is None and facts.admits(0))):
            return TreeLevels(tree.name, int(facts.root_value or 0))
    special = key_number(context, column)
    if special is not None:
        return special
    natural = _natural(context, column, shape, facts)
    generator = natural if shape.range is not None else compared(context, column, natural, facts)
    if facts.multiple is not None:
        unit_size = 10 ** scale_of(column.type)
        low, high = cell_bounds(column, facts)
        least = low if facts.low is not None or high < 0 else 0
        step, rest = facts.multiple.modulo * unit_size, facts.multiple.remainder * unit_size
        generator = Multiples(generator, step, rest, least)
    excluded = tuple(excluded_cells(column, facts))
    return Except(generator, excluded, *cell_bounds(column, facts)) if excluded else generator


def width(column: Column, facts: ColumnFacts) -> int:
    """How many values a number can take: its smallest steps between the bounds, from 0 where nothing else is said."""
    if column.type.kind == "float":
        return _float_width(column, facts)
    low, high = cell_bounds(column, facts)
    if facts.low is None and high >= 0:
        low = max(low, 0)
    step = facts.multiple.modulo * max(unit(column), 1) if facts.multiple is not None else 1
    less = sum(low <= cell <= high for cell in excluded_cells(column, facts))
    # Of n neighbours at least n // step are multiples.
    return max(min((high - low + 1) // step - less, 2**62), 0)


def _float_width(column: Column, facts: ColumnFacts) -> int:
    """How many steps of the bounds' own precision there are between them, halved for what rounding takes."""
    bits = 24 if column.type.bits == 32 else 53
    if facts.low is None or facts.high is None:
        return int(2 ** (bits - 1))
    largest = max(abs(facts.low), abs(facts.high), 1e-30)
    return max(int((facts.high - facts.low) / largest * 2 ** (bits - 2)), 0)


def distinct_real(context: TableContext, column: Column) -> Generator:
    """Numbers of equal distance that are exact in the column's own precision."""
    facts = context.of(column.name)
    holes = sorted(float(v) for v in facts.excluded if isinstance(v, (int, float)) and facts.admits(v))
    if facts.high is None:
        start = max([facts.low if facts.low is not None else 0.0, *holes])
        return DistinctFloats(math.floor(start))
    if facts.low is None:
        return DistinctFloats(math.ceil(min([facts.high, *holes])) - 1, -1.0)
    edges = [facts.low, *holes, facts.high]
    room, low = max((high - low, low) for low, high in pairwise(edges))
    step = 2.0 ** math.floor(math.log2(max(room / (max(context.rows, 1) + 2), 1e-300)))
    return DistinctFloats(math.floor(low / step) + 1, step)


def real(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of a floating-point column."""
    facts = context.of(column.name)
    name, low, high = _range(context, column, facts, shape)
    natural = Floats(context.key_of(column.name), _DISTRIBUTIONS[name](low, high))
    return compared(context, column, natural, facts)


def derived(context: TableContext, column: Column) -> Generator | None:
    """A column that a CHECK computes from others; None where it is not whole arithmetic."""
    fact = context.of(column.name).derived
    if (
        fact is None
        or column.type.kind not in ("integer", "numeric")
        or not is_whole_arithmetic(context, fact.expression)
    ):
        return None
    return Computed(fact.expression, scale_of(column.type))


# -- amounts ---------------------------------------------------------------------------------------------------------


def _natural(context: TableContext, column: Column, shape: ColumnShape, facts: ColumnFacts) -> Generator:
    key = context.key_of(column.name)
    name, low, high = _range(context, column, facts, shape)
    size = 10.0 ** scale_of(column.type)
    # Where a cell is more than 1 (numeric(5, -2)), the nearest one may lie outside of the bounds.
    least, most = cell_bounds(column, facts)
    bottom = min(max(round(low * size), least), most)
    top = max(min(round(high * size), most), bottom)
    if top - bottom >= 2**52:
        return Spread(key, bottom, min(top - bottom + 1, 2**62))
    # Shaped in the column's own unit (a price in dollars), then counted in its smallest step (cents).
    table = _DISTRIBUTIONS[shape.distribution if shape.distribution in _DISTRIBUTIONS else name](low, high + 1 / size)
    return Integers(key, QuantileTable(table.knots * size), bottom, top)


def _range(context: TableContext, column: Column, facts: ColumnFacts, shape: ColumnShape) -> tuple[str, float, float]:
    """Distribution and bounds of a number: the scenario's, else by meaning, cut by CHECKs, precision and width."""
    name, low, high = _NUMBERS.get(context.meaning(column), ("uniform", 0, 1000))
    step = 10.0 ** -scale_of(column.type) if column.type.kind != "float" else 1e-6
    if shape.range is not None:
        return "uniform", shape.range[0], shape.range[1]
    if facts.low is not None and facts.high is not None:
        # Whoever states both ends knows the range better than the name does.
        low, high = facts.low, facts.high
    if column.type.kind == "integer" and high < 1 and facts.high is None:
        high = 100
    bottom, top = value_limits(column)
    if low > top:
        # What the name speaks of is more than the type holds (a price in numeric(2, 2)).
        low = min(max(0.0, bottom), top)
    low, high = max(low, bottom), min(high, top)
    if facts.low is not None:
        least = facts.low + (step if facts.low_strict else 0)
        high = min(high + least, top) if least > high else high
        low = max(low, least)
    if facts.high is not None:
        most = facts.high - (step if facts.high_strict else 0)
        if facts.low is None and most < low:
            low = max(most - (high - low), bottom)
        high = min(high, most)
    if low > high:
        raise InfeasibleError(
            f"{context.table.key}.{column.name}", f"must lie between {low:g} and {high:g}, which nothing does"
        )
    return name, low, high


# -- comparisons -----------------------------------------------------------------------------------------------------


def compared(
    context: TableContext, column: Column, natural: Generator, facts: ColumnFacts, *, always: bool = True
) -> Generator:
    """The natural values, moved to where other columns of the row allow them to be."""
    lower, upper = edges(context, column, facts)
    if not lower and not upper:
        return natural
    _, low, high = _range(context, column, facts, ColumnShape())
    size = 1.0 if column.type.kind == "float" else 10.0 ** scale_of(column.type)
    is_money = context.meaning(column) in ("money", "small_money")
    near = bool(lower) != bool(upper) and (is_money or bool(upper))
    distances = zipf(0, 0.3 if lower else 1.0) if near else zipf(0, max((high - low) * 0.3, 1.0) * size)
    return Bounded(
        context.key_of(column.name, "bounded"),
        natural,
        tuple(lower),
        tuple(upper),
        distances,
        share=near,
        least=round(low * size) if facts.low is not None else -_FAR,
        most=round(high * size) if facts.high is not None else _FAR,
        always=near and always,
    )
