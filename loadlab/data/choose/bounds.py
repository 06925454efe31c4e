"""The smallest and the largest cell of a number, and those between them that are not allowed."""

from __future__ import annotations

import math
from fractions import Fraction

from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.core.cells import scale_of
from loadlab.data.core.constants import limits
from loadlab.schema.model import Column

_FAR = 2**61


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
