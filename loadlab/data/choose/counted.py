"""Numbers that tell rows apart: sequences, unique numbers, ordinals within a parent."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from loadlab.data.choose.bounds import cell_bounds, excluded_cells, lowest, unit
from loadlab.data.choose.comparing import edges, of_pairs
from loadlab.data.choose.context import TableContext
from loadlab.data.constraints.partitions import NumberedIn
from loadlab.data.core.cells import scale_of
from loadlab.data.frame import Generator
from loadlab.data.values.bounded import Shifted
from loadlab.data.values.fillers import EachNumberOnce, Numbered
from loadlab.data.values.numbers import DistinctIntegers, Ordinals, RowNumbers
from loadlab.errors import InfeasibleError
from loadlab.schema.model import Column

_MOST_LISTED = 1_000_000
_SAMPLE_ROWS = 1000


def key_number(context: TableContext, column: Column) -> Generator | None:
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
        return _along(context, column) or _numbered(context, column, 1)
    if context.is_unique(name):
        along = _along(context, column)
        if along is not None:
            return along
        bits = min((column.type.bits or 64) - 1, 40)
        said = facts.high is not None or facts.multiple is not None or facts.excluded
        if said or bits < 32 or column.type.kind == "numeric":
            return _numbered(context, column, 1)
        return DistinctIntegers(context.key_of(name), bits - 1, lowest(context, column) + 1)
    return None


def _along(context: TableContext, column: Column) -> Generator | None:
    """A unique number that is compared with another one keeps the nearest distance to it: both stay unique.

    None where no such distance is true to the other conditions of the column.
    """
    facts = context.of(column.name)
    for fact in of_pairs(context, column.name, facts):
        other = fact.other
        if fact.sign == "<>" or not context.comes_before(other, column.name) or not _counts(context, column, other):
            continue
        strict = {"<": -1, ">": 1}.get(fact.sign, 0)
        cells = strict + round(fact.plus * unit(column))
        found = Shifted(other, cells)
        if _keeps(context, column, found):
            return found
    return None


def _counts(context: TableContext, column: Column, other: str) -> bool:
    """Whether the other column is unique by itself, and counted in the same cells."""
    theirs = context.table.column(other)
    alike = theirs.type.kind in ("integer", "numeric") and scale_of(theirs.type) == scale_of(column.type)
    return alike and not theirs.nullable and (context.is_unique(other) or context.table.primary_key == (other,))


def _keeps(context: TableContext, column: Column, generator: Generator) -> bool:
    """Whether a sample of a generator is true to bounds, comparisons and what is excluded."""
    facts, frame = context.of(column.name), context.sample(_SAMPLE_ROWS)
    values = np.asarray(generator.make(frame).values)
    low, high = cell_bounds(column, facts)
    fits = (values >= low) & (values <= high) & ~np.isin(values, excluded_cells(column, facts))
    if facts.multiple is not None:
        size = unit(column)
        fits &= (values - facts.multiple.remainder * size) % (facts.multiple.modulo * size) == 0
    lower, upper = edges(context, column, facts)
    for edge, is_lower in (*((edge, True) for edge in lower), *((edge, False) for edge in upper)):
        theirs, valid = edge.at(frame)
        inside = values >= theirs if is_lower else values <= theirs
        fits &= inside if valid is None else inside | ~valid
    return bool(fits.all())


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
