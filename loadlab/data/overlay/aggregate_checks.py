"""Whether aggregates can be computed as they were planned: what is found here is told before a row is written."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from loadlab.data.core.hashing import Int64s
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.overlay.aggregates import PARENTS_MAX, RUN_MAX, OfChildren, RunningBalance, unwrapped
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Column


def check_aggregates(tables: Mapping[str, TablePlan], frame: Callable[[str, Int64s], Frame], place: str) -> None:
    """To be called when every table is planned; `frame` makes rows of a table.

    Raises InfeasibleError for an aggregate that cannot be made: over too many parents, over values that themselves
    need the aggregate, an extreme of possibly no rows in a column that takes no NULL.
    """
    for key, plan in tables.items():
        for name, generator in plan.columns.items():
            inner = unwrapped(generator)
            where = f"{place}: data.tables.{key}.columns.{name}"
            if isinstance(inner, OfChildren):
                _check_children(plan, plan.table.column(name), inner, frame, where)
            elif isinstance(inner, RunningBalance):
                _check_balance(plan, inner, frame, where)


def _check_children(
    plan: TablePlan, column: Column, made: OfChildren, frame: Callable[[str, Int64s], Frame], where: str
) -> None:
    _, relation = made.child_plan(frame(plan.table.key, np.empty(0, dtype=np.int64)))
    if relation.pattern != "nested" and plan.rows > PARENTS_MAX:
        raise InfeasibleError(
            where,
            f"cannot be kept in memory for {plan.rows:,} rows ({PARENTS_MAX:,} at most), as the rows of {made.child} "
            f"are spread over them; give {made.child}.{relation.name} the pattern nested",
        )
    nested_minimum = relation.min_children if relation.pattern == "nested" else 0
    if made.kind in ("min", "max") and not column.nullable and not nested_minimum:
        raise InfeasibleError(
            where,
            f"takes no NULL, but a row may have no {made.child}; give {made.child}.{relation.name} min: 1 (nested)",
        )
    if relation.pattern == "nested" and plan.rows:
        _try(frame(plan.table.key, np.array([0, plan.rows - 1], dtype=np.int64)), column.name, where)


def _check_balance(plan: TablePlan, made: RunningBalance, frame: Callable[[str, Int64s], Frame], where: str) -> None:
    relation = next((r for r in plan.relations if r.name == made.relation), None)
    if relation is None or relation.pattern != "nested":
        raise InputError(
            where, f"needs rows that are neighbours: give {plan.table.key}.{made.relation} the pattern nested"
        )
    if relation.longest_run > RUN_MAX:
        raise InfeasibleError(
            where,
            f"would be added up over up to {relation.longest_run:,} rows of a {relation.target}, {RUN_MAX:,} at most",
        )
    name = next(name for name, item in plan.columns.items() if unwrapped(item) is made)
    _try(frame(plan.table.key, np.arange(min(plan.rows, 2), dtype=np.int64)), name, where)


def _try(frame: Frame, column: str, where: str) -> None:
    try:
        frame.cells(column)
    except RecursionError:
        raise InfeasibleError(where, "is made of values that are themselves made of it") from None
