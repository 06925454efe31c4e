"""The values that a statement is looked at with: such as the load draws, and the extremes of what it may draw."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from loadlab.measure.plans.model import TYPICAL
from loadlab.schema.model import Schema
from loadlab.spec.parameters import ChoiceParameter, Parameter, RangeParameter, TimeParameter, ValueParameter
from loadlab.units import format_share
from loadlab.workload.keys import NewRows
from loadlab.workload.values import Cells, Parameters, RowGroup, row_groups

Columns = Mapping[str, pa.Array]
TYPICAL_DRAWS = 5
# Rows that frequencies are counted over: a value of one row in a hundred is seen some two hundred times.
_SAMPLE_ROWS = 20_000
_CHOICES_MAX = 6


@dataclass(frozen=True, slots=True)
class Draw:
    """Values of one execution, as arrays of one; `label` says what they are."""

    label: str
    columns: Columns


def draws(
    params: Mapping[str, Parameter],
    cells: Cells,
    new_rows: NewRows,
    random: np.random.Generator,
    *,
    schema: Schema,
    text: str,
    place: str,
) -> list[Draw]:
    """Typical draws, then each extreme in a typical one. `text` is of the statements that they are for.

    Raises InputError for rows of an empty table.
    """
    if not params:
        return [Draw(TYPICAL, {})]
    typical = Parameters(params, cells, new_rows, random, place=place)
    ordinary = [Draw(TYPICAL, typical.draw(1)) for _ in range(TYPICAL_DRAWS)]
    extreme: list[tuple[str, Columns]] = []
    for group in row_groups(params):
        if group.pick != "new":
            extreme += _extreme_rows(group, cells, random, schema, text)
    for name, item in params.items():
        extreme += [(label, {name: array}) for label, array in _extreme_values(name, item, cells)]
    return ordinary + [Draw(label, {**typical.draw(1), **columns}) for label, columns in extreme]


def largest_values(params: Mapping[str, Parameter]) -> dict[str, float]:
    """The largest number that a parameter may be, of those that are numbers by themselves."""
    found: dict[str, float] = {}
    for name, item in params.items():
        values: list[object] = []
        if isinstance(item, RangeParameter):
            values = list(item.between)
        elif isinstance(item, ChoiceParameter):
            values = list(item.choice)
        elif isinstance(item, ValueParameter):
            values = [item.value]
        numbers = [float(v) for v in values if isinstance(v, (int, float)) and not isinstance(v, bool)]
        if numbers:
            found[name] = max(numbers)
    return found


def _extreme_values(name: str, item: Parameter, cells: Cells) -> Iterator[tuple[str, pa.Array]]:
    if isinstance(item, ChoiceParameter):
        for value in item.choice[:_CHOICES_MAX]:
            yield f"{name} = {value}", pa.array(item.choice).filter(pa.array([v == value for v in item.choice]))[:1]
    elif isinstance(item, RangeParameter):
        for bound in item.between:
            yield f"{name} = {bound}", pa.array([bound])
    elif isinstance(item, TimeParameter) and isinstance(item.ago, tuple):
        for ago_s in item.ago:
            moment_us = cells.now_us - round(ago_s * 1e6)
            yield f"{name} {ago_s:g} s ago", pa.array([moment_us], pa.int64()).cast(pa.timestamp("us", tz="UTC"))


def _extreme_rows(
    group: RowGroup, cells: Cells, random: np.random.Generator, schema: Schema, text: str
) -> Iterator[tuple[str, Columns]]:
    """Rows with the most frequent and with a rare value in a column; for a key, of the rows that refer to it."""
    names = tuple(dict.fromkeys(group.columns.values()))
    rows = _some_rows(cells, group.table, random)
    for column in names:
        picks = _frequent_and_rare(cells.columns(group.table, (column,), rows)[column])
        if picks is None:
            yield from _hot_parents(group, column, cells, random, schema, text)
            continue
        for word, position, share in picks:
            arrays = cells.columns(group.table, names, rows[position : position + 1])
            label = f"{word} {group.table}.{column} ({format_share(share)} of its rows)"
            yield label, {name: arrays[own] for name, own in group.columns.items()}


def _hot_parents(
    group: RowGroup, column: str, cells: Cells, random: np.random.Generator, schema: Schema, text: str
) -> Iterator[tuple[str, Columns]]:
    if set(group.columns.values()) != {column}:
        return
    for child in schema:
        for key in child.foreign_keys:
            is_meant = key.target == group.table and key.target_columns == (column,)
            if not is_meant or not re.search(rf"\b{re.escape(child.name)}\b", text) or not cells.row_count(child.key):
                continue
            values = cells.columns(child.key, key.columns, _some_rows(cells, child.key, random))[key.columns[0]]
            for word, position, share in _frequent_and_rare(values) or ():
                label = f"{word} {child.key}.{key.columns[0]} ({format_share(share)} of its rows)"
                yield label, dict.fromkeys(group.columns, values[position : position + 1])


def _some_rows(cells: Cells, table: str, random: np.random.Generator) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    count = cells.row_count(table)
    if count <= _SAMPLE_ROWS:
        return np.arange(count, dtype=np.int64)
    return np.sort(random.choice(count, size=_SAMPLE_ROWS, replace=False)).astype(np.int64)


def _frequent_and_rare(values: pa.Array) -> list[tuple[str, int, float]] | None:
    """(word, position, share) of the most frequent and of a rare value; None where every value occurs once."""
    plain = values.storage if isinstance(values.type, pa.BaseExtensionType) else values
    if pa.types.is_nested(plain.type):
        return []
    present = plain.drop_null()
    if not len(present):
        return []
    counts = pc.value_counts(present).to_pylist()
    most, least = max(counts, key=_count), min(counts, key=_count)
    if most["counts"] <= 1:
        return None
    return [
        (word, pc.index(plain, pa.scalar(item["values"], plain.type)).as_py(), item["counts"] / len(plain))
        for word, item in (("most frequent", most), ("rare", least))
        if item is most or item["counts"] < most["counts"]
    ]


def _count(item: Mapping[str, int]) -> int:
    return item["counts"]
