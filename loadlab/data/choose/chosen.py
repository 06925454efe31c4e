"""Columns of a few known values: enums, CHECK (… IN …), booleans, what the scenario lists."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa

from loadlab.data.choose.bounds import cell_bounds, excluded_cells, unit
from loadlab.data.choose.context import TableContext
from loadlab.data.choose.texts import admits, has_text
from loadlab.data.choose.times import constant_bounds
from loadlab.data.constraints.column_facts import ColumnFacts
from loadlab.data.constraints.partitions import Coverage
from loadlab.data.core.cells import scale_of
from loadlab.data.core.constants import constant
from loadlab.data.core.quantiles import Categories
from loadlab.data.frame import Generator
from loadlab.data.texts.texts import ChosenTexts
from loadlab.data.values.fillers import EachNumberOnce, EachOnce
from loadlab.data.values.numbers import ChosenNumbers
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Column

_TEXTS = ("text", "enum", "label_path", "inet")
_WHOLES = ("integer", "numeric")


def allowed_values(context: TableContext, column: Column) -> tuple[Any, ...] | None:
    """The only values a column may hold in this world; None when there is no list of them."""
    coverage = context.coverage.get(column.name)
    covered = coverage.values if coverage is not None and coverage.values else None
    values = listed(column, context.of(column.name))
    if covered is None:
        return values
    known = {str(value) for value in covered}
    return tuple(covered) if values is None else tuple(v for v in values if str(v) in known)


def listed(column: Column, facts: ColumnFacts) -> tuple[Any, ...] | None:
    """The values of an enum or an IN list that are not excluded, lie within the bounds and match the patterns."""
    values: tuple[Any, ...] | None = facts.allowed
    if column.type.kind == "enum":
        labels = column.type.labels
        values = labels if values is None else tuple(v for v in labels if v in values)
    if column.type.kind == "boolean" and facts.excluded:
        values = (True, False) if values is None else values
    if column.type.kind == "text" and 0 in (facts.length_max, facts.bytes_max):
        values = ("",) if values is None else values
    if values is None:
        return None
    values = tuple(v for v in values if v not in facts.excluded)
    values = tuple(v for v in values if not isinstance(v, str) or admits(column, facts, v))
    numbers = [v for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
    return tuple(v for v in values if facts.admits(v)) if len(numbers) == len(values) else values


def has_value(column: Column, facts: ColumnFacts) -> bool:
    """Whether any value is left to a column, as far as its type, bounds and lengths tell."""
    if facts.contradicts_itself or listed(column, facts) == ():
        return False
    kind = column.type.kind
    if kind in ("integer", "numeric"):
        low, high = cell_bounds(column, facts)
        return low <= high
    if kind in ("date", "time", "timestamp"):
        low, high = constant_bounds(column, facts)
        return low <= high
    if kind == "text" and column.type.length is not None:
        return facts.length_min <= column.type.length and has_text(column, facts)
    return True


def narrowed(column: Column, facts: ColumnFacts, coverage: Coverage) -> Coverage:
    """The part of what has a partition that the conditions allow."""
    if coverage.values:
        known = listed(column, facts)
        texts = None if known is None else {str(value) for value in known}
        values = tuple(v for v in coverage.values if v not in facts.excluded and (texts is None or str(v) in texts))
        numbers = column.type.kind in ("integer", "numeric", "float")
        if column.type.kind == "text":
            values = tuple(v for v in values if admits(column, facts, str(v)))
        return Coverage(values=tuple(v for v in values if not numbers or facts.admits(float(str(v)))))
    is_time = column.type.kind in ("date", "time", "timestamp", "interval")
    low, high = constant_bounds(column, facts) if is_time else cell_bounds(column, facts)
    ranges = [(max(low, start), min(high + 1, end)) for start, end in coverage.ranges]
    for cell in excluded_cells(column, facts) if not is_time else ():
        parts = [part for start, end in ranges for part in ((start, min(end, cell)), (max(start, cell + 1), end))]
        ranges = [(start, end) for start, end in parts if start < end]
    modulo, remainder = 1, 0
    if facts.multiple is not None:
        modulo, remainder = facts.multiple.modulo * unit(column), facts.multiple.remainder * unit(column)
    found = Coverage(ranges=tuple(part for part in ranges if part[0] < part[1]), modulo=modulo, remainder=remainder)
    return replace(found, ranges=tuple(part for part in found.ranges if found.count_in(*part)))


def chosen(
    context: TableContext,
    column: Column,
    values: Sequence[Any],
    weights: Sequence[float] | None,
    place: str,
    *,
    each_once: bool = True,
) -> Generator:
    """One of some values: by weight, or each once where the column is unique. Raises InputError, InfeasibleError."""
    key = context.key_of(column.name)
    unique = each_once and context.is_unique(column.name)
    if unique and len(set(values)) < context.rows:
        raise InfeasibleError(
            place, f"has {len(set(values)):,} distinct values for {context.rows:,} unique rows of {context.table.key}"
        )
    if not values:
        raise InfeasibleError(place, f"leaves no value for {context.table.key}.{column.name}")
    if weights is None or len(weights) != len(values):
        # Life cycles and enumerations are skewed: the k-th value has weight 1 / k.
        weights = [1.0 / (k + 1) for k in range(len(values))]
    categories = Categories.of(weights)
    physical = _physical(column, values, place)
    if isinstance(physical, pa.Array):
        return EachOnce(physical) if unique else ChosenTexts(key, physical, categories)
    return EachNumberOnce(physical) if unique else ChosenNumbers(key, physical, categories)


def _physical(column: Column, values: Sequence[Any], place: str) -> Any:
    kind = column.type.kind
    try:
        if kind in _TEXTS:
            return pa.array([str(value) for value in values], pa.string())
        if kind == "boolean":
            truths = [constant(v, column.type, place) if isinstance(v, str) else bool(v) for v in values]
            return np.array(truths)
        if kind == "float":
            return np.array([float(value) for value in values])
        if kind in _WHOLES:
            return np.array([round(float(v) * 10 ** scale_of(column.type)) for v in values], dtype=np.int64)
        cells = [constant(value, column.type, place) for value in values]
    except (TypeError, ValueError):
        raise InputError(place, f"holds a value that is not of the column's type {column.type.native}") from None
    if kind == "uuid":
        return np.array([list(cell) for cell in cells], dtype=np.uint8)
    if all(isinstance(cell, int) for cell in cells):
        return np.array(cells, dtype=np.int64)
    return pa.array(cells)
