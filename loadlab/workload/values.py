"""The values of operations, drawn in bulk: rows of the dataset, constants, ranges, times."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Protocol

import numpy as np
import pyarrow as pa

from loadlab.data.core.hashing import Int64s
from loadlab.errors import InputError
from loadlab.schema.model import Table
from loadlab.spec.operations import Action, Step
from loadlab.spec.parameters import (
    ChoiceParameter,
    ColumnParameter,
    Parameter,
    Pick,
    RangeParameter,
    TimeParameter,
    ValueParameter,
)
from loadlab.workload.forms import Tables, form_parameters
from loadlab.workload.keys import NewRows, pick_rows

Columns = Mapping[str, pa.Array]
_US = pa.timestamp("us", tz="UTC")


class Cells(Protocol):
    """What is asked of the dataset (`loadlab.data.dataset.Dataset`)."""

    @property
    def now_us(self) -> int: ...

    def table(self, key: str) -> Table: ...

    def row_count(self, table: str) -> int: ...

    def columns(self, table: str, names: tuple[str, ...], rows: Int64s) -> Columns: ...


class Parameters:
    """Draws the parameters of one operation: one Arrow array for each name.

    `params` is what `full_parameters` made of the operation's own. Raises InputError for rows of an empty table.
    """

    def __init__(
        self,
        params: Mapping[str, Parameter],
        cells: Cells,
        new_rows: NewRows,
        random: np.random.Generator,
        *,
        place: str,
    ) -> None:
        self._cells, self._new_rows, self._random = cells, new_rows, random
        self._others = {name: item for name, item in params.items() if not isinstance(item, ColumnParameter)}
        self._groups = row_groups(params)
        self.drawn: dict[str, Int64s] = {}
        """By table, the rows of the last draw (of several of one table, the last label's)."""
        self._now_us = cells.now_us if any(isinstance(i, TimeParameter) for i in self._others.values()) else 0
        for group in self._groups:
            if group.pick != "new" and not cells.row_count(group.table):
                raise InputError(place, f"names the table {group.table}, which has no rows at this scale")

    @property
    def uses_new_rows(self) -> bool:
        return any(group.pick == "new" for group in self._groups)

    def draw(self, count: int) -> Columns:
        """Arrays of `count` values by parameter name."""
        result: dict[str, pa.Array] = {}
        for group in self._groups:
            rows = self.drawn[group.table] = self._rows(group, count)
            names = tuple(dict.fromkeys(group.columns.values()))
            arrays = self._cells.columns(group.table, names, rows)
            result |= {name: arrays[column] for name, column in group.columns.items()}
        for name, item in self._others.items():
            result[name] = _draw_value(item, self._random, count, self._now_us)
        return result

    def _rows(self, group: RowGroup, count: int) -> Int64s:
        if group.pick == "new":
            return self._new_rows.take(group.table, count)
        return pick_rows(
            self._random,
            group.pick,
            count,
            table=group.table,
            row_count=self._cells.row_count(group.table),
            exponent=group.exponent,
        )


class RowGroup:
    """Parameters that come from the same row: `columns` by parameter name."""

    def __init__(self, table: str) -> None:
        self.table = table
        self.pick: Pick = "uniform"
        self.exponent = 0.0
        self.columns: dict[str, str] = {}


def row_groups(params: Mapping[str, Parameter]) -> list[RowGroup]:
    """The rows that an operation's parameters come from.

    Parameters that name the same table and label share a row; it is drawn as the one that states a `pick` says,
    uniformly if none does. Raises InputError, its place being the parameter's name, when two disagree.
    """
    groups: dict[tuple[str, str], RowGroup] = {}
    stated: dict[tuple[str, str], ColumnParameter] = {}
    for name, item in params.items():
        if not isinstance(item, ColumnParameter):
            continue
        key = (item.table, item.row)
        group = groups.setdefault(key, RowGroup(item.table))
        group.columns[name] = item.column_name
        if item.pick is None:
            continue
        first = stated.setdefault(key, item)
        if (first.pick, first.exponent) != (item.pick, item.exponent):
            remedy = f"must be {first.pick}, as another parameter of the same row is, or have a row label of its own"
            raise InputError(name, remedy, value=item.pick)
        group.pick, group.exponent = item.pick, item.exponent
    return list(groups.values())


def full_parameters(action: Action, tables: Tables) -> dict[str, Parameter]:
    """All parameters of a statement, by the name it has for them.

    An insert's are all stored columns of its table, from a new row; a form says its own.
    """
    if action.form is not None:
        return form_parameters(action.form, tables)
    if action.insert is None:
        return dict(action.params)
    label = action.row if isinstance(action, Step) else None
    new: dict[str, Parameter] = {
        column.name: ColumnParameter(column=f"{action.insert}.{column.name}", pick="new", row=label or "")
        for column in tables(action.insert).stored_columns
    }
    return new | action.params


def _draw_value(item: Parameter, random: np.random.Generator, count: int, now_us: int) -> pa.Array:
    if isinstance(item, ChoiceParameter):
        shares = None if item.weights is None else np.array(item.weights) / sum(item.weights)
        return pa.array(item.choice).take(pa.array(random.choice(len(item.choice), size=count, p=shares)))
    if isinstance(item, RangeParameter):
        return _draw_between(item.between, random, count)
    if isinstance(item, TimeParameter):
        newest, oldest = item.ago if isinstance(item.ago, tuple) else (item.ago, item.ago)
        ago_us = random.uniform(newest, oldest, count) * 1e6
        return pa.array(now_us - ago_us.astype(np.int64), type=pa.int64()).cast(_US)
    assert isinstance(item, ValueParameter)
    value = json.dumps(item.value) if isinstance(item.value, dict) else item.value
    return pa.array([value]).take(pa.array(np.zeros(count, dtype=np.int64)))


def _draw_between(between: tuple[float, float], random: np.random.Generator, count: int) -> pa.Array:
    low, high = between
    if isinstance(low, int) and isinstance(high, int):
        return pa.array(random.integers(low, high, size=count, endpoint=True, dtype=np.int64))
    # Decimals as the bounds have them: drawn as whole numbers of the last digit.
    digits = max(len(format(bound, "f").rstrip("0").partition(".")[2]) for bound in between)
    units = random.integers(round(low * 10**digits), round(high * 10**digits), size=count, endpoint=True)
    return pa.array(units / 10.0**digits)
