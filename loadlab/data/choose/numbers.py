"""Numbers: keys, ordinals, amounts, and what compares or computes with other columns."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from sqlglot import exp

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.facts import ColumnFacts
from loadlab.data.constraints.partitions import NumberedIn
from loadlab.data.core.cells import scale_of
from loadlab.data.core.constants import limits
from loadlab.data.core.quantiles import QuantileTable, lognormal, normal, uniform, zipf
from loadlab.data.frame import Generator
from loadlab.data.values.bounded import Bounded, Edge, Except, Moved, Multiples, Sum
from loadlab.data.values.fillers import DistinctFloats, EachNumberOnce, Numbered
from loadlab.data.values.numbers import (
    Computed,
    DistinctIntegers,
    Floats,
    Integers,
    Ordinals,
    RowNumbers,
    Spread,
    TreeLevels,
)
from loadlab.errors import InfeasibleError
from loadlab.schema.checks import Compared, ComparedToExpression, Linear
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
_MIRROR = {"<": ">", "<=": ">=", ">": "<", ">=": "<=", "=": "=", "<>": "<>"}
_FAR = 2**61
_DAY_US = 86_400_000_000
_MOST_LISTED = 1_000_000
_READABLE = (
    exp.Column, exp.Identifier, exp.Literal, exp.Paren, exp.Cast, exp.DataType, exp.DataTypeParam, exp.Add, exp.Sub,
    exp.Mul, exp.Neg, exp.Round,
)  # fmt: skip
EdgeMaker = Callable[[int, bool], Edge]
"""Makes a bound from what strictness adds (-1, 0, 1) and whether it is rounded downwards."""


def whole(context: TableContext, column: Column, shape: ColumnShape) -> Generator:
    """The generator of an integer or numeric column."""
    facts, meaning = context.of(column.name), context.meaning(column)
    if facts.root_value is not None or meaning == "level":
        tree = next((r for r in context.relations if r.pattern == "tree"), None)
        # Levels grow as they will: where a CHECK sets bounds that only its root keeps, they are something else.
        if tree is not None and (facts.root_value is not None or (facts.high is None and facts.admits(0))):
            return TreeLevels(tree.name, int(facts.root_value or 0))
    special = _key_number(context, column)
    if special is not None:
        return special
    natural = _natural(context, column, shape, facts)
    generator = natural if shape.range is not None else compared(context, column, natural, facts)
    if facts.multiple is not None:
        unit_size = 10 ** scale_of(column.type)
        least = round((facts.low or 0) * unit_size)
        step, rest = facts.multiple.modulo * unit_size, facts.multiple.remainder * unit_size
        generator = Multiples(generator, step, rest, least)
    excluded = tuple(excluded_cells(column, facts))
    return Except(generator, excluded, *cell_bounds(column, facts)) if excluded else generator


def unit(column: Column) -> int:
    """Cells in 1: a hundred cents, a day's only one."""
    return int(10 ** max(scale_of(column.type), 0)) if column.type.kind in ("integer", "numeric") else 1


def lowest(context: TableContext, column: Column) -> int:
    """The smallest cell that the constraints allow, 0 or 1 where they say nothing."""
    facts = context.of(column.name)
    low, high = cell_bounds(column, facts)
    if facts.low is None:
        return 0 if facts.high is None or high >= 0 else low
    return low


def cell_bounds(column: Column, facts: ColumnFacts) -> tuple[int, int]:
    """The smallest and the largest cell that the type and the constant bounds allow."""
    least, most = limits(column.type)
    size = Fraction(10) ** scale_of(column.type) if column.type.kind != "float" else Fraction(1)
    low, high = int(max(least, -_FAR)), int(min(most, _FAR))
    if facts.low is not None:
        edge = Fraction(str(facts.low)) * size
        low = max(low, math.floor(edge) + 1 if facts.low_strict else math.ceil(edge))
    if facts.high is not None:
        edge = Fraction(str(facts.high)) * size
        high = min(high, math.ceil(edge) - 1 if facts.high_strict else math.floor(edge))
    return low, high


def excluded_cells(column: Column, facts: ColumnFacts) -> list[int]:
    """The cells of the values that are not allowed; those that the column cannot hold are left out."""
    size = Fraction(10) ** scale_of(column.type) if column.type.kind != "float" else Fraction(1)
    cells = {
        Fraction(str(value)) * size
        for value in facts.excluded
        if isinstance(value, (int, float)) and not isinstance(value, bool)
    }
    return sorted(int(cell) for cell in cells if cell.denominator == 1)


def value_limits(column: Column) -> tuple[float, float]:
    """Smallest and largest value of the type, in the column's own unit."""
    low, high = limits(column.type)
    size = 10.0 ** scale_of(column.type)
    return low / size, high / size


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
        or not _is_whole_arithmetic(context, fact.expression)
    ):
        return None
    return Computed(fact.expression, scale_of(column.type))


def _is_whole_arithmetic(context: TableContext, expression: exp.Expr) -> bool:
    names = [node.name for node in expression.find_all(exp.Column)]
    if not set(names) <= set(context.table.column_names):
        return False
    whole = all(context.table.column(name).type.kind in ("integer", "numeric") for name in names)
    return whole and all(isinstance(node, _READABLE) for node in expression.walk())


# -- keys ------------------------------------------------------------------------------------------------------------


def _key_number(context: TableContext, column: Column) -> Generator | None:
    """Sequences, unique numbers and ordinals within a parent."""
    name, facts = column.name, context.of(column.name)
    coverage = context.coverage.get(name)
    if name in context.solution.ordinals and context.lead is not None and coverage is not None and coverage.ranges:
        return NumberedIn(coverage, context.lead.name)
    if name in context.solution.ordinals and context.lead is not None:
        first = int(facts.low or 0) + (1 if facts.low is None or facts.low_strict else 0)
        first = max([first, *(cell + 1 for cell in excluded_cells(column, facts))])
        low, high = cell_bounds(column, facts)
        longest = context.lead.longest_run * (facts.multiple.modulo if facts.multiple is not None else 1)
        modulo, remainder = (facts.multiple.modulo, facts.multiple.remainder) if facts.multiple is not None else (1, 0)
        if first + longest > high and facts.low is None:
            # There is no least one to begin with: they count down, so that a longer run changes nothing before it.
            top = min([high, *(cell - 1 for cell in excluded_cells(column, facts) if cell <= high)])
            return Ordinals(context.lead.name, top - (top - remainder) % modulo, -modulo)
        if first + longest > high:
            # The longest run of children ends where the CHECKs do.
            first = max(low, high - longest)
        return Ordinals(context.lead.name, first + (remainder - first) % modulo, modulo)
    if coverage is not None and context.is_unique(name):
        return NumberedIn(coverage)
    sequence = column.identity is not None or "nextval" in (column.default or "")
    if sequence or context.table.primary_key == (name,):
        return _numbered(context, column, 1)
    if context.is_unique(name):
        bits = min((column.type.bits or 64) - 1, 40)
        said = facts.high is not None or facts.multiple is not None or facts.excluded
        if said or bits < 32 or column.type.kind == "numeric":
            return _numbered(context, column, 1)
        return DistinctIntegers(context.key_of(name), bits - 1, lowest(context, column) + 1)
    return None


def _numbered(context: TableContext, column: Column, start: int) -> Generator:
    """A number for each row: from `start` on, or wherever the constraints leave room for as many."""
    facts, size, rows = context.of(column.name), unit(column), max(context.rows, 1)
    low, high = cell_bounds(column, facts)
    excluded = excluded_cells(column, facts)
    modulo, remainder = 1, 0
    if facts.multiple is not None:
        modulo, remainder = facts.multiple.modulo * size, facts.multiple.remainder * size
    for step in dict.fromkeys((modulo if modulo > 1 else size, modulo)):
        length = (rows - 1) * step
        natural = max(start * size, low) if facts.low is not None else start * size
        # As sequences count; behind what is excluded; or as far up as can be.
        for wish in (natural, max([natural, *(cell + 1 for cell in excluded)])):
            first = wish + (remainder - wish) % modulo
            last = first + length
            hit = any(first <= cell <= last and (cell - first) % step == 0 for cell in excluded)
            if low <= first and last <= high and not hit:
                return RowNumbers(first) if step == 1 else Numbered(first, step)
        # No start below would stay what it is with more rows; the end does.
        for end in (high, min([high, *(cell - 1 for cell in excluded)])):
            last = end - (end - remainder) % modulo
            hit = any(last - length <= cell <= last and (last - cell) % step == 0 for cell in excluded)
            if low <= last - length and last <= high and not hit:
                return Numbered(last, -step)
    if high - low < _MOST_LISTED * modulo:
        cells = np.arange(low + (remainder - low) % modulo, high + 1, modulo, dtype=np.int64)
        cells = cells[~np.isin(cells, excluded)]
        if len(cells) >= rows:
            return EachNumberOnce(cells)
    raise InfeasibleError(
        f"{context.table.key}.{column.name}", f"ends at {high:,}, too small for {context.rows:,} unique rows"
    )


def slot_cells(context: TableContext, column: Column, count: int) -> npt.NDArray[np.int64] | None:
    """`count` cells that the constraints allow, whole units where they suffice; None for more than can be listed."""
    if count > _MOST_LISTED:
        return None
    facts, size = context.of(column.name), unit(column)
    _, high = cell_bounds(column, facts)
    excluded, low, modulo, remainder = excluded_cells(column, facts), lowest(context, column), 1, 0
    if facts.multiple is not None:
        modulo, remainder = facts.multiple.modulo * size, facts.multiple.remainder * size
    first = low + (remainder - low) % modulo
    cells = np.zeros(0, dtype=np.int64)
    for step in dict.fromkeys((modulo if modulo > 1 else size, modulo)):
        # No further than the column's type goes: whole cells have 64 bits.
        many = min(count + len(excluded), (high - first) // step + 1)
        cells = np.arange(many, dtype=np.int64) * step + first
        cells = cells[~np.isin(cells, excluded)][:count]
        if len(cells) == count:
            break
    return cells


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


def edges(context: TableContext, column: Column, facts: ColumnFacts) -> tuple[list[Edge], list[Edge]]:
    """The bounds that columns before this one set: lower ones, upper ones."""
    lower: list[Edge] = []
    upper: list[Edge] = []
    for sign, edge_of in _comparisons(context, column, facts):
        strict = 1 if sign in ("<", ">") else 0
        if sign in (">", ">=", "="):
            lower.append(edge_of(strict, False))
        if sign in ("<", "<=", "="):
            upper.append(edge_of(-strict, True))
    return lower, upper


def _comparisons(context: TableContext, column: Column, facts: ColumnFacts) -> Iterator[tuple[str, EdgeMaker]]:
    """(sign, maker of the edge) of every comparison with columns that come before."""
    name = column.name
    for fact in of_pairs(context, name, facts):
        other = fact.other
        if fact.sign != "<>" and context.comes_before(other, name) and _same_kind(context, column, other):
            yield fact.sign, _edge(context, column, ((other, 1.0),), float(fact.plus), fact.unit)
    for linear in facts.linear:
        found = _linear(context, column, linear)
        if found is not None:
            yield found
    for expression in facts.expressions:
        made = _expression(context, column, expression)
        if made is not None:
            yield made


def of_pairs(context: TableContext, name: str, facts: ColumnFacts) -> list[Compared]:
    """Comparisons (any sign) of the column with others, turned round where the other one is named first."""
    found = []
    for fact in facts.compared:
        if fact.column == name:
            found.append(fact)
        elif fact.other == name:
            found.append(Compared(name, _MIRROR[fact.sign], fact.column, -fact.plus, fact.unit))
    return found


def _same_kind(context: TableContext, column: Column, other: str) -> bool:
    kinds = {column.type.kind, context.table.column(other).type.kind}
    return len(kinds) == 1 or kinds <= {"integer", "numeric", "float"} or kinds == {"date", "timestamp"}


def _edge(
    context: TableContext, column: Column, terms: tuple[tuple[str, float], ...], plus: float, unit_name: str
) -> EdgeMaker:
    def make(strict: int, downwards: bool) -> Edge:
        mine = scale_of(column.type) if column.type.kind in ("integer", "numeric") else 0
        scaled = []
        for name, factor in terms:
            theirs = context.table.column(name).type
            power = mine - (scale_of(theirs) if theirs.kind in ("integer", "numeric") else 0)
            top, bottom = _fraction(factor)
            top *= _DAY_US if (column.type.kind, theirs.kind) == ("timestamp", "date") else 1
            bottom *= _DAY_US if (column.type.kind, theirs.kind) == ("date", "timestamp") else 1
            scaled.append((name, top * 10 ** max(power, 0), bottom * 10 ** max(-power, 0)))
        constant = plus
        if column.type.kind in ("integer", "numeric"):
            constant = plus * 10**mine
        elif column.type.kind == "date" and unit_name == "us":
            constant = plus / _DAY_US
        return Sum(tuple(scaled), round(constant) + strict, downwards)

    return make


def _fraction(value: float) -> tuple[int, int]:
    found = Fraction(str(value)).limit_denominator(10**6)
    return found.numerator, found.denominator


def _linear(context: TableContext, column: Column, fact: Linear) -> tuple[str, EdgeMaker] | None:
    """factor * x + Σ others sign constant, solved for x; others that come later stand for their least."""
    mine = dict(fact.terms).get(column.name)
    if not mine or any(name not in context.table.column_names for name, _ in fact.terms):
        return None
    sign = fact.sign if mine > 0 else _MIRROR[fact.sign]
    terms: list[tuple[str, float]] = []
    constant = float(fact.constant)
    later = False
    for name, factor in fact.terms:
        if name == column.name:
            continue
        if context.comes_before(name, column.name):
            terms.append((name, -factor / mine))
        else:
            later = True
            low = context.of(name).low
            constant -= factor * (low if low is not None else 0)
    if later and fact.sign not in ("<", "<="):
        return None
    return sign, _edge(context, column, tuple(terms), constant / mine, fact.unit)


def _expression(context: TableContext, column: Column, fact: ComparedToExpression) -> tuple[str, EdgeMaker] | None:
    if fact.column != column.name or column.type.kind not in ("integer", "numeric"):
        return None
    if not _is_whole_arithmetic(context, fact.expression):
        return None
    if not all(context.comes_before(name, column.name) for name in fact.others):
        return None
    computed = Computed(fact.expression, scale_of(column.type))
    return fact.sign, lambda strict, downwards: Moved(computed, strict)
